"""Budgets: what was granted, spent and left, scope by scope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from sfumato._core.amounts import PICO, REPORT_DELTA
from sfumato._core.numbers import money, sig
from sfumato._core.tables import Table, bar, escape, html_bar
from sfumato.charges import Charge, beside, scope_name, short
from sfumato.v1 import budget_service_pb2, charge_pb2

_NOTHING: Final = Charge(0, 0, 0)


@dataclass(frozen=True)
class Window:
    """A slower limit within that for life."""

    spent: Charge
    """In the stretch that runs now, with what was lent from the scope."""
    end: str
    """When the next one starts, ISO 8601, UTC."""
    limit: Charge | None = None
    """As the limit for life is told; None: it is a lender's, who alone sees it."""

    @classmethod
    def of(cls, proto: budget_service_pb2.Budget) -> "Window | None":
        """Return that of a budget from the wire; None: it has none."""
        if not proto.HasField("window_end_time"):
            return None
        own = proto.grant.HasField("window") and not proto.grant.parent
        limit = _as_charge(proto.grant.window.limit, proto.limit) if own else None
        return cls(Charge.of(proto.window_spent), proto.window_end_time.ToJsonString(), limit)

    @property
    def remaining(self) -> Charge | None:
        """What the limit of this stretch leaves, whatever is left for life; None: it is not known."""
        return None if self.limit is None else _less(self.limit, self.spent)


@dataclass(frozen=True)
class Budget:
    """The state of one scope."""

    population: str
    dataset: str
    project: str
    analyst: str
    """Ids without their collection; "" where the scope names none."""
    limit: Charge
    """For a limit in (ε, δ): the largest ρ that it allows, and the δ that thresholds may spend; where ε alone is
    counted, the limit as it is."""
    spent: Charge
    remaining: Charge
    """Now: what limit and window leave, whichever is less."""
    spent_epsilon: float
    """ε of what is spent, at the δ asked for."""
    frozen: bool
    since: str
    """When the grant last changed, ISO 8601, UTC; "" if there is none."""
    delegated: Charge = _NOTHING
    """Lent to others; it counts as used."""
    window: Window | None = None
    """The one that leaves the least, if any."""
    grant: str = ""
    """populations/{population}/grants/{grant}; "" if there is none."""
    lender: str = ""
    """Id of the user who lent the grant; "" if a custodian gave it."""

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
            Charge.of(proto.delegated) if proto.HasField("delegated") else _NOTHING,
            Window.of(proto),
            proto.grant.name,
            lender_of(proto.grant.parent),
        )

    @property
    def remaining_for_life(self) -> Charge:
        """What the limit for life leaves beside what is spent and lent, whatever the window says."""
        return _less(_less(self.limit, self.spent), self.delegated)

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
        spent = "spent" if all(counts_epsilon(each) for each in self._items) else "spent ρ"
        head = ("population", "scope", "left", "of", spent, f"spent ε at δ {sig(self._delta, 1)}", "", "since")
        rows = tuple(
            (
                each.population,
                each.name,
                beside(each.remaining, each.limit),
                beside(each.limit, each.limit),
                beside(each.spent, each.limit) if counts_epsilon(each) else money(each.spent.rho),
                sig(each.spent_epsilon, 3),
                "frozen" if each.frozen else bar(*shares(each)),
                each.since[:10],
                _remark(each),
            )
            for each in self._items
        )
        if not any(row[-1] for row in rows):
            return Table(head, tuple(row[:-1] for row in rows), frozenset({2, 3, 4, 5}))
        return Table((*head, ""), rows, frozenset({2, 3, 4, 5}))

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


def lender_of(parent: str) -> str:
    """Return the user in the name of a grant that was lent from: "ada" of "populations/palmer/grants/analyst-ada"."""
    parts = parent.rpartition("/")[2].split(".")
    return next((part.removeprefix("analyst-") for part in parts if part.startswith("analyst-")), "")


def _remark(budget: Budget) -> str:
    """Return what else is to be known of a budget: its window, what is lent, and by whom."""
    said = []
    if budget.lender:
        said.append(f"lent by {budget.lender}")
    if not budget.delegated.is_zero:
        said.append(f"{budget.delegated} is lent")
    if budget.window is not None:
        said.extend(_window_remark(budget, budget.window))
    return ", ".join(said)


def _window_remark(budget: Budget, window: Window) -> Iterator[str]:
    until = f"in the window until {window.end[:16].replace('T', ' ')}"
    if window.limit is None or window.remaining is None:
        yield f"{window.spent} {until}"
        return
    spent, limit = beside(window.spent, window.limit), beside(window.limit, window.limit)
    kind = "" if limit.startswith("ε") else "ρ "
    yield f"{kind}{spent} of {limit} {until}: {beside(window.remaining, window.limit)} left"
    yield f"{beside(budget.remaining_for_life, budget.limit)} left for life"


def _as_charge(limit: charge_pb2.LossLimit, life: charge_pb2.Charge) -> Charge:
    """Return a window's limit as that for life is told: ρ where ρ is counted, the largest that an (ε, δ) allows."""
    if limit.HasField("rho"):
        return Charge(limit.rho.rho_picos, None, limit.rho.delta_attos)
    epsilon, delta, share = limit.epsilon.epsilon_picos, limit.epsilon.delta_attos, limit.threshold_delta_attos
    if not life.rho_picos or not delta:
        return Charge(0, epsilon, delta)
    from sfumato.conversion import largest_rho_picos

    return Charge(largest_rho_picos(epsilon, delta - share), None, share)


def _less(whole: Charge, part: Charge) -> Charge:
    """Return what a part leaves of a whole; never below 0."""
    epsilon = None if whole.epsilon_picos is None else max(0, whole.epsilon_picos - (part.epsilon_picos or 0))
    return Charge(max(0, whole.rho_picos - part.rho_picos), epsilon, max(0, whole.delta_attos - part.delta_attos))


def counts_epsilon(budget: Budget) -> bool:
    """Whether ε is counted there, and no ρ."""
    return not (budget.limit.rho_picos or budget.spent.rho_picos) and budget.limit.epsilon_picos is not None


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
        least = min((each.remaining for each in paying), key=_size)
        if any(each.frozen for each in paying):
            least = Charge(0, 0 if all(counts_epsilon(each) for each in paying) else None, 0)
        if best is None or _size(least) > _size(best):
            best = least
    return best


def _size(charge: Charge) -> tuple[int, int]:
    return charge.rho_picos, charge.epsilon_picos or 0
