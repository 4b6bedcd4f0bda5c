"""Parameters of a fitted estimator from its release. Every shape is checked before it is used."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sfumato.v1 import fitted_model_pb2 as pb
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library.program import MODEL_METADATA

ARRAYS: Final = pa.schema([("name", pa.string()), ("shape", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))])
"""Columns of a release: one named array a row, its numbers in row-major order."""

Numbers = npt.NDArray[np.float64]


def fitted_estimator(release: pa.Table) -> pb.FittedEstimator:
    """Return the parameters in a release.

    Raises:
        UnreadableReleaseError: it is no estimator, or its arrays do not fit one another.
    """
    try:
        told = json.loads((release.schema.metadata or {})[MODEL_METADATA])
        if release.schema.names != ARRAYS.names:
            raise ValueError("no arrays")
        arrays = {str(row["name"]): _array(row) for row in release.to_pylist()}
        found = pb.FittedEstimator(
            inputs=told["inputs"],
            classes=told["classes"],
            library=told["library"],
            input_offsets=told["offsets"],
            input_scales=told["scales"],
        )
        reader = _Reader(arrays, len(found.inputs), len(found.classes), told["target"])
        found.steps.extend(reader.step(place, kind) for place, kind in enumerate(told["steps"]))
        if (
            reader.unread
            or len(found.input_offsets) != len(found.inputs)
            or len(found.input_scales) != len(found.inputs)
        ):
            raise ValueError("arrays of no step")
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableReleaseError("it is no estimator") from error
    return found


def _array(row: Mapping[str, Any]) -> Numbers:
    shape, values = tuple(row["shape"]), np.asarray(row["values"], dtype=np.float64)
    if not shape or math.prod(shape) != len(values) or not np.isfinite(values).all():
        raise ValueError("no array")
    return values.reshape(shape)


class _Reader:
    """Reads steps in order; each says how many inputs the next has."""

    def __init__(self, arrays: Mapping[str, Numbers], width: int, classes: int, target: Mapping[str, float] | None):
        self._arrays = dict(arrays)
        self._width = width
        self._classes = classes
        self._target = target
        self._place = 0

    @property
    def unread(self) -> bool:
        """Whether arrays are left."""
        return bool(self._arrays)

    def step(self, place: int, kind: str) -> pb.FittedStep:
        """Return a step by its place and kind."""
        self._place = place
        return _READERS[kind](self)

    def taken(self, name: str, *shape: int) -> Numbers:
        """Return an array of the present step, of a known shape; −1: any length."""
        found = self._arrays.pop(f"{self._place}/{name}")
        if len(found.shape) != len(shape) or any(a not in (-1, b) for a, b in zip(shape, found.shape, strict=True)):
            raise ValueError("an array of another shape")
        return found

    def scaler(self) -> pb.FittedStep:
        means, variances = self.taken("means", self._width), self.taken("variances", self._width)
        return pb.FittedStep(scaler=pb.FittedScaler(means=means.tolist(), variances=variances.tolist()))

    def components(self) -> pb.FittedStep:
        matrix = self.taken("components", -1, self._width)
        means = self.taken("means", self._width).tolist()
        variances = self.taken("explained_variances", len(matrix)).tolist()
        self._width = len(matrix)
        return pb.FittedStep(
            components=pb.FittedComponents(components=_matrix(matrix), means=means, explained_variances=variances)
        )

    def linear(self) -> pb.FittedStep:
        """A regression; of a number in the target's own unit."""
        rows = 1 if self._classes in (0, 2) else self._classes
        weights, intercepts = self.taken("coefficients", rows, self._width), self.taken("intercepts", rows)
        if self._target is not None and not self._classes:
            weights, intercepts = (
                weights * self._target["scale"],
                intercepts * self._target["scale"] + self._target["offset"],
            )
        return pb.FittedStep(linear=pb.FittedLinear(coefficients=_matrix(weights), intercepts=intercepts.tolist()))

    def bayes(self) -> pb.FittedStep:
        shape = self._classes, self._width
        return pb.FittedStep(
            naive_bayes=pb.FittedNaiveBayes(
                priors=self.taken("priors", self._classes).tolist(),
                means=_matrix(self.taken("means", *shape)),
                variances=_matrix(self.taken("variances", *shape)),
            )
        )

    def clusters(self) -> pb.FittedStep:
        return pb.FittedStep(clusters=pb.FittedClusters(centers=_matrix(self.taken("centers", -1, self._width))))

    def trees(self) -> pb.FittedStep:
        sizes = self.taken("sizes", -1).astype(int).tolist()
        total = sum(sizes)
        columns = {name: self.taken(name, total) for name in ("inputs", "thresholds", "left", "right", "leaf_classes")}
        found, begin = pb.FittedTrees(), 0
        for size in sizes:
            part = {name: values[begin : begin + size] for name, values in columns.items()}
            begin += size
            found.trees.append(self._tree(part, size))
        return pb.FittedStep(trees=found)

    def _tree(self, part: Mapping[str, Numbers], size: int) -> pb.FittedTree:
        inputs, left, right, classes = (part[name].astype(int) for name in ("inputs", "left", "right", "leaf_classes"))
        inner = np.flatnonzero(inputs >= 0)
        below = np.concatenate([left[inner], right[inner]])
        sound = (
            size > 0
            and ((inputs >= -1) & (inputs < self._width)).all()
            and ((classes >= 0) & (classes < self._classes)).all()
            and (below > np.concatenate([inner, inner])).all()  # downwards, so no walk is endless
            and (below < size).all()
        )
        if not sound:
            raise ValueError("no tree")
        return pb.FittedTree(
            inputs=inputs.tolist(),
            thresholds=part["thresholds"].tolist(),
            left=left.tolist(),
            right=right.tolist(),
            leaf_classes=classes.tolist(),
        )


def _matrix(values: Numbers) -> pb.Matrix:
    return pb.Matrix(row_count=values.shape[0], column_count=values.shape[1], values=values.ravel().tolist())


_READERS: Final[Mapping[str, Callable[[_Reader], pb.FittedStep]]] = {
    "standard_scaler": _Reader.scaler,
    "principal_components": _Reader.components,
    "linear_regression": _Reader.linear,
    "logistic_regression": _Reader.linear,
    "gaussian_naive_bayes": _Reader.bayes,
    "k_means": _Reader.clusters,
    "decision_tree": _Reader.trees,
    "random_forest": _Reader.trees,
}
