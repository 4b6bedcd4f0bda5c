"""The production mesh as the crash tests see it: a table, an analyst, and a query that halts where it is told to."""

import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sfumato as sf
from scripts.mesh.layout import Policy
from tests.crash.books import Auditor
from tests.e2e.production import ISSUER, ProductionMesh, production_mesh

POPULATION: Final = "populations/crowd"
POLICY: Final = Policy(ISSUER, "root", lease_seconds=1, drain_seconds=5, settle_interval_seconds=0.3)
PATIENCE_SECONDS: Final = 120.0
_HALTING: Final = Path(__file__).parent / "halting"
_ROLES: Final = {
    "gateway": ("gateway1", "gateway2"),
    "accountant": ("accountant1", "accountant2"),
    "front": ("front",),
    "worker": ("worker1", "worker2"),
    "settler": ("front",),
}
"""Processes of a role, all of which are killed."""
_DECLARATIONS: Final = """
kind: User
name: ada
issuer: https://login.example.org
subject: ada
roles: [{{role: analyst}}]
---
kind: Population
name: crowd
unit: row
---
kind: Dataset
name: crowd
population: crowd
source: {{s3: {{bucket: {lake}, key: crowd.csv, credentials: lake-reader}}}}
unit: row
columns:
  x: {{type: integer, bounds: [0, 100]}}
---
kind: Grant
scope: {{population: crowd}}
limit: {{rho: 1000}}
---
kind: Grant
scope: {{population: crowd, analyst: ada}}
limit: {{rho: 1000}}
"""


@dataclass
class CrashScene:
    """One mesh for many crashes."""

    mesh: ProductionMesh
    folder: Path
    """Shared with `halting`."""
    answers: dict[str, list[sf.Answer]] = field(default_factory=dict)
    """By request."""

    @property
    def auditor(self) -> Auditor:
        return Auditor(self.mesh.gateways[0], lambda: self.mesh.token("root"), POPULATION)

    def arm(self, step: str) -> None:
        """Let the first process halt that comes to a step."""
        staged = self.folder / "arming"
        staged.write_text(step)
        staged.rename(self.folder / "armed")

    def wait_until_halted(self) -> None:
        until((self.folder / "halted").exists, "no process came to the step")

    def release(self) -> None:
        """Let the halted process go on, if it lives."""
        for name in ("armed", "halted"):
            (self.folder / name).unlink(missing_ok=True)

    def kill(self, role: str) -> tuple[str, ...]:
        """kill -9 every process of a role; return them."""
        for name in _ROLES[role]:
            self.mesh[name].kill()
        return _ROLES[role]

    def start(self, names: Sequence[str]) -> None:
        for name in names:
            self.mesh[name].start()
        for name in names:
            if self.mesh[name].health_port:
                self.mesh[name].wait_until_serving()

    def ask(self, rho: str) -> "Asking":
        """Begin to ask a question of its own price, under one request id, until its outcome is known."""
        return Asking(self, str(uuid.uuid4()), rho)

    def attach(self, query: str) -> list[sf.Answer]:
        """Return the answer as each gateway gives it to who comes back."""
        return [self.mesh.connect("ada", gateway).query(query).answer() for gateway in (0, 1)]


class Asking:
    """A client that does not give up, in a thread."""

    def __init__(self, scene: CrashScene, request_id: str, rho: str) -> None:
        self.request_id = request_id
        self.answer: sf.Answer | None = None
        self.failure: Exception | None = None
        self._scene = scene
        self._rho = rho
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether there is an outcome."""
        return not self._thread.is_alive()

    def result(self) -> sf.Answer:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "no outcome"
        if self.failure is not None:
            raise self.failure
        assert self.answer is not None
        return self.answer

    def _run(self) -> None:
        clients = [self._scene.mesh.connect("ada", gateway) for gateway in (0, 1)]
        end = time.monotonic() + PATIENCE_SECONDS
        turn = 0
        while time.monotonic() < end:
            try:
                rows = clients[turn % 2].dataset("crowd")
                self.answer = rows.agg(n=sf.count()).run(rho=self._rho, request_id=self.request_id, timeout=10)
            except sf.Unavailable:
                turn += 1
                time.sleep(0.05)
                continue
            except Exception as error:  # noqa: BLE001  (it is the test's to judge)
                self.failure = error
            return


@contextmanager
def crash_scene(folder: Path, broker: str = "amqp") -> Iterator[CrashScene]:
    """Run a mesh whose processes can be halted."""
    shared = folder / "crash"
    shared.mkdir()
    settings = {"PYTHONPATH": str(_HALTING), "CRASH_FOLDER": str(shared)}
    with production_mesh(folder, settings, broker=broker, policy=POLICY) as mesh:
        data = ("x\n" + "\n".join(str(i % 101) for i in range(500))).encode()
        mesh.bucket.put_object(mesh.names.lake, "crowd.csv", io.BytesIO(data), len(data))
        mesh.apply(_DECLARATIONS.format(lake=mesh.names.lake))
        mesh.admin("publish", "crowd")
        yield CrashScene(mesh, shared)


def until(condition: Callable[[], bool], otherwise: str, seconds: float = 60.0) -> None:
    """Return when a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.01)
