"""The note in a store that a restore is not finished: no accountant opens it."""

from typing import Final

from sfumato_accountant.stores.ports import RecordStore

_KIND: Final = "restore"
_ID: Final = "unfinished"


class StoreUnfinished(Exception):  # noqa: N818  (a state of the store)
    """A restore into this store did not come to its end: empty it, and restore again."""


async def begin(records: RecordStore) -> None:
    """Note that the store is being filled."""
    await records.insert(_KIND, _ID, b"", "1")


async def finish(records: RecordStore) -> None:
    """Note that the store is whole."""
    await records.delete(_KIND, _ID)


async def require_finished(records: RecordStore) -> None:
    """Return if the store is whole. Raises StoreUnfinished."""
    if await records.get(_KIND, _ID) is not None:
        raise StoreUnfinished
