"""What every way of adding up privacy losses must satisfy, whoever wrote it; and the curves that none may report below.

A subject adds up charges of its own kind into totals, and reports of a total the (ε, δ) that it stands for.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from scipy.special import log_ndtr

KS: Final = (1, 2, 3, 10, 30, 100, 300, 1000)
DELTAS: Final = (1e-12, 1e-9, 1e-6, 1e-5, 1e-3, 0.1)
_SLACK: Final = 1e-9
"""Relative: what doubles lose."""
_SECONDS_MAX: Final = 0.5
"""Of processor time for the worst amounts; ten times what is promised."""


class Subject(Protocol):
    """One way of adding up. `Any` stands for its own charges and totals."""

    @property
    def charges(self) -> Sequence[Any]:
        """Samples of every kind that it takes."""
        ...

    @property
    def hostile(self) -> Sequence[Any]:
        """The largest and the smallest that it takes."""
        ...

    def total(self, charges: Sequence[Any]) -> Any:
        """Add charges up, in their order."""
        ...

    def joined(self, one: Any, other: Any) -> Any:
        """Join the totals of two books."""
        ...

    def parts(self, charge: Any, count: int) -> list[Any]:
        """Split a charge into so many, each rounded up; empty: it cannot be split."""
        ...

    def reported(self, total: Any, delta: float) -> tuple[float, float]:
        """Return the ε reported, and the δ at which it is said to hold: `delta`, or the subject's own."""
        ...

    def admitted(self, total: Any, epsilon: float, delta: float) -> bool:
        """Return whether a total keeps within a limit."""
        ...

    def true_delta(self, charge: Any, count: int, epsilon: float) -> float:
        """Return the exact δ at ε of some mechanism that costs this charge, used so many times."""
        ...


class AccountingSuite:
    """Tests of one subject; subclasses name it."""

    subject: Subject

    def test_nothing_costs_nothing(self) -> None:
        assert self.subject.reported(self.subject.total([]), 1e-6)[0] == 0

    def test_reports_never_fall_as_a_charge_is_repeated(self) -> None:
        for charge, delta in itertools.product(self.subject.charges, DELTAS):
            reports = [self.subject.reported(self.subject.total([charge] * count), delta) for count in KS]
            for (epsilon, at), (next_epsilon, next_at) in itertools.pairwise(reports):
                assert next_epsilon >= epsilon * (1 - _SLACK)
                assert next_at >= at * (1 - _SLACK)

    def test_the_order_of_charges_is_irrelevant(self) -> None:
        for charges in (self.subject.charges, list(self.subject.charges[:2]) * 3):
            first, *others = (self.subject.reported(self.subject.total(each), 1e-5) for each in _orders(charges))
            for other in others:
                assert all(_near(a, b) for a, b in zip(first, other, strict=True))

    def test_joined_books_are_one_book(self) -> None:
        subject = self.subject
        for cut in range(len(subject.charges) + 1):
            joined = subject.joined(subject.total(subject.charges[:cut]), subject.total(subject.charges[cut:]))
            whole = subject.total(subject.charges)
            for delta in DELTAS:
                pairs = zip(subject.reported(joined, delta), subject.reported(whole, delta), strict=True)
                assert all(_near(a, b) for a, b in pairs)

    def test_a_charge_in_parts_costs_what_it_costs(self) -> None:
        subject = self.subject
        for charge, count in itertools.product(subject.charges, (2, 3, 7, 1000)):
            parts = subject.parts(charge, count)
            if not parts:
                continue
            whole = subject.reported(subject.total([charge]), 1e-5)[0]
            split = subject.reported(subject.total(parts), 1e-5)[0]
            assert whole * (1 - _SLACK) <= split <= whole * (1 + 1e-6) + 1e-6

    def test_epsilon_never_grows_with_delta(self) -> None:
        for charge, count in itertools.product(self.subject.charges, KS):
            total = self.subject.total([charge] * count)
            reports = [self.subject.reported(total, delta)[0] for delta in DELTAS]
            assert all(later <= earlier * (1 + _SLACK) for earlier, later in itertools.pairwise(reports))

    def test_no_report_is_below_a_mechanism_that_costs_as_much(self) -> None:
        for charge, count, delta in itertools.product(self.subject.charges, KS, DELTAS):
            epsilon, at = self.subject.reported(self.subject.total([charge] * count), delta)
            if math.isfinite(epsilon):
                assert self.subject.true_delta(charge, count, epsilon) <= at * (1 + 1e-6) + 1e-15

    def test_what_is_admitted_is_reported_within_the_limit(self) -> None:
        for charge, count, epsilon, delta in itertools.product(self.subject.charges, KS, (0.5, 4.0), (1e-6, 0.03)):
            total = self.subject.total([charge] * count)
            if self.subject.admitted(total, epsilon, delta):
                reported, at = self.subject.reported(total, delta)
                assert reported <= epsilon * (1 + _SLACK)
                assert at <= delta * (1 + _SLACK)

    def test_what_is_refused_stays_refused(self) -> None:
        for charge, epsilon, delta in itertools.product(self.subject.charges, (0.5, 4.0, 20.0), (1e-6, 0.03, 0.2)):
            admitted = [
                self.subject.admitted(self.subject.total([charge] * count), epsilon, delta) for count in (1, *KS)
            ]
            assert admitted == sorted(admitted, reverse=True)

    def test_the_worst_amounts_are_judged_in_time(self) -> None:
        for charge, delta in itertools.product(self.subject.hostile, DELTAS):
            started = time.thread_time()
            total = self.subject.total([charge, charge])
            self.subject.reported(total, delta)
            self.subject.admitted(total, 1.0, delta)
            assert time.thread_time() - started < _SECONDS_MAX


