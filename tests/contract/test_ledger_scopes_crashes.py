"""A merge or split that dies at any of its writes is finished by repeating the request, on every store.

Whatever was left behind: nothing is paid that the successors do not count, and nothing is counted twice.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from sfumato.v1.population_pb2 import Population
from sfumato_accountant.stores.mongodb import MongodbLedgerStore, MongodbRecordStore
from sfumato_accountant.stores.ports import StoreUnavailable
from sfumato_accountant.stores.sqlite import SqliteLedgerStore, SqliteRecordStore
from sfumato_mesh.refusal import Refusal
from tests.contract.ledger_scene import STORES, Scene, opened_scene, question, refused
from tests.contract.succession_scene import (
    ADA,
    ARCTIC,
    DATASET,
    POLES,
    POPULATION,
    SEALS,
    add_dataset,
    budgets,
    dataset_of,
    freeze,
    grant,
    merge,
    merging,
    population_of,
    settle_arctic,
    split,
    splitting,
)

WRITES: dict[str, list[tuple[type, tuple[str, ...]]]] = {
    "sqlite": [(SqliteLedgerStore, ("append", "put_side")), (SqliteRecordStore, ("insert", "replace", "delete"))],
    "mongodb": [(MongodbLedgerStore, ("append", "put_side")), (MongodbRecordStore, ("insert", "replace", "delete"))],
}


STRIDE = {"sqlite": 1, "mongodb": 5}
"""Every write, or, where making a scene takes long, every fifth."""


class Fault:
    """Lets the n-th write fail, before it is done or with its reply lost, and all that would be done after it."""

    def __init__(self, at: int, *, done: bool) -> None:
        self.struck = False
        self._left = at
        self._done = done

    def wrap(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def failing(*args: Any, **kwargs: Any) -> Any:
            if self.struck:
                raise StoreUnavailable("the process is gone")
            self._left -= 1
            if self._left >= 0:
                return await write(*args, **kwargs)
            self.struck = True
            if self._done:
                await write(*args, **kwargs)
            raise StoreUnavailable("the process dies here")

        return failing


@contextmanager
def dying(kind: str, fault: Fault) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for store, names in WRITES[kind]:
            for name in names:
                patch.setattr(store, name, fault.wrap(getattr(store, name)))
        yield


async def furnished(scene: Scene) -> None:
    """Two populations with spends, a freeze, an open query and limits."""
    await settle_arctic(scene)
    await add_dataset(scene, "gulls", POPULATION)
    for population in (POPULATION, ARCTIC):
        await grant(scene.first, population, 1000)
        await grant(scene.first, population, 100, analyst="users/ada")
    await scene.reserve(question(1, 30), ADA)
    await scene.reserve(question(2, 20, datasets=[SEALS]), ADA)
    await freeze(scene.first, POPULATION, analyst="users/bob")


async def status_of(call: Awaitable[Any]) -> grpc.StatusCode:
    try:
        await call
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def pays_or_points_on(scene: Scene, dataset: str, plan: int) -> int:
    """Ask for ρ 1 where a merge was left half done; return what was paid."""
    try:
        await scene.reserve(question(plan, 1, datasets=[dataset]), ADA, replica=-1)
    except grpc.RpcError as error:
        refusal = Refusal.from_rpc_error(error)
        if refusal is None or refusal.reason not in ("POPULATION_CLOSED", "GRANT_MISSING"):
            raise
        return 0
    return 1


@pytest.mark.parametrize("done", [False, True], ids=["before", "reply lost"])
@pytest.mark.parametrize("kind", STORES)
async def test_a_merge_is_finished_whatever_write_it_died_at(kind: str, done: bool, tmp_path: Path) -> None:
    for at in range(0, 100, STRIDE[kind]):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with opened_scene(kind, folder) as scene:
            await furnished(scene)
            request, fault = merging(), Fault(at, done=done)
            with dying(kind, fault):
                assert await status_of(merge(scene.first, request)) in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
            await scene.open()
            paid = sum([await pays_or_points_on(scene, name, 7 + n) for n, name in enumerate((DATASET, SEALS))])
            merged = await merge(scene.replicas[-1], request)
            assert merged.name == POLES
            await check_merged(scene, 50 + paid)
        if not fault.struck:
            assert at > 10
            return
    raise AssertionError("a merge does not end")


async def check_merged(scene: Scene, spent: int) -> None:
    at = scene.replicas[-1]
    for name in (POPULATION, ARCTIC):
        closed = await population_of(at, name)
        assert (closed.state, list(closed.successors)) == (Population.STATE_CLOSED, [POLES])
    for name in (DATASET, SEALS, "datasets/gulls"):
        assert (await dataset_of(at, name)).population == POLES
    await grant(at, POLES, 1000)
    await grant(at, POLES, 1000, analyst="users/bob")
    found = await budgets(at, POLES)
    assert found[POLES, "", ""].spent.rho_picos == spent
    assert found[POLES, "", "users/bob"].frozen
    await add_dataset(scene, "whales", POLES, replica=-1)  # no plan runs any more


@pytest.mark.parametrize("done", [False, True], ids=["before", "reply lost"])
@pytest.mark.parametrize("kind", STORES)
async def test_a_split_is_finished_whatever_write_it_died_at(kind: str, done: bool, tmp_path: Path) -> None:
    for at in range(0, 100, STRIDE[kind]):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with opened_scene(kind, folder) as scene:
            await furnished(scene)
            request = splitting({"south": [DATASET], "air": ["datasets/gulls"]})
            fault = Fault(at, done=done)
            with dying(kind, fault):
                assert await status_of(split(scene.first, request)) in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
            await scene.open()
            # Before it is finished the next one that concerns anything finishes it: here one of another population.
            if at % 2:
                await refused("ACCESS_DENIED", merge(scene.replicas[-1], merging([ARCTIC, "populations/nowhere"])))
            parts = await split(scene.replicas[-1], request)
            assert [each.name for each in parts] == ["populations/south", "populations/air"]
            found = await budgets(scene.replicas[-1])
            for part in ("populations/south", "populations/air"):
                assert found[part, "", ""].spent.rho_picos == 30
                assert found[part, "", "users/ada"].limit.rho_picos == 100
            await scene.reserve(question(9, 70), ADA, replica=-1)
        if not fault.struck:
            assert at > 10
            return
    raise AssertionError("a split does not end")
