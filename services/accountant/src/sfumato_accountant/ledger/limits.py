"""Acts of custodians: limits and freezes. The chain knows an act by its salt, which its request id is bound to."""

from dataclasses import dataclass
from datetime import datetime

from sfumato.v1 import charge_pb2, grant_pb2, ledger_pb2
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.succession import require_open
from sfumato_accountant.ledger.windows import Window
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusals import etag_mismatch


def grant_etag(population: str, scope: ScopeKey, fold: Fold) -> str:
    """Return what changes with every change of a grant (its limit, its being frozen), not with spending."""
    return sha256(f"{scope.grant_name(population)}\n{fold.grants[scope].sequence}".encode()).hex()[:16]


@dataclass(frozen=True)
class SetLimit:
    """A scope is given a limit."""

    population: str
    scope: ScopeKey
    limit: charge_pb2.LossLimit
    justification: str
    user: str
    etag: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""
    window: Window | None = None
    """A slower limit within it."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[bool] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `granted` unless it is granted so already; see Member. The answer is whether it was appended.

        A grant that was lent becomes the custodian's own: what is spent of it counts no longer against its lender.

        Raises:
            Refusal: POPULATION_CLOSED or ETAG_MISMATCH.
        """
        if self.salt in fold.acts:
            return Settled(True)
        require_open(self.population, fold)
        self.check(fold)
        present = fold.grants.get(self.scope)
        if present is not None and (present.limit, present.window, present.parent) == (self.limit, self.window, None):
            return Settled(False)
        grant = grant_pb2.Grant(
            name=self.scope.grant_name(self.population), scope=self.scope.to_proto(self.population), limit=self.limit
        )
        if self.window is not None:
            grant.window.CopyFrom(self.window.to_proto())
        fact = ledger_pb2.Granted(grant=grant, justification=self.justification)
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, granted=fact))

    def check(self, fold: Fold) -> None:
        """Check the etag that the caller knows, if it gave one. Raises Refusal ETAG_MISMATCH."""
        if not self.etag:
            return
        if self.scope not in fold.grants or grant_etag(self.population, self.scope, fold) != self.etag:
            raise etag_mismatch()


@dataclass(frozen=True)
class SetFrozen:
    """A scope is stopped, or goes on."""

    population: str
    scope: ScopeKey
    frozen: bool
    justification: str
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[bool] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `frozen` unless it is so already; see Member. The answer is whether it was appended.

        Raises:
            Refusal: POPULATION_CLOSED.
        """
        if self.salt in fold.acts:
            return Settled(True)
        require_open(self.population, fold)
        if (self.scope in fold.frozen) == self.frozen:
            return Settled(False)
        fact = ledger_pb2.Frozen(
            scope=self.scope.to_proto(self.population), frozen=self.frozen, justification=self.justification
        )
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, frozen=fact))
