"""Noise scales and their losses: OpenDP's maps against the formulae, and hostile payments."""

import math
import time
from collections.abc import Callable
from functools import partial

import pytest

from sfumato_executor.plan import losses
from sfumato_executor.plan.measures import shares
from sfumato_executor.plan.program import Loss, Sensitivity
from sfumato_mesh.zcdp import rho_of_pure

ONE = Sensitivity(1, 1.0, 1.0, 1)
TWO_KEYS = Sensitivity(2, 2.0, math.nextafter(math.sqrt(2), 2), 1)


@pytest.mark.parametrize(("rho", "sigma"), [(0.02, 5.0), (0.005, 10.0), (0.1, math.sqrt(5)), (0.5, 1.0)])
def test_gaussian_scales(rho: float, sigma: float) -> None:
    picos = round(rho * 10**12)
    priced = losses.gaussian(ONE, picos)
    assert priced.scale == pytest.approx(sigma, rel=1e-12)
    assert priced.loss == Loss(picos, None, 0)
    assert losses.gaussian(TWO_KEYS, picos).scale == pytest.approx(math.sqrt(2) * sigma, rel=1e-12)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 3.0])
def test_laplace_scales(epsilon: float) -> None:
    picos = round(epsilon * 10**12)
    priced = losses.laplace(ONE, picos)
    assert priced.scale == pytest.approx(1 / epsilon, rel=1e-12)
    assert priced.loss == Loss(rho_of_pure(picos), picos, 0)


def test_noisy_max_scales() -> None:
    priced = losses.noisy_max(1, 1, 20_000_000_000, pure=False)
    assert priced.scale == pytest.approx(5, rel=1e-12)
    assert priced.loss == Loss(20_000_000_000, None, 0)
    over_keys = losses.noisy_max(3, 4, 20_000_000_000, pure=False)
    assert over_keys.scale == pytest.approx(3 * 5 * 2, rel=1e-12)
    assert over_keys.loss.rho_picos == 20_000_000_000
    pure = losses.noisy_max(1, 2, 10**12, pure=True)
    assert pure.scale == pytest.approx(2 / 0.5, rel=1e-12)
    assert pure.loss == Loss(2 * rho_of_pure(5 * 10**11), 10**12, 0)


@pytest.mark.parametrize("delta", [10**6, 10**9, 10**12, 10**15])
def test_gaussian_thresholds_are_the_least_that_delta_allows(delta: int) -> None:
    priced = losses.gaussian_threshold(ONE, 20_000_000_000, delta)
    assert 0 < priced.loss.delta_attos <= delta
    assert priced.loss.rho_picos == 20_000_000_000
    assert gaussian_release(5, priced.threshold) <= priced.loss.delta_attos / 10**18
    assert gaussian_release(5, priced.threshold - 2) > delta / 10**18


def gaussian_release(sigma: float, threshold: int) -> float:
    """Exact probability that a key of one unit is released: P(1 + Z ≥ threshold)."""
    weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(math.ceil(40 * sigma))]
    return math.fsum(weights[threshold - 1 :]) / (weights[0] + 2 * math.fsum(weights[1:]))


@pytest.mark.parametrize(("scale", "delta"), [(1.0, 10**14), (2.0, 10**16), (5.0, 2 * 10**17)])
def test_delta_covers_the_rate_at_which_single_units_are_released(scale: float, delta: int) -> None:
    """The library's own δ at the threshold does not (opendp issue 2922)."""
    gaussian = losses.gaussian_threshold(ONE, round(10**12 / (2 * scale**2)), delta)
    assert gaussian_release(gaussian.scale, gaussian.threshold) <= gaussian.loss.delta_attos / 10**18 <= delta / 10**18
    laplace = losses.laplace_threshold(ONE, round(10**12 / scale), delta)
    decay = math.exp(-1 / laplace.scale)
    exact = decay ** (laplace.threshold - 1) / (1 + decay)
    assert exact <= laplace.loss.delta_attos / 10**18 * (1 + 1e-12)
    assert laplace.loss.delta_attos / 10**18 == pytest.approx(exact, rel=1e-6)


def test_laplace_thresholds() -> None:
    priced = losses.laplace_threshold(TWO_KEYS, 10**12, 10**12)
    assert priced.scale == pytest.approx(2, rel=1e-12)
    assert priced.loss.epsilon_picos == 10**12
    assert priced.loss.rho_picos == rho_of_pure(10**12)
    assert priced.loss.delta_attos <= 10**12


WIDE = Sensitivity(10**6, 10.0**12, 10.0**9, 10**6)


@pytest.mark.parametrize(
    "pay",
    [
        partial(losses.gaussian, WIDE, 1),
        partial(losses.laplace, WIDE, 1),
        partial(losses.noisy_max, 10**10, 10**6, 10**6, pure=False),
        partial(losses.noisy_max, 1, 10, 9, pure=False),
        partial(losses.gaussian_threshold, ONE, 10**10, 1),
    ],
)
def test_losses_too_small_for_any_scale(pay: Callable[[], losses.Priced]) -> None:
    with pytest.raises(losses.LossTooSmallError):
        pay()


@pytest.mark.parametrize("amount", [1, 2, 3, 999, 10**6 + 1, 20_000_000_000, 10**12, 10**15 - 1, 10**15])
def test_no_payment_takes_long_or_is_passed(amount: int) -> None:
    losses.gaussian(ONE, 17)  # loads the library
    for function in (losses.gaussian, losses.laplace):
        for sensitivity in (ONE, TWO_KEYS, Sensitivity(3, 3e9, 1.7320508075688774e9, 10**9)):
            started = time.perf_counter()
            try:
                priced = function(sensitivity, amount)
            except losses.LossTooSmallError:
                continue
            finally:
                assert time.perf_counter() - started < 0.5  # 50 ms on an idle machine
            assert math.isfinite(priced.scale)
            assert 0 < priced.scale <= losses.SCALE_MAX
            spent = priced.loss.epsilon_picos if function is losses.laplace else priced.loss.rho_picos
            assert spent is not None
            assert amount - 1 <= spent <= amount


def test_shares_add_up_and_follow_weights() -> None:
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(20_000_000_000, [2, 2, 2]) == [6_666_666_667, 6_666_666_667, 6_666_666_666]
    assert sum(shares(10**15, [1_000_000, 1, 7])) == 10**15
    assert shares(100, [3, 1]) == [75, 25]
