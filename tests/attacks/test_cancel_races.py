"""Not in the list, attack: cancelling, repeating and reading one query from many sides at once.

Whatever the order, a query ends in one way, is charged once, and shows one answer or none. Cancelling gives nothing
back, so racing it against the answer gains nothing.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from sfumato.v1 import query_service_pb2 as contract
from sfumato_gateway.identifiers import query_id
from tests.attacks.wire import COUNT, Attacker, Outcome, rho
from tests.mesh_scene import MeshScene

PLAN = f'source {{ scan {{ dataset: "datasets/raced" }} }} {COUNT}'
ENDS = {"OK", "QUERY_CANCELLED", "ACCESS_DENIED"}


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    scene.publish("raced", [{"x": 1}] * 20, {"x": {"type": "integer", "bounds": [0, 3]}})
    return Attacker(scene)


def name_of(request_id: str) -> str:
    """The id is derived, so that one's own query can be named before it is paid."""
    return f"queries/{query_id('users/analyst', request_id)}"


def cancel(attacker: Attacker, name: str) -> Outcome:
    return attacker.call(
        "QueryService", "CancelQuery", contract.CancelQueryRequest(name=name), contract.CancelQueryResponse
    )


def attach(attacker: Attacker, name: str) -> Outcome:
    return attacker.call(
        "QueryService", "AttachQuery", contract.AttachQueryRequest(name=name), contract.AttachQueryResponse
    )


def tables(outcome: Outcome) -> set[bytes]:
    return {event.batch.SerializeToString() for event in outcome.events if event.WhichOneof("kind") == "batch"}


def test_cancel_against_run_against_attach(attacker: Attacker) -> None:
    ended: set[str] = set()
    for round_ in range(25):
        before = attacker.spent("raced")
        request_id = str(uuid.uuid4())
        name = name_of(request_id)

        def act(what: int, request_id: str = request_id, name: str = name, pause: float = round_ / 1000) -> Any:
            if what < 2:
                return attacker.run(PLAN, rho(10**6), request_id=request_id, fresh=True)
            time.sleep(pause)
            return cancel(attacker, name) if what < 4 else attach(attacker, name)

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(act, range(6)))
        last = attach(attacker, name)
        assert {each.reason or "OK" for each in [*found, last]} <= ENDS, [each.said for each in found]
        ended.add(last.reason or "OK")
        shown = set().union(*(tables(each) for each in [found[0], found[1], found[4], found[5], last]))
        assert len(shown) == (1 if last.reason == "" else 0)
        assert [a - b for a, b in zip(before, attacker.spent("raced"), strict=True)] == [10**6] * 2
        state = (
            attacker.call("QueryService", "GetQuery", contract.GetQueryRequest(name=name), contract.GetQueryResponse)
            .messages[0]
            .query
        )
        assert state.state in (state.STATE_SUCCEEDED, state.STATE_CANCELLED)
        assert (state.state == state.STATE_SUCCEEDED) == (last.reason == "") == state.HasField("receipt")
    assert "OK" in ended


def test_cancelling_what_was_never_paid_binds_nothing(attacker: Attacker) -> None:
    """A cancel ahead of the run is refused like any unknown query, and the run then goes as if it had not been."""
    request_id = str(uuid.uuid4())
    assert cancel(attacker, name_of(request_id)).reason == "ACCESS_DENIED"
    outcome = attacker.run(PLAN, rho(10**6), request_id=request_id, fresh=True)
    assert outcome.code is grpc.StatusCode.OK, outcome.said


def test_a_cancelled_query_is_never_answered_and_never_free_again(attacker: Attacker) -> None:
    from tests.attacks.failing import failing_runs

    before = attacker.spent("raced")
    request_id = str(uuid.uuid4())
    with failing_runs(), ThreadPoolExecutor(1) as pool:
        running = pool.submit(attacker.run, PLAN, rho(10**6 + 1), request_id=request_id)
        while cancel(attacker, name_of(request_id)).code is not grpc.StatusCode.OK:
            time.sleep(0.01)
        assert running.result().reason == "QUERY_CANCELLED"
    for _ in range(3):
        again = attacker.run(PLAN, rho(10**6 + 1), request_id=request_id)
        assert again.reason == "QUERY_CANCELLED"
        assert not tables(again)
    assert [a - b for a, b in zip(before, attacker.spent("raced"), strict=True)] == [10**6 + 1] * 2
    reworded = attacker.run(PLAN, rho(10**6 + 2), request_id=request_id)
    assert reworded.reason == "REQUEST_ID_REUSED"


def test_rows_beyond_the_answer_are_refused(attacker: Attacker) -> None:
    outcome = attacker.run(PLAN, rho(10**6))
    for start in (2, 10**9, 2**63 - 1):
        request = contract.AttachQueryRequest(name=outcome.query.name, start_row=start)
        found = attacker.call("QueryService", "AttachQuery", request, contract.AttachQueryResponse)
        assert found.code in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.INVALID_ARGUMENT), found.said
        assert found.refusal is not None
        assert not tables(found)


@pytest.mark.parametrize("changed", ["payment", "question", "confidence", "fresh", "labels", "limit"])
def test_one_request_id_pays_for_one_body(attacker: Attacker, changed: str) -> None:
    """Otherwise a cheap body could claim the id, and a dear one ride on it, or the other way round."""
    request_id = str(uuid.uuid4())
    assert attacker.run(PLAN, rho(10**6), request_id=request_id).code is grpc.StatusCode.OK
    before = attacker.spent("raced")
    plan, payment, fields = PLAN, rho(10**6), {"request_id": request_id}
    more: dict[str, Any] = {
        "confidence": {"confidence": 0.5},
        "fresh": {"fresh": True},
        "labels": {"labels": {"a": "b"}},
        "limit": {"limit": {"rho": {"rho_picos": 10**7}}},
    }
    if changed == "payment":
        payment = rho(10**9)
    elif changed == "question":
        plan = PLAN.replace("count { }", 'sum { value { column: "x" } }')
    outcome = attacker.run(plan, payment, **fields, **more.get(changed, {}))
    assert outcome.reason == "REQUEST_ID_REUSED", outcome.said
    assert attacker.spent("raced") == before
