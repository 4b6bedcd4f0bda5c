"""Composes privacy loss distributions: run as a module, a question as JSON on stdin, the answer on stdout.

What the question holds was checked by who asks. Memory is bounded where the system lets it be.
"""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy
import numpy.typing
from dp_accounting.pld import common, pld_pmf, privacy_loss_distribution

_MEMORY_BYTES: Final = 4 * 2**30
_DOTS: Final = 4000
"""Points of the profile of what is known by its ρ alone."""
_REACH_MIN: Final = 10
"""Of the profile, in intervals: it must fall to nothing within what is computed."""
_SAFE: Final = 1 + 1e-9
"""Above the error of doubles in a profile."""
_HALVINGS: Final = 60

Floats = numpy.typing.NDArray[numpy.float64]


def epsilons(question: dict[str, Any]) -> list[float | None]:
    """Return ε at each δ of a question; None: infinite."""
    total = privacy_loss_distribution.identity(question["interval"])
    for part in _distributions(question):
        total = total.compose(part)
    found = [float(total.get_epsilon_for_delta(delta)) if delta > 0 else math.inf for delta in question["deltas"]]
    return [epsilon if math.isfinite(epsilon) else None for epsilon in found]


def _distributions(question: dict[str, Any]) -> Iterable[Any]:
    interval = question["interval"]
    for epsilon, count in question["responses"]:
        parameters = common.DifferentialPrivacyParameters(epsilon, 0.0)
        yield privacy_loss_distribution.from_privacy_parameters(parameters, interval).self_compose(count)
    for sigma, move, count in question["gaussians"]:
        yield privacy_loss_distribution.from_discrete_gaussian_mechanism(
            sigma, move, value_discretization_interval=interval, use_connect_dots=True
        ).self_compose(count)
    if question["rho"] > 0:
        yield of_rho(question["rho"], interval)


def of_rho(rho: float, interval: float) -> Any:
    """A distribution that dominates every mechanism of ρ, in both directions.

    The profile δ(ε) of a mechanism is convex in e^ε, 1 at e^ε = 0, and at most what the tight conversion gives at any
    ε, negative ones included. So it is at most the greatest convex function below points of the latter, which runs
    straight between the points of their lower hull ("connect the dots", Doroshenko et al. 2022, arXiv 2207.04380).
    """
    reach = max(rho + 2 * math.sqrt(rho * math.log(1e18)), _REACH_MIN * interval)
    places = numpy.unique(numpy.round(numpy.linspace(-reach, reach, _DOTS) / interval).astype(int))
    bounds = numpy.minimum(1.0, numpy.exp(_log_delta(rho, places * interval)) * _SAFE)
    dots = _lower_hull(numpy.exp(places * interval), bounds)
    pmf = pld_pmf.create_pmf_pessimistic_connect_dots(interval, places[dots], bounds[dots])
    return privacy_loss_distribution.PrivacyLossDistribution(pmf)


def _log_delta(rho: float, at: Floats) -> Floats:
    """ln δ(ε) by Canonne, Kamath and Steinke 2020 (arXiv 2004.00010), proposition 12, at about the best order 1 + β.

    Any order is sound. The best has (2β + 1)ρ − ln(1 + 1/β) = ε, whose left side grows: found by halving in ln β.
    """
    low = numpy.full(at.shape, -40.0)
    high = numpy.log((numpy.abs(at) + 2) / (2 * rho) + 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = (2 * numpy.exp(middle) + 1) * rho - numpy.logaddexp(0, -middle) > at
        high, low = numpy.where(above, middle, high), numpy.where(above, low, middle)
    beta = numpy.exp(high)
    log_order = numpy.log1p(beta)
    found: Floats = beta * ((1 + beta) * rho - at + high - log_order) - log_order
    return found


def _lower_hull(x: Floats, y: Floats) -> list[int]:
    """Places of the points on the lower convex hull that are right of (0, 1), which is on it."""
    hull: list[tuple[float, float, int]] = [(0.0, 1.0, -1)]
    for place, (right, value) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        while len(hull) > 1 and _is_above(hull[-2], hull[-1], right, value):
            hull.pop()
        hull.append((right, value, place))
    return [place for _, _, place in hull[1:]]


def _is_above(before: Sequence[float], last: Sequence[float], right: float, value: float) -> bool:
    """Whether the last point lies on or above the line from the one before it to (right, value)."""
    return (last[1] - before[1]) * (right - before[0]) >= (value - before[1]) * (last[0] - before[0])


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    _bound_memory()
    json.dump(epsilons(json.load(sys.stdin)), sys.stdout)
