"""What was decided, decided again: whether an event could be appended behind what the chain said before it."""

from datetime import datetime

from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import POPULATION, Payer, ScopeKey
from sfumato_accountant.ledger.admitting import bounds_of, frozen_scope, stopper, used_by
from sfumato_accountant.ledger.events import Charged, Event, Granted, Reserved, ScopeLosses, Shared, Versions
from sfumato_accountant.ledger.fold import Fold, GrantFacts, QueryState


class Inadmissible(Exception):  # noqa: N818
    """An event breaks a rule that the fold by itself does not hold to."""

    def __init__(self, rule: str, description: str) -> None:
        super().__init__(description)
        self.rule = rule
        self.description = description


class Readmission:
    """Decides the events of one chain again."""

    def __init__(self, population: str, accounting: Accounting, fold: Fold) -> None:
        self._population = population
        self._accounting = accounting
        self._fold = fold

    def check(self, event: Event, at: datetime, project: str = "") -> None:
        """Check an event against the fold, which does not contain it yet.

        Args:
            event: the event.
            at: time of its entry.
            project: that pays, as the claim says; events of older chains do not say it.

        Raises:
            Inadmissible: "charge", "scope", "frozen", "limit", "window", "withheld", "grant" or "terminal".
        """
        match event.fact:
            case Reserved(charge=charge, scopes=scopes, versions=versions):
                self._check_payment(_payer(versions, project, event.user), charge, scopes, frozenset(), at)
            case Shared(scopes=scopes, versions=versions, release_query_id=release):
                charge = self._price_of(event.fact)
                paid = self._fold.payers_of(release)
                self._check_payment(_payer(versions, project, event.user), charge, scopes, paid, at)
            case Charged(query_id=query_id, cancelled=cancelled):
                self._check_end(query_id, event.user, at, cancelled=cancelled)
            case Granted(limit=limit, window=window):
                limits = [limit] if window is None else [limit, window.limit]
                if not all(self._accounting.takes_limit(each) for each in limits):
                    raise Inadmissible("grant", "a limit of this form means nothing in this accounting")

    def check_lent(self, grant: Granted, before: GrantFacts | None, user: str) -> None:
        """Check a grant that is lent, against the fold that contains it already.

        What it was raised by was left at its lender, and it was not lowered below what is used of it. A grant that a
        split carried into the chain was lent in another.

        Raises:
            Inadmissible: "delegation" or "frozen".
        """
        facts = self._fold.grants[grant.scope]
        lender = facts.parent
        if lender is None or (before is None and self._fold.predecessors and user != lender.analyst):
            return
        if before is not None and before.parent != lender:
            raise Inadmissible("delegation", "it had a grant of its own, and is lent another")
        limit, present = _amounts(facts), (0, 0) if before is None else _amounts(before)
        if any(new > old for new, old in zip(limit, present, strict=True)):
            self._check_raised(grant.scope, lender, user)
        used = used_by(self._fold, grant.scope)
        spent = used.rho_picos if facts.limit.HasField("rho") else used.epsilon_picos or 0
        floor = (min(present[0], spent), min(present[1], used.delta_attos))
        if any(new < least for new, least in zip(limit, floor, strict=True)):
            raise Inadmissible("delegation", "it is lowered below what is used of it")

    def _check_raised(self, borrower: ScopeKey, lender: ScopeKey, user: str) -> None:
        if user != lender.analyst or borrower != lender._replace(analyst=borrower.analyst):
            raise Inadmissible(
                "delegation", "it is lent by another than the analyst whose scope it is from, or on other parts"
            )
        if stopper(self._fold, lender) is not None:
            raise Inadmissible("frozen", f"it is lent while {lender.words(self._population)} is frozen")
        for scope in (lender, borrower):
            if any(other.analyst == scope.analyst and other != scope for other in self._fold.grants):
                raise Inadmissible("delegation", f"{scope.analyst} has another grant, which a loan would bind or evade")
        if not self._accounting.fits(self._fold.grants[lender].limit, used_by(self._fold, lender)):
            raise Inadmissible("delegation", f"{lender.words(self._population)} has not so much left")

    def _price_of(self, fact: Shared) -> Loss:
        """Return the price of the release that is shared; chains that are older than the field do not repeat it."""
        source = self._fold.query(fact.release_query_id)
        if source is None or source.state is not QueryState.COMMITTED:
            raise Inadmissible("shared", f"queries/{fact.release_query_id} has drawn no release")
        if fact.release_query_id in self._fold.withheld:
            raise Inadmissible("withheld", f"the release of queries/{fact.release_query_id} is withheld")
        if fact.charge not in (None, source.charge) or any(scope == POPULATION for scope, _ in fact.scopes):
            raise Inadmissible("shared", "it is at another price, or the population pays a second time")
        return source.charge

    def _check_payment(
        self, payer: Payer, charge: Loss, scopes: ScopeLosses, paid: frozenset[ScopeKey], at: datetime
    ) -> None:
        fold, accounting = self._fold, self._accounting
        if not accounting.takes_charge(charge) or any(loss != charge for _, loss in scopes):
            raise Inadmissible("charge", "the price is none in this accounting, or a scope pays another amount")
        if not payer.may_pay(fold.grants):
            raise Inadmissible(
                "scope", "the population has no limit, or no grant names the analyst or a project that pays"
            )
        paying = [scope for scope, _ in scopes]
        expected = {scope for scope in payer.matching(fold.grants) if scope not in paid}
        if set(paying) != expected or len(paying) != len(expected):
            wrong = min(expected.symmetric_difference(paying), default=ScopeKey())
            raise Inadmissible(
                "scope", f"{wrong.words(self._population)} had to pay and did not, or the other way round"
            )
        frozen = frozen_scope(fold, payer) if paying else None
        if frozen is not None:
            raise Inadmissible("frozen", f"it is paid while {frozen.words(self._population)} is frozen")
        for scope in paying:
            for bound in bounds_of(fold, scope, at):
                if not bound.takes(accounting, charge):
                    name = bound.scope.words(self._population)
                    raise Inadmissible("limit" if bound.end is None else "window", f"{name} had not so much left")

    def _check_end(self, query_id: str, user: str, at: datetime, *, cancelled: bool) -> None:
        query = self._fold.query(query_id)
        if query is None:
            return  # the fold says so
        if cancelled and user != query.analyst:
            raise Inadmissible("terminal", "it is cancelled by another than its analyst")
        if not cancelled and at < query.give_up_time:
            raise Inadmissible("terminal", "it is given up before its time")


def _payer(versions: Versions, project: str, analyst: str) -> Payer:
    return Payer(tuple(dataset for dataset, _ in versions), project, analyst)


def _amounts(grant: GrantFacts) -> tuple[int, int]:
    """Return ρ or ε, and δ."""
    if grant.limit.HasField("rho"):
        return grant.limit.rho.rho_picos, grant.limit.rho.delta_attos
    return grant.limit.epsilon.epsilon_picos, grant.limit.epsilon.delta_attos
