"""From a fold to its snapshot, and back: what is captured at one instant, written in a thread, and let go of."""

import sqlite3
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Final

from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.archive import Archive
from sfumato_accountant.ledger.archive_rows import CHUNK, FORMAT, SCHEMA, open_row, query_row, scope_text
from sfumato_accountant.ledger.claim_facts import digests_of
from sfumato_accountant.ledger.events import read_event
from sfumato_accountant.ledger.fold import Fold, Position
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.odometer import Odometer
from sfumato_accountant.ledger.paid_texts import EndedTexts, OpenTexts
from sfumato_accountant.ledger.plain_events import COMMITTED

_BATCH: Final = 500
_HASH: Final = 32


@dataclass(frozen=True)
class Capture:
    """What a fold holds beyond its archive, at one position. Nothing of it changes afterwards."""

    population: str
    head: Position
    signature: tuple[str, bytes]
    first_hash: int
    """Position of the first of `hashes`."""
    hashes: bytes
    ended: list[EndedTexts]
    ended_count: int
    """With those that were archived before."""
    open: list[OpenTexts]
    events: list[tuple[str, int, datetime]]
    payments: "dict[ScopeKey, tuple[int, tuple[array[int], ...]]]"
    """Number of the first payment; times and sums."""
    sharers: dict[str, frozenset[ScopeKey]]


def capture(population: str, fold: Fold) -> Capture:
    """Return what must be added to a fold's archive. Not inside a tentative block."""
    archived = 0 if fold.archive is None else fold.archive.ended_count
    payments = {}
    for scope, odometer in fold.odometers.items():
        columns = odometer.columns()
        if columns[0]:
            payments[scope] = (odometer.count - len(columns[0]), columns)
    return Capture(
        population=population,
        head=fold.head,
        signature=fold.signature,
        first_hash=fold.head.sequence + 1 - len(fold.hashes) // _HASH,
        hashes=bytes(fold.hashes),
        ended=list(fold.ended.values()),
        ended_count=archived + len(fold.ended),
        open=list(fold.open.values()),
        events=list(fold.told),
        payments=payments,
        sharers=dict(fold.sharers),
    )


class Stopped(Exception):  # noqa: N818
    """Nobody wants the snapshot any more."""


def write(path: Path, captured: Capture, stop: Event) -> None:
    """Add what was captured to a file, in one transaction.

    Args:
        path: the file, made if it is absent.
        captured: what its fold holds beyond it.
        stop: may be set at any time.

    Raises:
        Stopped, sqlite3.Error, OSError: nothing is changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # may lose the last snapshot, and never half of one
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        _write_queries(connection, captured, stop)
        _write_rest(connection, captured)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _write_queries(connection: sqlite3.Connection, captured: Capture, stop: Event) -> None:
    rows = enumerate(captured.ended, start=captured.ended_count - len(captured.ended))
    numbers = dict(connection.execute("SELECT name, number FROM names"))
    while batch := [query_row(number, texts) for number, texts in islice(rows, _BATCH)]:
        connection.executemany("INSERT INTO queries VALUES (?, ?, ?, ?, ?, ?, ?)", [row[:-1] for row in batch])
        for name in sorted({name for row in batch for name in row.names} - numbers.keys()):
            numbers[name] = connection.execute("INSERT INTO names (name) VALUES (?)", (name,)).lastrowid
        named = ((numbers[name], row.paid_at, row.number) for row in batch for name in row.names)
        connection.executemany("INSERT INTO named VALUES (?, ?, ?)", named)
        if stop.is_set():
            raise Stopped


def _write_rest(connection: sqlite3.Connection, captured: Capture) -> None:
    connection.execute("DELETE FROM open")
    opened = (open_row(place, texts) for place, texts in enumerate(captured.open))
    connection.executemany("INSERT INTO open VALUES (?, ?, ?)", opened)
    payers = ((source, scope_text(scope)) for source, scopes in captured.sharers.items() for scope in scopes)
    connection.executemany("INSERT INTO payers VALUES (?, ?) ON CONFLICT DO NOTHING", payers)
    told = ((sequence, at.isoformat(), text) for text, sequence, at in captured.events)
    connection.executemany("INSERT INTO events VALUES (?, ?, ?)", told)
    connection.executemany("INSERT INTO payments VALUES (?, ?, ?, ?)", _payment_rows(captured))
    connection.executemany("INSERT INTO hashes VALUES (?, ?)", _hash_rows(captured))
    sequence, entry_hash, at = captured.head
    head = (captured.population, sequence, entry_hash, at.isoformat(), *captured.signature, captured.ended_count)
    connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?, ?, ?)", head)


def _payment_rows(captured: Capture) -> Iterator[tuple[str, int, int, bytes]]:
    for scope, (first, columns) in captured.payments.items():
        for start in range(0, len(columns[0]), CHUNK):
            part = [column[start : start + CHUNK] for column in columns]
            yield scope_text(scope), part[0][0], first + start, b"".join([column.tobytes() for column in part])


def _hash_rows(captured: Capture) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(captured.hashes) // _HASH, CHUNK):
        yield captured.first_hash + start, captured.hashes[_HASH * start : _HASH * (start + CHUNK)]


def attach(fold: Fold, archive: Archive, captured: Capture) -> None:
    """Let a fold look up what was written, and let go of it. Not inside a tentative block."""
    fold.archive = archive
    fold.ended = dict(islice(fold.ended.items(), len(captured.ended), None))
    fold.answering.clear()
    fold.related.clear()
    for query_id, texts in fold.ended.items():
        if texts[5].startswith(COMMITTED):
            fold.index(query_id, *digests_of(texts[1]))
    fold.sharers = {source: now for source, now in fold.sharers.items() if captured.sharers.get(source) != now}
    del fold.told[: len(captured.events)]
    del fold.hashes[: len(captured.hashes)]
    payments = archive.payments()
    for scope, (_, columns) in captured.payments.items():
        fold.odometers[scope].archive(payments[scope], len(columns[0]))


def load(archive: Archive) -> Fold:
    """Return the fold as it was when its snapshot was captured."""
    fold = Fold()
    fold.archive = archive
    for text, sequence, at in archive.events():
        apply(fold, read_event(text), {}, sequence, at)
    fold.told.clear()
    fold.odometers = {scope: Odometer(before) for scope, before in archive.payments().items()}
    fold.open = archive.open_queries()
    fold.head = Position(archive.sequence, archive.entry_hash, archive.at)
    fold.signature = archive.signature
    return fold


def changed_since(fold: Fold) -> int:
    """Return how many entries a fold has beyond its archive."""
    return fold.head.sequence - (-1 if fold.archive is None else fold.archive.sequence)
