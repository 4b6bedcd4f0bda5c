"""Hole P5, attack: score a model on a chosen row, and read its label; find labels or counts in the parameters.

A score is no part of a model. It is a native question over the prediction as an expression, with its own price and
noise: one row moves it by at most what that noise is for, however the row was chosen.
"""

from typing import Any

import pytest

pytest.importorskip("diffprivlib")

import sfumato as sf
from sfumato import estimators
from sfumato.v1.fitted_model_pb2 import FittedEstimator, FittedLinear, FittedStep, Matrix
from sfumato.v1.measure_pb2 import Measure
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.relation_pb2 import Filter, Relation, Scan
from tests.attacks.tables import dataset, moved, program, table
from tests.unit.estimator_scene import SCHEMA

FIELDS = {
    "FittedEstimator": {"inputs", "classes", "steps", "library", "input_offsets", "input_scales"},
    "FittedStep": {"scaler", "components", "linear", "naive_bayes", "clusters", "trees"},
    "Matrix": {"row_count", "column_count", "values"},
    "FittedScaler": {"means", "variances"},
    "FittedComponents": {"components", "means", "explained_variances"},
    "FittedLinear": {"coefficients", "intercepts"},
    "FittedNaiveBayes": {"priors", "means", "variances"},
    "FittedClusters": {"centers"},
    "FittedTrees": {"trees"},
    "FittedTree": {"inputs", "thresholds", "left", "right", "leaf_classes"},
}
"""All that a fitted estimator may tell: rows and columns here are those of matrices of parameters."""
MODEL = FittedEstimator(
    inputs=["mass"],
    classes=["Adelie", "Gentoo"],
    steps=[
        FittedStep(
            linear=FittedLinear(coefficients=Matrix(row_count=1, column_count=1, values=[3.0]), intercepts=[0.0])
        )
    ],
    input_offsets=[50.0],
    input_scales=[50.0],
)


def told(descriptor: Any, found: dict[str, set[str]]) -> dict[str, set[str]]:
    if descriptor.name not in found:
        found[descriptor.name] = {field.name for field in descriptor.fields}
        for field in descriptor.fields:
            if field.message_type is not None:
                told(field.message_type, found)
    return found


def test_a_model_has_no_place_for_a_score_a_label_or_a_count_of_rows() -> None:
    assert told(FittedEstimator.DESCRIPTOR, {}) == FIELDS


def test_the_score_of_one_chosen_row_is_as_noisy_as_that_of_any() -> None:
    """The "test split" is one person; right and wrong differ by less than the noise was made for."""
    made = dataset(SCHEMA)
    predicted = estimators.prediction(MODEL, {"mass": sf.Column("mass", "real", "", (), (0.0, 100.0), True, "", "")})
    right = sf.when(predicted.cast("text") == sf.col("species").cast("text")).then(1.0).otherwise(0.0)
    one = Filter(input=Relation(scan=Scan(dataset=made.name)), predicate=(sf.col("who") == 7).to_proto())
    plan = Plan(source=Relation(filter=one), measures=[_mean(right)])
    asked = program(plan, made)
    assert asked.loss.rho_picos > 0
    tables = []
    for species in (["Adelie", "Gentoo"], ["Gentoo", "Gentoo"], ["Adelie"]):
        count = len(species)
        whole = {"who": [7, 8][-count:], "mass": [90.0] * count, "species": species}
        rest = {"length": [0.0] * count, "ok": [True] * count, "island": ["a"] * count, "free": ["x"] * count}
        tables.append(table(made, whole | rest))
    for first, second in ((0, 2), (1, 2)):
        for distance, declared in moved(asked, tables[first], tables[second]):
            assert distance <= declared


def _mean(value: sf.Expression) -> Measure:
    measure = Measure(alias="accuracy")
    measure.mean.value.CopyFrom(value.to_proto())
    measure.mean.bounds.lower, measure.mean.bounds.upper = 0.0, 1.0
    return measure


def test_what_is_too_large_for_a_question_is_refused_in_words() -> None:
    model = FittedEstimator(inputs=["mass"], classes=["a", "b"], input_offsets=[0.0], input_scales=[1.0])
    model.steps.add().naive_bayes.SetInParent()
    with pytest.raises(sf.InvalidRequest):
        estimators.prediction(model, {})
