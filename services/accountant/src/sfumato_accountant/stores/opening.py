"""Which adapter an address means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from sfumato_accountant.stores.sqlite import SqliteStores
from sfumato_accountant.stores.whole import WholeStores


async def open_stores(url: str) -> WholeStores:
    """Open sqlite:///PATH or mongodb://…/DATABASE (mongodb+srv too); pymongo is loaded only for the latter.

    Raises:
        ValueError: the address is of another kind.
        StoreUnavailable, StoreVersionUnknown: see the adapters.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteStores(sqlite_path(url))
    if scheme in ("mongodb", "mongodb+srv"):
        from sfumato_accountant.stores.mongodb import MongodbStores  # an optional part, 0.2 s to import

        return await MongodbStores.open(url)
    raise ValueError("the address of the store must begin with sqlite:// or mongodb://")


def sqlite_path(url: str) -> Path:
    """Return the file of sqlite:///PATH. Raises ValueError."""
    path = unquote(urlsplit(url).path)
    if not path.startswith("/") or len(path) < 2:
        raise ValueError("the address of an SQLite store is sqlite:///ABSOLUTE/PATH")
    return Path(path)
