"""Measures: the noisy aggregates of a question. `count()`, `mean("body_mass_g")`, `quantile("x", 0.9)`.

Every measure takes two more arguments. `weight`: its share of the loss beside the others, a whole number, 1 if unset.
`noise`: "gaussian" or "laplace"; as the payment implies if unset.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sfumato._core import nodes
from sfumato._core.amounts import refused
from sfumato._core.literals import position
from sfumato._core.wording import measure_text
from sfumato.expressions import Expression, column_of, cut
from sfumato.v1 import measure_pb2

NoiseName: TypeAlias = Literal["gaussian", "laplace"]

_NOISES = {"gaussian": measure_pb2.NOISE_GAUSSIAN, "laplace": measure_pb2.NOISE_LAPLACE}
_LARGEST_WEIGHT = 1_000_000
_MOST_CANDIDATES = 10_000


@dataclass(frozen=True)
class Measure:
    """A measure without its name: `agg(n=count())` names it."""

    _proto: measure_pb2.Measure

    def to_proto(self, alias: str) -> measure_pb2.Measure:
        """Return it as the wire holds it, under a name; a copy."""
        copy = measure_pb2.Measure()
        copy.CopyFrom(self._proto)
        copy.alias = nodes.check_alias(alias)
        return copy

    def __repr__(self) -> str:
        return measure_text(self._proto)


def _measure(weight: int | None, noise: NoiseName | None, **kind: Any) -> Measure:
    proto = measure_pb2.Measure(**kind)
    if weight is not None:
        if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= _LARGEST_WEIGHT:
            raise refused("weight", f"a weight is a whole number from 1 to {_LARGEST_WEIGHT:,}")
        proto.weight = weight
    if noise is not None:
        if noise not in _NOISES:
            raise refused("noise", f"{noise!r} is no noise", '"gaussian" or "laplace"')
        proto.noise = _NOISES[noise]
    return Measure(proto)


def _bounds(bounds: tuple[float, float] | None) -> measure_pb2.Bounds | None:
    if bounds is None:
        return None
    if len(bounds) != 2:
        raise refused("bounds", "bounds are a pair", "bounds=(0, 100)")
    lower, upper = (position(each, "bounds") for each in bounds)
    if not math.isfinite(upper - lower) or lower >= upper:
        raise refused("bounds", f"{lower:g} is not below {upper:g}", "bounds=(0, 100)")
    return measure_pb2.Bounds(lower=lower, upper=upper)


def count(
    value: Expression | str | None = None, *, weight: int | None = None, noise: NoiseName | None = None
) -> Measure:
    """Count rows; with a value, rows where it is not null."""
    proto = measure_pb2.Count(value=None if value is None else column_of(value).to_proto())
    return _measure(weight, noise, count=proto)


def count_units(*, weight: int | None = None, noise: NoiseName | None = None) -> Measure:
    """Count privacy units (persons) that have a row in the group."""
    return _measure(weight, noise, count_units=measure_pb2.CountUnits())


def sum(  # noqa: A001  (the field's word; always used as sf.sum)
    value: Expression | str,
    *,
    bounds: tuple[float, float] | None = None,
    weight: int | None = None,
    noise: NoiseName | None = None,
) -> Measure:
    """Add values; null counts as nothing.

    Args:
        value: a number.
        bounds: values are moved into them first; narrower than the schema's, which hold if unset.
        weight: share of the loss.
        noise: "gaussian" or "laplace".
    """
    proto = measure_pb2.Sum(value=column_of(value).to_proto(), bounds=_bounds(bounds))
    return _measure(weight, noise, sum=proto)


def mean(
    value: Expression | str,
    *,
    bounds: tuple[float, float] | None = None,
    weight: int | None = None,
    noise: NoiseName | None = None,
) -> Measure:
    """Take the mean of the values that are not null: a noisy sum over a noisy count, within the bounds.

    Args:
        value: a number.
        bounds: values are moved into them first; narrower than the schema's, which hold if unset.
        weight: share of the loss.
        noise: "gaussian" or "laplace".
    """
    proto = measure_pb2.Mean(value=column_of(value).to_proto(), bounds=_bounds(bounds))
    return _measure(weight, noise, mean=proto)


def quantile(
    value: Expression | str,
    level: float,
    *,
    candidates: Sequence[object] | int | None = None,
    weight: int | None = None,
    noise: NoiseName | None = None,
) -> Measure:
    """Pick one of public candidates, near the quantile.

    Args:
        value: a number, date or timestamp.
        level: 0 (minimum) to 1 (maximum).
        candidates: the values to choose from, strictly increasing; or how many, evenly spaced over the bounds.
        weight: share of the loss.
        noise: taken, and without effect: quantiles choose by noisy maximum.
    """
    point = position(level, "level")
    if not 0 <= point <= 1:
        raise refused("level", f"{point:g} is not between 0 and 1", "0.5 for the median")
    proto = measure_pb2.Quantile(value=column_of(value).to_proto(), level=point)
    if isinstance(candidates, int):
        if not 2 <= candidates <= _MOST_CANDIDATES:
            raise refused("candidates", f"2 to {_MOST_CANDIDATES:,} candidates can be asked for")
        proto.candidate_count = candidates
    elif candidates is not None:
        points = [position(each, "candidates") for each in candidates]
        proto.candidates.extend(nodes.increasing(points, "candidates", at_least=1))
    return _measure(weight, noise, quantile=proto)


def median(
    value: Expression | str,
    *,
    candidates: Sequence[object] | int | None = None,
    weight: int | None = None,
    noise: NoiseName | None = None,
) -> Measure:
    """Pick one of public candidates, near the median; arguments as of `quantile`."""
    return quantile(value, 0.5, candidates=candidates, weight=weight, noise=noise)


def histogram(
    value: Expression | str,
    *,
    edges: Sequence[object] | None = None,
    weight: int | None = None,
    noise: NoiseName | None = None,
) -> Measure:
    """Count rows by public bins, as one list a group.

    Args:
        value: a number with edges; else what has a public list of values (category, boolean, `cut`).
        edges: at least two, strictly increasing: one bin fewer than edges.
        weight: share of the loss.
        noise: "gaussian" or "laplace".
    """
    bins = column_of(value) if edges is None else cut(value, edges)
    return _measure(weight, noise, histogram=measure_pb2.Histogram(bins=bins.to_proto()))
