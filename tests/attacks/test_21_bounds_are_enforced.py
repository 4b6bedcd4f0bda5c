"""Row 21, attack: metadata that lie about contributions or values.

Bounds are enforced on the data, by unit: a file that violates what was declared moves no vector by more than the
compiler proved from the declaration.
"""

from typing import Any

import pytest

from sfumato.v1 import plan_pb2
from sfumato_executor.engines.native.engine import ForeignTableError, exact_vectors
from sfumato_mesh.refusal import Refusal
from tests.attacks.tables import SCAN, dataset, exact, moved, program, table

SCHEMA = (
    'columns { name: "who" nullable: true text { } } columns { name: "x" real { lower: 0 upper: 10 } } '
    'columns { name: "c" category { values: ["a", "b", "c", "d"] } }'
)
MEASURES = """
    measures { alias: "n" count { } } measures { alias: "u" count_units { } }
    measures { alias: "s" sum { value { column: "x" } } } measures { alias: "m" mean { value { column: "x" } } }
    measures { alias: "h" histogram { bins { column: "c" } } }
    measures { alias: "q" quantile { value { column: "x" } level: 0.5 candidates: [1, 5, 9] } }
"""
KEYS = 'group_by { keys { alias: "c" expression { column: "c" } } }'
QUIET: dict[str, list[Any]] = {"who": [f"p{i}" for i in range(20)], "x": [1.0] * 20, "c": ["a"] * 20}


def loud(rows: int, value: float) -> dict[str, list[Any]]:
    """The quiet ones, and one unit with many rows in all groups, with values far outside the bounds."""
    return {
        "who": [*QUIET["who"], *["loud"] * rows],
        "x": [*QUIET["x"], *[value] * rows],
        "c": [*QUIET["c"], *["abcd"[i % 4] for i in range(rows)]],
    }


@pytest.mark.parametrize(
    "unit", ["max_groups: 2 max_rows_per_group: 3", "max_rows: 5", "max_groups: 3 max_rows: 4", ""]
)
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("value", [1e9, -1e9, 10.0])
def test_one_unit_with_most_of_the_rows_moves_no_more_than_declared(unit: str, grouped: bool, value: float) -> None:
    made = dataset(SCHEMA, f'column: "who" {unit}')
    plan = f"{SCAN} {KEYS if grouped else ''} {MEASURES}"
    compiled = program(plan, made)
    quiet = exact_vectors(compiled, table(made, QUIET)).vectors
    for rows in (1, 7, 400):
        found = exact_vectors(compiled, table(made, loud(rows, value))).vectors
        for before, after, vector in zip(quiet, found, compiled.vectors, strict=True):
            changes = abs(after - before).ravel()
            assert int(changes.max()) <= vector.sensitivity.linf
            assert int(changes.sum()) <= vector.sensitivity.l1
            assert float((changes.astype(float) ** 2).sum() ** 0.5) <= vector.sensitivity.l2 * (1 + 1e-12)
            assert int((changes > 0).sum()) <= vector.sensitivity.l0


@pytest.mark.parametrize("value", [1e300, -1e300, 11.0, -0.001])
def test_values_outside_the_declared_bounds_are_moved_to_them(value: float) -> None:
    made = dataset(SCHEMA)
    compiled = program(f"{SCAN} {MEASURES}", made)
    more = {name: [*values, values[0]] for name, values in QUIET.items()}
    more["x"][-1] = value
    assert all(measured <= declared for measured, declared in moved(compiled, table(made, QUIET), table(made, more)))


def test_a_filter_does_not_reset_what_a_unit_may_contribute() -> None:
    """Bounding comes after the filter: many filtered views of one unit are each bounded, and each is paid."""
    made = dataset(SCHEMA, 'column: "who" max_rows: 2')
    predicate = 'call { function: FUNCTION_LESS arguments { column: "x" } arguments { literal { real: 9 } } }'
    plan = f'source {{ filter {{ input {{ scan {{ dataset: "datasets/d" }} }} predicate {{ {predicate} }} }} }}'
    compiled = program(f'{plan} measures {{ alias: "n" count {{ }} }}', made)
    assert exact(compiled, table(made, loud(100, 3.0))) == [[22]]


@pytest.mark.parametrize(
    "bounds", ["max_groups: 3", "max_rows_per_group: 4", "max_rows: 7", "max_groups: 1000000 max_rows: 1000000"]
)
def test_a_plan_cannot_loosen_what_the_dataset_declares(bounds: str) -> None:
    made = dataset(SCHEMA, 'column: "who" max_groups: 2 max_rows_per_group: 3')
    with pytest.raises(Refusal) as caught:
        program(f'{SCAN} {KEYS} measures {{ alias: "n" count {{ }} }} contribution_bounds {{ {bounds} }}', made)
    assert caught.value.metadata["rule"] == "contribution_bounds"


@pytest.mark.parametrize("groups", [0, 1, 2])
@pytest.mark.parametrize("per_group", [0, 1, 2])
@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_tightening_in_every_combination_keeps_the_promise(groups: int, per_group: int, rows: int) -> None:
    made = dataset(SCHEMA, 'column: "who" max_groups: 2 max_rows_per_group: 3')
    bounds = plan_pb2.ContributionBounds(max_groups=groups, max_rows_per_group=per_group, max_rows=rows)
    plan = f'{SCAN} {KEYS} measures {{ alias: "n" count {{ }} }} contribution_bounds {{ {bounds} }}'
    compiled = program(plan, made)
    [vector] = compiled.vectors
    [before] = exact_vectors(compiled, table(made, QUIET)).vectors
    [after] = exact_vectors(compiled, table(made, loud(300, 1.0))).vectors
    changes = abs(after - before)
    assert int(changes.max()) <= vector.sensitivity.linf <= (per_group or 3)
    assert int((changes > 0).sum()) <= vector.sensitivity.l0 <= (groups or 2)
    assert int(changes.sum()) <= vector.sensitivity.l1
    assert not rows or int(changes.sum()) <= rows


def test_a_program_runs_on_no_table_that_was_prepared_under_looser_bounds() -> None:
    """The proof rests on the schema and the unit that were enforced, not on those of today's record."""
    narrow = dataset(SCHEMA, 'column: "who" max_rows: 2')
    compiled = program(f"{SCAN} {MEASURES}", narrow)
    wide = dataset(SCHEMA.replace("upper: 10", "upper: 1000"), 'column: "who" max_rows: 2')
    unit = dataset(SCHEMA)
    reordered = dataset(SCHEMA.replace('"a", "b"', '"b", "a"'), 'column: "who" max_rows: 2')
    for other in (wide, unit, reordered):
        with pytest.raises(ForeignTableError):
            exact_vectors(compiled, table(other, QUIET))
