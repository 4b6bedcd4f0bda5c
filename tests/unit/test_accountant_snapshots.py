"""When snapshots are written, whose they are, and what is done with one that does not fit."""

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.snapshots import SnapshotFolder
from sfumato_accountant.ledger.tail import take_up_read
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import StoredEntry, StoreUnavailable
from sfumato_accountant.stores.sqlite import SqliteLedgerStore, SqliteStores
from sfumato_mesh.clock import SystemClock
from tests.properties.chain_maker import KEYS, POPULATION, ChainMaker, query_id


class Counting(SqliteLedgerStore):
    """A store that counts what is read."""

    read_count = 0

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        found = await super().read(population, start_sequence, limit)
        self.read_count += len(found)
        return found


class Bench:
    """A chain of 120 entries, all or some of them in a store, and a folder for snapshots."""

    def __init__(self, store: Counting, folder: Path) -> None:
        self.store = store
        self.folder = folder
        maker = ChainMaker(random.Random(7))
        maker.grow(120)
        self.entries = maker.entries
        self.paid = maker.paid

    async def put(self, entries: Sequence[StoredEntry]) -> None:
        for entry in entries:
            assert await self.store.append(entry)

    async def opened(self, folder: SnapshotFolder, every: int = 10**6, *, stopped: bool = False) -> Chain:
        """Return a chain that has read all there is."""
        snapshots = folder.of(POPULATION, self.store, every=every, at_least=20)
        if stopped:
            snapshots._stop.set()
        timekeeper = Timekeeper(SystemClock(), self.store)
        chain = Chain(POPULATION, self.store, Claims(self.store), KEYS[0], timekeeper, snapshots=snapshots)
        self.store.read_count = 0
        await chain.refresh()
        return chain

    def expected(self, count: int) -> Fold:
        fold = Fold()
        take_up_read(fold, POPULATION, self.entries[:count], {})
        return fold

    def file(self) -> Path:
        return self.folder / "0" / "palmer.sqlite"

    def check(self, chain: Chain, count: int) -> None:
        fold, expected = chain.fold, self.expected(count)
        assert (fold.head, fold.spent, fold.grants) == (expected.head, expected.spent, expected.grants)
        queries = [query_id(n) for n in range(self.paid)]
        assert [fold.query(each) for each in queries] == [expected.query(each) for each in queries]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    stores = SqliteStores(tmp_path / "ledger.sqlite")
    yield Bench(Counting(stores._threads), tmp_path / "snapshots")
    await stores.close()


async def written(bench: Bench, count: int) -> None:
    """Leave a snapshot of the first entries."""
    await bench.put(bench.entries[:count])
    folder = SnapshotFolder(bench.folder)
    await (await bench.opened(folder)).close()
    folder.close()


async def test_the_next_start_reads_the_tail_alone(bench: Bench) -> None:
    await written(bench, 80)
    await bench.put(bench.entries[80:100])
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder)
    assert bench.store.read_count <= 1 + 16 + 20  # the snapshot's entry, a first look, the tail
    bench.check(chain, 100)
    await chain.close()
    chain = await bench.opened(folder)
    assert bench.store.read_count == 1  # closing wrote the rest
    bench.check(chain, 100)
    await chain.close()
    folder.close()


async def test_a_few_entries_are_not_worth_a_snapshot(bench: Bench) -> None:
    await written(bench, 19)
    assert not bench.file().exists()


async def test_snapshots_are_written_while_the_chain_is_used(bench: Bench) -> None:
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder, every=10)
    for start in range(0, 120, 6):
        await bench.put(bench.entries[start : start + 6])
        await chain.refresh()
        bench.check(chain, start + 6)
    async with asyncio.timeout(60):
        while chain.fold.archive is None or chain.fold.archive.sequence < 60:
            await chain._read()
            await asyncio.sleep(0.01)
    bench.check(chain, 120)
    assert len(chain.fold.hashes) < 32 * 60
    await chain.close()
    folder.close()


@pytest.mark.parametrize("kept", [0, 40, 79])
async def test_a_snapshot_that_is_ahead_of_a_restored_store_is_nothing(bench: Bench, kept: int) -> None:
    await written(bench, 80)
    await bench.store._threads.run(
        lambda connection: connection.execute("DELETE FROM entries WHERE sequence >= ?", (kept,)).rowcount, writes=True
    )
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder)
    bench.check(chain, kept) if kept else None
    assert chain.fold.head.sequence == kept - 1
    await chain.close()
    folder.close()


async def test_a_snapshot_of_another_chain_is_nothing(bench: Bench) -> None:
    await written(bench, 80)
    await bench.store._threads.run(lambda connection: connection.execute("DELETE FROM entries").rowcount, writes=True)
    other = ChainMaker(random.Random(8))
    other.grow(90)
    bench.entries, bench.paid = other.entries, other.paid
    await bench.put(bench.entries)
    folder = SnapshotFolder(bench.folder)
    bench.check(await bench.opened(folder), 90)
    folder.close()


@pytest.mark.parametrize("harm", ["cut short", "no database", "another format", "empty"])
async def test_a_snapshot_that_cannot_be_read_is_made_anew(bench: Bench, harm: str) -> None:
    await written(bench, 80)
    content = bench.file().read_bytes()
    if harm == "another format":
        with sqlite3.connect(bench.file()) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        changed = {"cut short": content[: len(content) // 2], "no database": b"x" * 9000, "empty": b""}
        bench.file().write_bytes(changed[harm])
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder)
    if chain.fold.archive is None:  # cut short, it may still be read as far as a start reads
        bench.check(chain, 80)
    else:
        with pytest.raises(StoreUnavailable):
            bench.check(chain, 80)
        assert not bench.file().exists()
    folder.close()
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder)
    bench.check(chain, 80)
    await chain.close()
    folder.close()


async def test_a_folder_that_cannot_be_written_costs_the_snapshot_alone(bench: Bench) -> None:
    await bench.put(bench.entries)
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder)
    bench.file().mkdir()  # stands where the file would
    await chain.close()
    bench.check(chain, 120)
    folder.close()


async def test_an_end_does_not_wait_for_what_takes_long(bench: Bench) -> None:
    await bench.put(bench.entries)
    folder = SnapshotFolder(bench.folder)
    chain = await bench.opened(folder, every=10, stopped=True)  # begins to write
    await chain.close()
    assert chain.fold.archive is None
    bench.check(chain, 120)
    bench.check(await bench.opened(folder), 120)
    folder.close()


async def test_each_process_has_a_place_of_its_own(bench: Bench) -> None:
    first, second = SnapshotFolder(bench.folder), SnapshotFolder(bench.folder)
    assert first.path != second.path
    taken = "from sfumato_accountant.ledger.snapshots import SnapshotFolder as F; from pathlib import Path\n"
    taken += f"print(F(Path({str(bench.folder)!r})).path.name)"
    assert subprocess.run([sys.executable, "-c", taken], capture_output=True, check=True).stdout == b"2\n"  # noqa: ASYNC221
    first.close()
    third = SnapshotFolder(bench.folder)
    assert third.path == first.path
    second.close()
    third.close()
