"""Neighbouring datasets in one mesh: what an analyst sees of either must not tell which is which."""

from dataclasses import dataclass

import pytest

from tests.attacks.wire import Attacker
from tests.mesh_scene import MeshScene

COLUMNS = {
    "g": {"type": "category", "values": ["a", "b", "c"]},
    "x": {"type": "integer", "bounds": [0, 100], "nullable": True},
    "r": {"type": "real", "bounds": [-1, 1]},
    "who": {"type": "text"},
}
ROWS = [{"g": "ab"[i % 2], "x": i % 41, "r": (i % 7) / 10, "who": f"person {i}"} for i in range(300)]
PLANTED = {"g": "c", "x": 42, "r": -0.987654321, "who": "Zacharias Quintessenz"}
"""The row that an attacker looks for: the only one of its group, value, and name."""


@dataclass(frozen=True)
class Twins:
    """Two datasets in populations of their own that differ by one row."""

    without: str = "twin-a"
    planted: str = "twin-b"

    @property
    def names(self) -> tuple[str, str]:
        return self.without, self.planted

    def anonymous(self, text: str) -> str:
        """Text in which the two cannot be told by their names."""
        return text.replace(self.planted, "twin").replace(self.without, "twin")


@pytest.fixture(scope="session")
def twins(scene: MeshScene) -> Twins:
    pair = Twins()
    scene.publish(pair.without, ROWS, COLUMNS)
    scene.publish(pair.planted, [*ROWS, PLANTED], COLUMNS)
    return pair


@pytest.fixture(scope="session")
def pair(scene: MeshScene) -> tuple[Attacker, Attacker]:
    """Ann, who asks, and Eve, who may ask about the same data and wants more."""
    rows = [{"x": i % 4} for i in range(30)]
    scene.publish("common", rows, {"x": {"type": "integer", "bounds": [0, 3]}})
    for name in ("ann", "eve"):
        scene.user(name, population="common", limit={"rho": 1})
    return Attacker(scene, "ann"), Attacker(scene, "eve")
