"""Several accountants on one store, each a process, and the gateway's and the workers' side of them."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scripts.services.ports import free_ports
from sfumato.v1.budget_admin_service_pb2_grpc import BudgetAdminServiceStub
from sfumato.v1.budget_service_pb2_grpc import BudgetServiceStub
from sfumato.v1.ledger_service_pb2_grpc import LedgerServiceStub
from sfumato_accountant.service import Accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_mesh.channels import MeshChannel
from sfumato_mesh.keys import public_key_bytes
from sfumato_mesh.principal import PrincipalSigner
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tests.contract.ledger_scene import Replica, Scene
from tests.e2e.production import Process

_OPTIONS: Final = [("grpc.use_local_subchannel_pool", 1)]


@dataclass
class Accountants:
    """Running processes."""

    settings: AccountantSettings
    processes: list[Process]
    targets: list[str]
    keys: dict[str, Ed25519PrivateKey]

    def scene(self) -> Scene:
        """Return stubs that lead to each process, on the running loop."""
        scene = Scene(self.settings)
        for target in self.targets:
            scene.replicas.append(self._replica(target))
        return scene

    def _replica(self, target: str) -> Replica:
        def channel(service: str) -> Any:
            plain: Any = grpc.aio.insecure_channel(target, options=_OPTIONS)
            return MeshChannel(plain, PrincipalSigner(service, self.keys[service]), "accountant")

        gateway, worker, elsewhere = channel("gateway"), channel("executor"), None
        return Replica(
            accountant=cast("Accountant", elsewhere),
            gateway=AccountantServiceStub(gateway),
            worker=AccountantServiceStub(worker),
            reservations=ReservationServiceStub(gateway),
            settler=ReservationServiceStub(worker),
            ledger=LedgerServiceStub(gateway),
            budgets=BudgetServiceStub(gateway),
            budget_admin=BudgetAdminServiceStub(gateway),
            channel=gateway,
            worker_channel=worker,
        )


@contextmanager
def accountants(folder: Path, store_url: str, number: int) -> Iterator[Accountants]:
    """Start processes on one store, and kill them at the end.

    Args:
        folder: for keys, settings and logs.
        store_url: sqlite:///… or mongodb://….
        number: of processes.
    """
    keys = {name: Ed25519PrivateKey.generate() for name in ("gateway", "executor")}
    lines = [f'{name} = "{public_key_bytes(key.public_key()).hex()}"' for name, key in keys.items()]
    config = folder / f"accountants-{secrets.token_hex(4)}.toml"
    config.write_text("\n".join(["[principal_keys]", *lines]))
    ports = free_ports(2 * number)
    processes = []
    for index in range(number):
        port, health = ports[2 * index], ports[2 * index + 1]
        environment = {
            "SFUMATO_CONFIG": str(config),
            "SFUMATO_STORE_URL": store_url,
            "SFUMATO_LEDGER_KEY_FILE": str(folder / "ledger.pem"),
            "SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{port}",
            "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{health}",
        }
        program = str(Path(sys.executable).parent / "sfumato-accountant")
        processes.append(
            Process(f"accountant{index}", (program,), environment, folder / f"accountant{index}.log", health)
        )
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.wait_until_serving()
        settings = AccountantSettings(store_url=store_url, ledger_key_file=folder / "ledger.pem")
        yield Accountants(settings, processes, [f"127.0.0.1:{ports[2 * index]}" for index in range(number)], keys)
    finally:
        for process in processes:
            if process.is_running():
                process.kill()
