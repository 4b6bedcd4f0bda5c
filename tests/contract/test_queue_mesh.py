"""The executor over a real accountant: prepare, sell, run, read, settle; in one process and in several."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import grpc
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr

from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_admin_service_pb2_grpc,
    charge_pb2,
    dataset_admin_service_pb2,
    dataset_admin_service_pb2_grpc,
    dataset_pb2,
    plan_pb2,
    population_admin_service_pb2,
    population_admin_service_pb2_grpc,
    population_pb2,
    schema_pb2,
    scope_pb2,
    user_admin_service_pb2,
    user_admin_service_pb2_grpc,
    user_pb2,
)
from sfumato_accountant import service as accountant_service
from sfumato_accountant.settings import AccountantSettings
from sfumato_executor import service
from sfumato_executor.embedded_worker import EmbeddedWorker, start_in_thread
from sfumato_executor.queue import make_app, register_tasks
from sfumato_executor.releases.bucket_objects import BucketObjects
from sfumato_executor.settings import ExecutorSettings
from sfumato_executor.sources.credentials import BucketCredentials
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.channels import AioMeshChannel, SyncMeshChannel, aio_channel
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.keys import public_key_bytes
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.server import ServerLike, start_server
from sfumato_mesh.v1 import (
    accountant_service_pb2,
    accountant_service_pb2_grpc,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    data_service_pb2,
    data_service_pb2_grpc,
    executor_service_pb2,
    executor_service_pb2_grpc,
    query_price_pb2,
    reservation_pb2,
    reservation_service_pb2,
    reservation_service_pb2_grpc,
    task_pb2,
)

POPULATION, DATASET = "populations/palmer", "datasets/penguins"
ROLE = user_pb2.Role
ADMIN = Caller("gateway", "users/admin", ((ROLE.Value("ROLE_ADMINISTRATOR"), ""),))
ADA = Caller("gateway", "users/ada", ((ROLE.Value("ROLE_ANALYST"), ""),))
ROWS = {"Adelie": 300, "Chinstrap": 200, "Gentoo": 100}
JUSTIFICATION = "granted so that the test can spend it"


def _id() -> str:
    return str(uuid.uuid4())


@dataclass
class Mesh:
    """An accountant and, where started, a front with its worker; calls are the gateway's."""

    accounts: InProcessServer
    settings: ExecutorSettings
    keys: dict[str, Ed25519PrivateKey]
    signers: dict[str, PrincipalSigner]
    verifier: PrincipalVerifier

    def accountant(self, stub: Any) -> Any:
        return stub(AioMeshChannel(self.accounts.channel(), self.signers["gateway"], "accountant"))

    @asynccontextmanager
    async def front(self, **changes: Any) -> AsyncIterator["Executor"]:
        settings = self.settings.model_copy(update=changes)
        channel = AioMeshChannel(self.accounts.channel(), self.signers["executor"], "accountant")
        front = await service.open_front(settings, channel)
        server = InProcessServer(internal_interceptors("executor", self.verifier, service.METHOD_RULES))
        for handlers in front.handlers:
            handlers.register(cast("ServerLike", server))
        try:
            yield Executor(self, settings, server.channel(), front)
        finally:
            await server.stop()
            await front.close()

    async def reservation(self, query_id: str) -> reservation_pb2.Reservation:
        stub = self.accountant(reservation_service_pb2_grpc.ReservationServiceStub)
        with calling_as(ADA):
            answer = await stub.GetReservation(reservation_service_pb2.GetReservationRequest(query_id=query_id))
        found: reservation_pb2.Reservation = answer.reservation
        return found

    async def ended(self, query_id: str, seconds: float = 15) -> reservation_pb2.Reservation:
        end = time.monotonic() + seconds
        while True:
            found = await self.reservation(query_id)
            if found.state != reservation_pb2.Reservation.STATE_OPEN:
                return found
            assert time.monotonic() < end, "it stays open"
            await asyncio.sleep(0.002)


