"""ε by Rényi divergences, order by order.

A charge of ρ is at most αρ at every order α. One that is ε-differentially private is also at most the divergence of
randomised response with ε, of which every such mechanism is a post-processing; the lesser of both counts. Orders add
(Mironov 2017, arXiv 1702.07476, proposition 1), adaptively too. A δ that was spent is set aside, and ε told at the
rest.
"""

import math
from typing import Final

from sfumato.errors import MissingExtra
from sfumato.reporting.spending import ScopeSpending

PICO: Final = 10**12
ATTO: Final = 10**18


def epsilons(spending: ScopeSpending, deltas: list[int]) -> list[float]:
    """Return ε at each δ, which are in 10^-18; infinite where no ε holds.

    Raises:
        MissingExtra: `dp-accounting` is not installed (extra `report`).
    """
    try:
        from dp_accounting.rdp import rdp_privacy_accountant as rdp
    except ImportError:
        raise MissingExtra("a report", "report") from None
    orders = [float(order) for order in rdp.DEFAULT_RDP_ORDERS]
    curve = [_spent(spending, order) for order in orders]
    found = []
    for delta in deltas:
        rest = delta - spending.total.delta
        found.append(float(rdp.compute_epsilon(orders, curve, rest / ATTO)[0]) if rest > 0 else math.inf)
    return found


def response_divergence(epsilon: float, order: float) -> float:
    """Rényi divergence of randomised response that tells the truth with probability e^ε/(1 + e^ε)."""
    truth = -math.log1p(math.exp(-epsilon))
    one = order * truth + (1 - order) * (truth - epsilon)
    other = order * (truth - epsilon) + (1 - order) * truth
    return (max(one, other) + math.log1p(math.exp(-abs(one - other)))) / (order - 1)


def _spent(spending: ScopeSpending, order: float) -> float:
    total = math.fsum(count * order / (2 * draw.ratio**2) for draw, count in spending.gaussians.items())
    for loss, count in spending.losses.items():
        bounds = []
        if loss.rho or not loss.epsilon:
            bounds.append(order * loss.rho / PICO)
        if loss.epsilon:
            bounds.append(response_divergence(loss.epsilon / PICO, order))
        total += count * min(bounds)
    return total
