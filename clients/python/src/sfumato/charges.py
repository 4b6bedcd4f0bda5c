"""What answers cost and what is left: losses and scopes as plain values."""

from collections.abc import Iterable
from dataclasses import dataclass

from sfumato._core.amounts import ATTO, PICO, REPORT_DELTA, epsilon_at
from sfumato._core.numbers import money, sig
from sfumato.v1 import charge_pb2, query_pb2, scope_pb2


@dataclass(frozen=True)
class Charge:
    """An amount of privacy loss, exact in integers."""

    rho_picos: int
    """ρ, in 10^-12."""
    epsilon_picos: int | None
    """ε where only pure or approximate mechanisms are in it, in 10^-12; None: known by its ρ alone."""
    delta_attos: int
    """δ of thresholds and approximate mechanisms, in 10^-18."""

    @classmethod
    def of(cls, proto: charge_pb2.Charge) -> "Charge":
        """Return it from the wire."""
        epsilon = proto.epsilon_picos if proto.HasField("epsilon_picos") else None
        return cls(proto.rho_picos, epsilon, proto.delta_attos)

    @property
    def rho(self) -> float:
        """ρ."""
        return self.rho_picos / PICO

    @property
    def delta(self) -> float:
        """δ of thresholds and approximate mechanisms."""
        return self.delta_attos / ATTO

    @property
    def is_zero(self) -> bool:
        """Whether nothing is paid."""
        return not (self.rho_picos or self.epsilon_picos or self.delta_attos)

    def epsilon(self, delta: float = REPORT_DELTA) -> float:
        """Return ε: its own where it is pure, else the tight conversion of ρ at δ."""
        return epsilon_at(self.to_proto(), delta)

    def to_proto(self) -> charge_pb2.Charge:
        """Return it as the wire holds it."""
        return charge_pb2.Charge(
            rho_picos=self.rho_picos, epsilon_picos=self.epsilon_picos, delta_attos=self.delta_attos
        )

    def __str__(self) -> str:
        text = f"ρ {money(self.rho)}" if self.rho_picos or self.epsilon_picos is None else ""
        if not self.rho_picos and self.epsilon_picos:
            text = f"ε {money(self.epsilon_picos / PICO)}"
        text = text or "0"
        return f"{text} + δ {sig(self.delta, 3)}" if self.delta_attos else text

    def described(self) -> str:
        """Return it with its ε beside it: "ρ 0.02 (ε 0.86 at δ 1e-6)"; alone where ε alone is counted: "ε 0.50"."""
        if self.is_zero:
            return "nothing"
        if not self.rho_picos and self.epsilon_picos:
            return str(self)
        pure = self.epsilon_picos is not None and not self.delta_attos
        at = "pure" if pure else f"at δ {sig(REPORT_DELTA, 1)}"
        return f"{self} (ε {sig(self.epsilon(), 2)} {at})"


@dataclass(frozen=True)
class ScopeLine:
    """What one scope pays, and what is left of it."""

    population: str
    dataset: str
    project: str
    analyst: str
    """Ids without their collection; "" where the scope names none."""
    charge: Charge
    limit: Charge
    remaining: Charge
    """What may still be spent, before paying in a quote, after it in an answer."""
    remaining_after: Charge | None
    """What would be left after paying; None where it cannot be paid, and in an answer."""
    affordable: bool

    @classmethod
    def of(cls, price: scope_pb2.ScopePrice) -> "ScopeLine":
        """Return it from the wire."""
        scope = price.scope
        return cls(
            short(scope.population),
            short(scope.dataset),
            short(scope.project),
            short(scope.analyst),
            Charge.of(price.charge),
            Charge.of(price.limit),
            Charge.of(price.remaining),
            Charge.of(price.remaining_after) if price.HasField("remaining_after") else None,
            price.affordable,
        )

    @property
    def name(self) -> str:
        """Short name: "population palmer", "ada", "project birds", "flights · ada"."""
        return scope_name(self.population, self.dataset, self.project, self.analyst)


def scope_name(population: str, dataset: str, project: str, analyst: str) -> str:
    """Return the short name of a scope."""
    parts = [part for part in (dataset, f"project {project}" if project else "", analyst) if part]
    return " · ".join(parts) or f"population {population}"


def short(name: str) -> str:
    """Return an id without its collection: "users/ada" → "ada"."""
    return name.rpartition("/")[2]


def is_free(query: query_pb2.Query) -> bool:
    """Return whether a query was answered by a release that all its scopes had paid for before."""
    existing = query.origin in (query_pb2.Query.ORIGIN_REPEATED, query_pb2.Query.ORIGIN_DERIVED)
    return (existing or bool(query.scopes)) and all(Charge.of(each.charge).is_zero for each in query.scopes)


def left(lines: Iterable[ScopeLine]) -> str:
    """Return what is left where, in one line."""
    return ", ".join(f"{each.name} {beside(each.remaining, each.limit)}" for each in lines)


def beside(amount: Charge, limit: Charge) -> str:
    """Return an amount in the unit of its limit: ρ, or ε where only pure ε was granted and is still counted."""
    if limit.rho_picos or limit.epsilon_picos is None:
        return money(amount.rho)
    return f"ε {money((amount.epsilon_picos or 0) / PICO)}"
