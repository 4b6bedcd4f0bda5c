"""SQLite: one file, write-ahead log, full sync. For one machine; several processes may share the file.

Writes run in a dedicated thread (sqlite3 blocks). What waits there is run together: every write that has queued up
while the disk was busy goes into one transaction, so one fsync pays for all of them. Each operation keeps its own
outcome, and learns it only after that commit.

Reads see what is committed, on connections of their own: in write-ahead mode they never wait for a writer or for a
disk. A few rows by their key take microseconds, less than to hand them to a thread and back, and are read at once, on
the caller's thread; whatever may be long has a second thread.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sfumato_accountant.stores.ports import (
    SCHEMA_VERSION,
    StoreUnavailable,
    StoreVersionUnknown,
)

T = TypeVar("T")

_GROUP_LIMIT: Final = 256
_BUSY_SECONDS: Final = 10.0
_LOG_BYTES: Final = 4 * 1024 * 1024
"""1,000 pages: where SQLite checkpoints by itself."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (population TEXT, sequence INTEGER, at TEXT NOT NULL, proof BLOB NOT NULL,
  payloads TEXT NOT NULL, facts BLOB NOT NULL, key_id TEXT NOT NULL,
  PRIMARY KEY (population, sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sides (kind TEXT, id TEXT, body BLOB NOT NULL,
  PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, body BLOB NOT NULL, etag TEXT NOT NULL,
  PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;
"""


@dataclass(slots=True)
class _Operation(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    writes: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"


class SqliteThread:
    """A thread that owns a connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[_Operation[Any] | None] = queue.SimpleQueue()
        self._connection = _connect(path)
        self._thread = threading.Thread(target=self._serve, name="sqlite", daemon=True)
        self._closed = False
        self._thread.start()

    async def run(self, operation: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        """Run an operation in the thread. A writing one returns after its commit has reached the disk.

        An operation may run in a transaction with others: it must be one that leaves nothing behind when it raises.

        Raises:
            StoreUnavailable: SQLite refused: locked for too long, disk full, I/O error. Nothing of it was kept.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Operation(operation, writes, loop, future))
        return await future

    async def close(self) -> None:
        """Finish what is queued, and close the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            self._run_group(group)
            if last:
                break
        self._connection.close()

    def _gather(self, first: _Operation[Any]) -> tuple[list[_Operation[Any]], bool]:
        group = [first]
        while len(group) < _GROUP_LIMIT:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _run_group(self, group: list[_Operation[Any]]) -> None:
        outcomes: list[tuple[_Operation[Any], Any, Exception | None]] = []
        try:
            writes = any(each.writes for each in group)
            if writes:
                self._connection.execute("BEGIN IMMEDIATE")
            outcomes.extend((each, each.run(self._connection), None) for each in group)
            if writes:
                self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  (it reaches every caller; the thread lives on)
            self._roll_back()
            outcomes = [(each, None, StoreUnavailable(type(error).__name__)) for each in group]
        _deliver(outcomes)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class SqliteThreads:
    """The two threads of a file, and the connection for short reads."""

    def __init__(self, path: Path) -> None:
        self._writing = SqliteThread(path)
        self._reading = SqliteThread(path)
        _grow_log(path)
        self._at_once = _connect(path)
        self._at_once.execute("PRAGMA query_only = ON")
        self._closed = False

    def read_at_once(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read of a few rows, found by their key, on this thread.

        Raises:
            StoreUnavailable: SQLite refused.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        try:
            return operation(self._at_once)
        except sqlite3.Error as error:
            raise StoreUnavailable(type(error).__name__) from error

    async def run(self, operation: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        """Run an operation in the thread that it belongs to; see SqliteThread.run."""
        return await (self._writing if writes else self._reading).run(operation, writes=writes)

    async def close(self) -> None:
        """Finish what is queued, and close the file."""
        if not self._closed:
            self._closed = True
            self._at_once.close()
        await self._reading.close()
        await self._writing.close()


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file. Raises StoreUnavailable, with what SQLite says of it, and StoreVersionUnknown."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _open_schema(connection)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path} cannot be opened: {error}") from error
    return connection


def _grow_log(path: Path) -> None:
    """Give the write-ahead log the size at which SQLite begins it anew.

    A commit that makes the log longer waits for the file system's journal too, which on a busy disk takes ten times as
    long as to write over what is there. Raises StoreUnavailable.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size >= _LOG_BYTES:
        return
    connection = _connect(path)
    try:
        filler = ("filler", "", _LOG_BYTES)
        connection.execute("INSERT OR REPLACE INTO sides VALUES (?, ?, zeroblob(?))", filler)
        connection.execute("DELETE FROM sides WHERE kind = ?", filler[:1])
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} cannot be written: {error}") from error
    finally:
        connection.close()


def _deliver(outcomes: list[tuple[_Operation[Any], Any, Exception | None]]) -> None:
    """Hand results to the event loops, one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Operation[Any], Any, Exception | None]]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].loop, []).append(outcome)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(outcomes: list[tuple[_Operation[Any], Any, Exception | None]]) -> None:
    for operation, value, error in outcomes:
        if operation.future.done():  # its caller went away
            continue
        if error is not None:
            operation.future.set_exception(error)
        else:
            operation.future.set_result(value)


def _open_schema(connection: sqlite3.Connection) -> None:
    """Create the tables of an empty file; refuse those of another version."""
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version not in (0, SCHEMA_VERSION):
        connection.execute("ROLLBACK")
        connection.close()
        raise StoreVersionUnknown(f"the store has layout {version}; this version of Sfumato knows {SCHEMA_VERSION}")
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
