"""Adding up losses, for any amounts: monotone, in any order, in any parts, and never below what noise really costs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import EpsilonDelta, LossLimit, RhoDelta
from sfumato_accountant.accounting.basic import Basic
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_mesh.money import ATTO, PICO, SUM_MAX
from sfumato_mesh.zcdp import delta_of, epsilon_of, largest_rho, rho_of_pure
from tests.contract.accounting_suite import exact_gaussian_delta, exact_response_delta

ZCDP, BASIC = Zcdp(), Basic()
RHOS = st.one_of(st.integers(1, 10**13), st.floats(0, 14).map(lambda power: int(10**power)))
EPSILONS = st.one_of(st.integers(1, 10**13), st.floats(0, 13).map(lambda power: int(10**power)))
DELTAS = st.one_of(st.integers(1, ATTO - 1), st.floats(0, 17.9).map(lambda power: int(10**power)))
KEY_DELTAS = st.one_of(st.just(0), st.integers(1, 10**15))
CHARGES = st.one_of(
    st.builds(Loss, RHOS, st.none(), KEY_DELTAS),
    st.builds(lambda epsilon, delta: ZCDP.entered(Loss(0, epsilon, delta)), EPSILONS, KEY_DELTAS),
)
BASIC_CHARGES = st.builds(Loss, st.just(0), EPSILONS, KEY_DELTAS)


@pytest.mark.parametrize(("accounting", "charges"), [(ZCDP, CHARGES), (BASIC, BASIC_CHARGES)])
@given(data=st.data(), first=DELTAS, second=DELTAS)
def test_what_is_reported_never_falls_with_more(
    accounting: Zcdp | Basic, charges: st.SearchStrategy[Loss], data: st.DataObject, first: int, second: int
) -> None:
    less, more = sorted((first, second))
    spent = NOTHING
    reported = 0
    for charge in data.draw(st.lists(charges, max_size=8)):
        spent += charge
        assert accounting.epsilon(spent, less) >= reported
        reported = accounting.epsilon(spent, less)
    assert accounting.epsilon(spent, more) <= reported


@given(st.permutations(range(6)), st.lists(CHARGES, min_size=6, max_size=6), DELTAS)
def test_order_and_books_are_irrelevant(order: list[int], charges: list[Loss], delta: int) -> None:
    whole = sum(charges, NOTHING)
    assert sum((charges[place] for place in order), NOTHING) == whole
    for cut in range(7):
        assert sum(charges[:cut], NOTHING) + sum(charges[cut:], NOTHING) == whole
    assert ZCDP.epsilon(whole, delta) == ZCDP.epsilon(sum((charges[place] for place in order), NOTHING), delta)


@given(RHOS, st.integers(1, 1000), st.integers(0, 10**13))
def test_a_charge_in_parts_costs_no_less_and_a_unit_a_part_more(rho: int, count: int, limit: int) -> None:
    part = -(-rho // count)
    assert rho <= count * part < rho + count
    granted = LossLimit(rho=RhoDelta(rho_picos=limit))
    if ZCDP.fits(granted, Loss(count * part, None, 0)):
        assert ZCDP.fits(granted, Loss(rho, None, 0))


@given(EPSILONS, st.integers(1, 50))
def test_pure_answers_in_parts_cost_no_more_in_rho(epsilon: int, count: int) -> None:
    """ε·tanh(ε/2) is convex where a budget is used: many small answers are cheaper than a large one, up to rounding."""
    part = epsilon // count
    if part and epsilon <= 2 * PICO:
        assert count * rho_of_pure(part) <= rho_of_pure(epsilon) + count


@given(RHOS, DELTAS)
def test_the_conversion_lies_between_exact_noise_and_the_loose_one(rho: int, delta: int) -> None:
    epsilon, loss, at = epsilon_of(rho, delta) / PICO, rho / PICO, delta / ATTO
    assert epsilon <= (loss + 2 * math.sqrt(loss * math.log(1 / at))) * (1 + 1e-12) + 1e-12
    assert exact_gaussian_delta(loss, epsilon) <= at * (1 + 1e-6) + 1e-13  # doubles cancel at tiny losses


@given(RHOS, EPSILONS)
def test_delta_lies_above_exact_noise(rho: int, epsilon: int) -> None:
    exact = exact_gaussian_delta(rho / PICO, epsilon / PICO)
    assert exact <= delta_of(rho, epsilon) / ATTO * (1 + 1e-6) + 1e-13


@given(EPSILONS, st.one_of(st.just(0), st.integers(1, 10**14)), st.integers(1, 60), DELTAS)
def test_approximate_charges_cover_the_worst_mechanism(epsilon: int, key_delta: int, count: int, delta: int) -> None:
    """However often the worst (ε, δ) mechanism is used, its exact δ at the reported ε is within what is reported."""
    charge = ZCDP.entered(Loss(0, epsilon, key_delta))
    spent = Loss(count * charge.rho_picos, count * epsilon, count * key_delta)
    reported = ZCDP.epsilon(spent, delta)
    if reported < SUM_MAX and reported / PICO < 600:
        exact = exact_response_delta(epsilon / PICO, key_delta / ATTO, count, reported / PICO)
        assert exact <= delta / ATTO * (1 + 1e-6) + 1e-13


@given(RHOS, EPSILONS, DELTAS, KEY_DELTAS)
def test_a_limit_in_epsilon_holds_what_is_reported_within_it(rho: int, epsilon: int, delta: int, key: int) -> None:
    share = min(key, delta - 1)
    limit = LossLimit(epsilon=EpsilonDelta(epsilon_picos=epsilon, delta_attos=delta), threshold_delta_attos=share)
    assert ZCDP.takes_limit(limit)
    for spent in (Loss(rho, None, key), Loss(rho, None, share // 2)):
        within = spent.delta_attos <= share and rho <= largest_rho(epsilon, delta - share)
        assert ZCDP.fits(limit, spent) == within
        if within:
            assert ZCDP.epsilon(spent, delta) <= epsilon
