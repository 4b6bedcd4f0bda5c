"""The present trace: its id as text, for logs and for the metadata of refusals, and whether there can be one."""

from opentelemetry import trace


def is_untraced() -> bool:
    """Return whether nothing was set up to make spans, and so nothing needs to be told of any."""
    return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def current_trace_id() -> str:
    """Return the present trace id as 32 hexadecimal digits; empty: no trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
