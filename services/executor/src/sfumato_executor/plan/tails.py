"""Tails of discrete noise: how far it strays, with which probability.

The tail of the discrete Laplace has a closed form. That of the discrete Gaussian is summed up to σ = 64. Beyond, the
normaliser differs from σ√(2π) by less than a part in 10^-300 (Poisson summation), and beyond σ the density is convex,
so that each term is at most the integral over the unit interval about it: P(|Z| > h) ≤ erfc((h + ½)/(σ√2)) for h ≥ σ,
closer to the tail than one step. Below σ the integral from h on is an upper bound.
"""

import math
from functools import lru_cache
from statistics import NormalDist

_SUMMED_MAX = 64.0
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
