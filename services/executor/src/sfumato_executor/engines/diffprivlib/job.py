"""Fits a pipeline; the only module that imports Diffprivlib. Runs in the confined process.

What is mended of Diffprivlib 0.6.6, each where it is used:

- every input is within ±bound, so that ranges and largest values agree (see `features`);
- `LogisticRegression.fit` and `GaussianNB` take the classes that occur: a made-up row of each public class is added;
- `LogisticRegression` leaves its intercept without the regularisation that its proof needs, and for rows of norm R
  takes R where the proof has R². Here the constant is an input, and rows are scaled to norm 1. The proof is for the
  exact minimum: the search ends at the precision of numbers, which stays the library's promise;
- `RandomForestClassifier` gives each tree a seed of 31 bits for structure and noise (scikit-learn's
  `_set_random_states`): who sees the thresholds can try them all, and subtract the noise. `_FittingTree.fit` labels
  empty leaves by the generator that drew the thresholds, so they can be told. Here every leaf, empty or not, is
  labelled by `PermuteAndFlip` with the operating system's randomness;
- `KMeans._split_epsilon` gives its shares the wrong way round: with 5 inputs or more they are too much in all;
- `KMeans._update_centers` leaves a centre as it is, without noise, where no row is near: whether one is would show.
  Here every centre is drawn, near rows or none;
- `LinearRegression` takes |lower bound| for the largest value of a squared input, after it has moved the inputs by a
  noisy mean, and minimises a noisy form that may have no minimum. Here nothing is moved, the constant is an input, and
  its noisy products are solved with eigenvalues no smaller than their noise: post-processing.

Warnings about privacy are errors: nothing may be read from the data that was not declared. There is no seed.
"""

import secrets
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


def _lengths(inputs: Numbers) -> Numbers:
    """Norms of rows, none of whose squares is lost: of numbers below 1e-162 the square is 0."""
    largest = np.maximum(np.abs(inputs).max(axis=1, initial=0.0), 1e-300)
    lengths: Numbers = largest * np.linalg.norm(inputs / largest[:, None], axis=1)
    return lengths


def _logistic(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    """One against the rest, for each class; rows and constant are scaled into the unit ball.

    Chaudhuri, Monteleoni and Sarwate 2011, Theorem 9, for rows of norm 1: with a norm R the library's `Vector` takes
    c·R for the largest second derivative, which is c·R². Scaled rows keep the meaning of the regularisation C·R².
    """
    from diffprivlib.models.logistic_regression import _logistic_regression_path

    norm = step["norm"] or float(np.linalg.norm(rows.bounds))
    inputs = rows.inputs * np.minimum(1.0, norm / np.maximum(_lengths(rows.inputs), 1e-300))[:, None]
    if step["intercept"]:
        inputs, norm = np.column_stack([inputs, np.ones(len(inputs))]), float(np.hypot(norm, 1.0))
    inputs = inputs / (norm * (1 + 1e-12))
    inputs = inputs / np.maximum(1.0, _lengths(inputs) * (1 + 1e-12))[:, None]
    wanted = [1] if classes == 2 else range(classes)
    found = []
    for place in wanted:
        solved, _, _ = _logistic_regression_path(
            inputs,
            rows.target,
            epsilon=step["epsilon"] / len(wanted),
            data_norm=1.0,
            pos_class=place,
            Cs=[step["inverse_regularization"] * norm**2],
            fit_intercept=False,
            max_iter=step["max_iterations"],
            tol=1e-9,
            check_input=False,
        )
        found.append(solved[0] / norm)
    weights = np.array(found)
    if step["intercept"]:
        return {"coefficients": weights[:, :-1], "intercepts": weights[:, -1]}
    return {"coefficients": weights, "intercepts": np.zeros(len(weights))}


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
            # It gives them the wrong way round, which together is more than an iteration's share from 5 inputs on.
            over = max(1.0, (of_counts + dims * of_sums) * budget["total_iters"] / self.epsilon) * (1 + 1e-12)
            of_counts, of_sums = of_counts / over, of_sums / over
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
    return _flat([_grown(step, rows.inputs, rows.target, rows.bounds, classes)])


def _forest(step: Mapping[str, Any], rows: _Rows, classes: int) -> Arrays:
    """Each row is in one tree, by its place: a replaced row stays in its tree."""
    parts = np.arange(len(rows.inputs)) * step["trees"] // len(rows.inputs)
    return _flat(
        [
            _grown(step, rows.inputs[parts == place], rows.target[parts == place], rows.bounds, classes)
            for place in range(step["trees"])
        ]
    )


def _grown(step: Mapping[str, Any], inputs: Numbers, target: Numbers, bounds: Numbers, classes: int) -> Any:
    """A random tree without data, then a noisy class for each leaf, empty or not.

    Rows of different leaves are apart, so a row more or less costs ε once (Fletcher and Islam 2017).
    """
    from diffprivlib.mechanisms import PermuteAndFlip
    from diffprivlib.models.forest import _FittingTree

    structure = np.random.RandomState(np.random.PCG64(secrets.randbits(256)))
    tree = _FittingTree(
        step["depth"], inputs.shape[1], np.arange(classes), step["epsilon"], (-bounds, bounds), structure
    )
    tree.build()
    leaves = tree.apply(np.clip(inputs, -bounds, bounds))
    counts = np.zeros((tree.node_count, classes), dtype=np.int64)
    np.add.at(counts, (leaves, target.astype(np.int64)), 1)
    labels = np.zeros(tree.node_count, dtype=np.int64)
    for node in tree.nodes:
        if node.left_child < 0:
            utility = counts[node.node_id].tolist()
            drawing = PermuteAndFlip(epsilon=step["epsilon"], sensitivity=1, monotonic=True, utility=utility)
            labels[node.node_id] = drawing.randomise()
    return tree.nodes, labels


def _flat(trees: Any) -> Arrays:
    """Trees behind one another; `sizes` says where each ends. A leaf looks at input −1."""
    nodes = [node for found, _ in trees for node in found]
    leaf = [node.left_child < 0 for node in nodes]
    return {
        "sizes": np.array([len(found) for found, _ in trees]),
        "inputs": np.array([-1 if end else node.feature for end, node in zip(leaf, nodes, strict=True)]),
        "thresholds": np.array([0.0 if end else node.threshold for end, node in zip(leaf, nodes, strict=True)]),
        "left": np.array([node.left_child for node in nodes]),
        "right": np.array([node.right_child for node in nodes]),
        "leaf_classes": np.concatenate([labels for _, labels in trees]),
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
