"""Python values as constants of a plan. No I/O."""

import datetime
import math
from decimal import Decimal
from typing import Final, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from sfumato._core.amounts import refused
from sfumato.v1 import expression_pb2

LiteralValue: TypeAlias = bool | int | float | Decimal | str | datetime.date | datetime.datetime
_LARGEST: Final = 2**63 - 1
_LONGEST_TEXT: Final = 1024
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def literal(value: object, field: str = "literal") -> expression_pb2.Literal:
    """Return a constant.

    Args:
        value: bool, int of 64 bits, finite float, text of at most 1024 characters, date, or datetime with a time zone.
        field: its name, for the refusal.

    Raises:
        InvalidRequest: another type, or out of range.
    """
    match value:
        case bool():
            return expression_pb2.Literal(boolean=value)
        case int():
            if not -_LARGEST - 1 <= value <= _LARGEST:
                raise refused(field, "a whole number has 64 bits")
            return expression_pb2.Literal(integer=value)
        case float() | Decimal():
            return expression_pb2.Literal(real=_finite(value, field))
        case str():
            if len(value) > _LONGEST_TEXT:
                raise refused(field, f"a text has at most {_LONGEST_TEXT} characters")
            return expression_pb2.Literal(text=_unicode(value, field))
        case datetime.datetime():
            return expression_pb2.Literal(timestamp=timestamp(value, field))
        case datetime.date():
            return expression_pb2.Literal(date=Date(year=value.year, month=value.month, day=value.day))
    if value is None:
        raise refused(field, "None is no constant", "use .is_null()")
    item = getattr(value, "item", None)  # scalars of numpy
    if callable(item) and not isinstance(plain := item(), type(value)):
        return literal(plain, field)
    raise refused(field, f"{type(value).__name__} is no constant", "bool, int, float, str, date or datetime")


def timestamp(value: datetime.datetime, field: str = "timestamp") -> Timestamp:
    """Return an instant; a datetime without a time zone is refused, since it names none."""
    if value.tzinfo is None:
        raise refused(field, "a datetime needs a time zone", "datetime(…, tzinfo=datetime.UTC)")
    result = Timestamp()
    result.FromDatetime(value.astimezone(datetime.UTC))
    return result


def position(value: object, field: str) -> float:
    """Return an edge or a candidate: a finite number, or seconds since 1970 of a date or datetime."""
    match value:
        case bool():
            raise refused(field, "True and False are no numbers")
        case datetime.datetime():
            if value.tzinfo is None:
                raise refused(field, "a datetime needs a time zone", "datetime(…, tzinfo=datetime.UTC)")
            return (value - _EPOCH).total_seconds()
        case datetime.date():
            return (value - _EPOCH.date()).total_seconds()
        case int() | float() | Decimal():
            return _finite(value, field)
    item = getattr(value, "item", None)
    if callable(item) and not isinstance(plain := item(), type(value)):
        return position(plain, field)
    raise refused(field, f"{type(value).__name__} is no number, date or datetime")


def plain(value: expression_pb2.Literal) -> LiteralValue:
    """Return the Python value of a constant."""
    match value.WhichOneof("value"):
        case "boolean":
            return value.boolean
        case "integer":
            return value.integer
        case "real":
            return value.real
        case "date":
            return datetime.date(value.date.year, value.date.month, value.date.day)
        case "timestamp":
            return value.timestamp.ToDatetime(tzinfo=datetime.UTC)
    return value.text


def _finite(value: float | Decimal, field: str) -> float:
    try:
        number = float(value)
    except (OverflowError, ValueError):
        raise refused(field, "the number is too large") from None
    if not math.isfinite(number):
        raise refused(field, f"{number} is not finite")
    return number


def _unicode(value: str, field: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise refused(field, "the text is not Unicode") from None
    return value
