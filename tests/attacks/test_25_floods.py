"""Requests that are cheap to send and were dear to refuse: long lists, wide plans, large schemas.

Each is refused within 50 ms of processor time on a quiet machine; the bound here is ten times that, of client, gateway
and engine together.
"""

import time
from collections.abc import Callable

import grpc
import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_admin_service_pb2, function_pb2, measure_pb2, plan_pb2, question_pb2
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.refusal import Refusal
from tests.attacks.wire import COUNT, HARMLESS, Attacker, question, rho
from tests.mesh_scene import MeshScene

SECONDS = 0.5
VALUES = [f"v{number:05}" for number in range(50_000)]
DECLARED = 20_000
SCAN = 'source { scan { dataset: "datasets/flooded" } }'


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    columns = {"c": {"type": "category", "values": VALUES[:DECLARED]}, "x": {"type": "integer", "bounds": [0, 9]}}
    scene.publish("flooded", [{"c": VALUES[i], "x": i % 10} for i in range(60)], columns)
    found = Attacker(scene)
    for _ in range(2):  # what is loaded once is not what is measured
        assert found.quote(f"{SCAN} {COUNT}", rho(10**6)).code is grpc.StatusCode.OK
    return found


def counted() -> plan_pb2.Plan:
    return text_format.Parse(f"{SCAN} {COUNT}", plan_pb2.Plan())


def listed(count: int, last: str = "") -> plan_pb2.Plan:
    """A count over so many listed keys."""
    plan = counted()
    plan.group_by.keys.add(alias="c").expression.column = "c"
    for value in (*VALUES[: count - 1], last or VALUES[count]):
        plan.group_by.public_keys.keys.add().values.add().text = value
    return plan


def among(count: int, last: str = "") -> plan_pb2.Plan:
    """A count of rows whose value is in a list."""
    plan = counted()
    relation = plan.source.filter
    relation.input.scan.dataset = "datasets/flooded"
    relation.predicate.in_list.value.column = "c"
    for value in (*VALUES[: count - 1], last or VALUES[count]):
        relation.predicate.in_list.items.add().text = value
    return plan


def wide() -> plan_pb2.Plan:
    """Sixty thousand nodes, every one of them valid, none deeper than four."""
    plan = counted()
    outer = plan.measures.add(alias="m").sum.value.call
    outer.function = function_pb2.FUNCTION_ADD
    for _ in range(60):
        middle = outer.arguments.add().call
        middle.function = function_pb2.FUNCTION_ADD
        for _ in range(60):
            inner = middle.arguments.add().call
            inner.function = function_pb2.FUNCTION_ADD
            for _ in range(16):
                inner.arguments.add().column = "x"
    return plan


def empty_branches() -> plan_pb2.Plan:
    """A hundred thousand branches that each break two rules."""
    plan = counted()
    branches = plan.measures.add(alias="m").sum.value.case_when.branches
    branches.extend([branches.add()] * 100_000)
    return plan


def empty_keys() -> plan_pb2.Plan:
    plan = counted()
    plan.group_by.keys.add(alias="c").expression.column = "c"
    keys = plan.group_by.public_keys.keys
    keys.extend([keys.add()] * 100_000)
    return plan


def empty_items() -> plan_pb2.Plan:
    plan = among(1)
    items = plan.source.filter.predicate.in_list.items
    items.extend([items.add()] * 100_000)
    return plan


def many_measures() -> plan_pb2.Plan:
    """Aliases are compared with each other: of thirty thousand that takes seconds."""
    plan = counted()
    plan.measures.extend(measure_pb2.Measure(alias=f"m{number}") for number in range(30_000))
    return plan


def falling_edges() -> plan_pb2.Plan:
    plan = counted()
    for number in range(10):
        bins = plan.measures.add(alias=f"h{number}").histogram.bins.bin
        bins.value.column = "x"
        bins.edges.extend(float(edge) for edge in range(9_999, -1, -1))
    return plan


FLOODS: dict[str, Callable[[], plan_pb2.Plan]] = {
    "a key of many that is unknown": lambda: listed(10_000, "nobody"),
    "more keys than a question lists": lambda: listed(40_000),
    "empty keys": empty_keys,
    "an item of many that is unknown": lambda: among(10_000, "nobody"),
    "more items than a list takes": lambda: among(40_000),
    "empty items": empty_items,
    "a wide plan": wide,
    "empty branches": empty_branches,
    "many measures": many_measures,
    "falling edges": falling_edges,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_is_refused_at_once(attacker: Attacker, flood: Callable[[], plan_pb2.Plan]) -> None:
    asked = question_pb2.Question(plan=flood())
    before = attacker.spent("flooded")
    for ask in (attacker.quote, attacker.run):
        begin = time.process_time()
        outcome = ask(asked, rho(10**6))
        assert time.process_time() - begin < SECONDS
        assert outcome.code in HARMLESS, outcome.said
        assert outcome.refusal is not None, outcome.text
        assert outcome.refusal.metadata.get("hint"), outcome.said
        assert outcome.fields, outcome.said
    assert attacker.spent("flooded") == before


def test_what_is_within_the_limits_is_answered(attacker: Attacker) -> None:
    for plan in (listed(10_000), among(10_000)):
        begin = time.process_time()
        outcome = attacker.quote(question_pb2.Question(plan=plan), rho(10**6))
        assert outcome.code is grpc.StatusCode.OK, outcome.said
        assert time.process_time() - begin < 4 * SECONDS


def test_listed_keys_that_are_no_literals_have_a_path(attacker: Attacker) -> None:
    plan = listed(3)
    plan.group_by.public_keys.keys[1].values[0].Clear()
    outcome = attacker.quote(question_pb2.Question(plan=plan), rho(10**6))
    assert (outcome.reason, outcome.rule) == ("PLAN_REJECTED", "literal")
    assert outcome.fields == ["group_by.public_keys.keys[1].values[0]"]
    plan = among(3)
    plan.source.filter.predicate.in_list.items[1].real = float("nan")
    outcome = attacker.quote(question_pb2.Question(plan=plan), rho(10**6))
    assert (outcome.reason, outcome.rule) == ("PLAN_REJECTED", "literal")
    assert outcome.fields == ["source.filter.predicate.in_list.items[1]"]
    plan.source.filter.predicate.in_list.items[1].text = "x" * 1_025
    assert attacker.quote(question_pb2.Question(plan=plan), rho(10**6)).rule == "literal"


def test_a_short_request_is_told_all_that_is_wrong_with_it(attacker: Attacker) -> None:
    outcome = attacker.quote(
        question(f'{SCAN} measures {{ alias: "n." }} measures {{ alias: "m." count {{ }} }}'), rho(-1)
    )
    assert len(outcome.fields) >= 3, outcome.said


def test_a_schema_of_ten_thousand_columns(scene: MeshScene) -> None:
    """Names are compared with each other too, which took four seconds."""
    request = dataset_admin_service_pb2.CreateDatasetRequest(dataset_id="wide")
    for number in range(10_000):
        request.dataset.schema.columns.add(name=f"c{number}").integer.upper = 3
    begin = time.process_time()
    with pytest.raises(Refusal) as caught:
        check(request)
    assert time.process_time() - begin < SECONDS
    assert caught.value.reason == "REQUEST_INVALID"
