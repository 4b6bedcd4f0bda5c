"""How well an estimator predicts, as a question: its prediction is an expression, measured and paid like any other."""

from collections.abc import Mapping
from typing import Final, get_args

from sfumato._core.amounts import refused
from sfumato._core.model_specs import scanned
from sfumato.datasets import Column, Dataset, column_of_schema
from sfumato.expressions import Expression, col, when
from sfumato.measures import mean
from sfumato.models import Keeper, Metric
from sfumato.questions import Question, Rows
from sfumato.v1 import estimator_pb2, fitted_model_pb2

_METRICS: Final = get_args(Metric)


def columns_of(keeper: Keeper, rows: Rows) -> dict[str, Column]:
    """Return the declared columns of the dataset that the rows are of; asks the mesh where the rows do not know."""
    if isinstance(rows, Dataset):
        return rows.columns
    schema = keeper.dataset(scanned(rows._relation)).dataset.schema
    return {each.name: column_of_schema(each) for each in schema.columns}


def score_question(
    fitted: fitted_model_pb2.FittedEstimator,
    asked: estimator_pb2.Estimator,
    rows: Rows,
    columns: Mapping[str, Column],
    metric: Metric,
    bounds: tuple[float, float] | None,
) -> Question:
    """Return the question; rows in which a feature or the target is null are left out.

    Args:
        fitted: noisy parameters.
        asked: the pipeline that was fitted.
        rows: that are scored.
        columns: of their dataset, by name.
        metric: "accuracy" of classes, the others of numbers.
        bounds: of the error of one row; from the declared bounds of the columns if unset.

    Raises:
        InvalidRequest: no such metric, it is not one for what is predicted, or the estimator predicts nothing.
    """
    from sfumato import estimators

    if metric not in _METRICS:
        raise refused("metric", f"{metric!r} is no metric", "one of " + ", ".join(_METRICS))
    if not asked.target:
        raise refused("metric", "this model predicts nothing", "its .parameters describe")
    if (metric == "accuracy") != bool(fitted.classes):
        wanted = '"accuracy"' if fitted.classes else '"mean_absolute_error" or "mean_squared_error"'
        raise refused("metric", f"{metric} is not for what this model predicts", wanted)
    known = rows.filter(*(col(name).is_not_null() for name in (*asked.features, asked.target)))
    predicted, truth = estimators.prediction(fitted, columns), col(asked.target)
    if metric == "accuracy":
        # As texts: a boolean target is "true" or "false" among the classes.
        right = when(predicted.cast("text") == truth.cast("text")).then(1.0).otherwise(0.0)
        return known.agg(accuracy=mean(right, bounds=bounds or (0.0, 1.0)))
    error: Expression = predicted - truth
    measure = mean(abs(error) if metric == "mean_absolute_error" else error * error, bounds=bounds)
    return known.agg(**{metric: measure})
