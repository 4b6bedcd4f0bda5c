"""Losses of the mechanisms that are drawn, computed from their probabilities, order by order: none is undercharged.

ρ of a mechanism is the least upper bound of D_α/α over orders α > 1 and over neighbours; D_α is the Rényi divergence.
Noise on integers has probabilities that can be summed; tails that doubles cannot hold are left out, and are too small
to move a digit that is compared.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy
import numpy.typing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from sfumato_executor.plan import losses
from sfumato_executor.plan.program import Sensitivity
from sfumato_mesh.money import PICO
from sfumato_mesh.zcdp import rho_of_pure

ORDERS = [1 + 2.0**power for power in numpy.arange(-14, 7.5, 0.5)]
Logs = numpy.typing.NDArray[numpy.float64]


def rho(p: Logs, q: Logs) -> float:
    """Greatest D_α(P‖Q)/α over orders, of distributions in logarithms."""
    return max(rho_at(p, q, order) for order in ORDERS)


def rho_at(p: Logs, q: Logs, order: float) -> float:
    return float(logsumexp(order * p - (order - 1) * q)) / (order - 1) / order


def both_ways(p: Logs, q: Logs) -> float:
    return max(rho(p, q), rho(q, p))


def response(epsilon: float) -> tuple[Logs, Logs]:
    """Randomised response: the truth with probability e^ε/(1 + e^ε)."""
    keep = -math.log1p(math.exp(-epsilon))
    return numpy.array([keep, keep - epsilon]), numpy.array([keep - epsilon, keep])


def laplace(scale: float, distance: int) -> tuple[Logs, Logs]:
    """Discrete Laplace noise around 0 and around `distance`."""
    reach = math.ceil(60 * scale) + distance
    at = numpy.arange(-reach, reach + distance + 1)
    weight = -math.log((1 + math.exp(-1 / scale)) / -math.expm1(-1 / scale))
    return weight - abs(at) / scale, weight - abs(at - distance) / scale


def gaussian(sigma: float, distance: int) -> tuple[Logs, Logs]:
    """Discrete Gaussian noise around 0 and around `distance`, normalised over what is summed."""
    reach = math.ceil(40 * sigma) + 40 * distance
    at = numpy.arange(-reach, reach + distance + 1)
    p, q = -(at**2) / (2 * sigma**2), -((at - distance) ** 2) / (2 * sigma**2)
    return p - logsumexp(p), q - logsumexp(q)


def permute_and_flip(scores: Sequence[int], scale: float) -> Logs:
    """Probabilities of the noisy maximum with exponential noise: candidates in random order, each kept by a coin.

    McKenna and Sheldon 2020 (arXiv 2010.12603): sums over the sets of others that come before.
    """
    keep = numpy.exp((numpy.array(scores) - max(scores)) / scale)
    found = []
    for chosen in range(len(scores)):
        others = [1 - keep[other] for other in range(len(scores)) if other != chosen]
        elementary = numpy.array([1.0])
        for other in others:
            elementary = numpy.append(elementary, 0) + other * numpy.append(0, elementary)
        count = len(scores)
        orders = [
            math.factorial(before) * math.factorial(count - 1 - before) / math.factorial(count)
            for before in range(count)
        ]
        found.append(keep[chosen] * float(elementary @ numpy.array(orders)))
    logs: Logs = numpy.log(numpy.array(found))
    return logs


@pytest.mark.parametrize("epsilon", [0.001, 0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0])
def test_randomised_response_costs_what_is_charged_at_every_order(epsilon: float) -> None:
    charged = rho_of_pure(round(epsilon * PICO)) / PICO
    worst = both_ways(*response(epsilon))
    assert worst <= charged + 1e-12
    assert worst == pytest.approx(charged, rel=2e-4)
    curve = [rho_at(*response(epsilon), order) for order in ORDERS]
    assert all(later <= earlier * (1 + 1e-7) + 1e-11 for earlier, later in pairwise(curve))  # worst as α falls to 1


@pytest.mark.parametrize("distance", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.5, 1.0, 3.0])
def test_discrete_laplace_noise_costs_at_most_what_is_charged(epsilon: float, distance: int) -> None:
    priced = losses.laplace(Sensitivity(1, float(distance), float(distance), distance), round(epsilon * PICO))
    charged = priced.loss.rho_picos / PICO
    worst = both_ways(*laplace(priced.scale, distance))
    assert worst <= charged + 1e-11
    if distance == 1:
        assert worst == pytest.approx(charged, rel=2e-4)  # reached, at one step
        assert worst > (epsilon + math.expm1(-epsilon)) * (1 + epsilon / 20)  # the continuous formula undercharges


@settings(max_examples=60, deadline=None)
@given(st.floats(0.02, 6), st.lists(st.integers(1, 8), min_size=1, max_size=3))
def test_noise_on_several_entries_costs_at_most_what_is_charged(epsilon: float, moves: list[int]) -> None:
    """A unit that moves several entries: divergences of independent noise add."""
    entry = Sensitivity(len(moves), float(sum(moves)), math.hypot(*moves) * (1 + 1e-15), max(moves))
    priced = losses.laplace(entry, round(epsilon * PICO))
    pairs = [laplace(priced.scale, move) for move in moves]
    for order in ORDERS[::4]:
        spent = sum(max(rho_at(p, q, order), rho_at(q, p, order)) for p, q in pairs)
        assert spent <= priced.loss.rho_picos / PICO + 1e-10
    rho_picos = max(10**9, round(epsilon**2 / 2 * PICO))
    normal = losses.gaussian(entry, rho_picos)
    for order in ORDERS[::4]:
        spent = sum(
            max(rho_at(p, q, order), rho_at(q, p, order)) for p, q in (gaussian(normal.scale, m) for m in moves)
        )
        assert spent <= normal.loss.rho_picos / PICO * (1 + 1e-9) + 1e-10


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(-12, 12), st.integers(-5, 5)), min_size=2, max_size=5),
    st.floats(0.1, 4),
)
def test_choices_under_pure_loss_cost_at_most_what_is_charged(
    distance: int, scores: list[tuple[int, int]], epsilon: float
) -> None:
    priced = losses.noisy_max(distance, 1, round(epsilon * PICO), pure=True)
    before = [score for score, _ in scores]
    after = [score + max(-distance, min(distance, move)) for score, move in scores]
    p, q = permute_and_flip(before, priced.scale), permute_and_flip(after, priced.scale)
    assert max(abs(p - q)) <= epsilon * (1 + 1e-9)
    assert both_ways(p, q) <= priced.loss.rho_picos / PICO + 1e-10


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(-12, 12), st.integers(-5, 5)), min_size=2, max_size=5),
    st.floats(0.01, 2),
)
def test_choices_under_rho_cost_at_most_what_is_charged(
    distance: int, scores: list[tuple[int, int]], loss: float
) -> None:
    """Gumbel noise: the exponential mechanism."""
    priced = losses.noisy_max(distance, 1, round(loss * PICO), pure=False)
    before = numpy.array([score for score, _ in scores]) / priced.scale
    after = numpy.array([score + max(-distance, min(distance, move)) for score, move in scores]) / priced.scale
    assert both_ways(before - logsumexp(before), after - logsumexp(after)) <= priced.loss.rho_picos / PICO + 1e-10
