"""Row 10 and holes L6 and L13, attack: NaN, infinities and nulls in data or parameters.

Data are normalised on load, so that no answer is NaN or null for them; nothing is drawn again because an answer looks
odd; and no comparison of money can be passed by NaN, since money is whole numbers and NaN is refused at every door.
"""

import math
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor, message_factory

from sfumato.v1 import charge_pb2, query_service_pb2
from sfumato_executor.engines.native.engine import execute, render
from sfumato_executor.engines.native.noise import OpenDPNoise
from sfumato_mesh import money, zcdp
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.refusal import Refusal
from tests.attacks.tables import SCAN, dataset, moved, program, table
from tests.attacks.wire import rho

F = descriptor.FieldDescriptor
NAN, INF = float("nan"), float("inf")
MADE = dataset(
    'columns { name: "r" nullable: true real { lower: -1 upper: 1 } } columns { name: "f" real { lower: 2 upper: 3 } } '
    'columns { name: "i" nullable: true integer { lower: -5 upper: 5 } } columns { name: "c" nullable: true category { '
    'values: ["a", "nan"] } }'
)
MEASURES = """
    measures { alias: "n" count { value { column: "r" } } }
    measures { alias: "s" sum { value { column: "r" } } }
    measures { alias: "m" mean { value { column: "f" } } }
    measures { alias: "t" sum { value { column: "i" } } }
    measures { alias: "q" quantile { value { column: "r" } level: 0.5 candidates: [-1, 0, 1] } }
    measures { alias: "h" histogram { bins { column: "c" } } }
"""
PLANTED = {
    "r": [NAN, INF, -INF, None, 0.5, np.nextafter(0, 1), -0.0],
    "f": [NAN, INF, -INF, None, 2.5, 5e-324, -0.0],
    "i": [NAN, INF, -INF, None, 1.0, 2.5, -0.0],
    "c": ["nan", "NaN", None, "", "a", "inf", "a"],
}


def test_nan_in_every_column_gives_whole_answers() -> None:
    made = program(f"{SCAN} {MEASURES}", MADE)
    answer = render(made, execute(made, table(MADE, PLANTED)), 0.95)
    for output in made.outputs:
        for value in answer.column(output.alias).to_pylist():
            values = value if isinstance(value, list) else [value]
            assert all(item is not None and math.isfinite(item) for item in values), output.alias


@pytest.mark.parametrize("column", list(PLANTED))
@pytest.mark.parametrize("planted", [NAN, INF, -INF, None], ids=["nan", "inf", "-inf", "null"])
def test_a_planted_nan_moves_no_vector_beyond_what_was_declared(column: str, planted: Any) -> None:
    made = program(f"{SCAN} {MEASURES}", MADE)
    rows: dict[str, list[Any]] = {"r": [0.5], "f": [2.5], "i": [1.0], "c": ["a"]}
    more = {name: [*values, values[0]] for name, values in rows.items()}
    more[column][1] = planted if column != "c" else (None if planted is None else str(planted))
    assert all(measured <= declared for measured, declared in moved(made, table(MADE, rows), table(MADE, more)))


def test_a_predicate_on_nan_is_two_valued() -> None:
    """In Polars NaN > 5 is true: a filter that let NaN through would be a question about who has none."""
    predicate = (
        'predicate { call { function: FUNCTION_GREATER arguments { column: "r" } arguments { literal { real: 0 } } } }'
    )
    made = program(
        f'source {{ filter {{ input {{ scan {{ dataset: "datasets/d" }} }} {predicate} }} }} '
        'measures { alias: "n" count { } }',
        MADE,
    )
    kept, dropped = (
        table(MADE, {**PLANTED, "r": [0.5] * 7}),
        table(MADE, {**PLANTED, "r": [NAN, None, -0.0, 0.0] + [-1.0] * 3}),
    )
    assert moved(made, kept, dropped) == [(7, 1)]


