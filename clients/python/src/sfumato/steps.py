"""Steps of a pipeline that is fitted with DP: `dataset.fit(…, steps=[standard_scaler(), k_means(3)])`.

What is left out is as the library has it. Every step takes `weight`: its share of the loss beside the others, a whole
number, 1 if unset. Seeds cannot be chosen. The bounds of the data are those that the dataset declares.
"""

from dataclasses import dataclass
from typing import Any

from sfumato._core import plans
from sfumato._core.amounts import refused
from sfumato._core.literals import position
from sfumato._core.model_specs import step_text
from sfumato.v1 import estimator_pb2

_LARGEST_WEIGHT = 1_000_000


@dataclass(frozen=True)
class Step:
    """One step of a pipeline."""

    _proto: estimator_pb2.EstimatorStep

    def to_proto(self) -> estimator_pb2.EstimatorStep:
        """Return it as the wire holds it; a copy."""
        copy = estimator_pb2.EstimatorStep()
        copy.CopyFrom(self._proto)
        return copy

    def __repr__(self) -> str:
        return step_text(self._proto)


def _step(weight: int | None, **kind: Any) -> Step:
    share = 0 if weight is None else plans.whole(weight, "weight", 1, _LARGEST_WEIGHT)
    return Step(estimator_pb2.EstimatorStep(weight=share, **kind))


def _whole(value: int | None, field: str, most: int) -> int:
    return 0 if value is None else plans.whole(value, field, 1, most)


def _above_zero(value: float | None, field: str) -> float:
    if value is None:
        return 0.0
    number = position(value, field)
    if number <= 0:
        raise refused(field, f"{number:g} is not above 0", f"{field}=1.0")
    return number


def standard_scaler(*, weight: int | None = None) -> Step:
    """Move and scale every feature to mean 0 and variance 1."""
    return _step(weight, standard_scaler=estimator_pb2.StandardScaler())


def principal_components(component_count: int, *, norm: float | None = None, weight: int | None = None) -> Step:
    """Keep the directions of largest variance.

    Args:
        component_count: how many, 1 to 256.
        norm: rows are moved into a ball of this radius; from the bounds of the features if unset.
        weight: share of the loss.
    """
    count = plans.whole(component_count, "component_count", 1, 256)
    proto = estimator_pb2.PrincipalComponents(component_count=count, norm=_above_zero(norm, "norm"))
    return _step(weight, principal_components=proto)


def linear_regression(*, intercept: bool = True, weight: int | None = None) -> Step:
    """Predict a number by least squares.

    Args:
        intercept: whether the line may miss 0.
        weight: share of the loss.
    """
    return _step(weight, linear_regression=estimator_pb2.LinearRegression(without_intercept=not intercept))


def logistic_regression(
    *,
    inverse_regularization: float | None = None,
    max_iterations: int | None = None,
    norm: float | None = None,
    intercept: bool = True,
    weight: int | None = None,
) -> Step:
    """Predict a class by a linear rule.

    Args:
        inverse_regularization: scikit-learn's C; above 0.
        max_iterations: rounds at most, to 100,000.
        norm: rows are moved into a ball of this radius; from the bounds of the features if unset.
        intercept: whether the plane may miss 0.
        weight: share of the loss.
    """
    proto = estimator_pb2.LogisticRegression(
        inverse_regularization=_above_zero(inverse_regularization, "inverse_regularization"),
        max_iterations=_whole(max_iterations, "max_iterations", 100_000),
        norm=_above_zero(norm, "norm"),
        without_intercept=not intercept,
    )
    return _step(weight, logistic_regression=proto)


def gaussian_naive_bayes(*, weight: int | None = None) -> Step:
    """Predict a class by a normal distribution of each feature in each class."""
    return _step(weight, gaussian_naive_bayes=estimator_pb2.GaussianNaiveBayes())


def k_means(cluster_count: int, *, weight: int | None = None) -> Step:
    """Find centres of groups.

    Args:
        cluster_count: how many, 1 to 1,000.
        weight: share of the loss.
    """
    count = plans.whole(cluster_count, "cluster_count", 1, 1000)
    return _step(weight, k_means=estimator_pb2.KMeans(cluster_count=count))


def decision_tree(*, max_depth: int | None = None, weight: int | None = None) -> Step:
    """Predict a class by one random tree with noisy leaves.

    Args:
        max_depth: depth, 1 to 20.
        weight: share of the loss.
    """
    return _step(weight, decision_tree=estimator_pb2.DecisionTree(max_depth=_whole(max_depth, "max_depth", 20)))


def random_forest(*, tree_count: int | None = None, max_depth: int | None = None, weight: int | None = None) -> Step:
    """Predict a class by many random trees.

    Args:
        tree_count: how many, 1 to 1,000.
        max_depth: depth of each, 1 to 20.
        weight: share of the loss.
    """
    proto = estimator_pb2.RandomForest(
        max_depth=_whole(max_depth, "max_depth", 20), tree_count=_whole(tree_count, "tree_count", 1000)
    )
    return _step(weight, random_forest=proto)
