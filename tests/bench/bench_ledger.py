"""Reserve and commit on one population, beside bare inserts into the same store."""

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import Side, SideKind
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from tests.bench.lines import Line, at_least
from tests.contract.ledger_scene import ADA, PICO, Scene, opened_scene, question, rho

_TARGETS = {"sqlite": 1000, "mongodb": 300}
_PAIRS = {"sqlite": 2000, "mongodb": 600}
_AT_ONCE = 32


def rows() -> list[Line]:
    """Measured lines; MongoDB where SFUMATO_TEST_MONGODB_URL names one."""
    kinds = ["sqlite", *(["mongodb"] if os.environ.get("SFUMATO_TEST_MONGODB_URL") else [])]
    return [line for kind in kinds for line in asyncio.run(_of_store(kind))]


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
