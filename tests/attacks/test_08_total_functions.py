# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 8, attack: an error on one row (1/0, a bad cast, an overflow, a logarithm of nothing).

Every expression is total. On a table with the row that an attacker looks for, and on one without it, a question has
the same fate: the same status and the same shape of answer.
"""

import statistics

import grpc
import pytest

from sfumato_executor.engines.native.engine import execute
from tests.attacks.conftest import Twins
from tests.attacks.tables import SCAN, dataset, program, table
from tests.attacks.wire import Attacker, rho
from tests.mesh_scene import MeshScene

MADE = dataset(
    'columns { name: "x" nullable: true real { lower: -1e300 upper: 1e300 } } '
    'columns { name: "i" nullable: true integer { lower: -100 upper: 100 } } '
    'columns { name: "t" nullable: true text { } } columns { name: "b" nullable: true boolean { } } '
    'columns { name: "d" nullable: true date { lower { year: 1 month: 1 day: 1 } upper { year: 9999 month: 12 day: 31 '
    "} } }"
)
PLAIN = {"x": [1.0, 2.0], "i": [1, 2], "t": ["1", "2"], "b": [True, False], "d": ["2000-01-01", "2001-01-01"]}
NASTY = {
    "x": [0.0, -0.0, -1.0, 1e300, -1e300, 5e-324, 710.0, None, float("nan"), float("inf"), -float("inf")],
    "i": [0, 42, -42, 100, -100, 1, -1, None, 7, 8, 9],
    "t": ["", "x", "1e400", "nan", "-inf", "9" * 400, " 1 ", None, "0x10", "1_000", "٣"],
    "b": [None, True, False] * 3 + [True, True],
    "d": ["0001-01-01", "9999-12-31", "1969-12-31", None, "nonsense", "2000-02-29", "", "x", "1", "-1", "2"],
}


def of(value: str) -> str:
    return f'{SCAN} measures {{ alias: "s" sum {{ value {{ {value} }} bounds {{ lower: -5 upper: 5 }} }} }}'


def call(function: str, *arguments: str, more: str = "") -> str:
    inside = " ".join(f"arguments {{ {argument} }}" for argument in arguments)
    return f"call {{ function: FUNCTION_{function} {inside} {more} }}"


X, WHOLE, T, D = (f'column: "{name}"' for name in "xitd")
ZERO = "literal { integer: 0 }"
MINUS_42 = call("SUBTRACT", WHOLE, "literal { integer: 42 }")
NUMBERS = {
    "one over x": call("DIVIDE", "literal { real: 1 }", X),
    "one over i less 42": call("DIVIDE", "literal { real: 1 }", MINUS_42),
    "with a default": call("DIVIDE", "literal { real: 1 }", MINUS_42, more="otherwise { real: 3 }"),
    "whole division": call("FLOOR_DIVIDE", WHOLE, MINUS_42),
    "division by zero": call("COALESCE", call("FLOOR_DIVIDE", WHOLE, ZERO), WHOLE),
    "remainder": call("MODULO", WHOLE, MINUS_42),
    "real remainder": call("MODULO", X, MINUS_42),
    "huge over tiny": call("DIVIDE", X, X),
    "logarithm": call("LN", X),
    "decimal logarithm": call("LOG10", MINUS_42),
    "root": call("SQRT", X),
    "exponential": call("EXP", X),
    "power": call("POWER", X, "literal { real: -0.5 }"),
    "great power": call("POWER", X, "literal { real: 300 }"),
    "square": call("MULTIPLY", X, X),
    "cube": call("MULTIPLY", X, X, X),
    "sum beyond": call("ADD", X, X, X),
    "rounding": call("ROUND", X, "literal { integer: 15 }"),
    "floor": call("FLOOR", X),
    "real to integer": f"cast {{ value {{ {X} }} type: DATA_TYPE_INTEGER }}",
    "text to integer": f"cast {{ value {{ {T} }} type: DATA_TYPE_INTEGER }}",
    "text to real": f"cast {{ value {{ {T} }} type: DATA_TYPE_REAL }}",
    "length": call("LENGTH", call("UPPER", T)),
    "first character": call("LENGTH", call("PREFIX", T, "literal { integer: 1 }")),
    "year": call("EXTRACT", D, more="time_unit: TIME_UNIT_YEAR"),
    "week": call("EXTRACT", D, more="time_unit: TIME_UNIT_WEEK"),
    "start of the week": call(
        "TIME_DIFFERENCE",
        call("TRUNCATE_TIME", D, more="time_unit: TIME_UNIT_WEEK"),
        D,
        more="time_unit: TIME_UNIT_DAY",
    ),
    "months between": call("TIME_DIFFERENCE", D, D, more="time_unit: TIME_UNIT_MONTH"),
    "least of nothing": call("LEAST", X, call("LN", X)),
    "bin": f"bin {{ value {{ {X} }} edges: [-1, 0, 1] }}",
}


@pytest.mark.parametrize("value", NUMBERS.values(), ids=NUMBERS.keys())
def test_no_value_makes_a_question_fail(value: str) -> None:
    made = program(of(value), MADE)
    plain, nasty = (execute(made, table(MADE, columns)) for columns in (PLAIN, NASTY))
    assert plain.schema == nasty.schema
    assert plain.num_rows == nasty.num_rows == 1
    assert nasty.column("draw_0").null_count == 0


@pytest.mark.parametrize(
    "plan",
    [
        f'group_by {{ keys {{ alias: "k" expression {{ {MINUS_42} }} }} }} measures {{ alias: "n" count {{ }} }}',
        'group_by { keys { alias: "k" expression { column: "t" } } public_keys { keys { values { text: "x" } } } } '
        'measures { alias: "n" count { } }',
        f'measures {{ alias: "n" count {{ value {{ {NUMBERS["one over i less 42"]} }} }} }}',
        f'measures {{ alias: "q" quantile {{ value {{ {NUMBERS["logarithm"]} }} level: 0.5 candidates: [-1, 0, 1] }} }}',
        f'measures {{ alias: "h" histogram {{ bins {{ {NUMBERS["bin"]} }} }} }}',
        f'measures {{ alias: "m" mean {{ value {{ {NUMBERS["text to real"]} }} bounds {{ lower: 0 upper: 9 }} }} }}',
    ],
)
def test_neither_keys_nor_other_measures_fail(plan: str) -> None:
    made = program(f"{SCAN} {plan}", MADE)
    plain, nasty = (execute(made, table(MADE, columns)) for columns in (PLAIN, NASTY))
    assert plain.schema == nasty.schema
    assert plain.num_rows == nasty.num_rows


def test_a_filter_on_the_planted_row_only_has_the_same_fate(scene: MeshScene, twins: Twins) -> None:
    """On the wire, with the row x = 42 and without it: same status, same events, same class of time.

    Time classes are coarse here (medians within 0.25 s): ticks, which would bound times, are not built.
    """
    attacker = Attacker(scene)
    divided = call("DIVIDE", "literal { real: 1 }", call("SUBTRACT", 'column: "x"', "literal { integer: 42 }"))
    guess = call("GREATER", divided, ZERO)
    shapes, medians = [], []
    for name in twins.names:
        plan = (
            f'source {{ filter {{ input {{ scan {{ dataset: "datasets/{name}" }} }} predicate {{ {guess} }} }} }} '
            f'measures {{ alias: "s" sum {{ value {{ {divided} }} bounds {{ lower: -1 upper: 1 }} }} }}'
        )
        runs = [attacker.run(plan, rho(10**7), fresh=True) for _ in range(5)]
        assert all(run.code is grpc.StatusCode.OK for run in runs), runs[0].said
        shapes.append([event.WhichOneof("kind") for event in runs[-1].events if event.WhichOneof("kind") != "progress"])
        medians.append(statistics.median(run.seconds for run in runs))
    assert shapes[0] == shapes[1]
    assert abs(medians[0] - medians[1]) < 0.25
    attacker.close()
