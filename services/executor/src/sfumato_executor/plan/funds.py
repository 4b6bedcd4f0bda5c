"""What a payment is worth: an amount of ρ or of ε to share out, and a δ for keys."""

from dataclasses import dataclass, replace
from typing import Final

import grpc

from sfumato.v1 import measure_pb2, payment_pb2, population_pb2
from sfumato_executor.plan.program import DrawKind, Loss
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.zcdp import largest_rho

AMOUNT_MAX: Final = 10**15
"""Most that one question pays, in picos: ρ or ε of 1,000."""


@dataclass(frozen=True)
class Funds:
    """An amount to share out among draws; `pure`: of ε, else of ρ. `delta_attos` is for keys alone."""

    amount_picos: int
    delta_attos: int
    pure: bool
    counts_rho: bool = True
    """Whether ρ is added up; in a BASIC population only ε and δ are."""

    def family(self, noise: int, path: str) -> DrawKind:
        """Noise of a measure. Raises PLAN_REJECTED ("noise") for Gaussian noise where ε is paid."""
        if noise == measure_pb2.NOISE_LAPLACE:
            return DrawKind.LAPLACE
        if noise == measure_pb2.NOISE_UNSPECIFIED:
            return DrawKind.LAPLACE if self.pure else DrawKind.GAUSSIAN
        if not self.counts_rho:
            message = "Gaussian noise has no epsilon of its own, and the population adds up epsilons"
            raise plan_rejected("noise", path, message, hint="ask for Laplace noise")
        if self.pure:
            message = "Gaussian noise has no pure loss, and the payment is an epsilon without a delta"
            raise plan_rejected("noise", path, message, hint="pay in rho, or with a delta, or ask for Laplace noise")
        return DrawKind.GAUSSIAN

    def charged(self, loss: Loss) -> Loss:
        """What of a draw's loss is charged."""
        return loss if self.counts_rho else replace(loss, rho_picos=0)


def funds(payment: payment_pb2.Payment, accounting: int, thresholded: bool) -> Funds:
    """The worth of a payment in a population.

    ZCDP: with (ε, δ) the whole δ serves the conversion to the largest ρ, or half of it where the other half finds keys;
    that half is rounded down for either. BASIC: ε is shared out as it is among pure mechanisms, and δ finds keys;
    nothing is converted, so that a δ without keys is not spent. Raises ACCOUNTING_MISMATCH, PLAN_REJECTED
    ("loss_too_small", "loss_too_large", "delta_missing").
    """
    if accounting not in (population_pb2.ACCOUNTING_ZCDP, population_pb2.ACCOUNTING_BASIC):
        raise _mismatch(accounting, "the native engine prices for ZCDP and BASIC populations", "use one of these")
    basic = accounting == population_pb2.ACCOUNTING_BASIC
    if payment.WhichOneof("kind") == "rho":
        if basic:
            message = "the population adds up epsilons, and a loss in rho has none"
            raise _mismatch(accounting, message, "pay in epsilon; with a delta where keys pass a threshold")
        amount, delta = payment.rho.rho_picos, payment.rho.delta_attos
        _check("rho", amount, delta, thresholded)
        return Funds(amount, delta if thresholded else 0, pure=False)
    amount, delta = payment.epsilon.epsilon_picos, payment.epsilon.delta_attos
    _check("epsilon", amount, delta, thresholded)
    if basic:
        return Funds(amount, delta if thresholded else 0, pure=True, counts_rho=False)
    if not delta:
        return Funds(amount, 0, pure=True)
    half = delta // 2
    rho = largest_rho(amount, half if thresholded else delta)
    if rho < 1 or (thresholded and half < 1):
        raise loss_too_small("no loss in rho keeps within so small an epsilon and delta")
    return Funds(min(rho, AMOUNT_MAX), half if thresholded else 0, pure=False)


def loss_too_small(message: str) -> Refusal:
    """Refusal of a payment for which there is no noise scale."""
    return plan_rejected("loss_too_small", "payment", message, hint="pay more, ask fewer measures, or tighten bounds")


def _mismatch(accounting: int, message: str, hint: str) -> Refusal:
    name = population_pb2.Accounting.Name(population_pb2.Accounting.ValueType(accounting))
    kind = name.removeprefix("ACCOUNTING_")
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ACCOUNTING_MISMATCH",
        message,
        metadata={"accounting": kind, "hint": hint},
        precondition=("ACCOUNTING", "population", f"accounting is {kind}"),
    )


def _check(field: str, amount: int, delta: int, thresholded: bool) -> None:
    path = f"payment.{field}"
    if amount < 1:
        message = "the loss to spend must be above zero"
        raise plan_rejected("loss_too_small", f"{path}.{field}_picos", message, hint="0.02 of rho is 20000000000")
    if amount > AMOUNT_MAX:
        message = "the loss to spend must be at most 1,000"
        raise plan_rejected("loss_too_large", f"{path}.{field}_picos", message, hint="losses above 10 protect nobody")
    if not 0 <= delta < 10**18:
        raise plan_rejected("delta", f"{path}.delta_attos", "delta lies within 0 and 1", hint="1e-6 is 1000000000000")
    if thresholded and not delta:
        message = "keys that pass a threshold cost a delta, and the payment has none"
        raise plan_rejected("delta_missing", f"{path}.delta_attos", message, hint="pay a delta such as 1e-6 as well")
