"""Loss: an amount of privacy loss as exact integers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfumato.v1 import charge_pb2
from sfumato_mesh.money import SUM_MAX


@dataclass(frozen=True, slots=True)
class Loss:
    """What a query costs or a scope has spent. Sums are exact."""

    rho_picos: int = 0
    """ρ in units of 10^-12."""
    epsilon_picos: int | None = 0
    """Σε of pure and approximate mechanisms in units of 10^-12; None: a part is known only by its ρ."""
    delta_attos: int = 0
    """δ in units of 10^-18."""

    def __add__(self, other: "Loss") -> "Loss":
        epsilon = None
        if self.epsilon_picos is not None and other.epsilon_picos is not None:
            epsilon = self.epsilon_picos + other.epsilon_picos
        return Loss(self.rho_picos + other.rho_picos, epsilon, self.delta_attos + other.delta_attos)

    @property
    def is_zero(self) -> bool:
        """Whether nothing is lost."""
        return self.rho_picos == 0 and self.delta_attos == 0 and self.epsilon_picos == 0

    @property
    def is_pure(self) -> bool:
        """Whether all of it is ε-differentially private by itself: no δ, and nothing known by its ρ alone."""
        return self.delta_attos == 0 and self.epsilon_picos is not None

    @property
    def is_representable(self) -> bool:
        """Whether every part fits 64 bits: a sum beyond that is never admitted."""
        return max(self.rho_picos, self.epsilon_picos or 0, self.delta_attos) <= SUM_MAX

    def to_proto(self) -> charge_pb2.Charge:
        """Return it as a Charge."""
        return charge_pb2.Charge(
            rho_picos=self.rho_picos, epsilon_picos=self.epsilon_picos, delta_attos=self.delta_attos
        )

    @classmethod
    def from_proto(cls, charge: charge_pb2.Charge) -> "Loss":
        """Return the loss that a Charge says."""
        epsilon = charge.epsilon_picos if charge.HasField("epsilon_picos") else None
        return cls(charge.rho_picos, epsilon, charge.delta_attos)

    @classmethod
    def from_json(cls, charge: Mapping[str, Any]) -> "Loss":
        """Return the loss that the ProtoJSON of a Charge says."""
        epsilon = charge.get("epsilon_picos")
        return cls(
            int(charge.get("rho_picos", 0)),
            None if epsilon is None else int(epsilon),
            int(charge.get("delta_attos", 0)),
        )


NOTHING = Loss()
"""No loss: what a new scope has spent."""
