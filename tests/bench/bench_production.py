"""The same count on the production profile: every service in a process of its own, on the real servers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import sfumato as sf
from tests.bench.bench_queries import bare_call
from tests.bench.lines import Line, at_most, in_turns, rate
from tests.mesh_process import REPOSITORY
from tests.mesh_scene import MeshScene, scene_elsewhere

_STATE = REPOSITORY / "build" / "mesh-bench"
_TIMES = 60
_RHO = 0.0001
_COLUMNS = {
    "species": {"type": "category", "values": ["Adelie", "Chinstrap", "Gentoo"]},
    "mass": {"type": "integer", "bounds": [2700, 6300], "unit": "g"},
}


def rows() -> list[Line]:
    """Measured lines; none where no servers are named (`make services`)."""
    if not os.environ.get("SFUMATO_TEST_MONGODB_URL"):
        return []
    with _mesh() as scene:
        species = ("Adelie", "Chinstrap", "Gentoo")
        table = [{"species": species[i % 3], "mass": 2700 + i * 37 % 3600} for i in range(344)]
        scene.publish("bench-penguins", table, _COLUMNS, limit={"rho": 1000})
        clients = [scene.connect() for _ in range(4)]
        questions = [client.dataset("bench-penguins").agg(n=sf.count()) for client in clients]
        bare, quote, answer, repeat = in_turns(
            _TIMES,
            bare_call(clients[0]),
            partial(questions[0].quote, rho=_RHO),
            partial(questions[0].run, rho=_RHO, fresh=True),
            partial(questions[0].run, rho=_RHO),
        )
        many = rate([partial(each.run, rho=_RHO, fresh=True) for each in questions], 2 * _TIMES)
    return [
        Line("production: quote, 344 rows: p50", quote, "ms", bare, "a bare call on the same mesh"),
        at_most("production: count, end to end: p50", answer, "ms", 20.0, quote, "its quote"),
        Line("production: repeated question: p50", repeat, "ms", answer, "the first answer"),
        Line("production: answers, 4 analysts", many, "/s", 1000 / answer, "1 analyst"),
    ]


@contextmanager
def _mesh() -> Iterator[MeshScene]:
    """A fresh mesh of processes, erased afterwards."""
    command = [sys.executable, "scripts/mesh"]
    place = ["--state-dir", str(_STATE)]
    shutil.rmtree(_STATE, ignore_errors=True)
    subprocess.run([*command, "up", *place], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    try:
        with TemporaryDirectory() as folder, scene_elsewhere(_environment(), Path(folder)) as scene:
            yield scene
    finally:
        subprocess.run([*command, "erase", *place], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)


def _environment() -> dict[str, str]:
    lines = (_STATE / "env").read_text().splitlines()
    pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
    return {name: value.strip("'\"") for name, _, value in pairs}
