"""The fold: what a chain says, kept in memory. Every answer of the accountant about money comes from here.

It may be extended tentatively by events that are not appended yet (a group decides each member against the fold and
the group so far), and is put back before anything is awaited: readers never see what is not in the store.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, TypeVar

from sfumato.v1 import charge_pb2
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.ledger.events import (
    Charged,
    Committed,
    Event,
    Frozen,
    Genesis,
    Granted,
    LedgerBroken,
    Reserved,
    ScopeLosses,
    Shared,
    Versions,
)

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final = object()
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


class QueryState(Enum):
    """Where a paid query is."""

    OPEN = "open"
    COMMITTED = "committed"
    CHARGED = "charged"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """What a fold must know of a claim."""

    plan_digest: bytes
    project: str
    """projects/{project} that pays; empty: none."""
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PaidQuery:
    """A query that the chain knows."""

    query_id: str
    analyst: str
    claim_digest: bytes
    claim: ClaimFacts
    versions: Versions
    charge: Loss
    """Price of the release."""
    scopes: ScopeLosses
    """Who paid what with this query."""
    reserved_sequence: int
    reserved_at: datetime
    give_up_time: datetime
    state: QueryState
    terminal_sequence: int = 0
    terminal_at: datetime | None = None
    attempt: str = ""
    release_digest: bytes = b""
    release_query_id: str = ""
    """UUID of the query that drew the release; empty until there is one."""
    cancelled: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        """datasets/{dataset} that it reads."""
        return tuple(dataset for dataset, _ in self.versions)

    @property
    def payer(self) -> Payer:
        """What decides which scopes it counts against."""
        return Payer(self.datasets, self.claim.project, self.analyst)


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A scope's limit, and where the grant last changed: by a limit, or by a freeze."""

    limit: charge_pb2.LossLimit
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """What an administrator's event did."""

    scope: ScopeKey
    sequence: int


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a chain."""

    sequence: int
    """−1: before genesis."""
    entry_hash: bytes
    at: datetime


class Fold:
    """State of one population after its last entry."""

    def __init__(self) -> None:
        self.head = Position(-1, bytes(32), _BEGINNING)
        self.signature: tuple[str, bytes] = ("", b"")
        """Key id and signature of the head."""
        self.hashes = bytearray()
        """entry_hash of every position, 32 bytes each."""
        self.public_key = b""
        self.start_time = _BEGINNING
        self.grants: dict[ScopeKey, GrantFacts] = {}
        self.frozen: dict[ScopeKey, int] = {}
        """Frozen scopes, granted or not; the position that froze each."""
        self.spent: dict[ScopeKey, Loss] = {}
        self.queries: dict[str, PaidQuery] = {}
        """In the order of the chain."""
        self.open: dict[str, None] = {}
        """Open queries."""
        self.releases: dict[tuple[str, bytes, Versions], str] = {}
        """(analyst, plan digest, versions) → the query, lowest in the chain, whose release answers."""
        self.payers: dict[str, frozenset[ScopeKey]] = {}
        """Query that drew a release → all scopes that have paid for it."""
        self.acts: dict[bytes, Act] = {}
        """Salt → what an administrator's event did."""
        self._undo: list[tuple[MutableMapping[Any, Any], Any, Any]] | None = None

    def spent_in(self, scope: ScopeKey) -> Loss:
        """Return what a scope has spent in its whole life."""
        return self.spent.get(scope, NOTHING)

    def is_stopped(self, scope: ScopeKey) -> bool:
        """Return whether a scope or its population is frozen."""
        return scope in self.frozen or ScopeKey() in self.frozen

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of the entry at a position of this chain."""
        return bytes(self.hashes[32 * sequence : 32 * (sequence + 1)])

    def advance(self, head: Position, signature: tuple[str, bytes]) -> None:
        """Move the head to the entry whose events have all been applied."""
        self.hashes += head.entry_hash
        self.head = head
        self.signature = signature

    @contextmanager
    def tentative(self) -> Iterator[None]:
        """Take back every `apply` of the block at its end. Nothing may be awaited inside."""
        self._undo = []
        try:
            yield
        finally:
            for mapping, key, value in reversed(self._undo):
                if value is _ABSENT:
                    del mapping[key]
                else:
                    mapping[key] = value
            self._undo = None

    def apply(self, event: Event, claims: Mapping[str, ClaimFacts], sequence: int, at: datetime) -> None:
        """Take up one event of the entry at `sequence`. Its claim, if it has one, must be among `claims`.

        Raises:
            LedgerBroken: the event contradicts the chain before it.
        """
        match event.fact:
            case Genesis() as fact:
                self._begin(fact, sequence, at)
            case Reserved() as fact:
                self._reserve(fact, event.user, claims, sequence, at)
            case Committed() as fact:
                self._commit(fact, sequence, at)
            case Charged() as fact:
                self._charge(fact, sequence, at)
            case Shared() as fact:
                self._share(fact, event.user, claims, sequence, at)
            case Granted() as fact:
                self._set(self.grants, fact.scope, GrantFacts(fact.limit, sequence, at))
                self._set(self.acts, event.salt, Act(fact.scope, sequence))
            case Frozen() as fact:
                self._freeze(fact, sequence, at)
                self._set(self.acts, event.salt, Act(fact.scope, sequence))

    def _begin(self, fact: Genesis, sequence: int, at: datetime) -> None:
        if sequence != 0:
            raise LedgerBroken(f"a second genesis at position {sequence}")
        self.public_key = fact.public_key
        self.start_time = at

    def _reserve(
        self, fact: Reserved, user: str, claims: Mapping[str, ClaimFacts], sequence: int, at: datetime
    ) -> None:
        self._require_new(fact.query_id, sequence)
        query = PaidQuery(
            query_id=fact.query_id,
            analyst=user,
            claim_digest=fact.claim_digest,
            claim=_claim(claims, fact.query_id, sequence),
            versions=fact.versions,
            charge=fact.charge,
            scopes=fact.scopes,
            reserved_sequence=sequence,
            reserved_at=at,
            give_up_time=fact.give_up_time,
            state=QueryState.OPEN,
        )
        self._set(self.queries, fact.query_id, query)
        self._set(self.open, fact.query_id, None)
        self._pay(fact.scopes)

    def _commit(self, fact: Committed, sequence: int, at: datetime) -> None:
        query = self._end(
            fact.query_id,
            sequence,
            at,
            state=QueryState.COMMITTED,
            attempt=fact.attempt,
            release_digest=fact.release_digest,
            release_query_id=fact.query_id,
        )
        key = (query.analyst, query.claim.plan_digest, query.versions)
        if key not in self.releases:
            self._set(self.releases, key, query.query_id)
        self._set(self.payers, query.query_id, frozenset(scope for scope, _ in query.scopes))

    def _charge(self, fact: Charged, sequence: int, at: datetime) -> None:
        self._end(fact.query_id, sequence, at, state=QueryState.CHARGED, cancelled=fact.cancelled)

    def _share(self, fact: Shared, user: str, claims: Mapping[str, ClaimFacts], sequence: int, at: datetime) -> None:
        self._require_new(fact.query_id, sequence)
        source = self.queries.get(fact.release_query_id)
        if source is None or source.state is not QueryState.COMMITTED or source.attempt != fact.attempt:
            raise LedgerBroken(f"position {sequence} shares a release that is not committed")
        query = PaidQuery(
            query_id=fact.query_id,
            analyst=user,
            claim_digest=fact.claim_digest,
            claim=_claim(claims, fact.query_id, sequence),
            versions=fact.versions,
            charge=source.charge,
            scopes=fact.scopes,
            reserved_sequence=sequence,
            reserved_at=at,
            give_up_time=at,
            state=QueryState.SHARED,
            terminal_sequence=sequence,
            terminal_at=at,
            attempt=fact.attempt,
            release_digest=fact.release_digest,
            release_query_id=fact.release_query_id,
        )
        self._set(self.queries, fact.query_id, query)
        self._pay(fact.scopes)
        payers = self.payers[source.query_id].union(scope for scope, _ in fact.scopes)
        self._set(self.payers, source.query_id, payers)

    def _freeze(self, fact: Frozen, sequence: int, at: datetime) -> None:
        if fact.frozen:
            self._set(self.frozen, fact.scope, sequence)
        else:
            self._remove(self.frozen, fact.scope)
        grant = self.grants.get(fact.scope)
        if grant is not None:
            self._set(self.grants, fact.scope, replace(grant, sequence=sequence, at=at))

    def _pay(self, scopes: ScopeLosses) -> None:
        for scope, loss in scopes:
            self._set(self.spent, scope, self.spent_in(scope) + loss)

    def _end(self, query_id: str, sequence: int, at: datetime, **changes: Any) -> PaidQuery:
        query = self.queries.get(query_id)
        if query is None or query.state is not QueryState.OPEN:
            raise LedgerBroken(f"position {sequence} ends a query that is not open")
        query = replace(query, terminal_sequence=sequence, terminal_at=at, **changes)
        self._set(self.queries, query_id, query)
        self._remove(self.open, query_id)
        return query

    def _require_new(self, query_id: str, sequence: int) -> None:
        if query_id in self.queries:
            raise LedgerBroken(f"position {sequence} pays a query twice")

    def _set(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        if self._undo is not None:
            self._undo.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def _remove(self, mapping: MutableMapping[K, V], key: K) -> None:
        value = mapping.pop(key, _ABSENT)
        if self._undo is not None and value is not _ABSENT:
            self._undo.append((mapping, key, value))


def _claim(claims: Mapping[str, ClaimFacts], query_id: str, sequence: int) -> ClaimFacts:
    claim = claims.get(query_id)
    if claim is None:
        raise LedgerBroken(f"the claim of a query paid at position {sequence} is missing or another")
    return claim
