"""Withholding: a release that may no longer be read. Charge, terminal and receipt stay; nothing is given back."""

from dataclasses import dataclass
from datetime import datetime

import grpc

from sfumato.v1 import ledger_pb2
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.fold import Fold, QueryState
from sfumato_mesh.refusal import Refusal


def no_release(query_id: str) -> Refusal:
    """A query that has no release (yet) is to be withheld."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "RELEASE_MISSING",
        f"queries/{query_id} has no release to withhold",
        metadata={"query": f"queries/{query_id}", "hint": "freeze the scope to stop what is asked from now on"},
        precondition=("RELEASE_MISSING", f"queries/{query_id}", "only a committed release can be withheld"),
    )


@dataclass(frozen=True)
class Withhold:
    """Reading of a release stops, or goes on."""

    query_id: str
    """That drew the release."""
    withheld: bool
    justification: str
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[int] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `withheld` unless it is so already; see Member. The answer is the position that says so.

        Works in a closed chain too: its releases stay readable. 0: it was never withheld, and is not to be.

        Raises:
            Refusal: RELEASE_MISSING.
        """
        act = fold.acts.get(self.salt)
        if act is not None:
            return Settled(act.sequence)
        query = fold.query(self.query_id)
        if query is None or query.state is not QueryState.COMMITTED:
            raise no_release(self.query_id)
        if (self.query_id in fold.withheld) == self.withheld:
            return Settled(fold.withheld.get(self.query_id, 0))
        fact = ledger_pb2.Withheld(
            query=f"queries/{self.query_id}", withheld=self.withheld, justification=self.justification
        )
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, withheld=fact))
