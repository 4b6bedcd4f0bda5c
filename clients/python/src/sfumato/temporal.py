"""Parts of dates and timestamps: what `.dt` of an expression offers. All in UTC."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar, cast

from sfumato._core import nodes
from sfumato._core.amounts import refused
from sfumato.v1 import expression_pb2, function_pb2

ExpressionT = TypeVar("ExpressionT")

_UNITS: Final[dict[str, "function_pb2.TimeUnit"]] = {
    name.removeprefix("TIME_UNIT_").lower(): cast("function_pb2.TimeUnit", number)
    for name, number in function_pb2.TimeUnit.items()
    if number != function_pb2.TIME_UNIT_UNSPECIFIED
}


class TimeAccessor(Generic[ExpressionT]):
    """Parts of dates and timestamps."""

    def __init__(
        self, value: expression_pb2.Expression, build: Callable[[expression_pb2.Expression], ExpressionT]
    ) -> None:
        self._value = value
        self._build = build

    def _call(self, function: "function_pb2.Function", unit: str) -> ExpressionT:
        if unit not in _UNITS:
            raise refused("unit", f"{unit!r} is no unit of time", "one of " + ", ".join(_UNITS))
        return self._build(nodes.call(function, self._value, time_unit=_UNITS[unit]))

    def part(self, unit: str) -> ExpressionT:
        """Return a part as a whole number: "year", "quarter", "week", "weekday", "day_of_year", …."""
        return self._call(function_pb2.FUNCTION_EXTRACT, unit)

    def year(self) -> ExpressionT:
        """Return the year."""
        return self.part("year")

    def month(self) -> ExpressionT:
        """Return the month, 1 to 12."""
        return self.part("month")

    def day(self) -> ExpressionT:
        """Return the day of the month, 1 to 31."""
        return self.part("day")

    def weekday(self) -> ExpressionT:
        """Return the day of the week, 1 (Monday) to 7."""
        return self.part("weekday")

    def hour(self) -> ExpressionT:
        """Return the hour, 0 to 23."""
        return self.part("hour")

    def truncate(self, unit: str) -> ExpressionT:
        """Return the start of the year, month, day, … that holds it."""
        return self._call(function_pb2.FUNCTION_TRUNCATE_TIME, unit)
