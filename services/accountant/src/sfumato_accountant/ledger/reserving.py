"""Paying a query: the reservation is the charge, or a release that exists answers at once (`sharing`)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sfumato.v1 import ledger_pb2, scope_pb2
from sfumato_accountant.accounting.admission import budget_frozen, grant_missing
from sfumato_accountant.accounting.loss import NOTHING
from sfumato_accountant.ledger.admitting import can_pay, exhausted, frozen_scope, life_of, remaining
from sfumato_accountant.ledger.claims import ClaimRecord
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.events import ScopeLosses
from sfumato_accountant.ledger.fold import Fold, PaidQuery
from sfumato_accountant.ledger.price import Price
from sfumato_accountant.ledger.receipts import derived_side
from sfumato_accountant.ledger.settling import Salt, data_versions, fresh_salt
from sfumato_accountant.ledger.sharing import Answer, answer_of, unpaid_scopes
from sfumato_accountant.ledger.succession import require_open
from sfumato_accountant.stores.ports import Side
from sfumato_mesh.refusals import request_id_reused

__all__ = ["Payment", "Price", "Reserve", "decide_payment", "preview_lines"]


@dataclass(frozen=True, slots=True)
class Payment:
    """What would be paid."""

    release: PaidQuery | None
    """Query whose release answers; None: a new one is drawn."""
    scopes: ScopeLosses
    """Who pays what."""
    derived: bool = False
    """Whether the release is of a wider question."""


def decide_payment(fold: Fold, price: Price, at: datetime, base: str = "") -> Payment:
    """Return how a query is paid, if it is paid at an instant; for `base` see `answer_of`.

    Raises:
        Refusal: POPULATION_CLOSED, GRANT_MISSING, BUDGET_FROZEN or BUDGET_EXHAUSTED.
    """
    require_open(price.population, fold)
    if not price.payer.may_pay(fold.grants):
        raise grant_missing(price.population, fold.grants)
    answer = answer_of(fold, price, at, base)
    pays = answer is None or bool(answer.unpaid)
    if pays and (frozen := frozen_scope(fold, price.payer)) is not None:
        raise budget_frozen(price.population, frozen)
    if answer is not None:
        charge = answer.release.charge
        if exhausted(price.population, fold, price.accounting, answer.unpaid, charge, at) is None:
            return Payment(answer.release, tuple((scope, charge) for scope in answer.unpaid), answer.derived)
    scopes = price.payer.matching(fold.grants)
    refusal = exhausted(price.population, fold, price.accounting, scopes, price.charge, at)
    if refusal is not None:
        raise refusal
    return Payment(None, tuple((scope, price.charge) for scope in scopes))


def preview_lines(fold: Fold, price: Price, at: datetime, answer: Answer | None) -> list[scope_pb2.ScopePrice]:
    """Return what each scope that the query counts against would pay and have left, at an instant.

    `answer` is the release that answers; None: a new one is drawn.
    """
    unpaid = set(unpaid_scopes(fold, price, None) if answer is None else answer.unpaid)
    charge = price.charge if answer is None else answer.release.charge
    lines = []
    for scope in price.payer.matching(fold.grants):
        pays = charge if scope in unpaid else NOTHING
        affordable = scope not in unpaid or can_pay(fold, price.accounting, scope, at, charge)
        life = life_of(fold, scope)
        line = scope_pb2.ScopePrice(
            scope=scope.to_proto(price.population),
            charge=pays.to_proto(),
            limit=price.accounting.limit_as_loss(life.limit, life.used).to_proto(),
            remaining=remaining(fold, price.accounting, scope, at).to_proto(),
            affordable=affordable,
        )
        if affordable:
            line.remaining_after.CopyFrom(remaining(fold, price.accounting, scope, at, pays).to_proto())
        lines.append(line)
    return lines


@dataclass(frozen=True)
class Reserve:
    """A query is to be paid."""

    claim: ClaimRecord
    price: Price
    give_up_after: timedelta
    salt: Salt = fresh_salt
    base: str = ""
    """UUID of the query whose release answers this narrower question, as the executor says; empty: none."""
    derived_measures: bytes = b""
    """What the executor says of the intervals that follow, as it is kept for the receipt."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[PaidQuery] | Proposal:
        """Append `reserved`, or `shared` where an equal question was answered; see Member and `decide_payment`."""
        query_id = self.claim.claim.query_id
        paid = fold.query(query_id)
        if paid is not None:
            return Settled(paid)
        if query_id in fold.receipted:  # paid and answered in entries that were lost: another id, another query
            raise request_id_reused()
        payment = decide_payment(fold, self.price, now, self._base)
        event = ledger_pb2.LedgerEvent(salt=self.salt(), user=self.price.payer.analyst)
        scopes = [
            scope_pb2.ScopeCharge(scope=scope.to_proto(self.price.population), charge=loss.to_proto())
            for scope, loss in payment.scopes
        ]
        sides: tuple[Side, ...] = ()
        if payment.release is None:
            reserved = event.reserved
            reserved.query = f"queries/{query_id}"
            reserved.claim_digest = self.claim.digest
            reserved.data_versions.extend(data_versions(self.price.versions))
            reserved.charge.CopyFrom(self.price.charge.to_proto())
            reserved.scopes.extend(scopes)
            reserved.give_up_time.FromDatetime(now + self.give_up_after)
            reserved.project = self.price.payer.project
        else:
            shared = event.shared
            shared.query = f"queries/{query_id}"
            shared.claim_digest = self.claim.digest
            shared.release_query = f"queries/{payment.release.query_id}"
            shared.attempt = payment.release.attempt
            shared.release_digest = payment.release.release_digest
            shared.data_versions.extend(data_versions(payment.release.versions))
            shared.scopes.extend(scopes)
            shared.project = self.price.payer.project
            shared.charge.CopyFrom(payment.release.charge.to_proto())
            shared.derived = payment.derived
            if payment.derived:
                sides = (derived_side(query_id, payment.release.attempt, self.derived_measures),)
        return Proposal(event, claims={query_id: self.claim.facts}, sides=sides)

    @property
    def _base(self) -> str:
        """The base, if the claim says the family in which it answers: the chain holds the claim to it."""
        return self.base if self.claim.claim.family_digest == self.price.family_digest else ""
