"""From one layout of the stores to the next: an act of an operator, while no accountant runs.

A store of another layout is refused at the door, so that nobody misreads it. A migration is repeated safely: what was
cut off is begun again. It changes how entries lie in the store, never what is hashed.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from sfumato_accountant.stores.documents import document_entry
from sfumato_accountant.stores.opening import sqlite_path
from sfumato_accountant.stores.ports import SCHEMA_VERSION, StoreUnavailable, StoreVersionUnknown

_PAGE: Final = 1000
_ENTRIES_2: Final = """CREATE TABLE entries_2 (population TEXT, sequence INTEGER, at TEXT NOT NULL, proof BLOB NOT NULL,
  payloads TEXT NOT NULL, facts BLOB NOT NULL, key_id TEXT NOT NULL,
  PRIMARY KEY (population, sequence)) STRICT, WITHOUT ROWID"""


def migrate(url: str) -> tuple[int, int]:
    """Bring a store to the layout of this version; return the layout before and after.

    Raises:
        StoreVersionUnknown: its layout is a later one, or there is no store.
        StoreUnavailable: it is away, in use, or full. Nothing is half done.
        ValueError: the address is of no known kind.
    """
    try:
        if urlsplit(url).scheme == "sqlite":
            return _migrate_sqlite(sqlite_path(url))
        return _migrate_mongodb(url)
    except (sqlite3.Error, PyMongoError) as error:
        raise StoreUnavailable(type(error).__name__) from error


def _migrate_sqlite(path: Path) -> tuple[int, int]:
    """One transaction for all steps."""
    if not path.exists():
        raise StoreVersionUnknown(f"there is no store at {path}")
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN EXCLUSIVE")
        before = _checked(int(connection.execute("PRAGMA user_version").fetchone()[0]))
        for version in range(before, SCHEMA_VERSION):
            _SQLITE_STEPS[version](connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        connection.close()  # what was not committed is rolled back
    return before, SCHEMA_VERSION


def _sqlite_from_1(connection: sqlite3.Connection) -> None:
    """Entries were JSON documents; now they are rows of their parts. Copies of claims are made at the next fold."""
    connection.execute(_ENTRIES_2)
    rows = connection.cursor().execute("SELECT body FROM entries ORDER BY population, sequence")
    for (body,) in rows:
        entry = document_entry(json.loads(body))
        connection.execute("INSERT INTO entries_2 VALUES (?, ?, ?, ?, ?, ?, ?)", entry)
    connection.execute("DROP TABLE entries")
    connection.execute("ALTER TABLE entries_2 RENAME TO entries")


def _migrate_mongodb(url: str) -> tuple[int, int]:
    """The note of the layout changes last, so that a migration that was cut off begins again."""
    name = parse_uri(url)["database"]
    if not name:
        raise ValueError("the address of the store names no database: mongodb://HOST/DATABASE")
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=5_000) as client:
        database = client.get_database(name, write_concern=WriteConcern(w="majority", j=True))
        found = database["meta"].find_one({"_id": "layout"})
        if found is None:
            raise StoreVersionUnknown(f"there is no store in the database {name}")
        before = _checked(int(found["version"]))
        # From 1 to 2 documents may have one field more, which nobody misses: nothing is to be rewritten.
        if before != SCHEMA_VERSION:
            database["meta"].replace_one({"_id": "layout"}, {"version": SCHEMA_VERSION})
    return before, SCHEMA_VERSION


def _checked(version: int) -> int:
    if not 1 <= version <= SCHEMA_VERSION:
        raise StoreVersionUnknown(
            f"the store has layout {version}; this version of Sfumato knows 1 to {SCHEMA_VERSION}"
        )
    return version


_SQLITE_STEPS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _sqlite_from_1}
