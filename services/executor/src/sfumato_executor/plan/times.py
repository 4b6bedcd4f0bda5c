"""Functions of dates and instants."""

from collections.abc import Mapping
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import DAY_MICROS
from sfumato_executor.plan.expressions import Expression, Kind
from sfumato_executor.plan.invocation import Invocation, Rule, proved_range
from sfumato_executor.plan.ranges import Range
from sfumato_executor.plan.time_units import CLOCK_UNITS, FIXED_MICROS, PARTS, SHORTEST_DAYS, truncate, year_of
from sfumato_executor.plan.unification import TIMES, unified
from sfumato_mesh.refusals import plan_rejected


def extract(call: Invocation) -> Expression:
    """A part, as a whole number."""
    call.exactly(1)
    value = call.of_kind(0, TIMES)
    kind = value.type.kind
    _check_unit(call, kind, refused=frozenset())
    if call.time_unit == f.TIME_UNIT_YEAR:
        known = proved_range(value)
        years = Range(year_of(int(known.lower), kind), year_of(int(known.upper), kind))
        return call.result((value,), Kind.INTEGER, years)
    return call.result((value,), Kind.INTEGER, Range(*PARTS[call.time_unit]))


def truncated(call: Invocation) -> Expression:
    """Start of the unit that holds the value."""
    call.exactly(1)
    value = call.of_kind(0, TIMES)
    kind = value.type.kind
    _check_unit(call, kind, refused=frozenset((f.TIME_UNIT_WEEKDAY, f.TIME_UNIT_DAY_OF_YEAR)))
    known = proved_range(value)
    lower, upper = (truncate(int(end), kind, call.time_unit) for end in (known.lower, known.upper))
    return call.result((value,), kind, Range(lower, upper))


def difference(call: Invocation) -> Expression:
    """b − a in whole units, towards zero."""
    call.exactly(2)
    call.of_kind(0, TIMES)
    call.of_kind(1, TIMES)
    values = unified(call.arguments, call.path)
    kind = values[0].type.kind
    _check_unit(call, kind, refused=frozenset((f.TIME_UNIT_WEEKDAY, f.TIME_UNIT_DAY_OF_YEAR)))
    first, second = map(proved_range, values)
    scale = DAY_MICROS if kind is Kind.DATE else 1
    unit = FIXED_MICROS.get(call.time_unit) or SHORTEST_DAYS[call.time_unit] * DAY_MICROS
    lower = _towards_zero(int(second.lower - first.upper) * scale, unit)
    upper = _towards_zero(int(second.upper - first.lower) * scale, unit)
    if call.time_unit not in FIXED_MICROS:  # the shortest unit bounds the magnitude, not the distance from 0
        lower, upper = min(lower, 0), max(upper, 0)
    return call.result(values, Kind.INTEGER, Range(lower, upper))


def _towards_zero(value: int, unit: int) -> int:
    return value // unit if value >= 0 else -(-value // unit)


def _check_unit(call: Invocation, kind: Kind, refused: frozenset[int]) -> None:
    unit = call.time_unit
    if unit == f.TIME_UNIT_UNSPECIFIED:
        raise plan_rejected("time_unit", call.path, f"{call.name} needs a time unit", hint="say, for example, MONTH")
    if unit in refused:
        message = f"{call.name} does not take this unit"
        raise plan_rejected("time_unit", call.path, message, hint="WEEKDAY and DAY_OF_YEAR are for EXTRACT only")
    if kind is Kind.DATE and unit in CLOCK_UNITS:
        raise plan_rejected("time_unit", call.path, "a date has no time of day", hint="use DAY or a longer unit")


RULES: Final[Mapping[int, Rule]] = {
    f.FUNCTION_EXTRACT: extract,
    f.FUNCTION_TRUNCATE_TIME: truncated,
    f.FUNCTION_TIME_DIFFERENCE: difference,
}
TAKES_UNIT: Final = frozenset(RULES)
"""Functions with a time unit; no other may have one."""
