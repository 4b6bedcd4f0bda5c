"""From a loss to pay to a noise scale, and the loss that the scale really costs.

OpenDP's constructors are built with an explicit scale, and their privacy map is the only judge of what it costs: the
formulas here (σ = Δ₂/√(2ρ), b = Δ₁/ε) only say where to look. A scale is raised, by parts in 10^15, until the map,
rounded up to whole picos, is within the loss to pay. Losses are ρ and ε in picos, δ in attos.

The noisy maximum under zero-concentrated loss is Gumbel noise: ε-bounded range with ε = 2Δ/scale, which costs ε²/8;
under pure loss it is exponential noise (permute and flip), which costs 2Δ/scale. `monotonic=False`, since a unit may
raise the scores of some candidates and lower those of others.

A threshold's δ is taken from the map at one below the threshold. The mechanism releases a key whose noisy count is at
or above the threshold T; for a key of one unit that is Z ≥ T − 1. The map of OpenDP 0.16 reports P(Z > T − 1) instead
(github.com/opendp/opendp/issues/2922; measured: 0.101 of keys released where 0.036 is reported, Laplace noise of scale
1, T = 3). At T − 1 it reports P(Z > T − 2) = P(Z ≥ T − 1), the true tail, or more. Once it is mended there, this errs
by one unit on the safe side.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sfumato_executor.plan.program import Loss, Sensitivity
from sfumato_mesh.money import PICO, attos_up, picos_up
from sfumato_mesh.zcdp import rho_of_pure

SCALE_MAX: Final = 2.0**40
"""Largest noise scale in steps; beyond it an answer says nothing."""
_THRESHOLD_MAX: Final = 2**50
_CACHED: Final = 4096


class LossTooSmallError(ValueError):
    """No scale within `SCALE_MAX`, or no threshold, costs as little as was offered."""


@dataclass(frozen=True)
class Priced:
    """A noise scale in steps with its loss; `threshold` in units, 0 where there is none."""

    scale: float
    loss: Loss
    threshold: int = 0


@lru_cache(maxsize=_CACHED)
def gaussian(sensitivity: Sensitivity, rho_picos: int) -> Priced:
    """Discrete Gaussian on every entry, for at most `rho_picos`."""
    o = _opendp()

    def cost(scale: float) -> int:
        measurement = o.measurements.make_gaussian(_vector_domain(), o.metrics.l2_distance(T="f64"), scale=scale)
        return picos_up(measurement.map(sensitivity.l2))

    scale, rho = _fitted(sensitivity.l2 / math.sqrt(2 * rho_picos / PICO), cost, rho_picos)
    return Priced(scale, Loss(rho, None, 0))


@lru_cache(maxsize=_CACHED)
def laplace(sensitivity: Sensitivity, epsilon_picos: int) -> Priced:
    """Discrete Laplace on every entry, for at most `epsilon_picos`."""
    o = _opendp()

    def cost(scale: float) -> int:
        measurement = o.measurements.make_laplace(_vector_domain(), o.metrics.l1_distance(T="f64"), scale=scale)
        return picos_up(measurement.map(sensitivity.l1))

    scale, epsilon = _fitted(sensitivity.l1 / (epsilon_picos / PICO), cost, epsilon_picos)
    return Priced(scale, Loss(rho_of_pure(epsilon), epsilon, 0))


@lru_cache(maxsize=_CACHED)
def noisy_max(distance: int, keys_per_unit: int, amount_picos: int, pure: bool) -> Priced:
    """One noisy maximum for each key, of scores that a unit moves by `distance` in `keys_per_unit` keys.

    For at most `amount_picos` of ε (`pure`) or ρ over all keys that one unit meets.
    """
    o = _opendp()
    measure = o.measures.max_divergence() if pure else o.measures.zero_concentrated_divergence()
    share = amount_picos // keys_per_unit

    def cost(scale: float) -> int:
        metric = o.metrics.linf_distance(T="i64", monotonic=False)
        return picos_up(o.measurements.make_noisy_max(_vector_domain(), metric, measure, scale=scale).map(distance))

    if share < 1:
        raise LossTooSmallError("the loss is below one unit for each key")
    first = 2 * distance / (share / PICO) if pure else distance / math.sqrt(2 * share / PICO)
    scale, each = _fitted(first, cost, share)
    if pure:
        return Priced(scale, Loss(keys_per_unit * rho_of_pure(each), keys_per_unit * each, 0))
    return Priced(scale, Loss(keys_per_unit * each, None, 0))


@lru_cache(maxsize=_CACHED)
def gaussian_threshold(sensitivity: Sensitivity, rho_picos: int, delta_attos: int) -> Priced:
    """Keys whose discrete Gaussian count of units passes the least threshold that costs at most `delta_attos`."""
    o = _opendp()
    metric = o.metrics.l02inf_distance(o.metrics.absolute_distance(T="f64"))
    distance = (sensitivity.l0, sensitivity.l2, float(sensitivity.linf))

    def loss(scale: float, threshold: int) -> tuple[float, float]:
        made = o.measurements.make_gaussian_threshold(_map_domain(), metric, scale=scale, threshold=threshold)
        rho, delta = made.map(distance)
        return rho, delta

    scale, rho = _fitted(
        sensitivity.l2 / math.sqrt(2 * rho_picos / PICO), lambda at: picos_up(loss(at, _THRESHOLD_MAX)[0]), rho_picos
    )
    threshold, delta = _least_threshold(lambda at: attos_up(loss(scale, at - 1)[1]), sensitivity.linf + 1, delta_attos)
    return Priced(scale, Loss(rho, None, delta), threshold)


@lru_cache(maxsize=_CACHED)
def laplace_threshold(sensitivity: Sensitivity, epsilon_picos: int, delta_attos: int) -> Priced:
    """As `gaussian_threshold` with discrete Laplace noise, for at most `epsilon_picos`.

    An (ε, δ) mechanism is, but for an event of probability δ, the post-processing of randomised response with ε
    (Kairouz, Oh and Viswanath 2015, section 3); so its ρ is that of ε, with δ beside it.
    """
    o = _opendp()
    metric = o.metrics.l01inf_distance(o.metrics.absolute_distance(T="f64"))
    distance = (sensitivity.l0, sensitivity.l1, float(sensitivity.linf))

    def loss(scale: float, threshold: int) -> tuple[float, float]:
        made = o.measurements.make_laplace_threshold(_map_domain(), metric, scale=scale, threshold=threshold)
        epsilon, delta = made.map(distance)
        return epsilon, delta

    scale, epsilon = _fitted(
        sensitivity.l1 / (epsilon_picos / PICO), lambda at: picos_up(loss(at, _THRESHOLD_MAX)[0]), epsilon_picos
    )
    threshold, delta = _least_threshold(lambda at: attos_up(loss(scale, at - 1)[1]), sensitivity.linf + 1, delta_attos)
    return Priced(scale, Loss(rho_of_pure(epsilon), epsilon, delta), threshold)


def total(losses: list[Loss]) -> Loss:
    """Sum of losses; ε is known only where every part knows it."""
    epsilons = [loss.epsilon_picos for loss in losses]
    known = [epsilon for epsilon in epsilons if epsilon is not None]
    return Loss(
        sum(loss.rho_picos for loss in losses),
        sum(known) if len(known) == len(epsilons) else None,
        sum(loss.delta_attos for loss in losses),
    )


def _fitted(first: float, cost: Callable[[float], int], limit: int) -> tuple[float, int]:
    """Least scale near `first` that costs at most `limit`, and its cost."""
    scale = first
    for exponent in range(-51, 0):
        if not 0 < scale <= SCALE_MAX:
            break
        found = cost(scale)
        if found <= limit:
            return scale, found
        scale = first * (1 + 2.0**exponent)
    raise LossTooSmallError(f"the noise would have a scale above {SCALE_MAX:.0f} steps")


def _least_threshold(cost: Callable[[int], int], lowest: int, limit: int) -> tuple[int, int]:
    """Least whole threshold from `lowest` on whose δ is at most `limit`, and that δ."""
    low, high = lowest - 1, max(1, lowest)
    while cost(high) > limit:
        low, high = high, 2 * high
        if high > _THRESHOLD_MAX:
            raise LossTooSmallError("no threshold costs as little δ")
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) > limit:
            low = middle
        else:
            high = middle
    return high, cost(high)


@cache
def _vector_domain() -> Any:
    o = _opendp()
    return o.domains.vector_domain(o.domains.atom_domain(T="i64"))


@cache
def _map_domain() -> Any:
    o = _opendp()
    return o.domains.map_domain(o.domains.atom_domain(T=str), o.domains.atom_domain(T="i64"))


@cache
def _opendp() -> SimpleNamespace:
    """The library's parts, loaded when a price is first asked: processes that only fork must not hold it."""
    from opendp import domains, measurements, measures, metrics
    from opendp.mod import enable_features

    enable_features("contrib")
    return SimpleNamespace(domains=domains, measurements=measurements, measures=measures, metrics=metrics)
