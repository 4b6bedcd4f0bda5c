"""Snapshots of this replica's folds: where they lie, and when they are written.

A folder belongs to one process at a time; replicas that are given the same one take places of their own in it. A
snapshot is never needed: what is missing, of another format, or not of this chain is made anew from the chain.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
from pathlib import Path
from threading import Event
from typing import Final

from sfumato_accountant.ledger.archive import Archive
from sfumato_accountant.ledger.archiving import Stopped, attach, capture, changed_since, load, write
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.stores.ports import LedgerStore, StoreUnavailable

EVERY: Final = 20_000
"""Entries between two snapshots of a chain."""
AT_LEAST: Final = 1_000
"""Entries for which one is written at the end."""
_PLACES: Final = 16
_CLOSING_SECONDS: Final = 5.0
"""How long an end waits for a snapshot that is being written."""

_log = logging.getLogger(__name__)


class SnapshotFolder:
    """A folder for the snapshots of one process. Taken while it is open."""

    def __init__(self, root: Path) -> None:
        """Take a place in a folder, which is made if it is absent. Raises OSError where none is free."""
        for place in range(_PLACES):
            self.path = root / str(place)
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                continue
            return
        raise OSError(f"{root} holds the snapshots of {_PLACES} running accountants already")

    def of(self, population: str, store: LedgerStore, *, every: int = EVERY, at_least: int = AT_LEAST) -> "Snapshots":
        """Return the snapshots of a chain."""
        path = self.path / f"{population.partition('/')[2]}.sqlite"
        return Snapshots(path, population, store, every=every, at_least=at_least)

    def close(self) -> None:
        """Leave the place to others."""
        os.close(self._lock)


class Snapshots:
    """The snapshot of one chain: found at the start, extended in the background."""

    def __init__(self, path: Path, population: str, store: LedgerStore, *, every: int, at_least: int) -> None:
        self._path = path
        self._population = population
        self._store = store
        self._every = every
        self._at_least = at_least
        self._writing: asyncio.Task[None] | None = None
        self._given_up = False
        self._stop = Event()

    async def restored(self) -> Fold | None:
        """Return the fold of the snapshot, if there is one and the chain has its last entry; else None.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        if not self._path.exists():
            return None
        try:
            archive = Archive(self._path)
            entries = await self._store.read(self._population, archive.sequence, 1)
            known = [(entry.population, entry.sequence, entry.entry_hash) for entry in entries]
            if known == [(archive.population, archive.sequence, archive.entry_hash)]:
                return load(archive)
            archive.close()
            _log.warning("the snapshot of %s is not of this chain: it is made anew", self._population)
        except (sqlite3.Error, ValueError, KeyError, IndexError) as error:
            _log.warning("the snapshot of %s cannot be read (%s)", self._population, type(error).__name__)
        self._discard()
        return None

    def consider(self, fold: Fold) -> None:
        """Begin to write what a fold has beyond its snapshot, if that is much. Not inside a tentative block."""
        idle = self._writing is None or self._writing.done()
        if idle and not self._given_up and changed_since(fold) >= self._every:
            self._writing = asyncio.create_task(self._extend(fold))

    async def close(self, fold: Fold) -> None:
        """Finish what is being written, and write what is new: if it is worth while, and soon done."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=_CLOSING_SECONDS)
            self._stop.set()
            await asyncio.wait([self._writing])
            self._stop.clear()
        if not self._given_up and self._at_least <= changed_since(fold) <= 2 * self._every:
            await self._extend(fold)
        if fold.archive is not None:
            fold.archive.close()

    async def _extend(self, fold: Fold) -> None:
        captured = capture(self._population, fold)
        try:
            await asyncio.to_thread(write, self._path, captured, self._stop)
            archive = fold.archive
            if archive is None:
                archive = Archive(self._path)
            else:
                archive.reload()
            attach(fold, archive, captured)
        except Stopped:
            self._given_up = True
        except (sqlite3.Error, OSError, StoreUnavailable) as error:
            self._given_up = True  # the fold is whole without it
            _log.warning("no snapshot of %s is written (%s)", self._population, type(error).__name__)

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
