"""A catalogue on a record store, its callers and records: what the suites of the catalogue share."""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from pymongo import MongoClient

from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import dataset_service_pb2 as view_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_IDENTIFIER, PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.project_pb2 import Project
from sfumato.v1.schema_pb2 import Column, DatasetSchema, IntegerType, RealType, TextType
from sfumato.v1.source_pb2 import PathSource, Source
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_CUSTODIAN, RoleBinding, User
from sfumato_accountant.catalog.catalog import Catalog
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.refusal import Refusal

STORES = ["sqlite", pytest.param("mongodb", marks=pytest.mark.servers)]
"""Kinds of record stores; the second needs a server."""

ADMINISTRATOR = Caller(service="gateway", user="users/root", roles=((ROLE_ADMINISTRATOR, ""),))
ANALYST = Caller(service="gateway", user="users/ada", roles=((ROLE_ANALYST, "datasets/flights"),))
MEMBER = Caller(service="gateway", user="users/bob")
STRANGER = Caller(service="gateway", user="users/eve", roles=((ROLE_ANALYST, "datasets/other"),))
CUSTODIAN = Caller(service="gateway", user="users/cleo")
CUSTODIAN_OF_POPULATION = Caller(
    service="gateway", user="users/carl", roles=((ROLE_CUSTODIAN, "populations/aircraft"),)
)

ROWS = Population(unit=PRIVACY_UNIT_KIND_ROW)
AIRCRAFT = Population(display_name="Aircraft", unit=PRIVACY_UNIT_KIND_IDENTIFIER, identifier_space="tail number")
SCHEMA = DatasetSchema(
    columns=[
        Column(name="tailnum", text=TextType()),
        Column(name="delay", integer=IntegerType(lower=-60, upper=600), nullable=True),
        Column(name="speed", real=RealType(lower=0, upper=1000)),
    ]
)
FLIGHTS = Dataset(
    population="populations/aircraft",
    privacy_unit=PrivacyUnit(column="tailnum", max_groups=2, max_rows_per_group=100),
    schema=SCHEMA,
    source=Source(path=PathSource(path="flights.csv")),
    custodians=["users/cleo"],
)


@asynccontextmanager
async def opened_records(kind: str, folder: Path) -> AsyncIterator[RecordStore]:
    """Open an empty record store of a kind."""
    if kind == "sqlite":
        stores = await open_stores(f"sqlite://{folder}/store.sqlite")
        yield stores.records
        await stores.close()
        return
    server = os.environ.get("SFUMATO_TEST_MONGODB_URL", "")
    if not server:
        pytest.fail("SFUMATO_TEST_MONGODB_URL names no server: run `make services`, or `make test-embedded`")
    name = f"sfumato_catalog_{uuid.uuid4().hex[:12]}"
    stores = await open_stores(urlunsplit(urlsplit(server)._replace(path=name)))
    yield stores.records
    await stores.close()
    with MongoClient(server) as client:  # type: ignore[var-annotated]
        client.drop_database(name)


class HeldClock:
    """Time that moves by a second with every look."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> datetime:
        self.seconds += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class RememberedChains:
    """Chains that only remember."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.behind: set[str] = set()
        self.closed: dict[str, tuple[str, ...]] = {}

    async def create(self, population: Population) -> None:
        if population.name not in self.begun:
            self.begun.append(population.name)

    async def is_behind(self, population: str) -> bool:
        return population in self.behind

    async def exists(self, population: str) -> bool:
        return population in self.begun

    async def successors(self, population: str) -> tuple[str, ...]:
        return self.known_successors(population)

    def known_successors(self, population: str) -> tuple[str, ...]:
        return self.closed.get(population, ())


class Scene:
    """A catalogue and its callers."""

    def __init__(self, records: RecordStore) -> None:
        self.records = records
        self.chains = RememberedChains()
        self.catalog = Catalog(records, HeldClock(), self.chains)
        self.services = self.catalog.services

    async def population(self, population_id: str = "aircraft", population: Population = AIRCRAFT) -> Population:
        request = population_pb.CreatePopulationRequest(population_id=population_id, population=population)
        with calling_as(ADMINISTRATOR):
            return (await self.services.populations.CreatePopulation(request, None)).population

    async def dataset(
        self, dataset_id: str = "flights", dataset: Dataset = FLIGHTS, caller: Caller = ADMINISTRATOR
    ) -> Dataset:
        request = dataset_pb.CreateDatasetRequest(dataset_id=dataset_id, dataset=dataset)
        with calling_as(caller):
            return (await self.services.datasets.CreateDataset(request, None)).dataset

    async def update(
        self, dataset: Dataset, *paths: str, caller: Caller = ADMINISTRATOR, missing: bool = False, dry: bool = False
    ) -> Dataset:
        request = dataset_pb.UpdateDatasetRequest(
            dataset=dataset, update_mask=FieldMask(paths=paths), allow_missing=missing, validate_only=dry
        )
        with calling_as(caller):
            return (await self.services.datasets.UpdateDataset(request, None)).dataset

    async def project(self, project_id: str, project: Project) -> Project:
        request = project_pb.CreateProjectRequest(project_id=project_id, project=project)
        with calling_as(ADMINISTRATOR):
            return (await self.services.projects.CreateProject(request, None)).project

    async def user(self, user_id: str, subject: str, roles: list[RoleBinding] | None = None) -> User:
        user = User(issuer="https://issuer", subject=subject, roles=roles or [])
        with calling_as(ADMINISTRATOR):
            return (
                await self.services.users.CreateUser(user_pb.CreateUserRequest(user_id=user_id, user=user), None)
            ).user

    async def see(self, caller: Caller, name: str = "datasets/flights") -> Dataset:
        with calling_as(caller):
            return (await self.services.visible_datasets.GetDataset(view_pb.GetDatasetRequest(name=name), None)).dataset


async def refused(reason: str, call: Awaitable[object], *fields: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    assert caught.value.reason == reason
    if fields:
        assert [violation.field for violation in caught.value.fields] == list(fields)
    return caught.value


def flights_with(**fields: Any) -> Dataset:
    """FLIGHTS with other fields."""
    return Dataset(**{**flights_fields(), **fields})


def flights_fields() -> dict[str, Any]:
    """Fields of FLIGHTS, for a record of another name."""
    return {field.name: value for field, value in FLIGHTS.ListFields()}
