"""Refusals become statuses; everything else that a handler raises becomes one constant text."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Final

import grpc
from grpc_status import rpc_status

from sfumato_mesh import refusals
from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.trace_ids import current_trace_id

_LOG: Final = logging.getLogger(__name__)


class RefusalInterceptor(CallInterceptor):
    """Answers in place of a handler that raised.

    - Refusal: its status and details.
    - grpc.RpcError of another service: its refusal, if that concerns the caller.
    - Cancellation of the call passes. A CancelledError that nobody asked this task for (a cancelled future inside the
      handler) is a failure: grpc.aio would never answer it.
    - Anything else: UNAVAILABLE, SERVICE_UNAVAILABLE. The log gets its type, its place in the code and the trace id,
      never its text, which may hold data.
    """

    def __init__(self, service: str) -> None:
        """Take the name of the service, which SERVICE_UNAVAILABLE tells."""
        super().__init__()
        self._service = service

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed`, its exceptions answered."""

        async def answered(request: Any, context: Any) -> Any:
            try:
                return await proceed(request, context)
            except Refusal as refusal:
                answer = refusal
            except grpc.aio.AbortError:
                raise
            except grpc.RpcError as error:
                answer = refusals.from_peer(error, self._service)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                answer = self._failed(method, error)
            except Exception as error:  # noqa: BLE001  (the boundary: nothing may answer INTERNAL or UNKNOWN)
                answer = self._failed(method, error)
            return await context.abort_with_status(rpc_status.to_status(answer.to_status()))

        return answered

    def _failed(self, method: str, error: BaseException) -> Refusal:
        trace_id = current_trace_id()
        _LOG.error(
            "handler failed: method=%s exception=%s at=%s trace_id=%s",
            method,
            type(error).__qualname__,
            _place(error.__traceback__),
            trace_id or "-",
        )
        return refusals.service_unavailable(self._service, trace_id=trace_id)


def _place(traceback: TracebackType | None) -> str:
    """Return "module:line" of the innermost frame."""
    if traceback is None:
        return "-"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__', '-')}:{traceback.tb_lineno}"
