"""The ports on SQLite: ledger and records in one file; how it is read and written is in `sqlite_threads`."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sfumato_accountant.stores.ports import Record, Side, SideKind, StoredEntry
from sfumato_accountant.stores.sqlite_threads import SqliteThreads

_VARIABLES: Final = 500
_FEW: Final = 16
"""Rows that are read at once."""
_LAST: Final = "\U0010ffff"
_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_SELECT: Final = "SELECT * FROM entries WHERE population = ? AND sequence >= ? ORDER BY sequence LIMIT ?"


class SqliteLedgerStore:
    """LedgerStore on SQLite."""

    def __init__(self, threads: SqliteThreads) -> None:
        self._threads = threads

    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        """Insert an entry and its sides in one transaction; see LedgerStore."""
        rows = [(side.kind.value, side.id, side.body) for side in sides]

        def run(connection: sqlite3.Connection) -> bool:
            if rows:
                connection.executemany("INSERT INTO sides VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
            return connection.execute(_INSERT, entry).rowcount == 1

        return await self._threads.run(run, writes=True)

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        """Read a part of a chain; see LedgerStore."""

        def rows(connection: sqlite3.Connection, most: int) -> list[tuple[Any, ...]]:
            return connection.execute(_SELECT, (population, start_sequence, most)).fetchall()

        found = self._threads.read_at_once(lambda connection: rows(connection, min(limit, _FEW)))
        if len(found) == _FEW < limit:  # more than the new end of a chain
            found = await self._threads.run(lambda connection: rows(connection, limit), writes=False)
        return [StoredEntry._make(row) for row in found]

    def reaches(self, population: str, sequence: int) -> bool:
        """Return whether an entry stands at a position or behind it; see LedgerStore."""
        statement = "SELECT 1 FROM entries WHERE population = ? AND sequence >= ? LIMIT 1"
        return self._threads.read_at_once(
            lambda connection: connection.execute(statement, (population, sequence)).fetchone() is not None
        )

    async def put_side(self, side: Side) -> bytes | None:
        """Put a side record if absent; see LedgerStore."""

        def run(connection: sqlite3.Connection) -> bytes | None:
            inserted = connection.execute(
                "INSERT INTO sides VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (side.kind.value, side.id, side.body)
            )
            if inserted.rowcount == 1:
                return None
            found = connection.execute("SELECT body FROM sides WHERE kind = ? AND id = ?", (side.kind.value, side.id))
            return bytes(found.fetchone()[0])

        return await self._threads.run(run, writes=True)

    async def get_sides(self, kind: SideKind, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Read side records; see LedgerStore."""
        if not ids:
            return {}

        def run(connection: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for start in range(0, len(ids), _VARIABLES):
                part = ids[start : start + _VARIABLES]
                marks = ",".join("?" * len(part))
                statement = f"SELECT id, body FROM sides WHERE kind = ? AND id IN ({marks})"  # noqa: S608 (marks alone)
                found.update((id_, bytes(body)) for id_, body in connection.execute(statement, (kind.value, *part)))
            return found

        if len(ids) <= _FEW:
            return self._threads.read_at_once(run)
        return await self._threads.run(run, writes=False)

    async def list_side_ids(self, kind: SideKind) -> list[str]:
        """List ids of side records; see LedgerStore."""

        def run(connection: sqlite3.Connection) -> list[str]:
            return [id_ for (id_,) in connection.execute("SELECT id FROM sides WHERE kind = ? ORDER BY id", (kind,))]

        return await self._threads.run(run, writes=False)

    async def list_sides(self, kind: SideKind, *, after: str = "", limit: int) -> list[Side]:
        """List side records; see WholeLedgerStore."""

        def run(connection: sqlite3.Connection) -> list[Side]:
            statement = "SELECT id, body FROM sides WHERE kind = ? AND id > ? ORDER BY id LIMIT ?"
            return [Side(kind, id_, bytes(body)) for id_, body in connection.execute(statement, (kind, after, limit))]

        return await self._threads.run(run, writes=False)

    async def now(self) -> datetime | None:
        """Return None: SQLite has no clock of its own."""
        return None


class SqliteRecordStore:
    """RecordStore on SQLite."""

    def __init__(self, threads: SqliteThreads) -> None:
        self._threads = threads

    async def insert(self, kind: str, id: str, body: bytes, etag: str) -> bool:  # noqa: A002
        """Put a new document; see RecordStore."""
        return await self._change(
            "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (kind, id, body, etag)
        )

    async def replace(self, kind: str, id: str, body: bytes, etag: str, expected_etag: str) -> bool:  # noqa: A002
        """Replace a document; see RecordStore."""
        statement = "UPDATE records SET body = ?, etag = ? WHERE kind = ? AND id = ? AND etag = ?"
        return await self._change(statement, (body, etag, kind, id, expected_etag))

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002
        """Read a document; see RecordStore."""

        def run(connection: sqlite3.Connection) -> Record | None:
            statement = "SELECT id, body, etag FROM records WHERE kind = ? AND id = ?"
            row = connection.execute(statement, (kind, id)).fetchone()
            return None if row is None else Record(row[0], bytes(row[1]), row[2])

        return self._threads.read_at_once(run)

    async def list(self, kind: str, *, after: str = "", prefix: str = "", limit: int) -> list[Record]:
        """List documents; see RecordStore."""

        def run(connection: sqlite3.Connection) -> list[Record]:
            condition = "kind = ? AND id > ? AND id >= ? AND id < ?"
            statement = f"SELECT id, body, etag FROM records WHERE {condition} ORDER BY id LIMIT ?"  # noqa: S608
            rows = connection.execute(statement, (kind, after, prefix, prefix + _LAST, limit))
            return [Record(id_, bytes(body), etag) for id_, body, etag in rows]

        return await self._threads.run(run, writes=False)

    async def kinds(self) -> tuple[str, ...]:
        """Tell kinds of documents; see WholeRecordStore."""

        def run(connection: sqlite3.Connection) -> tuple[str, ...]:
            found = connection.execute("SELECT DISTINCT kind FROM records ORDER BY kind")
            return tuple(kind for (kind,) in found)

        return await self._threads.run(run, writes=False)

    async def delete(self, kind: str, id: str) -> bool:  # noqa: A002
        """Remove a document; see RecordStore."""
        return await self._change("DELETE FROM records WHERE kind = ? AND id = ?", (kind, id))

    async def _change(self, statement: str, values: tuple[str | bytes, ...]) -> bool:
        def run(connection: sqlite3.Connection) -> bool:
            return connection.execute(statement, values).rowcount == 1

        return await self._threads.run(run, writes=True)


class SqliteStores:
    """Both ports on one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._threads = SqliteThreads(path)
        self.ledger = SqliteLedgerStore(self._threads)
        self.records = SqliteRecordStore(self._threads)

    async def close(self) -> None:
        """Finish what is queued, and close the file."""
        await self._threads.close()
