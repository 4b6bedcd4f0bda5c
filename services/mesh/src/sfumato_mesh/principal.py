"""Signed principals: how one service tells another for whom it calls. Raw tokens never leave the gateway."""

import time
from collections.abc import Callable, Mapping
from typing import Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from google.protobuf.message import DecodeError

from sfumato.v1.user_pb2 import Role, RoleBinding
from sfumato_mesh import refusals
from sfumato_mesh.caller import Caller
from sfumato_mesh.expiring_cache import ExpiringCache
from sfumato_mesh.keys import key_id
from sfumato_mesh.v1.principal_pb2 import Principal, SignedPrincipal

METADATA_KEY: Final = "sfumato-principal-bin"
"""Metadata key of the serialised SignedPrincipal."""
NAMES_USERS: Final = "gateway"
"""The only service that may speak for a user."""

_SIGNED_PREFIX: Final = b"sfumato_mesh.v1.Principal\n"
_LIFETIME: Final = 60.0
_REUSE: Final = 30.0  # a principal is sent for so long, so that at least half a minute is left when it arrives
_CLOCK_SKEW: Final = 30.0
_MAX_BYTES: Final = 64 * 1024
_CACHED: Final = 4096


class PrincipalSigner:
    """Signs principals with the service's own key."""

    def __init__(self, service: str, key: Ed25519PrivateKey, *, time_of_day: Callable[[], float] = time.time) -> None:
        """Take the service's name, its key, and what tells the seconds since the epoch."""
        self.service = service
        self._key = key
        self._key_id = key_id(key.public_key())
        self._time_of_day = time_of_day
        self._signed: ExpiringCache[tuple[Caller, str, str], bytes] = ExpiringCache(_CACHED)

    def sign(self, caller: Caller, audience: str, method: str = "") -> bytes:
        """Return the principal for the metadata of a call to `audience`; the same bytes for about 30 seconds.

        A service other than the gateway speaks for itself, whoever called it: user, roles and projects are left out.

        Args:
            caller: for whom the call is.
            audience: the service that is called.
            method: full name of the public method behind the call; empty: none.
        """
        wanted = caller if self.service == NAMES_USERS and caller.user else Caller(self.service, "")
        now = self._time_of_day()
        known = self._signed.get((wanted, audience, method), now)
        if known is not None:
            return known
        principal = Principal(
            user=wanted.user,
            roles=[RoleBinding(role=cast("Role", role), resource=resource) for role, resource in wanted.roles],
            projects=wanted.projects,
            method=method,
            audience=audience,
            service=self.service,
        )
        principal.expire_time.FromNanoseconds(int((now + _LIFETIME) * 1e9))
        body = principal.SerializeToString()
        signature = self._key.sign(_SIGNED_PREFIX + body)
        signed = SignedPrincipal(principal=body, key_id=self._key_id, signature=signature).SerializeToString()
        self._signed.put((wanted, audience, method), signed, now + _REUSE)
        return signed


class PrincipalVerifier:
    """Checks the principals of calls to one service."""

    def __init__(
        self,
        audience: str,
        trusted: Mapping[str, Ed25519PublicKey],
        *,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        """Take the service that verifies, the public key of each service by name, and what tells the time."""
        self._audience = audience
        self._trusted = {key_id(key): (service, key) for service, key in trusted.items()}
        self._time_of_day = time_of_day
        self._verified: ExpiringCache[bytes, Caller] = ExpiringCache(_CACHED)

    def verify(self, signed: bytes) -> Caller:
        """Return who calls. What was verified once is remembered until it ends.

        Raises:
            Refusal: PRINCIPAL_INVALID (domain "mesh.sfumato") with its rule.
        """
        now = self._time_of_day()
        known = self._verified.get(signed, now)
        if known is not None:
            return known
        principal = self._signed_principal(signed)
        end = principal.expire_time.ToNanoseconds() / 1e9
        if principal.audience != self._audience:
            raise refusals.principal_invalid("audience")
        if end <= now:
            raise refusals.principal_invalid("expired")
        if end > now + _LIFETIME + _CLOCK_SKEW:
            raise refusals.principal_invalid("too_long")
        caller = Caller(
            principal.service,
            principal.user,
            tuple((int(binding.role), binding.resource) for binding in principal.roles),
            tuple(principal.projects),
        )
        self._verified.put(signed, caller, end)
        return caller

    def _signed_principal(self, data: bytes) -> Principal:
        if len(data) > _MAX_BYTES:
            raise refusals.principal_invalid("too_large")
        try:
            signed = SignedPrincipal.FromString(data)
            service, key = self._trusted[signed.key_id]
            key.verify(signed.signature, _SIGNED_PREFIX + signed.principal)
            principal = Principal.FromString(signed.principal)
        except (DecodeError, KeyError, InvalidSignature):
            raise refusals.principal_invalid("signature") from None
        if principal.service != service:
            raise refusals.principal_invalid("service")
        names_somebody = bool(principal.user or principal.roles or principal.projects)
        if names_somebody and service != NAMES_USERS:
            raise refusals.principal_invalid("user")
        return principal
