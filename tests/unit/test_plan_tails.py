"""Tails of sums of discrete noise: never below the truth, and close to it."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from sfumato_executor.plan.tails import (
    gaussian_half_width,
    gaussian_sum_half_width,
    laplace_half_width,
    laplace_sum_half_width,
    laplace_sum_tail,
)

CONFIDENCES = (0.5, 0.8, 0.95, 0.99, 0.9999)


def gaussian(sigma: float) -> npt.NDArray[np.float64]:
    reach = math.ceil(40 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())


def laplace(scale: float) -> npt.NDArray[np.float64]:
    reach = math.ceil(60 * scale)
    weights = np.exp(-np.abs(np.arange(-reach, reach + 1)) / scale)
    return np.asarray(weights / weights.sum())


def least_half_width(one: npt.NDArray[np.float64], count: int, confidence: float) -> int:
    """By convolution, term by term."""
    total = one
    for _ in range(count - 1):
        total = np.convolve(total, one)
    middle = len(total) // 2
    inside = np.cumsum(np.concatenate(([total[middle]], 2 * total[middle + 1 :])))
    return int(np.searchsorted(inside, confidence - 1e-12))


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.0, 1.99, 2.0, 2.5, 7.0])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_sums_of_gaussian_noise(sigma: float, count: int) -> None:
    for confidence in CONFIDENCES:
        exact = least_half_width(gaussian(sigma), count, confidence)
        told = gaussian_sum_half_width(sigma, count, confidence)
        assert exact <= told <= exact + 1


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.0, 5.0, 11.0])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_sums_of_laplace_noise(scale: float, count: int) -> None:
    for confidence in CONFIDENCES:
        exact = least_half_width(laplace(scale), count, confidence)
        told = laplace_sum_half_width(scale, count, confidence)
        assert exact <= told <= exact * (1.1 if scale >= 2 else 1.6) + 2


def test_one_term_is_the_noise_itself() -> None:
    for confidence in CONFIDENCES:
        assert gaussian_sum_half_width(3.7, 1, confidence) == gaussian_half_width(3.7, confidence)
        assert laplace_sum_half_width(3.7, 1, confidence) == laplace_half_width(3.7, confidence)


def test_many_terms_and_thin_tails_stay_finite_and_grow_as_the_root() -> None:
    for half_width in (gaussian_sum_half_width, laplace_sum_half_width):
        for spread in (0.2, 1.5, 3.0, 2.0**30):
            for confidence in (0.95, 1 - 2.0**-40):
                few, many = half_width(spread, 100, confidence), half_width(spread, 10_000, confidence)
                assert 0 <= few <= many <= 16 * few + 60


def test_the_mixture_of_gammas_sums_to_one() -> None:
    for count in (2, 7, 100, 5_000):
        assert laplace_sum_tail(1e6, count, 0) == pytest.approx(1.0, abs=1e-5)
