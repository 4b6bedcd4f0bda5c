"""Tails of discrete noise: how far it strays, with which probability.

The tail of the discrete Laplace has a closed form. That of the discrete Gaussian is summed up to σ = 64. Beyond, the
normaliser differs from σ√(2π) by less than a part in 10^-300 (Poisson summation), and beyond σ the density is convex,
so that each term is at most the integral over the unit interval about it: P(|Z| > h) ≤ erfc((h + ½)/(σ√2)) for h ≥ σ,
closer to the tail than one step. Below σ the integral from h on is an upper bound.

Sums of independent draws of one scale have tails of their own: `gaussian_sum_half_width`, `laplace_sum_half_width`.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_SUMMED_MAX = 64.0
_LEAST_ADDED = 2.0
"""Least σ from which a sum of discrete Gaussians is taken for one."""
_CONVOLVED_MAX = 1_024
"""Most terms of a sum with a smaller σ whose distribution is computed."""
_CONVOLVED_OUTSIDE = 1e-9
"""Least probability for which that is done: rounding and cut tails are below 10^-12."""
_SLACK = 1e-9
"""Relative: beyond what rounding, and what is neglected of a sum of discrete Gaussians, can do to a tail."""
_NORMAL = NormalDist()


@lru_cache(maxsize=4096)
def gaussian_half_width(sigma: float, confidence: float) -> int:
    """Least whole h with P(|Z| ≤ h) ≥ `confidence` for discrete Gaussian noise of scale `sigma`."""
    outside = 1.0 - confidence
    if sigma <= _SUMMED_MAX:
        return _summed(sigma, outside)
    guess = -_NORMAL.inv_cdf(outside / 2) * sigma
    h = max(0, math.floor(guess) - 2)
    while gaussian_tail(sigma, h) > outside:
        h += 1
    return h


def gaussian_tail(sigma: float, h: int) -> float:
    """P(|Z| > h), or an upper bound within one step of it for σ above 64."""
    if sigma <= _SUMMED_MAX:
        terms = _terms(sigma)
        inside = math.fsum([terms[0], *(2 * term for term in terms[1 : h + 1])])
        outside = 2 * math.fsum(terms[h + 1 :])
        return outside / (inside + outside)
    shift = 0.5 if h >= sigma else 0.0
    return math.erfc((h + shift) / (sigma * math.sqrt(2)))


def _summed(sigma: float, outside: float) -> int:
    terms = _terms(sigma)
    total = terms[0] + 2 * math.fsum(terms[1:])
    allowed, beyond = outside * total, 0.0
    for index in range(len(terms) - 1, 0, -1):
        beyond += 2 * terms[index]
        if beyond > allowed:
            return index
    return 0


@lru_cache(maxsize=256)
def _terms(sigma: float) -> list[float]:
    """e^(−k²/2σ²) for k = 0, 1, … until it is below e^-700."""
    count = math.ceil(sigma * 38) + 2
    return [math.exp(max(-0.5 * (k / sigma) ** 2, -745.0)) for k in range(count)]


def laplace_tail(scale: float, h: float) -> float:
    """P(|Z| > h) = 2·p^(h+1)/(1 + p) for discrete Laplace noise, p = e^(−1/scale), h whole."""
    return 2 * math.exp(-(h + 1) / scale) / (1 + math.exp(-1 / scale))


@lru_cache(maxsize=4096)
def laplace_half_width(scale: float, confidence: float) -> int:
    """Least whole h with P(|Z| ≤ h) ≥ `confidence` for discrete Laplace noise."""
    outside = 1.0 - confidence
    decay = math.exp(-1 / scale)
    h = max(0, math.floor(-scale * math.log(outside * (1 + decay) / 2)) - 2)
    while laplace_tail(scale, h) > outside:
        h += 1
    return h


def maximum_gap(scale: float, candidates: int, confidence: float) -> float:
    """Gap t with P(best score − chosen score ≥ t) ≤ 1 − `confidence`.

    Under Gumbel noise candidate i is chosen in proportion to e^(score/scale). The worst case has one best candidate and
    K − 1 others at gap t: P = (K − 1)e^(−t/s)/(1 + (K − 1)e^(−t/s)). Under exponential noise (permute and flip) the gap
    is never more likely to be as large (McKenna and Sheldon 2020, arXiv 2010.12603, theorem 2).
    """
    if candidates < 2:
        return 0.0
    return max(0.0, scale * (math.log(candidates - 1) + math.log(confidence) - math.log1p(-confidence)))


@lru_cache(maxsize=4096)
def gaussian_sum_half_width(sigma: float, count: int, confidence: float) -> int:
    """A whole h with P(|Z₁ + … + Z_count| ≤ h) ≥ `confidence` for independent discrete Gaussians of scale `sigma`.

    The sum of a discrete Gaussian of scale σ√i and one of scale σ has at n a probability in proportion to
    e^(−n²/2(i+1)σ²) times the mass, about a point that depends on n, of a discrete Gaussian of variance iσ²/(i + 1) ≥
    σ²/2. By Poisson summation that mass differs from its mean by less than a part in 4·e^(−π²σ²): 3·10^-17 from σ = 2
    on, so for 10^5 terms the tail is that of scale σ√count up to a part in 10^-11. Below σ = 2 the distribution is
    convolved; where that is too long, or the tail too thin: each is subgaussian with parameter σ² (Canonne, Kamath and
    Steinke 2020, corollary 17), so P(|sum| ≥ t) ≤ 2·e^(−t²/2·count·σ²).
    """
    if count == 1:
        return gaussian_half_width(sigma, confidence)
    outside = (1.0 - confidence) * (1.0 - _SLACK)
    scale = math.nextafter(sigma * math.sqrt(count), math.inf)
    if sigma >= _LEAST_ADDED:
        return gaussian_half_width(scale, 1.0 - outside)
    if count <= _CONVOLVED_MAX and outside >= _CONVOLVED_OUTSIDE:
        inside = _inside(sigma, count)
        return int(np.searchsorted(inside, 1.0 - outside + _CONVOLVED_OUTSIDE * 1e-3))
    return max(0, math.ceil(scale * math.sqrt(2.0 * math.log(2.0 / outside))) - 1)


@lru_cache(maxsize=256)
def _inside(sigma: float, count: int) -> npt.NDArray[np.float64]:
    """P(|Z₁ + … + Z_count| ≤ h) for h = 0, 1, …, from below: by squaring, tails beyond 12 σ√count cut off."""
    terms = np.array(_terms(sigma))
    one = np.concatenate((terms[:0:-1], terms))
    power, result = one / one.sum(), np.ones(1)
    reach = math.ceil(12 * sigma * math.sqrt(count)) + len(terms)
    for bit in bin(count)[:1:-1]:
        if bit == "1":
            result = _cut(np.convolve(result, power), reach)
        power = _cut(np.convolve(power, power), reach)
    middle = len(result) // 2
    return np.cumsum(np.concatenate((result[middle : middle + 1], 2 * result[middle + 1 :])))


def _cut(symmetric: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    middle = len(symmetric) // 2
    return symmetric if middle <= reach else symmetric[middle - reach : middle + reach + 1]


@lru_cache(maxsize=4096)
def laplace_sum_half_width(scale: float, count: int, confidence: float) -> int:
    """Least whole h for which `laplace_sum_tail` is at most 1 − `confidence`."""
    if count == 1:
        return laplace_half_width(scale, confidence)
    outside = (1.0 - confidence) * (1.0 - _SLACK)
    return _least(lambda h: laplace_sum_tail(scale, count, h) <= outside)


def laplace_sum_tail(scale: float, count: int, h: int) -> float:
    """An upper bound of P(|Z₁ + … + Z_count| > h) for independent discrete Laplace noise, close to it from scale 2 on.

    With U uniform on (−½, ½), Z + U is symmetric and unimodal, and more peaked than continuous Laplace noise L of scale
    s = 1/(2·tanh(1/(2·scale))): at k + u its tail is e^(−k/scale)·(1 − 2u·tanh(1/(2·scale))), which is at most
    e^(−(k + u)/s), as 1 − x ≤ e^(−x) and tanh x ≤ x. Sums of symmetric unimodal variables keep that order (Birnbaum
    1948), and further U₂, …, U_count only widen Z₁ + … + Z_count + U₁ (Anderson 1955). So P(|ΣZ| > h) =
    P(|ΣZ + U₁| > h + ½) ≤ P(|ΣL| > h + ½). The density of ΣL is a mixture of gamma densities of shapes n − k, k from 0
    to n − 1, with weights C(n − 1 + k, k)/2^(n − 1 + k) for both signs together (partial fractions of (1 + t²)^(−n)).
    """
    y = (h + 0.5) * 2.0 * math.tanh(1.0 / (2.0 * scale))
    terms = np.arange(count)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, 2 * count)))))
    poisson = np.exp(terms * math.log(y) - y - factorials[terms])
    gamma_tails = np.cumsum(poisson)[::-1]  # of shapes n, n − 1, …, 1
    last = count - 1
    weights = np.exp(factorials[last + terms] - factorials[terms] - factorials[last] - (last + terms) * math.log(2.0))
    return float(weights @ gamma_tails)


def _least(holds: Callable[[int], bool]) -> int:
    """Least whole number from 0 on for which a statement holds that holds from some number on."""
    high = 1
    while not holds(high):
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
