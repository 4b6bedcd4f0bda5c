"""Bearer tokens: what passes, and the reason and rule of everything that does not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato_mesh.keys import key_id
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.tokens import LocalIssuer, TokenVerifier

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
KID = key_id(KEY.public_key())
GOOD = {"iss": "https://issuer", "aud": "sfumato", "sub": "ada", "exp": int(NOW.timestamp()) + 60}


def verifier() -> TokenVerifier:
    return TokenVerifier("https://issuer", "sfumato", {KID: KEY.public_key()})


def token(key: Any = KEY, algorithm: str = "EdDSA", kid: str | None = KID, **claims: Any) -> str:
    payload = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def raw(header: object, payload: object, signature: bytes = b"") -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return (signed + b"." + base64.urlsafe_b64encode(signature or KEY.sign(signed)).rstrip(b"=")).decode()


def test_a_local_token_passes() -> None:
    issued = LocalIssuer("https://issuer", "sfumato", KEY).issue("ada", timedelta(minutes=5), NOW)
    claims = verifier().verify(issued, NOW)
    assert (claims.issuer, claims.subject) == ("https://issuer", "ada")
    assert claims.expire_time == NOW + timedelta(minutes=5)


def test_an_audience_among_several_passes() -> None:
    assert verifier().verify(token(aud=["other", "sfumato"]), NOW).subject == "ada"


def test_an_issuer_ahead_by_seconds_passes() -> None:
    assert verifier().verify(token(nbf=int(NOW.timestamp()) + 20, iat=int(NOW.timestamp()) + 20), NOW)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
HEAD = {"alg": "EdDSA", "kid": KID}
NUMBERS = (float("nan"), float("inf"), -1, 1e308, "soon", True, None, [1])


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (lambda: token(key=OTHER), "signature"),
        (lambda: token(kid=key_id(OTHER.public_key())), "signature"),
        (lambda: token(kid=None), "signature"),
        (lambda: token()[:-4] + "AAAA", "signature"),
        (lambda: token(iss="https://other"), "issuer"),
        (lambda: token(iss=None), "issuer"),
        (lambda: token(aud="other"), "audience"),
        (lambda: token(aud=None), "audience"),
        (lambda: token(key=RSA, algorithm="RS256"), "algorithm"),
        (lambda: token(key="x" * 32, algorithm="HS256"), "algorithm"),
        (lambda: jwt.encode(GOOD, "", algorithm="none", headers={"kid": KID}), "algorithm"),
        (lambda: raw({"alg": "none", "kid": KID}, GOOD), "algorithm"),
        (lambda: raw({"kid": KID}, GOOD), "algorithm"),
        (lambda: token(sub=None), "malformed"),
        (lambda: token(sub=""), "malformed"),
        (lambda: raw(HEAD, {**GOOD, "sub": 7}), "malformed"),
        (lambda: raw(HEAD, b"not json"), "malformed"),
        (lambda: raw(HEAD, [GOOD]), "malformed"),
        (lambda: raw(b"[" * 5000, GOOD), "malformed"),
        (lambda: "", "malformed"),
        (lambda: "a.b.c", "malformed"),
        (lambda: "é.é.é", "malformed"),
        (lambda: token(nbf=int(NOW.timestamp()) + 40), "not_yet_valid"),
        (lambda: token(iat=int(NOW.timestamp()) + 3600), "not_yet_valid"),
        (lambda: "x" * 8193, "too_large"),
        *[(lambda number=number: raw(HEAD, {**GOOD, "exp": number}), "malformed") for number in NUMBERS],
        *[(lambda number=number: raw(HEAD, {**GOOD, "nbf": number}), "malformed") for number in NUMBERS],
    ],
)
def test_bad_tokens_are_refused_by_rule(made: Any, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        verifier().verify(made(), NOW)
    assert (caught.value.reason, caught.value.metadata["rule"]) == ("TOKEN_INVALID", rule)


def test_a_token_ends_exactly_at_exp_although_it_was_verified_before() -> None:
    checked, end = verifier(), NOW + timedelta(seconds=60)
    issued = token()
    assert checked.verify(issued, end - timedelta(microseconds=1)).subject == "ada"
    with pytest.raises(Refusal) as caught:
        checked.verify(issued, end)
    assert caught.value.reason == "TOKEN_EXPIRED"
    assert caught.value.metadata["expire_time"] == "2026-01-01T12:01:00Z"


def test_a_verified_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checked, issued = verifier(), token()
    checked.verify(issued, NOW)
    monkeypatch.setattr(jwt, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert checked.verify(issued, NOW).subject == "ada"


@pytest.mark.parametrize(("subject", "seconds"), [("", 60), ("ada", 0), ("ada", -1)])
def test_the_local_issuer_refuses_useless_tokens(subject: str, seconds: int) -> None:
    with pytest.raises(ValueError, match="positive lifetime"):
        LocalIssuer("https://issuer", "sfumato", KEY).issue(subject, timedelta(seconds=seconds), NOW)
