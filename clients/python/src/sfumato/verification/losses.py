"""Losses as exact integers, and whether a sum of them keeps within a limit, in either accounting.

A second implementation, written from the contract's words: `LossLimit` and `Charge` say what is compared.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sfumato import conversion
from sfumato.verification.exports import Malformed, integer_of

AMOUNT_MAX: Final = 10**18
"""Most units that one amount holds."""
SUM_MAX: Final = 2**63 - 1
"""Most units that a sum holds."""
ZCDP: Final = "ACCOUNTING_ZCDP"
BASIC: Final = "ACCOUNTING_BASIC"
_SHARE: Final = "threshold_delta_attos"


class Loss(NamedTuple):
    """An amount of privacy loss."""

    rho: int
    """In units of 10^-12."""
    epsilon: int | None
    """In units of 10^-12; None: a part is known only by its ρ."""
    delta: int
    """In units of 10^-18."""

    def plus(self, other: "Loss") -> "Loss":
        """Return the sum."""
        epsilon = None if self.epsilon is None or other.epsilon is None else self.epsilon + other.epsilon
        return Loss(self.rho + other.rho, epsilon, self.delta + other.delta)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is lost."""
        return not (self.rho or self.epsilon or self.delta)


NOTHING: Final = Loss(0, 0, 0)


class Limit(NamedTuple):
    """How much may be spent, in one of two ways."""

    kind: str
    """"rho" or "epsilon"."""
    amount: int
    """ρ or ε in units of 10^-12."""
    delta: int
    """In units of 10^-18."""
    threshold_delta: int = 0
    """Part of the δ of a limit in (ε, δ) that thresholds may spend; the rest is the conversion's."""

    def as_loss(self) -> Loss:
        """Return what is lent with such a limit."""
        return Loss(self.amount, 0, self.delta) if self.kind == "rho" else Loss(0, self.amount, self.delta)


def read_loss(charge: Any) -> Loss:
    """Return the loss that the ProtoJSON of a Charge says; raises Malformed."""
    if not isinstance(charge, dict):
        raise Malformed("a charge is no object")
    return _loss(charge.get("rho_picos", "0"), charge.get("epsilon_picos"), charge.get("delta_attos", "0"), len(charge))


@lru_cache(4096)
def _loss(rho: str, epsilon: str | None, delta: str, parts: int) -> Loss:
    fields = {"rho_picos": rho, "delta_attos": delta} | ({} if epsilon is None else {"epsilon_picos": epsilon})
    if parts > (rho != "0") + (epsilon is not None) + (delta != "0"):
        raise Malformed("a charge holds something else than ρ, ε and δ")
    loss = Loss(
        integer_of(fields, "rho_picos"),
        None if epsilon is None else integer_of(fields, "epsilon_picos"),
        integer_of(fields, "delta_attos"),
    )
    if min(loss.rho, loss.epsilon or 0, loss.delta) < 0:
        raise Malformed("a charge is negative")
    return loss


def read_limit(limit: Any) -> Limit:
    """Return the limit that the ProtoJSON of a LossLimit says; raises Malformed."""
    if isinstance(limit, dict) and len(limit.keys() - {_SHARE}) == 1:
        (kind,) = limit.keys() - {_SHARE}
        fields = limit[kind]
        if (
            kind in ("rho", "epsilon")
            and isinstance(fields, dict)
            and fields.keys() <= {f"{kind}_picos", "delta_attos"}
        ):
            amount, delta = integer_of(fields, f"{kind}_picos"), integer_of(fields, "delta_attos")
            return Limit(kind, amount, delta, integer_of(limit, _SHARE))
    raise Malformed("a limit is neither one in ρ nor one in ε")


def takes_limit(accounting: str, limit: Limit) -> bool:
    """Return whether an accounting knows limits of this form: BASIC only those in (ε, δ), and none with a split δ."""
    if limit.threshold_delta:
        return accounting == ZCDP and limit.kind == "epsilon" and 0 < limit.threshold_delta < limit.delta
    return limit.kind == "epsilon" or accounting == ZCDP


def takes_charge(accounting: str, charge: Loss) -> bool:
    """Return whether a price is positive in the unit that is added up, and no larger than an amount can be."""
    if max(charge.rho, charge.epsilon or 0, charge.delta) > AMOUNT_MAX:
        return False
    return charge.rho > 0 if accounting == ZCDP else charge.rho == 0 and bool(charge.epsilon)


def fits(accounting: str, limit: Limit, total: Loss) -> bool:
    """Return whether a total keeps within a limit."""
    if max(total.rho, total.epsilon or 0, total.delta) > SUM_MAX or total.delta > limit.delta:
        return False
    if accounting == BASIC:
        return (
            limit.kind == "epsilon" and total.rho == 0 and total.epsilon is not None and total.epsilon <= limit.amount
        )
    if limit.kind == "rho":
        return total.rho <= limit.amount
    if total.delta > limit.threshold_delta:
        return False
    pure = total.delta == 0 and total.epsilon is not None
    if pure and total.epsilon is not None and total.epsilon <= limit.amount:
        return True
    return total.rho <= largest_rho(limit.amount, limit.delta - limit.threshold_delta)


@lru_cache(65536)
def largest_rho(epsilon_picos: int, delta_attos: int) -> int:
    """Return the largest ρ in units of 10^-12 of which every answer stays (ε, δ)-differentially private."""
    return conversion.largest_rho_picos(epsilon_picos, delta_attos) if delta_attos > 0 else 0


def words(loss: Loss) -> str:
    """Return a loss as people read it."""
    parts = []
    if loss.rho or not loss.epsilon:
        parts.append(f"ρ {loss.rho / 1e12:.12g}")
    if loss.epsilon:
        parts.append(f"ε {loss.epsilon / 1e12:.12g}")
    if loss.delta:
        parts.append(f"δ {loss.delta / 1e18:.12g}")
    return ", ".join(parts)


def limit_words(limit: Limit) -> str:
    """Return a limit as people read it."""
    mark = "ρ" if limit.kind == "rho" else "ε"
    beside = f", δ {limit.delta / 1e18:.12g}" if limit.delta else ""
    if limit.threshold_delta:
        beside += f" ({limit.threshold_delta / 1e18:.12g} for thresholds)"
    return f"{mark} {limit.amount / 1e12:.12g}{beside}"


def loss_fields(loss: Loss) -> Mapping[str, str | None]:
    """Return a loss for JSON: exact integers as decimal text."""
    return {
        "rho_picos": str(loss.rho),
        "epsilon_picos": None if loss.epsilon is None else str(loss.epsilon),
        "delta_attos": str(loss.delta),
    }
