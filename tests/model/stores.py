"""Stores in memory that behave as the real ones do on their worst days.

A call waits until the schedule lets it happen, happens at one instant, and waits again until its reply arrives. It may
also fail before anything is done, be done with its reply lost, or be done after its caller has given up. Reads are
majority reads: they see what has happened, and nothing else.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from sfumato_accountant.stores.ports import Record, Side, SideKind, StoredEntry, StoreUnavailable
from sfumato_executor.releases.objects import StoredKey, StoredObject, StoreUnavailableError, checked_key
from tests.model.stepping import OK, Stepper, wait

T = TypeVar("T")

AWAY: Final = "away"
"""Nothing is done, and the caller learns nothing."""
LOST: Final = "reply lost"
"""It is done, and the caller learns nothing."""
LATE: Final = "done late"
"""The caller gives up, and then it is done."""
TORN: Final = "torn"
"""Half of the bytes are put, and the caller learns nothing."""
WRITES: Final = (OK, AWAY, LOST, LATE)
READS: Final = (OK, AWAY)


@dataclass
class Books:
    """What is on disk of ledger and catalogue."""

    entries: dict[str, list[StoredEntry]] = field(default_factory=dict)
    sides: dict[tuple[SideKind, str], bytes] = field(default_factory=dict)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def copy(self) -> "Books":
        return Books({name: list(each) for name, each in self.entries.items()}, dict(self.sides), dict(self.records))

    def chain(self, population: str) -> list[StoredEntry]:
        return self.entries.setdefault(population, [])


class Disk:
    """The books that are there now: a restored backup takes their place."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.late: set[asyncio.Task[None]] = set()

    def restore(self, backup: Books) -> None:
        """Put a backup in place; what was still on its way to the old books is lost with them."""
        for task in self.late:
            task.cancel()
        self.books = backup.copy()


class MemoryLedger:
    """A LedgerStore of one process."""

    def __init__(self, disk: Disk, stepper: Stepper, replies: bool, reads_fail: bool) -> None:
        self._disk = disk
        self._stepper = stepper
        self._replies = replies
        self._reads = READS if reads_fail else (OK,)

    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        def insert() -> bool:
            books = self._disk.books
            for side in sides:
                books.sides.setdefault((side.kind, side.id), side.body)
            chain = books.chain(entry.population)
            # The unique key is (population, sequence): whoever has read the tail names the next one or a taken one.
            if entry.sequence < len(chain):
                return False
            assert entry.sequence == len(chain), "an append beyond the end would tear the chain"
            chain.append(entry)
            return True

        return await self._write(f"append {entry.sequence}", insert)

    async def put_side(self, side: Side) -> bytes | None:
        def put() -> bytes | None:
            there = self._disk.books.sides.get((side.kind, side.id))
            self._disk.books.sides.setdefault((side.kind, side.id), side.body)
            return there

        return await self._write(f"put {side.kind}", put)

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        if await self._stepper.pause("read", self._reads) == AWAY:
            raise StoreUnavailable("away")
        found = self._disk.books.chain(population)[start_sequence : start_sequence + limit]
        if self._replies and found:
            await self._stepper.pause("read: reply")
        return found

    def reaches(self, population: str, sequence: int) -> bool | None:
        return None

    async def get_sides(self, kind: SideKind, ids: Sequence[str]) -> Mapping[str, bytes]:
        sides = self._disk.books.sides
        return {each: sides[kind, each] for each in ids if (kind, each) in sides}

    async def list_side_ids(self, kind: SideKind) -> list[str]:
        return sorted(each for found, each in self._disk.books.sides if found == kind)

    async def now(self) -> datetime | None:
        return None

    async def _write(self, label: str, act: Callable[[], T]) -> T:
        outcome = await self._stepper.pause(label, WRITES)
        if outcome == LATE:
            later = asyncio.create_task(self._later(label, act))
            self._disk.late.add(later)
            later.add_done_callback(self._disk.late.discard)
        done = act() if outcome in (OK, LOST) else None
        if outcome != OK:
            raise StoreUnavailable(outcome)
        if self._replies:
            await self._stepper.pause(f"{label}: reply")
        return done  # type: ignore[return-value]

    async def _later(self, label: str, act: Callable[[], object]) -> None:
        await self._stepper.pause(f"{label}: late")
        act()


