"""Row 14, hole L4, attack: learn from a model before it is paid: its price, its refusals, its shape.

Estimators are priced without data and without the library; prices, refusals and the shape of what is released are the
same whatever the rows are, classes that nobody has and rows that are all alike included.
"""

import sys
from typing import Any

import pytest

pytest.importorskip("diffprivlib")

from sfumato.v1.estimator_pb2 import EstimatorStep
from sfumato_executor.engines.diffprivlib import job
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.preparation.table import PartitionFiles, PreparedTable
from tests.attacks.tables import table
from tests.unit.estimator_scene import compiled, fitted, made, step

OF = made(60)
ASKED: list[tuple[list[EstimatorStep], str]] = [
    ([step("standard_scaler"), step("logistic_regression")], "species"),
    ([step("gaussian_naive_bayes")], "island"),
    ([step("standard_scaler"), step("principal_components", component_count=1), step("k_means", cluster_count=3)], ""),
    ([step("standard_scaler"), step("linear_regression")], "mass"),
    ([step("random_forest", max_depth=3, tree_count=4)], "island"),
]


def out_of_reach(*_: Any, **__: Any) -> Any:
    raise AssertionError("data were touched")


def columns(count: int, species: str) -> dict[str, Any]:
    """People who are all alike: one class, one island, one mass."""
    return {
        "who": list(range(count)),
        "mass": [1.0] * count,
        "length": [30.0] * count,
        "ok": [True] * count,
        "species": [species] * count,
        "island": ["c"] * count,
        "free": ["x"] * count,
    }


@pytest.mark.parametrize(("steps", "target"), ASKED)
def test_prices_need_no_data_and_no_library(
    monkeypatch: pytest.MonkeyPatch, steps: list[EstimatorStep], target: str
) -> None:
    before = compiled(OF, ["length"], steps, target)
    monkeypatch.setattr(PreparedTable, "open", out_of_reach)
    monkeypatch.setattr(PartitionFiles, "load", out_of_reach)
    monkeypatch.setitem(sys.modules, "diffprivlib", None)  # an import would fail
    assert compiled(OF, ["length"], steps, target) == before


@pytest.mark.parametrize(("steps", "target"), ASKED)
def test_the_shape_of_a_release_says_nothing_of_the_rows(steps: list[EstimatorStep], target: str) -> None:
    """No row, one row, more rows than are fitted, all of one class: names and shapes are those of any other table."""
    program = compiled(OF, ["length"], steps, target)
    shapes = []
    for count, species in ((1, "Adelie"), (60, "Gentoo"), (200, "Adelie")):
        release, found = fitted(program, OF, columns(count, species))
        shapes.append((release.column("name").to_pylist(), release.column("shape").to_pylist(), list(found.classes)))
    assert shapes[0] == shapes[1] == shapes[2]


def test_as_many_rows_are_fitted_as_are_public() -> None:
    program = compiled(OF, ["length"], [step("standard_scaler")])
    for count in (1, 59, 60, 200):
        assert select_rows(program.rows, table(OF, columns(count, "Adelie"))).num_rows == 60


def test_a_job_knows_no_row() -> None:
    """Its columns are rows of the table; the job itself is the program's, which saw none."""
    program = compiled(OF, ["length"], [step("standard_scaler")])
    rows = select_rows(program.rows, table(OF, columns(60, "Adelie")))
    before = str(program.job)
    job.run(program.job, rows)
    assert str(program.job) == before
