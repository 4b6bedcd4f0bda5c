"""Row 4 and hole P3, attack: a sensitivity that is too low, by overflow, rounding, or order of summation.

(Casacuberta et al., arXiv 2207.10635: nearly all libraries.) Sums are exact integers, the same in any order. What one
unit adds is clamped as an integer, so that neither a plan with adversarial literals nor extreme values move a vector
by more than the compiler declared. A sensitivity of zero, which would draw no noise, is refused.
"""

import itertools
import math
import random
from typing import Any

import pytest

from sfumato.v1 import plan_pb2
from sfumato_mesh.refusal import Refusal
from tests.attacks.tables import SCAN, dataset, exact, moved, program, program_or_rule, table

REAL = dataset('columns { name: "x" nullable: true real { lower: -10 upper: 10 } }')
WIDE = dataset(
    f'columns {{ name: "i" nullable: true integer {{ lower: {-(2**62)} upper: {2**62} }} }} '
    'columns { name: "r" nullable: true real { lower: -1e300 upper: 1e300 } }'
)
EXTREMES: dict[str, list[Any]] = {
    "i": [2**62, -(2**62), 2**53 + 1, -1, 0, None, 2**62, 1],
    "r": [1e300, -1e300, 5e-324, -0.0, 1e16, None, 1e300, 0.1],
}


def number(value: float) -> str:
    return f"literal {{ real: {value!r} }}"


def call(function: str, *arguments: str) -> str:
    inside = " ".join(f"arguments {{ {argument} }}" for argument in arguments)
    return f"call {{ function: FUNCTION_{function} {inside} }}"


def total(value: str, kind: str = "sum", bounds: str = "") -> str:
    return f'{SCAN} measures {{ alias: "s" {kind} {{ value {{ {value} }} {bounds} }} }}'


def test_sums_do_not_depend_on_order_or_extremes() -> None:
    plan = (
        f'{SCAN} measures {{ alias: "a" sum {{ value {{ column: "i" }} bounds {{ lower: -1e18 upper: 1e18 }} }} }} '
        'measures { alias: "b" mean { value { column: "r" } bounds { lower: -1e299 upper: 1e299 } } } '
        'measures { alias: "c" sum { value { column: "r" } bounds { lower: 0 upper: 0.7 } } }'
    )
    made = program(plan, WIDE)
    chance = random.Random(4)
    first = exact(made, table(WIDE, EXTREMES))
    for _ in range(5):
        places = list(range(8))
        chance.shuffle(places)
        shuffled = {name: [values[place] for place in places] for name, values in EXTREMES.items()}
        assert exact(made, table(WIDE, shuffled)) == first


def test_the_sum_is_the_sum_of_clamped_integers_beyond_doubles() -> None:
    """In doubles 2^53 + 1 would be lost, and in 32 bits the count of rows would wrap."""
    made = program(total('column: "i"', bounds="bounds { lower: -9007199254740993 upper: 9007199254740993 }"), WIDE)
    values = [2**62, 2**53 + 1, -3, None]
    [[found]] = exact(made, table(WIDE, {"i": values, "r": [None] * 4}))
    vector = made.vectors[0]
    assert abs(found * vector.step - (2 * (2**53) - 3)) <= 4 + 2 * vector.step


@pytest.mark.parametrize("kind", ["sum", "mean"])
@pytest.mark.parametrize("decimals", [1, 2, 15])
def test_rounding_to_decimals_keeps_within_the_proof(kind: str, decimals: int) -> None:
    """A decimal that a double cannot hold rounds one way in a decimal library and the other in an engine.

    CLIP lets the plan put the end of the range just there; what the proof misses is then multiplied at will.
    """
    for tenth in (0.15, 0.05, 1.005, 2.675, 0.25, -0.15, -0.35, 0.285):
        end = tenth * 10 ** (1 - decimals)
        low, high = min(0.0, end), max(0.0, end)
        cut = call("CLIP", 'column: "x"', number(low), number(high))
        rounded = call("ROUND", cut, f"literal {{ integer: {decimals} }}")
        excess = call("GREATEST", call("SUBTRACT", call("ABS", rounded), number(abs(round(end, decimals)))), number(0))
        loud = call("ADD", call("MULTIPLY", excess, number(1e9)), 'column: "x"')
        for value in (rounded, loud):
            made = program_or_rule(total(value, kind), REAL)
            if isinstance(made, str):
                assert made in ("sensitivity_zero", "capacity")
                continue
            for one in (end, math.nextafter(end, 10), math.nextafter(end, -10), 10.0, -10.0, None):
                pair = table(REAL, {"x": [0.0, 1.0]}), table(REAL, {"x": [0.0, 1.0, one]})
                assert all(measured <= declared for measured, declared in moved(made, *pair)), (value, one)


