"""Privacy loss as exact integers: what people write (0.02) in, what the wire holds (20,000,000,000 picos) out.

ρ and ε count in units of 10^-12 (picos), δ in units of 10^-18 (attos). What is to be spent is cut to whole units
towards zero: never more is paid than was written.
"""

import numbers
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Final, SupportsFloat, TypeAlias

from sfumato.errors import FieldProblem, InvalidRequest
from sfumato.v1 import charge_pb2, payment_pb2

Amount: TypeAlias = int | float | Decimal | str | SupportsFloat
"""A loss as people write it. Text and Decimal are read as they stand, floats by their shortest text."""

PICO: Final = 10**12
ATTO: Final = 10**18
_EXACT: Final = Context(prec=100, rounding=ROUND_FLOOR)
_LONGEST_TEXT: Final = 64
LARGEST: Final = 1000
"""Largest ρ or ε that a payment may name."""
REPORT_DELTA: Final = 1e-6
"""δ at which ε is told where nothing else is said."""


def refused(field: str, description: str, hint: str = "") -> InvalidRequest:
    """Return the exception for a value that is refused before it is sent."""
    return InvalidRequest(
        f"{field} is refused: {description}.",
        reason="REQUEST_INVALID",
        fields=[FieldProblem(field, description)],
        hint=hint,
    )


def _decimal(value: Amount, field: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, numbers.Number | str | SupportsFloat):
        raise refused(field, f"{type(value).__name__} is not a number")
    text = value if isinstance(value, str | int | Decimal) else repr(float(value))
    if isinstance(text, str) and len(text) > _LONGEST_TEXT:
        raise refused(field, f"a number has at most {_LONGEST_TEXT} characters")
    try:
        number = Decimal(text)
    except (InvalidOperation, ValueError):
        raise refused(field, f"{value!r} is not a number") from None
    if not number.is_finite():
        raise refused(field, f"{number} is not finite", f"a number above 0 and at most {LARGEST}")
    return number


def picos(value: Amount, field: str) -> int:
    """Return ρ or ε in picos.

    Args:
        value: above 0, at most 1000, at least 10^-12.
        field: its name, for the refusal.

    Raises:
        InvalidRequest: NaN, infinite, zero, negative, below 10^-12 or above 1000.
    """
    number = _decimal(value, field)
    if number <= 0:
        raise refused(field, "a loss must be above zero", f"{field}=0.01")
    if number > LARGEST:
        raise refused(field, f"a loss is at most {LARGEST}", f"{field}=0.01")
    units = int(_EXACT.multiply(number, PICO))
    if not units:
        raise refused(field, "a loss is at least 10^-12", f"{field}=0.01")
    return units


def attos(value: Amount, field: str = "delta") -> int:
    """Return δ in attos.

    Args:
        value: at least 0 and below 1; above 0 it must be at least 10^-18.
        field: its name, for the refusal.

    Raises:
        InvalidRequest: NaN, infinite, negative, 1 or more, or above 0 and below 10^-18.
    """
    number = _decimal(value, field)
    if number < 0 or number >= 1:
        raise refused(field, "δ is at least 0 and below 1", f"{field}=1e-8")
    units = int(_EXACT.multiply(number, ATTO))
    if number > 0 and not units:
        raise refused(field, "δ above zero is at least 10^-18", f"{field}=1e-8")
    return units


@dataclass(frozen=True)
class Loss:
    """A loss that was stated in one of two ways."""

    kind: str
    """"rho" or "epsilon"."""
    picos: int
    """ρ or ε, in 10^-12."""
    attos: int
    """δ beside it, in 10^-18."""

    def to_payment(self) -> payment_pb2.Payment:
        """Return it as what is to be spent."""
        if self.kind == "rho":
            return payment_pb2.Payment(rho=charge_pb2.RhoDelta(rho_picos=self.picos, delta_attos=self.attos))
        return payment_pb2.Payment(epsilon=charge_pb2.EpsilonDelta(epsilon_picos=self.picos, delta_attos=self.attos))

    def to_limit(self) -> charge_pb2.LossLimit:
        """Return it as a limit."""
        if self.kind == "rho":
            return charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=self.picos, delta_attos=self.attos))
        return charge_pb2.LossLimit(epsilon=charge_pb2.EpsilonDelta(epsilon_picos=self.picos, delta_attos=self.attos))


def loss(rho: Amount | None, epsilon: Amount | None, delta: Amount | None) -> Loss:
    """Return the loss that a call states.

    Raises:
        InvalidRequest: not exactly one of rho and epsilon, or one of them is out of range.
    """
    if (rho is None) == (epsilon is None):
        raise refused("payment", "state exactly one of rho and epsilon", "rho=0.01, or epsilon=0.5, delta=1e-6")
    delta_attos = 0 if delta is None else attos(delta)
    if rho is not None:
        return Loss("rho", picos(rho, "rho"), delta_attos)
    assert epsilon is not None
    return Loss("epsilon", picos(epsilon, "epsilon"), delta_attos)


def limit_of(value: Amount, paid: Loss) -> charge_pb2.LossLimit:
    """Return a request's own limit, said in what it pays with: ρ or ε, at the same δ."""
    return Loss(paid.kind, picos(value, "limit"), paid.attos).to_limit()


def epsilon_at(charge: charge_pb2.Charge, delta: float = REPORT_DELTA) -> float:
    """Return ε of a charge: its own where it is pure or ε alone is counted, else the tight conversion of ρ at δ."""
    if charge.HasField("epsilon_picos") and not (charge.delta_attos and charge.rho_picos):
        return charge.epsilon_picos / PICO
    from sfumato.conversion import epsilon_from_rho

    return epsilon_from_rho(charge.rho_picos / PICO, delta) if charge.rho_picos else 0.0
