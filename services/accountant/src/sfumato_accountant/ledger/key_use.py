"""Which keys sign the ends of chains: what tells whether an older key is still needed, without folding anything."""

from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import LedgerStore, SideKind, StoredEntry


async def keys_in_use(store_url: str) -> frozenset[str]:
    """Return the ids of the keys that signed the last entry of each chain; none where there is no chain.

    Raises:
        StoreUnavailable: the store does not answer.
        StoreVersionUnknown: the store was written in another layout.
    """
    stores = await open_stores(store_url)
    try:
        populations = await stores.ledger.list_side_ids(SideKind.CHAIN)
        ends = [await _last(stores.ledger, population) for population in populations]
    finally:
        await stores.close()
    return frozenset(entry.key_id for entry in ends if entry is not None)


async def _last(store: LedgerStore, population: str) -> StoredEntry | None:
    """Return the last entry of a chain. Positions have no gaps, so that leaps and halves find it in few reads."""
    found = await store.read(population, 0, 1)
    if not found:
        return None
    last, leap = found[0], 1
    while found := await store.read(population, last.sequence + leap, 1):
        last, leap = found[0], 2 * leap
    while leap := leap // 2:
        if found := await store.read(population, last.sequence + leap, 1):
            last = found[0]
    return last
