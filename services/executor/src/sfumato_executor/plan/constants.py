"""Constants: literals of the wire as values of a kind, and in the kind of what they meet.

DATE counts days and TIMESTAMP microseconds since 1970-01-01 UTC. Years run from 1 to 9999. A negative zero is zero.
"""

import datetime as dt
import math

from google.type import date_pb2

from sfumato.v1 import expression_pb2
from sfumato_executor.plan.expressions import Constant, Kind, Value, ValueType
from sfumato_executor.plan.limits import TEXT_MAX
from sfumato_executor.plan.suggestions import suggestion
from sfumato_mesh.refusals import plan_rejected

DAY_MICROS = 86_400_000_000
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
DATE_RANGE = (1 - _EPOCH_ORDINAL, dt.date.max.toordinal() - _EPOCH_ORDINAL)
"""First and last day of the years 1 to 9999."""
TIMESTAMP_RANGE = (DATE_RANGE[0] * DAY_MICROS, (DATE_RANGE[1] + 1) * DAY_MICROS - 1)
"""First and last microsecond of the years 1 to 9999."""
INT64_MAX = 2**63 - 1
TRUE_TYPE = ValueType(Kind.BOOLEAN, nullable=False)
"""Type of every predicate."""


def constant(kind: Kind, value: Value, categories: tuple[str, ...] = ()) -> Constant:
    """A constant of a kind, with its point range; None is null."""
    if value is None:
        return Constant(None, ValueType(kind, nullable=True, categories=categories))
    if kind in (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.TIMESTAMP):
        assert isinstance(value, (int, float))
        return Constant(value, ValueType(kind, False, value, value))
    return Constant(value, ValueType(kind, False, categories=categories))


TRUE = constant(Kind.BOOLEAN, True)
FALSE = constant(Kind.BOOLEAN, False)


def read_literal(literal: expression_pb2.Literal, path: str) -> Constant:
    """A literal in its own kind. Raises PLAN_REJECTED ("literal") for what is no value of its kind."""
    match literal.WhichOneof("value"):
        case "boolean":
            return constant(Kind.BOOLEAN, literal.boolean)
        case "integer":
            return constant(Kind.INTEGER, literal.integer)
        case "real":
            if not math.isfinite(literal.real):
                raise plan_rejected("literal", path, "a real literal must be finite", hint="write a finite number")
            return constant(Kind.REAL, literal.real + 0.0)
        case "text":
            if len(literal.text) > TEXT_MAX:
                hint = f"at most {TEXT_MAX:,} characters"
                raise plan_rejected("literal", path, "the text literal is too long", hint=hint)
            return constant(Kind.TEXT, literal.text)
        case "date":
            return constant(Kind.DATE, days(literal.date, path))
        case "timestamp":
            return constant(Kind.TIMESTAMP, micros(literal.timestamp.seconds, literal.timestamp.nanos, path))
        case _:
            raise plan_rejected("literal", path, "the literal has no value", hint="set one kind of value")


