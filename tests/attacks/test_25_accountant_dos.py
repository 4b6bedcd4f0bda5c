"""Row 25, attack: an amount that keeps the accountant or the compiler busy.

Admission uses closed forms. Every amount that the wire allows is priced, converted or refused within a fraction of a
second, on one core, whatever noise scale it leads to.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from sfumato_executor.plan import losses
from sfumato_executor.plan.accuracy import measure_accuracies
from sfumato_executor.plan.program import Sensitivity
from sfumato_mesh import zcdp
from tests.attacks.tables import SCAN, dataset, program, program_or_rule
from tests.attacks.wire import epsilon, rho

MADE = dataset(
    'columns { name: "x" real { lower: -1000 upper: 1000 } } columns { name: "k" integer { upper: 9 } }',
)
SECONDS = 0.25
"""The row asks for 50 ms; this is for a machine that does other things too."""
EXTREMES = [1, 2, 3, 999, 10**6, 10**9, 10**12 - 1, 10**12, 10**15 - 1, 10**15]
DELTAS = [0, 1, 2, 10**6, 10**12, 10**17, 10**18 - 1]


def timed(call: Callable[[], Any]) -> float:
    """Best of three, so that what else the machine does is not measured."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def test_conversions_are_closed_forms_at_every_amount() -> None:
    chance = random.Random(25)
    amounts = [*EXTREMES, *(chance.randrange(1, 10 ** chance.randint(1, 18)) for _ in range(60)), 2**63 - 1]
    for amount in amounts:
        for delta in DELTAS[1:]:
            assert timed(lambda a=amount, d=delta: zcdp.epsilon_of(a, d)) < SECONDS  # type: ignore[misc]
            assert timed(lambda a=amount, d=delta: zcdp.largest_rho(a, d)) < SECONDS  # type: ignore[misc]
        assert timed(lambda a=amount: zcdp.rho_of_pure(a)) < SECONDS  # type: ignore[misc]
        assert timed(lambda a=amount: zcdp.delta_of(a, a)) < SECONDS  # type: ignore[misc]


def cleared(call: Callable[[], Any]) -> Any:
    """Run without what was priced before."""
    for cached in (
        losses.gaussian,
        losses.laplace,
        losses.noisy_max,
        losses.gaussian_threshold,
        losses.laplace_threshold,
    ):
        cached.cache_clear()
    zcdp.largest_pure.cache_clear()
    try:
        return call()
    except losses.LossTooSmallError:
        return None


@pytest.mark.parametrize("amount", [1, 1000, 10**6, 10**9, 10**12, 10**15])
@pytest.mark.parametrize("linf", [1, 10**6, 2**40])
def test_every_scale_is_fitted_in_time(amount: int, linf: int) -> None:
    """Payments and sensitivities that lead to noise scales from far below 1e-6 to above 1e9."""
    bound = Sensitivity(3, 3.0 * linf, 1.7320508075688774 * linf, linf)
    cleared(lambda: losses.gaussian(bound, amount))  # loads the library
    for price in (
        lambda: losses.gaussian(bound, amount),
        lambda: losses.laplace(bound, amount),
        lambda: losses.noisy_max(min(linf, 2**30), 3, amount, False),
        lambda: losses.noisy_max(min(linf, 2**30), 3, amount, True),
        lambda: losses.gaussian_threshold(bound, amount, 10**6),
        lambda: losses.laplace_threshold(bound, amount, 10**6),
    ):
        assert timed(lambda p=price: cleared(p)) < SECONDS  # type: ignore[misc]


MEASURES = """
    measures { alias: "n" count { } weight: 1000000 } measures { alias: "m" mean { value { column: "x" } } weight: 1 }
    measures { alias: "q" quantile { value { column: "x" } level: 0.123456789 candidate_count: 10000 } }
"""


@pytest.mark.parametrize("amount", EXTREMES)
@pytest.mark.parametrize("delta", [0, 1, 10**12, 10**18 - 1])
def test_every_payment_is_priced_or_refused_in_time(amount: int, delta: int) -> None:
    def asked(payment: Any) -> None:
        compiled = program_or_rule(f"{SCAN} {MEASURES}", MADE, payment)
        if isinstance(compiled, str):
            assert compiled in ("loss_too_small", "capacity")
        else:
            measure_accuracies(compiled, 1 - 2**-53, (1, 10**12))

    program(f"{SCAN} {MEASURES}", MADE)
    for payment in (rho(amount, delta), epsilon(amount, delta)):
        assert timed(lambda p=payment: asked(p)) < 2 * SECONDS  # type: ignore[misc]
