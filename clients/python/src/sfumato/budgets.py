"""Budgets: what was granted, spent and left, scope by scope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from sfumato._core.amounts import PICO, REPORT_DELTA
from sfumato._core.numbers import money, sig
from sfumato._core.tables import Table, bar, escape, html_bar
from sfumato.charges import Charge, beside, scope_name, short
from sfumato.v1 import budget_service_pb2


@dataclass(frozen=True)
class Budget:
    """The state of one scope."""

    population: str
    dataset: str
    project: str
    analyst: str
    """Ids without their collection; "" where the scope names none."""
    limit: Charge
    """For a limit in (ε, δ): the largest ρ that it allows."""
    spent: Charge
    remaining: Charge
    spent_epsilon: float
    """ε of what is spent, at the δ asked for."""
    frozen: bool
    since: str
    """When the grant last changed, ISO 8601, UTC; "" if there is none."""

    @classmethod
    def of(cls, proto: budget_service_pb2.Budget) -> "Budget":
        """Return it from the wire."""
        scope = proto.scope
        changed = proto.grant.update_time
        return cls(
            short(scope.population),
            short(scope.dataset),
            short(scope.project),
            short(scope.analyst),
            Charge.of(proto.limit),
            Charge.of(proto.spent),
            Charge.of(proto.remaining),
            proto.spent_epsilon_picos / PICO,
            proto.frozen,
            changed.ToJsonString() if changed.seconds else "",
        )

    @property
    def name(self) -> str:
        """Short name of the scope."""
        return scope_name(self.population, self.dataset, self.project, self.analyst)


class Budgets(Sequence[Budget]):
    """Budgets in the order of their scopes; prints as a table."""

    def __init__(self, items: Sequence[Budget], delta: float = REPORT_DELTA) -> None:
        self._items = tuple(items)
        self._delta = delta

    @overload
    def __getitem__(self, index: int) -> Budget: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Budget, ...]: ...
    def __getitem__(self, index: int | slice) -> Budget | tuple[Budget, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Budget]:
        return iter(self._items)

    def _table(self) -> Table:
        head = ("population", "scope", "left", "of", "spent ρ", f"spent ε at δ {sig(self._delta, 1)}", "", "since")
        rows = tuple(
            (
                each.population,
                each.name,
                beside(each.remaining, each.limit),
                beside(each.limit, each.limit),
                money(each.spent.rho),
                sig(each.spent_epsilon, 3),
                "frozen" if each.frozen else bar(*shares(each)),
                each.since[:10],
            )
            for each in self._items
        )
        return Table(head, rows, frozenset({2, 3, 4, 5}))

    def __repr__(self) -> str:
        return self._table().text() if self._items else " no budget: nobody granted one yet"

    def _repr_html_(self) -> str:
        if not self._items:
            return "<i>no budget: nobody granted one yet</i>"
        lines = "".join(
            f"<div>{html_bar(*shares(each), f'{each.population} · {each.name}')}"
            f"{' <b>frozen</b>' if each.frozen else ''}</div>"
            for each in self._items
        )
        return f"{self._table().html()}{lines}<div><i>{escape('bars: what is left')}</i></div>"


def shares(budget: Budget) -> tuple[float, float]:
    """What is left and the limit, in one unit."""
    if budget.limit.rho_picos or budget.limit.epsilon_picos is None:
        return budget.remaining.rho, budget.limit.rho
    return float(budget.remaining.epsilon_picos or 0), float(budget.limit.epsilon_picos)


def left_of(budget: Budget) -> str:
    """What is left of the limit, in words: "0.31 of ρ 0.50 left"."""
    limit = beside(budget.limit, budget.limit)
    whole = limit if limit.startswith("ε") else f"ρ {limit}"
    return f"{beside(budget.remaining, budget.limit)} of {whole} left"


def spendable(budgets: Sequence[Budget], population: str, dataset: str, user: str) -> Charge | None:
    """Return what a user may still spend on a dataset, paying alone or by their best project; None: nothing granted.

    Args:
        budgets: of all scopes that the user sees, others' too.
        population: id of the dataset's population.
        dataset: its id.
        user: the user's id.
    """
    mine = [
        each
        for each in budgets
        if each.population == population and each.dataset in ("", dataset) and each.analyst in ("", user)
    ]
    if not any(not (each.dataset or each.project or each.analyst) for each in mine):
        return None
    best: Charge | None = None
    for project in sorted({each.project for each in mine}):
        paying = [each for each in mine if each.project in ("", project)]
        if not any(each.project or each.analyst for each in paying):
            continue
        least = min((each.remaining for each in paying), key=lambda charge: charge.rho_picos)
        if any(each.frozen for each in paying):
            least = Charge(0, None, 0)
        if best is None or least.rho_picos > best.rho_picos:
            best = least
    return best
