"""The price of a statement, from its statistics alone, and what the library is told to spend.

Neighbours differ by all rows of one unit, which are at most m rows. The library gets `row_privacy`, so that a row is
its unit: each statistic is ε_row-DP under adding or removing one row, over all groups together, since a row is in one
group (snsql/_ast/ast.py, Query.load_symbols, makes one mechanism a column with max_contrib 1; Laplace in
snsql/sql/_mechanisms/laplace.py finds its scale by OpenDP for the bounded sum under the symmetric distance). With k
statistics m rows lose m·k·ε_row.

With a threshold a group is shown where its noisy count is above 1 + ln(1/(2δ_row))/ε_row (Laplace.threshold), which a
group that a single row makes passes with probability δ_row. So a row loses (k·ε_row, δ_row), and a unit
(m·k·ε_row, m·e^((m−1)·k·ε_row)·δ_row): group privacy (Dwork and Roth 2014, theorem 2.2; Vadhan 2017, lemma 2.2).

`censor_dims` with DPSU (snsql/sql/dpsu.py) is never used: its ε is a constant that no odometer counts.
"""

import math
from dataclasses import dataclass
from typing import Final

from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.paying import approximate, approximate_loss, pure_epsilon, pure_loss
from sfumato_executor.plan.funds import loss_too_small
from sfumato_executor.plan.program import Loss

_LARGEST_SCALE: Final = 9_999_000.0
"""The library refuses noise scales above 10^7 (Laplace._compute_noise_scale)."""
_LEAST_DELTA: Final = 1e-30


@dataclass(frozen=True)
class Price:
    """What is charged, and what the library spends on one row."""

    loss: Loss
    epsilon: float
    """ε of one statistic under one row more or less."""
    delta: float
    """δ of the threshold under one row more or less; 0 without."""


def price(asked: Asked, statistic_count: int, rows_per_unit: int, thresholded: bool) -> Price:
    """Share a payment out among statistics.

    Raises:
        Refusal: those of `paying`.
    """
    if not thresholded:
        epsilon = pure_epsilon(asked.payment, asked.accounting)
        per_row = _down(epsilon / 1e12 / statistic_count / rows_per_unit)
        return Price(pure_loss(epsilon, asked.accounting), per_row, 0.0)
    epsilon, delta = approximate(asked.payment, asked.accounting)
    per_row = _down(epsilon / 1e12 / statistic_count / rows_per_unit)
    others = (rows_per_unit - 1) * statistic_count * per_row
    of_row = delta / 1e18 / rows_per_unit * math.exp(-min(others, 700.0)) * (1 - 1e-9)
    if of_row < _LEAST_DELTA:
        raise loss_too_small("rows of a unit leave no delta for the threshold")
    return Price(approximate_loss(epsilon, delta, asked.accounting), per_row, of_row)


def noise_scale(sensitivity: float, epsilon: float) -> float:
    """Return the Laplace scale of a statistic, in its unit, from above.

    Raises:
        Refusal: PLAN_REJECTED "loss_too_small", where the library would draw no such noise.
    """
    if epsilon <= 0 or sensitivity / epsilon > _LARGEST_SCALE:
        raise loss_too_small("the library draws no noise of a scale above 10,000,000")
    return sensitivity / epsilon * (1 + 1e-6)


def _down(value: float) -> float:
    """Below by more than the roundings on the way."""
    return value * (1 - 1e-12)
