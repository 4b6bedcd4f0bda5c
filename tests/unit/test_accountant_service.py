"""The accountant as a whole: its table of methods, its settings, opening it twice, and its process."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sfumato_accountant.service import METHOD_RULES, open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_mesh.keys import public_key_bytes


class Registered:
    """Remembers which methods are registered."""

    def __init__(self) -> None:
        self.methods: set[str] = set()

    def add_registered_method_handlers(self, service_name: str, method_handlers: dict[str, Any]) -> None:
        self.methods |= {f"/{service_name}/{name}" for name in method_handlers}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Nothing: generated code registers the same methods twice."""


def settings(folder: Path, **fields: Any) -> AccountantSettings:
    return AccountantSettings(store_url=f"sqlite://{folder}/a.sqlite", ledger_key_file=folder / "key.pem", **fields)


async def test_every_served_method_has_a_rule(tmp_path: Path) -> None:
    accountant = await open_accountant(settings(tmp_path))
    registered: Any = Registered()
    for handlers in accountant.handlers:
        handlers.register(registered)
    not_served = {
        "/sfumato.v1.DatasetAdminService/PublishDatasetVersion",
        "/sfumato.v1.PopulationAdminService/ReopenPopulation",
    }
    assert registered.methods - not_served == set(METHOD_RULES)
    assert all(rule.services and not rule.public for rule in METHOD_RULES.values())
    await accountant.close()


async def test_a_second_start_finds_state_and_key_again(tmp_path: Path) -> None:
    with_administrator = settings(tmp_path, administrator_issuer="https://issuer", administrator_subject="root")
    for _ in range(2):
        accountant = await open_accountant(with_administrator)
        assert await accountant.catalog.user_exists("users/admin")
        await accountant.close()
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


async def test_an_unknown_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="address of the store"):
        await open_accountant(AccountantSettings(store_url="redis://h", ledger_key_file=tmp_path / "key.pem"))


def test_pymongo_is_not_loaded_for_sqlite(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from sfumato_accountant.stores.opening import open_stores;"
        f"s = asyncio.run(open_stores('sqlite://{tmp_path}/a.sqlite'));"
        "sys.exit('pymongo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_process_serves_and_drains(tmp_path: Path) -> None:
    with_port = _free_port()
    key = Ed25519PrivateKey.generate().public_key()
    environment = os.environ | {
        "SFUMATO_STORE_URL": f"sqlite://{tmp_path}/a.sqlite",
        "SFUMATO_LEDGER_KEY_FILE": str(tmp_path / "key.pem"),
        "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{with_port}",
        "SFUMATO_PRINCIPAL_KEYS": f'{{"gateway": "{public_key_bytes(key).hex()}"}}',
    }
    process = subprocess.Popen([sys.executable, "-m", "sfumato_accountant.main"], env=environment)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{with_port}") as channel:
            request = health_pb2.HealthCheckRequest(service="sfumato_mesh.v1.AccountantService")
            answer = health_pb2_grpc.HealthStub(channel).Check(request, wait_for_ready=True, timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
