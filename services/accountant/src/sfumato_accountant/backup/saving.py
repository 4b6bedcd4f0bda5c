"""Writing a backup, of a store that may be in use.

What is read first decides what is whole: the heads of all chains; then the records beside the chains, of which there
may be more by then; then each chain up to its head of before. So every record that a copied entry names is copied too.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final

from sfumato_accountant.backup.lines import Counts, Item, KeptRecord, LineWriter
from sfumato_accountant.stores.ports import LedgerStore, SideKind
from sfumato_accountant.stores.whole import WholeStores

_PAGE: Final = 500


async def save(stores: WholeStores, write: Callable[[bytes], object]) -> Counts:
    """Write a backup line by line; return how much it holds.

    Raises:
        StoreUnavailable: the store did not answer. What is written has no last line, and is refused by `restore`.
    """
    lines = LineWriter()
    write(lines.header())
    async for item in _items(stores):
        write(lines.item(item))
    write(lines.end())
    return lines.counts


async def _items(stores: WholeStores) -> AsyncIterator[Item]:
    populations = await stores.ledger.list_side_ids(SideKind.CHAIN)
    lengths = {population: await chain_length(stores.ledger, population) for population in populations}
    for kind in SideKind:
        after, full = "", True
        while full:
            sides = await stores.ledger.list_sides(kind, after=after, limit=_PAGE)
            for side in sides:
                after = side.id
                yield side
            full = len(sides) == _PAGE
    for population, length in lengths.items():
        for start in range(0, length, _PAGE):
            for entry in await stores.ledger.read(population, start, min(_PAGE, length - start)):
                yield entry
    for name in await stores.records.kinds():
        after, full = "", True
        while full:
            records = await stores.records.list(name, after=after, limit=_PAGE)
            for record in records:
                after = record.id
                yield KeptRecord(name, record.id, record.body, record.etag)
            full = len(records) == _PAGE


async def chain_length(store: LedgerStore, population: str) -> int:
    """Return how many entries a chain has: they are numbered from 0 without gaps, so that few reads find the last."""
    if not await store.read(population, 0, 1):
        return 0
    low, step = 0, 1
    while await store.read(population, low + step, 1):
        low += step
        step *= 2
    high = low + step  # the last is at `low` or behind it, and before `high`
    while high - low > 1:
        middle = (low + high) // 2
        if await store.read(population, middle, 1):
            low = middle
        else:
            high = middle
    return low + 1
