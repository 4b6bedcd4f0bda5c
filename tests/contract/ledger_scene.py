"""Accountants on one store, behind their interceptors, with a catalogue: what the suites of the ledger share."""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from pymongo import MongoClient

from sfumato.v1 import budget_admin_service_pb2 as budget_admin_pb
from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.budget_admin_service_pb2_grpc import BudgetAdminServiceStub
from sfumato.v1.budget_service_pb2_grpc import BudgetServiceStub
from sfumato.v1.charge_pb2 import Charge, EpsilonDelta, LossLimit, RhoDelta
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.ledger_service_pb2_grpc import LedgerServiceStub
from sfumato.v1.measure_pb2 import Count, Measure
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceStub
from sfumato.v1.project_pb2 import Project
from sfumato.v1.question_pb2 import Question
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.schema_pb2 import Column, DatasetSchema, IntegerType
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.source_pb2 import PathSource, Source
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_AUDITOR, ROLE_CUSTODIAN, User
from sfumato_accountant.service import METHOD_RULES, Accountant, open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.channels import MeshChannel
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1 import catalog_service_pb2 as catalog_pb
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from sfumato_mesh.v1.query_price_pb2 import QueryPrice
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub
from sfumato_mesh.v1.task_pb2 import Task

STORES = ["sqlite", pytest.param("mongodb", marks=pytest.mark.servers)]
"""Kinds of stores; the second needs a server."""

POPULATION = "populations/palmer"
DATASET = "datasets/penguins"
PROJECT = "projects/ice"
PICO = 10**12

ADMINISTRATOR = Caller("gateway", "users/root", roles=((ROLE_ADMINISTRATOR, ""),))
CUSTODIAN = Caller("gateway", "users/cleo", roles=((ROLE_CUSTODIAN, POPULATION),))
AUDITOR = Caller("gateway", "users/otto", roles=((ROLE_AUDITOR, ""),))
ADA = Caller("gateway", "users/ada", roles=((ROLE_ANALYST, DATASET),), projects=(PROJECT,))
BOB = Caller("gateway", "users/bob", roles=((ROLE_ANALYST, DATASET),))
EVE = Caller("gateway", "users/eve", roles=((ROLE_ANALYST, "datasets/other"),))
WORKER = Caller("executor", "")

MEASURES = [MeasureAccuracy(alias="n", charge=Charge(rho_picos=5))]


class HeldClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Replica:
    """One accountant and stubs that lead to it."""

    accountant: Accountant
    gateway: Any
    worker: Any
    reservations: Any
    settler: Any
    ledger: Any
    budgets: Any
    budget_admin: Any
    channel: Any
    worker_channel: Any


