"""Succession: chains that end because their population was merged into another or split, and what follows them.

A merge carries the sum of what its sources spent: persons who are in both have lost both. Limits are promises about a
population, so that none is carried: with the spends added up, any limit that was meant for one source would stretch, or
break, the promise of the other. A custodian gives new ones. A split carries all that was spent to every part, and the
limits with it: each part has other persons, of whom none meets more than was promised. What is frozen stays frozen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import grpc

from sfumato.v1 import grant_pb2, ledger_pb2, receipt_pb2, scope_pb2
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.fold import Fold
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusal import Refusal


def population_closed(population: str, successors: Iterable[str]) -> Refusal:
    """A chain has ended: nothing is paid, granted or frozen in it any more."""
    following = ", ".join(successors)
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "POPULATION_CLOSED",
        f"{population} was merged or split: {following} follows",
        metadata={
            "population": population,
            "successors": following,
            "hint": "ask the dataset again, with a new request_id: it belongs to the successor. Old answers stay",
        },
        precondition=("POPULATION_CLOSED", population, f"followed by {following}"),
    )


def require_open(population: str, fold: Fold) -> None:
    """Check that a chain has not ended. Raises Refusal POPULATION_CLOSED."""
    if fold.closed:
        raise population_closed(population, fold.closed)


def part_salt(salt: bytes, *parts: str) -> bytes:
    """Return the salt of one event of an act that appends several: 16 bytes, the same whoever finishes the act."""
    return sha256(salt + b"\n" + "\n".join(parts).encode())[:16]


@dataclass(frozen=True)
class Close:
    """A chain is to end. Terminals of its open queries are still taken."""

    population: str
    successors: tuple[str, ...]
    user: str
    salt: bytes

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[None] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `closed` unless it is so already; see Member.

        Raises:
            Refusal: POPULATION_CLOSED, other populations follow it.
        """
        if fold.closed == self.successors:
            return Settled(None)
        require_open(self.population, fold)
        fact = ledger_pb2.Closed(successors=self.successors)
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, closed=fact))


@dataclass(frozen=True)
class Carry:
    """What was granted or frozen in a chain is to be so in one that follows, once: custodians may change it then."""

    event: ledger_pb2.LedgerEvent

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[None] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append the event unless it is there; see Member."""
        return Settled(None) if self.event.salt in fold.acts else Proposal(self.event)


@dataclass(frozen=True)
class Heir:
    """A population that follows others."""

    population: str
    datasets: frozenset[str] | None
    """datasets/{dataset} of a part; None: all of a merge."""
    user: str
    justification: str
    salt: bytes
    """Of the act."""

    def carried(self, folds: Iterable[Fold]) -> list[scope_pb2.ScopeCharge]:
        """Return what each scope brings along: the sum of what it spent in each chain."""
        return [
            scope_pb2.ScopeCharge(scope=scope.to_proto(self.population), charge=loss.to_proto())
            for scope, loss in sorted(sums(folds).items())
        ]

    def events(self, folds: Iterable[Fold], *, grants: bool) -> Iterator[ledger_pb2.LedgerEvent]:
        """Yield what is appended behind genesis: limits if they are carried, lenders first, then what is frozen."""
        for fold in folds:
            if grants:
                for scope in sorted(filter(self._is_about, fold.grants), key=lambda each: (_depth(fold, each), each)):
                    yield self._granted(fold, scope)
            for scope in sorted(filter(self._is_about, fold.frozen)):
                fact = ledger_pb2.Frozen(
                    scope=scope.to_proto(self.population), frozen=True, justification=self.justification
                )
                yield ledger_pb2.LedgerEvent(salt=self._salt("frozen", scope), user=self.user, frozen=fact)

    def _granted(self, fold: Fold, scope: ScopeKey) -> ledger_pb2.LedgerEvent:
        facts = fold.grants[scope]
        grant = grant_pb2.Grant(
            name=scope.grant_name(self.population), scope=scope.to_proto(self.population), limit=facts.limit
        )
        if facts.window is not None:
            grant.window.CopyFrom(facts.window.to_proto())
        if facts.parent is not None:
            grant.parent = facts.parent.grant_name(self.population)
        fact = ledger_pb2.Granted(grant=grant, justification=self.justification)
        return ledger_pb2.LedgerEvent(salt=self._salt("granted", scope), user=self.user, granted=fact)

    def _is_about(self, scope: ScopeKey) -> bool:
        return self.datasets is None or not scope.dataset or scope.dataset in self.datasets

    def _salt(self, kind: str, scope: ScopeKey) -> bytes:
        return part_salt(self.salt, kind, scope.grant_name(self.population))


def sums(folds: Iterable[Fold]) -> dict[ScopeKey, Loss]:
    """Return what each scope spent in several chains together."""
    total: dict[ScopeKey, Loss] = {}
    for fold in folds:
        for scope, loss in fold.spent.items():
            total[scope] = total.get(scope, NOTHING) + loss
    return total


def head_of(population: str, fold: Fold) -> ledger_pb2.LedgerHead:
    """Return the signed head of a chain as it was last read."""
    key_id, signature = fold.signature
    return ledger_pb2.LedgerHead(
        population=population,
        sequence=fold.head.sequence,
        entry_hash=fold.head.entry_hash,
        signature=receipt_pb2.Signature(key_id=key_id, ed25519=signature),
    )


def _depth(fold: Fold, scope: ScopeKey) -> int:
    depth, parent = 0, fold.grants[scope].parent
    while parent is not None:
        depth, parent = depth + 1, fold.grants[parent].parent
    return depth
