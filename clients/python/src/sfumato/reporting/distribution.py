"""ε by privacy loss distributions: what goes in, guards, and a process of its own that computes it.

What is known of a charge decides how it enters:

- discrete Gaussian draws that receipts tell: their own distribution;
- a charge with an ε: that of randomised response, of which every ε-differentially private mechanism is a
  post-processing (Kairouz, Oh and Viswanath 2015, section 3);
- all else, known by its ρ alone: no distribution belongs to a ρ (Gaussian noise is not the worst). Its sum enters as
  one mechanism with the privacy profile that the tight conversion gives, its greatest convex minorant, in both
  directions (Zhu, Dong and Wang 2022, arXiv 2106.08567: a profile has a dominating pair).

Charges of these kinds came in any order, each chosen by what was answered before. Taken by kinds they are interactive
mechanisms that run at once; profiles of such compose as if one ran after the other (Vadhan and Zhang 2023, arXiv
2207.08335). A δ that was spent is set aside, and ε told at the rest.
"""

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from sfumato.errors import MissingExtra
from sfumato.reporting.receipts import Gaussian
from sfumato.reporting.spending import ScopeSpending

PICO: Final = 10**12
ATTO: Final = 10**18
INTERVAL: Final = 1e-4
"""Of the grid of losses."""
RATIO_MIN: Final = 0.3
"""Least σ over move of a draw whose own distribution is computed; below it time and memory grow without bound."""
POINTS_MAX: Final = 1_000_000
"""Of a grid of losses, and of the noise of one draw."""
_TAIL: Final = math.log(1e15)
_NOISE_REACH: Final = 23.2
"""Points of discrete Gaussian noise that are computed, over σ."""


@dataclass(frozen=True)
class Parts:
    """What is composed."""

    responses: dict[float, int]
    """ε → how many."""
    gaussians: dict[Gaussian, int]
    rho: float
    """Sum of what is known by its ρ alone."""
    left_out: int = 0
    """Draws that were told, and enter by their ρ."""

    @property
    def reach(self) -> float:
        """About the largest loss that has a probability above 10^-15, either way."""
        squares = sum(count * epsilon**2 for epsilon, count in self.responses.items())
        mean = sum(count * epsilon * math.tanh(epsilon / 2) for epsilon, count in self.responses.items())
        most = sum(count * epsilon for epsilon, count in self.responses.items())
        moved = sum(count / draw.ratio**2 for draw, count in self.gaussians.items())
        by_responses = min(most, mean + math.sqrt(2 * _TAIL * squares))
        return by_responses + moved / 2 + math.sqrt(2 * _TAIL * moved) + self.rho + 2 * math.sqrt(self.rho * _TAIL)


@dataclass(frozen=True)
class Outcome:
    """ε at each δ; or none, and why."""

    epsilons: list[float] = field(default_factory=list)
    refused: str = ""
    note: str = ""


def parts_of(spending: ScopeSpending) -> Parts:
    """Return how the charges of a scope enter."""
    responses: Counter[float] = Counter()
    gaussians: dict[Gaussian, int] = {}
    rho, left_out = 0.0, 0
    for loss, count in spending.losses.items():
        if loss.epsilon is not None:
            responses[loss.epsilon / PICO] += count if loss.epsilon else 0
        else:
            rho += count * loss.rho / PICO
    for draw, count in spending.gaussians.items():
        if draw.ratio >= RATIO_MIN and draw.sigma * _NOISE_REACH <= POINTS_MAX:
            gaussians[draw] = count
        else:
            rho += count / (2 * draw.ratio**2)
            left_out += count
    return Parts({each: count for each, count in responses.items() if count}, gaussians, rho, left_out)


def epsilons(spending: ScopeSpending, deltas: list[int], *, seconds: float, interval: float = INTERVAL) -> Outcome:
    """Return ε at each δ, which are in 10^-18.

    Args:
        spending: of one scope.
        deltas: in any order.
        seconds: that the computation may take.
        interval: of the grid of losses.

    Raises:
        MissingExtra: `dp-accounting` is not installed (extra `report`).
    """
    parts = parts_of(spending)
    if not parts.responses and not parts.gaussians:
        return Outcome(refused="nothing but ρ is known" if parts.rho else "nothing is spent")
    points = 2 * parts.reach / interval
    if points > POINTS_MAX:
        return Outcome(refused=f"the grid would have {points:,.0f} points, above {POINTS_MAX:,}")
    try:
        answer = _computed(json.dumps(question_of(spending, deltas, interval)), seconds)
    except subprocess.TimeoutExpired:
        return Outcome(refused=f"it took more than {seconds:g} s")
    if answer is None:
        return Outcome(refused="the computation ended without an answer: it may have run out of memory")
    found = [math.inf if each is None else float(each) for each in answer]
    return Outcome(epsilons=found, note=_note(parts))


def question_of(spending: ScopeSpending, deltas: list[int], interval: float = INTERVAL) -> dict[str, Any]:
    """Return what `sfumato.reporting.convolution` is asked."""
    parts = parts_of(spending)
    return {
        "interval": interval,
        "deltas": [max(0, delta - spending.total.delta) / ATTO for delta in deltas],
        "responses": list(parts.responses.items()),
        "gaussians": [[draw.sigma, draw.move, count] for draw, count in parts.gaussians.items()],
        "rho": parts.rho,
    }


def _computed(question: str, seconds: float) -> list[float | None] | None:
    """Ask a process of its own, so that time and memory have an end; None: it failed."""
    command = [sys.executable, "-m", "sfumato.reporting.convolution"]
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603  (our own module)
    if done.returncode:
        if "No module named" in done.stderr:
            raise MissingExtra("a report", "report")
        return None
    answer: list[float | None] = json.loads(done.stdout)
    return answer


def _note(parts: Parts) -> str:
    if not parts.left_out:
        return ""
    return f"{parts.left_out:,} draws have a σ below {RATIO_MIN} of their move, or too many points: they enter by ρ"
