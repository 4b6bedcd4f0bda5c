"""A mesh as it runs in production: each service a process of its own, wired by settings alone.

The accountants are on MongoDB, releases and sources in buckets, the queue in RabbitMQ. Names of database, buckets and
queues are random, so that several of these meshes share the servers; `production_mesh` takes them away at its end.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from unittest import mock
from urllib.parse import urlsplit

import grpc
import pymongo
import pytest
from celery import Celery
from grpc_health.v1 import health_pb2, health_pb2_grpc
from minio import Minio
from minio.deleteobjects import DeleteObject

import sfumato as sf
from sfumato.cli.main import run as run_cli
from sfumato_mesh.keys import key_id, load_or_create_signing_key, public_key_bytes
from sfumato_mesh.tokens import LocalIssuer

ISSUER: Final = "https://login.example.org"
AUDIENCE: Final = "sfumato"
START_SECONDS: Final = 40.0
SERVERS: Final = ("SFUMATO_TEST_MONGODB_URL", "SFUMATO_TEST_S3_URL", "SFUMATO_TEST_AMQP_URL")


@dataclass
class Process:
    """One service. It keeps its ports when it is started again."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    health_port: int = 0
    """0: it has none."""
    _running: "subprocess.Popen[bytes] | None" = None
    _output: "IO[bytes] | None" = None

    def start(self) -> None:
        assert self._running is None or self._running.poll() is not None, f"{self.name} runs already"
        self._output = self.log.open("ab")
        self._running = subprocess.Popen(
            self.command,
            env={"PATH": os.environ["PATH"], "HOME": str(self.log.parent), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,  # a worker's children are of its group
        )

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def children(self) -> list[int]:
        """Processes that it forked: the pool of a worker."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill(self) -> None:
        """kill -9, children included."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._wait(10)

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM; return the exit status."""
        assert self._running is not None
        self._running.terminate()
        return self._wait(seconds)

    def is_serving(self) -> bool:
        """Ask its health port."""
        with grpc.insecure_channel(f"127.0.0.1:{self.health_port}") as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def wait_until_serving(self, seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not self.is_serving():
            assert self._running is not None
            assert self._running.poll() is None, f"{self.name} ended:\n{self.text()}"
            assert time.monotonic() < end, f"{self.name} does not serve:\n{self.text()}"
            time.sleep(0.05)

    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def text(self) -> str:
        """What it logged, in all its lives."""
        return self.log.read_text(errors="replace")

    def _wait(self, seconds: float) -> int:
        assert self._running is not None
        status = self._running.wait(seconds)
        if self._output is not None:
            self._output.close()
        return status


@dataclass(frozen=True)
class Names:
    """What this mesh is called on the servers."""

    database: str
    releases: str
    lake: str
    queues: str

    @classmethod
    def fresh(cls) -> "Names":
        mark = secrets.token_hex(6)
        return cls(f"sfumato_{mark}", f"releases-{mark}", f"lake-{mark}", f"test-{mark}")


@dataclass
class ProductionMesh:
    """Two gateways, two accountants, a front and two workers."""

    folder: Path
    names: Names
    issuer: LocalIssuer
    bucket: Minio
    processes: dict[str, Process] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    """Address of each gateway."""

    def __getitem__(self, name: str) -> Process:
        return self.processes[name]

    def token(self, subject: str) -> str:
        return self.issuer.issue(subject, timedelta(hours=1))

    def connect(self, subject: str, gateway: int = 0) -> sf.Mesh:
        return sf.connect(self.gateways[gateway], self.token(subject))

    def channel(self, gateway: int = 0) -> grpc.Channel:
        return grpc.insecure_channel(self.gateways[gateway])

    def metadata(self, subject: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token(subject)}"),)

    def admin(self, *arguments: str, gateway: int = 0) -> None:
        """Run `sfumato admin …` as the administrator."""
        environment = {"SFUMATO_TARGET": self.gateways[gateway], "SFUMATO_TOKEN": self.token("root")}
        with mock.patch.dict(os.environ, environment), mock.patch("sys.argv", ["sfumato", "admin", *arguments]):
            status = None
            try:
                run_cli()
            except SystemExit as end:
                status = end.code
        assert not status, f"sfumato admin {' '.join(arguments)}: exit status {status}"

    def apply(self, documents: str) -> None:
        path = self.folder / f"apply-{uuid.uuid4().hex}.yaml"
        path.write_text(documents)
        self.admin("apply", "-f", str(path))

    def stop(self) -> None:
        for process in self.processes.values():
            if process.is_running():
                process.kill()


@contextmanager
def production_mesh(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[ProductionMesh]:
    """Start all processes at once, in no order, and stop them at the end.

    Args:
        folder: for keys, credentials, settings and logs.
        settings: further SFUMATO_… (or other) variables of every process.
    """
    missing = [name for name in SERVERS if not os.environ.get(name)]
    if missing:
        pytest.fail(f"{', '.join(missing)} not set: `make services` starts the servers, or name your own")
    names = Names.fresh()
    bucket = _buckets(names)
    mesh = ProductionMesh(folder, names, _issuer(folder), bucket)
    _write_credentials(folder)
    _declare(mesh, settings or {})
    try:
        for process in mesh.processes.values():
            process.start()
        for process in mesh.processes.values():
            if process.health_port:
                process.wait_until_serving()
        yield mesh
    finally:
        mesh.stop()
        _clean(names, bucket)


def _issuer(folder: Path) -> LocalIssuer:
    return LocalIssuer(ISSUER, AUDIENCE, load_or_create_signing_key(folder / "issuer" / "issuer.pem"))


def _declare(mesh: ProductionMesh, more: Mapping[str, str]) -> None:
    """Say what each process is told: one file for what all know, the environment for its own, secrets above all."""
    folder, names = mesh.folder, mesh.names
    signing = {name: load_or_create_signing_key(folder / name / "key.pem") for name in ("gateway", "executor")}
    publics = {name: public_key_bytes(key.public_key()).hex() for name, key in signing.items()}
    issuing = load_or_create_signing_key(folder / "issuer" / "issuer.pem").public_key()
    ports = dict(zip(("a1", "a2", "front", "g1", "g2"), free_ports(5), strict=True))
    (folder / "mesh.toml").write_text(
        f"""
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
log_level = "INFO"
drain_seconds = 10
accountant_target = "ipv4:127.0.0.1:{ports["a1"]},127.0.0.1:{ports["a2"]}"
executor_target = "127.0.0.1:{ports["front"]}"
queue_prefix = "{names.queues}"
releases = "s3://{names.releases}/mesh"
lease_seconds = 3
settle_interval_seconds = 0.5
worker_concurrency = 1

[principal_keys]
gateway = "{publics["gateway"]}"
executor = "{publics["executor"]}"

[token_keys]
{key_id(issuing)} = "{public_key_bytes(issuing).hex()}"
"""
    )
    (folder / "logs").mkdir()
    mongodb = urlsplit(os.environ["SFUMATO_TEST_MONGODB_URL"])
    accounts = {
        "SFUMATO_STORE_URL": mongodb._replace(path=f"/{names.database}").geturl(),
        "SFUMATO_LEDGER_KEY_FILE": str(folder / "ledger" / "key.pem"),
        "SFUMATO_ADMINISTRATOR_ISSUER": ISSUER,
        "SFUMATO_ADMINISTRATOR_SUBJECT": "root",
    }
    executes = {
        "SFUMATO_BROKER_URL": os.environ["SFUMATO_TEST_AMQP_URL"],
        "SFUMATO_CREDENTIALS_DIR": str(folder / "credentials"),
        "SFUMATO_SIGNING_KEY": str(folder / "executor" / "key.pem"),
    }
    faces = {"SFUMATO_SIGNING_KEY": str(folder / "gateway" / "key.pem")}
    for number in ("1", "2"):
        _add(mesh, f"worker{number}", ("sfumato-executor", "worker"), more, executes, cache=f"cache{number}")
    for number in ("1", "2"):
        _add(mesh, f"gateway{number}", ("sfumato-gateway",), more, faces, port=ports[f"g{number}"])
    _add(mesh, "front", ("sfumato-executor", "front"), more, executes, port=ports["front"])
    for number in ("1", "2"):
        _add(mesh, f"accountant{number}", ("sfumato-accountant",), more, accounts, port=ports[f"a{number}"])
    mesh.gateways = tuple(f"127.0.0.1:{ports[name]}" for name in ("g1", "g2"))


def _add(
    mesh: ProductionMesh,
    name: str,
    command: tuple[str, ...],
    *variables: Mapping[str, str],
    port: int = 0,
    cache: str = "",
) -> None:
    own = {"SFUMATO_CONFIG": str(mesh.folder / "mesh.toml")}
    health = 0
    if port:
        [health] = free_ports(1)
        own |= {"SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{port}", "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{health}"}
    if cache:
        own["SFUMATO_CACHE_DIR"] = str(mesh.folder / cache)
    for each in variables:
        own |= each
    program = str(Path(sys.executable).parent / command[0])
    log = mesh.folder / "logs" / f"{name}.log"
    mesh.processes[name] = Process(name, (program, *command[1:]), own, log, health)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _write_credentials(folder: Path) -> None:
    server = urlsplit(os.environ["SFUMATO_TEST_S3_URL"])
    text = (
        f'endpoint = "{server.hostname}:{server.port}"\naccess_key = "{server.username}"\n'
        f'secret_key = "{server.password}"\nsecure = {str(server.scheme == "https").lower()}\n'
    )
    (folder / "credentials").mkdir(mode=0o700)
    for name in ("releases", "lake-reader"):
        (folder / "credentials" / f"{name}.toml").write_text(text)


def _buckets(names: Names) -> Minio:
    server = urlsplit(os.environ["SFUMATO_TEST_S3_URL"])
    endpoint = f"{server.hostname}:{server.port}"
    client = Minio(endpoint, access_key=server.username, secret_key=server.password, secure=server.scheme == "https")
    client.make_bucket(names.releases)
    client.make_bucket(names.lake)
    return client


def _clean(names: Names, bucket: Minio) -> None:
    for name in (names.releases, names.lake):
        objects = [DeleteObject(str(each.object_name)) for each in bucket.list_objects(name, recursive=True)]
        for error in bucket.remove_objects(name, objects):
            raise AssertionError(f"{name}: {error}")
        bucket.remove_bucket(name)
    with pymongo.MongoClient[dict[str, object]](os.environ["SFUMATO_TEST_MONGODB_URL"]) as client:
        client.drop_database(names.database)
    app = Celery("cleaning", broker=os.environ["SFUMATO_TEST_AMQP_URL"], set_as_current=False)
    with app.connection_for_write() as connection, connection.channel() as channel:
        for kind in ("queries", "preparations"):
            channel.queue_delete(f"{names.queues}.{kind}")
            channel.exchange_delete(f"{names.queues}.{kind}")