@dataclass
class Executor:
    """A running front."""

    mesh: "Mesh"
    settings: ExecutorSettings
    channel: grpc.aio.Channel
    front: service.Front | None = None

    def stub(self, stub: Any = executor_service_pb2_grpc.ExecutorServiceStub) -> Any:
        return stub(AioMeshChannel(self.channel, self.mesh.signers["gateway"], "executor"))

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[EmbeddedWorker]:
        loop = asyncio.get_running_loop()
        channel = SyncMeshChannel(self.mesh.accounts.sync_channel(loop), self.mesh.signers["executor"], "accountant")
        assert self.front is not None
        parts = await asyncio.to_thread(service.open_worker, self.settings, channel)
        register_tasks(self.front.app, parts.run_query, parts.prepare)
        worker = await asyncio.to_thread(start_in_thread, self.front.app)
        try:
            yield worker
        finally:
            assert await asyncio.to_thread(worker.stop)

    async def sell(self, task: task_pb2.Task, *, give_up_seconds: int = 60, fresh: bool = True) -> Any:
        """Quote and reserve as the gateway does; return the reservation."""
        catalog = self.mesh.accountant(catalog_service_pb2_grpc.CatalogServiceStub)
        accountant = self.mesh.accountant(accountant_service_pb2_grpc.AccountantServiceStub)
        with calling_as(ADA):
            record = (await catalog.GetDatasetRecord(catalog_service_pb2.GetDatasetRecordRequest(name=DATASET))).record
            priced = await self.stub().Quote(executor_service_pb2.QuoteRequest(task=task, record=record))
            await self.stub().CheckAccepting(executor_service_pb2.CheckAcceptingRequest(population=priced.population))
            price = query_price_pb2.QueryPrice(
                query_id=_id(),
                task=task,
                plan_digest=priced.quote.plan_digest,
                charge=priced.quote.charge,
                datasets=priced.datasets,
                fresh=fresh,
                give_up_after=Duration(seconds=give_up_seconds),
                versions=[each.version for each in priced.quote.data_versions],
            )
            request = accountant_service_pb2.ReserveQueryRequest(query=price, body_digest=bytes(32))
            return (await accountant.ReserveQuery(request)).reservation

    async def submit(self, query_id: str) -> None:
        await self.stub().Submit(executor_service_pb2.SubmitRequest(query_id=query_id))

    async def read(self, query_id: str, start_row: int = 0) -> pa.Table:
        request = executor_service_pb2.ReadReleaseRequest(query_id=query_id, start_row=start_row)
        return _table([each async for each in self.stub().ReadRelease(request)])


def _table(parts: list[Any]) -> pa.Table:
    schema = pa.ipc.read_schema(pa.py_buffer(parts[0].schema.serialized_schema))
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(part.batch.serialized_record_batch), schema)
        for part in parts
        if part.WhichOneof("kind") == "batch"
    ]
    return pa.Table.from_batches(batches, schema)