def days(date: date_pb2.Date, path: str) -> int:
    """Days since 1970 of a date on the wire. Raises PLAN_REJECTED ("literal") for no calendar day."""
    try:
        return dt.date(date.year, date.month, date.day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        message = f"{date.year}-{date.month}-{date.day} is no day of the calendar"
        raise plan_rejected("literal", path, message, hint="years 1 to 9999") from None


def micros(seconds: int, nanos: int, path: str) -> int:
    """Microseconds since 1970 of an instant on the wire; finer parts are cut off."""
    value = seconds * 1_000_000 + nanos // 1_000
    if not TIMESTAMP_RANGE[0] <= value <= TIMESTAMP_RANGE[1]:
        raise plan_rejected("literal", path, "the instant is outside the years 1 to 9999", hint="years 1 to 9999")
    return value


def as_date(value: int) -> dt.date:
    """The day that many days after 1970-01-01."""
    return dt.date.fromordinal(value + _EPOCH_ORDINAL)


def as_datetime(value: int) -> dt.datetime:
    """The instant that many microseconds after 1970-01-01 UTC."""
    return _EPOCH + dt.timedelta(microseconds=value)


def adapted(item: Constant, wanted: ValueType, path: str) -> Constant | None:
    """A constant as the same value of another type; None where that type has no such value.

    Raises PLAN_REJECTED ("unknown_category") for a text that a category does not declare, ("literal") for a text that
    is no date, and ("type") where the kinds have nothing to do with each other.
    """
    value, kind = item.value, item.type.kind
    if value is None:
        return constant(wanted.kind, None, wanted.categories)
    match kind, wanted.kind:
        case ((Kind.TEXT | Kind.CATEGORY), Kind.CATEGORY):
            assert isinstance(value, str)
            return _category(value, wanted.categories, path)
        case Kind.CATEGORY, Kind.TEXT:
            return constant(Kind.TEXT, value)
        case Kind.INTEGER, Kind.REAL:
            return constant(Kind.REAL, float(value))
        case Kind.REAL, Kind.INTEGER:
            assert isinstance(value, float)
            fits = value.is_integer() and abs(value) <= INT64_MAX
            return constant(Kind.INTEGER, int(value)) if fits else None
        case Kind.DATE, Kind.TIMESTAMP:
            assert isinstance(value, int)
            return constant(Kind.TIMESTAMP, value * DAY_MICROS)
        case Kind.TIMESTAMP, Kind.DATE:
            assert isinstance(value, int)
            return None if value % DAY_MICROS else constant(Kind.DATE, value // DAY_MICROS)
        case Kind.TEXT, (Kind.DATE | Kind.TIMESTAMP):
            return adapted(met(item, wanted, path), wanted, path)
        case _ if kind is wanted.kind:
            return item
        case _:
            message = f"a literal of type {kind.value} meets a value of type {wanted.kind.value}"
            raise plan_rejected("type", path, message, hint=f"write a {wanted.kind.value} literal, or cast the value")


def met(item: Constant, wanted: ValueType, path: str) -> Constant:
    """A literal that meets a value of type `wanted`: a text that meets a date or an instant is read as one."""
    if item.type.kind is Kind.TEXT and wanted.kind in (Kind.DATE, Kind.TIMESTAMP):
        assert isinstance(item.value, str)
        return _parsed(item.value, path)
    return item


def adapted_exactly(item: Constant, wanted: ValueType, path: str) -> Constant:
    """As `adapted`, but a value that the type does not have is refused ("type")."""
    found = adapted(item, wanted, path)
    if found is None:
        message = f"{item.value!r} is no value of type {wanted.kind.value}"
        raise plan_rejected("type", path, message, hint=f"write a {wanted.kind.value} literal")
    return found


def _category(value: str, categories: tuple[str, ...], path: str) -> Constant:
    if value not in categories:
        raise plan_rejected(
            "unknown_category",
            path,
            f"{value[:64]!r} is not one of the declared values",
            **suggestion(value, categories),
        )
    return constant(Kind.CATEGORY, value, categories)


def _parsed(text: str, path: str) -> Constant:
    """A date ("2013-02-01") or an instant ("2013-02-01T06:00:00Z"; UTC if it says no offset) as text."""
    try:
        if len(text) <= 10:
            return constant(Kind.DATE, dt.date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL)
        instant = dt.datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=dt.UTC)
        value = (instant - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        message = f"{text[:64]!r} is no date or time"
        raise plan_rejected("literal", path, message, hint="write 2013-02-01 or 2013-02-01T06:00:00Z") from None
    if not TIMESTAMP_RANGE[0] <= value <= TIMESTAMP_RANGE[1]:
        raise plan_rejected("literal", path, "the instant is outside the years 1 to 9999", hint="years 1 to 9999")
    return constant(Kind.TIMESTAMP, value)