class MemoryRecords:
    """A RecordStore of one process. Only writes wait: what is read may change right behind the reading anyway."""

    def __init__(self, disk: Disk, stepper: Stepper) -> None:
        self._disk = disk
        self._stepper = stepper

    @property
    def _records(self) -> dict[tuple[str, str], Record]:
        return self._disk.books.records

    async def insert(self, kind: str, id: str, body: bytes, etag: str) -> bool:  # noqa: A002
        await self._stepper.pause(f"insert {kind}")
        if (kind, id) in self._records:
            return False
        self._records[kind, id] = Record(id, body, etag)
        return True

    async def replace(self, kind: str, id: str, body: bytes, etag: str, expected_etag: str) -> bool:  # noqa: A002
        await self._stepper.pause(f"replace {kind}")
        present = self._records.get((kind, id))
        if present is None or present.etag != expected_etag:
            return False
        self._records[kind, id] = Record(id, body, etag)
        return True

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002
        return self._records.get((kind, id))

    async def list(self, kind: str, *, after: str = "", prefix: str = "", limit: int) -> list[Record]:
        ids = sorted(
            each for found, each in self._records if found == kind and each.startswith(prefix) and each > after
        )
        return [self._records[kind, each] for each in ids[:limit]]

    async def delete(self, kind: str, id: str) -> bool:  # noqa: A002
        await self._stepper.pause(f"delete {kind}")
        return self._records.pop((kind, id), None) is not None


@dataclass(frozen=True)
class MemoryStores:
    """Both ports of one accountant."""

    ledger: MemoryLedger
    records: MemoryRecords

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class MemoryObjects:
    """An ObjectStore: blocking, called from greenlets. One for all processes, as a bucket is."""

    stepper: Stepper
    tears: bool = False
    """Whether a put may be torn, as in a store that does not keep its word."""
    at_hand: bool = False
    """Whether small objects can be read at once, as in a directory."""
    data: dict[str, bytes] = field(default_factory=dict)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        def put() -> bool:
            if key in self.data:
                return False
            self.data[key] = data
            return True

        def tear() -> None:
            self.data.setdefault(key, data[: len(data) // 2])

        return self._write(f"seal {checked_key(key)[-5:]}", put, tear)

    def read(self, key: str) -> StoredObject | None:
        if wait(self.stepper.pause("get", READS)) == AWAY:
            raise StoreUnavailableError("away")
        data = self.data.get(checked_key(key))
        return None if data is None else StoredObject(data, _version(data))

    def read_at_once(self, key: str, most: int) -> bytes | None:
        data = self.data.get(checked_key(key)) if self.at_hand else None
        return data if data is not None and len(data) <= most else None

    def replace(self, key: str, data: bytes, version: str | None) -> bool:
        def put() -> bool:
            present = self.data.get(key)
            if (None if present is None else _version(present)) != version:
                return False
            self.data[key] = data
            return True

        return self._write(f"replace {key}", put)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[StoredKey]:
        wait(self.stepper.pause("list"))
        for key in sorted(each for each in self.data if each.startswith(prefix) and each > after):
            yield StoredKey(key, datetime.fromtimestamp(0, UTC))

    def delete(self, key: str) -> None:
        self._write(f"delete {key[-5:]}", lambda: self.data.pop(key, None))

    def put_file(self, key: str, path: Path) -> None:
        raise NotImplementedError

    def get_file(self, key: str, path: Path) -> bool:
        raise NotImplementedError

    def check_writable(self) -> None:
        """It is, or `put_if_absent` will say that it is not."""

    def _write(self, label: str, act: Callable[[], T], tear: Callable[[], None] | None = None) -> T:
        outcomes = (*WRITES, TORN) if self.tears and tear is not None else WRITES
        outcome = wait(self.stepper.pause(label, outcomes))
        if outcome == TORN and tear is not None:
            tear()
        if outcome == LATE:
            self.stepper.loop.create_task(self._later(label, act))
        done = act() if outcome in (OK, LOST) else None
        if outcome != OK:
            raise StoreUnavailableError(outcome)
        return done  # type: ignore[return-value]

    async def _later(self, label: str, act: Callable[[], object]) -> None:
        await self.stepper.pause(f"{label}: late")
        act()


class PreparedForAll:
    """PreparedData of which every preparation is there: the engine of the model reads none."""

    def new_folder(self) -> Path:
        raise NotImplementedError

    def publish(self, preparation_id: str, folder: Path) -> bool:
        raise NotImplementedError

    def fetch(self, preparation_id: str) -> Path | None:
        return Path(preparation_id)

    def list_preparations(self) -> Iterator[str]:
        return iter(())

    def delete(self, preparation_id: str) -> None:
        raise AssertionError("nothing is to be deleted")

    def sweep_leftovers(self, before: datetime) -> None:
        """There are none."""


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
