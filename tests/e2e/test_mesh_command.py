"""`make mesh-up` and `make mesh-down` as somebody types them; over Redis, which is the other broker."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymongo
import pytest
from minio import Minio

import sfumato as sf
from scripts.mesh.layout import Names
from scripts.mesh.rooms import object_store
from scripts.services.process import recorded

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("accountant1", "accountant2", "front", "worker1", "worker2", "gateway1", "gateway2")


@dataclass
class Command:
    """The program, on a folder of its own."""

    folder: Path

    def run(self, *arguments: str, status: int = 0) -> str:
        command = [sys.executable, str(ROOT / "scripts" / "mesh"), *arguments, "--state-dir", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.folder / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def is_alive(self, name: str) -> bool:
        process = recorded(name, self.folder / "processes")
        return process is not None and process.is_alive

    def kill(self, name: str) -> None:
        process = recorded(name, self.folder / "processes")
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("mesh"))
    try:
        yield command
    finally:
        command.run("erase")


def test_a_mesh_comes_up_once_and_says_how_to_reach_it(mesh: Command) -> None:
    said = mesh.run("up", "--broker", "redis")
    assert all(name in said for name in PROCESSES)
    assert f"SFUMATO_TARGET={mesh.environment['SFUMATO_TARGET']}" in said
    assert mesh.environment["SFUMATO_TARGET"].count("127.0.0.1:") == 2
    for private in ("env", "tokens/admin", "tokens/analyst", "credentials/releases.toml", "keys/issuer.pem"):
        assert (mesh.folder / private).stat().st_mode & 0o077 == 0, private
    assert "runs already" in mesh.run("up")
    assert mesh.run("status").count("works") == len(PROCESSES)
    assert mesh.run("up", "--broker", "amqp", status=1) == ""


def test_the_demo_asks_it(mesh: Command) -> None:
    program = Path(sys.executable).parent / "sfumato"
    environment = {**os.environ, **mesh.environment}
    for _ in range(2):  # the second time everything is there, and free
        done = subprocess.run([program, "demo"], env=environment, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stderr[-2000:]
        for number in range(1, 11):
            assert re.search(rf"─ {number}\. ", done.stdout), f"question {number} is missing"
        assert "the same numbers: yes · drawn anew: no" in done.stdout
        assert "exact, bounded" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
    incomplete = {name: value for name, value in environment.items() if name != "SFUMATO_ADMIN_TOKEN_FILE"}
    refused = subprocess.run([program, "demo"], env=incomplete, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "SFUMATO_ADMIN_TOKEN_FILE" in refused.stderr


def test_what_was_killed_is_started_again_and_the_rest_is_left_alone(mesh: Command) -> None:
    told = mesh.environment
    with sf.connect(told["SFUMATO_TARGET"], told["SFUMATO_TOKEN"]) as client:
        penguins = client.dataset("penguins")
        for victim in ("gateway1", "worker1", "accountant2"):
            mesh.kill(victim)
            answer = penguins.agg(n=sf.count()).run(rho=0.01, fresh=True, timeout=60)
            assert abs(answer.rows()[0]["n"] - 344) < 100
        said = mesh.run("up").splitlines()[0]
        assert said == "mesh: started accountant2, worker1, gateway1"
        assert penguins.agg(n=sf.count()).run(rho=0.01, timeout=60).repeated


def test_down_leaves_nothing_running_and_up_finds_everything_again(mesh: Command) -> None:
    target, token = mesh.environment["SFUMATO_TARGET"], mesh.environment["SFUMATO_TOKEN"]
    with sf.connect(target, token) as client:
        first = client.dataset("penguins").agg(n=sf.count(), m=sf.mean("body_mass_g")).run(rho=0.03)
        spent = [each.spent.rho for each in client.budget()]
    assert "stopped" in mesh.run("down")
    assert not any(mesh.is_alive(name) for name in PROCESSES)
    assert not (mesh.folder / "env").exists()
    assert "nothing runs" in mesh.run("down")
    mesh.run("status", status=1)
    mesh.run("up")
    assert mesh.environment["SFUMATO_TARGET"] == target
    with sf.connect(target, mesh.environment["SFUMATO_TOKEN"]) as client:
        again = client.dataset("penguins").agg(n=sf.count(), m=sf.mean("body_mass_g")).run(rho=0.03)
        assert again.is_free
        assert again.columns == first.columns
        assert [each.spent.rho for each in client.budget()] == spent


def test_erase_takes_away_what_it_kept(mesh: Command) -> None:
    names = Names.marked(json.loads((mesh.folder / "mesh.json").read_text())["mark"])
    store: Minio = object_store(os.environ["SFUMATO_TEST_S3_URL"])
    assert store.bucket_exists(names.releases)
    with pymongo.MongoClient[dict[str, object]](os.environ["SFUMATO_TEST_MONGODB_URL"]) as client:
        assert names.database in client.list_database_names()
        mesh.run("erase")
        assert names.database not in client.list_database_names()
    assert not store.bucket_exists(names.releases)
    assert not store.bucket_exists(names.lake)
    assert not mesh.folder.exists()
