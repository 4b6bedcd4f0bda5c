"""Settler and sweeper: what is queued again, charged, deleted and kept."""

import asyncio
import logging
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from sfumato.v1.dataset_pb2 import Dataset
from sfumato_executor.releases.marks import Mark
from sfumato_executor.releases.opening import Stores, open_stores
from sfumato_executor.sweeper import Sweeper
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.settling_scene import AWAY, NOW, POPULATION, SECOND, Accountant, Bench, HeldClock, identifier


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_only_what_is_past_its_lease_is_queued_again(bench: Bench) -> None:
    bench.accountant.add(1, age=19 * SECOND)
    old = bench.accountant.add(2, age=20 * SECOND)
    bench.accountant.add(3, Reservation.STATE_COMMITTED, age=30 * SECOND)
    await bench.settler.settle()
    assert bench.queue.submitted == [old]


async def test_it_is_queued_once_a_lease(bench: Bench) -> None:
    query = bench.accountant.add(1, age=20 * SECOND)
    for _ in range(3):
        await bench.settler.settle()
        bench.clock.time += SECOND
    assert bench.queue.submitted == [query]
    bench.clock.time += 20 * SECOND
    await bench.settler.settle()
    assert bench.queue.submitted == [query, query]


async def test_what_could_not_be_queued_is_tried_at_the_next_round(bench: Bench) -> None:
    query = bench.accountant.add(1, age=20 * SECOND)
    bench.queue.away = True
    await bench.settler.settle()
    bench.queue.away = False
    await bench.settler.settle()
    assert bench.queue.submitted == [query]


async def test_given_up_when_its_time_is_over(bench: Bench) -> None:
    query = bench.accountant.add(1, age=60 * SECOND)
    bench.accountant.add(2, age=59 * SECOND)
    await bench.settler.settle()
    assert bench.accountant.charged == [query]
    assert query not in bench.queue.submitted


@pytest.mark.parametrize("reason", ["TOO_EARLY", "CANNOT_APPEND"])
async def test_a_refused_charge_does_not_keep_others_waiting(bench: Bench, reason: str) -> None:
    bench.accountant.add(1, age=60 * SECOND)
    other = bench.accountant.add(2, age=30 * SECOND)
    bench.accountant.charge_refusal = Refusal(grpc.StatusCode.FAILED_PRECONDITION, reason, "")
    await bench.settler.settle()
    assert bench.queue.submitted == [other]


async def test_preparations_have_a_lease_of_their_own(bench: Bench) -> None:
    for index, age in ((1, 599 * SECOND), (2, 600 * SECOND)):
        preparation = Preparation(preparation_id=identifier(index), state=Preparation.STATE_OPEN)
        preparation.create_time.FromDatetime(NOW - age)
        bench.accountant.preparations[identifier(index)] = preparation
    await bench.settler.settle()
    assert bench.queue.submitted == [identifier(2)]


async def _run_briefly(bench: Bench) -> None:
    task = asyncio.create_task(bench.settler.run())
    await asyncio.sleep(0.08)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_start_queues_what_died_with_the_process(bench: Bench) -> None:
    fresh = bench.accountant.add(1)
    bench.queue.volatile = True
    await _run_briefly(bench)
    assert bench.queue.submitted == [fresh]


async def test_a_start_leaves_a_broker_its_messages(bench: Bench) -> None:
    bench.accountant.add(1)
    await _run_briefly(bench)
    assert bench.queue.submitted == []


async def test_a_start_without_accountant_queues_all_once_it_is_there(bench: Bench) -> None:
    fresh = bench.accountant.add(1)
    bench.queue.volatile = True
    bench.accountant.refusal = AWAY
    task = asyncio.create_task(bench.settler.run())
    await asyncio.sleep(0.05)
    bench.accountant.refusal = None
    await asyncio.sleep(0.05)
    task.cancel()
    assert bench.queue.submitted == [fresh]


