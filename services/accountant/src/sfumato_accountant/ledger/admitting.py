"""Admission: the limits that a payment must keep within, and what stops it. All of them are checked in one append.

A scope has a limit for life and may have one for each window of time. What it has lent counts as used for life, not
in the window. A scope that was lent its grant keeps within its own limit for life, and its charges count, with those
of all that was lent beside it, in the windows of its lenders: lending stretches neither. A frozen scope stops what it
lent, and a lender whose limit for life is lowered stops what it lent beyond it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import charge_pb2
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.admission import budget_exhausted
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.ledger.fold import Fold
from sfumato_mesh.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit that counts for a payment."""

    scope: ScopeKey
    """Whose."""
    limit: charge_pb2.LossLimit
    used: Loss
    """What counts against it already."""
    end: datetime | None = None
    """When its window ends; None: it is for life."""

    def left(self, accounting: Accounting) -> Loss:
        """Return what it leaves."""
        return accounting.remaining(self.limit, self.used)

    def takes(self, accounting: Accounting, charge: Loss) -> bool:
        """Return whether a charge fits."""
        return accounting.fits(self.limit, self.used + charge)


def lineage(fold: Fold, scope: ScopeKey) -> Iterator[ScopeKey]:
    """Yield a granted scope, the one that lent it its grant, and so on up to a custodian's own grant."""
    holder: ScopeKey | None = scope
    while holder is not None:
        yield holder
        grant = fold.grants.get(holder)
        holder = None if grant is None else grant.parent


def borrowers(fold: Fold, scope: ScopeKey) -> list[ScopeKey]:
    """Return all scopes whose grants were lent from a scope's, directly or by others. In one pass over all grants."""
    lent: dict[ScopeKey, list[ScopeKey]] = {}
    for child, grant in fold.grants.items():
        if grant.parent is not None:
            lent.setdefault(grant.parent, []).append(child)
    found = [scope]
    for holder in found:  # grows while it is walked: a lent grant has one lender, so none comes twice
        found += lent.get(holder, ())
    return found[1:]


def lent_by(fold: Fold, scope: ScopeKey) -> Loss:
    """Return what a scope has lent: the limits for life of those grants. What is lent in ρ has no ε of its own."""
    lent = fold.delegated(scope)
    return Loss(lent.rho_picos, None, lent.delta_attos) if lent.rho_picos else lent


def used_by(fold: Fold, scope: ScopeKey) -> Loss:
    """Return what counts against a scope's limit for life: what it has paid and what it has lent."""
    return fold.spent_in(scope) + lent_by(fold, scope)


def life_of(fold: Fold, scope: ScopeKey) -> Bound:
    """Return the limit for life of a granted scope."""
    return Bound(scope, fold.grants[scope].limit, used_by(fold, scope))


def window_bounds(fold: Fold, scope: ScopeKey, at: datetime) -> list[Bound]:
    """Return the windows that count for a granted scope: its own and those of its lenders, nearest first."""
    bounds = []
    for holder in lineage(fold, scope):
        window = fold.grants[holder].window
        if window is not None:
            start, end = window.around(at)
            used = _paid(fold, holder, start, end)
            for borrower in borrowers(fold, holder):
                used += _paid(fold, borrower, start, end)
            bounds.append(Bound(holder, window.limit, used, end))
    return bounds


def lenders_bounds(fold: Fold, scope: ScopeKey) -> list[Bound]:
    """Return the limits for life of a scope's lenders, each beside what it and all that it lent have paid.

    What was lent fits them when it is lent; they matter where a custodian has lowered one since.
    """
    bounds = []
    for holder in list(lineage(fold, scope))[1:]:
        used = fold.spent_in(holder)
        for borrower in borrowers(fold, holder):
            used += fold.spent_in(borrower)
        bounds.append(Bound(holder, fold.grants[holder].limit, used))
    return bounds


def bounds_of(fold: Fold, scope: ScopeKey, at: datetime) -> list[Bound]:
    """Return all limits that a payment of a granted scope must keep within at an instant, that for life first."""
    return [life_of(fold, scope), *lenders_bounds(fold, scope), *window_bounds(fold, scope, at)]


