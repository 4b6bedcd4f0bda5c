"""Scores of fitted pipelines in the SDK: unpaid questions, and metrics that do not fit."""

from types import SimpleNamespace
from typing import Any

import pytest

import sfumato as sf
from sfumato.v1 import estimator_pb2, fitted_model_pb2, model_spec_pb2
from tests.unit.client_models_scene import ID, model, wired


def score(monkeypatch: pytest.MonkeyPatch, at: Any, spec: estimator_pb2.Estimator, **fitted: Any) -> sf.EstimatorModel:
    """Return a model before a module that predicts without parameters: that is tested beside the parameters."""
    seen: list[Any] = []

    def prediction(parameters: Any, columns: Any) -> sf.Expression:
        seen.append((parameters, columns))
        return sf.col("mass") if not parameters.classes else sf.lit("Adelie")

    monkeypatch.setattr(sf, "estimators", SimpleNamespace(prediction=prediction), raising=False)
    full = model(model_spec_pb2.ModelSpec(estimator=spec))
    full.fitted_estimator.CopyFrom(fitted_model_pb2.FittedEstimator(**fitted))
    at.gateway.scripts["GetModel"] = [[full]]
    made = at.mesh.model(ID)
    assert isinstance(made, sf.EstimatorModel)
    return made


def test_a_score_is_an_unpaid_question_of_known_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = estimator_pb2.Estimator(features=["mass"], target="species")
    with wired() as at:
        question = score(monkeypatch, at, spec, classes=["Adelie", "Gentoo"]).score_question(at.penguins)
        plan = question.to_proto().plan
        assert [each.alias for each in plan.measures] == ["accuracy"]
        assert (plan.measures[0].mean.bounds.lower, plan.measures[0].mean.bounds.upper) == (0.0, 1.0)
        known = sf.col("mass").is_not_null() & sf.col("species").is_not_null()
        assert plan.source.filter.predicate == known.to_proto()
        assert at.gateway.requests("CreateModel") == []


@pytest.mark.parametrize("metric", ["mean_absolute_error", "mean_squared_error"])
def test_an_error_of_numbers_has_its_bounds(monkeypatch: pytest.MonkeyPatch, metric: Any) -> None:
    spec = estimator_pb2.Estimator(features=["mass"], target="flipper")
    with wired() as at:
        made = score(monkeypatch, at, spec)
        plan = made.score_question(at.penguins.filter(sf.col("year") > 2007), metric, bounds=(0, 9)).to_proto().plan
        assert plan.measures[0].alias == metric
        assert plan.measures[0].mean.bounds.upper == 9.0
        assert len(plan.source.filter.predicate.call.arguments) == 3


def test_a_metric_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    classes, number = {"classes": ["Adelie"]}, estimator_pb2.Estimator(features=["mass"], target="flipper")
    cases: list[tuple[estimator_pb2.Estimator, dict[str, Any], Any]] = [
        (estimator_pb2.Estimator(features=["mass"], target="species"), classes, "mean_squared_error"),
        (number, {}, "accuracy"),
        (number, {}, "r2"),
        (estimator_pb2.Estimator(features=["mass"]), {}, "mean_squared_error"),
    ]
    with wired() as at:
        for spec, fitted, metric in cases:
            with pytest.raises(sf.InvalidRequest):
                score(monkeypatch, at, spec, **fitted).score_question(at.penguins, metric)
