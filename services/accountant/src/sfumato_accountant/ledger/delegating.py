"""Delegation: an analyst lends part of a scope to another, and takes back what is not spent of it.

What is lent is the borrower's limit for life and counts as used at the lender, whether it is spent or not. What a tree
of lent grants spends is therefore never above the limit that a custodian gave its root, however often it is lent,
spent and taken back: a limit is only lowered to what is spent, and lent further, of it.

Only who has a single grant in the population lends. Of several grants that name one analyst each binds the others'
spending; a borrower, whom they do not name, would be bound by none of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import grpc

from sfumato.v1 import charge_pb2, grant_pb2, ledger_pb2
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.admission import budget_frozen, grant_missing
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.admitting import life_of, lineage, stopper, used_by
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.succession import require_open
from sfumato_mesh.money import attos_text, picos_text
from sfumato_mesh.refusal import Refusal

DEPTH_MAX: Final = 8
"""Longest chain of grants, each lent from the one before; the first is a custodian's."""
BORROWERS_MAX: Final = 100
"""Most grants lent from one: admission looks at each of them."""


def delegation_refused(grant: str, why: str, hint: str) -> Refusal:
    """A grant cannot be lent, or not to this user, or not be taken back."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DELEGATION_REFUSED",
        why,
        metadata={"grant": grant, "hint": hint},
        precondition=("DELEGATION_REFUSED", grant, why),
    )


def delegation_too_large(grant: str, available: Loss, limit: charge_pb2.LossLimit) -> Refusal:
    """More is to be lent than a scope has left for life."""
    delta = f" and δ {attos_text(available.delta_attos)}" if available.delta_attos else ""
    metadata = {"grant": grant, "available_delta_attos": str(available.delta_attos)}
    if limit.HasField("rho"):
        words = f"ρ {picos_text(available.rho_picos)}{delta}"
        metadata["available_rho_picos"] = str(available.rho_picos)
    else:
        words = f"ε {picos_text(available.epsilon_picos or 0)}{delta}"
        metadata["available_epsilon_picos"] = str(available.epsilon_picos or 0)
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DELEGATION_TOO_LARGE",
        f"{words} can be lent from {grant}: more is not left",
        metadata={**metadata, "hint": f"lend at most {words}, or take back what others have not spent"},
        precondition=("DELEGATION_TOO_LARGE", grant, f"at most {words}"),
    )


def lendable(accounting: Accounting, limit: charge_pb2.LossLimit) -> bool:
    """Return whether a limit is of a form that can be lent: ρ and δ where ρ is added up, else ε and δ.

    (ε, δ) is not lent where ρ is added up: what keeps within it, by the tight conversion or as pure ε, has no largest ρ
    that could count at the lender.
    """
    in_rho = charge_pb2.LossLimit(rho=charge_pb2.RhoDelta())
    return accounting.takes_limit(limit) and limit.HasField("rho") == accounting.takes_limit(in_rho)


@dataclass(frozen=True)
class Lend:
    """A scope lends to another analyst; to one that it has lent to already, more."""

    population: str
    accounting: Accounting
    lender: ScopeKey
    borrower: ScopeKey
    amount: charge_pb2.LossLimit
    """Of a form that is `lendable`."""
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[None] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `granted` with the borrower's new limit; see Member.

        Raises:
            Refusal: POPULATION_CLOSED, GRANT_MISSING, BUDGET_FROZEN, DELEGATION_REFUSED or DELEGATION_TOO_LARGE.
        """
        if self.salt in fold.acts:
            return Settled(None)
        require_open(self.population, fold)
        if self.lender not in fold.grants:
            raise grant_missing(self.population, fold.grants)
        frozen = stopper(fold, self.lender)
        if frozen is not None:
            raise budget_frozen(self.population, frozen)
        self._check_lender(fold)
        self._check_borrower(fold)
        # What the borrower has spent already, brought along from a merge, is in its limit for life, so it is lent too.
        has = fold.grants.get(self.borrower)
        before = amount_of(has.limit) if has is not None else _amount(fold.spent_in(self.borrower))
        after = before + amount_of(self.amount)
        added = after if has is None else amount_of(self.amount)
        life = life_of(fold, self.lender)
        if not life.takes(self.accounting, _counted(added)):
            raise delegation_too_large(self._name(self.lender), life.left(self.accounting), self.amount)
        return self._granted(after)

    def _check_lender(self, fold: Fold) -> None:
        name = self._name(self.lender)
        own = [scope for scope in fold.grants if scope.analyst == self.lender.analyst]
        if len(own) > 1:
            raise delegation_refused(
                name,
                f"{self.lender.analyst} has {len(own)} grants in {self.population}, which bind each other",
                "a custodian can grant to the other user directly",
            )
        if len(list(lineage(fold, self.lender))) >= DEPTH_MAX:
            raise delegation_refused(
                name, f"{name} was lent on {DEPTH_MAX - 1} times already", "a grant nearer to a custodian's can be lent"
            )
        children = fold.children(self.lender)
        if self.borrower not in children and len(children) >= BORROWERS_MAX:
            raise delegation_refused(
                name,
                f"{name} is lent to {BORROWERS_MAX} users already",
                "lend more to one of them, or lend in two steps",
            )

    def _check_borrower(self, fold: Fold) -> None:
        """Refuse a borrower whom another grant names: a loan would bind what they spend from that, unasked."""
        others = [scope for scope in fold.grants if scope.analyst == self.borrower.analyst and scope != self.borrower]
        has = fold.grants.get(self.borrower)
        if others or (has is not None and has.parent != self.lender):
            raise delegation_refused(
                self._name(self.lender),
                f"{self.borrower.analyst} has another grant in {self.population}, which a loan would bind",
                "a custodian can raise it",
            )

    def _granted(self, limit: Loss) -> Proposal:
        grant = grant_pb2.Grant(
            name=self._name(self.borrower),
            scope=self.borrower.to_proto(self.population),
            limit=_limit(limit, self.amount),
            parent=self._name(self.lender),
        )
        fact = ledger_pb2.Granted(grant=grant, justification=f"lent by {self.user}")
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, granted=fact))

    def _name(self, scope: ScopeKey) -> str:
        return scope.grant_name(self.population)


