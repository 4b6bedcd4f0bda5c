"""From a token's claims to a caller: who the accountant's catalogue says that is."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import grpc

from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_pb2 import User
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.refusals import user_unknown
from sfumato_mesh.tokens import TokenClaims
from sfumato_mesh.v1.catalog_service_pb2 import ResolveUserRequest
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub

CACHED_SECONDS: Final = 1.0
"""How long a role that was taken away, or a user that was disabled, may still act."""
_MAX_CACHED: Final = 10_000
_ITSELF: Final = Caller(service="gateway", user="")


@dataclass(frozen=True)
class Identity:
    """The user behind a call, as the catalogue had it at most CACHED_SECONDS ago."""

    user: User
    projects: tuple[Project, ...]
    token_expire_time: datetime
    """UTC."""


@dataclass(frozen=True)
class _Resolved:
    user: User
    projects: tuple[Project, ...]
    caller: Caller
    until: float


_IDENTITY: ContextVar[Identity] = ContextVar("sfumato_gateway_identity")


def current_identity() -> Identity:
    """Return who the running call is for.

    Raises:
        LookupError: no call is running, or its method is public.
    """
    return _IDENTITY.get()


class UserResolver:
    """Finds the user behind verified claims. Called by the authentication interceptor, in the task of the call."""

    def __init__(self, accountant: grpc.aio.Channel, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._catalog = CatalogServiceStub(accountant)
        self._monotonic = monotonic
        self._resolved: dict[tuple[str, str], _Resolved] = {}

    async def __call__(self, claims: TokenClaims) -> Caller:
        """Return the caller, and bind its identity to the call.

        Raises:
            Refusal: USER_UNKNOWN; SERVICE_UNAVAILABLE.
        """
        key = (claims.issuer, claims.subject)
        resolved = self._resolved.get(key)
        if resolved is None or resolved.until <= self._monotonic():
            resolved = await self._resolve(claims)
            if len(self._resolved) >= _MAX_CACHED:
                self._resolved.clear()
            self._resolved[key] = resolved
        _IDENTITY.set(Identity(resolved.user, resolved.projects, claims.expire_time))
        return resolved.caller

    async def _resolve(self, claims: TokenClaims) -> _Resolved:
        asked = self._monotonic()
        request = ResolveUserRequest(issuer=claims.issuer, subject=claims.subject)
        with asking("accountant"), calling_as(_ITSELF):
            response = await self._catalog.ResolveUser(request, timeout=CALL_SECONDS)
        user = response.user
        if user.disabled or not user.name:
            raise user_unknown()
        caller = Caller(
            service="gateway",
            user=user.name,
            roles=tuple((each.role, each.resource) for each in user.roles),
            projects=tuple(each.name for each in response.projects),
        )
        return _Resolved(user, tuple(response.projects), caller, asked + CACHED_SECONDS)
