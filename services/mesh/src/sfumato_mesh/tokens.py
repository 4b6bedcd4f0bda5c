"""Bearer tokens: JWTs signed with Ed25519, issued locally or by a provider, checked alike.

Only the algorithm EdDSA is taken: a verifier that lets the token choose ("none", or RS256 with a public key as secret)
is the classic hole of JWT.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sfumato_mesh import refusals
from sfumato_mesh.digests import sha256
from sfumato_mesh.expiring_cache import ExpiringCache
from sfumato_mesh.keys import key_id
from sfumato_mesh.refusal import Refusal

MAX_TOKEN_BYTES: Final = 8 * 1024
"""Longer tokens are refused before anything reads them."""
CLOCK_SKEW: Final = timedelta(seconds=30)
"""How far an issuer's clock may be ahead for `nbf` and `iat`. `exp` has no grace."""

_ALGORITHM: Final = "EdDSA"
_LAST_INSTANT: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that datetime can hold
_CACHED_TOKENS: Final = 4096


@dataclass(frozen=True)
class TokenClaims:
    """What a verified token says about its bearer."""

    issuer: str
    """`iss`."""
    subject: str
    """`sub`: with issuer, the user."""
    expire_time: datetime
    """`exp`, UTC."""


class LocalIssuer:
    """Issues tokens without a provider: what the embedded profile prints once."""

    def __init__(self, issuer: str, audience: str, key: Ed25519PrivateKey) -> None:
        self._issuer = issuer
        self._audience = audience
        self._key = key
        self._key_id = key_id(key.public_key())

    def issue(self, subject: str, lifetime: timedelta, now: datetime | None = None) -> str:
        """Return a token for a subject, good from `now` (default: the present) for `lifetime`.

        Raises:
            ValueError: the subject is empty, or the lifetime not positive.
        """
        if not subject or lifetime <= timedelta(0):
            raise ValueError("a token needs a subject and a positive lifetime")
        start = now if now is not None else datetime.now(UTC)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "iat": int(start.timestamp()),
            "exp": int((start + lifetime).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})


class TokenVerifier:
    """Checks tokens of one issuer for one audience, by the issuer's public keys."""

    def __init__(self, issuer: str, audience: str, keys: Mapping[str, Ed25519PublicKey]) -> None:
        """Take the keys by their `kid`."""
        self._issuer = issuer
        self._audience = audience
        self._keys = dict(keys)
        self._verified: ExpiringCache[bytes, TokenClaims] = ExpiringCache(_CACHED_TOKENS)

    def verify(self, token: str, now: datetime | None = None) -> TokenClaims:
        """Return what a good token says.

        A verified token is remembered by its SHA-256 until it ends.

        Raises:
            Refusal: TOKEN_INVALID with its rule, or TOKEN_EXPIRED.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise refusals.token_invalid("too_large", f"The token is longer than {MAX_TOKEN_BYTES} bytes.")
        instant = now if now is not None else datetime.now(UTC)
        digest = sha256(token.encode())
        known = self._verified.get(digest, instant.timestamp())
        if known is not None:
            return known
        claims = self._checked(self._signed_payload(token), instant)
        self._verified.put(digest, claims, claims.expire_time.timestamp())
        return claims

    def _signed_payload(self, token: str) -> dict[str, object]:
        """Return the payload once its algorithm, key and signature are good; nothing in it is checked yet."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _malformed() from None
        if header.get("alg") != _ALGORITHM:
            raise refusals.token_invalid("algorithm", f"Tokens must be signed with {_ALGORITHM}.")
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise refusals.token_invalid("signature", "The token's key (kid) is none of the issuer's.")
        unchecked = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
        try:
            payload: dict[str, object] = jwt.decode(token, key, algorithms=[_ALGORITHM], options=unchecked)  # type: ignore[arg-type]
        except jwt.InvalidSignatureError:
            raise refusals.token_invalid("signature", "The token's signature is wrong.") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _malformed() from None
        return payload

    def _checked(self, payload: Mapping[str, object], now: datetime) -> TokenClaims:
        issuer, subject, audience = payload.get("iss"), payload.get("sub"), payload.get("aud")
        if issuer != self._issuer:
            raise refusals.token_invalid("issuer", "The token is of another issuer.")
        if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
            raise refusals.token_invalid("audience", "The token is meant for another audience.")
        end = _instant(payload.get("exp"))
        if not isinstance(subject, str) or not subject or end is None:
            raise _malformed()
        for name in ("nbf", "iat"):
            if name in payload:
                start = _instant(payload[name])
                if start is None:
                    raise _malformed()
                if start > now + CLOCK_SKEW:
                    raise refusals.token_invalid("not_yet_valid", "The token is not valid yet.")
        if end <= now:
            raise refusals.token_expired(end)
        return TokenClaims(self._issuer, subject, end)


def _instant(value: object) -> datetime | None:
    """Return a NumericDate as an instant; None for what is none (JSON's NaN and infinities pass Python's parser)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_INSTANT:
        return None
    return datetime.fromtimestamp(value, UTC)


def _malformed() -> Refusal:
    return refusals.token_invalid("malformed", "The token is no JWT with iss, aud, sub and exp.")
