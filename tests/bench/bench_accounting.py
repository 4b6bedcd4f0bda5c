"""Admission: whether a total keeps within a limit, nothing remembered from before, for usual and hostile amounts."""

import random
from collections.abc import Callable, Sequence

from sfumato.v1.charge_pb2 import EpsilonDelta, LossLimit, RhoDelta
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.basic import Basic
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_mesh import zcdp
from tests.bench.lines import Line, at_most, milliseconds, typical

_TIMES = 500
_REMEMBERED = (zcdp.epsilon_of, zcdp.largest_rho, zcdp.delta_of, zcdp.rho_of_pure, zcdp.largest_pure)


def rows() -> list[Line]:
    """Measured lines; all on one processor, and none with a store."""
    rho = LossLimit(rho=RhoDelta(rho_picos=10**12, delta_attos=10**12))
    epsilon = LossLimit(epsilon=EpsilonDelta(epsilon_picos=4 * 10**12, delta_attos=10**12))
    split = LossLimit(epsilon=epsilon.epsilon, threshold_delta_attos=10**11)
    spent, charge = Loss(10**11, None, 10**9), Loss(2 * 10**10, None, 10**8)
    pure = Loss(0, 10**11, 0)
    return [
        at_most("admission, ZCDP, limit in ρ", _typical(Zcdp(), rho, spent, charge), "ms", 1),
        at_most("admission, ZCDP, limit in (ε, δ)", _typical(Zcdp(), split, spent, charge), "ms", 1),
        at_most("admission, BASIC", _typical(Basic(), epsilon, pure, pure), "ms", 1),
        at_most("ε of what is spent", typical(_forgetting(lambda: Zcdp().epsilon(spent, 10**12)), _TIMES), "ms", 1),
        at_most(f"admission and report, the slowest of {_TIMES} hostile amounts", max(_hostile()), "ms", 50),
    ]


def _typical(accounting: Accounting, limit: LossLimit, spent: Loss, charge: Loss) -> float:
    def decide() -> bool:
        return accounting.fits(limit, spent + accounting.entered(charge))

    return typical(_forgetting(decide), _TIMES)


def _forgetting(run: Callable[[], object]) -> Callable[[], object]:
    def forget_and_run() -> object:
        for function in _REMEMBERED:
            function.cache_clear()
        return run()

    return forget_and_run


def _hostile() -> Sequence[float]:
    """Milliseconds of amounts of every order of magnitude, each a first one."""
    generator = random.Random(7)

    def amount(most: float) -> int:
        return int(10 ** generator.uniform(0, most))

    times = []
    for _ in range(_TIMES):
        delta = amount(17.99)
        share = int(delta * generator.random())
        limit = LossLimit(
            epsilon=EpsilonDelta(epsilon_picos=amount(15), delta_attos=delta), threshold_delta_attos=share
        )
        spent = Loss(amount(18.9), amount(18.9) if generator.random() < 0.5 else None, int(share * generator.random()))
        delta = amount(18)

        def judge(limit: LossLimit = limit, spent: Loss = spent, delta: int = delta) -> None:
            accounting = Zcdp()
            accounting.fits(limit, spent)
            accounting.remaining(limit, spent)
            accounting.most(limit, spent, accounting.unit(spent))
            accounting.epsilon(spent, delta)

        times.append(milliseconds(_forgetting(judge)))
    return times
