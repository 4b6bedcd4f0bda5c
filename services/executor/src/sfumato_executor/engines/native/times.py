"""Parts, starts and differences of dates and timestamps. UTC; dates lie in the years 1 to 9999."""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import DATE_RANGE, DAY_MICROS, TIMESTAMP_RANGE
from sfumato_executor.plan.expressions import Apply, Kind
from sfumato_executor.plan.time_units import FIXED_MICROS

_PARTS: Final[Mapping[int, Callable[[pl.Expr], pl.Expr]]] = {
    f.TIME_UNIT_YEAR: lambda time: time.dt.year(),
    f.TIME_UNIT_QUARTER: lambda time: time.dt.quarter(),
    f.TIME_UNIT_MONTH: lambda time: time.dt.month(),
    f.TIME_UNIT_WEEK: lambda time: time.dt.week(),
    f.TIME_UNIT_DAY: lambda time: time.dt.day(),
    f.TIME_UNIT_WEEKDAY: lambda time: time.dt.weekday(),
    f.TIME_UNIT_DAY_OF_YEAR: lambda time: time.dt.ordinal_day(),
    f.TIME_UNIT_HOUR: lambda time: time.dt.hour(),
    f.TIME_UNIT_MINUTE: lambda time: time.dt.minute(),
    f.TIME_UNIT_SECOND: lambda time: time.dt.second(),
}
_EVERY: Final[Mapping[int, str]] = {
    f.TIME_UNIT_YEAR: "1y",
    f.TIME_UNIT_QUARTER: "1q",
    f.TIME_UNIT_MONTH: "1mo",
    f.TIME_UNIT_WEEK: "1w",
    f.TIME_UNIT_DAY: "1d",
}
_MONTHS: Final[Mapping[int, int]] = {f.TIME_UNIT_YEAR: 12, f.TIME_UNIT_QUARTER: 3, f.TIME_UNIT_MONTH: 1}


def _extract(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    part = _PARTS[node.time_unit](_instant(arguments[0], node.arguments[0].type.kind))
    return part.cast(pl.Int64)


def _truncate(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    kind, unit = node.type.kind, node.time_unit
    value = arguments[0]
    if unit not in _EVERY:
        return value - value % FIXED_MICROS[unit] if kind is Kind.TIMESTAMP else value
    start = _temporal(value, kind).dt.truncate(_EVERY[unit]).to_physical()
    least = pl.lit(DATE_RANGE[0], pl.Int32) if kind is Kind.DATE else pl.lit(TIMESTAMP_RANGE[0], pl.Int64)
    return pl.when(start < least).then(least).otherwise(start)


def _difference(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    """b − a in whole units, towards zero."""
    first, last = (_micros(value, e.type.kind) for value, e in zip(arguments, node.arguments, strict=True))
    if node.time_unit in FIXED_MICROS:
        return _towards_zero(last - first, FIXED_MICROS[node.time_unit])
    return _towards_zero(_whole_months(first, last), _MONTHS[node.time_unit])


def _whole_months(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Months from `first` to `last`, less one towards zero where the last of them is not complete."""
    months, rests = [], []
    for value in (first, last):
        instant = value.cast(pl.Datetime("us"))
        months.append(instant.dt.year().cast(pl.Int64) * 12 + instant.dt.month().cast(pl.Int64))
        rests.append(value - instant.dt.truncate("1mo").to_physical())
    between = months[1] - months[0]
    return (
        pl.when((between > 0) & (rests[1] < rests[0]))
        .then(between - 1)
        .when((between < 0) & (rests[1] > rests[0]))
        .then(between + 1)
        .otherwise(between)
    )


def _towards_zero(value: pl.Expr, unit: int) -> pl.Expr:
    return pl.when(value < 0).then(0 - (0 - value) // unit).otherwise(value // unit)


def _micros(value: pl.Expr, kind: Kind) -> pl.Expr:
    return value.cast(pl.Int64) * DAY_MICROS if kind is Kind.DATE else value


def _temporal(value: pl.Expr, kind: Kind) -> pl.Expr:
    return value.cast(pl.Date) if kind is Kind.DATE else value.cast(pl.Datetime("us"))


def _instant(value: pl.Expr, kind: Kind) -> pl.Expr:
    return _micros(value, kind).cast(pl.Datetime("us"))


RULES: Final[Mapping[int, Callable[[Apply, list[pl.Expr]], pl.Expr]]] = {
    f.FUNCTION_EXTRACT: _extract,
    f.FUNCTION_TRUNCATE_TIME: _truncate,
    f.FUNCTION_TIME_DIFFERENCE: _difference,
}
