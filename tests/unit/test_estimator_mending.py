"""What is mended of Diffprivlib: each test sees the mechanisms that a fit calls, and fails on the bare library."""

import secrets
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("diffprivlib")

from sfumato_executor.engines.diffprivlib import job

WIDTH = 6
ROWS = 240


def ran(step: dict[str, Any], *, classes: int = 0, width: int = WIDTH, labels: Any = None) -> dict[str, Any]:
    """Arrays of a fit of one step on uniform rows."""
    drawn = np.random.default_rng(3)
    columns: dict[str, Any] = {f"c{place}": drawn.uniform(0, 100, ROWS) for place in range(width)}
    if classes:
        columns["t"] = pa.array(np.arange(ROWS) % classes if labels is None else labels, pa.uint32())
    feature = {"kind": "real", "width": 1, "offset": 50.0, "scale": 50.0}
    told = {
        "features": [feature] * width,
        "target": {"offset": 0.0, "scale": 1.0} if classes else None,
        "classes": [f"k{place}" for place in range(classes)],
        "steps": [step],
    }
    release = job.run(told, pa.table(columns))
    return {row["name"]: np.reshape(row["values"], row["shape"]) for row in release.to_pylist()}


def test_rows_whose_squares_vanish_have_their_length() -> None:
    rows = np.array([[3e-200, 4e-200], [3.0, 4.0], [0.0, 0.0], [3e200, 4e200]])
    assert job._lengths(rows) == pytest.approx([5e-200, 5.0, 0.0, 5e200])


def losses(monkeypatch: pytest.MonkeyPatch, *mechanisms: str) -> Counter[str]:
    """ε of all calls of these mechanisms, by name."""
    import diffprivlib.mechanisms as all_mechanisms

    spent: Counter[str] = Counter()
    for name in mechanisms:
        kind = getattr(all_mechanisms, name)
        original = kind.randomise

        def randomise(self: Any, *given: Any, _name: str = name, _original: Any = original) -> Any:
            assert isinstance(self._rng, secrets.SystemRandom)
            spent[_name] += self.epsilon
            spent[f"{_name} calls"] += 1
            return _original(self, *given)

        monkeypatch.setattr(kind, "randomise", randomise)
    return spent


