"""What an image is built of, in a fresh Debian root: each service installs, starts, and answers its health check."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.k8s.debian_root import DebianRoot, make_root, take_away
from tests.mesh_process import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # a system is made, and packages are fetched

_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # of RFC 8032's first test vector
SERVICES: Mapping[str, tuple[str, tuple[str, ...], Mapping[str, str]]] = {
    "gateway": ("gateway", ("sfumato-gateway",), {"SFUMATO_SIGNING_KEY": "/tmp/gateway.pem"}),
    "accountant": (
        "accountant",
        ("sfumato-accountant",),
        {"SFUMATO_STORE_URL": "sqlite:////tmp/ledger.sqlite", "SFUMATO_LEDGER_KEY_FILE": "/tmp/ledger.pem"},
    ),
    "front": (
        "executor",
        ("sfumato-executor", "front"),
        {"SFUMATO_SIGNING_KEY": "/tmp/executor.pem", "SFUMATO_RELEASES": "/tmp/releases"},
    ),
    "front with libraries": (
        "executor-library",
        ("sfumato-executor", "front"),
        {"SFUMATO_SIGNING_KEY": "/tmp/executor.pem", "SFUMATO_RELEASES": "/tmp/releases"},
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    made = make_root(tmp_path_factory.mktemp("debian"))
    yield made
    take_away(made)


@pytest.fixture(scope="module")
def installed(root: DebianRoot) -> DebianRoot:
    for service in ("gateway", "accountant", "executor", "executor-library"):
        root.run(["/src/scripts/install_service.sh", service, f"/opt/{service}"])
    return root


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_where_nothing_else_is(installed: DebianRoot, name: str, tmp_path: Path) -> None:
    package, command, own = SERVICES[name]
    health, port = free_port(), free_port()
    settings = {
        "SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{health}",
        "SFUMATO_ACCOUNTANT_TARGET": "127.0.0.1:1",
        "SFUMATO_EXECUTOR_TARGET": "127.0.0.1:1",
        "SFUMATO_PRINCIPAL_KEYS__GATEWAY": _KEY,
        "SFUMATO_PRINCIPAL_KEYS__EXECUTOR": _KEY,
        **own,
    }
    program = (f"/opt/{package}/bin/{command[0]}", *command[1:])
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            installed.command(*program), env=installed.environment(settings), stdout=output, stderr=output
        )
    try:
        assert _health(health, process) == health_pb2.HealthCheckResponse.SERVING, log.read_text()
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()


def test_each_holds_what_it_needs_and_no_more(installed: DebianRoot) -> None:
    def has(package: str, module: str) -> bool:
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        done = subprocess.run(
            installed.command(f"/opt/{package}/bin/python", "-c", probe), env=installed.environment({}), check=False
        )
        return done.returncode == 0

    assert has("executor", "opendp")
    assert all(has("executor-library", module) for module in ("opendp", "snsynth", "snsql", "diffprivlib"))
    assert has("accountant", "pymongo")
    foreign = {
        "gateway": ("opendp", "polars", "pandas", "pymongo", "celery"),
        "accountant": ("opendp", "polars", "celery", "minio"),
        "executor": ("pymongo", "pytest", "typer", "snsynth", "diffprivlib"),
        "executor-library": ("pymongo", "pytest", "typer"),
    }
    for package, module in [(package, module) for package, modules in foreign.items() for module in modules]:
        assert not has(package, module), f"{package} holds {module}"


def test_a_worker_says_what_it_lacks(installed: DebianRoot) -> None:
    done = subprocess.run(
        installed.command("/opt/executor/bin/sfumato-executor", "worker"),
        env=installed.environment({"SFUMATO_RELEASES": "/tmp/releases"}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "SFUMATO_SIGNING_KEY" in done.stderr


def test_an_unknown_service_is_named(root: DebianRoot) -> None:
    done = subprocess.run(
        root.command("/src/scripts/install_service.sh", "console", "/opt/console"),
        env=root.environment({}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "no service is called console" in done.stderr


def _health(port: int, process: "subprocess.Popen[bytes]") -> Any:
    """Ask until the service answers; for a minute, or as long as its process lives."""
    end = time.monotonic() + 60
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < end and process.poll() is None:
            try:
                return stub.Check(health_pb2.HealthCheckRequest(service="liveness"), timeout=5).status
            except grpc.RpcError:
                time.sleep(0.1)
    return health_pb2.HealthCheckResponse.UNKNOWN
