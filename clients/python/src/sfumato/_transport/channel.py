"""Opening a channel: plain on this machine, TLS everywhere else."""

from typing import Final

import grpc

from sfumato._core.connection import Connection

REQUEST_CAP: Final = 1024 * 1024
"""Bytes that a mesh takes; above it the client refuses first."""
RESPONSE_CAP: Final = 8 * 1024 * 1024
"""Bytes of one message that the client takes; batches have at most 3.5 MiB."""
_BALANCED: Final = '{"loadBalancingConfig": [{"round_robin": {}}]}'
_OPTIONS: Final = (
    ("grpc.max_send_message_length", REQUEST_CAP),
    ("grpc.max_receive_message_length", RESPONSE_CAP),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_retries", 0),  # the client decides itself what is repeated
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


def open_channel(connection: Connection) -> grpc.Channel:
    """Return a channel; it connects with the first call."""
    # Calls go round several gateways. One alone is called again when it is needed, and not before.
    options = (*_OPTIONS, ("grpc.service_config", _BALANCED)) if connection.is_several else _OPTIONS
    if connection.is_local:
        channel = grpc.insecure_channel(connection.target, options=(*options, ("grpc.enable_http_proxy", 0)))
    else:
        channel = grpc.secure_channel(connection.target, grpc.ssl_channel_credentials(), options=options)
    return _traced(channel)


def _traced(channel: grpc.Channel) -> grpc.Channel:
    """Let the trace of a program that traces itself (extra `tracing`, a provider set before) go with its calls."""
    try:
        from opentelemetry import trace
        from opentelemetry.instrumentation.grpc import client_interceptor
        from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
    except ImportError:
        return channel
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return channel  # nobody traces: a call costs nothing more
    traced: grpc.Channel = intercept_channel(channel, client_interceptor())  # type: ignore[no-untyped-call]
    return traced


def call_metadata(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Return what goes with every call."""
    return (("authorization", f"Bearer {connection.token}"),)
