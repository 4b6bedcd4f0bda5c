"""Terminals: an attempt's release becomes the answer, or the query is charged without one."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import grpc

from sfumato.v1 import ledger_pb2, quote_pb2
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.events import Versions
from sfumato_accountant.ledger.fold import Fold, PaidQuery, QueryState
from sfumato_accountant.ledger.terminals import terminal_time
from sfumato_accountant.stores.ports import Side
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal

Salt = Callable[[], bytes]


def fresh_salt() -> bytes:
    """Return 16 random bytes."""
    return secrets.token_bytes(16)


def reservation_unknown(query_id: str) -> Refusal:
    """The chain knows no such query."""
    return Refusal(
        grpc.StatusCode.NOT_FOUND,
        "RESERVATION_UNKNOWN",
        "no such query was paid",
        metadata={"query": f"queries/{query_id}"},
        domain=MESH_DOMAIN,
    )


class Outcome(Enum):
    """What became of an attempt."""

    PENDING = "pending"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class Commit:
    """A worker offers an attempt's release. The first that is appended wins; a lost one is never a "delete"."""

    query_id: str
    attempt: str
    release_digest: bytes
    versions: Versions
    measures: Side
    salt: Salt = fresh_salt

    @property
    def rank(self) -> tuple[Rank, str]:
        """Before all else, in order of query id."""
        return Rank.COMMIT, self.query_id

    def decide(self, fold: Fold, now: datetime) -> Settled[Outcome] | Proposal:
        """Append `committed` if the query is open and the attempt read what was reserved; see Member."""
        query = fold.query(self.query_id)
        if query is None:
            raise reservation_unknown(self.query_id)
        if query.state is QueryState.COMMITTED:
            mine = (query.attempt, query.release_digest) == (self.attempt, self.release_digest)
            return Settled(Outcome.WON if mine else Outcome.LOST)
        if query.state is not QueryState.OPEN or query.versions != self.versions:
            return Settled(Outcome.LOST)
        if query.reserved_sequence < fold.reopened_at:  # lost entries may have answered it: charged at its time
            return Settled(Outcome.LOST)
        if terminal_time(now) > now:
            return Settled(Outcome.PENDING)
        fact = ledger_pb2.Committed(
            query=f"queries/{self.query_id}",
            attempt=self.attempt,
            release_digest=self.release_digest,
            data_versions=data_versions(self.versions),
        )
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt(), committed=fact), sides=(self.measures,))


@dataclass(frozen=True)
class GiveUp:
    """A query ends without an answer: after its time, or because its analyst cancels it. It stays paid."""

    query_id: str
    cancelled_by: str
    """users/{user}, its analyst; empty: its time is over."""
    salt: Salt = fresh_salt

    @property
    def rank(self) -> tuple[Rank, str]:
        """Behind all else, in order of query id."""
        return Rank.CHARGE, self.query_id

    def decide(self, fold: Fold, now: datetime) -> Settled[PaidQuery] | Proposal:
        """Append `charged` if the query is open; see Member.

        Raises:
            Refusal: RESERVATION_UNKNOWN, or TOO_EARLY before give_up_time.
        """
        query = fold.query(self.query_id)
        if query is None:
            raise reservation_unknown(self.query_id)
        if query.state is not QueryState.OPEN or terminal_time(now) > now:
            return Settled(query)
        if not self.cancelled_by and now < query.give_up_time:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "TOO_EARLY",
                "the query may still be answered",
                metadata={"query": f"queries/{self.query_id}"},
                domain=MESH_DOMAIN,
            )
        fact = ledger_pb2.Charged(query=f"queries/{self.query_id}", cancelled=bool(self.cancelled_by))
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt(), user=self.cancelled_by, charged=fact))


def data_versions(versions: Versions) -> list[quote_pb2.DataVersion]:
    """Return versions as messages."""
    return [quote_pb2.DataVersion(dataset=dataset, version=version) for dataset, version in versions]
