"""The order in which `scripts/services` looks for a server, and what it must never touch."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "services"
VARIABLES = {part: f"SFUMATO_TEST_{part.upper()}_URL" for part in ("s3", "mongodb", "amqp", "redis")}


@dataclass(frozen=True)
class Machine:
    """A machine whose PATH holds only what a test puts there."""

    root: Path

    def program(self, name: str, exit_status: int = 0) -> None:
        script = self.root / "bin" / name
        script.write_text(f'#!/bin/sh\necho "$@" >> "{self.root}/{name}.calls"\nexit {exit_status}\n')
        script.chmod(0o755)

    def calls(self, name: str) -> str:
        file = self.root / f"{name}.calls"
        return file.read_text() if file.exists() else ""

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.root / "bin"), "XDG_CACHE_HOME": str(self.root / "cache"), **variables}
        argv = [sys.executable, str(SCRIPT), command, "--state-dir", str(self.root / "state")]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)

    def ways(self, part: str) -> list[str]:
        """The ways that `status` says `up` would try."""
        for line in self.run("status").stdout.splitlines():
            if line.startswith(f"{part}: not running; `up` would try: "):
                return line.rpartition(": ")[2].split(", ")
        return []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    return Machine(tmp_path)


@pytest.fixture
def listener() -> Iterator[str]:
    """Host and port of a socket that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_named_servers_are_used_and_nothing_is_started(machine: Machine, listener: str) -> None:
    for program in ("docker", "minio", "mongod", "rabbitmq-server"):
        machine.program(program)
    named = {VARIABLES[part]: f"{part}://user:secret@{listener}/" for part in VARIABLES}
    result = machine.run("up", **named)
    assert result.returncode == 0, result.stderr
    assert machine.run("env").stdout.splitlines() == [f"{name}={url}" for name, url in named.items()]
    assert [machine.calls(program) for program in ("docker", "minio", "mongod", "rabbitmq-server")] == [""] * 4
    assert "secret" not in result.stderr


def test_docker_comes_before_a_program_on_the_path(machine: Machine) -> None:
    machine.program("docker")
    machine.program("mongod")
    machine.program("minio")
    assert machine.ways("mongodb") == ["docker", "PATH"]
    assert machine.ways("s3") == ["docker", "PATH"]


def test_a_docker_client_without_an_engine_is_no_way(machine: Machine) -> None:
    machine.program("docker", exit_status=1)
    machine.program("mongod")
    assert machine.ways("mongodb") == ["PATH"]
    assert machine.ways("s3") == []


def test_a_build_comes_last(machine: Machine) -> None:
    machine.program("go")
    machine.program("minio")
    assert machine.ways("s3") == ["PATH", "build"]


def test_one_closed_part_is_explained_and_the_others_come_up(machine: Machine, listener: str) -> None:
    named = {VARIABLES[part]: f"{part}://{listener}/" for part in ("s3", "amqp", "redis")}
    result = machine.run("up", **named)
    assert result.returncode == 1
    for word in ("mongodb", "Docker", "mongod on the PATH", VARIABLES["mongodb"], "make test-embedded"):
        assert word in result.stderr
    assert machine.run("env").stdout.splitlines() == [f"{name}={url}" for name, url in named.items()]


def test_a_named_server_that_is_away_is_an_error_not_a_reason_to_start_another(machine: Machine, listener: str) -> None:
    machine.program("mongod")
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        away = f"mongodb://127.0.0.1:{unbound.getsockname()[1]}/"
        named = {VARIABLES[part]: f"{part}://{listener}/" for part in ("s3", "amqp", "redis")}
        result = machine.run("up", **named, **{VARIABLES["mongodb"]: away})
    assert result.returncode == 1
    assert VARIABLES["mongodb"] in result.stderr
    assert machine.calls("mongod") == ""


def test_a_server_that_ends_at_once_is_reported_with_its_log_and_leaves_no_pid_file(
    machine: Machine, listener: str
) -> None:
    broken = machine.root / "bin" / "mongod"
    broken.write_text("#!/bin/sh\necho the disk is made of cheese\nexit 3\n")
    broken.chmod(0o755)
    result = machine.run("up", **{VARIABLES[part]: f"{part}://{listener}/" for part in ("s3", "amqp", "redis")})
    assert result.returncode == 1
    assert "the disk is made of cheese" in result.stderr
    assert list((machine.root / "state" / "mongodb").glob("*.pid")) == []


def test_down_spares_a_process_that_only_inherited_the_pid(machine: Machine) -> None:
    room = machine.root / "state" / "mongodb"
    room.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (room / "mongod.pid").write_text(f"{bystander.pid} 1\n")
        assert machine.run("down").returncode == 0
        assert bystander.poll() is None
        bystander.kill()
    assert not (room / "mongod.pid").exists()
