# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 31, attack: a refund, or a cheaper price, where nothing was drawn, where a run failed, or where it was cancelled.

The reservation is the charge. A failing plan on neighbouring data leaves the same entries, and the same is spent
whether a query is answered, fails, or is cancelled.
"""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from sfumato.v1 import query_service_pb2 as contract
from tests.attacks.conftest import Twins
from tests.attacks.failing import failing_runs
from tests.attacks.test_06_budget_channel import entries
from tests.attacks.wire import COUNT, Attacker, Outcome, rho
from tests.mesh_scene import MeshScene


def scan(name: str) -> str:
    return f'source {{ scan {{ dataset: "datasets/{name}" }} }} {COUNT}'


def cancelled(attacker: Attacker, name: str, picos: int) -> Outcome:
    """A query that is cancelled while no run of it can succeed."""
    request_id = str(uuid.uuid4())
    with failing_runs(), ThreadPoolExecutor(1) as pool:
        running = pool.submit(attacker.run, scan(name), rho(picos), request_id=request_id, fresh=True)
        done = threading.Event()
        while not done.wait(0.02) and not running.done():
            listed = attacker.call(
                "QueryService",
                "ListQueries",
                contract.ListQueriesRequest(dataset=f"datasets/{name}", page_size=1),
                contract.ListQueriesResponse,
            )
            queries = listed.messages[0].queries
            if queries and queries[0].state == queries[0].STATE_OPEN:
                cancel = contract.CancelQueryRequest(name=queries[0].name)
                assert attacker.call("QueryService", "CancelQuery", cancel, contract.CancelQueryResponse).messages
                done.set()
        return running.result()


@pytest.mark.parametrize("end", ["answered", "failed", "cancelled"])
def test_the_same_is_spent_however_a_query_ends(scene: MeshScene, twins: Twins, end: str) -> None:
    attacker = Attacker(scene)
    picos = 10**8 + ["answered", "failed", "cancelled"].index(end)
    told = []
    for name in twins.names:
        before, seen = attacker.spent(name), len(entries(attacker, name))
        if end == "answered":
            assert attacker.run(scan(name), rho(picos), fresh=True).code is grpc.StatusCode.OK
        elif end == "failed":
            with failing_runs():
                assert attacker.run(scan(name), rho(picos), fresh=True).reason == "QUERY_FAILED"
        else:
            assert cancelled(attacker, name, picos).reason == "QUERY_CANCELLED"
        assert [a - b for a, b in zip(before, attacker.spent(name), strict=True)] == [picos] * 2
        told.append(twins.anonymous(json.dumps(entries(attacker, name)[seen:], sort_keys=True)))
    assert told[0] == told[1]
    attacker.close()


def test_a_plan_that_no_row_passes_is_paid_like_any_other(scene: MeshScene, twins: Twins) -> None:
    """Whether a filter lets anything through is data: nothing is cheaper, and noise is drawn."""
    attacker = Attacker(scene)
    charges = []
    for low in (0, 1000):
        plan = (
            f'source {{ filter {{ input {{ scan {{ dataset: "datasets/{twins.planted}" }} }} predicate {{ call {{ function: '
            f'FUNCTION_GREATER arguments {{ column: "x" }} arguments {{ literal {{ integer: {low} }} }} }} }} }} }} {COUNT}'
        )
        outcome = attacker.run(plan, rho(10**8))
        assert outcome.code is grpc.StatusCode.OK, outcome.said
        charges.append(outcome.query.charge)
    assert charges[0] == charges[1]
    attacker.close()
