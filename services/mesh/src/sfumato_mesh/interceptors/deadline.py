"""The inbound deadline is kept for the calls that the handler makes."""

from typing import Any

from sfumato_mesh.inbound import enter_deadline
from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor


class DeadlineInterceptor(CallInterceptor):
    """Binds the time that the call has left to its task, where channels find it."""

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` with its deadline bound."""
        del method

        async def bounded(request: Any, context: Any) -> Any:
            enter_deadline(context.time_remaining())
            return await proceed(request, context)

        return bounded
