"""One suite for the accountant's stores, on every adapter."""

import asyncio
import os
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import (
    Record,
    Side,
    SideKind,
    StoredEntry,
    StoredRecord,
    Stores,
    StoreUnavailable,
    StoreVersionUnknown,
)

POPULATION = "populations/palmer"
Opener = Callable[[], Awaitable[Stores]]


def entry(sequence: int, payload: str = "{}", population: str = POPULATION) -> StoredEntry:
    return StoredEntry.of(
        population=population,
        sequence=sequence,
        at="2026-11-24T12:00:00.000001Z",
        previous_hash=bytes(32),
        entry_hash=sequence.to_bytes(32, "big"),
        records=(StoredRecord(b"d" * 32, payload), StoredRecord(b"e" * 32, '{"ρ":"π"}')),
        key_id="0123456789abcdef",
        signature=b"s" * 64,
    )


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.servers)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'accountant.db'}"
    return f"{os.environ['SFUMATO_TEST_MONGODB_URL'].rstrip('/')}/test-{uuid.uuid4().hex}"


@pytest.fixture
async def opener(store_url: str) -> AsyncIterator[Opener]:
    opened: list[Stores] = []

    async def open_one() -> Stores:
        opened.append(await open_stores(store_url))
        return opened[-1]

    yield open_one
    if store_url.startswith("mongodb"):
        await opened[0]._client.drop_database(store_url.rpartition("/")[2])  # type: ignore[attr-defined]
    for stores in opened:
        await stores.close()


@pytest.fixture
async def stores(opener: Opener) -> Stores:
    return await opener()


async def test_entry_is_read_as_written(stores: Stores) -> None:
    written = entry(0, '{"text":"grüße \\" \\\\ \\u0001"}')
    assert await stores.ledger.append(written)
    assert await stores.ledger.read(POPULATION, 0, 10) == [written]


async def test_a_sequence_is_given_once(stores: Stores) -> None:
    assert await stores.ledger.append(entry(0, '{"a":"1"}'))
    assert not await stores.ledger.append(entry(0, '{"a":"2"}'))
    assert [each.records[0].payload for each in await stores.ledger.read(POPULATION, 0, 10)] == ['{"a":"1"}']


async def test_pages_are_ascending_and_of_one_population(stores: Stores) -> None:
    for sequence in range(12):
        assert await stores.ledger.append(entry(sequence))
    for population in ("populations/palme", "populations/palmer-2", "populations/palmes"):
        assert await stores.ledger.append(entry(5, population=population))
    assert [each.sequence for each in await stores.ledger.read(POPULATION, 0, 100)] == list(range(12))
    assert [each.sequence for each in await stores.ledger.read(POPULATION, 9, 2)] == [9, 10]
    assert await stores.ledger.read(POPULATION, 12, 5) == []


async def test_racing_writers_of_two_replicas_one_wins_each_sequence(opener: Opener) -> None:
    replicas = [await opener(), await opener()]
    for sequence in range(3):
        outcomes = await asyncio.gather(
            *(replicas[n % 2].ledger.append(entry(sequence, f'{{"n":"{n}"}}')) for n in range(20))
        )
        assert sum(outcomes) == 1
        winner = f'{{"n":"{outcomes.index(True)}"}}'
        for replica in replicas:
            assert (await replica.ledger.read(POPULATION, sequence, 1))[0].records[0].payload == winner


async def test_sides_are_put_if_absent_even_behind_a_lost_entry(stores: Stores) -> None:
    first = Side(SideKind.MEASURES, "q/a", b"first")
    assert await stores.ledger.append(entry(0), [first])
    others = [Side(SideKind.MEASURES, "q/a", b"second"), Side(SideKind.MEASURES, "q/b", b"\x00\xff")]
    assert not await stores.ledger.append(entry(0), others)
    assert await stores.ledger.get_sides(SideKind.MEASURES, ["q/a", "q/c"]) == {"q/a": b"first"}
    assert await stores.ledger.append(entry(1), others)
    assert await stores.ledger.get_sides(SideKind.MEASURES, ["q/a", "q/b"]) == {"q/a": b"first", "q/b": b"\x00\xff"}
    assert await stores.ledger.get_sides(SideKind.CLAIM, ["q/a"]) == {}


async def test_a_side_is_never_changed(opener: Opener) -> None:
    replicas = [await opener(), await opener()]
    outcomes = await asyncio.gather(
        *(replicas[n % 2].ledger.put_side(Side(SideKind.CLAIM, "q", bytes([n]))) for n in range(16))
    )
    winner = bytes([outcomes.index(None)])
    assert [each for each in outcomes if each is not None] == [winner] * 15
    assert await replicas[0].ledger.get_sides(SideKind.CLAIM, ["q"]) == {"q": winner}


async def test_many_sides_are_read_at_once_and_ids_listed(stores: Stores) -> None:
    ids = [f"populations/p{n:04}" for n in range(1200)]
    await asyncio.gather(*(stores.ledger.put_side(Side(SideKind.CHAIN, each, b"")) for each in ids))
    assert await stores.ledger.put_side(Side(SideKind.CLAIM, "other", b"")) is None
    assert set(await stores.ledger.get_sides(SideKind.CHAIN, ids)) == set(ids)
    assert await stores.ledger.list_side_ids(SideKind.CHAIN) == ids
    assert await stores.ledger.get_sides(SideKind.CHAIN, []) == {}


