# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 11, holes L9 and P6, attack: group keys that appear because one person is in the data.

Public keys are answered all of them, with rows or without. Keys that nobody lists pass a noisy threshold whose δ is
charged; a key of one person is shown with probability δ at most.
"""

import math
from typing import Any

import grpc
import pytest

from sfumato_executor.engines.native.engine import execute
from tests.attacks.tables import SCAN, dataset, program, table
from tests.attacks.wire import Attacker, rho
from tests.mesh_scene import MeshScene

MADE = dataset(
    'columns { name: "name" nullable: true text { } } columns { name: "k" integer { upper: 3 } }',
)
PERSONS = dataset(
    'columns { name: "name" nullable: true text { } } columns { name: "who" text { } }',
    'column: "who" max_groups: 1 max_rows_per_group: 5',
)
BY_NAME = 'group_by { keys { alias: "w" expression { column: "name" } } threshold_keys { } }'
COUNTED = 'measures { alias: "n" count { } }'


@pytest.mark.slow
@pytest.mark.parametrize("family", ["NOISE_GAUSSIAN", "NOISE_LAPLACE"])
def test_singletons_pass_with_probability_delta_at_most(family: str) -> None:
    """20,000 names of one row each at δ = 0.01; shown in all at most δ·n plus a Chernoff margin at 1e-9."""
    count, delta = 4_000, 0.01
    made = program(f"{SCAN} {BY_NAME} {COUNTED[:-1]} noise: {family} }}", MADE, rho(10**11, 10**16))
    prepared = table(MADE, {"name": [f"n{i}" for i in range(count)], "k": [0] * count})
    shown = sum(execute(made, prepared).num_rows for _ in range(5))
    mean = 5 * count * delta
    margin = math.sqrt(3 * mean * math.log(1e9))
    assert shown <= mean + margin
    assert shown > mean / 20  # the threshold is not simply out of reach: the bound is near what happens


def test_a_loud_person_has_one_voice() -> None:
    """One unit with a thousand rows is counted once where keys are found: δ = 1e-9, so a false alarm has that odds."""
    made = program(f"{SCAN} {BY_NAME} {COUNTED}", PERSONS, rho(10**12, 10**9))
    loud = {"name": ["Zacharias"] * 1000 + ["crowd"] * 500, "who": ["z"] * 1000 + [f"p{i}" for i in range(500)]}
    found = execute(made, table(PERSONS, loud)).column("w").to_pylist()
    assert found == ["crowd"]


@pytest.mark.parametrize("key", ["null", "upper", "constant by person", "first letters"])
def test_derived_keys_of_one_person_are_held_back_too(key: str) -> None:
    """Expressions make keys of one person from public parts. δ = 1e-9 a release."""
    name = 'column: "name"'
    planted = (
        f"case_when {{ branches {{ condition {{ call {{ function: FUNCTION_EQUAL arguments {{ {name} }} arguments {{ "
        'literal { text: "Zacharias" } } } } value { literal { text: "there" } } } otherwise { literal { text: "else" } } }'
    )
    expressions = {
        "null": (name, [None]),
        "upper": (f"call {{ function: FUNCTION_UPPER arguments {{ {name} }} }}", ["ZACHARIAS"]),
        "constant by person": (planted, ["there"]),
        "first letters": (
            f"call {{ function: FUNCTION_PREFIX arguments {{ {name} }} arguments {{ literal {{ integer: 3 }} }} }}",
            ["Zac"],
        ),
    }
    expression, forbidden = expressions[key]
    plan = f'{SCAN} group_by {{ keys {{ alias: "w" expression {{ {expression} }} }} threshold_keys {{ }} }} {COUNTED}'
    made = program(plan, MADE, rho(10**12, 10**9))
    names: list[Any] = ["crowd"] * 500 + [None if key == "null" else "Zacharias"]
    found = execute(made, table(MADE, {"name": names, "k": [0] * 501})).column("w").to_pylist()
    assert len(found) == 1
    assert found != forbidden


def test_every_public_key_is_answered_and_no_other() -> None:
    listed = 'group_by { keys { alias: "w" expression { column: "name" } } public_keys { keys { values { text: "a" } } '
    listed += 'keys { values { text: "a" } } keys { values { text: "nobody" } } } }'
    made = program(f"{SCAN} {listed} {COUNTED}", MADE)
    for names in (["a"] * 50 + ["b"] * 50, ["b"], []):
        columns: dict[str, list[Any]] = {"name": names or [None], "k": [0] * max(1, len(names))}
        assert execute(made, table(MADE, columns)).column("w").to_pylist() == ["a", "nobody"]


def test_group_by_name_on_the_wire_shows_no_name(scene: MeshScene) -> None:
    """P6: 887 of 887 names came back at ε 0.01. Here none of 300 does; a false alarm has odds 300·δ = 3e-10."""
    rows = [{"name": f"Passenger {i}", "k": i % 4} for i in range(300)]
    name = scene.publish("passengers", rows, {"name": {"type": "text"}, "k": {"type": "integer", "bounds": [0, 3]}})
    attacker = Attacker(scene)
    source = f'source {{ scan {{ dataset: "datasets/{name}" }} }}'
    shown = attacker.run(f"{source} {BY_NAME} {COUNTED}", rho(10**10, 10**6))
    assert shown.code is grpc.StatusCode.OK, shown.said
    assert [event.complete.row_count for event in shown.events if event.WhichOneof("kind") == "complete"] == [0]
    unlisted = attacker.run(
        f'{source} group_by {{ keys {{ alias: "w" expression {{ column: "name" }} }} }} {COUNTED}', rho(10**10)
    )
    assert unlisted.rule == "keys_not_public"
    assert "Passenger" not in shown.said + unlisted.said
    attacker.close()


def test_delta_is_charged_where_keys_are_found_and_nowhere_else() -> None:
    assert program(f"{SCAN} {BY_NAME} {COUNTED}", MADE, rho(10**12, 10**12)).loss.delta_attos > 0
    assert program(f"{SCAN} {COUNTED}", MADE, rho(10**12, 10**12)).loss.delta_attos == 0
