"""The demo's questions, asked through the SDK as any data scientist would ask them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sfumato as sf
from sfumato.v1 import charge_pb2, payment_pb2


@dataclass(frozen=True)
class Asked:
    """One question of the demo."""

    title: str
    code: str
    """What one would type."""
    build: Callable[[sf.Mesh], Any]
    """The question, built on a connected mesh."""
    rho: float
    delta: float = 0.0
    dataset: str = "penguins"

    def payment(self) -> payment_pb2.Payment:
        """What is paid, as the wire says it."""
        loss = charge_pb2.RhoDelta(rho_picos=round(self.rho * 10**12), delta_attos=round(self.delta * 10**18))
        return payment_pb2.Payment(rho=loss)


def _penguins(mesh: sf.Mesh) -> Any:
    return mesh.dataset("penguins")


def _flights(mesh: sf.Mesh) -> Any:
    return mesh.dataset("flights")


SQL = "SELECT island, COUNT(*) AS n, AVG(bill_length_mm) AS bill FROM penguins WHERE body_mass_g > 4000 GROUP BY island"

PAID: tuple[Asked, ...] = (
    Asked(
        "How many penguins were measured?",
        "penguins.agg(n=sf.count()).run(rho=0.02)",
        lambda mesh: _penguins(mesh).agg(n=sf.count()),
        0.02,
    ),
    Asked(
        "What do they weigh, by species?",
        'penguins.group_by("species").agg(n=sf.count(), mass=sf.mean("body_mass_g")).run(rho=0.1)',
        lambda mesh: _penguins(mesh).group_by("species").agg(n=sf.count(), mass=sf.mean("body_mass_g")),
        0.1,
    ),
    Asked(
        "How long are their flippers: 10 %, median, 90 %?",
        'penguins.agg(low=sf.quantile("flipper_length_mm", 0.1), mid=…, high=…).run(rho=0.1)',
        lambda mesh: _penguins(mesh).agg(
            low=sf.quantile("flipper_length_mm", 0.1),
            mid=sf.median("flipper_length_mm"),
            high=sf.quantile("flipper_length_mm", 0.9),
        ),
        0.1,
    ),
    Asked(
        "How is body mass distributed?",
        'penguins.agg(mass=sf.histogram("body_mass_g", edges=[2500, 3500, 4500, 5500, 6500])).run(rho=0.05)',
        lambda mesh: _penguins(mesh).agg(mass=sf.histogram("body_mass_g", edges=[2500, 3500, 4500, 5500, 6500])),
        0.05,
    ),
    Asked(
        "The same in SQL: heavy penguins by island",
        f'mesh.sql("{SQL}", rho=0.1)',
        lambda mesh: _penguins(mesh).sql(SQL),
        0.1,
    ),
    Asked(
        "Flights and aircraft by carrier; an aircraft counts with at most 2 carriers and 100 flights each",
        'flights.group_by("carrier").agg(flights=sf.count(), aircraft=sf.count_units()).run(rho=0.2)',
        lambda mesh: _flights(mesh).group_by("carrier").agg(flights=sf.count(), aircraft=sf.count_units()),
        0.2,
        dataset="flights",
    ),
    Asked(
        "Where do they fly? The list of destinations is not public: a key must pass a noisy threshold, which costs δ",
        'flights.group_by("dest", threshold=True).agg(aircraft=sf.count_units()).run(rho=0.2, delta=1e-8)',
        lambda mesh: _flights(mesh).group_by("dest", threshold=True).agg(aircraft=sf.count_units()),
        0.2,
        1e-8,
        dataset="flights",
    ),
)
