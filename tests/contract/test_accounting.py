"""Each way of adding up losses under the one suite: the accountant's two, a reference, and one known as wrong."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import dp_accounting
import numpy
import pytest
from dp_accounting.rdp import rdp_privacy_accountant

from sfumato.v1.charge_pb2 import EpsilonDelta, LossLimit
from sfumato_accountant.accounting.basic import Basic
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_mesh.money import ATTO, PICO, SUM_MAX, attos_down, picos_down
from tests.contract.accounting_suite import (
    AccountingSuite,
    best_adversary_delta,
    exact_gaussian_delta,
    exact_response_delta,
    failing,
)


class Booked:
    """The accountant's accounting as a subject."""

    def __init__(self, accounting: Zcdp | Basic, charges: Sequence[Loss], hostile: Sequence[Loss]) -> None:
        self.accounting = accounting
        self.charges = [accounting.entered(charge) for charge in charges]
        self.hostile = [accounting.entered(charge) for charge in hostile]

    def total(self, charges: Sequence[Loss]) -> Loss:
        return sum(charges, NOTHING)

    def joined(self, one: Loss, other: Loss) -> Loss:
        return one + other

    def parts(self, charge: Loss, count: int) -> list[Loss]:
        epsilon = None if charge.epsilon_picos is None else -(-charge.epsilon_picos // count)
        if charge.rho_picos and epsilon is not None:
            return []  # the ρ of a pure answer is not proportional to its ε
        return [Loss(-(-charge.rho_picos // count), epsilon, -(-charge.delta_attos // count))] * count

    def reported(self, total: Loss, delta: float) -> tuple[float, float]:
        epsilon = self.accounting.epsilon(total, round(delta * ATTO))
        return math.inf if epsilon == SUM_MAX else epsilon / PICO, delta

    def admitted(self, total: Loss, epsilon: float, delta: float) -> bool:
        limit = EpsilonDelta(epsilon_picos=picos_down(epsilon), delta_attos=attos_down(delta))
        return self.accounting.fits(LossLimit(epsilon=limit), total)

    def true_delta(self, charge: Loss, count: int, epsilon: float) -> float:
        delta = charge.delta_attos / ATTO
        if charge.epsilon_picos is not None:
            return exact_response_delta(charge.epsilon_picos / PICO, delta, count, epsilon)
        spent = -math.expm1(count * math.log1p(-delta))
        return spent + (1 - spent) * exact_gaussian_delta(count * charge.rho_picos / PICO, epsilon)


class TestZcdp(AccountingSuite):
    subject = Booked(
        Zcdp(),
        charges=[
            Loss(5 * 10**9, None, 0),
            Loss(2 * 10**10 + 1, None, 0),
            Loss(10**12, None, 0),
            Loss(10**10, None, 10**9),
            Loss(0, 10**11, 0),
            Loss(0, 10**12, 0),
            Loss(0, 10**10, 10**10),
        ],
        hostile=[Loss(1, None, 0), Loss(10**18, None, 0), Loss(10**18, 10**18, 10**18), Loss(1, 1, 1), Loss(0, 1, 0)],
    )


class TestBasic(AccountingSuite):
    subject = Booked(
        Basic(),
        charges=[Loss(0, 10**11, 0), Loss(0, 5 * 10**11, 0), Loss(0, 10**10, 10**12), Loss(0, 10**10, 10**16)],
        hostile=[Loss(0, 1, 0), Loss(0, 10**18, 10**18), Loss(0, SUM_MAX, SUM_MAX)],
    )


class Renyi:
    """dp-accounting's Rényi accountant as a subject: the reference that both judges agree with."""

    charges = (dp_accounting.GaussianDpEvent(10.0), dp_accounting.GaussianDpEvent(2.0), dp_accounting.LaplaceDpEvent(5))
    hostile = (dp_accounting.GaussianDpEvent(1e-3), dp_accounting.GaussianDpEvent(1e6))

    def total(self, charges: Sequence[Any]) -> Any:
        return [self._curve(each) for each in charges]

    def joined(self, one: Any, other: Any) -> Any:
        return [*one, *other]

    def parts(self, charge: Any, count: int) -> list[Any]:
        if not isinstance(charge, dp_accounting.GaussianDpEvent):
            return []
        return [dp_accounting.GaussianDpEvent(charge.noise_multiplier * math.sqrt(count))] * count

    def reported(self, total: Any, delta: float) -> tuple[float, float]:
        orders = rdp_privacy_accountant.DEFAULT_RDP_ORDERS
        spent = numpy.sum(total, axis=0) if total else numpy.zeros(len(orders))
        return float(rdp_privacy_accountant.compute_epsilon(orders, spent, delta)[0]), delta

    def admitted(self, total: Any, epsilon: float, delta: float) -> bool:
        return self.reported(total, delta)[0] <= epsilon

    def true_delta(self, charge: Any, count: int, epsilon: float) -> float:
        if isinstance(charge, dp_accounting.GaussianDpEvent):
            return exact_gaussian_delta(count / (2 * charge.noise_multiplier**2), epsilon)
        return 0.0  # of repeated Laplace noise no closed form is at hand

    @staticmethod
    @functools.cache
    def _curve(event: Any) -> Any:
        accountant = dp_accounting.rdp.RdpAccountant()
        accountant.compose(event)
        return accountant._rdp


class TestRenyi(AccountingSuite):
    subject = Renyi()


@dataclass(frozen=True)
class Spend:
    """One (ε, δ) that is spent again and again."""

    epsilon: float
    delta: float


class FaultyOdometer:
    """The odometer of SmartNoise-SQL as it was released: it sees k equal spends, and its δ falls.

    Kairouz, Oh and Viswanath's theorem 3.4 gives 1 − (1 − δ)^k·(1 − δ'); with d = 1 − (1 − δ)^k the odometer says
    d·(1 − d) + δ' instead, at δ' = δ/2.
    """

    charges = (Spend(0.01, 0.01),)
    hostile = (Spend(1e-9, 1e-15), Spend(700.0, 0.5))

    def total(self, charges: Sequence[Spend]) -> list[Spend]:
        return list(charges)

    def joined(self, one: list[Spend], other: list[Spend]) -> list[Spend]:
        return one + other

    def parts(self, charge: Spend, count: int) -> list[Spend]:
        return []

    def reported(self, total: list[Spend], delta: float) -> tuple[float, float]:
        if not total:
            return 0.0, 0.0
        each, count, tolerance = total[0], len(total), total[0].delta / 2
        mean = count * each.epsilon * math.tanh(each.epsilon / 2)
        tails = (math.log(math.e + math.sqrt(count) * each.epsilon / tolerance), math.log(1 / tolerance))
        bounds = [mean + each.epsilon * math.sqrt(2 * count * tail) for tail in tails]
        leaked = 1 - (1 - each.delta) ** count
        return min(count * each.epsilon, *bounds), leaked * (1 - leaked) + tolerance

    def admitted(self, total: list[Spend], epsilon: float, delta: float) -> bool:
        spent, at = self.reported(total, delta)
        return spent <= epsilon and at <= delta

    def true_delta(self, charge: Spend, count: int, epsilon: float) -> float:
        return exact_response_delta(charge.epsilon, charge.delta, count, epsilon)


class MendedOdometer(FaultyOdometer):
    """The same with the δ of the theorem."""

    def reported(self, total: list[Spend], delta: float) -> tuple[float, float]:
        if not total:
            return 0.0, 0.0
        epsilon, _ = super().reported(total, delta)
        return epsilon, 1 - (1 - total[0].delta) ** len(total) * (1 - total[0].delta / 2)


def suite_of(subject: Any) -> AccountingSuite:
    suite = AccountingSuite()
    suite.subject = subject
    return suite


@pytest.mark.parametrize(("count", "told", "theorem"), [(10, 0.0915, 0.1001), (100, 0.2371, 0.6358)])
def test_the_faulty_odometer_is_the_one_that_was_released(count: int, told: float, theorem: float) -> None:
    spends = [Spend(0.01, 0.01)] * count
    assert FaultyOdometer().reported(spends, 0)[1] == pytest.approx(told, abs=6e-5)
    assert MendedOdometer().reported(spends, 0)[1] == pytest.approx(theorem, abs=6e-5)


@pytest.mark.parametrize(("count", "told", "theorem"), [(500, 0.0115, 0.9935), (1000, 0.0050, 0.99996)])
def test_it_reports_less_the_more_is_spent(count: int, told: float, theorem: float) -> None:
    spends = [Spend(0.01, 0.01)] * count
    assert FaultyOdometer().reported(spends, 0)[1] == pytest.approx(told, abs=6e-5)
    assert MendedOdometer().reported(spends, 0)[1] == pytest.approx(theorem, abs=6e-5)


def test_the_suite_finds_the_faulty_odometer() -> None:
    assert failing(suite_of(FaultyOdometer())) == {
        "test_reports_never_fall_as_a_charge_is_repeated",
        "test_no_report_is_below_a_mechanism_that_costs_as_much",
        "test_what_is_refused_stays_refused",
    }
    assert failing(suite_of(MendedOdometer())) == set()


class Undercharged(Booked):
    """An accountant that charges pure answers at the ρ of the continuous Laplace mechanism."""

    def total(self, charges: Sequence[Loss]) -> Loss:
        return sum((self._entered(each) for each in charges), NOTHING)

    @staticmethod
    def _entered(charge: Loss) -> Loss:
        if charge.epsilon_picos is None:
            return charge
        epsilon = charge.epsilon_picos / PICO
        return Loss(round((epsilon + math.expm1(-epsilon)) * PICO), None, charge.delta_attos)


def test_the_suite_finds_the_continuous_laplace_formula() -> None:
    charges = [Loss(0, 4 * 10**12, 0)]
    below = {"test_no_report_is_below_a_mechanism_that_costs_as_much"}
    assert failing(suite_of(Undercharged(Zcdp(), charges, hostile=[]))) == below
    assert failing(suite_of(Booked(Zcdp(), charges, hostile=[]))) == set()


RESPONSE, LEAKS = 0.3, 20
"""ε of a random response, and how many looks that may tell all spend the δ of a limit."""
LIMIT = EpsilonDelta(epsilon_picos=5 * 10**12, delta_attos=10**16)


def adversary_delta(accounting: Zcdp | Basic, fits: Callable[[Loss], bool]) -> float:
    """Return what the best adversary gets at the ε of the limit, as a multiple of its δ."""
    response = accounting.entered(Loss(0, round(RESPONSE * PICO), 0))
    look = accounting.entered(Loss(0, 1, LIMIT.delta_attos // LEAKS))

    def admits(responses: int, looks: int) -> bool:
        return fits(sum([response] * responses + [look] * looks, NOTHING))

    leak, delta = LIMIT.delta_attos / LEAKS / ATTO, LIMIT.delta_attos / ATTO
    return best_adversary_delta(admits, RESPONSE, leak, LIMIT.epsilon_picos / PICO) / delta


@pytest.mark.parametrize("looks", [0, 1, 5, 10, 15, 19])
def test_no_adversary_passes_a_limit_whose_delta_is_split_beforehand(looks: int) -> None:
    limit = LossLimit(epsilon=LIMIT, threshold_delta_attos=looks * LIMIT.delta_attos // LEAKS)
    assert Zcdp().takes_limit(limit)
    reached = adversary_delta(Zcdp(), lambda total: Zcdp().fits(limit, total))
    assert looks / LEAKS * 0.99 < reached <= 1  # it spends what it may


def test_no_adversary_passes_a_limit_of_sums() -> None:
    limit = LossLimit(epsilon=LIMIT)
    assert 0.98 < adversary_delta(Basic(), lambda total: Basic().fits(limit, total)) <= 1


def test_an_adversary_passes_a_limit_whose_split_follows_what_is_spent() -> None:
    """As it would be with the conversion at the δ that is not spent: a rule for one query, not for many."""
    limit = LossLimit(epsilon=LIMIT)
    assert adversary_delta(Zcdp(), lambda total: Zcdp().fits_once(limit, total)) > 1.05


@pytest.mark.parametrize(
    ("epsilon", "count", "optimal"), [("0.1", 100, "4.8"), ("0.01", 1000, "1.38"), ("0.5", 20, "10")]
)
def test_the_worst_mechanism_is_as_published(epsilon: str, count: int, optimal: str) -> None:
    """Theorem 3.3 at δ 1e-6: the least of (k − 2i)·ε that holds."""
    each, least = float(epsilon), float(optimal)
    assert exact_response_delta(each, 0, count, least) <= 1e-6
    step = float(2 * Fraction(epsilon))
    assert least - step < 0 or exact_response_delta(each, 0, count, least - step) > 1e-6


@pytest.mark.parametrize(
    ("rho", "delta", "epsilon"),
    [(0.5, 1e-6, 4.8865541175), (0.5, 1e-5, 4.3771780957), (0.005, 1e-6, 0.3968573776), (0.125, 1e-5, 1.9930914044)],
)
def test_the_exact_gaussian_curve_is_as_published(rho: float, delta: float, epsilon: float) -> None:
    assert exact_gaussian_delta(rho, epsilon) == pytest.approx(delta, rel=2e-8)


GAUSSIAN, LAPLACE = dp_accounting.GaussianDpEvent, dp_accounting.LaplaceDpEvent


@pytest.mark.parametrize(
    ("charges", "delta", "epsilon"),
    [
        ([GAUSSIAN(10.0)] * 100, 1e-6, 5.2215396312),
        ([GAUSSIAN(10.0)] * 100, 1e-5, 4.7285070672),
        ([GAUSSIAN(100.0)] * 1000, 1e-6, 1.4716562679),
        ([LAPLACE(10.0)] * 100, 1e-6, 4.9841739650),
        ([LAPLACE(100.0)] * 1000, 1e-6, 1.4658418249),
        ([LAPLACE(2.0)] * 20, 1e-6, 9.7449758772),
        ([GAUSSIAN(10.0)] * 50 + [LAPLACE(10.0)] * 20, 1e-6, 4.2104375389),
    ],
)
def test_the_reference_is_as_published(charges: list[Any], delta: float, epsilon: float) -> None:
    assert Renyi().reported(Renyi().total(charges), delta)[0] == pytest.approx(epsilon, rel=1e-9)
