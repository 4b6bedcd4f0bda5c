"""The present trace id as text, for logs and for the metadata of refusals."""

from opentelemetry import trace


def current_trace_id() -> str:
    """Return the present trace id as 32 hexadecimal digits; empty: no trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
