"""Reserve and commit on one population, beside bare inserts into the same store; and the fold of a long chain."""

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.snapshots import SnapshotFolder
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import Side, SideKind
from sfumato_accountant.stores.sqlite import SqliteStores
from sfumato_mesh.clock import SystemClock
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from tests.bench.large_chain import KEY, POPULATION, large_chain, query_id
from tests.bench.lines import Line, at_least, at_most
from tests.contract.ledger_scene import ADA, PICO, Scene, opened_scene, question, rho

_TARGETS = {"sqlite": 1000, "mongodb": 300}
_PAIRS = {"sqlite": 2000, "mongodb": 600}
_AT_ONCE = 32
_ENTRIES = 1_000_000
_SNAPSHOT_SECONDS = 900.0


def rows() -> list[Line]:
    """Measured lines; MongoDB where SFUMATO_TEST_MONGODB_URL names one."""
    kinds = ["sqlite", *(["mongodb"] if os.environ.get("SFUMATO_TEST_MONGODB_URL") else [])]
    return [*(line for kind in kinds for line in asyncio.run(_of_store(kind))), *_folds()]


def _folds() -> list[Line]:
    """How long a start takes with a long chain: by reading all of it, and by a snapshot."""
    path = large_chain(_ENTRIES)
    with TemporaryDirectory() as folder:
        cold, _ = asyncio.run(_start(path, Path(folder)))
        warm = [asyncio.run(_start(path, Path(folder))) for _ in range(5)]
    entries = f"{_ENTRIES:,} entries"
    asked = sorted(each for _, each in warm)[2]
    return [
        at_most(f"fold of {entries}, cold", cold, "s", 8.0, _bare(path), "reading the bare rows"),
        at_most(f"fold of {entries}, from snapshot", sorted(each for each, _ in warm)[2] * 1e3, "ms", 50.0),
        Line("its first query and balance", asked * 1e3, "ms"),
    ]


async def _start(path: Path, folder: Path) -> tuple[float, float]:
    """Return how long an accountant takes to its fold, and from there to a query and a balance; in seconds."""
    stores = SqliteStores(path)
    places = SnapshotFolder(folder)
    timekeeper = Timekeeper(SystemClock(), stores.ledger)
    snapshots = places.of(POPULATION, stores.ledger)
    chain = Chain(POPULATION, stores.ledger, Claims(stores.ledger), KEY, timekeeper, snapshots=snapshots)
    begin = time.perf_counter()
    fold = await chain.refresh()
    folded = time.perf_counter()
    assert fold.head.sequence == _ENTRIES - 1
    assert fold.query(query_id(4711)) is not None
    assert fold.spent_in(ScopeKey()).rho_picos > 0
    asked = time.perf_counter()
    async with asyncio.timeout(_SNAPSHOT_SECONDS):
        while fold.archive is None:  # noqa: ASYNC110  (it is written in the background, and nothing tells)
            await asyncio.sleep(0.1)
    await chain.close()
    places.close()
    await stores.close()
    return folded - begin, asked - folded


def _bare(path: Path) -> float:
    begin = time.perf_counter()
    connection = sqlite3.connect(path)
    for _ in connection.execute("SELECT * FROM entries WHERE population = ? ORDER BY sequence", (POPULATION,)):
        pass
    connection.close()
    return time.perf_counter() - begin


async def _of_store(kind: str) -> list[Line]:
    with TemporaryDirectory() as folder:
        async with opened_scene(kind, Path(folder)) as scene:
            await scene.grant(rho(1000 * PICO))
            await scene.grant(rho(1000 * PICO), analyst="users/ada")
            for _ in range(20):
                await _pair(scene)
            pairs = _PAIRS[kind]
            alone = await _rate(lambda: _pair(scene), pairs // 10, 1)
            grouped = await _rate(lambda: _pair(scene), pairs, _AT_ONCE)
            single, inserts = await _raw(scene.settings.store_url, pairs)
    name = {"sqlite": "SQLite", "mongodb": "MongoDB"}[kind]
    of = f"bare inserts into {name}"
    target = _TARGETS[kind]
    return [
        at_least(f"reserve + commit, {name}, {_AT_ONCE} at once", grouped, "/s", target, inserts, f"{of}, as many"),
        Line(f"reserve + commit, {name}, one after another", alone, "/s", single, f"{of}, one after another"),
    ]


async def _pair(scene: Scene) -> None:
    """Pay a question of its own and commit an attempt, through the accountant's interceptors."""
    plan = int.from_bytes(os.urandom(16), "big") | 1
    reservation = await scene.reserve(question(plan, picos=10), ADA)
    assert await scene.commit(reservation) == pb.CommitQueryResponse.OUTCOME_WON


async def _rate(run: Callable[[], Awaitable[None]], times: int, at_once: int) -> float:
    async def work() -> None:
        for _ in range(times // at_once):
            await run()

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return times // at_once * at_once / (time.perf_counter() - begin)


async def _raw(url: str, times: int) -> tuple[float, float]:
    """Inserts a second of the bare store, durable each: one after another, and as many at once as pairs were."""
    stores = await open_stores(url)
    body = os.urandom(600)

    async def insert() -> None:
        await stores.ledger.put_side(Side(SideKind.OUTCOME, uuid.uuid4().hex, body))

    try:
        return await _rate(insert, times // 10, 1), await _rate(insert, times, _AT_ONCE)
    finally:
        await stores.close()
