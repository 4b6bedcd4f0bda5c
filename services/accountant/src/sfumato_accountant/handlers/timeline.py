"""How one scope was spent over time: its odometer, read at equal distances."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sfumato.v1 import budget_service_pb2 as pb
from sfumato.v1 import charge_pb2
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC
from sfumato_accountant.accounting.accounting import Accounting, accounting_of
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.accounting.typical_count import typical_count
from sfumato_accountant.accounting.units import Unit
from sfumato_accountant.catalog.access import may_audit
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.handlers.instants import instant, stretch
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.fold import Fold
from sfumato_mesh.caller import Caller
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import access_denied, request_invalid

_DELTA_DEFAULT: Final = 10**12
"""10^-6, in attos."""
_POINTS: Final = 100
_POINTS_MAX: Final = 1000
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Reading:
    at: datetime
    spent: Loss
    limit: charge_pb2.LossLimit | None


class Timelines:
    """Answers GetBudgetTimeline. What is shown is read from one fold: spends and limits of one moment."""

    def __init__(self, catalogue: Catalogue, chains: Chains, clock: Clock) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._clock = clock

    async def of(self, caller: Caller, request: pb.GetBudgetTimelineRequest) -> pb.GetBudgetTimelineResponse:
        """Return the timeline of a scope: of any for those who audit the population, else of the caller's own.

        Raises:
            Refusal: ACCESS_DENIED; REQUEST_INVALID for times that make no timeline, or too long a one.
        """
        scope = ScopeKey.from_proto(request.scope)
        population = await self._catalogue.population(request.scope.population)
        audits = population is not None and may_audit(caller, population)
        if population is None or not (audits or _is_own(caller, scope)):
            raise access_denied(request.scope.population)
        fold = await self._chains.chain(population.name).refresh()
        known = scope in fold.grants or scope in fold.frozen or fold.spent_in(scope) != NOTHING
        accounting = accounting_of(population.accounting)
        if accounting is None or not (known or audits):
            raise access_denied(request.scope.population)
        times = _times(request, fold, max(self._clock.now(), fold.head.at))
        readings = [_Reading(at, fold.spent_until(scope, at), fold.limit_until(scope, at)) for at in times]
        delta = request.delta_attos or _DELTA_DEFAULT
        # Conversions take up to a millisecond each, and a fold is not to be read beside the loop that changes it.
        points = await asyncio.to_thread(lambda: [_point(each, accounting, delta) for each in readings])
        response = pb.GetBudgetTimelineResponse(points=points)
        rows = await self._rows_of_a_unit(caller, population.name, scope)
        if rows:
            unit = Unit.EPSILON if accounting.kind == ACCOUNTING_BASIC else Unit.RHO
            response.typical_count.CopyFrom(typical_count(unit, rows).to_proto())
        return response

    async def _rows_of_a_unit(self, caller: Caller, population: str, scope: ScopeKey) -> int:
        """Return how many rows of one unit a count holds at most, in the datasets that a scope pays for; 0: none."""
        seen = await self._catalogue.visible_datasets(caller)
        return max((_rows(each.privacy_unit) for each in _paid_for(seen, population, scope)), default=0)


def _is_own(caller: Caller, scope: ScopeKey) -> bool:
    """Whether a scope names the caller, or a project of the caller, and nobody else."""
    if scope.analyst not in ("", caller.user) or (scope.project and scope.project not in caller.projects):
        return False
    return bool(caller.user) and bool(scope.analyst or scope.project)


def _paid_for(datasets: Iterable[Dataset], population: str, scope: ScopeKey) -> list[Dataset]:
    return [each for each in datasets if each.population == population and scope.dataset in ("", each.name)]


def _rows(unit: PrivacyUnit) -> int:
    """Return the rows of one unit in a count that is not grouped: see PrivacyUnit for what its zeros mean."""
    if not unit.column:
        return 1
    per_group = unit.max_rows_per_group or unit.max_rows or 1
    return min(per_group, unit.max_rows) if unit.max_rows else per_group


def _times(request: pb.GetBudgetTimelineRequest, fold: Fold, now: datetime) -> list[datetime]:
    """Return the instants of the points, the end among them.

    Raises:
        Refusal: REQUEST_INVALID.
    """
    first = fold.start_time if fold.head.sequence >= 0 else now
    start = instant(request.start_time, "start_time") if request.HasField("start_time") else first
    end = min(instant(request.end_time, "end_time"), now) if request.HasField("end_time") else now
    if start > end:
        raise request_invalid("the timeline ends before it starts", [FieldViolation("end_time", "after start_time")])
    step = max(_SECOND, (end - start) / _POINTS)
    if request.HasField("step"):
        step = stretch(request.step, "step")
    if (end - start) // step >= _POINTS_MAX - 1:
        least = (end - start) // (_POINTS_MAX - 1) + _SECOND
        raise request_invalid(
            f"a timeline has at most {_POINTS_MAX} points",
            [FieldViolation("step", f"at least {least.total_seconds():.0f} s for this stretch of time")],
        )
    count = -((start - end) // step)  # steps to the end, the last one perhaps shorter
    return [*(start + number * step for number in range(count)), end]


def _point(reading: _Reading, accounting: Accounting, delta_attos: int) -> pb.BudgetPoint:
    point = pb.BudgetPoint(
        spent=reading.spent.to_proto(), spent_epsilon_picos=accounting.epsilon(reading.spent, delta_attos)
    )
    point.time.FromDatetime(reading.at)
    if reading.limit is not None:
        point.limit.CopyFrom(accounting.limit_as_loss(reading.limit, reading.spent).to_proto())
    return point
