"""The report: every scope's spend, and ε at several δ by each accountant."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfumato import conversion
from sfumato._core.numbers import money, sig
from sfumato._core.tables import Table, clean_lines
from sfumato.reporting import distribution, renyi
from sfumato.reporting.spending import ScopeSpending, Spending
from sfumato.verification.losses import BASIC, Loss
from sfumato.verification.scopes import Scope

PICO: Final = 10**12
ATTO: Final = 10**18
MEANING: Final = (
    "sums: Σε, where nothing but ε and δ is in it · ρ: the tight conversion of Σρ · Rényi: order by order, ε-private "
    "answers as randomised response · distribution: composed privacy losses, exact for draws that receipts tell.",
    "Each is a bound that holds by itself, for the worst mechanism that costs what was charged; δ spent on keys is "
    "within the δ of the row. A dash: the method says nothing here.",
    "They describe what was spent, as if it had been fixed beforehand. What is promised to the persons is the "
    "population's limit.",
)


@dataclass(frozen=True)
class Bounds:
    """ε at one δ by each accountant; None: it says nothing, infinite: none holds."""

    delta: int
    """In 10^-18; what was spent is within it."""
    sums: float | None
    rho: float | None
    renyi: float | None
    distribution: float | None

    @property
    def least(self) -> float:
        """The least of them."""
        told = (self.sums, self.rho, self.renyi, self.distribution)
        return min((each for each in told if each is not None), default=math.inf)


@dataclass(frozen=True)
class ScopeReport:
    """One scope."""

    scope: Scope
    name: str
    count: int
    """Charges."""
    spent: Loss
    bounds: tuple[Bounds, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All scopes of a population, the population first."""

    population: str
    accounting: str
    entries: int
    told: int
    """Charges of queries whose receipts were used."""
    scopes: tuple[ScopeReport, ...]

    def __str__(self) -> str:
        basic = self.accounting == BASIC
        head = ("scope", "charges", *(() if basic else ("Σρ",)), "Σε", "δ spent")
        rows = [
            (each.name, f"{each.count:,}", *(() if basic else (money(each.spent.rho / PICO),)), *_rest(each.spent))
            for each in self.scopes
        ]
        spent = Table(head, tuple(rows), frozenset(range(1, len(head))))
        bounds = Table(
            ("scope", "at δ", "sums", *(() if basic else ("ρ",)), "Rényi", "distribution", "least ε"),
            tuple(_bound_row(each.name, bound, basic=basic) for each in self.scopes for bound in each.bounds),
            frozenset(range(1, 6 if basic else 7)),
        )
        kind = self.accounting.removeprefix("ACCOUNTING_")
        receipts = f", {self.told:,} charges told by receipts" if self.told else ""
        title = f" {self.population}, {kind}: {self.entries:,} entries{receipts}"
        notes = [f" {each.name}: {note}" for each in self.scopes for note in each.notes]
        meaning = [f" {each}" for each in MEANING]
        parts = [title, "", spent.text(), "", bounds.text(), *([""] if notes else []), *notes, "", *meaning]
        return clean_lines("\n".join(parts))

    def document(self) -> dict[str, Any]:
        """Return it for JSON: exact integers as decimal text."""
        return {
            "population": self.population,
            "accounting": self.accounting,
            "entries": self.entries,
            "charges_told_by_receipts": self.told,
            "scopes": [_document(each) for each in self.scopes],
        }


def reported(spending: Spending, deltas: Sequence[int], *, seconds: float) -> Report:
    """Return the report of a population.

    Args:
        spending: what its scopes were charged.
        deltas: in 10^-18, above 0, at which ε is told.
        seconds: that the distributions of one scope may take.

    Raises:
        MissingExtra: `dp-accounting` is not installed (extra `report`).
    """
    scopes = [_scope(spending, scope, spent, list(deltas), seconds) for scope, spent in sorted(spending.scopes.items())]
    return Report(spending.population, spending.accounting, spending.entries, spending.told, tuple(scopes))


def _scope(spending: Spending, scope: Scope, spent: ScopeSpending, deltas: list[int], seconds: float) -> ScopeReport:
    by_orders = renyi.epsilons(spent, deltas)
    outcome = distribution.epsilons(spent, deltas, seconds=seconds)
    notes = [f"no distribution: {outcome.refused}"] if outcome.refused else []
    notes += [outcome.note] if outcome.note else []
    converted = spending.accounting != BASIC
    bounds = tuple(
        Bounds(
            delta,
            _by_sums(spent.total, delta),
            _by_conversion(spent.total, delta) if converted else None,
            by_orders[place],
            outcome.epsilons[place] if outcome.epsilons else None,
        )
        for place, delta in enumerate(deltas)
    )
    return ScopeReport(scope, scope.words(spending.population), spent.count, spent.total, bounds, tuple(notes))


def _by_sums(total: Loss, delta: int) -> float | None:
    if total.epsilon is None:
        return None
    return total.epsilon / PICO if delta >= total.delta else math.inf


def _by_conversion(total: Loss, delta: int) -> float:
    rest = delta - total.delta
    if rest <= 0:
        return math.inf
    return conversion.epsilon_from_rho(total.rho / PICO, rest / ATTO)


def _rest(spent: Loss) -> tuple[str, str]:
    epsilon = "–" if spent.epsilon is None else money(spent.epsilon / PICO)
    return epsilon, money(spent.delta / ATTO)


def _bound_row(name: str, bound: Bounds, *, basic: bool) -> tuple[str, ...]:
    told = (bound.sums, *(() if basic else (bound.rho,)), bound.renyi, bound.distribution, bound.least)
    return name, sig(bound.delta / ATTO, 2), *(_told(each) for each in told)


def _told(epsilon: float | None) -> str:
    if epsilon is None:
        return "–"
    return f"{epsilon:,.4f}" if math.isfinite(epsilon) else "∞"


def _document(each: ScopeReport) -> Mapping[str, Any]:
    scope = each.scope
    return {
        "scope": {"dataset": scope.dataset, "project": scope.project, "analyst": scope.analyst},
        "charges": each.count,
        "spent": {
            "rho_picos": str(each.spent.rho),
            "epsilon_picos": None if each.spent.epsilon is None else str(each.spent.epsilon),
            "delta_attos": str(each.spent.delta),
        },
        "epsilons": [
            {
                "delta_attos": str(bound.delta),
                "sums": bound.sums,
                "rho": bound.rho,
                "renyi": bound.renyi,
                "distribution": bound.distribution,
                "least": bound.least,
            }
            for bound in each.bounds
        ],
        "notes": list(each.notes),
    }
