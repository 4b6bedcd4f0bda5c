"""An accountant and an executor in one process, with a table to ask."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
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
from sfumato_executor.queue import register_tasks
from sfumato_executor.settings import ExecutorSettings
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.channels import AioMeshChannel, SyncMeshChannel
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
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


def fresh_id() -> str:
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
            asked = executor_service_pb2.QuoteRequest(task=task, record=record, accepting=True)
            priced = await self.stub().Quote(asked)
            price = query_price_pb2.QueryPrice(
                query_id=fresh_id(),
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
        return table_of([each async for each in self.stub().ReadRelease(request)])


def table_of(parts: list[Any]) -> pa.Table:
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


@asynccontextmanager
async def open_mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
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
        await register(mesh)
        yield mesh
        await accounts.stop()


async def register(mesh: Mesh) -> None:
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
                    request_id=fresh_id(),
                )
            )


async def publish(executor: Executor) -> catalog_service_pb2.Preparation:
    catalog = executor.mesh.accountant(catalog_service_pb2_grpc.CatalogServiceStub)
    preparation_id = fresh_id()
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
