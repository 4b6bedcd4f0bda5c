"""How far one privacy unit moves an integer vector.

Neighbours differ by all rows of one unit. Bounding looks at that unit's rows alone, so no other unit's rows change;
what is left of the unit moves the vector by the sum of its rows' integers. Each row adds to one entry, by at most b.

GROUPS(g, m): at most g keys, in each at most m rows. One entry a key: at most g entries move, each by at most m·b, so
L0 ≤ g, L1 ≤ g·m·b, L2 ≤ √g·m·b, L∞ ≤ m·b. A count of units moves an entry by 1 in place of m·b. In a vector of (key,
bin) one row moves one bin by 1: in one key the changes are whole numbers that sum to at most m, so their squares sum to
at most m²: L1 ≤ g·m, L2 ≤ √g·m, L∞ ≤ m, and at most g·min(m, bins) entries move.

ROWS(r): at most r rows wherever they are; the worst case puts all in one entry: L1, L2, L∞ ≤ r·b, L0 ≤ r. A count of
units moves at most r entries by 1: L1 ≤ r, L2 ≤ √r, L∞ ≤ 1.

With K entries in all, L0 ≤ K as well.
"""

import math

from sfumato_executor.plan.program import Bounding, Sensitivity, VectorKind


def sensitivity(kind: VectorKind, rule: Bounding, per_row: int, bins: int, key_count: int | None) -> Sensitivity:
    """Sensitivity of a vector; `per_row` is b, `key_count` is None where keys pass a threshold.

    Raises ValueError for a sensitivity of zero: noise of scale zero would tell the exact value.
    """
    if per_row < 1:
        raise ValueError("a vector that no unit can move has no place in an answer")
    capacity = math.inf if key_count is None else key_count * bins
    if kind is VectorKind.UNITS:
        touched = int(min(rule.groups, capacity))
        return Sensitivity(touched, float(touched), root_up(touched), 1)
    if rule.kind is Bounding.Kind.ROWS:
        most = rule.rows * per_row
        return Sensitivity(int(min(rule.rows, capacity)), float_up(most), float_up(most), most)
    touched = int(min(rule.groups * min(rule.rows, bins), capacity))
    most = rule.rows * per_row
    return Sensitivity(touched, float_up(rule.groups * most), root_up(rule.groups * most * most), most)


def root_up(value: int) -> float:
    """√value, rounded up to a double."""
    whole = math.isqrt(value)
    if whole * whole == value:
        return float_up(whole)
    # Two guard bits beyond a double's 53, so that rounding up twice costs one unit in the last place at most.
    shift = max(0, 55 - whole.bit_length())
    scaled = math.isqrt(value << (2 * shift)) + 1
    return float_up_ratio(scaled, shift)


def float_up(value: int) -> float:
    """A whole number as a double, rounded up."""
    result = float(value)
    return result if int(result) >= value else math.nextafter(result, math.inf)


def float_up_ratio(value: int, shift: int) -> float:
    """value / 2^shift as a double, rounded up."""
    return math.ldexp(float_up(value), -shift)