@dataclass(frozen=True)
class Reclaim:
    """A lent grant is lowered to what is spent, and lent further, of it. Open queries are spent."""

    population: str
    scope: ScopeKey
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[Loss] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `granted` with the lower limit, if something comes back; see Member. The answer is the limit then.

        Raises:
            Refusal: POPULATION_CLOSED or DELEGATION_REFUSED.
        """
        facts = fold.grants[self.scope]
        if self.salt in fold.acts:
            return Settled(amount_of(facts.limit))
        require_open(self.population, fold)
        name = self.scope.grant_name(self.population)
        if facts.parent is None:
            raise delegation_refused(name, f"{name} was not lent: a custodian gave it", "a custodian can lower it")
        kept = reclaimable_to(fold, self.scope)
        if kept == amount_of(facts.limit):
            return Settled(kept)
        grant = grant_pb2.Grant(
            name=name,
            scope=self.scope.to_proto(self.population),
            limit=_limit(kept, facts.limit),
            parent=facts.parent.grant_name(self.population),
        )
        fact = ledger_pb2.Granted(grant=grant, justification=f"taken back by {self.user}")
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, granted=fact))


def reclaimable_to(fold: Fold, scope: ScopeKey) -> Loss:
    """Return the least limit that a lent grant can be lowered to, in the unit of its limit."""
    limit = amount_of(fold.grants[scope].limit)
    used = used_by(fold, scope)
    return Loss(
        min(limit.rho_picos, used.rho_picos),
        min(limit.epsilon_picos or 0, used.epsilon_picos or 0) if fold.grants[scope].limit.HasField("epsilon") else 0,
        min(limit.delta_attos, used.delta_attos),
    )


def amount_of(limit: charge_pb2.LossLimit) -> Loss:
    """Return a limit of a lent grant in its own unit; the other is 0."""
    if limit.HasField("rho"):
        return Loss(limit.rho.rho_picos, 0, limit.rho.delta_attos)
    return Loss(0, limit.epsilon.epsilon_picos, limit.epsilon.delta_attos)


def _limit(loss: Loss, like: charge_pb2.LossLimit) -> charge_pb2.LossLimit:
    if like.HasField("rho"):
        return charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=loss.rho_picos, delta_attos=loss.delta_attos))
    epsilon = charge_pb2.EpsilonDelta(epsilon_picos=loss.epsilon_picos or 0, delta_attos=loss.delta_attos)
    return charge_pb2.LossLimit(epsilon=epsilon)


def _amount(spent: Loss) -> Loss:
    """Return what was spent, as a limit for life must hold it: by ρ where there is one, else by ε."""
    return Loss(spent.rho_picos, 0 if spent.rho_picos else spent.epsilon_picos, spent.delta_attos)


def _counted(lent: Loss) -> Loss:
    """Return what counts at the lender: ρ that may be spent in any way has no ε of its own."""
    return Loss(lent.rho_picos, None, lent.delta_attos) if lent.rho_picos else lent
