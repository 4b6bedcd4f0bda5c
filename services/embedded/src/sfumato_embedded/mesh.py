"""The whole mesh in one process: the same services behind the same interceptors, only the gateway on a socket.

Calls between services stay in the process. The Celery worker runs in threads of it over `memory://`, so a message that
a crash loses is queued again by the settler at the next start: the ledger, not the queue, says what is open.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from sfumato_accountant import service as accountant_service
from sfumato_accountant.settings import AccountantSettings
from sfumato_embedded.folder import DataFolder
from sfumato_embedded.identities import ADMINISTRATOR, AUDIENCE, ISSUER, issue
from sfumato_embedded.ledger_keys import retire_ledger_key
from sfumato_executor import service as executor_service
from sfumato_executor.embedded_worker import start_in_thread
from sfumato_executor.library_thread import LibraryThread
from sfumato_executor.queue import register_tasks
from sfumato_executor.releases.prepared import PreparedData
from sfumato_executor.settings import ExecutorSettings
from sfumato_gateway import service as gateway_service
from sfumato_gateway.settings import GatewaySettings
from sfumato_mesh.channels import AioMeshChannel, SyncMeshChannel
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import internal_interceptors, public_interceptors
from sfumato_mesh.keys import key_id, load_or_create_signing_key
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.server import ServerLike, start_server
from sfumato_mesh.tokens import LocalIssuer, TokenVerifier
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, GetDatasetRecordRequest
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub

if TYPE_CHECKING:
    from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceAsyncStub

SWITCH_INTERVAL = 2e-4
"""Seconds after which a thread hands over the interpreter: worker and event loop share it, and a query's way crosses
between them; the default of 5 ms costs a quarter of the throughput."""


@dataclass(frozen=True)
class EmbeddedMesh:
    """A running mesh."""

    target: str
    """host:port of the gateway, on loopback."""
    health_target: str
    """host:port of the health service."""
    folder: DataFolder
    _issuer: LocalIssuer
    _catalog: "CatalogServiceAsyncStub"
    _prepared: PreparedData

    def token(self, subject: str, now: datetime) -> str:
        """A bearer token of a user with this subject, for thirty days."""
        return issue(self._issuer, subject, now)

    async def published(self, dataset: str) -> tuple[DatasetRecord, Path]:
        """The record of a published dataset, and the folder of its prepared rows: the custodian's view, exact.

        Raises LookupError if nothing is published.
        """
        response = await self._catalog.GetDatasetRecord(GetDatasetRecordRequest(name=f"datasets/{dataset}"))
        prepared = response.record.preparation_id
        folder = await asyncio.to_thread(self._prepared.fetch, prepared) if prepared else None
        if folder is None:
            raise LookupError(f"nothing of {dataset} is published")
        return response.record, folder


@dataclass(frozen=True)
class _Keys:
    """The mesh's own signing keys, made at the first start."""

    issuer: Ed25519PrivateKey
    gateway: Ed25519PrivateKey
    executor: Ed25519PrivateKey

    @classmethod
    def of(cls, folder: DataFolder) -> "_Keys":
        names = ("issuer", "gateway", "executor")
        return cls(*(load_or_create_signing_key(folder.keys / f"{name}.pem") for name in names))


def local_issuer(folder: DataFolder) -> LocalIssuer:
    """The issuer whose tokens a mesh on this folder takes."""
    return LocalIssuer(ISSUER, AUDIENCE, load_or_create_signing_key(folder.keys / "issuer.pem"))