def count_by_species(rho_picos: int = 20_000_000_000, alias: str = "n") -> task_pb2.Task:
    task = task_pb2.Task(confidence=0.95)
    plan = plan_pb2.Plan()
    plan.source.scan.dataset = DATASET
    key = plan.group_by.keys.add(alias="species")
    key.expression.column = "species"
    plan.measures.add(alias=alias).count.SetInParent()
    task.plan.CopyFrom(plan)
    task.question.plan.CopyFrom(plan)
    task.payment.rho.rho_picos = rho_picos
    return task


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    data = tmp_path / "data"
    data.mkdir()
    lines = [f"{species},{3000 + row}" for species, rows in ROWS.items() for row in range(rows)]
    (data / "penguins.csv").write_text("\n".join(["species,mass", *lines]) + "\n")
    keys = {name: Ed25519PrivateKey.generate() for name in ("gateway", "executor")}
    trusted = {name: key.public_key() for name, key in keys.items()}
    async with AsyncExitStack() as stack:
        accounting = AccountantSettings(
            store_url=f"sqlite:///{tmp_path}/ledger.sqlite", ledger_key_file=tmp_path / "ledger.pem"
        )
        accountant = await accountant_service.open_accountant(accounting)
        stack.push_async_callback(accountant.close)
        accounts = InProcessServer(
            internal_interceptors(
                "accountant", PrincipalVerifier("accountant", trusted), accountant_service.METHOD_RULES
            )
        )
        for handlers in accountant.handlers:
            handlers.register(cast("ServerLike", accounts))
        server = await start_server(
            accounting,
            accountant.handlers,
            internal_interceptors(
                "accountant", PrincipalVerifier("accountant", trusted), accountant_service.METHOD_RULES
            ),
        )
        stack.push_async_callback(server.drain, 1.0)
        settings = ExecutorSettings(
            accountant_target=f"127.0.0.1:{server.port}",
            broker_url=SecretStr("memory://"),
            queue_prefix=f"test-{uuid.uuid4().hex}",
            releases=str(tmp_path / "releases"),
            data_root=data,
            cache_dir=tmp_path / "cache",
        )
        mesh = Mesh(
            accounts,
            settings,
            keys,
            {name: PrincipalSigner(name, key) for name, key in keys.items()},
            PrincipalVerifier("executor", trusted),
        )
        await _register(mesh)
        yield mesh
        await accounts.stop()


async def _register(mesh: Mesh) -> None:
    populations = mesh.accountant(population_admin_service_pb2_grpc.PopulationAdminServiceStub)
    datasets = mesh.accountant(dataset_admin_service_pb2_grpc.DatasetAdminServiceStub)
    users = mesh.accountant(user_admin_service_pb2_grpc.UserAdminServiceStub)
    budgets = mesh.accountant(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
    schema = schema_pb2.DatasetSchema(
        columns=[
            schema_pb2.Column(name="species", category=schema_pb2.CategoryType(values=list(ROWS))),
            schema_pb2.Column(name="mass", integer=schema_pb2.IntegerType(lower=2000, upper=7000)),
        ]
    )
    dataset = dataset_pb2.Dataset(population=POPULATION, schema=schema, privacy_unit=dataset_pb2.PrivacyUnit())
    dataset.source.path.path = "penguins.csv"
    with calling_as(ADMIN):
        await populations.CreatePopulation(
            population_admin_service_pb2.CreatePopulationRequest(
                population_id="palmer",
                population=population_pb2.Population(
                    unit=population_pb2.PRIVACY_UNIT_KIND_ROW, accounting=population_pb2.ACCOUNTING_ZCDP
                ),
            )
        )
        await datasets.CreateDataset(
            dataset_admin_service_pb2.CreateDatasetRequest(dataset_id="penguins", dataset=dataset)
        )
        user = user_pb2.User(issuer="https://issuer.invalid", subject="ada")
        user.roles.add(role=user_pb2.ROLE_ANALYST)
        await users.CreateUser(user_admin_service_pb2.CreateUserRequest(user_id="ada", user=user))
        for scope in (
            scope_pb2.Scope(population=POPULATION),
            scope_pb2.Scope(population=POPULATION, analyst="users/ada"),
        ):
            await budgets.GrantBudget(
                budget_admin_service_pb2.GrantBudgetRequest(
                    scope=scope,
                    limit=charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=500 * 10**12)),
                    justification=JUSTIFICATION,
                    request_id=_id(),
                )
            )


async def _publish(executor: Executor) -> catalog_service_pb2.Preparation:
    catalog = executor.mesh.accountant(catalog_service_pb2_grpc.CatalogServiceStub)
    preparation_id = _id()
    with calling_as(ADMIN):
        await catalog.CreatePreparation(
            catalog_service_pb2.CreatePreparationRequest(dataset=DATASET, preparation_id=preparation_id)
        )
        await executor.stub(data_service_pb2_grpc.DataServiceStub).PrepareVersion(
            data_service_pb2.PrepareVersionRequest(preparation_id=preparation_id)
        )
        end = time.monotonic() + 30
        while True:
            answer = await catalog.GetPreparation(
                catalog_service_pb2.GetPreparationRequest(preparation_id=preparation_id)
            )
            if answer.preparation.state != catalog_service_pb2.Preparation.STATE_OPEN:
                found: catalog_service_pb2.Preparation = answer.preparation
                return found
            assert time.monotonic() < end, "it stays open"
            await asyncio.sleep(0.01)


