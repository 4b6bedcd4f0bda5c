"""Fits a pipeline; the only module that imports Diffprivlib. Runs in the confined process.

What is mended of Diffprivlib 0.6.6, each where it is used:

- every input is within ±bound, so that ranges and largest values agree (see `features`);
- `LogisticRegression.fit` and `GaussianNB` take the classes that occur: a made-up row of each public class is added;
- `KMeans._update_centers` leaves a centre as it is, without noise, where no row is near: whether one is would show.
  Here every centre is drawn, near rows or none;
- `LinearRegression` takes |lower bound| for the largest value of a squared input, after it has moved the inputs by a
  noisy mean, and minimises a noisy form that may have no minimum. Here nothing is moved, the constant is an input, and
  its noisy products are solved with eigenvalues no smaller than their noise: post-processing.

Warnings about privacy are errors: nothing may be read from the data that was not declared. There is no seed.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.float64]
Arrays = dict[str, Numbers]

ARRAYS = pa.schema([("name", pa.string()), ("shape", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))])


@dataclass
class _Rows:
    """Rows on their way through a pipeline: each input within ±bounds, the target as a class or within ±1."""

    inputs: Numbers
    target: Numbers
    bounds: Numbers


def run(job: Mapping[str, Any], rows: pa.Table) -> pa.Table:
    """Fit the steps one after another, and return their parameters: "0/means", "1/coefficients"."""
    from diffprivlib.utils import DiffprivlibCompatibilityWarning, PrivacyLeakWarning

    inputs = _inputs(job["features"], rows)
    moving = _Rows(inputs, _target(job, rows), np.ones(inputs.shape[1]))
    _add_classes(moving, len(job["classes"]))
    found: Arrays = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PrivacyLeakWarning)
        warnings.simplefilter("error", DiffprivlibCompatibilityWarning)
        for place, step in enumerate(job["steps"]):
            fitted = _FITS[step["kind"]](step, moving, len(job["classes"]))
            found.update({f"{place}/{name}": np.asarray(values, dtype=np.float64) for name, values in fitted.items()})
    columns = zip(*((name, list(values.shape), values.ravel().tolist()) for name, values in found.items()), strict=True)
    return pa.Table.from_arrays([pa.array(list(each)) for each in columns], names=ARRAYS.names).cast(ARRAYS)


def _inputs(features: Any, rows: pa.Table) -> Numbers:
    parts = []
    for place, feature in enumerate(features):
        column = rows.column(place)
        values = column.cast(pa.float64() if feature["kind"] != "boolean" else pa.int8()).to_numpy().astype(np.float64)
        if feature["kind"] == "category":
            values = (values[:, None] == np.arange(feature["width"])).astype(np.float64)
        else:
            values = values[:, None]
        parts.append(np.clip((values - feature["offset"]) / feature["scale"], -1.0, 1.0))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _target(job: Mapping[str, Any], rows: pa.Table) -> Numbers:
    if not job["target"]:
        return np.zeros(rows.num_rows)
    column = rows.column(len(job["features"]))
    if job["classes"]:
        classes: Numbers = column.cast(pa.int64()).to_numpy().astype(np.float64)
        return classes
    values = column.cast(pa.float64()).to_numpy()
    moved: Numbers = np.clip((values - job["target"]["offset"]) / job["target"]["scale"], -1.0, 1.0)
    return moved


def _add_classes(rows: _Rows, classes: int) -> None:
    """One made-up row of each class, in the middle of every range: public, so it moves no distance."""
    rows.inputs = np.concatenate([rows.inputs, np.zeros((classes, rows.inputs.shape[1]))])
    rows.target = np.concatenate([rows.target, np.arange(classes, dtype=np.float64)])


def _scaler(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import StandardScaler

    del classes
    model = StandardScaler(epsilon=step["epsilon"], bounds=(-rows.bounds, rows.bounds)).fit(rows.inputs)
    means, variances = np.asarray(model.mean_), np.maximum(np.asarray(model.var_), 1e-12)
    width = np.sqrt(variances)
    rows.inputs = (rows.inputs - means) / width
    rows.bounds = np.maximum(np.abs(-rows.bounds - means), np.abs(rows.bounds - means)) / width
    return {"means": means, "variances": variances}


def _components(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import PCA

    del classes
    norm = step["norm"] or float(np.linalg.norm(rows.bounds))
    model = PCA(step["count"], epsilon=step["epsilon"], data_norm=norm, bounds=(-rows.bounds, rows.bounds))
    model.fit(rows.inputs.copy())  # it changes what it is given
    means, components = np.asarray(model.mean_), np.asarray(model.components_)
    reach = float(np.linalg.norm(rows.bounds + np.abs(means)))
    rows.inputs = (rows.inputs - means) @ components.T
    rows.bounds = np.full(len(components), reach) * np.maximum(np.linalg.norm(components, axis=1), 1e-12)
    return {"components": components, "means": means, "explained_variances": np.asarray(model.explained_variance_)}


def _linear(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import LinearRegression

    del classes
    inputs, bounds = np.clip(rows.inputs, -rows.bounds, rows.bounds), rows.bounds
    if step["intercept"]:
        inputs, bounds = np.column_stack([inputs, np.ones(len(inputs))]), np.append(bounds, 1.0)
    model = LinearRegression(
        epsilon=step["epsilon"], bounds_X=(-bounds, bounds), bounds_y=(-1.0, 1.0), fit_intercept=False
    ).fit(inputs, rows.target)
    _, towards, products = model._obj_coefs
    terms = 1 + len(bounds) + len(bounds) * (len(bounds) + 1) / 2
    noise = float((2 * np.outer(bounds, bounds)).max() * terms / step["epsilon"])
    values, vectors = np.linalg.eigh((products + products.T) / 2)
    solved = vectors @ ((vectors.T @ np.ravel(towards)) / np.maximum(values, noise))
    weights, intercept = (solved[:-1], solved[-1]) if step["intercept"] else (solved, 0.0)
    return {"coefficients": weights[None, :], "intercepts": np.array([intercept])}


def _logistic(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import LogisticRegression

    del classes
    model = LogisticRegression(
        epsilon=step["epsilon"],
        data_norm=step["norm"] or float(np.linalg.norm(rows.bounds)),
        C=step["inverse_regularization"],
        max_iter=step["max_iterations"],
        fit_intercept=step["intercept"],
    ).fit(rows.inputs, rows.target)
    return {"coefficients": np.asarray(model.coef_), "intercepts": np.asarray(model.intercept_)}


def _bayes(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import GaussianNB

    del classes
    model = GaussianNB(epsilon=step["epsilon"], bounds=(-rows.bounds, rows.bounds)).fit(rows.inputs, rows.target)
    return {"priors": model.class_prior_, "means": model.theta_, "variances": model.var_}


def _clusters(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.mechanisms import GeometricFolded, LaplaceBoundedDomain
    from diffprivlib.models import KMeans

    del classes

    class EveryCentre(KMeans):  # type: ignore[misc]
        def _update_centers(self, X: Any, centers: Any, labels: Any, dims: int, **budget: Any) -> Any:  # noqa: N803
            of_counts, of_sums = self._split_epsilon(dims, budget["total_iters"])
            counting = GeometricFolded(epsilon=of_counts, sensitivity=1, lower=0.5, upper=float("inf"))
            for place in range(self.n_clusters):
                near = X[labels == place]
                count = counting.randomise(len(near))
                for axis in range(dims):
                    lower, upper = self.bounds[0][axis], self.bounds[1][axis]
                    adding = LaplaceBoundedDomain(
                        epsilon=of_sums, sensitivity=upper - lower, lower=count * lower, upper=count * upper
                    )
                    centers[place, axis] = adding.randomise(float(near[:, axis].sum())) / count
            return centers

    model = EveryCentre(step["count"], epsilon=step["epsilon"], bounds=(-rows.bounds, rows.bounds)).fit(rows.inputs)
    return {"centers": model.cluster_centers_}


def _tree(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models.forest import DecisionTreeClassifier

    model = DecisionTreeClassifier(
        step["depth"], epsilon=step["epsilon"], bounds=(-rows.bounds, rows.bounds), classes=np.arange(classes)
    ).fit(rows.inputs, rows.target)
    return _flat([model.tree_])


def _forest(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    from diffprivlib.models import RandomForestClassifier

    model = RandomForestClassifier(
        step["trees"],
        epsilon=step["epsilon"],
        bounds=(-rows.bounds, rows.bounds),
        classes=np.arange(classes),
        max_depth=step["depth"],
    ).fit(rows.inputs, rows.target)
    return _flat([each.tree_ for each in model.estimators_])


def _flat(trees: Any) -> Arrays:
    """Trees behind one another; `sizes` says where each ends. A leaf looks at input −1."""
    leaf = [tree.children_left < 0 for tree in trees]
    pairs = list(zip(leaf, trees, strict=True))
    return {
        "sizes": np.array([tree.node_count for tree in trees]),
        "inputs": np.concatenate([np.where(end, -1, tree.feature) for end, tree in pairs]),
        "thresholds": np.concatenate([np.where(end, 0.0, tree.threshold) for end, tree in pairs]),
        "left": np.concatenate([tree.children_left for tree in trees]),
        "right": np.concatenate([tree.children_right for tree in trees]),
        "leaf_classes": np.concatenate([tree.value[:, 0, :].argmax(axis=1) for tree in trees]),
    }


_FITS = {
    "standard_scaler": _scaler,
    "principal_components": _components,
    "linear_regression": _linear,
    "logistic_regression": _logistic,
    "gaussian_naive_bayes": _bayes,
    "k_means": _clusters,
    "decision_tree": _tree,
    "random_forest": _forest,
}