class Scene:
    """Replicas on one store."""

    def __init__(self, settings: AccountantSettings) -> None:
        self.settings = settings
        self.clock = HeldClock()
        self.replicas: list[Replica] = []

    async def open(self, *, clock: HeldClock | None = None) -> Replica:
        accountant = await open_accountant(self.settings, clock=clock or self.clock)
        gateway_key, executor_key = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
        trusted = {"gateway": gateway_key.public_key(), "executor": executor_key.public_key()}
        interceptors = internal_interceptors("accountant", PrincipalVerifier("accountant", trusted), METHOD_RULES)
        server: Any = InProcessServer(interceptors)
        for handlers in accountant.handlers:
            handlers.register(server)
        channel: Any = MeshChannel(server.channel(), PrincipalSigner("gateway", gateway_key), "accountant")
        worker: Any = MeshChannel(server.channel(), PrincipalSigner("executor", executor_key), "accountant")
        replica = Replica(
            accountant=accountant,
            gateway=AccountantServiceStub(channel),
            worker=AccountantServiceStub(worker),
            reservations=ReservationServiceStub(channel),
            settler=ReservationServiceStub(worker),
            ledger=LedgerServiceStub(channel),
            budgets=BudgetServiceStub(channel),
            budget_admin=BudgetAdminServiceStub(channel),
            channel=channel,
            worker_channel=worker,
        )
        self.replicas.append(replica)
        return replica

    @property
    def first(self) -> Replica:
        return self.replicas[0]

    async def furnish(self) -> None:
        """Register a population, a published dataset, users and a project."""
        channel = self.first.channel
        with calling_as(ADMINISTRATOR):
            await PopulationAdminServiceStub(channel).CreatePopulation(
                population_pb.CreatePopulationRequest(
                    population_id="palmer", population=Population(unit=PRIVACY_UNIT_KIND_ROW)
                )
            )
            for name in ("ada", "bob", "eve"):
                user = User(issuer="https://issuer", subject=name)
                await UserAdminServiceStub(channel).CreateUser(user_pb.CreateUserRequest(user_id=name, user=user))
            await DatasetAdminServiceStub(channel).CreateDataset(
                dataset_pb.CreateDatasetRequest(dataset_id="penguins", dataset=penguins())
            )
            project = Project(members=["users/ada"], datasets=[DATASET])
            await ProjectAdminServiceStub(channel).CreateProject(
                project_pb.CreateProjectRequest(project_id="ice", project=project)
            )

    async def publish(self) -> None:
        """Publish the next version of the dataset."""
        preparation = str(uuid.uuid4())
        with calling_as(CUSTODIAN):
            await CatalogServiceStub(self.first.channel).CreatePreparation(
                catalog_pb.CreatePreparationRequest(dataset=DATASET, preparation_id=preparation)
            )
        with calling_as(WORKER):
            ended = await CatalogServiceStub(self.first.worker_channel).EndPreparation(
                catalog_pb.EndPreparationRequest(preparation_id=preparation, state=catalog_pb.Preparation.STATE_READY)
            )
        assert ended.preparation.state == catalog_pb.Preparation.STATE_READY

    async def policy(self, policy: Policy) -> None:
        """Change the dataset's policy."""
        request = dataset_pb.UpdateDatasetRequest(
            dataset=Dataset(name=DATASET, policy=policy), update_mask=FieldMask(paths=["policy"])
        )
        with calling_as(ADMINISTRATOR):
            await DatasetAdminServiceStub(self.first.channel).UpdateDataset(request)

    async def grant(
        self, limit: LossLimit, *, analyst: str = "", project: str = "", dataset: str = "", **fields: Any
    ) -> budget_admin_pb.GrantBudgetResponse:
        """Set a limit as the custodian."""
        scope = Scope(population=POPULATION, analyst=analyst, project=project, dataset=dataset)
        fields = {"justification": "agreed with the data owner", "request_id": str(uuid.uuid4())} | fields
        request = budget_admin_pb.GrantBudgetRequest(scope=scope, limit=limit, **fields)
        with calling_as(CUSTODIAN):
            response: budget_admin_pb.GrantBudgetResponse = await self.first.budget_admin.GrantBudget(request)
        return response

    async def freeze(self, *, frozen: bool = True, **parts: str) -> Any:
        """Stop a scope, or let it go on."""
        fields: dict[str, Any] = {
            "scope": Scope(population=POPULATION, **parts),
            "justification": "something is odd",
            "request_id": str(uuid.uuid4()),
        }
        with calling_as(CUSTODIAN):
            if frozen:
                return await self.first.budget_admin.FreezeBudget(budget_admin_pb.FreezeBudgetRequest(**fields))
            return await self.first.budget_admin.UnfreezeBudget(budget_admin_pb.UnfreezeBudgetRequest(**fields))

    async def reserve(self, request: pb.ReserveQueryRequest, caller: Caller = ADA, replica: int = 0) -> Reservation:
        with calling_as(caller):
            response: pb.ReserveQueryResponse = await self.replicas[replica].gateway.ReserveQuery(request)
        return response.reservation

    async def commit(
        self, reservation: Reservation, attempt: str = "", digest: bytes = b"d" * 32, replica: int = 0, version: int = 0
    ) -> int:
        versions = [
            DataVersion(dataset=each.dataset, version=version or each.version) for each in reservation.data_versions
        ]
        request = pb.CommitQueryRequest(
            query_id=reservation.claim.query_id,
            attempt=attempt or str(uuid.uuid4()),
            release_digest=digest,
            data_versions=versions,
            measures=MEASURES,
        )
        with calling_as(WORKER):
            response: pb.CommitQueryResponse = await self.replicas[replica].worker.CommitQuery(request)
        return response.outcome

    async def charge(self, query_id: str, caller: Caller = WORKER) -> Reservation:
        request = pb.ChargeQueryRequest(query_id=query_id, cancelled=bool(caller.user))
        stub = self.first.gateway if caller.user else self.first.worker
        with calling_as(caller):
            response: pb.ChargeQueryResponse = await stub.ChargeQuery(request)
        return response.reservation

    async def answered(self, request: pb.ReserveQueryRequest, caller: Caller = ADA) -> Reservation:
        """Pay a question and commit an attempt."""
        reservation = await self.reserve(request, caller)
        assert await self.commit(reservation) == pb.CommitQueryResponse.OUTCOME_WON
        return await self.reserve(request, caller)


