"""The small world that the crash tests ask about: one population, two tables, two analysts."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import sfumato as sf
from sfumato_embedded.identities import ISSUER
from tests.mesh_process import MeshProcess

POPULATION = "populations/crowd"
ANALYSTS = ("analyst", "ada")
_TABLES = {"small": 40, "large": 400}
_COLUMNS: dict[str, Any] = {
    "kind": {"type": "category", "values": ["a", "b", "c"]},
    "x": {"type": "integer", "bounds": [0, 100]},
}


@dataclass(frozen=True)
class Ask:
    """One paid question as the driver means it: asked under this id until its outcome is known."""

    request_id: str
    analyst: str
    dataset: str
    at_least: int
    form: str
    rho: float

    @property
    def key(self) -> tuple[str, str, int, str, float]:
        """What makes two questions of one analyst equal."""
        return self.analyst, self.dataset, self.at_least, self.form, self.rho

    def run(self, mesh: sf.Mesh, timeout: float) -> sf.Answer:
        """Ask; raises sf.Unavailable where the outcome is not known."""
        rows = mesh.dataset(self.dataset).filter(sf.col("x") >= self.at_least)
        question = {
            "count": lambda: rows.agg(n=sf.count()),
            "mean": lambda: rows.agg(m=sf.mean("x")),
            "groups": lambda: rows.group_by("kind").agg(n=sf.count(), m=sf.mean("x")),
        }[self.form]()
        return question.run(rho=self.rho, request_id=self.request_id, timeout=timeout)


def asks(random: Random, number: int) -> list[Ask]:
    """Return questions under ids of their own; about one in five equals an earlier one."""
    made: list[Ask] = []
    for _ in range(number):
        request_id = uuid_of(random)
        if made and random.random() < 0.2:
            earlier = random.choice(made)
            made.append(Ask(request_id, *earlier.key))
        else:
            made.append(
                Ask(
                    request_id,
                    random.choice(ANALYSTS),
                    random.choice(list(_TABLES)),
                    random.randrange(60),
                    random.choice(["count", "mean", "groups"]),
                    random.choice([0.001, 0.002, 0.005]),
                )
            )
    return made


def uuid_of(random: Random) -> str:
    """Return a UUID that the seed fixes."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def set_up(mesh: MeshProcess) -> None:
    """Register population, tables, analysts and their budgets, and publish both tables."""
    (mesh.folder / "data").mkdir(parents=True, exist_ok=True)
    for name, rows in _TABLES.items():
        lines = ["kind,x", *(f"{'abc'[i % 3]},{i * 37 % 101}" for i in range(rows))]
        (mesh.folder / "data" / f"{name}.csv").write_text("\n".join(lines))
    mesh.apply([*_documents()])
    for name in _TABLES:
        mesh.admin("publish", name)


def _documents() -> Sequence[dict[str, Any]]:
    population = POPULATION.partition("/")[2]
    role = {"role": "analyst"}
    return [
        {"kind": "Population", "name": population, "unit": "row"},
        {"kind": "User", "name": "ada", "issuer": ISSUER, "subject": "ada", "roles": [role]},
        *(
            {
                "kind": "Dataset",
                "name": name,
                "population": population,
                "source": {"path": f"{name}.csv"},
                "unit": "row",
                "columns": _COLUMNS,
            }
            for name in _TABLES
        ),
        {"kind": "Grant", "scope": {"population": population}, "limit": {"rho": 50}},
        *(
            {"kind": "Grant", "scope": {"population": population, "analyst": analyst}, "limit": {"rho": 25}}
            for analyst in ANALYSTS
        ),
    ]
