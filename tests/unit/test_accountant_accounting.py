"""Admission in ρ and δ: limits, conversion, the pure route, and what is told of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import Charge, EpsilonDelta, LossLimit, RhoDelta
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, ACCOUNTING_ZCDP
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.accounting.admission import budget_exhausted
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_mesh.money import SUM_MAX

PICO, ATTO = 10**12, 10**18
ZCDP = Zcdp()
AMOUNTS = st.integers(0, ATTO)
LOSSES = st.builds(Loss, AMOUNTS, st.none() | AMOUNTS, AMOUNTS)
LIMITS = st.one_of(
    st.builds(lambda r, d: LossLimit(rho=RhoDelta(rho_picos=r, delta_attos=d)), st.integers(0, 10**15), AMOUNTS),
    st.builds(
        lambda e, d: LossLimit(epsilon=EpsilonDelta(epsilon_picos=e, delta_attos=d)), st.integers(0, 10**15), AMOUNTS
    ),
)


def rho(picos: int, delta: int = 0) -> LossLimit:
    return LossLimit(rho=RhoDelta(rho_picos=picos, delta_attos=delta))


def epsilon(picos: int, delta: int = 0) -> LossLimit:
    return LossLimit(epsilon=EpsilonDelta(epsilon_picos=picos, delta_attos=delta))


LIMITS = st.one_of(st.builds(rho, st.integers(0, 10**15), AMOUNTS), st.builds(epsilon, st.integers(0, 10**15), AMOUNTS))


def test_a_limit_in_rho_holds_exactly() -> None:
    limit = rho(PICO // 2, 100)
    step = Loss(20_000_000_000, None, 4)
    spent = NOTHING
    for _ in range(25):  # 25 × ρ 0.02 fits 0.5
        spent += step
        assert ZCDP.fits(limit, spent)
    assert not ZCDP.fits(limit, spent + Loss(1, None, 0))
    assert not ZCDP.fits(limit, Loss(1, None, 101))
    assert not ZCDP.fits(LossLimit(), NOTHING)


def test_a_limit_in_epsilon_holds_what_the_tight_conversion_allows() -> None:
    limit = epsilon(4 * PICO, 10**12)
    fits = 311_064_954_900  # ρ 0.3110649549 at (4, 1e-6): accounting.md
    assert ZCDP.fits(limit, Loss(fits - 10_000, None, 0))
    assert not ZCDP.fits(limit, Loss(fits + 10_000, None, 0))
    assert not ZCDP.fits(limit, Loss(fits - 10_000, None, 10**11))  # the δ of keys is not there for the conversion
    assert not ZCDP.fits(limit, Loss(1, None, 10**12))
    assert not ZCDP.fits(epsilon(PICO), Loss(1, None, 0))


def test_the_pure_route_closes_with_the_first_other_entry() -> None:
    limit = epsilon(10 * PICO, 10**12)
    half = Loss(122_459_331_202, PICO // 2, 0)
    spent = NOTHING
    for _ in range(20):  # ε 0.5 × 20: 10 by sums, 12.1 by conversion
        spent += half
        assert ZCDP.fits(limit, spent)
    assert not ZCDP.fits(limit, spent + Loss(1, 1, 0))
    assert not ZCDP.fits(limit, Loss(spent.rho_picos, None, 0))
    assert not ZCDP.fits(limit, Loss(spent.rho_picos, spent.epsilon_picos, 1))
    assert ZCDP.remaining(limit, half).epsilon_picos == 10 * PICO - PICO // 2
    assert ZCDP.remaining(limit, half + Loss(1, None, 0)).epsilon_picos is None


def test_the_reported_epsilon_is_the_tighter_bound() -> None:
    hundred_counts = Loss(PICO // 2, None, 0)
    assert ZCDP.epsilon(hundred_counts, 10**12) == pytest.approx(5.2215344445 * PICO, rel=1e-9)
    assert ZCDP.epsilon(Loss(462_117_157_261, PICO, 0), 10**12) == PICO
    assert ZCDP.epsilon(Loss(1, None, 10**12), 10**12) == SUM_MAX
    assert ZCDP.epsilon(NOTHING, 10**12) == 0


@given(LIMITS, LOSSES, LOSSES)
def test_what_does_not_fit_never_fits_with_more(limit: LossLimit, spent: Loss, more: Loss) -> None:
    if not ZCDP.fits(limit, spent):
        assert not ZCDP.fits(limit, spent + more)


@given(LIMITS, LOSSES)
def test_what_remains_in_rho_may_be_spent(limit: LossLimit, spent: Loss) -> None:
    left = ZCDP.remaining(limit, spent)
    assert min(left.rho_picos, left.delta_attos) >= 0
    if ZCDP.fits(limit, spent) and left.rho_picos:
        assert ZCDP.fits(limit, spent + Loss(left.rho_picos, None, 0))


@given(st.lists(LOSSES, max_size=8))
def test_sums_do_not_depend_on_order(losses: list[Loss]) -> None:
    assert sum(losses, NOTHING) == sum(reversed(losses), NOTHING)


@given(LIMITS, LOSSES)
def test_admission_is_quick_for_any_amounts(limit: LossLimit, spent: Loss) -> None:
    started = time.perf_counter()
    ZCDP.fits(limit, spent)
    ZCDP.remaining(limit, spent)
    assert time.perf_counter() - started < 0.05


def test_a_sum_beyond_64_bits_is_never_admitted() -> None:
    assert not ZCDP.fits(rho(10**15), Loss(0, SUM_MAX + 1, 0))
    assert not Loss(SUM_MAX + 1, None, 0).is_representable


@pytest.mark.parametrize("charge", [Charge(), Charge(epsilon_picos=5), Charge(delta_attos=5)])
def test_a_price_without_rho_is_no_price(charge: Charge) -> None:
    assert not ZCDP.takes_charge(Loss.from_proto(charge))


def test_only_accountings_that_are_served_are_found() -> None:
    assert isinstance(accounting_of(ACCOUNTING_ZCDP), Zcdp)
    assert accounting_of(ACCOUNTING_BASIC) is None


def test_losses_are_written_and_read_alike() -> None:
    for loss in (NOTHING, Loss(5, None, 7), Loss(5, 0, 0)):
        assert Loss.from_proto(loss.to_proto()) == loss


def test_scopes_match_by_all_their_named_parts() -> None:
    payer = Payer(("datasets/a", "datasets/b"), "projects/p", "users/u")
    matching = [
        ScopeKey(),
        ScopeKey(dataset="datasets/b"),
        ScopeKey(project="projects/p", analyst="users/u"),
        ScopeKey("datasets/a", "projects/p", "users/u"),
    ]
    others = [ScopeKey("datasets/c"), ScopeKey(project="projects/q"), ScopeKey("datasets/a", "", "users/v")]
    assert payer.matching([*others, *matching]) == sorted(matching)
    assert payer.may_pay([ScopeKey(), ScopeKey(analyst="users/u")])
    assert not payer.may_pay([ScopeKey(), ScopeKey(dataset="datasets/a"), ScopeKey(analyst="users/v")])
    assert not payer.may_pay([ScopeKey(analyst="users/u")])
    assert not Payer(("datasets/a",), "", "users/v").may_pay([ScopeKey(), ScopeKey(project="projects/p")])


def test_the_scope_with_the_least_left_is_named() -> None:
    ada = ScopeKey(analyst="users/ada")
    lines = [(ScopeKey(), rho(100), Loss(95, None, 0)), (ada, rho(100, 5), Loss(98, None, 5))]
    refusal = budget_exhausted("populations/p", ZCDP, lines, Loss(10, None, 0))
    assert refusal.metadata["scope"] == "users/ada on populations/p"
    assert (refusal.metadata["remaining_rho_picos"], refusal.metadata["would_pass"]) == ("2", "2")
    assert "0.000000000002" in refusal.metadata["hint"]
    of_delta = budget_exhausted("populations/p", ZCDP, lines, Loss(1, None, 1))
    assert of_delta.metadata["requested_delta_attos"] == "1"
    assert "δ" in of_delta.metadata["hint"]
