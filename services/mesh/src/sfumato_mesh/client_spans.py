"""Client spans of outgoing calls, and the headers that carry the trace on. No metadata and no texts in spans."""

import asyncio
from typing import Any, Final

import grpc
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_ENDING: set[asyncio.Task[None]] = set()  # the loop holds its tasks weakly


def begin(tracer: trace.Tracer, path: str) -> tuple[Span, tuple[tuple[str, str], ...]]:
    """Return a started client span of a method, and the W3C headers for its call."""
    name = path.lstrip("/")
    service, _, method = name.rpartition("/")
    span = tracer.start_span(
        name,
        kind=SpanKind.CLIENT,
        attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
    )
    carrier: dict[str, str] = {}
    if span.get_span_context().is_valid:
        _PROPAGATOR.inject(carrier, context=trace.set_span_in_context(span))
    return span, tuple(carrier.items())


def end(span: Span, code: grpc.StatusCode) -> None:
    """End a client span with the call's status code."""
    if span.is_recording():
        span.set_attribute("rpc.grpc.status_code", int(code.value[0]))
        span.set_attribute("rpc.response.status_code", code.name)
        if code is not grpc.StatusCode.OK:
            span.set_status(StatusCode.ERROR, code.name)
    span.end()


def end_with(span: Span, call: Any) -> None:
    """End a client span when an aio call has ended."""
    if not span.is_recording():
        span.end()
        return

    async def finish() -> None:
        end(span, await call.code())

    def ended(_: object) -> None:
        task = asyncio.get_running_loop().create_task(finish())
        _ENDING.add(task)
        task.add_done_callback(_ENDING.discard)

    call.add_done_callback(ended)


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """Return the status code of a failed call."""
    code = getattr(error, "code", None)
    found = code() if callable(code) else None
    return found if isinstance(found, grpc.StatusCode) else grpc.StatusCode.UNKNOWN
