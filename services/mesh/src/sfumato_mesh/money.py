"""Privacy loss as money: integers in decimal units, cost rounded up, limits rounded down.

ρ and ε are counted in picos (10^-12), δ in attos (10^-18). Sums of integers never round, and what people write
(ρ 0.02) is exact. A double is taken for exactly the number that it is: a computed loss of 0.02, whose double lies
4·10^-19 above 0.02, costs 20,000,000,001 picos. What a person writes is text: `parse_picos("0.02")`.
"""

import math
import sys
from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation

PICO = 10**12
"""Picos in one unit of ρ or ε."""

ATTO = 10**18
"""Attos in δ = 1."""

AMOUNT_MAX = 10**18
"""Most units that one amount may hold, whatever its kind."""

SUM_MAX = 2**63 - 1
"""Most units that a sum may hold: what 64 bits carry."""

# Exact for every double: 1,075 digits hold the longest, and the exponent is never in the way.
_EXACT = Context(prec=1200, Emin=MIN_EMIN, Emax=MAX_EMAX)
_TEXT_LENGTH_MAX = 64


def picos_up(value: int | float | Decimal) -> int:
    """Cost: the least number of picos that is not below `value`. Raises ValueError for what is no amount."""
    return _units(value, PICO, ROUND_CEILING)


def picos_down(value: int | float | Decimal) -> int:
    """Limit: the greatest number of picos that is not above `value`. Raises ValueError for what is no amount."""
    return _units(value, PICO, ROUND_FLOOR)


def attos_up(value: int | float | Decimal) -> int:
    """Cost: the least number of attos that is not below the δ `value`. Raises ValueError for what is no amount."""
    return _units(value, ATTO, ROUND_CEILING)


def attos_down(value: int | float | Decimal) -> int:
    """Limit: the greatest number of attos that is not above the δ `value`. Raises ValueError for what is no amount."""
    return _units(value, ATTO, ROUND_FLOOR)


def parse_picos(text: str) -> int:
    """Picos that the decimal text says exactly: "0.02", "1e-3". Raises ValueError for finer or no amounts."""
    return _parse(text, PICO)


def parse_attos(text: str) -> int:
    """Attos that the decimal text says exactly: "1e-6". Raises ValueError for finer or no amounts."""
    return _parse(text, ATTO)


def picos_text(picos: int) -> str:
    """Shortest decimal text of an amount of ρ or ε: 20000000000 is "0.02"."""
    return _text(picos, 12)


def attos_text(attos: int) -> str:
    """Shortest decimal text of a δ: 10^12 is "0.000001"."""
    return _text(attos, 18)


def total(amounts: Iterable[int]) -> int:
    """Sum of amounts. Raises OverflowError where it passes `SUM_MAX`; nothing wraps."""
    result = sum(amounts)
    if result > SUM_MAX:
        raise OverflowError("the sum of losses is above 2^63 - 1 units")
    return result


def _units(value: int | float | Decimal, unit: int, rounding: str) -> int:
    if isinstance(value, bool):
        raise ValueError("an amount of privacy loss is a number")
    if isinstance(value, float) and value != 0.0 and abs(value) < sys.float_info.min:
        raise ValueError("an amount of privacy loss must not be subnormal")
    exact = Decimal(value)
    if not exact.is_finite():
        raise ValueError("an amount of privacy loss must be finite")
    if exact.is_signed() and (exact != 0 or isinstance(value, float)):
        raise ValueError("an amount of privacy loss must not be negative")
    if exact > AMOUNT_MAX // unit:
        raise ValueError(f"an amount of privacy loss must be at most {AMOUNT_MAX // unit}")
    if exact and exact.adjusted() < -math.ceil(math.log10(unit)) - 1:  # far below one unit: no need of its digits
        return 1 if rounding == ROUND_CEILING else 0
    return int(_EXACT.multiply(exact, unit).to_integral_value(rounding=rounding))


def _parse(text: str, unit: int) -> int:
    if len(text) > _TEXT_LENGTH_MAX or not text.isascii():
        raise ValueError("an amount of privacy loss is a short decimal number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("an amount of privacy loss is a decimal number, as 0.02 or 1e-6") from None
    low, high = _units(value, unit, ROUND_FLOOR), _units(value, unit, ROUND_CEILING)
    if low != high:
        raise ValueError(f"an amount of privacy loss is a multiple of 1/{unit}")
    return low


def _text(units: int, digits: int) -> str:
    if units < 0:
        raise ValueError("an amount of privacy loss must not be negative")
    whole, part = divmod(units, 10**digits)
    return f"{whole}.{part:0{digits}}".rstrip("0").rstrip(".") if part else str(whole)
