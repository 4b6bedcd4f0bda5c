# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 9 and holes L2 and L3, attack: an error that is free, and tells a value of the data.

There are two kinds of failure: refused before data (with a text that helps, free), and failed after it (one constant
code, no text, charged). A worker that fails or is gone leaves nothing locked: its reservation settles by itself.
"""

import logging
import uuid

import grpc
import pytest

from sfumato.v1 import query_service_pb2 as contract
from tests.attacks.conftest import COLUMNS, ROWS
from tests.attacks.failing import SECRET, failing_runs
from tests.attacks.wire import COUNT, Attacker, rho
from tests.mesh_scene import MeshScene

WORDS = ("Zacharias", "payroll", "could not convert", "row 42", "ValueError", "Traceback")


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    scene.publish("failures", ROWS, COLUMNS)
    return Attacker(scene)


def scan(plan: str) -> str:
    return f'source {{ scan {{ dataset: "datasets/failures" }} }} {plan}'


def test_a_run_that_fails_on_data_is_charged_and_says_one_constant(
    attacker: Attacker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = attacker.spent("failures")
    request_id = str(uuid.uuid4())
    with failing_runs() as failed:
        outcome = attacker.run(scan(COUNT), rho(7 * 10**9), request_id=request_id)
        again = attacker.run(scan(COUNT), rho(7 * 10**9), request_id=request_id)
    assert failed
    for each in (outcome, again):
        assert each.code is grpc.StatusCode.ABORTED
        assert each.reason == "QUERY_FAILED"
        assert not any(word in each.said + each.text + str(each.messages) for word in WORDS)
    assert outcome.said == again.said
    assert [a - b for a, b in zip(before, attacker.spent("failures"), strict=True)] == [7 * 10**9] * 2
    for record in caplog.records:
        assert SECRET not in record.getMessage() + str(record.exc_text or "") + str(record.exc_info or "")


def test_all_failures_look_alike(attacker: Attacker) -> None:
    """Whatever was asked, what failed says the same."""
    grouped = 'group_by { keys { alias: "g" expression { column: "g" } } } measures { alias: "m" mean { value { column: "x" } } }'
    with failing_runs():
        said = {attacker.run(scan(plan), rho(10**6), fresh=True).said for plan in (COUNT, grouped)}
    assert len(said) == 1
    refused = attacker.run(scan('measures { alias: "n" sum { value { column: "z" } } }'), rho(10**6))
    assert refused.said not in said


def test_nobody_is_locked_out_by_a_worker_that_died(attacker: Attacker) -> None:
    """L2: the reservation of a lost worker ends by itself, and the same analyst asks on meanwhile."""
    with failing_runs():
        lost = attacker.run(scan(COUNT), rho(10**6 + 1))
    assert lost.reason == "QUERY_FAILED"
    alive = attacker.run(scan(COUNT), rho(10**6 + 1))
    assert alive.code is grpc.StatusCode.OK, alive.said
    name = next(event.query.name for event in lost.events if event.WhichOneof("kind") == "query")
    found = (
        attacker.call("QueryService", "GetQuery", contract.GetQueryRequest(name=name), contract.GetQueryResponse)
        .messages[0]
        .query
    )
    assert found.state == found.STATE_FAILED
    assert not found.HasField("receipt")


REFUSED = {
    "unknown column": 'measures { alias: "n" sum { value { column: "income" } } }',
    "wrong type": 'measures { alias: "n" sum { value { column: "who" } } }',
    "unknown key": 'group_by { keys { alias: "g" expression { column: "g" } } public_keys { keys { values { text: "q" } } '
    '} } measures { alias: "n" count { } }',
    "unlisted key": 'group_by { keys { alias: "w" expression { column: "who" } } } measures { alias: "n" count { } }',
}


@pytest.mark.parametrize("plan", REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_before_data_holds_no_value_of_it(attacker: Attacker, plan: str) -> None:
    """Values of the data that no metadata declares: names of persons, and numbers of the planted row."""
    before = attacker.spent("failures")
    outcome = attacker.run(scan(plan), rho(10**9))
    assert outcome.code is grpc.StatusCode.INVALID_ARGUMENT
    assert outcome.refusal is not None
    assert outcome.refusal.metadata["hint"]
    assert "person " not in outcome.said
    assert attacker.spent("failures") == before