@asynccontextmanager
async def run_mesh(folder: DataFolder, port: int = 0) -> AsyncIterator[EmbeddedMesh]:
    """Run a mesh on a locked folder until the block ends.

    Args:
        folder: where its state is; the caller holds its lock.
        port: of the gateway on 127.0.0.1; 0: any that is free.

    Raises:
        OSError: the port is taken.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    keys = _Keys.of(folder)
    trusted = {"gateway": keys.gateway.public_key(), "executor": keys.executor.public_key()}
    signers = {
        name: PrincipalSigner(name, key) for name, key in (("gateway", keys.gateway), ("executor", keys.executor))
    }
    async with AsyncExitStack() as stack:
        books = _accountant_settings(folder)
        await retire_ledger_key(books)
        accountant = await accountant_service.open_accountant(books)
        stack.push_async_callback(accountant.close)
        accounts = InProcessServer(
            internal_interceptors(
                "accountant", PrincipalVerifier("accountant", trusted), accountant_service.METHOD_RULES
            )
        )
        for handlers in accountant.handlers:
            handlers.register(cast("ServerLike", accounts))
        stack.push_async_callback(accounts.stop, 1.0)

        settings = _executor_settings(folder)
        front = await executor_service.open_front(
            settings, AioMeshChannel(accounts.channel(), signers["executor"], "accountant")
        )
        stack.push_async_callback(front.close)
        executes = InProcessServer(
            internal_interceptors("executor", PrincipalVerifier("executor", trusted), executor_service.METHOD_RULES)
        )
        for handlers in front.handlers:
            handlers.register(cast("ServerLike", executes))
        stack.push_async_callback(executes.stop, 1.0)

        loop = asyncio.get_running_loop()
        blocking = SyncMeshChannel(accounts.sync_channel(loop), signers["executor"], "accountant")
        parts = await asyncio.to_thread(executor_service.open_worker, settings, blocking)
        library = LibraryThread(parts.run_query)
        stack.push_async_callback(asyncio.to_thread, library.close)
        register_tasks(front.app, parts.run_query, parts.prepare, library.submit)
        worker = await asyncio.to_thread(start_in_thread, front.app)
        stack.push_async_callback(asyncio.to_thread, worker.stop)
        stack.callback(parts.stopping.set)

        public = GatewaySettings(issuer=ISSUER, audience=AUDIENCE, listen_address=f"127.0.0.1:{port}")
        gateway = await gateway_service.open_gateway(
            public,
            AioMeshChannel(accounts.channel(), signers["gateway"], "accountant"),
            AioMeshChannel(executes.channel(), signers["gateway"], "executor"),
        )
        issuer_key = keys.issuer.public_key()
        verifier = TokenVerifier(ISSUER, AUDIENCE, {key_id(issuer_key): issuer_key})
        chain = public_interceptors("gateway", verifier, gateway.resolve, gateway_service.METHOD_RULES)
        server = await start_server(public, gateway.handlers, chain, reflection=gateway_service.SERVICE_NAMES)
        stack.push_async_callback(server.drain, 2.0)
        warming = asyncio.create_task(gateway.warm_up())
        stack.push_async_callback(asyncio.wait, (warming,))
        yield EmbeddedMesh(
            f"127.0.0.1:{server.port}",
            f"127.0.0.1:{server.health_port}",
            folder,
            LocalIssuer(ISSUER, AUDIENCE, keys.issuer),
            CatalogServiceStub(AioMeshChannel(accounts.channel(), signers["executor"], "accountant")),
            executor_service.open_executor_stores(settings).prepared,
        )


def _accountant_settings(folder: DataFolder) -> AccountantSettings:
    return AccountantSettings(
        store_url=f"sqlite://{folder.ledger}",
        ledger_key_file=folder.keys / "ledger.pem",
        ledger_next_key_file=folder.keys / "ledger-next.pem",
        snapshot_folder=folder.snapshots,
        administrator_issuer=ISSUER,
        administrator_subject=ADMINISTRATOR,
    )


def _executor_settings(folder: DataFolder) -> ExecutorSettings:
    return ExecutorSettings(
        broker_url=SecretStr("memory://"),
        releases=str(folder.releases),
        credentials_dir=folder.credentials,
        data_root=folder.data,
        cache_dir=folder.cache,
    )
