"""Numbers as people read them. No I/O."""

import math
from typing import Final

_PLAIN_FROM: Final = 1e-3
_PLAIN_TO: Final = 1e15
_APART_FROM: Final = 10_000


def sig(value: float, digits: int = 2) -> str:
    """Return a number to so many significant digits, with thousands apart: 430, 21,700, 0.07, 1e-06."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if not _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if places > 0:
        text = f"{rounded:,.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{rounded:,.0f}"


def money(value: float) -> str:
    """Return an amount of ρ, ε or δ: four decimals where they say something, else three digits."""
    if value == 0:
        return "0"
    if abs(value) >= _PLAIN_FROM:
        text = f"{value:,.4f}".rstrip("0")
        whole, _, part = text.partition(".")
        return f"{whole}.{part.ljust(2, '0')}"
    return sig(value, 3)


def whole(value: int) -> str:
    """Return a whole number, with thousands apart from five digits on: 2009 may be a year."""
    return f"{value:,}" if abs(value) >= _APART_FROM else str(value)


def significant(value: float, half_width: float | None) -> str:
    """Return a value to the digits that its error leaves meaningful: two digits of the half-width."""
    if isinstance(value, int) or not math.isfinite(value):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if not half_width or not math.isfinite(half_width):
        return sig(value, 6)
    places = max(0, 1 - math.floor(math.log10(half_width)))
    return f"{value:,.{min(places, 15)}f}"