def least(losses: Sequence[Loss]) -> Loss:
    """Return what keeps within each of several remainders."""
    epsilons = [each.epsilon_picos for each in losses]
    return Loss(
        min(each.rho_picos for each in losses),
        None if None in epsilons else min(each for each in epsilons if each is not None),
        min(each.delta_attos for each in losses),
    )


def remaining(fold: Fold, accounting: Accounting, scope: ScopeKey, at: datetime, charge: Loss = NOTHING) -> Loss:
    """Return what a granted scope may still spend at an instant, after a charge: the least that any limit leaves."""
    bounds = bounds_of(fold, scope, at)
    return least([accounting.remaining(each.limit, each.used + charge) for each in bounds])


def can_pay(fold: Fold, accounting: Accounting, scope: ScopeKey, at: datetime, charge: Loss) -> bool:
    """Return whether a charge keeps within all limits of a granted scope, and nothing stops it."""
    fits = all(each.takes(accounting, charge) for each in bounds_of(fold, scope, at))
    return fits and stopper(fold, scope) is None


def stopper(fold: Fold, scope: ScopeKey) -> ScopeKey | None:
    """Return the frozen scope that stops a scope; None: there is none.

    It is one whose named parts are all those of the scope, or of one of its lenders: the population, the scope itself,
    or its analyst or dataset alone.
    """
    if not fold.frozen:
        return None
    stops = (frozen for each in lineage(fold, scope) for frozen in sorted(fold.frozen) if _is_part_of(each, frozen))
    return next(stops, None)


def frozen_scope(fold: Fold, payer: Payer) -> ScopeKey | None:
    """Return a frozen scope that a query counts against, granted or not, or a frozen lender of one; None: none is."""
    if not fold.frozen:
        return None
    for scope in payer.matching(fold.frozen):
        return scope
    stoppers = (stopper(fold, scope) for scope in payer.matching(fold.grants))
    return next((each for each in stoppers if each is not None), None)


def _is_part_of(scope: ScopeKey, wider: ScopeKey) -> bool:
    """Return whether all named parts of a scope are another's too."""
    return all(part in ("", own) for part, own in zip(wider, scope, strict=True))


def exhausted(
    population: str, fold: Fold, accounting: Accounting, scopes: Sequence[ScopeKey], charge: Loss, at: datetime
) -> Refusal | None:
    """Return the refusal of a charge that does not fit the limits of all scopes; None: it fits.

    It names the scope with the least left and what would pass in all; where a window is in the way, when that ends.
    """
    unit = accounting.unit(charge)

    def tightness(bound: Bound) -> tuple[bool, int, int]:
        most = accounting.most(bound.limit, bound.used, unit)
        return bound.takes(accounting, charge), most, bound.left(accounting).delta_attos

    bounds = {scope: bounds_of(fold, scope, at) for scope in scopes}
    if all(each.takes(accounting, charge) for several in bounds.values() for each in several):
        return None
    tightest = [min(several, key=tightness) for several in bounds.values()]
    refusal = budget_exhausted(
        population, accounting, [(each.scope, each.limit, each.used) for each in tightest], charge
    )
    named = next(each for each in sorted(tightest, key=tightness) if _names(refusal, each, population))
    return refusal if named.end is None else _in_window(refusal, named.end)


def _names(refusal: Refusal, bound: Bound, population: str) -> bool:
    return refusal.metadata["scope"] == bound.scope.words(population)


def _in_window(refusal: Refusal, end: datetime) -> Refusal:
    """Return BUDGET_EXHAUSTED of a window: what it says, and when the next one starts."""
    time = Timestamp()
    time.FromDatetime(end)
    text = time.ToJsonString()
    hint = f"wait until {text}, when the next window starts; or: {refusal.metadata['hint']}"
    return Refusal(
        refusal.code,
        refusal.reason,
        f"{refusal.message} in the window that ends at {text}",
        metadata={**refusal.metadata, "window_end_time": text, "hint": hint},
        quota=refusal.quota,
    )


def _paid(fold: Fold, scope: ScopeKey, start: datetime, end: datetime) -> Loss:
    odometer = fold.odometers.get(scope)
    return NOTHING if odometer is None else odometer.between(start, end)