def test_nothing_is_drawn_again_when_an_answer_looks_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """L6: a mean over no rows, a quantile of nothing, an empty group: one draw each, whatever comes."""
    drawn: list[int] = []
    real = OpenDPNoise.add

    def counted(self: OpenDPNoise, draw: Any, values: Any) -> Any:
        drawn.append(draw.vector)
        return real(self, draw, values)

    monkeypatch.setattr(OpenDPNoise, "add", counted)
    keys = 'group_by { keys { alias: "c" expression { column: "c" } } }'
    made = program(f"{SCAN} {keys} {MEASURES}", MADE)
    nothing: dict[str, list[Any]] = {"r": [NAN], "f": [NAN], "i": [None], "c": [None]}
    for columns in (PLANTED, nothing):
        drawn.clear()
        execute(made, table(MADE, columns))
        additive = [draw for draw in made.draws if draw.kind.value in ("gaussian", "laplace")]
        assert len(drawn) == len(additive)


def messages(root: descriptor.Descriptor) -> list[descriptor.Descriptor]:
    """All message types that a request can hold, itself among them."""
    found: dict[str, descriptor.Descriptor] = {}
    stack = [root]
    while stack:
        each = stack.pop()
        if each.full_name not in found:
            found[each.full_name] = each
            stack += [field.message_type for field in each.fields if field.message_type is not None]
    return list(found.values())


@pytest.mark.parametrize("name", ["QuoteQueryRequest", "RunQueryRequest", "RunDummyQueryRequest"])
@pytest.mark.parametrize("value", [NAN, INF, -INF], ids=["nan", "inf", "-inf"])
def test_no_double_of_a_request_may_be_nan_or_infinite(name: str, value: float) -> None:
    """Each double of each message that a request can hold: the guard refuses it, and names its path."""
    found = set()
    for kind in messages(getattr(query_service_pb2, name).DESCRIPTOR):
        for field in kind.fields:
            if field.type not in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
                continue
            message = message_factory.GetMessageClass(kind)()
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
            with pytest.raises(Refusal) as caught:
                check(message)
            paths = [violation.field for violation in caught.value.fields]
            assert any(path.startswith(field.name) for path in paths), field.full_name
            found.add(field.full_name.removeprefix("sfumato.v1."))
    assert found >= {
        "Literal.real",
        "Bounds.lower",
        "Bounds.upper",
        "Quantile.level",
        "Quantile.candidates",
        "Bin.edges",
    }
    assert f"{name}.confidence" in found


def test_money_on_the_wire_is_whole_numbers() -> None:
    """L13: `remaining < cost` is false for NaN. No amount has a type that could hold it."""
    for message in (charge_pb2.Charge, charge_pb2.RhoDelta, charge_pb2.EpsilonDelta):
        assert {field.type for field in message.DESCRIPTOR.fields} == {F.TYPE_INT64}


@pytest.mark.parametrize("value", [NAN, INF, -INF, -1.0, -5e-324, 1e300], ids=repr)
def test_no_conversion_makes_money_of_nan(value: float) -> None:
    for convert in (money.picos_up, money.picos_down, money.attos_up, money.attos_down):
        with pytest.raises((ValueError, OverflowError)):
            convert(value)
    for function in (zcdp.epsilon_of, zcdp.largest_rho, zcdp.delta_of):
        with pytest.raises((TypeError, ValueError)):
            function(value, 10**12)


def test_amounts_below_the_unit_are_charged_and_never_free() -> None:
    """A loss below one unit rounds up to it, and a limit down to nothing; the least payment buys a lot of noise."""
    assert money.picos_up(1e-300) == 1
    assert money.picos_down(1e-300) == 0
    made = program(f'{SCAN} measures {{ alias: "n" count {{ }} }}', MADE, rho(1))
    assert made.loss.rho_picos == 1
    assert made.draws[0].scale > 10**5
