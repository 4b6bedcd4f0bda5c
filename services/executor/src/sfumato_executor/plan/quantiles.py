"""Public candidates of a quantile, and its level as a fraction.

Scores are whole numbers, so the level is num/den with den ≤ 10,000. Candidates of a whole-number value are whole where
the server chooses them, those of a date fall on days. DATE and TIMESTAMP candidates count in seconds since 1970.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sfumato.v1 import measure_pb2
from sfumato_executor.plan.constants import DATE_RANGE
from sfumato_executor.plan.expressions import Bucket, Expression, Kind, ValueType
from sfumato_executor.plan.ranges import INTEGER_MAX, REAL_MAX
from sfumato_executor.plan.unification import ORDERED, TIMES
from sfumato_mesh.refusals import plan_rejected

DENOMINATOR_MAX: Final = 10_000
NARROW_MAX: Final = 1_001
"""Whole numbers (or days) in a range that is tried value by value."""
DEFAULT_COUNT: Final = 501
"""Candidates where the range is wider and the plan says no number."""
CANDIDATES_MAX: Final = 10_000
_SECONDS_A_DAY: Final = 86_400
_CALENDAR_SECONDS: Final = (DATE_RANGE[0] * _SECONDS_A_DAY, (DATE_RANGE[1] + 1) * _SECONDS_A_DAY)
"""From the first second of the year 1 to before the first of the year 10000: what an answer can show."""
_INT64_END: Final = 2.0**63
"""Candidates from here on are shown as reals."""


@dataclass(frozen=True)
class QuantileChoice:
    """What a quantile chooses from."""

    level: tuple[int, int]
    candidates: tuple[float, ...]
    type: ValueType
    notes: tuple[str, ...]


def quantile_choice(quantile: measure_pb2.Quantile, value: Expression, alias: str, path: str) -> QuantileChoice:
    """Level and candidates. Raises PLAN_REJECTED ("type", "level", "candidates", "bounds_missing")."""
    if value.type.kind not in ORDERED:
        message = f"a quantile is of numbers, dates or instants, not of {value.type.kind.value}"
        raise plan_rejected("type", f"{path}.value", message, hint="count by group, or take a number")
    level = _level(quantile.level, f"{path}.level")
    notes = []
    if abs(level[0] / level[1] - quantile.level) > 1e-12:
        notes.append(f"{alias}: the level is taken as {level[0]}/{level[1]}")
    if quantile.candidates:
        candidates = _given(quantile.candidates, value.type.kind, f"{path}.candidates")
    else:
        candidates = _chosen(value.type, quantile.candidate_count, path)
        unit = " (seconds since 1970)" if value.type.kind in (Kind.DATE, Kind.TIMESTAMP) else ""
        notes.append(
            f"{alias}: {len(candidates):,} candidates from {candidates[0]:.15g} to {candidates[-1]:.15g}{unit}"
        )
    kind = value.type.kind
    if kind is Kind.INTEGER and not all(item.is_integer() and abs(item) < _INT64_END for item in candidates):
        kind = Kind.REAL
    return QuantileChoice(level, candidates, ValueType(kind, nullable=False), tuple(notes))


def candidate_bins(value: Expression, candidates: tuple[float, ...]) -> Bucket:
    """Bins (−∞, c₀], (c₀, c₁], …, (c_last, ∞): the edge after a candidate is the next double, so x ≤ c is x < edge."""
    inner = [math.nextafter(candidate, math.inf) for candidate in candidates]
    edges = (candidates[0], *inner, math.nextafter(inner[-1], math.inf))
    return Bucket(value, edges, ValueType(Kind.INTEGER, value.type.nullable, 0, len(candidates)))


def _level(level: float, path: str) -> tuple[int, int]:
    if not 0 <= level <= 1:  # false for NaN too
        raise plan_rejected("level", path, "the level lies within 0 and 1", hint="0.5 is the median")
    fraction = Fraction(level).limit_denominator(DENOMINATOR_MAX)
    return fraction.numerator, fraction.denominator


def _given(candidates: Sequence[float], kind: Kind, path: str) -> tuple[float, ...]:
    values = [candidate + 0.0 for candidate in candidates]
    rising = all(low < high for low, high in itertools.pairwise(values))
    if not rising or not all(abs(value) <= REAL_MAX for value in values) or len(values) > CANDIDATES_MAX:
        message = f"candidates must be finite and rise, at most {CANDIDATES_MAX:,} of them"
        raise plan_rejected("candidates", path, message, hint="sort them, and give each once")
    if kind in TIMES and not all(_CALENDAR_SECONDS[0] <= value < _CALENDAR_SECONDS[1] for value in values):
        message = "candidates of dates and instants are seconds since 1970 within the years 1 to 9999"
        raise plan_rejected("candidates", path, message, hint="seconds, not milli- or microseconds")
    if kind is Kind.DATE:
        return tuple(sorted({float(_day_start(value)) for value in values}))
    return tuple(values)


def _day_start(seconds: float) -> int:
    return math.floor(Fraction(seconds) / _SECONDS_A_DAY) * _SECONDS_A_DAY


def _chosen(value_type: ValueType, count: int, path: str) -> tuple[float, ...]:
    """All values of a narrow range, or evenly spaced ones over the proved range, both ends included."""
    lower, upper, kind = value_type.lower, value_type.upper, value_type.kind
    assert lower is not None
    assert upper is not None
    if max(abs(lower), abs(upper)) >= (REAL_MAX if kind is Kind.REAL else INTEGER_MAX):
        message = "nothing narrow is known of the values, so no candidates follow from it"
        raise plan_rejected("bounds_missing", path, message, hint="give candidates, or CLIP the value")
    if count > CANDIDATES_MAX:
        message = f"a quantile takes at most {CANDIDATES_MAX:,} candidates"
        raise plan_rejected("candidates", f"{path}.candidate_count", message, hint=f"at most {CANDIDATES_MAX:,}")
    if kind is Kind.TIMESTAMP:
        return _spaced(lower / 1_000_000, upper / 1_000_000, count or DEFAULT_COUNT)
    if kind is Kind.REAL:
        return _spaced(float(lower), float(upper), count or DEFAULT_COUNT)
    if not count and upper - lower < NARROW_MAX:
        count = int(upper - lower) + 1
    spaced = _spaced_whole(int(lower), int(upper), count or DEFAULT_COUNT)
    return tuple(value * _SECONDS_A_DAY for value in spaced) if kind is Kind.DATE else spaced


def _spaced(lower: float, upper: float, count: int) -> tuple[float, ...]:
    """Evenly spaced, both ends included; the middle if there is but one."""
    if count == 1:
        return (lower + (upper - lower) / 2,)
    inner = {lower + (upper - lower) * (index / (count - 1)) for index in range(1, count - 1)}
    return tuple(sorted(inner | {lower, upper}))


def _spaced_whole(lower: int, upper: int, count: int) -> tuple[float, ...]:
    """As `_spaced`, each at the whole number below."""
    if count == 1:
        return (float((lower + upper) // 2),)
    return tuple(sorted({float(lower + (upper - lower) * index // (count - 1)) for index in range(count)}))
