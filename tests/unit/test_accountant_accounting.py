"""Admission in ρ and δ: limits, conversion, the pure route, and what is told of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import Charge, EpsilonDelta, LossLimit, RhoDelta
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, ACCOUNTING_UNSPECIFIED, ACCOUNTING_ZCDP
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.accounting.admission import accounting_mismatch, budget_exhausted, price_above
from sfumato_accountant.accounting.basic import Basic
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.accounting.units import Unit
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_mesh.money import SUM_MAX

PICO, ATTO = 10**12, 10**18
ZCDP, BASIC = Zcdp(), Basic()
AMOUNTS = st.integers(0, ATTO)
LOSSES = st.builds(Loss, AMOUNTS, st.none() | AMOUNTS, AMOUNTS)


def rho(picos: int, delta: int = 0) -> LossLimit:
    return LossLimit(rho=RhoDelta(rho_picos=picos, delta_attos=delta))


def epsilon(picos: int, delta: int = 0, share: int = 0) -> LossLimit:
    return LossLimit(epsilon=EpsilonDelta(epsilon_picos=picos, delta_attos=delta), threshold_delta_attos=share)


LIMITS = st.one_of(
    st.builds(rho, st.integers(0, 10**15), AMOUNTS),
    st.builds(epsilon, st.integers(0, 10**15), AMOUNTS),
    st.builds(lambda picos, rest, share: epsilon(picos, share + rest, share), AMOUNTS, st.integers(1, ATTO), AMOUNTS),
)


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
    assert not ZCDP.fits(limit, Loss(1, None, 1))  # thresholds have no share
    assert not ZCDP.fits(epsilon(PICO), Loss(1, None, 0))


def test_the_share_of_thresholds_is_fixed_with_the_limit() -> None:
    limit = epsilon(4 * PICO, 10**12 + 10**11, share=10**11)
    fits = 311_064_954_900  # at δ 1e-6, whatever of the share is spent
    for spent in (0, 1, 10**11):
        assert ZCDP.fits(limit, Loss(fits - 10_000, None, spent))
        assert not ZCDP.fits(limit, Loss(fits + 10_000, None, spent))
        left = ZCDP.remaining(limit, Loss(0, None, spent))
        assert left.rho_picos == pytest.approx(fits, rel=1e-9)
        assert left.delta_attos == 10**11 - spent
    assert not ZCDP.fits(limit, Loss(1, None, 10**11 + 1))
    assert ZCDP.remaining(limit, Loss(1, None, 10**11 + 1)) == Loss(0, None, 0)
    assert ZCDP.limit_as_loss(limit, NOTHING).delta_attos == 10**11


def test_one_query_keeps_within_by_its_own_delta() -> None:
    limit = epsilon(4 * PICO, 10**12 + 10**11)
    fits = 311_064_954_900
    assert ZCDP.fits_once(limit, Loss(fits - 10_000, None, 10**11))
    assert not ZCDP.fits_once(limit, Loss(fits + 10_000, None, 10**11))
    assert not ZCDP.fits_once(limit, Loss(1, None, 10**12 + 10**11))
    assert not ZCDP.fits_once(limit, Loss(0, None, 10**12 + 10**11 + 1))
    assert ZCDP.fits_once(epsilon(PICO), Loss(PICO, PICO, 0))  # pure
    assert ZCDP.fits_once(rho(5, 7), Loss(5, None, 7))
    assert not ZCDP.fits_once(rho(5, 7), Loss(5, None, 8))
    assert BASIC.fits_once(epsilon(5, 7), Loss(0, 5, 7))
    assert not BASIC.fits_once(epsilon(5, 7), Loss(0, 5, 8))


def test_a_share_is_taken_below_the_delta_of_a_limit_in_epsilon_alone() -> None:
    assert ZCDP.takes_limit(epsilon(PICO, 10, 9))
    assert not BASIC.takes_limit(epsilon(PICO, 10, 9))
    within_rho = rho(PICO, 10)
    within_rho.threshold_delta_attos = 9
    for limit in (epsilon(PICO, 10, 10), epsilon(PICO, 10, -1), within_rho, LossLimit(threshold_delta_attos=1)):
        assert not ZCDP.takes_limit(limit)


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
    started = time.thread_time()
    ZCDP.fits(limit, spent)
    ZCDP.remaining(limit, spent)
    assert time.thread_time() - started < 0.5  # ten times what is promised


def test_a_sum_beyond_64_bits_is_never_admitted() -> None:
    assert not ZCDP.fits(rho(10**15), Loss(0, SUM_MAX + 1, 0))
    assert not Loss(SUM_MAX + 1, None, 0).is_representable


@pytest.mark.parametrize("charge", [Charge(), Charge(delta_attos=5), Charge(epsilon_picos=0)])
def test_a_price_without_rho_and_epsilon_is_no_price(charge: Charge) -> None:
    for accounting in (ZCDP, BASIC):
        assert not accounting.takes_charge(accounting.entered(Loss.from_proto(charge)))


def test_an_approximate_price_enters_rho_as_the_worst_mechanism_does() -> None:
    entered = ZCDP.entered(Loss(0, PICO, 10**9))
    assert entered == Loss(462_117_157_261, PICO, 10**9)  # tanh(1/2), and δ into its pool
    assert ZCDP.takes_charge(entered)
    assert ZCDP.entered(Loss(7, PICO, 0)) == Loss(7, PICO, 0)  # several mechanisms: their own ρ is lower, and known
    assert ZCDP.entered(Loss(7, None, 0)) == Loss(7, None, 0)
    assert not ZCDP.fits(rho(PICO, 10**8), entered)
    assert ZCDP.fits(rho(PICO, 10**9), entered)


def test_basic_adds_up_epsilons_and_deltas() -> None:
    limit = epsilon(PICO, 100)
    spent = NOTHING
    for _ in range(10):
        spent += Loss(0, PICO // 10, 10)
        assert BASIC.fits(limit, spent)
    assert not BASIC.fits(limit, spent + Loss(0, 1, 0))
    assert not BASIC.fits(limit, spent + Loss(0, 0, 1))
    assert BASIC.remaining(limit, spent) == NOTHING
    assert BASIC.remaining(limit, Loss(0, 1, 2)) == Loss(0, PICO - 1, 98)
    assert BASIC.limit_as_loss(limit, spent) == Loss(0, PICO, 100)
    assert (BASIC.epsilon(spent, 100), BASIC.epsilon(spent, 99)) == (PICO, SUM_MAX)
    assert not BASIC.fits(limit, Loss(0, SUM_MAX + 1, 0))


def test_basic_takes_nothing_in_rho() -> None:
    assert BASIC.takes_limit(epsilon(1))
    assert not BASIC.takes_limit(rho(1))
    assert not BASIC.takes_limit(LossLimit())
    assert BASIC.takes_charge(Loss(0, 1, 0))
    for charge in (Loss(1, None, 0), Loss(1, 1, 0), Loss(0, None, 1), Loss(0, 0, 1)):
        assert not BASIC.takes_charge(BASIC.entered(charge))
    assert not BASIC.fits(rho(PICO, 10), Loss(0, 1, 0))
    assert not BASIC.fits(epsilon(PICO), Loss(1, None, 0))


@pytest.mark.parametrize("accounting", [ZCDP, BASIC])
@given(limit=LIMITS, spent=LOSSES, more=LOSSES)
def test_filters_never_open_again(accounting: Zcdp | Basic, limit: LossLimit, spent: Loss, more: Loss) -> None:
    if not accounting.fits(limit, spent):
        assert not accounting.fits(limit, spent + more)


@given(LIMITS, LOSSES)
def test_the_most_that_is_told_passes_and_no_more_does(limit: LossLimit, spent: Loss) -> None:
    if not ZCDP.fits(limit, spent):
        return
    most = ZCDP.most(limit, spent, Unit.EPSILON)
    if most:
        assert ZCDP.fits(limit, spent + ZCDP.entered(Loss(0, most, 0)))
    if most < SUM_MAX - (spent.epsilon_picos or 0):
        assert not ZCDP.fits(limit, spent + ZCDP.entered(Loss(0, most + 1, 0)))


def test_only_accountings_that_are_served_are_found() -> None:
    assert isinstance(accounting_of(ACCOUNTING_ZCDP), Zcdp)
    assert isinstance(accounting_of(ACCOUNTING_BASIC), Basic)
    assert accounting_of(ACCOUNTING_UNSPECIFIED) is None
    assert {kind: accounting.kind for kind in (1, 2) if (accounting := accounting_of(kind))} == {1: 1, 2: 2}


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


def test_a_threshold_without_a_share_is_told_whom_to_ask() -> None:
    limits = [epsilon(PICO, 10**12, 10**11), rho(PICO, 10**12)]
    shared = budget_exhausted("populations/p", ZCDP, _lines(limits), Loss(5, None, 10**11 + 1))
    assert shared.metadata["hint"] == "spend at most δ 0.0000001 on keys by threshold, or list the keys"
    without = budget_exhausted("populations/p", ZCDP, _lines([*limits, epsilon(PICO, 10**12)]), Loss(5, None, 1))
    assert "ask a custodian for threshold_delta, or list the keys" in without.metadata["hint"]
    assert without.metadata["scope"] == "users/a2 on populations/p"


def _lines(limits: list[LossLimit]) -> list[tuple[ScopeKey, LossLimit, Loss]]:
    return [(ScopeKey(analyst=f"users/a{number}"), limit, NOTHING) for number, limit in enumerate(limits)]


def test_a_refusal_is_told_in_what_was_asked() -> None:
    ada = ScopeKey(analyst="users/ada")
    lines = [(ScopeKey(), epsilon(PICO, 10), Loss(0, PICO // 2, 0)), (ada, epsilon(PICO // 4), NOTHING)]
    basic = budget_exhausted("populations/p", BASIC, lines, Loss(0, PICO // 3, 0))
    assert "ρ" not in str(basic)
    assert not [key for key in basic.metadata if "rho" in key]
    assert (basic.metadata["scope"], basic.metadata["would_pass"]) == ("users/ada on populations/p", str(PICO // 4))
    assert (basic.metadata["requested_epsilon_picos"], basic.metadata["remaining_epsilon_picos"]) == (
        str(PICO // 3),
        str(PICO // 4),
    )
    assert "ε 0.25" in basic.metadata["hint"]
    # Where ρ is spent, ε may still be left: what would pass is said in ε to who asked in ε.
    pure = [(ScopeKey(), epsilon(10 * PICO, 10**12), ZCDP.entered(Loss(0, 19 * PICO // 2, 0)))]
    zcdp = budget_exhausted("populations/p", ZCDP, pure, ZCDP.entered(Loss(0, PICO, 0)))
    assert (zcdp.metadata["remaining_rho_picos"], zcdp.metadata["would_pass"]) == ("0", str(PICO // 2))
    assert "ε 0.5" in zcdp.metadata["hint"]


def test_a_price_above_a_limit_is_told_in_epsilon_where_rho_is_not_counted() -> None:
    refusal = price_above("PRICE_ABOVE_LIMIT", "the limit", Loss(0, PICO, 0), epsilon(PICO // 2), "limit", {})
    assert "ρ" not in str(refusal)
    assert refusal.metadata["price_epsilon_picos"] == str(PICO)
    assert "price_rho_picos" not in refusal.metadata


def test_a_limit_of_another_form_is_named() -> None:
    refusal = accounting_mismatch("populations/p", ACCOUNTING_BASIC, "limit")
    assert refusal.reason == "ACCOUNTING_MISMATCH"
    assert refusal.metadata["accounting"] == "BASIC"
    assert "ε" in refusal.metadata["hint"]
    assert [each.field for each in refusal.fields] == ["limit"]
