"""Who calls: by bearer token at the gateway, by signed principal inside the mesh."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from sfumato_mesh import refusals
from sfumato_mesh.caller import Caller, enter_call
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.inbound import enter_public_method
from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor
from sfumato_mesh.interceptors.rules import Rule, full_table
from sfumato_mesh.principal import METADATA_KEY, PrincipalVerifier
from sfumato_mesh.tokens import TokenClaims, TokenVerifier

ResolveCaller: TypeAlias = Callable[[TokenClaims], Awaitable[Caller]]
"""Finds the user behind a token. Raises Refusal USER_UNKNOWN."""

_SCHEME: Final = "bearer "
_SYSTEM_CLOCK: Final = SystemClock()


class BearerAuthentication(CallInterceptor):
    """For the gateway: `authorization: Bearer TOKEN`, checked and resolved to a user. Public methods pass."""

    def __init__(
        self,
        verifier: TokenVerifier,
        resolve: ResolveCaller,
        rules: Mapping[str, Rule],
        *,
        clock: Clock = _SYSTEM_CLOCK,
    ) -> None:
        super().__init__()
        self._verifier = verifier
        self._resolve = resolve
        self._rules = full_table(rules)
        self._clock = clock

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` with the caller bound."""
        rule = self._rules.get(method)
        if rule is not None and rule.public:
            return proceed

        async def authenticated(request: Any, context: Any) -> Any:
            claims = self._verifier.verify(_bearer_token(context.invocation_metadata()), self._clock.now())
            enter_public_method(method)
            enter_call(await self._resolve(claims))
            return await proceed(request, context)

        return authenticated


class PrincipalAuthentication(CallInterceptor):
    """For calls between services: the principal that the calling service signed. Public methods pass."""

    def __init__(self, verifier: PrincipalVerifier, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self._verifier = verifier
        self._rules = full_table(rules)

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` with the caller bound."""
        rule = self._rules.get(method)
        if rule is not None and rule.public:
            return proceed

        async def authenticated(request: Any, context: Any) -> Any:
            signed = [value for key, value in context.invocation_metadata() or () if key == METADATA_KEY]
            if len(signed) != 1:
                raise refusals.principal_invalid("missing" if not signed else "several")
            enter_call(self._verifier.verify(signed[0]))
            return await proceed(request, context)

        return authenticated


def _bearer_token(metadata: Any) -> str:
    headers = [value for key, value in metadata or () if key == "authorization"]
    if len(headers) > 1:
        raise refusals.token_invalid("malformed", "The call carries several tokens.")
    if not headers or headers[0][: len(_SCHEME)].lower() != _SCHEME:
        raise refusals.token_missing()
    return str(headers[0][len(_SCHEME) :]).strip(" ")
