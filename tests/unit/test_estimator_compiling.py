"""Compiling estimators: what is refused before the reservation, and what the price is made of."""

from typing import Any

import pytest

from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep
from sfumato_executor.engines.diffprivlib.adapter import _row_count
from sfumato_executor.engines.diffprivlib.steps import read_steps
from sfumato_mesh.refusal import Refusal
from tests.unit.estimator_scene import compiled, made, step

OPEN = made(1_000)
NUMBERS = ["mass", "length"]
BAD: list[tuple[str, list[str], list[EstimatorStep], str]] = [
    ("unknown_column", ["weight"], [step("standard_scaler")], ""),
    ("column", ["free"], [step("standard_scaler")], ""),
    ("target", NUMBERS, [step("logistic_regression")], ""),
    ("target", NUMBERS, [step("logistic_regression")], "mass"),
    ("target", NUMBERS, [step("decision_tree")], "length"),
    ("target", ["length"], [step("gaussian_naive_bayes")], "mass"),
    ("target", NUMBERS, [step("k_means", cluster_count=2)], "species"),
    ("steps", NUMBERS, [step("k_means", cluster_count=2), step("standard_scaler")], ""),
    ("steps", NUMBERS, [step("standard_scaler"), step("standard_scaler")], ""),
    ("steps", NUMBERS, [EstimatorStep()], ""),
    ("parameter", NUMBERS, [step("principal_components", component_count=3)], ""),
    ("parameter", NUMBERS, [step("random_forest", max_depth=12, tree_count=1_000)], "species"),
    ("parameter", NUMBERS, [step("logistic_regression", max_iterations=10)], "species"),
    ("parameter", NUMBERS, [step("logistic_regression", norm=1.58e-162)], "species"),
    ("parameter", NUMBERS, [step("logistic_regression", norm=1e200)], "species"),
    ("parameter", NUMBERS, [step("logistic_regression", inverse_regularization=1.7e308)], "species"),
    ("parameter", NUMBERS, [step("principal_components", component_count=1, norm=1e-160)], ""),
]


@pytest.mark.parametrize(("rule", "features", "steps", "target"), BAD)
def test_what_cannot_be_fitted_is_refused(
    rule: str, features: list[str], steps: list[EstimatorStep], target: str
) -> None:
    with pytest.raises(Refusal) as caught:
        compiled(OPEN, features, steps, target)
    assert caught.value.reason == "PLAN_REJECTED"
    assert caught.value.metadata["rule"] == rule


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        compiled(made(5), NUMBERS, [step("k_means", cluster_count=6)])
    assert caught.value.metadata["rule"] == "parameter"


def test_without_a_public_row_count_nothing_is_fitted() -> None:
    with pytest.raises(Refusal) as caught:
        compiled(made(0), NUMBERS, [step("standard_scaler")])
    assert caught.value.reason == "GUARANTEE_NOT_ACCEPTED"
    assert {"dataset", "engine", "guarantee", "hint"} <= set(caught.value.metadata)


def test_one_row_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        compiled(made(1), NUMBERS, [step("standard_scaler")])
    assert caught.value.metadata["rule"] == "row_count"


@pytest.mark.parametrize(("public", "wanted"), [(1_000, 2_001), (100_000_000, 10_000_000)])
def test_rows_are_laid_out_in_memory_so_they_are_bounded(public: int, wanted: int) -> None:
    estimator = Estimator(features=NUMBERS, steps=[step("standard_scaler")], row_count=wanted)
    with pytest.raises(Refusal) as caught:
        _row_count(estimator, made(public))
    assert caught.value.metadata["rule"] == "row_count"
    estimator.row_count = 1_500
    assert _row_count(estimator, made(public)) == 1_500


def test_a_loss_that_is_too_small_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        compiled(OPEN, NUMBERS, [step("standard_scaler")], epsilon=1e-9)
    assert caught.value.metadata["rule"] == "loss_too_small"


@pytest.mark.parametrize(("unit", "rows"), [("", 1), ('column: "who" max_rows: 3', 3)])
def test_the_library_is_told_the_share_of_one_row(unit: str, rows: int) -> None:
    """Scaler and components share by weight; a replaced row counts once for the one, twice for the other."""
    parts = [step("standard_scaler"), step("principal_components", component_count=1)]
    parts[0].weight, parts[1].weight = 3, 1
    program = compiled(made(1_000, unit), NUMBERS, parts, epsilon=2.0)
    steps: Any = program.job["steps"]
    told = [each["epsilon"] for each in steps]
    assert told == pytest.approx([1.5 / rows, 0.5 / 2 / rows])
    assert told[0] * rows + told[1] * 2 * rows <= 2.0
    assert program.loss.epsilon_picos == 2 * 10**12
    assert program.rows.rows_per_unit == rows
    assert program.rows.row_count == 1_000
    assert program.rows.drop_nulls


def test_what_is_told_the_library_is_in_the_digest() -> None:
    asked = [compiled(OPEN, NUMBERS, [step("standard_scaler")], epsilon=epsilon).digest for epsilon in (1.0, 1.0, 1.5)]
    assert asked[0] == asked[1] != asked[2]
    assert asked[0] != compiled(made(1_001), NUMBERS, [step("standard_scaler")]).digest


def test_categories_and_booleans_are_spread_by_their_declared_values() -> None:
    program = compiled(OPEN, ["island", "ok", "mass"], [step("decision_tree")], "species")
    assert program.model is not None
    assert program.model["inputs"] == ["island=a", "island=b", "island=c", "ok", "mass"]
    assert program.model["classes"] == ["Adelie", "Gentoo"]


def test_every_kind_of_the_contract_is_known() -> None:
    kinds = [field.name for field in EstimatorStep.DESCRIPTOR.oneofs_by_name["kind"].fields]
    for kind in kinds:
        fields = {"principal_components": {"component_count": 1}, "k_means": {"cluster_count": 2}}.get(kind, {})
        found = read_steps(Estimator(steps=[step(kind, **fields)], target=_target(kind)), 2, 1_000)
        assert [each.kind for each in found] == [kind]


def _target(kind: str) -> str:
    return "" if kind in ("standard_scaler", "principal_components", "k_means") else "species"
