"""Steps of a scikit-learn pipeline whose fitted attributes are set from typed numbers. Needs the extra `models`.

Trees are predictors of our own: scikit-learn's take their nodes from the state that pickle restores, in a layout that
changes with its versions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from sfumato.v1 import fitted_model_pb2

Numbers = npt.NDArray[np.float64]


class Inputs(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Moves the columns of the features into −1 … 1 over their declared bounds; categories become one input a value."""

    def __init__(self, fitted: fitted_model_pb2.FittedEstimator) -> None:
        self.fitted = fitted

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, table: Any, target: Any = None) -> "Inputs":
        """Return itself: there is nothing to learn."""
        del table, target
        return self

    def transform(self, table: Any) -> Numbers:
        """Return the inputs of a table with the features' columns, or of an array with the inputs."""
        names = list(self.fitted.inputs)
        known = getattr(table, "columns", table if isinstance(table, Mapping) else None)
        if known is None:
            raw = np.asarray(table, dtype=np.float64)
        else:
            raw = np.column_stack([_input(table, name, set(known)) for name in names])
        moved = (raw - np.array(self.fitted.input_offsets)) / np.array(self.fitted.input_scales)
        clipped: Numbers = np.clip(moved, -1.0, 1.0)
        return clipped


def _input(table: Any, name: str, columns: set[str]) -> Numbers:
    if name in columns:
        return np.asarray(table[name], dtype=np.float64)
    owner, _, value = name.partition("=")
    found: Numbers = (np.asarray(table[owner]).astype(str) == value).astype(np.float64)
    return found


class Trees(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One tree or many that vote."""

    def __init__(self, trees: fitted_model_pb2.FittedTrees, classes: Any) -> None:
        self.trees = trees
        self.classes = classes

    @property
    def classes_(self) -> Any:
        """The classes, in the order of probabilities."""
        return np.asarray(self.classes)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, inputs: Any, target: Any = None) -> "Trees":
        """Return itself: it is fitted."""
        del inputs, target
        return self

    def predict_proba(self, inputs: Any) -> Numbers:
        """Return the share of trees that vote for each class."""
        rows = np.asarray(inputs, dtype=np.float64)
        votes = np.zeros((len(rows), len(self.classes)))
        for tree in self.trees.trees:
            votes[np.arange(len(rows)), _leaf_classes(tree, rows)] += 1.0
        shares: Numbers = votes / len(self.trees.trees)
        return shares

    def predict(self, inputs: Any) -> Any:
        """Return the class with most votes."""
        return self.classes_[self.predict_proba(inputs).argmax(axis=1)]


def _leaf_classes(tree: fitted_model_pb2.FittedTree, rows: Numbers) -> npt.NDArray[np.int64]:
    inputs, thresholds = np.array(tree.inputs), np.array(tree.thresholds)
    left, right = np.array(tree.left), np.array(tree.right)
    node = np.zeros(len(rows), dtype=np.int64)
    while (inner := inputs[node] >= 0).any():
        goes_left = rows[np.arange(len(rows)), np.maximum(inputs[node], 0)] <= thresholds[node]
        node = np.where(inner, np.where(goes_left, left[node], right[node]), node)
    classes: npt.NDArray[np.int64] = np.array(tree.leaf_classes)[node]
    return classes


def step_of(step: fitted_model_pb2.FittedStep, fitted: fitted_model_pb2.FittedEstimator) -> Any:
    """Return a fitted step with the parameters of the wire."""
    match step.WhichOneof("kind"):
        case "scaler":
            variances = np.array(step.scaler.variances)
            return _fitted(
                StandardScaler(), mean_=np.array(step.scaler.means), var_=variances, scale_=np.sqrt(variances)
            )
        case "components":
            matrix = _matrix(step.components.components)
            return _fitted(
                PCA(len(matrix)),
                components_=matrix,
                n_components_=len(matrix),
                mean_=np.array(step.components.means),
                explained_variance_=np.array(step.components.explained_variances),
            )
        case "linear" if fitted.classes:
            made = LogisticRegression(solver="liblinear")  # one class against the rest, as it was fitted
            return _fitted(made, classes_=np.array(fitted.classes), **_line(step.linear, flat=False))
        case "linear":
            return _fitted(LinearRegression(), **_line(step.linear, flat=True))
        case "naive_bayes":
            return _fitted(
                GaussianNB(),
                classes_=np.array(fitted.classes),
                class_prior_=np.array(step.naive_bayes.priors),
                theta_=_matrix(step.naive_bayes.means),
                var_=np.maximum(_matrix(step.naive_bayes.variances), 1e-9),
            )
        case "clusters":
            centers = _matrix(step.clusters.centers)
            return _fitted(KMeans(len(centers)), cluster_centers_=centers, _n_threads=1)
        case _:
            return Trees(step.trees, list(fitted.classes))


def _fitted(estimator: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(estimator, name, value)
    return estimator


def _line(linear: fitted_model_pb2.FittedLinear, *, flat: bool) -> dict[str, Any]:
    weights, intercepts = _matrix(linear.coefficients), np.array(linear.intercepts)
    if flat:
        return {"coef_": weights[0], "intercept_": float(intercepts[0])}
    return {"coef_": weights, "intercept_": intercepts}


def _matrix(matrix: fitted_model_pb2.Matrix) -> Numbers:
    values: Numbers = np.array(matrix.values, dtype=np.float64).reshape(matrix.row_count, matrix.column_count)
    return values