async def test_the_settler_survives_any_failure(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    query = bench.accountant.add(1, age=30 * SECOND)
    answer = bench.accountant.open_preparations
    bench.accountant.open_preparations = lambda: 1 / 0
    task = asyncio.create_task(bench.settler.run())
    await asyncio.sleep(0.03)
    bench.accountant.open_preparations = answer
    await asyncio.sleep(0.03)
    task.cancel()
    assert query in bench.queue.submitted
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return open_stores(str(tmp_path), cache=tmp_path / "cache", credentials=None, credentials_name="")


def _attempt(index: int) -> str:
    return str(uuid.UUID(int=1000 + index))


def _sealed(stores: Stores) -> set[tuple[str, str]]:
    return {(each.query_id, each.attempt) for each in stores.releases.list_attempts()}


async def test_only_losers_of_ended_queries_are_deleted(stores: Stores) -> None:
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    accountant.add(2, Reservation.STATE_CHARGED)
    accountant.add(3, Reservation.STATE_OPEN)
    for query in (1, 2, 3, 4):  # 4 is unknown to the ledger
        for attempt in (1, 2):
            stores.releases.put_if_absent(identifier(query), _attempt(attempt), b"x")
    sweeper = Sweeper(accountant, stores, HeldClock(), SECOND)
    assert await sweeper.sweep() == 3
    kept = {(1, 1), (3, 1), (3, 2), (4, 1), (4, 2)}
    assert _sealed(stores) == {(identifier(query), _attempt(attempt)) for query, attempt in kept}


async def test_a_restored_copy_deletes_nothing(stores: Stores) -> None:
    """Its winner may not be the one that was told."""
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    stores.releases.put_if_absent(identifier(1), _attempt(2), b"told")
    stores.marks.raise_to(Mark(POPULATION, 11, bytes(32)))
    sweeper = Sweeper(accountant, stores, HeldClock(), SECOND)
    assert await sweeper.sweep() == 0
    accountant.length = 11
    assert await sweeper.sweep() == 1


async def test_what_is_sealed_late_goes_in_a_later_round(stores: Stores) -> None:
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    stores.releases.put_if_absent(identifier(1), _attempt(1), b"x")
    sweeper = Sweeper(accountant, stores, HeldClock(), SECOND)
    assert await sweeper.sweep() == 0
    asked = accountant.asked
    assert await sweeper.sweep() == 0
    assert accountant.asked == asked  # the winner is known
    stores.releases.put_if_absent(identifier(1), _attempt(0), b"late")
    assert await sweeper.sweep() == 1
    assert _sealed(stores) == {(identifier(1), _attempt(1))}


async def test_a_query_that_answers_by_another_release_keeps_that_release(stores: Stores) -> None:
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    shared = accountant.add(2, Reservation.STATE_SHARED, attempt=_attempt(1))
    accountant.reservations[shared].release_query_id = identifier(1)
    stores.releases.put_if_absent(identifier(1), _attempt(1), b"x")
    await Sweeper(accountant, stores, HeldClock(), SECOND).sweep()
    assert _sealed(stores) == {(identifier(1), _attempt(1))}


async def test_nothing_is_deleted_while_the_accountant_is_away(stores: Stores) -> None:
    accountant: Any = Accountant(refusal=AWAY)
    accountant.add(1, Reservation.STATE_CHARGED)
    stores.releases.put_if_absent(identifier(1), _attempt(1), b"x")
    sweeper = Sweeper(accountant, stores, HeldClock(), SECOND)
    with pytest.raises(Refusal):
        await sweeper.sweep()
    assert len(_sealed(stores)) == 1
    accountant.refusal = None
    assert await sweeper.sweep() == 1


def _prepared(stores: Stores, *indices: int) -> None:
    for index in indices:
        folder = stores.prepared.new_folder()
        folder.mkdir()
        (folder / "rows").write_text("x")
        stores.prepared.publish(identifier(index), folder)


def _kept(stores: Stores) -> set[str]:
    return set(stores.prepared.list_preparations())


async def test_prepared_data_that_came_to_nothing(stores: Stores) -> None:
    accountant: Any = Accountant()
    states = {
        1: (Preparation.STATE_READY, False),
        2: (Preparation.STATE_REFUSED, False),
        3: (Preparation.STATE_CANCELLED, False),
        4: (Preparation.STATE_OPEN, False),
        5: (Preparation.STATE_READY, True),
    }
    for index, (state, check) in states.items():
        accountant.preparations[identifier(index)] = Preparation(state=state, validate_only=check)
    _prepared(stores, *states, 6)  # 6 is unknown to the catalogue, which may be an old copy
    assert await Sweeper(accountant, stores, HeldClock(), SECOND).sweep() == 3
    assert _kept(stores) == {identifier(index) for index in (1, 4, 6)}


def _versions(accountant: Any, *numbers: int) -> None:
    """Preparation n made version n of a dataset; the last one is the present."""
    for number in numbers:
        preparation = Preparation(state=Preparation.STATE_READY)
        preparation.dataset_version.name = f"datasets/birds/versions/{number}"
        accountant.preparations[identifier(number)] = preparation
    accountant.records["datasets/birds"] = DatasetRecord(published=Dataset(version=numbers[-1]))


async def test_an_old_version_goes_an_hour_after_it_was_left_unless_an_open_query_reads_it(stores: Stores) -> None:
    accountant: Any = Accountant()
    _versions(accountant, 1, 2, 3)
    _prepared(stores, 1, 2, 3, 4)
    accountant.reservations[accountant.add(9)].data_versions.add(dataset="datasets/birds", version=2)
    clock = HeldClock()
    sweeper = Sweeper(accountant, stores, clock, SECOND)
    assert await sweeper.sweep() == 0, "a reservation that names it may be on its way"
    clock.time += timedelta(minutes=59)
    assert await sweeper.sweep() == 0
    clock.time += timedelta(minutes=2)
    assert await sweeper.sweep() == 1
    assert _kept(stores) == {identifier(index) for index in (2, 3, 4)}
    accountant.reservations[identifier(9)].state = Reservation.STATE_CHARGED
    assert await sweeper.sweep() == 1
    assert _kept(stores) == {identifier(index) for index in (3, 4)}


async def test_a_deleted_dataset_leaves_no_data(stores: Stores) -> None:
    accountant: Any = Accountant()
    _versions(accountant, 1, 2)
    _prepared(stores, 1, 2)
    clock = HeldClock()
    sweeper = Sweeper(accountant, stores, clock, SECOND)
    await sweeper.sweep()
    clock.time += timedelta(hours=2)
    assert await sweeper.sweep() == 1
    accountant.records["datasets/birds"].deleted = True
    await sweeper.sweep()
    clock.time += timedelta(hours=2)
    assert await sweeper.sweep() == 1
    assert _kept(stores) == set()


async def test_a_catalogue_that_is_an_old_copy_deletes_no_later_version(stores: Stores) -> None:
    accountant: Any = Accountant()
    _versions(accountant, 1, 2, 3)
    accountant.records["datasets/birds"].published.version = 1
    _prepared(stores, 1, 2, 3)
    clock = HeldClock()
    sweeper = Sweeper(accountant, stores, clock, SECOND)
    for _ in range(3):
        assert await sweeper.sweep() == 0
        clock.time += timedelta(hours=2)


async def test_a_winner_goes_when_its_life_is_over_and_not_before(stores: Stores) -> None:
    accountant: Any = Accountant()
    for query in (1, 2):
        accountant.add(query, Reservation.STATE_COMMITTED, attempt=_attempt(query))
        stores.releases.put_if_absent(identifier(query), _attempt(query), b"x")
    accountant.reservations[identifier(1)].expire_time.FromDatetime(NOW + timedelta(hours=1))
    clock = HeldClock()
    sweeper = Sweeper(accountant, stores, clock, SECOND)
    assert await sweeper.sweep() == 0
    clock.time += timedelta(minutes=60)
    assert await sweeper.sweep() == 0, "somebody may be reading it"
    clock.time += timedelta(minutes=2)
    assert await sweeper.sweep() == 1
    assert _sealed(stores) == {(identifier(2), _attempt(2))}


async def test_a_rule_that_is_made_later_reaches_a_winner_that_is_known_to_stay(stores: Stores) -> None:
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    stores.releases.put_if_absent(identifier(1), _attempt(1), b"x")
    clock = HeldClock()
    sweeper = Sweeper(accountant, stores, clock, SECOND)
    assert await sweeper.sweep() == 0
    accountant.reservations[identifier(1)].expire_time.FromDatetime(NOW)
    clock.time += timedelta(minutes=61)
    assert await sweeper.sweep() == 1


async def test_a_restored_copy_ends_no_life(stores: Stores) -> None:
    accountant: Any = Accountant()
    accountant.add(1, Reservation.STATE_COMMITTED, attempt=_attempt(1))
    accountant.reservations[identifier(1)].expire_time.FromDatetime(NOW - timedelta(hours=1))
    stores.releases.put_if_absent(identifier(1), _attempt(1), b"x")
    stores.marks.raise_to(Mark(POPULATION, 11, bytes(32)))
    assert await Sweeper(accountant, stores, HeldClock(), SECOND).sweep() == 0