@asynccontextmanager
async def opened_scene(kind: str, folder: Path, replicas: int = 1) -> AsyncIterator[Scene]:
    """Open a furnished, published scene on an empty store."""
    database = f"sfumato_ledger_{uuid.uuid4().hex[:12]}"
    server = os.environ.get("SFUMATO_TEST_MONGODB_URL", "")
    if kind == "mongodb" and not server:
        pytest.fail("SFUMATO_TEST_MONGODB_URL names no server: run `make services`, or `make test-embedded`")
    url = f"sqlite://{folder}/ledger.sqlite" if kind == "sqlite" else f"{server.rstrip('/')}/{database}"
    # The clock is held by the test, and so far from the database's.
    settings = AccountantSettings(store_url=url, ledger_key_file=folder / "ledger.pem", clock_skew_seconds=1e9)
    scene = Scene(settings)
    try:
        for _ in range(replicas):
            await scene.open()
        await scene.furnish()
        await scene.publish()
        yield scene
    finally:
        for replica in scene.replicas:
            await replica.accountant.close()
        if kind == "mongodb":
            with MongoClient(server) as client:  # type: ignore[var-annotated]
                client.drop_database(database)


def rho(picos: int, delta_attos: int = 0) -> LossLimit:
    return LossLimit(rho=RhoDelta(rho_picos=picos, delta_attos=delta_attos))


def epsilon(picos: int, delta_attos: int = 0, share: int = 0) -> LossLimit:
    """Return a limit in (ε, δ), of whose δ thresholds have a share."""
    within = EpsilonDelta(epsilon_picos=picos, delta_attos=delta_attos)
    return LossLimit(epsilon=within, threshold_delta_attos=share)


def question(plan: int = 1, picos: int = 10, *, version: int = 1, body: bytes = b"", **fields: Any) -> Any:
    """Return a question to be paid; equal `plan` means an equal canonical plan."""
    charge = fields.pop("charge", Charge(rho_picos=picos))
    project, limit, labels = fields.pop("project", ""), fields.pop("limit", None), fields.pop("labels", {})
    price = QueryPrice(
        query_id=fields.pop("query_id", str(uuid.uuid4())),
        task=_task(plan),
        plan_digest=plan.to_bytes(32, "big"),
        charge=charge,
        datasets=fields.pop("datasets", [DATASET]),
        give_up_after=Duration(seconds=60),
        versions=fields.pop("versions", [version]),
        **fields,
    )
    return pb.ReserveQueryRequest(
        query=price, body_digest=body or os.urandom(32), project=project, limit=limit, labels=labels
    )


async def refused(reason: str, call: Awaitable[Any]) -> Refusal:
    """Await a call that must be refused for a reason; return the refusal."""
    with pytest.raises(grpc.RpcError) as caught:
        await call
    refusal = Refusal.from_rpc_error(caught.value)
    assert refusal is not None
    assert refusal.reason == reason, refusal
    return refusal


Opener = Callable[..., Awaitable[Replica]]


def _task(plan: int) -> Task:
    counting = Plan(source=Relation(scan=Scan(dataset=DATASET)), measures=[Measure(alias=f"n{plan}", count=Count())])
    payment = Payment(rho=RhoDelta(rho_picos=10))
    return Task(question=Question(plan=counting), plan=counting, payment=payment, confidence=0.95)


def penguins() -> Dataset:
    return Dataset(
        population=POPULATION,
        privacy_unit=PrivacyUnit(),
        schema=DatasetSchema(columns=[Column(name="mass", integer=IntegerType(lower=0, upper=9000))]),
        source=Source(path=PathSource(path="penguins.csv")),
    )
