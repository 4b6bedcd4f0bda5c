"""Traces and logs of a process.

Server spans come from the trace interceptor, client spans from MeshChannel; Celery and pymongo are instrumented by the
services that use them. Nothing here may run before a fork: the exporter has a thread and a channel.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from sfumato_mesh.settings import MeshSettings
from sfumato_mesh.trace_ids import current_trace_id

_FLUSH_MILLISECONDS: Final = 2000


def setup(service_name: str, settings: MeshSettings) -> Callable[[], None]:
    """Set up logging and tracing of this process, and return what flushes and ends both.

    Without an endpoint spans are not recorded, but trace ids exist and travel, so that logs of several services can be
    put together.

    Args:
        service_name: "gateway", "accountant", "executor", "worker".
        settings: log level and endpoint.
    """
    set_up_logging(service_name, settings.log_level)
    resource = Resource.create({SERVICE_NAME: f"sfumato-{service_name}"})
    if settings.otlp_endpoint:
        provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint)))
    else:
        provider = TracerProvider(sampler=ALWAYS_OFF, resource=resource)
    trace.set_tracer_provider(provider)

    def shut_down() -> None:
        provider.force_flush(_FLUSH_MILLISECONDS)
        provider.shutdown()

    return shut_down


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, logger, message, trace id.

    Of an exception only its type is written: texts and source lines may hold data.
    """

    def __init__(self, service_name: str) -> None:
        """Take the service's name."""
        super().__init__()
        self._service_name = service_name

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service_name,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": current_trace_id(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__qualname__
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(service_name: str, level: str) -> None:
    """Log to stderr, one JSON object a line. May run before a fork, and again after it.

    Libraries are heard from WARNING up, whatever the level: below it some of them quote requests and documents.

    Args:
        service_name: as in `setup`.
        level: least severe level of Sfumato's own loggers.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service_name))
    handler.addFilter(_is_ours_or_severe)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # grpc's own lines quote what handlers raised, urllib3's warnings signed addresses: what may be said is said by us
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _is_ours_or_severe(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.startswith("sfumato")
