"""The fold: what a chain says. Every answer of the accountant about money comes from here.

It may be extended tentatively by events that are not appended yet (a group decides each member against the fold and
the group so far), and is put back before anything is awaited: readers never see what is not in the store.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Final

from sfumato.v1 import charge_pb2
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import POPULATION, ScopeKey
from sfumato_accountant.ledger.events import Versions
from sfumato_accountant.ledger.paid_queries import ClaimFacts, PaidQuery, QueryState
from sfumato_accountant.ledger.paid_texts import EndedTexts, OpenTexts, ended_query, open_query
from sfumato_accountant.ledger.state import Act, GrantFacts, KeyFacts, Position, State, spent_of

__all__ = ["Act", "ClaimFacts", "Fold", "GrantFacts", "KeyFacts", "PaidQuery", "Position", "QueryState"]


class Fold(State):
    """State of one population after its last entry, and what is asked of it."""

    # Money.

    @property
    def spent(self) -> dict[ScopeKey, Loss]:
        """What each scope has spent in its whole life, with what genesis brought along; a copy."""
        return spent_of(self.odometers)

    def spent_in(self, scope: ScopeKey) -> Loss:
        """Return what a scope has spent in its whole life."""
        odometer = self.odometers.get(scope)
        return NOTHING if odometer is None else odometer.total

    def spent_until(self, scope: ScopeKey, at: datetime) -> Loss:
        """Return what a scope had spent at an instant, that instant included."""
        odometer = self.odometers.get(scope)
        return NOTHING if odometer is None else odometer.until(at)

    def limit_until(self, scope: ScopeKey, at: datetime) -> charge_pb2.LossLimit | None:
        """Return the limit that a scope had at an instant; None: it had no grant then."""
        grant = self.grants.get(scope)
        held = [limit for since, limit in grant.history if since <= at] if grant is not None else []
        return held[-1] if held else None

    def window_of(self, scope: ScopeKey, at: datetime) -> tuple[datetime, datetime] | None:
        """Return start and end (outside) of the window of a scope's grant that holds an instant; None: it has none."""
        grant = self.grants.get(scope)
        return None if grant is None or grant.window is None else grant.window.around(at)

    def window_spent(self, scope: ScopeKey, at: datetime) -> Loss:
        """Return what a scope has spent in the window that holds an instant; nothing where it has no window.

        What genesis carried over, and what a reopening charged, counts at the instant of those entries: a merge never
        refills a window.
        """
        bounds = self.window_of(scope, at)
        odometer = self.odometers.get(scope)
        return NOTHING if bounds is None or odometer is None else odometer.between(*bounds)

    def children(self, scope: ScopeKey) -> list[ScopeKey]:
        """Return the scopes whose grants are lent from a scope's grant."""
        return sorted(child for child, grant in self.grants.items() if grant.parent == scope)

    def delegated(self, scope: ScopeKey) -> Loss:
        """Return the sum of the limits lent from a scope's grant: ρ, δ of those in ρ, and ε, δ of those in (ε, δ)."""
        total = NOTHING
        for child in self.children(scope):
            limit = self.grants[child].limit
            if limit.HasField("rho"):
                total += Loss(limit.rho.rho_picos, 0, limit.rho.delta_attos)
            else:
                total += Loss(0, limit.epsilon.epsilon_picos, limit.epsilon.delta_attos)
        return total

    def is_stopped(self, scope: ScopeKey) -> bool:
        """Return whether a scope or its population is frozen."""
        return scope in self.frozen or POPULATION in self.frozen

    # Queries.

    def query(self, query_id: str) -> PaidQuery | None:
        """Return a paid query; None: the chain does not know it."""
        begun = self.open.get(query_id)
        if begun is not None:
            return open_query(begun)
        ended = self.ended.get(query_id)
        if ended is None and self.archive is not None:
            ended = self.archive.query(query_id)
        return None if ended is None else ended_query(ended)

    def knows(self, query_id: str) -> bool:
        """Return whether a query was paid."""
        if query_id in self.open or query_id in self.ended:
            return True
        return self.archive is not None and self.archive.knows(query_id)

    @property
    def query_count(self) -> int:
        """How many queries were ever paid."""
        archived = 0 if self.archive is None else self.archive.ended_count
        return archived + len(self.open) + len(self.ended)

    def open_queries(self) -> list[PaidQuery]:
        """Return the queries without a terminal, oldest first."""
        return sorted(map(open_query, self.open.values()), key=lambda query: (query.reserved_sequence, query.query_id))

    def queries_newest_first(
        self, *, names: Collection[str] | None = None, until: datetime | None = None
    ) -> Iterator[PaidQuery]:
        """Iterate over paid queries, the last that was paid first, as they are now.

        Args:
            names: users/{user} who asked, projects/{project} that paid, datasets/{dataset} that are read: queries that
                have any of them; None: all.
            until: those paid at this instant or before; None: all.
        """
        known: list[OpenTexts | EndedTexts] = [*self.ended.values(), *self.open.values()]
        if until is not None:
            known = [each for each in known if each[3] <= until]
        if names is not None:
            quoted = [f'"{name}"' for name in names]
            known = [each for each in known if any(name in each[0] for name in quoted)]  # and it may stand elsewhere
        known.sort(key=_by_time, reverse=True)
        archived = iter(()) if self.archive is None else self.archive.newest_first(names, until)
        for texts in merge(known, archived, key=_by_time, reverse=True):
            query = open_query(texts) if len(texts) == _OPEN else ended_query(texts)
            if names is None or any(name in names for name in (query.analyst, query.project, *query.datasets)):
                yield query

    def releases_of(self, plan_digest: bytes, versions: Versions) -> tuple[str, ...]:
        """Return the committed queries of a question on such versions, whoever asked, by their terminals ascending."""
        archived = [] if self.archive is None else self.archive.releases(plan_digest, versions)
        return (*archived, *self._on(versions, self.answering.get(plan_digest, ())))

    def families_of(self, family_digest: bytes, versions: Versions) -> tuple[str, ...]:
        """Return the committed queries of a family on such versions, whoever asked, by their terminals ascending."""
        if not family_digest:
            return ()
        archived = [] if self.archive is None else self.archive.relatives(family_digest, versions)
        return (*archived, *self._on(versions, self.related.get(family_digest, ())))

    def _on(self, versions: Versions, query_ids: tuple[str, ...]) -> tuple[str, ...]:
        queries = [self.query(query_id) for query_id in query_ids]
        return tuple(query.query_id for query in queries if query is not None and query.versions == versions)

    def payers_of(self, query_id: str) -> frozenset[ScopeKey]:
        """Return all scopes that have paid for a query's release: with it, or later with queries that share it."""
        query = self.query(query_id)
        own = () if query is None else (scope for scope, _ in query.scopes)
        return self.sharers_of(query_id).union(own)

    def sharers_of(self, query_id: str) -> frozenset[ScopeKey]:
        """Return the scopes that paid for a query's release later, with queries that share it."""
        archived = frozenset() if self.archive is None else self.archive.sharers(query_id)
        return self.sharers.get(query_id, frozenset()) | archived

    # The chain.

    @property
    def closed(self) -> tuple[str, ...]:
        """populations/{population} that follow; empty: the chain is open."""
        return tuple(self.successors)

    @property
    def keys(self) -> list[KeyFacts]:
        """Signing keys, oldest first."""
        return [self.signers[start] for start in sorted(self.signers)]

    @property
    def public_key(self) -> bytes:
        """Key that signs the next entry; empty before genesis."""
        key = self.key_at(self.head.sequence + 1)
        return b"" if key is None else key.public_key

    def key_at(self, sequence: int) -> KeyFacts | None:
        """Return the key that signs a position; None: there is none before genesis."""
        start = max((start for start in self.signers if start <= sequence), default=None)
        return None if start is None else self.signers[start]

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of the entry at a position of this chain; empty: there is none."""
        first = 0 if self.archive is None else self.archive.sequence + 1
        if sequence < first and self.archive is not None:
            return self.archive.hash_at(sequence)
        return bytes(self.hashes[32 * (sequence - first) : 32 * (sequence - first + 1)])

    def contains(self, sequence: int, entry_hash: bytes) -> bool:
        """Return whether an entry of that hash stands at that position."""
        return sequence >= 0 and bool(entry_hash) and self.hash_at(sequence) == entry_hash

    @property
    def reopened(self) -> dict[tuple[int, bytes], Position]:
        """Position and hash of a lost head → the entry that gave it up."""
        return {lost: Position(sequence, self.hash_at(sequence), at) for lost, (sequence, at) in self.lost.items()}

    @property
    def reopened_at(self) -> int:
        """Position of the entry that last reopened the chain; −1: none did."""
        return max(sequence for sequence, _ in self.lost.values()) if self.lost else -1

    def advance(self, head: Position, signature: tuple[str, bytes]) -> None:
        """Move the head to the entry whose events have all been applied."""
        self.hashes += head.entry_hash
        self.head = head
        self.signature = signature


_by_time: Final = itemgetter(3)
_OPEN: Final = 5
"""Length of OpenTexts."""
