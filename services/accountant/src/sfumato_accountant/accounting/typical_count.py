"""What a count costs that is within 20 of the truth at 95 %: a yardstick for what is left of a budget.

The largest noise that keeps the half-width decides: discrete Gaussian of ρ = Δ²/2σ² where losses are added up in ρ
(Bun and Steinke 2016, with Canonne, Kamath and Steinke 2020 for the discrete form), else discrete Laplace of ε = Δ/b.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.units import Unit

HALF_WIDTH: Final = 20
OUTSIDE: Final = 0.05
_PICO: Final = 10**12
_STEPS: Final = 60


def typical_count(unit: Unit, rows_of_a_unit: int) -> Loss:
    """Return the charge.

    Args:
        unit: in which the population's losses are told.
        rows_of_a_unit: how many rows of one privacy unit the count holds at most; from 1 on.
    """
    if unit is Unit.RHO:
        sigma = _largest(_gaussian_outside)
        return Loss(math.ceil(rows_of_a_unit**2 / (2 * sigma**2) * _PICO), None, 0)
    scale = _largest(_laplace_outside)
    return Loss(0, math.ceil(rows_of_a_unit / scale * _PICO), 0)


@lru_cache(maxsize=2)
def _largest(outside: Callable[[float], float]) -> float:
    """Return the largest scale whose noise strays beyond the half-width with the allowed probability."""
    low, high = 0.1, 1000.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if outside(middle) <= OUTSIDE else (low, middle)
    return low


def _gaussian_outside(sigma: float) -> float:
    """P(|Z| > h) of the discrete Gaussian, summed until the terms vanish."""
    terms = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(math.ceil(sigma * 12) + HALF_WIDTH + 2)]
    whole = terms[0] + 2 * math.fsum(terms[1:])
    return 2 * math.fsum(terms[HALF_WIDTH + 1 :]) / whole


def _laplace_outside(scale: float) -> float:
    """P(|Z| > h) of the discrete Laplace, in closed form."""
    return 2 * math.exp(-(HALF_WIDTH + 1) / scale) / (1 + math.exp(-1 / scale))