@pytest.mark.parametrize("width", [1, 4, 6, 9])
def test_clusters_spend_no_more_than_they_are_told(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """A row is in one cluster an iteration, so a third of what three clusters spend is the loss."""
    spent = losses(monkeypatch, "GeometricFolded", "LaplaceBoundedDomain")
    ran({"kind": "k_means", "epsilon": 2.0, "count": 3}, width=width)
    assert 1.0 < (spent["GeometricFolded"] + spent["LaplaceBoundedDomain"]) / 3 <= 2.0
    assert spent["GeometricFolded calls"] % 3 == 0  # in every iteration every centre, near rows or none


def test_every_leaf_is_labelled_by_the_mechanism(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 leaves and 240 rows: many are empty, and none shows it."""
    spent = losses(monkeypatch, "PermuteAndFlip")
    ran({"kind": "decision_tree", "epsilon": 2.0, "depth": 7}, classes=2)
    assert spent["PermuteAndFlip calls"] == 2**7
    assert spent["PermuteAndFlip"] == pytest.approx(2.0 * 2**7)


def test_a_forest_has_each_row_in_one_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = []
    original = job._grown

    def recorded(step: Any, inputs: Any, *others: Any) -> Any:
        grown.append(len(inputs))
        return original(step, inputs, *others)

    spent = losses(monkeypatch, "PermuteAndFlip")
    monkeypatch.setattr(job, "_grown", recorded)
    ran({"kind": "random_forest", "epsilon": 2.0, "depth": 3, "trees": 7}, classes=2)
    assert sum(grown) == ROWS + 2  # one made-up row a class
    assert spent["PermuteAndFlip calls"] == 7 * 2**3


def test_no_tree_can_be_grown_again_from_a_small_seed() -> None:
    step = {"kind": "random_forest", "epsilon": 2.0, "depth": 2, "trees": 2}
    np.random.seed(1)
    first = ran(step, classes=2)["0/thresholds"]
    np.random.seed(1)
    assert not np.array_equal(first, ran(step, classes=2)["0/thresholds"])


@pytest.mark.parametrize(("norm", "intercept"), [(0.5, False), (1e-6, True), (0.0, True)])
def test_no_row_reaches_the_logistic_regression_out_of_the_unit_ball(
    monkeypatch: pytest.MonkeyPatch, norm: float, intercept: bool
) -> None:
    import diffprivlib.models.logistic_regression as module

    lengths: list[float] = []

    def fitted(inputs: Any, *_: object, **fields: Any) -> Any:
        lengths.append(float(np.linalg.norm(inputs, axis=1).max()))
        return np.zeros((1, inputs.shape[1])), None, None

    monkeypatch.setattr(module, "_logistic_regression_path", fitted)
    step = {"kind": "logistic_regression", "epsilon": 3.0, "inverse_regularization": 2.0, "max_iterations": 10_000}
    ran({**step, "norm": norm, "intercept": intercept}, classes=2)
    assert 0.5 < lengths[0] <= 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_the_logistic_noise_is_for_rows_of_norm_one(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    """Chaudhuri et al. 2011, Theorem 9; the constant is an input like others, so it is regularised as well."""
    import diffprivlib.models.logistic_regression as module

    asked: list[dict[str, Any]] = []
    original = module.Vector

    def recorded(**fields: Any) -> Any:
        asked.append(fields)
        return original(**fields)

    monkeypatch.setattr(module, "Vector", recorded)
    step = {"kind": "logistic_regression", "epsilon": 3.0, "inverse_regularization": 2.0, "max_iterations": 10_000}
    found = ran({**step, "norm": 0.0, "intercept": True}, classes=classes)
    norm = WIDTH + 1.0  # squared: each input is within 1, and so is the constant
    problems = 1 if classes == 2 else classes
    assert len(asked) == problems
    for fields in asked:
        assert fields["epsilon"] == pytest.approx(3.0 / problems)
        assert fields["data_sensitivity"] == 1.0
        assert fields["dimension"] == WIDTH + 1
        assert fields["alpha"] == pytest.approx(1 / (2.0 * norm))
    assert found["0/coefficients"].shape == (problems, WIDTH)
    assert found["0/intercepts"].shape == (problems,)


@pytest.mark.parametrize("kind", ["gaussian_naive_bayes", "logistic_regression", "decision_tree"])
def test_a_class_that_no_row_has_is_there_all_the_same(kind: str) -> None:
    step = {"kind": kind, "epsilon": 1.0, "inverse_regularization": 1.0, "max_iterations": 10_000, "depth": 3}
    found = ran({**step, "norm": 0.0, "intercept": True}, classes=3, labels=np.zeros(ROWS, dtype=np.int64))
    for name, values in found.items():
        assert np.isfinite(values).all(), name
    if kind == "gaussian_naive_bayes":
        assert (found["0/variances"] > 1e-8).all()  # the smoothing alone would say that nothing was there


@pytest.mark.parametrize("kind", ["standard_scaler", "principal_components", "gaussian_naive_bayes", "k_means"])
def test_the_library_counts_what_it_is_told(kind: str) -> None:
    from diffprivlib import BudgetAccountant

    with BudgetAccountant() as accountant:
        ran({"kind": kind, "epsilon": 0.75, "count": 2, "norm": 0.0}, classes=2 if "bayes" in kind else 0)
    assert accountant.total()[0] == pytest.approx(0.75)


def test_a_privacy_warning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import diffprivlib.models as models
    from diffprivlib.utils import PrivacyLeakWarning

    original = models.StandardScaler
    monkeypatch.setattr(models, "StandardScaler", lambda **fields: original(epsilon=fields["epsilon"]))
    with pytest.raises(PrivacyLeakWarning):
        ran({"kind": "standard_scaler", "epsilon": 1.0})
