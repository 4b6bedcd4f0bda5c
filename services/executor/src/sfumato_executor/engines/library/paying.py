"""What a payment buys of a library's guarantee, and what that guarantee costs.

Libraries give one of three: pure ε, ρ of zero-concentrated DP, or (ε, δ). Amounts are integers, ε and ρ in picos and δ
in attos. What may be spent is rounded down, what is charged is rounded up.

A pure ε costs ρ = ε·tanh(ε/2) (`zcdp.rho_of_pure`). An (ε, δ) mechanism costs the same ρ with δ beside it: but for an
event of probability δ it is the post-processing of randomised response with ε (Kairouz, Oh and Viswanath 2015, section
3). In a BASIC population ε and δ are added up as they are, and ρ is 0.
"""

import grpc

from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, Accounting
from sfumato_executor.plan.funds import funds
from sfumato_executor.plan.program import Loss
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.zcdp import largest_pure, rho_of_pure


def pure_epsilon(payment: Payment, accounting: int) -> int:
    """Return the ε, in picos, that a pure mechanism may spend. A δ in the payment is converted away, and not charged.

    Raises:
        Refusal: ACCOUNTING_MISMATCH, PLAN_REJECTED ("loss_too_small", "loss_too_large").
    """
    worth = funds(payment, accounting, thresholded=False)
    return worth.amount_picos if worth.pure else largest_pure(worth.amount_picos)


def concentrated_rho(payment: Payment, accounting: int) -> int:
    """Return the ρ, in picos, that a mechanism of zero-concentrated DP may spend.

    Raises:
        Refusal: ACCOUNTING_MISMATCH, in a BASIC population; PLAN_REJECTED ("noise" for a payment in ε without δ, and
            those of `pure_epsilon`).
    """
    if accounting == ACCOUNTING_BASIC:
        raise _mismatch(accounting, "its loss is a rho, and the population adds up epsilons")
    worth = funds(payment, accounting, thresholded=False)
    if worth.pure:
        message = "its noise has no pure loss, and the payment is an epsilon without a delta"
        raise plan_rejected("noise", "payment", message, hint="pay in rho, or with a delta such as 1e-6")
    return worth.amount_picos


def approximate(payment: Payment, accounting: int) -> tuple[int, int]:
    """Return ε in picos and δ in attos that an (ε, δ) mechanism may spend.

    In a ZCDP population it is the largest ε whose ρ the payment covers: of one in ε and δ, half of δ serves the
    conversion that the accountant makes as well, and the other half is spent. In a BASIC population both are spent.

    Raises:
        Refusal: ACCOUNTING_MISMATCH; PLAN_REJECTED ("delta_missing", and those of `pure_epsilon`).
    """
    worth = funds(payment, accounting, thresholded=True)
    return worth.amount_picos if worth.pure else largest_pure(worth.amount_picos), worth.delta_attos


def pure_loss(epsilon_picos: int, accounting: int) -> Loss:
    """Return what a pure mechanism costs."""
    return approximate_loss(epsilon_picos, 0, accounting)


def concentrated_loss(rho_picos: int) -> Loss:
    """Return what a mechanism of zero-concentrated DP costs."""
    return Loss(rho_picos, None, 0)


def approximate_loss(epsilon_picos: int, delta_attos: int, accounting: int) -> Loss:
    """Return what an (ε, δ) mechanism costs."""
    rho = 0 if accounting == ACCOUNTING_BASIC else rho_of_pure(epsilon_picos)
    return Loss(rho, epsilon_picos, delta_attos)


def _mismatch(accounting: int, message: str) -> Refusal:
    kind = Accounting.Name(Accounting.ValueType(accounting)).removeprefix("ACCOUNTING_")
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ACCOUNTING_MISMATCH",
        message,
        metadata={"accounting": kind, "hint": "ask for a method whose loss is an epsilon"},
        precondition=("ACCOUNTING", "population", f"accounting is {kind}"),
    )
