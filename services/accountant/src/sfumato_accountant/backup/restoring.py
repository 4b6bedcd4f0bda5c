"""Filling an empty store from a backup, and proving every chain before the store may be used.

A store that is being filled says so, and no accountant opens it: half a chain would give budget back. What a whole but
old backup lacks is noticed by the marks in the release store, which no backup of the ledger touches: such populations
stay closed until an administrator reopens them.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato_accountant.backup.lines import BackupUnreadable, Counts, Item, KeptRecord, read_lines
from sfumato_accountant.backup.unfinished import begin, finish
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import Side, SideKind, StoredEntry
from sfumato_accountant.stores.whole import WholeStores
from sfumato_mesh.clock import SystemClock

_AT_ONCE: Final = 200


class StoreNotEmpty(Exception):  # noqa: N818  (a state of the store)
    """Something is in the store already: a restore never mixes two histories."""


async def restore(stores: WholeStores, lines: Iterable[bytes]) -> Counts:
    """Fill an empty store, and fold every chain of it: hashes, order, signatures, claims, sums.

    Raises:
        StoreNotEmpty: nothing was written.
        BackupUnreadable: the file or a chain in it is not whole. What was written says that it is unfinished.
        StoreUnavailable: likewise.
    """
    if not await is_empty(stores):
        raise StoreNotEmpty
    await begin(stores.records)
    counts = Counts()
    for batch in _batches(read_lines(lines)):
        for item in batch:
            counts.add(item)
        await asyncio.gather(*(_put(stores, item) for item in batch))
    await _prove(stores)
    await finish(stores.records)
    return counts


async def is_empty(stores: WholeStores) -> bool:
    """Return whether a store holds nothing: no document, and no chain or other record beside the chains."""
    if await stores.records.kinds():
        return False
    return not any([await stores.ledger.list_sides(kind, limit=1) for kind in SideKind])


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(items, _AT_ONCE)):
        yield batch


async def _put(stores: WholeStores, item: Item) -> None:
    match item:
        case StoredEntry():
            new = await stores.ledger.append(item)
        case Side():
            new = await stores.ledger.put_side(item) is None
        case KeptRecord():
            new = await stores.records.insert(item.kind, item.id, item.body, item.etag)
    if not new:
        raise BackupUnreadable("the backup holds something twice, or another program writes to the store")


async def _prove(stores: WholeStores) -> None:
    signs_nothing = LedgerKey(Ed25519PrivateKey.generate())
    chains = Chains(stores.ledger, Claims(stores.ledger), signs_nothing, Timekeeper(SystemClock(), stores.ledger))
    try:
        for population in await chains.populations():
            await chains.chain(population).refresh()
    except LedgerBroken as broken:
        raise BackupUnreadable(f"a chain of the backup is not whole: {broken}") from None
    finally:
        await chains.close()
