"""Row 18 and holes L1, L11, P8, attack: races on the budget, and on one paid question.

One insert at the next position of the chain covers all scopes, so that a thousand spends at the limit sum to it
exactly, on two accountants at once. The reservation is made before anything runs, in one write: no state between
"paid" and "answered" is a loss or a gift. Two workers may run one query; one answer wins.
"""

import asyncio
import contextlib
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import grpc
import pytest

from sfumato_mesh.caller import calling_as
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.attacks.wire import COUNT, Attacker, rho
from tests.contract import ledger_scene
from tests.mesh_scene import MeshScene

SPENDS, EACH = 1_000, 7 * 10**9
LIMIT = 3 * 10**12 + 1  # 428 spends and a rest that no spend fits into
FITTING = LIMIT // EACH


@pytest.mark.slow
async def test_a_thousand_spends_at_once_sum_to_the_limit(tmp_path: Path) -> None:
    async with ledger_scene.opened_scene("sqlite", tmp_path, replicas=2) as ledger:
        await ledger.grant(ledger_scene.rho(LIMIT))
        await ledger.grant(ledger_scene.rho(10 * LIMIT), analyst="users/ada")
        await ledger.grant(ledger_scene.rho(10 * LIMIT), analyst="users/bob")

        async def spend(index: int) -> str:
            caller = (ledger_scene.ADA, ledger_scene.BOB)[index // 2 % 2]
            asked = ledger_scene.question(plan=index + 1, picos=EACH)
            for _ in range(20):
                try:
                    return Reservation.State.Name((await ledger.reserve(asked, caller, index % 2)).state)
                except grpc.RpcError as error:
                    refusal = Refusal.from_rpc_error(error)
                    assert refusal is not None
                    if refusal.reason != "SERVICE_UNAVAILABLE":
                        return refusal.reason
            return "GAVE_UP"

        outcomes = Counter(await asyncio.gather(*(spend(index) for index in range(SPENDS))))
        assert outcomes == {"STATE_OPEN": FITTING, "BUDGET_EXHAUSTED": SPENDS - FITTING}
        for replica in ledger.replicas:
            with calling_as(ledger_scene.ADA):
                preview = await replica.gateway.PreviewQuery(
                    pb.PreviewQueryRequest(query=ledger_scene.question(plan=5_000, picos=1).query)
                )
            shared = [line for line in preview.scopes if not line.scope.analyst]
            assert [line.remaining.rho_picos for line in shared] == [LIMIT - FITTING * EACH]


def test_two_charges_of_eight_tenths_do_not_both_fit(scene: MeshScene) -> None:
    """P8, on the wire: both passed in the predecessor."""
    rows, columns = [{"x": 1}] * 20, {"x": {"type": "integer", "bounds": [0, 3]}}
    for attempt in range(3):
        name = scene.publish(f"race-{attempt}", rows, columns, limit={"rho": 1})
        attacker = Attacker(scene)
        plan = f'source {{ scan {{ dataset: "datasets/{name}" }} }} {COUNT}'
        with ThreadPoolExecutor(6) as pool:
            running = [pool.submit(attacker.run, plan, rho(8 * 10**11), fresh=True) for _ in range(6)]
            found = [each.result() for each in running]
        assert Counter(outcome.reason or "OK" for outcome in found) == {"OK": 1, "BUDGET_EXHAUSTED": 5}
        assert attacker.spent(name) == [2 * 10**11] * 2
        attacker.close()


@pytest.fixture(scope="module")
def single(scene: MeshScene) -> str:
    return scene.publish("single", [{"x": 1}] * 20, {"x": {"type": "integer", "bounds": [0, 3]}})


def test_one_request_sent_twenty_times_at_once_is_one_charge_and_one_answer(scene: MeshScene, single: str) -> None:
    attacker = Attacker(scene)
    before = attacker.spent(single)
    plan = f'source {{ scan {{ dataset: "datasets/{single}" }} }} {COUNT}'
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: attacker.run(plan, rho(10**9), request_id=request_id), range(20)))
    assert all(outcome.code is grpc.StatusCode.OK for outcome in found)
    batches = {
        event.batch.SerializeToString()
        for each in found
        for event in each.events
        if event.WhichOneof("kind") == "batch"
    }
    assert len(batches) == 1
    assert len({outcome.query.receipt.signed_statement for outcome in found}) == 1
    assert [a - b for a, b in zip(before, attacker.spent(single), strict=True)] == [10**9] * 2
    attacker.close()


def test_two_workers_on_one_query_draw_twice_and_answer_once(scene: MeshScene, single: str) -> None:
    """L11: the query is queued again and again while it runs; attempts differ, the first commit is the answer."""
    from sfumato_executor.native_engine import NativeEngine
    from sfumato_executor.worker import Ended, QueryWorker

    ended: list[Ended] = []
    run, draw = QueryWorker.run, NativeEngine.draw
    drawn: list[int] = []
    meet = threading.Barrier(2)

    def twice(self: QueryWorker, query_id: str) -> Ended:
        with ThreadPoolExecutor(4) as pool:
            ended.extend(pool.map(lambda _: run(self, query_id), range(4)))
        return ended[-1]

    def counted(self: NativeEngine, program: object, folder: Path) -> object:
        drawn.append(1)
        with contextlib.suppress(threading.BrokenBarrierError):
            meet.wait(2.0)  # no run commits before another one draws
        return draw(self, program, folder)  # type: ignore[arg-type]

    attacker = Attacker(scene)
    plan = f'source {{ scan {{ dataset: "datasets/{single}" }} }} {COUNT}'
    before = attacker.spent(single)
    request_id = str(uuid.uuid4())
    with mock.patch.object(QueryWorker, "run", twice), mock.patch.object(NativeEngine, "draw", counted):
        outcome = attacker.run(plan, rho(10**9 + 1), request_id=request_id)
        again = attacker.run(plan, rho(10**9 + 1), request_id=request_id)
        deadline = time.monotonic() + 10
        while len(ended) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    assert len(drawn) >= 2
    assert Counter(ended)[Ended.WON] == 1
    assert set(ended) <= {Ended.WON, Ended.LOST, Ended.DROPPED}
    assert _table(outcome) == _table(again)
    assert [a - b for a, b in zip(before, attacker.spent(single), strict=True)] == [10**9 + 1] * 2
    attacker.close()


def _table(outcome: object) -> list[bytes]:
    events = outcome.events  # type: ignore[attr-defined]
    return [event.batch.SerializeToString() for event in events if event.WhichOneof("kind") == "batch"]
