"""The tight conversion against published numbers, its own inverse, bad amounts and the client's copy of it."""

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.conversion import epsilon_from_rho, largest_rho_picos, rho_from_epsilon
from sfumato_mesh.money import ATTO, PICO, SUM_MAX
from sfumato_mesh.zcdp import delta_of, epsilon_of, largest_pure, largest_rho, rho_of_pure

MICRO = 10**12
"""δ = 1e-6 in attos."""

EPSILONS = [
    (0.5, 1e-6, 5.2215344445),
    (0.5, 1e-5, 4.7283869849),
    (0.005, 1e-6, 0.4299414688),
    (0.125, 1e-5, 2.1657155452),
    (0.05, 1e-6, 1.4715947505),
    (0.001, 1e-5, 0.1573353932),
    (0.001, 1e-6, 0.1828953772),
    (0.001, 1e-9, 0.2451192539),
    (0.01, 1e-5, 0.5457255483),
    (0.01, 1e-6, 0.6216926546),
    (0.01, 1e-9, 0.8101744679),
    (0.1, 1e-5, 1.9142388320),
    (0.1, 1e-6, 2.1419389284),
    (0.1, 1e-9, 2.7154818867),
    (1.0, 1e-5, 7.0771966958),
    (1.0, 1e-6, 7.7662166253),
    (1.0, 1e-9, 9.5214636718),
    # mixed and waste rows: sums of ρ, one conversion
    (0.35, 1e-6, 4.2723614192),
    (5.0, 1e-6, 20.5519),
    (2.5, 1e-6, 13.3736522528),
    # OpenDP 0.16, composition of Gaussians
    (0.5, 1e-6, 5.221534444530173),
    (0.5, 1e-5, 4.7283869849433176),
    (0.005, 1e-6, 0.42994146883694934),
]
"""ρ, δ, ε to ten decimals (as printed) or to all digits of a double."""

RHOS = [(0.5, 1e-6, 0.0066415244), (1, 1e-6, 0.0243559704), (1, 1e-5, 0.0305565952), (4, 1e-6, 0.3110649549)]

DELTAS = [
    (0.5, 1, 0.2468463308),
    (0.5, 4, 1.957954170e-4),
    (0.1, 1, 8.933245772e-3),
    (1, 5, 2.612034507e-3),
    (0.05, 0.25, 8.17727531036956e-2),
    (0.5, 0, 0.5588356393474351),
]


def near(printed: float, digits: int = 10) -> object:
    """1e-9 relative, or half a unit of the last decimal that is printed, whichever the print allows."""
    return pytest.approx(printed, rel=1e-9, abs=0.5000001 * 10.0**-digits)


@pytest.mark.parametrize(("rho", "delta", "epsilon"), EPSILONS)
def test_epsilon_is_the_published_one(rho: float, delta: float, epsilon: float) -> None:
    expected = near(epsilon, 4 if epsilon == 20.5519 else 10)
    assert epsilon_of(round(rho * PICO), round(delta * ATTO)) / PICO == expected
    assert epsilon_from_rho(rho, delta) == expected


@pytest.mark.parametrize(("epsilon", "delta", "rho"), RHOS)
def test_largest_rho_is_the_published_one(epsilon: float, delta: float, rho: float) -> None:
    assert largest_rho(round(epsilon * PICO), round(delta * ATTO)) / PICO == near(rho)
    assert rho_from_epsilon(epsilon, delta) == near(rho)


FITTING = [(0.5, 1e-6, 33), (1, 1e-6, 121), (1, 1e-5, 152), (4, 1e-6, 1555)]
WASTE = [(1, 0.4299, 0.4299), (10, 4.7888, 1.4716), (100, 52.3556, 5.2215), (1000, 564.893, 20.5519)]


@pytest.mark.parametrize(("epsilon", "delta", "counts"), FITTING)
def test_as_many_counts_of_sigma_50_fit_as_published(epsilon: float, delta: float, counts: int) -> None:
    assert largest_rho(round(epsilon * PICO), round(delta * ATTO)) // (PICO // 5000) == counts


