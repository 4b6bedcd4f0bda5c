"""A mesh as it runs in production: each service a process of its own, wired by settings alone.

The accountants are on MongoDB, releases and sources in buckets, the queue in RabbitMQ or Redis. Names of database,
buckets and queues are random, so that several of these meshes share the servers; `production_mesh` takes them away at
its end. What each process is told is that of `make mesh-up`; here they are children, to be killed and watched.
"""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from unittest import mock

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from minio import Minio

import sfumato as sf
from scripts.mesh.layout import Names, Policy, Servers, lay_out, port_names
from scripts.mesh.rooms import make_buckets, object_store, take_away
from scripts.services.ports import free_ports
from sfumato.cli.main import run as run_cli
from sfumato_mesh.tokens import LocalIssuer

ISSUER: Final = "https://login.example.org"
START_SECONDS: Final = 40.0
SERVERS: Final = ("SFUMATO_TEST_MONGODB_URL", "SFUMATO_TEST_S3_URL")
BROKERS: Final = {"amqp": "SFUMATO_TEST_AMQP_URL", "redis": "SFUMATO_TEST_REDIS_URL"}
POLICY: Final = Policy(ISSUER, "root", lease_seconds=3, drain_seconds=10, settle_interval_seconds=0.5)


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
            env={"PATH": os.environ["PATH"], **self.environment},
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
def production_mesh(
    folder: Path, settings: Mapping[str, str] | None = None, *, broker: str = "amqp", policy: Policy = POLICY
) -> Iterator[ProductionMesh]:
    """Start all processes at once, in no order, and stop them at the end.

    Args:
        folder: for keys, credentials, settings and logs.
        settings: further SFUMATO_… (or other) variables of every process.
        broker: "amqp" or "redis".
        policy: leases and the like.
    """
    variables = (*SERVERS, BROKERS[broker])
    missing = [name for name in variables if not os.environ.get(name)]
    if missing:
        pytest.fail(f"{', '.join(missing)} not set: `make services` starts the servers, or name your own")
    servers = Servers(*(os.environ[name] for name in variables))
    names, ports = Names.fresh(), port_names()
    bucket = object_store(servers.s3)
    make_buckets(bucket, names)
    layout = lay_out(folder, servers, names, dict(zip(ports, free_ports(len(ports)), strict=True)), policy, settings)
    (folder / "logs").mkdir(exist_ok=True)
    mesh = ProductionMesh(folder, names, layout.issuer, bucket, gateways=layout.gateways)
    for each in layout.processes:
        log = folder / "logs" / f"{each.name}.log"
        mesh.processes[each.name] = Process(each.name, each.command, each.environment, log, each.health_port)
    try:
        for process in mesh.processes.values():
            process.start()
        for process in mesh.processes.values():
            if process.health_port:
                process.wait_until_serving()
        yield mesh
    finally:
        mesh.stop()
        take_away(servers, names)