async def test_prepared_sold_run_and_read(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        assert (await _publish(executor)).state == catalog_service_pb2.Preparation.STATE_READY
        reservation = await executor.sell(count_by_species())
        query = reservation.claim.query_id
        await executor.submit(query)
        committed = await mesh.ended(query)
        assert committed.state == reservation_pb2.Reservation.STATE_COMMITTED
        assert [each.alias for each in committed.receipt.statement.measures] == ["n"]
        answer = await executor.read(query)
        counts = dict(zip(answer["species"].to_pylist(), answer["n"].to_pylist(), strict=True))
        assert all(abs(counts[species] - rows) < 100 for species, rows in ROWS.items())
        assert (await executor.read(query)).equals(answer)
        assert (await executor.read(query, 2)).num_rows == 1

        shared = await executor.sell(count_by_species(alias="penguins"), fresh=False)
        assert shared.state == reservation_pb2.Reservation.STATE_SHARED
        again = await executor.read(shared.claim.query_id)
        assert again["penguins"].to_pylist() == answer["n"].to_pylist()


async def test_a_dummy_run(mesh: Mesh) -> None:
    async with mesh.front() as executor:
        record = catalog_service_pb2.DatasetRecord()
        catalog = mesh.accountant(catalog_service_pb2_grpc.CatalogServiceStub)
        with calling_as(ADA):
            record = (await catalog.GetDatasetRecord(catalog_service_pb2.GetDatasetRecordRequest(name=DATASET))).record
        runs = []
        for seed in (7, 7, 8):
            request = executor_service_pb2.RunDummyRequest(
                task=count_by_species(), record=record, row_count=1000, seed=seed
            )
            runs.append(_table([each.event async for each in executor.stub().RunDummy(request)]))
        assert runs[0].equals(runs[1])
        assert not runs[0].equals(runs[2])
        assert 800 < sum(runs[0]["n"].to_pylist()) < 1200


async def test_a_start_runs_what_was_paid_and_lost(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        await _publish(executor)
    async with mesh.front(settle_interval_seconds=3600, queue_prefix="first") as executor:
        query = (await executor.sell(count_by_species())).claim.query_id  # and the process dies before it is queued
    async with mesh.front(queue_prefix="second") as executor, executor.worker():
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_COMMITTED
        assert (await executor.read(query)).num_rows == 3


async def test_what_nobody_runs_is_charged_when_its_time_is_over(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        await _publish(executor)
    async with mesh.front(settle_interval_seconds=0.05, queue_prefix="nobody") as executor:
        query = (await executor.sell(count_by_species(), give_up_seconds=1)).claim.query_id
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_CHARGED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await executor.read(query)
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "QUERY_FAILED"


async def test_data_that_do_not_fit_are_refused_to_the_custodian(mesh: Mesh) -> None:
    assert mesh.settings.data_root is not None
    (mesh.settings.data_root / "penguins.csv").write_text("species\nAdelie\n")
    async with mesh.front() as executor, executor.worker():
        preparation = await _publish(executor)
    assert preparation.state == catalog_service_pb2.Preparation.STATE_REFUSED
    assert any("mass" in problem for problem in preparation.problems)


async def test_only_the_gateway_may_call(mesh: Mesh) -> None:
    async with mesh.front() as executor:
        channel = AioMeshChannel(executor.channel, mesh.signers["executor"], "executor")
        stub: Any = executor_service_pb2_grpc.ExecutorServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Submit(executor_service_pb2.SubmitRequest(query_id=_id()))
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "PEER_NOT_ALLOWED"


async def test_a_chain_without_its_mark_is_not_sold(mesh: Mesh, tmp_path: Path) -> None:
    async with mesh.front() as executor, executor.worker():
        await _publish(executor)
        query = (await executor.sell(count_by_species())).claim.query_id
        await executor.submit(query)
        await mesh.ended(query)
        await executor.read(query)
    [mark] = (tmp_path / "releases" / "marks").iterdir()
    fields = json.loads(mark.read_text())
    mark.write_text(json.dumps({"hash": fields["hash"], "seq": str(int(fields["seq"]) + 1)}))  # told, and not there
    async with mesh.front() as executor:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await executor.sell(count_by_species())
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "LEDGER_BEHIND"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _environment(mesh: Mesh, folder: Path, port: int) -> dict[str, str]:
    """What an operator says: RabbitMQ, a bucket, keys, data."""
    s3 = urlsplit(os.environ["SFUMATO_TEST_S3_URL"])
    access = BucketCredentials(f"{s3.hostname}:{s3.port}", s3.username or "", s3.password or "", secure=False)
    bucket = f"mesh-{uuid.uuid4().hex}"
    BucketObjects(access, bucket).make_bucket()
    (folder / "credentials").mkdir()
    (folder / "credentials" / "releases.json").write_text(json.dumps(asdict(access)))
    pem = mesh.keys["executor"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "executor.pem").write_bytes(pem)
    gateway = public_key_bytes(mesh.keys["gateway"].public_key()).hex()
    return {
        "PATH": os.environ["PATH"],
        "SFUMATO_ACCOUNTANT_TARGET": mesh.settings.accountant_target,
        "SFUMATO_BROKER_URL": os.environ["SFUMATO_TEST_AMQP_URL"],
        "SFUMATO_QUEUE_PREFIX": f"test-{uuid.uuid4().hex}",
        "SFUMATO_RELEASES": f"s3://{bucket}/mesh",
        "SFUMATO_CREDENTIALS_DIR": str(folder / "credentials"),
        "SFUMATO_DATA_ROOT": str(mesh.settings.data_root),
        "SFUMATO_CACHE_DIR": str(folder / "copies"),
        "SFUMATO_SIGNING_KEY": str(folder / "executor.pem"),
        "SFUMATO_PRINCIPAL_KEYS": json.dumps({"gateway": gateway}),
        "SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "SFUMATO_WORKER_CONCURRENCY": "1",
        "SFUMATO_LEASE_SECONDS": "3",
    }


@asynccontextmanager
async def _process(name: str, environment: dict[str, str]) -> AsyncIterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "sfumato_executor.main", name]
    process = await asyncio.to_thread(subprocess.Popen, command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, 60)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.servers
async def test_front_and_worker_as_processes(mesh: Mesh, tmp_path: Path) -> None:
    port = _free_port()
    environment = _environment(mesh, tmp_path, port)
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(_process("front", environment))
        worker = await stack.enter_async_context(_process("worker", environment))
        channel = aio_channel(f"127.0.0.1:{port}")
        stack.push_async_callback(channel.close)
        await asyncio.wait_for(channel.channel_ready(), 30)
        executor = Executor(mesh, mesh.settings, channel)
        assert (await _publish(executor)).state == catalog_service_pb2.Preparation.STATE_READY
        query = (await executor.sell(count_by_species())).claim.query_id
        await executor.submit(query)
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_COMMITTED
        answer = await executor.read(query)
        assert answer["species"].to_pylist() == sorted(ROWS)

        os.killpg(worker.pid, signal.SIGKILL)
        lost = (await executor.sell(count_by_species())).claim.query_id  # never queued: the settler must find it
        await stack.enter_async_context(_process("worker", environment))
        assert (await mesh.ended(lost, 40)).state == reservation_pb2.Reservation.STATE_COMMITTED

        front.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(front.wait, 40) == 0
    app = make_app(environment["SFUMATO_BROKER_URL"], environment["SFUMATO_QUEUE_PREFIX"])
    with app.connection_for_write() as connection, connection.channel() as declared:
        for queue in app.conf.task_queues:
            queue.bind(declared).delete()
            queue.exchange.bind(declared).delete()
