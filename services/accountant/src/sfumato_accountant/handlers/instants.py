"""Times of a request: a Timestamp or Duration may hold seconds that no calendar has."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import request_invalid


def instant(stamp: Timestamp, field: str) -> datetime:
    """Return the instant of a timestamp, to the microsecond.

    Raises:
        Refusal: REQUEST_INVALID; it lies outside the years 1 to 9999, or its nanoseconds are no part of a second.
    """
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise request_invalid(f"{field} is no instant", [FieldViolation(field, "from the year 1 to 9999")]) from None


def stretch(duration: Duration, field: str) -> timedelta:
    """Return the length of a duration, to the microsecond.

    Raises:
        Refusal: REQUEST_INVALID; it is longer than any stretch of time.
    """
    try:
        return duration.ToTimedelta()
    except (ValueError, OverflowError):
        raise request_invalid(f"{field} is no duration", [FieldViolation(field, "at most 9999 years")]) from None
