"""The grid on which values are added: a public power of two, and the integer clamp that carries the proof.

x becomes clamp(round((x − offset) / step), low, high). With b = max(|low|, |high|) a row adds at most b, whatever float
arithmetic did before the clamp, and no sum wraps: max_rows · b < 2^62.

The step is a power of two, so that dividing by it and multiplying an answer by it are exact, and answers lie on one
grid for every data set. It is at most σ/2^10 in the column's unit, so that the grid is far finer than the noise. For
whole numbers it is 1 if that is fine enough, else a power of two below 1; both are exact. For reals it makes b about
2^30 (2^26 at the default capacity of 2^36 rows): rounding then moves a sum by at most n·b·2^-31 steps, less than the
noise for any n that is worth asking. It is coarser only where the noise would pass 2^40 steps.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sfumato_executor.plan.losses import SCALE_MAX

_CAPACITY: Final = 2**62
_REAL_BITS: Final = 30
_FINENESS: Final = 2**10
_LEAST_EXPONENT: Final = -1000


@dataclass(frozen=True)
class Grid:
    """Offset, step and integer clamp of a sum."""

    offset: float
    step: float
    low: int
    high: int

    @property
    def per_row(self) -> int:
        """b: most that one row adds."""
        return max(abs(self.low), abs(self.high))


def grid(lower: float, upper: float, *, centred: bool, whole: bool, max_rows: int, noise: float) -> Grid:
    """Grid for values from `lower` to `upper`.

    `centred`: about the middle of the bounds (for whole numbers, the whole number at or below it). `noise` is the noise
    scale that a vector with b = 1 would get; scales are in proportion to b. Raises ValueError where all values are
    equal to the offset, and where no step is fine enough.
    """
    offset = _middle(lower, upper, whole) if centred else 0.0
    largest = max(abs(Fraction(lower) - Fraction(offset)), abs(Fraction(upper) - Fraction(offset)))
    if largest == 0:
        raise ValueError("all values are equal")
    exponent = _exponent(largest, whole, max_rows, noise)
    step = math.ldexp(1.0, exponent)
    low = math.floor((Fraction(lower) - Fraction(offset)) / Fraction(step))
    high = math.ceil((Fraction(upper) - Fraction(offset)) / Fraction(step))
    found = Grid(offset, step, low, high)
    if max_rows * found.per_row >= _CAPACITY or noise * found.per_row < _FINENESS:
        raise ValueError("no step is both fine enough for the noise and coarse enough for the capacity")
    return found


def _middle(lower: float, upper: float, whole: bool) -> float:
    middle = (Fraction(lower) + Fraction(upper)) / 2
    return float(math.floor(middle)) if whole else float(middle)


def _exponent(largest: Fraction, whole: bool, max_rows: int, noise: float) -> int:
    magnitude = _bits(largest)  # largest ≤ 2^magnitude
    capacity = ((_CAPACITY - 1) // max_rows).bit_length() - 1  # b ≤ 2^capacity keeps within
    coarsest_noise = magnitude + math.floor(math.log2(noise / SCALE_MAX))  # noise·b ≤ 2^40 for steps from here on
    coarse = max(magnitude - capacity, min(coarsest_noise + 1, magnitude), _LEAST_EXPONENT)
    if not whole:
        return max(coarse, magnitude - _REAL_BITS)
    fine = math.floor(math.log2(noise) + math.log2(largest)) - _FINENESS.bit_length() + 1
    return max(coarse, min(0, fine))


def _bits(value: Fraction) -> int:
    """Least e with value ≤ 2^e."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    while Fraction(2) ** exponent < value:
        exponent += 1
    while Fraction(2) ** (exponent - 1) >= value:
        exponent -= 1
    return exponent
