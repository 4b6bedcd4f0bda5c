"""What estimators say: near scikit-learn where noise is small, private where rows differ, and nothing else."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("diffprivlib")

from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.diffprivlib import job
from sfumato_executor.engines.diffprivlib.decoding import fitted_estimator
from sfumato_executor.engines.library.program import MODEL_METADATA
from sfumato_executor.engines.library.rows import select_rows
from tests.attacks.tables import table
from tests.unit.estimator_scene import ADAPTER, compiled, fitted, made, step

FALSE_ALARM = 1e-6
FITS = 1_500
OF_STEP = {
    "standard_scaler": {"means", "variances"},  # LaplaceTruncated; LaplaceBoundedDomain
    "principal_components": {"means", "components", "explained_variances"},  # LaplaceTruncated; Bingham; LaplaceB.D.
    "linear_regression": {"coefficients", "intercepts"},  # functional mechanism: LaplaceFolded and Laplace
    "logistic_regression": {"coefficients", "intercepts"},  # Vector
    "gaussian_naive_bayes": {"priors", "means", "variances"},  # GeometricTruncated; LaplaceTruncated; LaplaceB.D.
    "k_means": {"centers"},  # GeometricFolded and LaplaceBoundedDomain
    # Sizes, inputs, thresholds and sides are drawn without data; the classes of leaves by PermuteAndFlip.
    "decision_tree": {"sizes", "inputs", "thresholds", "left", "right", "leaf_classes"},
    "random_forest": {"sizes", "inputs", "thresholds", "left", "right", "leaf_classes"},
}
"""Every array of a release, and the mechanism that made it. A closed list: what is not here may not be released."""
TARGETS = {"linear_regression": "length", "standard_scaler": "", "principal_components": "", "k_means": ""}
FIELDS: dict[str, dict[str, object]] = {
    "principal_components": {"component_count": 1},
    "k_means": {"cluster_count": 2},
    "decision_tree": {"max_depth": 3},
    "random_forest": {"max_depth": 3, "tree_count": 2},
}


def people(count: int) -> dict[str, Any]:
    drawn = np.random.default_rng(11)
    mass = drawn.uniform(0, 100, count)
    return {
        "who": np.arange(count),
        "mass": mass,
        "length": np.clip(0.3 * mass - 5 + drawn.normal(0, 1, count), -10, 30),
        "ok": drawn.integers(0, 2, count).astype(bool),
        "species": np.where(mass + drawn.normal(0, 5, count) > 50, "Gentoo", "Adelie"),
        "island": np.array(["a", "b", "c"])[drawn.integers(0, 3, count)],
        "free": np.full(count, "x"),
    }


@pytest.mark.parametrize("kind", sorted(OF_STEP))
def test_a_release_holds_what_a_mechanism_made_and_nothing_else(kind: str) -> None:
    of = made(200)
    program = compiled(of, ["mass", "island"], [step(kind, **FIELDS.get(kind, {}))], TARGETS.get(kind, "species"), 5.0)
    release, found = fitted(program, of, people(200))
    assert {name.partition("/")[2] for name in release.column("name").to_pylist()} == OF_STEP[kind]
    assert ADAPTER.render(program, release, 0.95).equals(release)
    assert list(found.inputs) == ["mass", "island=a", "island=b", "island=c"]
    assert release.schema.equals(ADAPTER.answer_schema(program))


def test_a_line_is_near_that_of_scikit_learn_where_noise_is_small() -> None:
    from sklearn.linear_model import LinearRegression

    of, columns = made(2_000), people(2_000)
    program = compiled(of, ["mass", "ok"], [step("standard_scaler"), step("linear_regression")], "length", 1_000.0)
    _, found = fitted(program, of, columns)
    scaler, linear = found.steps[0].scaler, found.steps[1].linear
    scale = float(np.sqrt(scaler.variances[0])) * found.input_scales[0]
    inputs = np.column_stack([columns["mass"], columns["ok"]])
    bare = LinearRegression().fit(inputs, columns["length"])
    assert linear.coefficients.values[0] / scale == pytest.approx(bare.coef_[0], rel=0.05)


def test_classes_are_told_apart_where_noise_is_small() -> None:
    of, columns = made(2_000), people(2_000)
    program = compiled(of, ["mass"], [step("logistic_regression")], "species", 1_000.0)
    _, found = fitted(program, of, columns)
    linear = found.steps[0].linear
    score = (columns["mass"] - 50) / 50 * linear.coefficients.values[0] + linear.intercepts[0]
    assert ((score > 0) == (columns["species"] == "Gentoo")).mean() > 0.9


def _events(kind: str, target: str, columns: dict[str, Any], event: Any) -> np.ndarray[Any, Any]:
    of = made(12)
    program = compiled(of, ["mass"], [step(kind, **FIELDS.get(kind, {}))], target, 1.0)
    prepared = table(of, columns)
    happened = np.zeros(FITS, dtype=bool)
    for place in range(FITS):
        if place % 50 == 0:
            rows = select_rows(program.rows, prepared)
        release = job.run(program.job, rows)
        happened[place] = event({row["name"]: row["values"] for row in release.to_pylist()})
    return happened


PLANTED = [
    ("standard_scaler", "", lambda found: found["0/means"][0] > -0.9),
    ("gaussian_naive_bayes", "species", lambda found: found["0/priors"][1] > 0.2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target", "event"), PLANTED)
def test_a_planted_row_moves_no_event_by_more_than_epsilon(kind: str, target: str, event: Any) -> None:
    """A loss of 1. By Hoeffding each rate is within t of its probability but for FALSE_ALARM / 8, for four rates."""
    few: dict[str, Any] = {
        "who": np.arange(11),
        "mass": [0.0] * 9 + [math.nan, None],
        "length": [0.0] * 11,
        "ok": [False] * 11,
        "species": ["Adelie"] * 11,
        "island": ["a"] * 11,
        "free": ["x"] * 11,
    }
    planted = {"who": 11, "mass": 1e300, "length": 30.0, "ok": True, "species": "Gentoo", "island": "c", "free": "y"}
    more = {name: [*list(values), planted[name]] for name, values in few.items()}
    one, other = (_events(kind, target, columns, event).mean() for columns in (few, more))
    t = math.sqrt(math.log(8 / FALSE_ALARM) / (2 * FITS))
    for first, second in ((one, other), (other, one), (1 - one, 1 - other), (1 - other, 1 - one)):
        assert first - t <= math.e * (second + t)


def test_what_is_no_estimator_is_not_read() -> None:
    of = made(50)
    program = compiled(of, ["mass"], [step("standard_scaler")], epsilon=5.0)
    release, _ = fitted(program, of, people(50))
    told = release.schema.metadata
    rows = release.to_pylist()
    for bad in (
        rows[:1],
        [*rows, {"name": "1/means", "shape": [1], "values": [0.0]}],
        [{**rows[0], "values": [math.nan]}, rows[1]],
        [{**rows[0], "shape": [2]}, rows[1]],
    ):
        with pytest.raises(UnreadableReleaseError):
            fitted_estimator(pa.Table.from_pylist(bad, release.schema).replace_schema_metadata(told))
    with pytest.raises(UnreadableReleaseError):
        fitted_estimator(release.replace_schema_metadata({MODEL_METADATA: b"{"}))
