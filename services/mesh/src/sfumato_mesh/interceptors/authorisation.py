"""Which service may call which method, before the request is looked at (AIP-211). Default: nobody."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from sfumato_mesh.caller import current_caller
from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor, Handler
from sfumato_mesh.interceptors.rules import Rule, full_table
from sfumato_mesh.refusal import Refusal

__all__ = ["AuthorisationInterceptor", "Rule"]


class AuthorisationInterceptor(CallInterceptor):
    """Holds every call against the table. What a user may do to which resource is the handlers' matter."""

    def __init__(self, rules: Mapping[str, Rule], refuse: Callable[[str], Refusal]) -> None:
        """Take the table, and what makes a refusal of a full method name."""
        super().__init__()
        self._rules = full_table(rules)
        self._refuse = refuse

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` for whom the table lets through."""
        rule = self._rules.get(method)
        if rule is not None and rule.public:
            return proceed

        async def authorised(request: Any, context: Any) -> Any:
            caller = current_caller()
            allowed = (
                rule is not None
                and (not rule.services or caller.service in rule.services)
                and (bool(caller.user) or not rule.user)
            )
            if not allowed:
                raise self._refuse(method)
            return await proceed(request, context)

        return authorised

    def request_stream(self, method: str, handler: Handler) -> Handler:
        """Let only public methods read a stream of requests: no contract of the mesh has one, and no token is read."""
        rule = self._rules.get(method)
        if rule is not None and rule.public:
            return handler

        async def refused(requests: Any, context: Any) -> None:
            del requests
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Streams of requests are not served.")

        behaviour: Any = refused
        return grpc.stream_stream_rpc_method_handler(
            behaviour, handler.request_deserializer, handler.response_serializer
        )
