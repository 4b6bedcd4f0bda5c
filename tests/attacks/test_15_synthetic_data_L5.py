"""Synthetic data: the domain is the schema's, nothing of the data is read outside a mechanism, one row stays hidden.

The audit of PATE-GAN (arXiv 2406.13985) found nineteen violations in six implementations; the predecessor's encoders
learnt the domain from data (hole L5).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sfumato_executor.engines.smartnoise_synth import job

AXES: list[dict[str, Any]] = [
    {
        "name": "species",
        "kind": "category",
        "bins": 3,
        "nullable": False,
        "lower": 0,
        "upper": 0,
        "values": ["a", "b", "c"],
    },
    {"name": "mass", "kind": "real", "bins": 4, "nullable": True, "lower": 0.0, "upper": 100.0, "values": []},
]
CELLS = 3 * 5
FITS = 250
EPSILON = 1.0
WANTED = {"axes": AXES, "method": "mwem", "epsilon": EPSILON, "iterations": 3, "marginal_width": 2, "query_count": 6}
FALSE_ALARM = 1e-6


def rows(species: Sequence[int], mass: Sequence[float | None]) -> pa.Table:
    return pa.table({"c0": pa.array(species, pa.uint32()), "c1": pa.array(mass, pa.float64())})


WITHOUT = rows([0] * 20 + [1] * 20, [10.0] * 20 + [30.0] * 20)
PLANTED = rows([0] * 20 + [1] * 20 + [2], [10.0] * 20 + [30.0] * 20 + [99.0])
"""With the only row of its species and of its mass."""


def mwem(data: pa.Table, epsilon: float = EPSILON) -> np.ndarray[Any, Any]:
    wanted = {
        "axes": AXES,
        "method": "mwem",
        "epsilon": epsilon,
        "iterations": 3,
        "marginal_width": 2,
        "query_count": 6,
    }
    [weights] = job.run(wanted, data)["values"].to_pylist()
    return np.array(weights)


def test_the_domain_is_the_schemas_whatever_the_data_hold() -> None:
    """Data of one species and one mass: every cell of the declared domain is there, and no other."""
    found = job.run(WANTED, rows([1] * 30, [5.0] * 30))
    assert found["name"].to_pylist() == ["marginal:0,1"]
    assert found["shape"].to_pylist() == [[3, 5]]
    assert all(weight > 0 for weight in found["values"].to_pylist()[0])


def test_extremes_and_nulls_fall_into_declared_bins() -> None:
    column = pa.chunked_array([pa.array([None, 0.0, 100.0, 99.999, 25.0])])
    assert job.encoded(column, AXES[1]).tolist() == [4, 0, 3, 3, 1]
    whole = {"kind": "integer", "bins": 3, "lower": -(2**62), "upper": 2**62}
    values = pa.chunked_array([pa.array([-(2**62), 0, 2**62, None])])
    assert job.encoded(values, whole).tolist() == [0, 1, 2, 3]


def test_the_number_of_rows_is_noisy() -> None:
    """The library begins with the exact number, and keeps it: the sum of its weights would be 40 each time."""
    totals = {round(float(mwem(WITHOUT).sum()), 9) for _ in range(5)}
    assert len(totals) == 5  # continuous noise: equal with probability 0
    assert 40.0 not in totals


def test_two_fits_of_the_same_data_differ() -> None:
    assert not np.array_equal(mwem(WITHOUT), mwem(WITHOUT))


@pytest.fixture(scope="module")
def fits() -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Of the planted data, and of those without the row."""
    return [mwem(PLANTED) for _ in range(FITS)], [mwem(WITHOUT) for _ in range(FITS)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "event",
    [
        lambda weights: weights.reshape(3, 5)[2, 3] > weights.sum() / 30,  # the planted cell
        lambda weights: weights.sum() > 41.0,  # the number of rows
        lambda weights: weights.reshape(3, 5)[2].sum() > weights.sum() / 12,  # the planted species
    ],
)
def test_a_planted_row_is_not_told_beyond_epsilon(
    event: Callable[[np.ndarray[Any, Any]], bool],
    fits: tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]],
) -> None:
    """P(event | planted) ≤ e^ε · P(event | without), and the other way round, but for sampling.

    Hoeffding: each share is off by more than √(ln(4 / α) / 2n) with a probability of at most α / 2.
    """
    slack = math.sqrt(math.log(4 / FALSE_ALARM) / (2 * FITS))
    planted, without = (sum(map(event, each)) / FITS for each in fits)
    assert planted - slack <= math.exp(EPSILON) * (without + slack)
    assert without - slack <= math.exp(EPSILON) * (planted + slack)


def test_a_marginal_that_was_paid_well_is_near() -> None:
    """So that the tests above do not pass by noise alone."""
    weights = mwem(PLANTED, epsilon=500.0).reshape(3, 5)
    assert weights.sum() == pytest.approx(41.0, abs=3.0)
    assert weights[0].sum() > weights[2].sum()


@pytest.mark.parametrize("data", [rows([], []), rows([1], [2.0]), WITHOUT], ids=["none", "one", "some"])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-2, 1.0])
def test_no_noise_makes_weights_that_cannot_be_drawn_from(data: pa.Table, epsilon: float) -> None:
    """Little ε over few rows: the noise is a thousand times what there is."""
    for _ in range(5):
        weights = mwem(data, epsilon)
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()
        assert weights.sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "parameters", "names"),
    [
        ("aim", {"rho": 1.0, "rounds": 4, "degree": 2, "model_mib": 8, "max_cells": 10_000}, ["marginal:0,1"]),
        ("pac", {"epsilon": 5.0, "delta": 1e-3, "reporting_length": 2}, ["pool:0", "pool:1"]),
    ],
)
def test_other_methods_stay_within_the_domain(method: str, parameters: dict[str, Any], names: list[str]) -> None:
    found = job.run({"axes": AXES, "method": method, **parameters}, WITHOUT)
    assert sorted(found["name"].to_pylist()) in (names, ["marginal:0", "marginal:1"])
    for name, shape, values in zip(*(found[each].to_pylist() for each in found.schema.names), strict=True):
        assert math.prod(shape) == len(values)
        if name.startswith("pool"):
            assert set(values) <= set(range(3 if name == "pool:0" else 5))


def test_what_mst_puts_together_as_rare_is_not_lost() -> None:
    """The library scales the noisy count of rare values down by √(dropped + 1); the sum would be too small."""

    class Measurement:
        def __init__(self, noisy: Any, clique: Any, stddev: float) -> None:
            self.noisy_measurement, self.clique, self.stddev = noisy, clique, stddev

    support = np.array([True, True, False, False, False])
    scaled = Measurement(np.array([50.0, 30.0, 12.0 / math.sqrt(4)]), ("0",), 1.0)
    mended = job._unscaled(scaled, support, Measurement)
    assert mended.noisy_measurement.tolist() == pytest.approx([50.0, 30.0, 12.0])
    assert job._noisy_total([np.array([50.0, 42.0]), np.array([30.0, 30.0, 30.0])]) == pytest.approx(
        (92.0 / 2 + 90.0 / 3) / (1 / 2 + 1 / 3)
    )
