"""One attempt at a query, driven through every step that can fail."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_executor.plan.program import Loss
from sfumato_executor.releases.marks import Mark, Marks
from sfumato_executor.releases.sealing import digest_of, unseal
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.worker import Ended, QueryWorker, covers
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.worker_scene import (
    AWAY,
    LITERAL,
    LOST,
    NOW,
    PENDING,
    PROGRAM,
    QUERY,
    UNKNOWN,
    WON,
    Accountant,
    Bench,
    Engine,
    FaultyObjects,
    HeldClock,
    Prepared,
    reservation,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "table").write_text("rows")
    objects = FaultyObjects(tmp_path / "store")
    accountant, engine, clock = Accountant(), Engine(), HeldClock()
    worker = QueryWorker(
        accountant,
        ReleaseStore(objects),
        Marks(objects),
        Prepared(tmp_path / "prepared"),  # type: ignore[arg-type]
        engine,
        clock,
    )
    return Bench(worker, accountant, engine, objects, clock)


def test_won(bench: Bench) -> None:
    assert bench.worker.run(QUERY) is Ended.WON
    [sealed] = bench.sealed()
    [(query_id, attempt, digest, versions)] = bench.accountant.commits
    assert query_id == QUERY
    assert str(uuid.UUID(attempt)) == attempt
    assert digest == digest_of(sealed)
    assert [(each.dataset, each.version) for each in versions] == [("datasets/penguins", 3)]
    assert unseal(sealed, PROGRAM.digest).to_pydict() == {"draw_0": [1]}
    assert bench.engine.draws == 1


def test_what_was_told_of_the_population_goes_with_the_offer(bench: Bench) -> None:
    bench.worker.run(QUERY)
    Marks(bench.objects).raise_to(Mark("populations/palmer", 8, bytes([1]) * 32))
    bench.worker.run(QUERY)
    told = LedgerHead(population="populations/palmer", sequence=8, entry_hash=bytes([1]) * 32)
    assert bench.accountant.marks == [None, told]


def test_a_chain_that_lacks_its_mark_takes_nothing(bench: Bench) -> None:
    behind = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "LEDGER_BEHIND", "closed")
    bench.accountant.outcomes = [behind]
    assert bench.worker.run(QUERY) is Ended.FAILED


def test_lost_leaves_its_release_for_the_sweeper(bench: Bench) -> None:
    bench.accountant.outcomes = [LOST]
    assert bench.worker.run(QUERY) is Ended.LOST
    assert len(bench.sealed()) == 1


@pytest.mark.parametrize("state", [Reservation.STATE_COMMITTED, Reservation.STATE_CHARGED, Reservation.STATE_SHARED])
def test_redelivery_of_an_ended_query_is_dropped(bench: Bench, state: "Reservation.State") -> None:
    bench.accountant.reservations = [reservation(state)]
    assert bench.worker.run(QUERY) is Ended.DROPPED
    assert bench.engine.draws == 0


def test_unknown_query_is_dropped(bench: Bench) -> None:
    bench.accountant.reservations = [UNKNOWN]
    assert bench.worker.run(QUERY) is Ended.DROPPED


def test_a_query_whose_time_is_over_is_dropped(bench: Bench) -> None:
    bench.clock.time = NOW + timedelta(seconds=60)
    assert bench.worker.run(QUERY) is Ended.DROPPED
    assert bench.engine.draws == 0


def test_redelivery_while_open_draws_afresh_under_another_attempt(bench: Bench) -> None:
    bench.worker.run(QUERY)
    bench.worker.run(QUERY)
    [first, second] = bench.accountant.commits
    assert first[1] != second[1]
    assert first[2] != second[2]
    assert len(bench.sealed()) == 2


@pytest.mark.parametrize(
    "loss",
    [
        Loss(20_000_000_001, None, 0),
        Loss(20_000_000_000, None, 1),
    ],
)
def test_a_lying_price_is_dropped_before_data_is_read(bench: Bench, loss: Loss) -> None:
    bench.engine.program = replace(PROGRAM, loss=loss)
    assert bench.worker.run(QUERY) is Ended.UNDERPAID
    assert bench.engine.draws == 0
    assert bench.accountant.commits == []


def test_a_task_that_is_refused_is_dropped(bench: Bench) -> None:
    bench.engine.refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "PLAN_REJECTED", LITERAL)
    assert bench.worker.run(QUERY) is Ended.UNDERPAID


@pytest.mark.parametrize(
    ("charge", "loss", "covered"),
    [
        (Charge(rho_picos=5), Loss(5, None, 0), True),
        (Charge(rho_picos=5), Loss(5, 7, 0), True),
        (Charge(rho_picos=5, epsilon_picos=7), Loss(5, 7, 0), True),
        (Charge(rho_picos=5, epsilon_picos=6), Loss(5, 7, 0), False),
        (Charge(rho_picos=5, epsilon_picos=7), Loss(5, None, 0), False),
        (Charge(rho_picos=4, epsilon_picos=9), Loss(5, 7, 0), False),
        (Charge(rho_picos=5, delta_attos=2), Loss(5, None, 3), False),
        (Charge(epsilon_picos=7), Loss(0, 7, 0), True),
        (Charge(epsilon_picos=6), Loss(0, 7, 0), False),
        (Charge(), Loss(0, 7, 0), False),
    ],
)
def test_what_covers_a_loss(charge: Charge, loss: Loss, covered: bool) -> None:
    assert covers(charge, loss) is covered


def test_accountant_away_at_first(bench: Bench) -> None:
    bench.accountant.reservations = [AWAY, AWAY, reservation()]
    assert bench.worker.run(QUERY) is Ended.WON


def test_accountant_away_for_long_leaves_the_query_open(bench: Bench) -> None:
    bench.accountant.reservations = [AWAY]
    assert bench.worker.run(QUERY) is Ended.FAILED
    assert bench.engine.draws == 0


def test_missing_prepared_data(bench: Bench) -> None:
    worker = replace(bench.worker, prepared=Prepared(None))  # type: ignore[arg-type]
    assert worker.run(QUERY) is Ended.FAILED


def test_a_failing_engine_tells_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.engine.failure = ValueError(LITERAL)
    assert bench.worker.run(QUERY) is Ended.FAILED
    assert bench.accountant.commits == []
    assert QUERY in caplog.text
    assert "ValueError" in caplog.text
    assert LITERAL not in caplog.text
    assert "Traceback" not in caplog.text


def test_store_away_at_first_seals_the_same_draw(bench: Bench) -> None:
    bench.objects.put_failures = 2
    assert bench.worker.run(QUERY) is Ended.WON
    assert bench.engine.draws == 1


def test_a_put_whose_answer_is_lost_was_still_put(bench: Bench) -> None:
    bench.objects.put_then_fail = 1
    assert bench.worker.run(QUERY) is Ended.WON
    [sealed] = bench.sealed()
    assert bench.accountant.commits[0][2] == digest_of(sealed)


def test_read_back_fails_at_first(bench: Bench) -> None:
    bench.objects.read_failures = 1
    assert bench.worker.run(QUERY) is Ended.WON
    assert len(bench.sealed()) == 1


def test_store_away_commits_nothing(bench: Bench) -> None:
    bench.objects.put_failures = 100
    assert bench.worker.run(QUERY) is Ended.FAILED
    assert bench.accountant.commits == []


def test_other_bytes_in_the_store_commit_nothing(bench: Bench) -> None:
    bench.objects.spoilt = True
    assert bench.worker.run(QUERY) is Ended.FAILED
    assert bench.accountant.commits == []


def test_commit_is_repeated_until_answered(bench: Bench) -> None:
    bench.accountant.outcomes = [AWAY, PENDING, AWAY, WON]
    assert bench.worker.run(QUERY) is Ended.WON
    assert len(bench.accountant.commits) == 4
    assert len({commit[1:3] for commit in bench.accountant.commits}) == 1
    assert bench.engine.draws == 1


def test_commit_unanswered_until_the_time_is_over(bench: Bench) -> None:
    bench.accountant.outcomes = [PENDING]
    bench.clock.step = timedelta(seconds=15)
    assert bench.worker.run(QUERY) is Ended.LATE
    assert len(bench.sealed()) == 1


def test_a_refused_commit_ends_the_attempt(bench: Bench) -> None:
    bench.accountant.outcomes = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID", "versions")]
    assert bench.worker.run(QUERY) is Ended.FAILED
    assert len(bench.accountant.commits) == 1


def test_a_stopping_worker_does_not_wait(bench: Bench) -> None:
    bench.accountant.outcomes = [PENDING]
    ended: list[Ended] = []
    thread = threading.Thread(target=_into(ended, lambda: bench.worker.run(QUERY)))
    thread.start()
    while not bench.accountant.commits:
        pass
    bench.worker.stopping.set()
    thread.join(5)
    assert ended == [Ended.LATE]


def _into(results: list[Ended], call: Callable[[], Ended]) -> Callable[[], None]:
    return lambda: results.append(call())
