"""Paying a query: the reservation is the charge, or the release of an equal question answers at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sfumato.v1 import ledger_pb2, scope_pb2
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.admission import (
    Lines,
    budget_exhausted,
    budget_frozen,
    grant_missing,
    lines_that_fail,
)
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.ledger.claims import ClaimRecord
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.events import ScopeLosses, Versions
from sfumato_accountant.ledger.fold import Fold, PaidQuery
from sfumato_accountant.ledger.settling import Salt, data_versions, fresh_salt


@dataclass(frozen=True, slots=True)
class Price:
    """A question as it was priced, and who would pay."""

    population: str
    """populations/{population}: the chain."""
    accounting: Accounting
    payer: Payer
    plan_digest: bytes
    charge: Loss
    """Price of a new release."""
    versions: Versions
    """Current versions, in the order of the price's datasets."""
    fresh: bool
    """Whether an equal release may not answer."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What would be paid."""

    release: PaidQuery | None
    """Query whose release answers; None: a new one is drawn."""
    scopes: ScopeLosses
    """Who pays what."""


def equal_release(fold: Fold, price: Price) -> PaidQuery | None:
    """Return the committed query, lowest in the chain, that answers an equal question of the same analyst."""
    if price.fresh:
        return None
    query_id = fold.releases.get((price.payer.analyst, price.plan_digest, price.versions))
    return None if query_id is None else fold.queries[query_id]


def paying_scopes(fold: Fold, price: Price, release: PaidQuery | None) -> list[ScopeKey]:
    """Return the granted scopes that would pay: all that match, less those that have paid for the release."""
    paid = fold.payers[release.query_id] if release is not None else frozenset()
    return [scope for scope in price.payer.matching(fold.grants) if scope not in paid]


def frozen_scope(fold: Fold, payer: Payer) -> ScopeKey | None:
    """Return a frozen scope that the query counts against, granted or not; None: there is none."""
    return next(iter(payer.matching(fold.frozen)), None)


def decide_payment(fold: Fold, price: Price) -> Payment:
    """Return how a query is paid.

    Raises:
        Refusal: GRANT_MISSING, BUDGET_FROZEN or BUDGET_EXHAUSTED.
    """
    if not price.payer.may_pay(fold.grants):
        raise grant_missing(price.population, fold.grants)
    release = equal_release(fold, price)
    unpaid = paying_scopes(fold, price, release)
    if unpaid and (frozen := frozen_scope(fold, price.payer)) is not None:
        raise budget_frozen(price.population, frozen)
    if release is not None and not lines_that_fail(price.accounting, _lines(fold, unpaid), release.charge):
        return Payment(release, tuple((scope, release.charge) for scope in unpaid))
    lines = _lines(fold, price.payer.matching(fold.grants))
    if lines_that_fail(price.accounting, lines, price.charge):
        raise budget_exhausted(price.population, price.accounting, lines, price.charge)
    return Payment(None, tuple((scope, price.charge) for scope, _, _ in lines))


def preview_lines(fold: Fold, price: Price) -> list[scope_pb2.ScopePrice]:
    """Return what each scope that the query counts against would pay and have left."""
    release = equal_release(fold, price)
    unpaid = set(paying_scopes(fold, price, release))
    charge = price.charge if release is None else release.charge
    lines = []
    for scope, limit, spent in _lines(fold, price.payer.matching(fold.grants)):
        pays = charge if scope in unpaid else NOTHING
        affordable = scope not in unpaid or (
            not fold.is_stopped(scope) and price.accounting.fits(limit, spent + charge)
        )
        line = scope_pb2.ScopePrice(
            scope=scope.to_proto(price.population),
            charge=pays.to_proto(),
            limit=price.accounting.limit_as_loss(limit, spent).to_proto(),
            remaining=price.accounting.remaining(limit, spent).to_proto(),
            affordable=affordable,
        )
        if affordable:
            line.remaining_after.CopyFrom(price.accounting.remaining(limit, spent + pays).to_proto())
        lines.append(line)
    return lines


@dataclass(frozen=True)
class Reserve:
    """A query is to be paid."""

    claim: ClaimRecord
    price: Price
    give_up_after: timedelta
    salt: Salt = fresh_salt

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[PaidQuery] | Proposal:
        """Append `reserved`, or `shared` where an equal question was answered; see Member and `decide_payment`."""
        query_id = self.claim.claim.query_id
        paid = fold.queries.get(query_id)
        if paid is not None:
            return Settled(paid)
        payment = decide_payment(fold, self.price)
        event = ledger_pb2.LedgerEvent(salt=self.salt(), user=self.price.payer.analyst)
        scopes = [
            scope_pb2.ScopeCharge(scope=scope.to_proto(self.price.population), charge=loss.to_proto())
            for scope, loss in payment.scopes
        ]
        if payment.release is None:
            reserved = event.reserved
            reserved.query = f"queries/{query_id}"
            reserved.claim_digest = self.claim.digest
            reserved.data_versions.extend(data_versions(self.price.versions))
            reserved.charge.CopyFrom(self.price.charge.to_proto())
            reserved.scopes.extend(scopes)
            reserved.give_up_time.FromDatetime(now + self.give_up_after)
        else:
            shared = event.shared
            shared.query = f"queries/{query_id}"
            shared.claim_digest = self.claim.digest
            shared.release_query = f"queries/{payment.release.query_id}"
            shared.attempt = payment.release.attempt
            shared.release_digest = payment.release.release_digest
            shared.data_versions.extend(data_versions(payment.release.versions))
            shared.scopes.extend(scopes)
        return Proposal(event, claims={query_id: self.claim.facts})


def _lines(fold: Fold, scopes: list[ScopeKey]) -> Lines:
    return [(scope, fold.grants[scope].limit, fold.spent_in(scope)) for scope in scopes]
