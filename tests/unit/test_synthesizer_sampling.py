"""Rows drawn from a fitted synthesizer: its distribution, its types, its seed; and releases that hold none."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato.v1.function_pb2 import FUNCTION_EQUAL, FUNCTION_GREATER
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library.program import MODEL_METADATA
from sfumato_executor.engines.smartnoise_synth.condition import compile_condition
from sfumato_executor.engines.smartnoise_synth.fitted import ARRAYS, fitted
from sfumato_executor.engines.smartnoise_synth.sampling import sample, sample_schema
from sfumato_mesh.refusal import Refusal

AXES: list[dict[str, Any]] = [
    {"name": "species", "kind": "category", "bins": 2, "nullable": False, "lower": 0, "upper": 0, "values": ["a", "b"]},
    {"name": "female", "kind": "boolean", "bins": 2, "nullable": True, "lower": 0, "upper": 0, "values": []},
    {"name": "year", "kind": "integer", "bins": 2, "nullable": False, "lower": 2000, "upper": 2004, "values": []},
    {"name": "mass", "kind": "real", "bins": 4, "nullable": False, "lower": 0.0, "upper": 8.0, "values": []},
    {"name": "day", "kind": "date", "bins": 2, "nullable": False, "lower": 0, "upper": 9, "values": []},
    {"name": "at", "kind": "timestamp", "bins": 1, "nullable": False, "lower": 0, "upper": 999, "values": []},
]
MARGINALS = {
    "marginal:0,1": ([2, 3], [1, 0, 3, 0, 4, 0]),  # a: false 1, null 3; b: true 4
    "marginal:1,2": ([3, 2], [1, 0, 0, 4, 3, 0]),
    "marginal:3": ([4], [0, 1, 0, 1]),
    "marginal:4,5": ([2, 1], [1, 1]),
}
DRAWN = 20_000
TOLERANCE = math.sqrt(math.log(2 / 1e-8) / (2 * DRAWN))
"""Hoeffding: a share of so many draws is off by more with a probability of 1e-8."""


def release(arrays: dict[str, Any] | None = None, axes: Any = None) -> pa.Table:
    rows = MARGINALS if arrays is None else arrays
    table = pa.Table.from_pylist(
        [
            {"name": name, "shape": shape, "values": [float(each) for each in values]}
            for name, (shape, values) in rows.items()
        ],
        ARRAYS,
    )
    told = {"library": "made up", "method": "mst", "axes": AXES if axes is None else axes}
    return table.replace_schema_metadata({MODEL_METADATA: json.dumps(told)})


def drawn(count: int = DRAWN, seed: int = 1, where: Expression | None = None) -> list[dict[str, Any]]:
    condition = None if where is None else compile_condition(where, release())
    tables = list(sample(release(), count, seed, condition))
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist() if tables else []
    return rows


def test_rows_follow_the_cliques_one_after_another() -> None:
    rows = drawn()
    shares = Counter((row["species"], row["female"], row["year"] >= 2003) for row in rows)
    expected = {("a", False, False): 1 / 8, ("a", None, False): 3 / 8, ("b", True, True): 4 / 8}
    assert set(shares) == set(expected)
    for key, share in expected.items():
        assert shares[key] / len(rows) == pytest.approx(share, abs=TOLERANCE)


def test_values_are_uniform_within_their_bins() -> None:
    rows = drawn()
    assert {int(row["mass"] // 2) for row in rows} == {1, 3}
    assert sum(2.0 <= row["mass"] < 3.0 for row in rows) / len(rows) == pytest.approx(1 / 4, abs=TOLERANCE)
    assert {row["year"] for row in rows} == set(range(2000, 2005))
    first = [row["year"] for row in rows if row["species"] == "a"]
    assert set(first) == {2000, 2001, 2002}  # ⌊(year − 2000) · 2 / 5⌋ = 0
    assert {row["day"].toordinal() - 719163 for row in rows} == set(range(10))


def test_columns_have_the_types_of_answers() -> None:
    schema = sample_schema(release())
    assert [str(field.type) for field in schema] == [
        "string",
        "bool",
        "int64",
        "double",
        "date32[day]",
        "timestamp[us, tz=UTC]",
    ]
    assert next(iter(sample(release(), 3, 0))).schema == schema


def test_a_seed_fixes_rows() -> None:
    assert drawn(500, seed=7) == drawn(500, seed=7)
    assert drawn(500, seed=7) != drawn(500, seed=8)


def call(function: int, name: str, literal: Literal) -> Expression:
    expression = Expression()
    expression.call.function = function  # type: ignore[assignment]
    expression.call.arguments.extend([Expression(column=name), Expression(literal=literal)])
    return expression


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        (call(FUNCTION_EQUAL, "species", Literal(text="b")), lambda row: row["species"] == "b"),
        (call(FUNCTION_GREATER, "mass", Literal(real=5.0)), lambda row: row["mass"] > 5.0),
        (call(FUNCTION_GREATER, "year", Literal(integer=2002)), lambda row: row["year"] > 2002),
        (Expression(column="female"), lambda row: row["female"] is True),
    ],
)
def test_conditions_keep_rows_that_fulfil_them(where: Expression, holds: Any) -> None:
    rows = drawn(400, where=where)
    assert len(rows) == 400
    assert all(holds(row) for row in rows)


def test_a_condition_that_nothing_fulfils_ends() -> None:
    assert drawn(200, where=call(FUNCTION_GREATER, "mass", Literal(real=7.9999999))) == drawn(
        200, where=call(FUNCTION_GREATER, "mass", Literal(real=7.9999999))
    )
    assert drawn(50, where=call(FUNCTION_EQUAL, "year", Literal(integer=1999))) == []


def test_who_waits_for_rows_that_are_not_there_can_go_after_each_batch() -> None:
    tables = sample(release(), 10_000_000, 1, lambda table: np.zeros(table.num_rows, dtype=np.bool_))
    assert [next(tables).num_rows for _ in range(3)] == [0, 0, 0]


def test_a_condition_reads_the_models_columns_alone() -> None:
    with pytest.raises(Refusal) as refused:
        compile_condition(call(FUNCTION_EQUAL, "bill", Literal(integer=1)), release())
    assert refused.value.reason == "PLAN_REJECTED"
    assert refused.value.fields[0].field.startswith("condition")


def test_a_pool_is_drawn_from_again() -> None:
    axes = AXES[:2]
    made = release({"pool:0": ([3], [0, 1, 1]), "pool:1": ([3], [2, 1, 1])}, axes)
    rows = pa.concat_tables(list(sample(made, 5_000, 3))).to_pylist()
    assert {(row["species"], row["female"]) for row in rows} == {("a", None), ("b", True)}


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"marginal:0": ([2], [1, 1])},  # the others are in none
        {**MARGINALS, "marginal:3": ([4], [0, 0, 0, 0])},
        {**MARGINALS, "marginal:3": ([4], [1, -1, 1, 1])},
        {**MARGINALS, "marginal:3": ([4], [1, float("nan"), 1, 1])},
        {**MARGINALS, "marginal:3": ([5], [1, 1, 1, 1, 1])},
        {**MARGINALS, "marginal:3": ([4], [1, 1])},
        {**MARGINALS, "marginal:9": ([4], [1, 1, 1, 1])},
        {**MARGINALS, "marginal:-1": ([1], [1])},
        {**MARGINALS, "other:3": ([4], [1, 1, 1, 1])},
        {"pool:0": ([2], [0, 1])},
        {f"pool:{place}": ([1], [9]) for place in range(6)},
    ],
)
def test_releases_that_hold_no_synthesizer(arrays: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReleaseError):
        fitted(release(arrays))


@pytest.mark.parametrize(
    "axis", [{}, {**AXES[0], "values": ["a"]}, {**AXES[3], "bins": 0}, {**AXES[0], "kind": "text"}]
)
def test_axes_that_are_none(axis: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReleaseError):
        fitted(release({"marginal:0": ([2], [1, 1])}, [axis]))
