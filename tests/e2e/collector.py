"""An OTLP collector for tests: keeps the spans that services export."""

import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Exported:
    """One span, and who made it."""

    service: str
    span: Span

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def span_id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent_id(self) -> str:
        return self.span.parent_span_id.hex()


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """TraceService, and what it was sent."""

    endpoint = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Exported] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        with self._lock:
            for resource in request.resource_spans:
                names = {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans.extend(Exported(names.get("service.name", ""), span) for span in scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self, trace_id: str = "") -> list[Exported]:
        """Return what came so far, of one trace or of all."""
        with self._lock:
            return [each for each in self._spans if trace_id in ("", each.trace_id)]

    def settled(self, trace_id: str, quiet: float = 1.5, seconds: float = 15.0) -> list[Exported]:
        """Return a trace's spans when none has come for a while."""
        end = time.monotonic() + seconds
        found, since = self.spans(trace_id), time.monotonic()
        while time.monotonic() < end and (not found or time.monotonic() - since < quiet):
            time.sleep(0.1)
            now = self.spans(trace_id)
            if len(now) != len(found):
                found, since = now, time.monotonic()
        return found


@contextmanager
def collector() -> Iterator[Collector]:
    """Serve on loopback until the block ends."""
    kept = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    kept.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield kept
    finally:
        server.stop(0)
