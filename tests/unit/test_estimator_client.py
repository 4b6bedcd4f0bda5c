"""Fitted parameters in the SDK: the scikit-learn estimator and the expression predict the same."""

from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("diffprivlib")

import sfumato as sf
from sfumato import estimators
from sfumato.v1.estimator_pb2 import EstimatorStep
from sfumato.v1.fitted_model_pb2 import FittedEstimator
from sfumato.v1.relation_pb2 import Derive, Relation, Scan
from sfumato_executor.engines.library.program import RowColumn, RowSelection
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.library.source import read_source
from tests.attacks.tables import table
from tests.unit.estimator_scene import compiled, fitted, made, step

ROWS = 400
OF = made(ROWS)
FITTED: list[tuple[list[EstimatorStep], str]] = [
    ([step("standard_scaler"), step("linear_regression")], "length"),
    ([step("linear_regression", without_intercept=True)], "length"),
    ([step("standard_scaler"), step("logistic_regression")], "species"),
    ([step("logistic_regression")], "island"),
    ([step("principal_components", component_count=2), step("logistic_regression")], "species"),
    ([step("decision_tree", max_depth=3)], "island"),
    ([step("random_forest", max_depth=2, tree_count=3)], "species"),
]


def columns() -> dict[str, Any]:
    drawn = np.random.default_rng(5)
    mass = drawn.uniform(0, 100, ROWS)
    return {
        "who": np.arange(ROWS),
        "mass": mass,
        "length": np.clip(mass / 4 + drawn.normal(0, 1, ROWS), -10, 30),
        "ok": drawn.integers(0, 2, ROWS).astype(bool),
        "species": np.where(mass + drawn.normal(0, 9, ROWS) > 50, "Gentoo", "Adelie"),
        "island": np.array(["a", "b", "c"])[drawn.integers(0, 3, ROWS)],
        "free": np.full(ROWS, "x"),
    }


def asked(steps: list[EstimatorStep], target: str) -> FittedEstimator:
    features = [name for name in ("mass", "ok", "island") if name != target]
    return fitted(compiled(OF, features, steps, target, 500.0), OF, columns())[1]


def computed(expression: sf.Expression) -> list[Any]:
    """The expression for every row, by the native engine's own evaluation."""
    derive = Derive(input=Relation(scan=Scan(dataset=OF.name)))
    derive.columns.add(alias="p", expression=expression.to_proto())
    rows = read_source(Relation(derive=derive), OF)
    chosen = tuple(RowColumn(name, rows.columns[name].expression) for name in ("who", "p"))
    found = select_rows(RowSelection(None, chosen, None, 1), table(OF, columns())).sort_by("who")
    kind = rows.columns["p"].expression.type
    values = found.column("p").to_pylist()
    return [kind.categories[value] for value in values] if kind.categories else values


@pytest.mark.parametrize(("steps", "target"), FITTED)
def test_both_predict_the_same(steps: list[EstimatorStep], target: str) -> None:
    parameters = asked(steps, target)
    there = estimators.to_sklearn(parameters).predict(pl.DataFrame(columns()))
    known = {"ok": _boolean("ok"), "mass": _real("mass")}
    here = computed(estimators.prediction(parameters, known))
    if target == "length":
        assert np.allclose(here, there, atol=1e-9)
    else:
        assert np.mean(np.array(here) == there) > 0.99  # ties in a forest may fall to another class


@pytest.mark.parametrize("kind", ["k_means", "gaussian_naive_bayes"])
def test_others_predict_in_scikit_learn_alone(kind: str) -> None:
    bayes = kind == "gaussian_naive_bayes"
    steps = [step(kind) if bayes else step(kind, cluster_count=3)]
    parameters = asked(steps, "species" if bayes else "")
    found = estimators.to_sklearn(parameters).predict(pl.DataFrame(columns()))
    assert set(found) <= ({"Adelie", "Gentoo"} if bayes else {0, 1, 2})
    with pytest.raises(sf.InvalidRequest):
        estimators.prediction(parameters, {})


def _boolean(name: str) -> Any:
    return sf.Column(name, "boolean", "", (), None, True, "", "")


def _real(name: str) -> Any:
    return sf.Column(name, "real", "", (), (0.0, 100.0), True, "", "")
