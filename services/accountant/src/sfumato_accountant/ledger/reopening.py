"""A restored chain goes on without its mark: what its lost entries spent is charged, as far as anybody knows.

Receipts tell what they spent; for the rest an administrator writes something off. A query that a receipt names is never
paid again under its id, and what is open when the chain goes on is never answered: its answer may have been told from
the lost entries, and a second one would be noise that nobody paid for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sfumato.v1 import ledger_pb2, scope_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import POPULATION, ScopeKey
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.events import ScopeLosses
from sfumato_accountant.ledger.fold import Fold
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.refusals import request_invalid


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """What a verified receipt says of a lost entry."""

    query_id: str
    sequence: int
    entry_hash: bytes
    scopes: ScopeLosses


@dataclass(frozen=True)
class Reopen:
    """A population is to go on."""

    population: str
    lost_sequence: int
    """The mark."""
    lost_hash: bytes
    answers: Sequence[LostAnswer]
    """At most one a query."""
    written_off: Loss
    justification: str
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[int] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `reopened`; see Member. The answer is its position.

        Raises:
            Refusal: REQUEST_INVALID: the chain contains the mark or gave it up before, a receipt is of an entry that is
                not lost, or the sum is beyond what can be added up.
        """
        act = fold.acts.get(self.salt)
        if act is not None:
            return Settled(act.sequence)
        self.check(fold)
        charged = self._charged(fold)
        for scope, loss in charged.items():
            if not (fold.spent_in(scope) + loss).is_representable:
                raise _invalid("written_off", "a sum of losses would be beyond 64 bits")
        fact = ledger_pb2.Reopened(
            lost_head=ledger_pb2.LedgerHead(
                population=self.population, sequence=self.lost_sequence, entry_hash=self.lost_hash
            ),
            charged=[
                scope_pb2.ScopeCharge(scope=scope.to_proto(self.population), charge=loss.to_proto())
                for scope, loss in sorted(charged.items())
            ],
            justification=self.justification,
            queries=[f"queries/{each.query_id}" for each in self.answers],
        )
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, reopened=fact))

    def check(self, fold: Fold) -> None:
        """Check that the mark and the entries of all receipts are lost. Raises Refusal REQUEST_INVALID."""
        lost = (self.lost_sequence, self.lost_hash)
        if fold.contains(*lost) or lost in fold.lost:
            raise _invalid("population", "its chain contains its mark, or has given it up before: nothing is lost")
        for place, answer in enumerate(self.answers):
            if fold.contains(answer.sequence, answer.entry_hash):
                raise _invalid(f"receipts[{place}]", f"position {answer.sequence} is in the chain: it is charged there")

    def _charged(self, fold: Fold) -> dict[ScopeKey, Loss]:
        """Return what each scope pays. A query whose reservation is in the chain was charged there."""
        charged: dict[ScopeKey, Loss] = {}
        for answer in self.answers:
            if fold.query(answer.query_id) is None:
                for scope, loss in answer.scopes:
                    charged[scope] = charged.get(scope, Loss()) + loss
        if not self.written_off.is_zero:
            charged[POPULATION] = charged.get(POPULATION, Loss()) + self.written_off
        return charged


def _invalid(field: str, description: str) -> Refusal:
    return request_invalid("the population cannot be reopened like this", [FieldViolation(field, description)])