def checks(suite: AccountingSuite) -> list[str]:
    """Return the names of the suite's tests."""
    return sorted(name for name in dir(suite) if name.startswith("test_"))


def failing(suite: AccountingSuite) -> set[str]:
    """Run all tests of a suite; return the names of those that fail."""
    found = set()
    for name in checks(suite):
        try:
            getattr(suite, name)()
        except AssertionError:
            found.add(name)
    return found


def exact_gaussian_delta(rho: float, epsilon: float) -> float:
    """δ of Gaussian noise that costs ρ, exactly (Balle and Wang 2018, arXiv 1805.06530, theorem 8), with μ² = 2ρ."""
    mu = math.sqrt(2 * rho)
    above, below = log_ndtr(mu / 2 - epsilon / mu), epsilon + log_ndtr(-mu / 2 - epsilon / mu)
    return float(math.exp(above) - math.exp(below))


def exact_response_delta(epsilon_each: float, delta_each: float, count: int, epsilon: float) -> float:
    """δ of the worst (ε, δ) mechanism used `count` times, exactly (Kairouz, Oh, Viswanath 2015, theorem 3.3).

    It tells all with probability δ, and else responds at random with ε. The binomial sum runs over the number of truths
    among the responses.
    """
    truth = -math.log1p(math.exp(-epsilon_each))
    lie = -epsilon_each + truth
    responses = 0.0
    for lies in range(count + 1):
        loss = (count - 2 * lies) * epsilon_each
        if loss <= epsilon:
            break
        ways = math.lgamma(count + 1) - math.lgamma(lies + 1) - math.lgamma(count - lies + 1)
        responses += math.exp(ways + (count - lies) * truth + lies * lie) * -math.expm1(epsilon - loss)
    return -math.expm1(count * math.log1p(-delta_each)) * (1 - responses) + responses


def best_adversary_delta(admits: Callable[[int, int], bool], response: float, leak: float, epsilon: float) -> float:
    """δ at ε of the best of all adversaries who choose each step by all answers before it, exactly.

    A step is a random response at `response`, or a look that tells all with probability `leak` and else nothing, as
    long as so many responses and looks are admitted; or the end. All paths are walked: the worth of a place on them is
    the probability of transcripts from there on, less e^ε times that under the neighbour, where that is positive. Both
    likelihoods follow from the loss so far, which is `response` times (truths − lies), unless a look has told all.
    """
    truth = 1 / (1 + math.exp(-response))

    @functools.cache
    def worth(responses: int, truths: int, looks: int) -> float:
        best = max(0.0, -math.expm1(epsilon - (2 * truths - responses) * response))
        if admits(responses + 1, looks):
            told = worth(responses + 1, truths + 1, looks)
            best = max(best, truth * told + (1 - truth) * worth(responses + 1, truths, looks))
        if admits(responses, looks + 1):
            best = max(best, leak + (1 - leak) * worth(responses, truths, looks + 1))
        return best

    return worth(0, 0, 0)


def _near(one: float, other: float) -> bool:
    return one == other or math.isclose(one, other, rel_tol=1e-9)


def _orders(charges: Sequence[Any]) -> list[list[Any]]:
    cut = len(charges) // 2
    return [list(charges), list(reversed(charges)), [*charges[cut:], *charges[:cut]]]
