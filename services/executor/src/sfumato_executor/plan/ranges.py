"""Interval arithmetic: from the ranges of arguments to the range of a result.

Values are the doubles and 64-bit integers that an engine computes, not real numbers. Rounding to nearest is monotone,
so for one operation of + − × / √ the rounded result at the end points bounds the rounded result everywhere between;
where an engine may compute in several steps or by a library (e^x, logarithms, powers, many arguments), ranges are
widened by a relative 2^-40. Reals stay within ±1e300: where a result could leave that, or is not defined everywhere,
the range is `partial`, and the node says what stands in its place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

REAL_MAX = 1e300
"""Largest magnitude of a real result; far from overflow, so that engines may compute freely below it."""
INTEGER_MAX = 2**62
"""Largest magnitude of a computed integer."""
_WIDENING = 2.0**-40
_LEAST = 5e-324


@dataclass(frozen=True)
class Range:
    """Least and greatest value of a result where it is defined, and whether it may be undefined somewhere."""

    lower: int | float
    upper: int | float
    partial: bool = False

    @property
    def largest(self) -> int | float:
        """Greatest magnitude."""
        return max(abs(self.lower), abs(self.upper))


def real(lower: float, upper: float, partial: bool = False) -> Range:
    """Range of reals, capped at ±1e300; partial where the cap cuts something off."""
    assert lower <= upper  # false for NaN
    low, high = max(lower, -REAL_MAX), min(upper, REAL_MAX)
    low, high = min(low, REAL_MAX), max(high, -REAL_MAX)
    return Range(low + 0.0, high + 0.0, partial or low != lower or high != upper)


def widened(lower: float, upper: float, partial: bool = False) -> Range:
    """As `real`, moved outwards by a relative 2^-40 at either end."""
    near = real(lower, upper, partial)
    low, high = float(near.lower), float(near.upper)
    return real(low - abs(low) * _WIDENING, high + abs(high) * _WIDENING, near.partial)


def union(ranges: Sequence[Range]) -> Range:
    """Range that holds all of them."""
    lower, upper = min(item.lower for item in ranges), max(item.upper for item in ranges)
    return Range(lower, upper, any(item.partial for item in ranges))


def add_integers(terms: Sequence[Range]) -> Range | None:
    """Sum; None where a partial sum, in whatever order, could leave ±2^62."""
    if sum(term.largest for term in terms) > INTEGER_MAX:
        return None
    return Range(sum(term.lower for term in terms), sum(term.upper for term in terms))


def multiply_integers(factors: Sequence[Range]) -> Range | None:
    """Product; None where a partial product, in whatever order, could leave ±2^62."""
    if math.prod(max(1, int(factor.largest)) for factor in factors) > INTEGER_MAX:
        return None
    lower, upper = 1, 1
    for factor in factors:
        corners = [int(side * end) for side in (lower, upper) for end in (factor.lower, factor.upper)]
        lower, upper = min(corners), max(corners)
    return Range(lower, upper)


def add_reals(terms: Sequence[Range]) -> Range:
    """Sum; widened by the rounding of partial sums where there are more than two terms."""
    lower, upper = sum(term.lower for term in terms), sum(term.upper for term in terms)
    if len(terms) > 2:
        margin = float(sum(term.largest for term in terms)) * _WIDENING
        lower, upper = lower - margin, upper + margin
    return real(float(lower), float(upper))


def multiply_reals(factors: Sequence[Range]) -> Range:
    """Product."""
    lower, upper, partial = 1.0, 1.0, False
    for factor in factors:
        corners = [side * end for side in (lower, upper) for end in (factor.lower, factor.upper)]
        step = real(min(corners), max(corners))
        lower, upper, partial = float(step.lower), float(step.upper), partial or step.partial
    return widened(lower, upper, partial) if len(factors) > 2 else Range(lower, upper, partial)


def _parts(divisor: Range, least: int | float) -> list[tuple[int | float, int | float]]:
    """Positive and negative part of a divisor, from its smallest magnitude `least` on."""
    parts: list[tuple[int | float, int | float]] = []
    if divisor.upper >= least:
        parts.append((max(divisor.lower, least), divisor.upper))
    if divisor.lower <= -least:
        parts.append((divisor.lower, min(divisor.upper, -least)))
    return parts


def divide(dividend: Range, divisor: Range, whole_divisor: bool) -> Range:
    """Quotient of reals; `whole_divisor` says that a divisor other than 0 is at least 1 in magnitude."""
    parts = _parts(divisor, 1 if whole_divisor else _LEAST)
    if not parts:
        return Range(0.0, 0.0, True)
    corners = [over / end for over in (dividend.lower, dividend.upper) for part in parts for end in part]
    return real(min(corners), max(corners), divisor.lower <= 0 <= divisor.upper)


def floor_divide(dividend: Range, divisor: Range, whole: bool) -> Range:
    """⌊a / b⌋ of integers (`whole`) or reals."""
    if not whole:
        quotient = divide(dividend, divisor, False)
        return Range(floor(quotient.lower), floor(quotient.upper), quotient.partial)
    parts = _parts(divisor, 1)
    if not parts:
        return Range(0, 0, True)
    corners = [int(over) // int(end) for over in (dividend.lower, dividend.upper) for part in parts for end in part]
    return Range(min(corners), max(corners), divisor.lower <= 0 <= divisor.upper)


def modulo(dividend: Range, divisor: Range, whole: bool) -> Range:
    """a − b·⌊a / b⌋, which has the sign of b.

    Of reals it is always partial: where a/b is beyond 2^53 the rounded result can lie anywhere.
    """
    if not whole:
        return real(min(divisor.lower, 0.0), max(divisor.upper, 0.0), True)
    upper = max(divisor.upper - 1, 0)
    if dividend.lower >= 0 and divisor.lower > 0:
        upper = min(upper, dividend.upper)
    return Range(min(divisor.lower + 1, 0), upper, divisor.lower <= 0 <= divisor.upper)


def negate(value: Range) -> Range:
    """−a."""
    return Range(0 - value.upper, 0 - value.lower)


def absolute(value: Range) -> Range:
    """|a|."""
    lower = 0 if value.lower <= 0 <= value.upper else min(abs(value.lower), abs(value.upper))
    return Range(type(value.lower)(lower), value.largest)


def sign(value: Range) -> Range:
    """−1, 0 or 1."""
    return Range((value.lower > 0) - (value.lower < 0), (value.upper > 0) - (value.upper < 0))


def floor(value: float) -> float:
    """Largest whole number ≤ `value`, as a double; infinities stay."""
    return float(math.floor(value)) if math.isfinite(value) else value


def rounded(value: Range, decimals: int) -> Range:
    """a rounded to `decimals` as `round_to` does; partial where a·10^decimals could overflow on the way."""
    overflows = value.largest * 10.0**decimals > REAL_MAX
    lower, upper = round_to(float(value.lower), decimals), round_to(float(value.upper), decimals)
    return widened(lower, upper, overflows) if decimals else real(lower, upper, overflows)


def round_to(value: float, decimals: int) -> float:
    """round(a·10^decimals) / 10^decimals, half to even; a itself from 2^52 on, where it is whole.

    Engines must compute these steps and no others. Each is monotone, so that the ends of a range bound what lies
    between.
    A decimally exact rounding is another function: 0.15 is below fifteen hundredths, so it gives 0.1, these steps 0.2;
    a range proved by the one does not hold for the other.
    """
    scaled = value * 10.0**decimals
    if abs(value) >= 2.0**52 or not math.isfinite(scaled):
        return value
    return float(round(scaled)) / 10.0**decimals


def square_root(value: Range) -> Range:
    """√a."""
    partial = value.lower < 0
    return real(math.sqrt(max(value.lower, 0.0)), math.sqrt(max(value.upper, 0.0)), partial)


def exponential(value: Range) -> Range:
    """e^a."""
    ends = [math.exp(end) if end < 709 else math.inf for end in (value.lower, value.upper)]
    return widened(ends[0], ends[1])


def logarithm(value: Range, base_ten: bool, whole: bool) -> Range:
    """ln a or log10 a; `whole` says that a positive a is at least 1."""
    take = math.log10 if base_ten else math.log
    if value.upper <= 0:
        return Range(0.0, 0.0, True)
    lower = take(max(value.lower, 1 if whole else _LEAST))
    return widened(lower, max(lower, take(value.upper)), value.lower <= 0)


def power(value: Range, exponent: float) -> Range:
    """a^b for one b: monotone on either side of 0; undefined at 0 for b < 0, below 0 for b not whole."""
    if exponent == 0:
        return Range(1.0, 1.0)
    whole, partial = exponent.is_integer(), False
    ends: list[float] = []
    if value.lower < 0:
        if whole:
            ends += [_power(value.lower, exponent), _power(min(value.upper, -_LEAST), exponent)]
        else:
            partial = True
    if value.upper > 0:
        ends += [_power(max(value.lower, _LEAST), exponent), _power(value.upper, exponent)]
    if value.lower <= 0 <= value.upper:
        partial = partial or exponent < 0
        ends += [0.0] if exponent > 0 else []
    if not ends:
        return Range(0.0, 0.0, True)
    return widened(min(ends), max(ends), partial)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf


def least(values: Sequence[Range], nullable: Sequence[bool]) -> Range:
    """Smallest of values, nulls skipped: at most the greatest value of any argument that is always there."""
    present = [value.upper for value, maybe in zip(values, nullable, strict=True) if not maybe]
    upper = min(present) if present else max(value.upper for value in values)
    return Range(min(value.lower for value in values), upper)


def greatest(values: Sequence[Range], nullable: Sequence[bool]) -> Range:
    """Largest of values, nulls skipped."""
    present = [value.lower for value, maybe in zip(values, nullable, strict=True) if not maybe]
    lower = max(present) if present else min(value.lower for value in values)
    return Range(lower, max(value.upper for value in values))


def clip(value: Range, lower: int | float, upper: int | float) -> Range:
    """a moved into [lower, upper]."""
    return Range(min(max(value.lower, lower), upper), min(max(value.upper, lower), upper))
