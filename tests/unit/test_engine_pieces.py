"""Rows in pieces and at once: the same exact integers, for every kind of key, filter and measure."""

import itertools
from typing import Any

import numpy as np
import pytest

from sfumato_executor.engines.native import aggregation
from sfumato_executor.engines.native.engine import exact_vectors
from sfumato_executor.preparation.table import PreparedTable
from tests.unit.test_engine_answers import COUNT, dataset, grouped, program, table

__all__ = ["table"]

FILTERS: dict[str, dict[str, Any]] = {
    "some rows": {"function": "FUNCTION_GREATER", "arguments": [{"column": "mass"}, {"literal": {"real": 20.0}}]},
    "no rows": {"function": "FUNCTION_GREATER", "arguments": [{"column": "mass"}, {"literal": {"real": 1e9}}]},
    "rows without a value": {"function": "FUNCTION_IS_NULL", "arguments": [{"column": "small"}]},
}
KEYS = (("kind",), ("yes",), ("small",), ("kind", "small"))
MEASURES = [
    COUNT,
    {"alias": "present", "count": {"value": {"column": "small"}}},
    {"alias": "sum", "sum": {"value": {"column": "mass"}}},
    {"alias": "whole", "sum": {"value": {"column": "wide"}}},
    {"alias": "mean", "mean": {"value": {"column": "small"}}},
]


@pytest.mark.parametrize(("where", "keys"), list(itertools.product(FILTERS, KEYS)), ids=str)
def test_pieces_change_nothing(
    table: PreparedTable,
    where: str,
    keys: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = program(MEASURES, dataset(), where={"call": FILTERS[where]}, groupBy=grouped(*keys))
    at_once = exact_vectors(asked, table)
    monkeypatch.setattr(aggregation, "_MANY", 0)
    in_pieces = exact_vectors(asked, table)
    assert at_once.keys == in_pieces.keys
    for left, right in zip(at_once.vectors, in_pieces.vectors, strict=True):
        assert np.array_equal(left, right)
    assert (where == "no rows") == (not any(vector.any() for vector in in_pieces.vectors))
