"""The steps of a pipeline: which may follow which, what each may be told, and what one unit more costs it.

Diffprivlib's guarantees are for a known number of rows of which one is replaced (its `mean` divides by the exact
number, `Vector` too). Some of its parts hold for one row more or less instead (counts of a class, of a cluster, of a
leaf): there a replaced row is two steps, `replaced` = 2, and the loss that the library is told is halved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep
from sfumato_executor.engines.library.program import JobValue
from sfumato_mesh.refusals import plan_rejected

_PATH: Final = "model.estimator.steps"


@dataclass(frozen=True)
class Step:
    """One step: its job, its share, and how far a replaced row moves it."""

    kind: str
    """As in the contract: "standard_scaler"."""
    job: dict[str, JobValue]
    weight: int
    replaced: int
    target: str
    """What it predicts: "", "class" or "number"."""


_REPLACED: Final = {
    "standard_scaler": 1,
    "linear_regression": 1,
    "logistic_regression": 1,
    "principal_components": 2,
    "gaussian_naive_bayes": 2,
    "k_means": 2,
    "decision_tree": 2,
    "random_forest": 2,
}
_TARGETS: Final = {
    "linear_regression": "number",
    "logistic_regression": "class",
    "gaussian_naive_bayes": "class",
    "decision_tree": "class",
    "random_forest": "class",
}
_LAST: Final = frozenset({*_TARGETS, "k_means"})
_NORMS: Final = (1e-6, 1e6)
_REGULARIZATIONS: Final = (1e-9, 1e9)


def read_steps(estimator: Estimator, width: int, row_count: int) -> tuple[Step, ...]:
    """Return the steps of a pipeline.

    Args:
        estimator: the request.
        width: inputs of the first step.
        row_count: rows that are fitted.

    Raises:
        Refusal: PLAN_REJECTED ("steps", "parameter").
    """
    found: list[Step] = []
    for place, step in enumerate(estimator.steps):
        kind = step.WhichOneof("kind") or ""
        path = f"{_PATH}[{place}]"
        if kind not in _REPLACED:
            raise plan_rejected("steps", path, "this server has no such step", hint=", ".join(_REPLACED))
        if kind in _LAST and place + 1 < len(estimator.steps):
            message = f"{kind} predicts, so nothing can follow it"
            raise plan_rejected("steps", path, message, hint="put it last")
        if kind in [each.kind for each in found]:
            raise plan_rejected("steps", path, f"{kind} stands twice", hint="use each step once")
        job = _JOBS[kind](step, path, width, row_count)
        if kind == "principal_components":
            width = step.principal_components.component_count
        found.append(Step(kind, job, step.weight or 1, _REPLACED[kind], _TARGETS.get(kind, "")))
    _check_target(estimator, found)
    return tuple(found)


def _check_target(estimator: Estimator, steps: Sequence[Step]) -> None:
    wanted = steps[-1].target
    if wanted and not estimator.target:
        message = f"{steps[-1].kind} predicts a {wanted}, and the request names no target"
        raise plan_rejected("target", "model.estimator.target", message, hint="name a column")
    if estimator.target and not wanted:
        message = f"{steps[-1].kind} predicts nothing"
        raise plan_rejected("target", "model.estimator.target", message, hint="leave the target out")
    if estimator.target in estimator.features:
        message = f"{estimator.target} is a feature as well"
        raise plan_rejected("target", "model.estimator.target", message, hint="leave it out of the features")


def _parameter(holds: bool, path: str, message: str, hint: str) -> None:
    if not holds:
        raise plan_rejected("parameter", path, message, hint=hint)


def _scaler(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del step, path, width, row_count
    return {}


def _components(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    count = step.principal_components.component_count
    _parameter(
        count <= min(width, row_count),
        f"{path}.principal_components.component_count",
        f"{count} components of {width} inputs",
        f"at most {min(width, row_count)}",
    )
    return {"count": count, "norm": _norm(step.principal_components.norm, f"{path}.principal_components.norm")}


def _norm(norm: float, path: str) -> float:
    """Return a norm of rows whose square is a floating-point number of full precision; 0 where none is asked."""
    least, most = _NORMS
    _parameter(
        not norm or least <= norm <= most,
        path,
        f"rows of a norm of {norm:g}, where ranges are scaled to [-1, 1]",
        f"from {least:g} to {most:g}, or leave it out",
    )
    return norm


def _linear(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del row_count
    _parameter(
        width <= 60, path, f"{width} inputs make {width * (width + 1) // 2:,} noisy products", "at most 60 inputs"
    )
    return {"intercept": not step.linear_regression.without_intercept}


def _logistic(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del width, row_count
    wanted = step.logistic_regression
    _parameter(
        wanted.max_iterations == 0 or wanted.max_iterations >= 1_000,  # the guarantee is that of the minimum
        f"{path}.logistic_regression.max_iterations",
        f"{wanted.max_iterations:,} rounds may end before the minimum",
        "at least 1,000, or leave it out",
    )
    least, most = _REGULARIZATIONS
    _parameter(
        not wanted.inverse_regularization or least <= wanted.inverse_regularization <= most,
        f"{path}.logistic_regression.inverse_regularization",
        f"{wanted.inverse_regularization:g} is beyond what floating-point numbers can square",
        f"from {least:g} to {most:g}, or leave it out",
    )
    return {
        "inverse_regularization": wanted.inverse_regularization or 1.0,
        "max_iterations": wanted.max_iterations or 10_000,
        "norm": _norm(wanted.norm, f"{path}.logistic_regression.norm"),
        "intercept": not wanted.without_intercept,
    }


def _bayes(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del step, path, width, row_count
    return {}


def _clusters(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    count = step.k_means.cluster_count
    most = min(row_count, 1_000, 20_000 // max(width, 1), max(1, 100_000_000 // row_count))
    _parameter(
        count <= most, f"{path}.k_means.cluster_count", f"{count:,} clusters of {row_count:,} rows", f"at most {most:,}"
    )
    return {"count": count}


def _tree(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del width, row_count
    depth = step.decision_tree.max_depth or 5
    _parameter(depth <= 12, f"{path}.decision_tree.max_depth", f"a tree of depth {depth}", "at most 12")
    return {"depth": depth}


def _forest(step: EstimatorStep, path: str, width: int, row_count: int) -> dict[str, JobValue]:
    del width
    depth, trees = step.random_forest.max_depth or 5, step.random_forest.tree_count or 10
    _parameter(
        depth <= 12 and trees * 2**depth <= 100_000,
        f"{path}.random_forest",
        f"{trees} trees of depth {depth}",
        "depth at most 12, and 100,000 leaves in all",
    )
    _parameter(
        trees <= row_count,
        f"{path}.random_forest.tree_count",
        f"{trees} trees share {row_count:,} rows",
        f"at most {row_count:,}",
    )
    return {"depth": depth, "trees": trees}


_JOBS: Final[dict[str, Callable[[EstimatorStep, str, int, int], dict[str, JobValue]]]] = {
    "standard_scaler": _scaler,
    "principal_components": _components,
    "linear_regression": _linear,
    "logistic_regression": _logistic,
    "gaussian_naive_bayes": _bayes,
    "k_means": _clusters,
    "decision_tree": _tree,
    "random_forest": _forest,
}
