"""The chains of all populations, as one replica sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sfumato.v1 import ledger_pb2, population_pb2, scope_pb2
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.fold import PaidQuery, Position
from sfumato_accountant.ledger.signatures import Signers
from sfumato_accountant.ledger.snapshots import SnapshotFolder
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind


@dataclass(frozen=True, slots=True)
class MarkVerdict:
    """What a chain says of a mark."""

    contained: bool
    """Whether it has that entry, or goes on without it by an administrator's act."""
    superseded_by: Position | None = None
    """Its present head, where it goes on without it: nothing beyond was told yet. None otherwise."""


class Chains:
    """Finds and begins chains."""

    def __init__(
        self,
        store: LedgerStore,
        claims: Claims,
        keys: Signers,
        timekeeper: Timekeeper,
        snapshots: SnapshotFolder | None = None,
    ) -> None:
        self._store = store
        self._claims = claims
        self._keys = keys
        self._timekeeper = timekeeper
        self._snapshots = snapshots
        self._chains: dict[str, Chain] = {}
        self._behind: set[str] = set()

    def chain(self, population: str) -> Chain:
        """Return the chain of a population that is known to exist: from the catalogue, a claim or `exists`."""
        found = self._chains.get(population)
        if found is None:
            snapshots = None if self._snapshots is None else self._snapshots.of(population, self._store)
            found = Chain(population, self._store, self._claims, self._keys, self._timekeeper, snapshots=snapshots)
            self._chains[population] = found
        return found

    async def create(
        self,
        population: population_pb2.Population,
        *,
        predecessors: Sequence[ledger_pb2.LedgerHead] = (),
        spent: Sequence[scope_pb2.ScopeCharge] = (),
    ) -> None:
        """Begin the chain of a new population; nothing happens where it has begun. Safe to repeat after a crash.

        Args:
            population: its record; accounting is fixed here for ever.
            predecessors: signed heads of the chains that it follows.
            spent: what each scope brings along from there. The first that is asked for counts.
        """
        genesis = ledger_pb2.Genesis(accounting=population.accounting, predecessors=predecessors, spent=spent)
        body = genesis.SerializeToString(deterministic=True)
        await self._store.put_side(Side(SideKind.CHAIN, population.name, body))
        await self.chain(population.name).ensure_begun()

    async def exists(self, population: str) -> bool:
        """Return whether a population's chain was ever begun. Chains outlive their catalogue records."""
        return population in self._chains or bool(await self._store.get_sides(SideKind.CHAIN, [population]))

    async def populations(self) -> list[str]:
        """Return all populations that have a chain, sorted."""
        return await self._store.list_side_ids(SideKind.CHAIN)

    async def successors(self, population: str) -> tuple[str, ...]:
        """Return the populations that follow a closed one; empty: it is open."""
        return (await self.chain(population).refresh()).closed

    def known_successors(self, population: str) -> tuple[str, ...]:
        """Return them as far as this replica has read the chain. Nothing is paid by this."""
        return self.chain(population).fold.closed

    def now(self, population: str) -> datetime:
        """Return the time that an entry of a chain would have now."""
        return self._timekeeper.now(self.chain(population).fold.head.at)

    async def find(self, query_id: str) -> tuple[Chain, PaidQuery] | None:
        """Return a paid query and its chain, as the store has them now; None: it was never paid."""
        claim = await self._claims.get(query_id)
        if claim is None:
            return None
        chain = self.chain(claim.claim.population)
        query = (await chain.refresh()).query(query_id)
        return None if query is None else (chain, query)

    async def check_mark(self, population: str, sequence: int, entry_hash: bytes) -> MarkVerdict:
        """Return whether a chain has that hash at that position, and remember the verdict for `is_behind`."""
        verdict = MarkVerdict(contained=False)
        if await self.exists(population):
            chain = self.chain(population)
            fold = chain.fold if chain.fold.contains(sequence, entry_hash) else await chain.refresh()
            given_up = (sequence, entry_hash) in fold.lost
            verdict = MarkVerdict(given_up or fold.contains(sequence, entry_hash), fold.head if given_up else None)
        if verdict.contained:
            self._behind.discard(population)
        else:
            self._behind.add(population)
        return verdict

    def reopened(self, population: str) -> None:
        """Remember that a chain has given its mark up."""
        self._behind.discard(population)

    async def is_behind(self, population: str) -> bool:
        """Return whether the last mark that was checked here was not in the chain (a restored backup)."""
        return population in self._behind

    async def close(self) -> None:
        """Stop waiting for others."""
        for chain in self._chains.values():
            await chain.close()
        if self._snapshots is not None:
            self._snapshots.close()
