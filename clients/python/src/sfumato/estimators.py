"""Fitted parameters put to use: as a scikit-learn estimator here, or as an expression that the mesh computes."""

from collections.abc import Mapping
from typing import Any

from sfumato._core import nodes
from sfumato._core.amounts import refused
from sfumato.datasets import Column
from sfumato.errors import MissingExtra
from sfumato.expressions import Expression, col, lit, when
from sfumato.v1 import fitted_model_pb2, function_pb2

_Rows = list[list[float]]


def to_sklearn(fitted: fitted_model_pb2.FittedEstimator) -> Any:
    """Return a fitted scikit-learn Pipeline with these parameters; the mesh sends numbers, never objects.

    Its first step takes a table (pandas, Polars or a dict of columns) with the columns of the features, or an array
    with the inputs of `fitted.inputs`, and moves them into −1 … 1 over their declared bounds, as they were when it was
    fitted.

    Raises:
        MissingExtra: scikit-learn is not installed (extra `models`).
    """
    try:
        from sklearn.pipeline import Pipeline
    except ImportError:
        raise MissingExtra("a scikit-learn estimator", "models") from None
    from sfumato import sklearn_steps

    made: list[tuple[str, Any]] = [("inputs", sklearn_steps.Inputs(fitted))]
    for place, step in enumerate(fitted.steps):
        made.append((f"{place}_{step.WhichOneof('kind')}", sklearn_steps.step_of(step, fitted)))
    return Pipeline(made)


def prediction(fitted: fitted_model_pb2.FittedEstimator, columns: Mapping[str, Column]) -> Expression:
    """Return what an estimator predicts as an expression over a row: a number, or the class as text.

    Args:
        fitted: noisy parameters of linear or logistic regression, or of trees; before them scalers and components.
        columns: of the dataset, by name: which inputs are booleans.

    Raises:
        InvalidRequest: it predicts nothing, or not by an expression that a question can hold.
    """
    inputs = _Inputs(fitted, columns)
    matrix, constants = _identity(len(fitted.inputs)), [0.0] * len(fitted.inputs)
    for step in fitted.steps[:-1]:
        matrix, constants = _after(step, matrix, constants)
    last = fitted.steps[-1]
    match last.WhichOneof("kind"):
        case "linear":
            weights = _rows(last.linear.coefficients)
            scores = [
                inputs.weighted(_times(row, matrix), intercept + _dot(row, constants))
                for row, intercept in zip(weights, last.linear.intercepts, strict=True)
            ]
            return _chosen(scores, list(fitted.classes)) if fitted.classes else scores[0]
        case "trees":
            return _voted(last.trees, list(fitted.classes), inputs, matrix, constants)
        case kind:
            raise refused("model", f"{kind} is not computed row by row by the mesh", ".to_sklearn() predicts here")


class _Inputs:
    """The numbers that enter an estimator, as expressions of columns."""

    def __init__(self, fitted: fitted_model_pb2.FittedEstimator, columns: Mapping[str, Column]) -> None:
        self._fitted = fitted
        self._columns = columns

    def weighted(self, weights: list[float], constant: float) -> Expression:
        """Return Σ weight · input + constant. Numbers need no more than their column: offsets go to the constant."""
        terms = []
        for place, weight in enumerate(weights):
            if not weight:
                continue
            offset, scale = self._fitted.input_offsets[place], self._fitted.input_scales[place]
            indicator = self._indicator(self._fitted.inputs[place])
            if indicator is not None:
                high, low = (1 - offset) / scale, -offset / scale
                terms.append(when(indicator).then(weight * high).otherwise(weight * low))
            else:
                terms.append(col(self._fitted.inputs[place]) * (weight / scale))
                constant -= weight * offset / scale
        arguments = [each.to_proto() for each in (*terms, lit(constant))]
        return Expression(nodes.call(function_pb2.FUNCTION_ADD, *arguments)) if terms else lit(constant)

    def _indicator(self, name: str) -> Expression | None:
        """Return the condition of an input that is 0 or 1; None for a number."""
        column = self._columns.get(name)
        if column is not None:
            return col(name) if column.type == "boolean" else None
        owner, _, value = name.partition("=")
        return col(owner) == value


def _after(step: fitted_model_pb2.FittedStep, matrix: _Rows, constants: list[float]) -> tuple[_Rows, list[float]]:
    """Return inputs of the next step as matrix · inputs + constants."""
    match step.WhichOneof("kind"):
        case "scaler":
            widths = [variance**0.5 for variance in step.scaler.variances]
            scaled = [[value / width for value in row] for row, width in zip(matrix, widths, strict=True)]
            moved = zip(constants, step.scaler.means, widths, strict=True)
            return scaled, [(constant - mean) / width for constant, mean, width in moved]
        case "components":
            rows, means = _rows(step.components.components), step.components.means
            centred = [constant - mean for constant, mean in zip(constants, means, strict=True)]
            return [_times(row, matrix) for row in rows], [_dot(row, centred) for row in rows]
        case kind:
            raise refused("model", f"{kind} stands before another step", "let it be the last")


def _chosen(scores: list[Expression], classes: list[str]) -> Expression:
    """The class with the largest score; of two classes one score decides."""
    if len(scores) == 1:
        return when(scores[0] > 0.0).then(classes[1]).otherwise(classes[0])
    result: Expression = lit(classes[-1])
    for place in reversed(range(len(classes) - 1)):
        others = [scores[place] >= other for other in scores[place + 1 :]]
        wins = others[0]
        for other in others[1:]:
            wins = wins & other
        # Those before it were not chosen, so it is the largest if none behind it is larger and none before it is.
        for other in scores[:place]:
            wins = wins & (scores[place] >= other)
        result = when(wins).then(classes[place]).otherwise(result)
    return result


def _voted(
    trees: fitted_model_pb2.FittedTrees,
    classes: list[str],
    inputs: _Inputs,
    matrix: _Rows,
    constants: list[float],
) -> Expression:
    if len(trees.trees) == 1:
        return _walked(trees.trees[0], 0, [lit(name) for name in classes], inputs, matrix, constants)
    votes = []
    for place in range(len(classes)):
        voices = [lit(1.0 if place == each else 0.0) for each in range(len(classes))]
        each_tree = [_walked(tree, 0, voices, inputs, matrix, constants).to_proto() for tree in trees.trees]
        votes.append(Expression(nodes.call(function_pb2.FUNCTION_ADD, *each_tree)))
    if len(classes) == 2:
        return when(votes[1] > votes[0]).then(classes[1]).otherwise(classes[0])
    return _chosen(votes, classes)


def _walked(
    tree: fitted_model_pb2.FittedTree,
    node: int,
    leaves: list[Expression],
    inputs: _Inputs,
    matrix: _Rows,
    constants: list[float],
) -> Expression:
    place = tree.inputs[node]
    if place < 0:
        return leaves[tree.leaf_classes[node]]
    value = inputs.weighted(matrix[place], constants[place])
    left, right = (
        _walked(tree, below, leaves, inputs, matrix, constants) for below in (tree.left[node], tree.right[node])
    )
    return when(value <= tree.thresholds[node]).then(left).otherwise(right)


def _identity(size: int) -> _Rows:
    return [[1.0 if row == column else 0.0 for column in range(size)] for row in range(size)]


def _rows(matrix: fitted_model_pb2.Matrix) -> _Rows:
    width = matrix.column_count
    return [list(matrix.values[row * width : (row + 1) * width]) for row in range(matrix.row_count)]


def _times(row: list[float], matrix: _Rows) -> list[float]:
    return [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*matrix, strict=True)]


def _dot(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