@pytest.mark.parametrize(("rho", "epsilon", "delta"), DELTAS)
def test_delta_is_the_published_one(rho: float, epsilon: float, delta: float) -> None:
    assert delta_of(round(rho * PICO), round(epsilon * PICO)) / ATTO == pytest.approx(delta, rel=1e-9)


def test_one_conversion_of_the_sum_beats_the_sum_of_conversions() -> None:
    """The waste of converting every query by itself: ρ 0.005 each, δ 1e-6 in all."""
    rho = 5 * PICO // 1000
    for count, each, once in WASTE:
        assert count * epsilon_of(rho, MICRO // count) / PICO == pytest.approx(each, rel=1e-4)
        assert epsilon_of(count * rho, MICRO) / PICO == pytest.approx(once, abs=6e-5)


def test_pure_answers_cost_what_randomised_response_costs() -> None:
    assert rho_of_pure(PICO) == 462_117_157_261  # tanh(1/2), up
    assert rho_of_pure(0) == 0
    assert rho_of_pure(1) == 1
    for epsilon in (0.01, 0.1, 0.5, 1.0, 3.0, 10.0):
        keep = math.exp(epsilon) / (1 + math.exp(epsilon))
        worst = 0.0
        for order in [1 + 2.0**k for k in range(-12, 6)]:
            moment = keep**order * (1 - keep) ** (1 - order) + (1 - keep) ** order * keep ** (1 - order)
            worst = max(worst, math.log(moment) / (order - 1) / order)
        charged = rho_of_pure(round(epsilon * PICO)) / PICO
        assert worst <= charged <= epsilon**2 / 2 + 1e-12
        assert worst == pytest.approx(charged, rel=1e-3)


amounts = st.one_of(st.integers(0, 10**15), st.integers(0, 10**18), st.floats(0, 18).map(lambda power: int(10**power)))
deltas = st.one_of(st.integers(1, ATTO), st.floats(0, 18).map(lambda power: int(10**power)))


@given(rho=amounts, delta=deltas)
def test_epsilon_is_sound_and_between_the_bounds(rho: int, delta: int) -> None:
    epsilon = epsilon_of(rho, delta)
    assert largest_rho(epsilon, delta) >= rho - 1
    tail = -math.log(delta / ATTO)
    assert epsilon / PICO <= (rho / PICO + 2 * math.sqrt(rho / PICO * tail)) * (1 + 1e-12) + 1e-12


@given(epsilon=amounts, delta=deltas)
def test_largest_rho_keeps_within_and_no_larger_one_does(epsilon: int, delta: int) -> None:
    if delta >= ATTO:
        assert largest_rho(epsilon, delta) == SUM_MAX
        return
    rho = largest_rho(epsilon, delta)
    assert epsilon_of(rho, delta) <= epsilon
    assert epsilon_of(rho + 2, delta) > epsilon


@given(rho=st.one_of(amounts, st.integers(0, SUM_MAX)))
def test_the_largest_pure_loss_is_the_largest(rho: int) -> None:
    found = largest_pure(rho)
    assert rho_of_pure(found) <= rho
    assert found == SUM_MAX or rho_of_pure(found + 1) > rho


@given(epsilon=amounts, delta=deltas)
def test_a_verifier_finds_the_same_largest_rho(epsilon: int, delta: int) -> None:
    assert largest_rho_picos(epsilon, delta) == largest_rho(epsilon, delta)


@given(rho=amounts, epsilon=amounts)
def test_delta_and_epsilon_agree(rho: int, epsilon: int) -> None:
    delta = delta_of(rho, epsilon)
    if delta:
        assert epsilon_of(rho, delta) <= epsilon


@given(first=amounts, second=amounts, delta=deltas, other=deltas)
def test_more_loss_is_never_cheaper(first: int, second: int, delta: int, other: int) -> None:
    low, high = sorted((first, second))
    less, more = sorted((delta, other))
    assert epsilon_of(low, delta) <= epsilon_of(high, delta)
    assert epsilon_of(high, more) <= epsilon_of(high, less)
    assert largest_rho(low, delta) <= largest_rho(high, delta)
    assert largest_rho(high, less) <= largest_rho(high, more)
    assert delta_of(low, first) <= delta_of(high, first)
    assert delta_of(first, high) <= delta_of(first, low)
    assert rho_of_pure(low) <= rho_of_pure(high)


def test_the_edges_are_told() -> None:
    assert epsilon_of(0, 0) == 0
    assert epsilon_of(SUM_MAX, ATTO) == 0
    with pytest.raises(ValueError, match="delta 0"):
        epsilon_of(1, 0)
    assert largest_rho(5 * PICO, 0) == 0
    assert largest_rho(0, MICRO) == 1  # δ² in ρ: 1e-12
    assert delta_of(0, 0) == 0
    assert delta_of(1, SUM_MAX) == 1
    assert delta_of(SUM_MAX, PICO) == ATTO
    assert rho_of_pure(SUM_MAX) == SUM_MAX
    assert largest_pure(0) == 0
    assert largest_pure(SUM_MAX) == SUM_MAX
    for bad in (-1, SUM_MAX + 1):
        with pytest.raises(ValueError):
            largest_pure(bad)
    for function in (epsilon_of, largest_rho, delta_of):
        for bad in (-1, SUM_MAX + 1):
            with pytest.raises(ValueError):
                function(bad, 1)
            with pytest.raises(ValueError):
                function(1, bad)
        for wrong in (0.5, True, math.nan):
            with pytest.raises(TypeError):
                function(wrong, 1)


def test_hostile_amounts_are_answered_in_time() -> None:
    generator = random.Random(7)
    slowest = 0.0
    for _ in range(300):
        first, second = (int(10 ** generator.uniform(0, 18.9)) for _ in range(2))
        for function in (epsilon_of, largest_rho, delta_of):
            started = time.thread_time()
            function(first, second)
            slowest = max(slowest, time.thread_time() - started)
        started = time.thread_time()
        largest_pure(first)
        slowest = max(slowest, time.thread_time() - started)
    assert slowest <= 0.5  # ten times what is promised


@given(rho=st.floats(1e-9, 1e5), delta=st.floats(1e-16, 0.9))
def test_client_and_mesh_agree(rho: float, delta: float) -> None:
    rho_picos, delta_attos = round(rho * PICO), round(delta * ATTO)
    rho, delta = rho_picos / PICO, delta_attos / ATTO
    epsilon = epsilon_from_rho(rho, delta)
    assert epsilon_of(rho_picos, delta_attos) == pytest.approx(epsilon * PICO, rel=1e-13, abs=1.01)
    inverse = rho_from_epsilon(rho, delta) * PICO
    assert largest_rho(rho_picos, delta_attos) == pytest.approx(inverse, rel=1e-13, abs=1.01)
    if epsilon > 1e-6:
        assert rho_from_epsilon(epsilon, delta) == pytest.approx(rho, rel=1e-8)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -0.0, -1.0, 5e-324, 1e-310])
def test_the_client_refuses_what_is_no_loss(bad: float) -> None:
    for convert in (epsilon_from_rho, rho_from_epsilon):
        with pytest.raises(ValueError):
            convert(bad, 1e-6)
        with pytest.raises(ValueError):
            convert(1.0, bad)
        with pytest.raises(ValueError):
            convert(1.0, 1.0)


def test_the_client_takes_every_other_double() -> None:
    for rho in (0.0, 2.3e-308, 1e-100, 1.0, 1e100, 1.7e308):
        for delta in (2.3e-308, 1e-18, 0.5, 1 - 2**-53):
            epsilon = epsilon_from_rho(rho, delta)
            assert epsilon >= 0
            assert not math.isnan(epsilon)
            assert 0 <= rho_from_epsilon(rho, delta) < math.inf