async def test_a_record_is_replaced_only_by_its_etag(stores: Stores) -> None:
    records = stores.records
    assert await records.get("user", "ada") is None
    assert await records.insert("user", "ada", b"1", "e1")
    assert not await records.insert("user", "ada", b"x", "ex")
    assert await records.insert("project", "ada", b"p", "e1")
    assert not await records.replace("user", "ada", b"2", "e2", "e0")
    assert not await records.replace("user", "bob", b"2", "e2", "e1")
    assert await records.replace("user", "ada", b"2", "e2", "e1")
    assert await records.get("user", "ada") == Record("ada", b"2", "e2")
    outcomes = await asyncio.gather(*(records.replace("user", "ada", bytes([n]), f"n{n}", "e2") for n in range(10)))
    assert sum(outcomes) == 1
    assert await records.get("project", "ada") == Record("ada", b"p", "e1")


async def test_records_are_listed_by_id(stores: Stores) -> None:
    ids = ["a", "a-1", "a/1", "ab", "b", "b.c", "é"]
    for each in reversed(ids):
        assert await stores.records.insert("dataset", each, each.encode(), "e")
    assert await stores.records.insert("datasets", "a2", b"", "e")
    listed = [each.id for each in await stores.records.list("dataset", limit=100)]
    assert listed == sorted(ids)
    assert [each.id for each in await stores.records.list("dataset", after="a/1", limit=2)] == ["ab", "b"]
    assert [each.id for each in await stores.records.list("dataset", prefix="a", limit=100)] == [
        "a",
        "a-1",
        "a/1",
        "ab",
    ]
    assert [each.id for each in await stores.records.list("dataset", prefix="a", after="a-1", limit=1)] == ["a/1"]
    assert await stores.records.delete("dataset", "ab")
    assert not await stores.records.delete("dataset", "ab")
    assert [each.id for each in await stores.records.list("dataset", prefix="ab", limit=9)] == []


async def test_what_was_written_is_there_after_reopening(opener: Opener) -> None:
    first = await opener()
    assert await first.ledger.append(entry(0), [Side(SideKind.CLAIM, "q", b"c")])
    assert await first.records.insert("user", "ada", b"1", "e1")
    second = await opener()
    assert len(await second.ledger.read(POPULATION, 0, 10)) == 1
    assert await second.records.get("user", "ada") == Record("ada", b"1", "e1")


async def test_another_layout_is_refused(store_url: str, opener: Opener) -> None:
    stores = await opener()
    if store_url.startswith("sqlite"):
        with sqlite3.connect(store_url.removeprefix("sqlite://")) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        database = stores._client[store_url.rpartition("/")[2]]  # type: ignore[attr-defined]
        await database["meta"].update_one({"_id": "layout"}, {"$set": {"version": 99}})
    with pytest.raises(StoreVersionUnknown, match="99"):
        await open_stores(store_url)


@pytest.mark.parametrize("url", ["", "postgres://h/d", "sqlite:relative.db", "sqlite:///", "mongodb://127.0.0.1:1"])
async def test_an_address_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        await open_stores(url)


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at " * 50)
    for path in (tmp_path / "text.db", tmp_path / "text.db" / "below"):
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            await open_stores(f"sqlite://{path}")


async def test_sqlite_reads_do_not_wait_for_a_commit(tmp_path: Path) -> None:
    stores = await open_stores(f"sqlite://{tmp_path / 'a.db'}")
    assert await stores.ledger.append(entry(0))
    gate = threading.Event()
    held = asyncio.create_task(stores._threads.run(lambda _: gate.wait(), writes=True))  # type: ignore[attr-defined]
    await asyncio.sleep(0.05)
    assert len(await asyncio.wait_for(stores.ledger.read(POPULATION, 0, 1), 5)) == 1
    gate.set()
    await held
    await stores.close()


async def test_sqlite_writes_of_many_tasks_share_a_commit(tmp_path: Path) -> None:
    stores = await open_stores(f"sqlite://{tmp_path / 'a.db'}")
    gate = threading.Event()
    thread = stores._threads._writing  # type: ignore[attr-defined]
    commits: list[str] = []
    thread._connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    held = asyncio.create_task(thread.run(lambda _: gate.wait(), writes=False))
    await asyncio.sleep(0.05)
    writes = [asyncio.create_task(stores.ledger.append(entry(n))) for n in range(50)]
    await asyncio.sleep(0.05)
    gate.set()
    assert all(await asyncio.gather(*writes))
    await held
    assert len(commits) == 1
    await stores.close()


async def test_sqlite_failure_reaches_every_caller_and_leaves_nothing(tmp_path: Path) -> None:
    stores = await open_stores(f"sqlite://{tmp_path / 'a.db'}")
    thread = stores._threads._writing  # type: ignore[attr-defined]
    gate = threading.Event()

    def broken(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error: /secret/path")

    held = asyncio.create_task(thread.run(lambda _: gate.wait(), writes=False))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(stores.ledger.append(entry(0))), asyncio.create_task(thread.run(broken, writes=True))]
    await asyncio.sleep(0.05)
    gate.set()
    await held
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
        assert "secret" not in str(outcome)
    assert await stores.ledger.read(POPULATION, 0, 1) == []
    assert await stores.ledger.append(entry(0))
    await stores.close()
    with pytest.raises(StoreUnavailable):
        await stores.ledger.read(POPULATION, 0, 1)
