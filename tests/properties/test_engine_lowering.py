"""Random expressions on extreme rows: none raises, every value is of its proved type, and equals a scalar evaluator's.

The evaluator (expression_semantics) is written from the contract (function.proto, expression.proto) alone, one row at a
time, without Polars. Where libraries may differ in the last bit (e^x, logarithms, powers, decimals), type and range are
compared, nothing else.
"""

import itertools
import random

import polars as pl
import pytest

from sfumato.v1 import expression_pb2
from sfumato.v1 import function_pb2 as f
from sfumato_executor.engines.native.lowering import lower
from sfumato_executor.plan.expressions import Kind
from sfumato_executor.plan.inference import Inference
from sfumato_executor.preparation.mending import STORED
from sfumato_mesh.refusal import Refusal
from tests.properties.expression_grammar import INEXACT, NAMED, Grammar, call, frame, rows
from tests.properties.expression_semantics import evaluate, fits, functions_in


@pytest.mark.parametrize("seed", range(24))
def test_lowered_expressions_are_total_typed_and_right(seed: int) -> None:
    chance = random.Random(seed)
    given = rows(chance, 24)
    table = frame(given)
    grammar = Grammar(chance)
    asked = met = 0
    for kind in itertools.islice(itertools.cycle(Kind), 260):
        wire = grammar.make(kind, chance.randint(1, 4))
        try:
            node = Inference("dataset", "").typed(wire, NAMED, "x").expression
        except Refusal:
            continue
        asked += 1
        found = table.with_columns(lower(node).alias("result"))["result"]
        assert found.dtype == STORED[node.type.kind], node
        for value, row in zip(found.to_list(), given, strict=True):
            assert fits(value, node.type), (node, row, value)
        if functions_in(node) & INEXACT:
            continue
        met += 1
        for value, row in zip(found.to_list(), given, strict=True):
            wanted = evaluate(node, row)
            if node.type.kind is Kind.CATEGORY and wanted is not None:
                wanted = node.type.categories.index(wanted)
            assert value == wanted, (node, row)
    assert asked > 120
    assert met > 80


def test_rounding_is_half_to_even() -> None:
    table = frame(rows(random.Random(0), 0)).with_columns(
        pl.Series("v:r", [-2.5, -0.5, 0.5, 1.5, 2.5, 0.25, 0.75] + [0.0] * 5)
    )
    for decimals, wanted in ((0, [-2.0, 0.0, 0.0, 2.0, 2.0, 0.0, 1.0]), (1, [-2.5, -0.5, 0.5, 1.5, 2.5, 0.2, 0.8])):
        wire = call(
            f.FUNCTION_ROUND,
            expression_pb2.Expression(column="r"),
            expression_pb2.Expression(literal=expression_pb2.Literal(integer=decimals)),
        )
        node = Inference("dataset", "").typed(wire, NAMED, "x").expression
        assert table.select(lower(node).alias("x"))["x"].to_list()[:7] == wanted


@pytest.mark.parametrize("divisor", [3.0, -7.0, 49.0, 1e-3, 5e-324, 1e300])
def test_division_by_a_literal_is_rounded_once(divisor: float) -> None:
    """A reciprocal would round twice and leave the proved range: 49 · (1/49) < 1."""
    chance = random.Random(7)
    values = [float(chance.randint(-10, 10)) for _ in range(20)] + [chance.uniform(-10, 10) for _ in range(200)]
    table = pl.DataFrame({"v:r": values})
    literal_divisor = expression_pb2.Expression(literal=expression_pb2.Literal(real=divisor))
    node = (
        Inference("dataset", "")
        .typed(call(f.FUNCTION_DIVIDE, expression_pb2.Expression(column="r"), literal_divisor), NAMED, "x")
        .expression
    )
    found = table.with_columns(lower(node).alias("x"))["x"].to_list()
    assert found == [evaluate(node, {"r": value}) for value in values]


def test_every_function_of_the_contract_is_lowered() -> None:
    from sfumato_executor.engines.native.lowering import RULES

    assert set(RULES) == set(f.Function.values()) - {f.FUNCTION_UNSPECIFIED}


def test_expression_on_no_rows_is_no_rows() -> None:
    chance = random.Random(1)
    grammar = Grammar(chance)
    empty = frame([])
    for kind in itertools.islice(itertools.cycle(Kind), 120):
        try:
            node = Inference("dataset", "").typed(grammar.make(kind, 3), NAMED, "x").expression
        except Refusal:
            continue
        assert empty.with_columns(lower(node).alias("result"))["result"].to_list() == []
