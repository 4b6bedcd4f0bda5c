"""A budget over time: what one scope had spent at each moment, and the limit that it had then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, overload

from sfumato._core.amounts import PICO, REPORT_DELTA, refused
from sfumato._core.charts import ChartColumn, chart, html_chart
from sfumato._core.numbers import money, sig
from sfumato.charges import Charge, scope_name, short
from sfumato.v1 import budget_service_pb2, scope_pb2

_WIDTH: Final = 60
_HEIGHT: Final = 8


@dataclass(frozen=True)
class TimelinePoint:
    """A scope at one moment."""

    time: datetime
    """UTC."""
    spent: Charge
    """Paid until then."""
    limit: Charge | None
    """The limit then; None: it had none yet."""
    spent_epsilon: float
    """ε of what was spent, at the timeline's δ."""


class Timeline(Sequence[TimelinePoint]):
    """Points of one scope, oldest first; prints as a chart."""

    def __init__(
        self,
        scope: scope_pb2.Scope,
        response: budget_service_pb2.GetBudgetTimelineResponse,
        delta: float = REPORT_DELTA,
    ) -> None:
        self.population = short(scope.population)
        """Id of the population."""
        self.scope = scope_name(self.population, short(scope.dataset), short(scope.project), short(scope.analyst))
        """Short name of the scope."""
        self.delta = delta
        """δ at which ε is told."""
        self.typical_count = Charge.of(response.typical_count) if response.HasField("typical_count") else None
        """Charge of a count that is within 20 of the truth at 95 %: a yardstick; None where no dataset is seen."""
        self._points = tuple(_point(each) for each in response.points)

    @overload
    def __getitem__(self, index: int) -> TimelinePoint: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TimelinePoint, ...]: ...
    def __getitem__(self, index: int | slice) -> TimelinePoint | tuple[TimelinePoint, ...]:
        return self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[TimelinePoint]:
        return iter(self._points)

    @property
    def counts_left(self) -> int | None:
        """How many counts of ± 20 at 95 % what is left would pay; None without yardstick or limit."""
        last = self._points[-1] if self._points else None
        if self.typical_count is None or last is None or last.limit is None:
            return None
        price = _amount(self.typical_count, self._in_epsilon)
        left = _amount(last.limit, self._in_epsilon) - _amount(last.spent, self._in_epsilon)
        return max(0, int(left / price)) if price else None

    @property
    def _in_epsilon(self) -> bool:
        """Whether ε is counted, and no ρ."""
        charges = [each for point in self._points for each in (point.spent, point.limit) if each is not None]
        return not any(each.rho_picos for each in charges) and any(each.epsilon_picos for each in charges)

    def _title(self) -> str:
        if not self._points:
            return f"{self.population}, {self.scope}: nothing yet"
        last, unit = self._points[-1], "ε" if self._in_epsilon else "ρ"
        spent = money(_amount(last.spent, self._in_epsilon))
        whole = "no limit" if last.limit is None else f"of {money(_amount(last.limit, self._in_epsilon))}"
        told = "" if self._in_epsilon else f" · ε {sig(last.spent_epsilon, 3)} at δ {sig(self.delta, 1)}"
        counts = self.counts_left
        left = "" if counts is None else f" · {counts:,} counts of ± 20 left"
        return f"{self.population}, {self.scope}: {unit} {spent} spent {whole}{told}{left}"

    def _columns(self) -> list[ChartColumn]:
        columns = []
        for place in range(min(_WIDTH, len(self._points))):
            point = self._points[(place + 1) * len(self._points) // min(_WIDTH, len(self._points)) - 1]
            limit = None if point.limit is None else _amount(point.limit, self._in_epsilon)
            columns.append(ChartColumn(_amount(point.spent, self._in_epsilon), limit))
        return columns

    def _ends(self) -> tuple[str, str]:
        first, last = self._points[0].time, self._points[-1].time
        form = "%Y-%m-%d" if (last - first).days else "%Y-%m-%d %H:%M"
        return first.strftime(form), last.strftime(form)

    def __repr__(self) -> str:
        if not self._points:
            return f" {self._title()}"
        return f" {self._title()}\n{chart(self._columns(), _HEIGHT, self._ends())}"

    def _repr_html_(self) -> str:
        return html_chart(self._title(), self._columns(), self._ends()) if self._points else f"<i>{self._title()}</i>"


def moment(at: datetime, field: str) -> datetime:
    """Return an instant in UTC.

    Raises:
        InvalidRequest: it names no time zone: whose noon is meant?
    """
    if at.tzinfo is None:
        raise refused(field, "a time needs its time zone", "datetime(2026, 11, 24, 12, tzinfo=UTC)")
    return at.astimezone(UTC)


def _point(point: budget_service_pb2.BudgetPoint) -> TimelinePoint:
    return TimelinePoint(
        point.time.ToDatetime(tzinfo=UTC),
        Charge.of(point.spent),
        Charge.of(point.limit) if point.HasField("limit") else None,
        point.spent_epsilon_picos / PICO,
    )


def _amount(charge: Charge, in_epsilon: bool) -> float:
    return (charge.epsilon_picos or 0) / PICO if in_epsilon else charge.rho
