"""The chains of all populations, as one replica sees them."""

from sfumato.v1 import population_pb2
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.fold import PaidQuery
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind


class Chains:
    """Finds and begins chains."""

    def __init__(self, store: LedgerStore, claims: Claims, key: LedgerKey, timekeeper: Timekeeper) -> None:
        self._store = store
        self._claims = claims
        self._key = key
        self._timekeeper = timekeeper
        self._chains: dict[str, Chain] = {}
        self._behind: set[str] = set()

    def chain(self, population: str) -> Chain:
        """Return the chain of a population that is known to exist: from the catalogue, a claim or `exists`."""
        found = self._chains.get(population)
        if found is None:
            found = Chain(population, self._store, self._claims, self._key, self._timekeeper)
            self._chains[population] = found
        return found

    async def create(self, population: population_pb2.Population) -> None:
        """Begin the chain of a new population; nothing happens where it has begun. Safe to repeat after a crash."""
        await self._store.put_side(Side(SideKind.CHAIN, population.name, b""))
        await self.chain(population.name).ensure_begun()

    async def exists(self, population: str) -> bool:
        """Return whether a population's chain was ever begun. Chains outlive their catalogue records."""
        return population in self._chains or bool(await self._store.get_sides(SideKind.CHAIN, [population]))

    async def populations(self) -> list[str]:
        """Return all populations that have a chain, sorted."""
        return await self._store.list_side_ids(SideKind.CHAIN)

    async def find(self, query_id: str) -> tuple[Chain, PaidQuery] | None:
        """Return a paid query and its chain, as the store has them now; None: it was never paid."""
        claim = await self._claims.get(query_id)
        if claim is None:
            return None
        chain = self.chain(claim.claim.population)
        query = (await chain.refresh()).queries.get(query_id)
        return None if query is None else (chain, query)

    async def check_mark(self, population: str, sequence: int, entry_hash: bytes) -> bool:
        """Return whether a chain has that hash at that position, and remember the verdict for `is_behind`."""
        contained = False
        if await self.exists(population):
            fold = await self.chain(population).refresh()
            contained = 0 <= sequence <= fold.head.sequence and fold.hash_at(sequence) == entry_hash
        if contained:
            self._behind.discard(population)
        else:
            self._behind.add(population)
        return contained

    async def is_behind(self, population: str) -> bool:
        """Return whether the last mark that was checked here was not in the chain (a restored backup)."""
        return population in self._behind

    async def close(self) -> None:
        """Stop waiting for others."""
        for chain in self._chains.values():
            await chain.close()