ADVERSE = [0.15, 0.05, 1 / 3, 49.0, 1e-300, 5e-324, 1e300, 2.0**53, 0.1 + 0.2, math.pi, 1.0, -2.5]


@pytest.mark.slow
def test_no_arithmetic_with_adversarial_literals_leaves_the_declared_sensitivity() -> None:
    """Random chains of functions, each cut at ends that an attacker would choose, on the values of those ends."""
    chance = random.Random(20)
    values = sorted({side * value for value in ADVERSE for side in (1, -1) if abs(value) <= 10})
    base = table(REAL, {"x": [1.0]})
    others = [table(REAL, {"x": [1.0, value]}) for value in [*values, None, 10.0, -10.0]]

    def chain(depth: int) -> str:
        if not depth:
            return 'column: "x"'
        inner = chain(depth - 1)
        pick = chance.randrange(9)
        if pick == 0:
            return call("ROUND", inner, f"literal {{ integer: {chance.randrange(16)} }}")
        if pick == 1:
            return call(chance.choice(["EXP", "LN", "LOG10", "SQRT", "FLOOR", "CEIL", "ABS", "NEGATE", "SIGN"]), inner)
        if pick == 2:
            return call(chance.choice(["DIVIDE", "MODULO", "FLOOR_DIVIDE"]), inner, number(chance.choice(ADVERSE)))
        if pick == 3:
            return call("POWER", inner, number(chance.choice([0.5, -1.0, 3.0, 1 / 3, -0.5, 0.0])))
        if pick == 4:
            return call("ADD", inner, chain(depth - 1), number(chance.choice(ADVERSE)))
        if pick == 5:
            return call("MULTIPLY", inner, number(chance.choice([1e9, -1e-9, *ADVERSE])))
        low, high = sorted(chance.choice([1, -1]) * chance.choice(ADVERSE) for _ in range(2))
        return call("CLIP", inner, number(low), number(high))

    asked = 0
    while asked < 150:
        plan = total(chain(chance.randint(1, 4)), chance.choice(["sum", "mean"]))
        made = program_or_rule(plan, REAL)
        if isinstance(made, str):
            continue
        asked += 1
        for other in chance.sample(others, 4):
            assert all(measured <= declared for measured, declared in moved(made, base, other)), plan


ZERO = {
    "a constant": total("literal { real: 0 }"),
    "equal proved bounds": total(call("CLIP", 'column: "x"', number(1), number(1)), "mean"),
    "a product with nothing": total(call("MULTIPLY", 'column: "x"', number(0))),
    "a difference of equals": total(call("CLIP", call("ABS", 'column: "x"'), number(-2), number(0))),
}


@pytest.mark.parametrize("plan", ZERO.values(), ids=ZERO.keys())
def test_a_sensitivity_of_zero_is_refused(plan: str) -> None:
    with pytest.raises(Refusal) as caught:
        program(plan, REAL)
    assert caught.value.reason == "PLAN_REJECTED"
    assert caught.value.metadata["rule"] == "sensitivity_zero"


def test_every_draw_of_every_plan_has_noise() -> None:
    """P3: declared metadata once gave a scale of 9e-10. The scale covers what one row moves, always."""
    kinds = ("count { }", "count_units { }", 'sum { value { column: "x" } }', 'mean { value { column: "x" } }')
    for first, second in itertools.product(kinds, kinds):
        made = program(f'{SCAN} measures {{ alias: "a" {first} }} measures {{ alias: "b" {second} }}', REAL)
        for draw in made.draws:
            assert draw.scale >= made.vectors[draw.vector].sensitivity.linf * 0.7  # ρ = 1: σ = Δ/√2


def test_plans_have_no_field_that_scales_noise_down() -> None:
    names = {field.name for field in plan_pb2.Plan.DESCRIPTOR.fields}
    assert names == {"source", "group_by", "measures", "contribution_bounds"}
