"""What a snapshot holds of a chain, looked up and not loaded: a SQLite file beside the store, made anew at will.

It is one replica's cache of its own fold, bound to the hash of an entry: the chain is the truth, and where the chain
does not have that entry the snapshot is nothing. Rows are only ever added, each with the position that it belongs to;
a reader looks at those up to the position that it has taken up, whatever a writer has added meanwhile.
"""

import sqlite3
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.archive_rows import (
    CHUNK,
    FORMAT,
    ended_texts,
    index_key,
    open_texts,
    read_scope,
    scope_text,
)
from sfumato_accountant.ledger.events import Versions
from sfumato_accountant.ledger.odometer import SUMS, micros
from sfumato_accountant.ledger.paid_texts import EndedTexts, OpenTexts
from sfumato_accountant.stores.ports import StoreUnavailable

_MAPPED_BYTES: Final = 1 << 40
_PAGE: Final = 100
_NEWEST: Final = 1 << 62


class Archive:
    """A snapshot as it was at one position."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises ValueError for one that holds no snapshot of this format, and sqlite3.Error."""
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        if self._connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
            raise ValueError("the snapshot has another format")
        self.reload()

    def reload(self) -> None:
        """Go on to the position that was written last."""
        row = self._one("SELECT population, sequence, hash, at, key_id, signature, queries FROM head")
        if row is None:
            raise ValueError("the snapshot is empty")
        self.population: str = row[0]
        self.sequence: int = row[1]
        """Position up to which it goes."""
        self.entry_hash: bytes = row[2]
        self.at = datetime.fromisoformat(row[3])
        self.signature: tuple[str, bytes] = (row[4], row[5])
        self.ended_count: int = row[6]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # Queries.

    def query(self, query_id: str) -> EndedTexts | None:
        """Return a query that had ended; None: there is none."""
        row = self._one("SELECT body FROM queries WHERE id = ? AND ended <= ?", query_id, self.sequence)
        return None if row is None else ended_texts(row[0])

    def knows(self, query_id: str) -> bool:
        """Return whether a query had ended."""
        return self._one("SELECT 1 FROM queries WHERE id = ? AND ended <= ?", query_id, self.sequence) is not None

    def releases(self, plan_digest: bytes, versions: Versions) -> list[str]:
        """Return the committed queries of a question on such versions, by their terminals."""
        return self._ids("release", index_key(plan_digest, versions))

    def relatives(self, family_digest: bytes, versions: Versions) -> list[str]:
        """Return the committed queries of a family on such versions, by their terminals."""
        return self._ids("family", index_key(family_digest, versions))

    def sharers(self, query_id: str) -> frozenset[ScopeKey]:
        """Return the scopes that paid for a release later, with queries that share it."""
        rows = self._all("SELECT scope FROM payers WHERE source = ?", query_id)
        return frozenset(read_scope(scope) for (scope,) in rows)

    def newest_first(self, names: Collection[str] | None, until: datetime | None) -> Iterator[EndedTexts]:
        """Iterate over ended queries, the last that was paid first; see Fold.queries_newest_first."""
        at = _NEWEST if until is None else micros(until)
        if names is None:
            places = self._places("SELECT paid_at, number FROM queries WHERE ", "number", (), at)
        else:
            statement = "SELECT paid_at, query FROM named WHERE name = (SELECT number FROM names WHERE name = ?) AND "
            each = [self._places(statement, "query", (name,), at) for name in set(names)]
            places = (place for place, _ in groupby(merge(*each, reverse=True)))
        for _, number in places:
            row = self._one("SELECT body FROM queries WHERE number = ?", number)
            if row is not None:
                yield ended_texts(row[0])

    def _places(self, start: str, number: str, values: tuple[str, ...], at: int) -> Iterator[tuple[int, int]]:
        """Iterate over time and number of queries that a statement finds, the last that was paid first."""
        ended = self.ended_count
        statement = (
            f"{start} {number} < ? AND (paid_at, {number}) < (?, ?) ORDER BY paid_at DESC, {number} DESC LIMIT ?"
        )
        place = (at, _NEWEST)
        while True:
            rows: list[Any] = self._all(statement, *values, ended, *place, _PAGE)
            yield from rows
            if len(rows) < _PAGE:
                return
            place = rows[-1]

    # What is loaded with it.

    def open_queries(self) -> dict[str, OpenTexts]:
        """Return the queries that had no terminal, in the order of the chain."""
        rows = self._all("SELECT id, body FROM open ORDER BY place")
        return {query_id: open_texts(body) for query_id, body in rows}

    def events(self) -> list[tuple[str, int, datetime]]:
        """Return text, position and time of all events that neither pay nor end a query."""
        rows = self._all("SELECT text, sequence, at FROM events WHERE sequence <= ? ORDER BY rowid", self.sequence)
        return [(text, sequence, datetime.fromisoformat(at)) for text, sequence, at in rows]

    def payments(self) -> "dict[ScopeKey, ArchivedPayments]":
        """Return what every scope had paid."""
        last = "SELECT scope, max(first) FROM payments GROUP BY scope"
        scopes = [(read_scope(scope), first) for scope, first in self._all(last)]
        return {scope: ArchivedPayments(self, scope, first) for scope, first in scopes}

    # The chain.

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of an entry up to `sequence` of the archive; empty: there is none."""
        statement = "SELECT first, hashes FROM hashes WHERE first <= ? ORDER BY first DESC LIMIT 1"
        row = self._one(statement, sequence) if 0 <= sequence <= self.sequence else None
        if row is None:
            return b""
        place = 32 * (sequence - row[0])
        return bytes(row[1][place : place + 32])

    def chunk(self, scope: str, at: int | None, first: int) -> bytes | None:
        """Return times and sums of payments of a scope around an instant, or of the last ones up to `first`."""
        statement = (
            "SELECT sums FROM payments WHERE scope = ? AND first <= ? AND first_at <= ? ORDER BY first DESC LIMIT 1"
        )
        row = self._one(statement, scope, first, _NEWEST if at is None else at)
        return None if row is None else bytes(row[0])

    def _ids(self, column: str, key: bytes) -> list[str]:
        statement = f"SELECT id FROM queries WHERE {column} = ? AND ended <= ? ORDER BY number"  # noqa: S608
        return [query_id for (query_id,) in self._all(statement, key, self.sequence)]

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        return next(iter(self._all(statement, *values)), None)

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._path.unlink(missing_ok=True)  # a cache that cannot be read: the next start folds the chain
            raise StoreUnavailable("the snapshot cannot be read") from error


class ArchivedPayments:
    """What a scope had paid at the position of a snapshot. The last chunk is kept once it is read; others are not."""

    def __init__(self, archive: Archive, scope: ScopeKey, last: int) -> None:
        self._archive = archive
        self._scope = scope_text(scope)
        self._last = last

    @property
    def count(self) -> int:
        """How many payments there were."""
        return self._last + len(self._kept[0])

    @property
    def sums(self) -> tuple[int, ...]:
        """Of all of them; see Odometer."""
        return tuple(column[-1] for column in self._kept[1])

    def until(self, at_micros: int) -> tuple[int, ...]:
        """Return the sums of the payments before an instant, or at it."""
        times, sums = self._kept
        if at_micros < times[0]:
            chunk = self._archive.chunk(self._scope, at_micros, self._last)
            if chunk is None:
                return (0,) * SUMS
            times, sums = _columns(chunk)
        place = bisect_right(times, at_micros) - 1
        return tuple(column[place] for column in sums)

    @cached_property
    def _kept(self) -> "tuple[array[int], tuple[array[int], ...]]":
        chunk = self._archive.chunk(self._scope, None, self._last)
        assert chunk is not None
        return _columns(chunk)


def _columns(blob: bytes) -> "tuple[array[int], tuple[array[int], ...]]":
    numbers = array("q")
    numbers.frombytes(blob)
    count = len(numbers) // (1 + SUMS)
    assert count <= CHUNK
    times, *sums = (numbers[n * count : (n + 1) * count] for n in range(1 + SUMS))
    return times, tuple(sums)
