"""Calendar arithmetic on days and microseconds since 1970: truncation, parts, and the starts of units in a range."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import (
    DATE_RANGE,
    DAY_MICROS,
    TIMESTAMP_RANGE,
    as_date,
    as_datetime,
)
from sfumato_executor.plan.expressions import Kind

PARTS: Final[Mapping[int, tuple[int, int]]] = {
    f.TIME_UNIT_QUARTER: (1, 4),
    f.TIME_UNIT_MONTH: (1, 12),
    f.TIME_UNIT_WEEK: (1, 53),
    f.TIME_UNIT_DAY: (1, 31),
    f.TIME_UNIT_WEEKDAY: (1, 7),
    f.TIME_UNIT_DAY_OF_YEAR: (1, 366),
    f.TIME_UNIT_HOUR: (0, 23),
    f.TIME_UNIT_MINUTE: (0, 59),
    f.TIME_UNIT_SECOND: (0, 59),
}
"""Ranges of EXTRACT but for the year."""
CLOCK_UNITS: Final[frozenset[int]] = frozenset((f.TIME_UNIT_HOUR, f.TIME_UNIT_MINUTE, f.TIME_UNIT_SECOND))
"""Units that a DATE does not have."""
FIXED_MICROS: Final[Mapping[int, int]] = {
    f.TIME_UNIT_WEEK: 7 * DAY_MICROS,
    f.TIME_UNIT_DAY: DAY_MICROS,
    f.TIME_UNIT_HOUR: 3_600_000_000,
    f.TIME_UNIT_MINUTE: 60_000_000,
    f.TIME_UNIT_SECOND: 1_000_000,
}
"""Units of fixed length."""
SHORTEST_DAYS: Final[Mapping[int, int]] = {f.TIME_UNIT_YEAR: 365, f.TIME_UNIT_QUARTER: 90, f.TIME_UNIT_MONTH: 28}
"""Least days of the units whose length varies."""
_MONTHS: Final[Mapping[int, int]] = {f.TIME_UNIT_YEAR: 12, f.TIME_UNIT_QUARTER: 3, f.TIME_UNIT_MONTH: 1}
_MONDAY: Final = 4  # 1970-01-05


def year_of(value: int, kind: Kind) -> int:
    """Year of a day or an instant."""
    return as_date(value).year if kind is Kind.DATE else as_datetime(value).year


def truncate(value: int, kind: Kind, unit: int) -> int:
    """Start of the unit that holds a day or an instant, in the same kind."""
    if kind is Kind.TIMESTAMP:
        if unit in CLOCK_UNITS:
            return value - value % FIXED_MICROS[unit]
        return max(truncate(value // DAY_MICROS, Kind.DATE, unit) * DAY_MICROS, TIMESTAMP_RANGE[0])
    if unit == f.TIME_UNIT_DAY:
        return value
    if unit == f.TIME_UNIT_WEEK:
        return max(value - (value - _MONDAY) % 7, DATE_RANGE[0])
    day, months = as_date(value), _MONTHS[unit]
    return _days(dt.date(day.year, day.month - (day.month - 1) % months, 1))


def starts(lower: int, upper: int, kind: Kind, unit: int) -> Iterator[int]:
    """Starts of the units that hold the values from `lower` to `upper`, in order."""
    value = truncate(lower, kind, unit)
    last = truncate(upper, kind, unit)
    while True:
        yield value
        if value >= last:
            return
        value = _next(value, kind, unit)


def _next(start: int, kind: Kind, unit: int) -> int:
    if unit in FIXED_MICROS:
        return start + (FIXED_MICROS[unit] if kind is Kind.TIMESTAMP else FIXED_MICROS[unit] // DAY_MICROS)
    scale = DAY_MICROS if kind is Kind.TIMESTAMP else 1
    day = as_date(start // scale)
    index = day.year * 12 + day.month - 1 + _MONTHS[unit]
    return _days(dt.date(index // 12, index % 12 + 1, 1)) * scale


def _days(day: dt.date) -> int:
    return day.toordinal() - dt.date(1970, 1, 1).toordinal()


def text_of(value: int, kind: Kind) -> str:
    """A day or an instant for people: 2013-02-01, 2013-02-01T06:00:00Z."""
    if kind is Kind.DATE:
        return as_date(value).isoformat()
    return as_datetime(value).isoformat().replace("+00:00", "Z")
