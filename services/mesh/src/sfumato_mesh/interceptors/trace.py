"""The first interceptor: one server span for each call, child of the span that the caller sent.

opentelemetry-instrumentation-grpc 0.66b1 cannot stand here: its aio server interceptor copies metadata (user agent),
status texts and exception texts into spans, where a plan's literals must not be; it leaves the status code at 0 after
`abort_with_status`; and it detaches a cancelled stream's context in another task. Of W3C's headers only traceparent and
tracestate are read: baggage would carry the caller's text on.
"""

import asyncio
from typing import Any, Final

import grpc
from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor
from sfumato_mesh.trace_ids import is_untraced

_HEADERS: Final = ("traceparent", "tracestate")
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_SERVER_FAULTS: Final = frozenset(
    (
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
"""Codes that make a server span an error (OpenTelemetry semantic conventions for gRPC)."""


class TraceInterceptor(CallInterceptor):
    """Opens the span and ends it with the call's status code. Spans hold method and code only."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        """Take what makes tracers; None: the process-wide provider."""
        super().__init__()
        self._idle = provider is None and is_untraced()
        self._tracer = trace.get_tracer("sfumato_mesh", tracer_provider=provider)

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` inside a span."""
        name = method.lstrip("/")
        service, _, short = name.rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": short}
        idle = self._idle  # only what a caller sent is passed on then

        async def traced(request: Any, context: Any) -> Any:
            carrier = _carrier(context.invocation_metadata())
            if idle and not carrier:
                return await proceed(request, context)
            parent = _PROPAGATOR.extract(carrier, context=Context()) if carrier else Context()
            span = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes)
            attach(trace.set_span_in_context(span, parent))  # never detached: the task ends with the call
            code = grpc.StatusCode.OK
            try:
                response = await proceed(request, context)
                code = context.code() or code
                return response
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except BaseException:
                code = context.code() or grpc.StatusCode.UNKNOWN
                raise
            finally:
                _finish(span, code)

        return traced


def _carrier(metadata: Any) -> dict[str, str]:
    return {key: value for key, value in metadata or () if key in _HEADERS and isinstance(value, str)}


def _finish(span: trace.Span, code: grpc.StatusCode) -> None:
    if span.is_recording():
        span.set_attribute("rpc.grpc.status_code", int(code.value[0]))
        span.set_attribute("rpc.response.status_code", code.name)
        if code in _SERVER_FAULTS:
            span.set_status(StatusCode.ERROR, code.name)
    span.end()
