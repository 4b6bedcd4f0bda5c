"""What every walk begins with: a population, a published dataset, two analysts, a project, and limits."""

import uuid
from functools import cache
from typing import Any, Final

from sfumato.v1 import budget_admin_service_pb2 as budget_admin_pb
from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.budget_admin_service_pb2_grpc import BudgetAdminServiceStub
from sfumato.v1.charge_pb2 import LossLimit, RhoDelta
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceStub
from sfumato.v1.project_pb2 import Project
from sfumato.v1.schema_pb2 import Column, DatasetSchema, IntegerType
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.source_pb2 import PathSource, Source
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_CUSTODIAN, User
from sfumato_mesh.caller import Caller
from sfumato_mesh.v1 import catalog_service_pb2 as catalog_pb
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tests.model.calls import as_executor
from tests.model.mesh import Layout, World
from tests.model.stepping import PROCESS, Choice, Process
from tests.model.stores import Books

POPULATION: Final = "populations/palmer"
DATASET: Final = "datasets/penguins"
PROJECT: Final = "projects/ice"
ROOT: Final = Caller("gateway", "users/root", roles=((ROLE_ADMINISTRATOR, ""), (ROLE_CUSTODIAN, POPULATION)))
ADA: Final = Caller("gateway", "users/ada", roles=((ROLE_ANALYST, DATASET),), projects=(PROJECT,))
BOB: Final = Caller("gateway", "users/bob", roles=((ROLE_ANALYST, DATASET),), projects=(PROJECT,))
LIMITS: Final[dict[tuple[str, str], int]] = {
    ("", ""): 100,
    ("users/ada", ""): 60,
    ("users/bob", ""): 60,
    ("", PROJECT): 60,
}
"""(analyst, project) → ρ in picos."""


class InOrder:
    """The schedule without a choice: first come, first served."""

    def choose(self, pauses: Any, timers: bool) -> Choice:
        return Choice(pauses[0]) if pauses else Choice(None)

    def pick(self, number: int) -> int:
        return 0

    def arrive(self, state: Any) -> None:
        """All states are alike."""


@cache
def furnished() -> Books:
    """Return the books of the beginning. Copy them."""
    world = World(InOrder(), Books(), Layout(accountants=1, gateways=0, workers=0, fronts=0), lambda _: None)

    async def furnish() -> Books:
        PROCESS.set(Process("administrator"))
        await world.start()
        await _furnish(world)
        return world.disk.books.copy()

    return world.stepper.run(furnish())


class Office:
    """The administrator's desk: acts on the catalogue and on the limits, at one replica."""

    def __init__(self, world: World, replica: int = 0) -> None:
        """Take a seat at one replica; 0: at any."""
        registry = world.accountants[f"accountant{replica}"][0] if replica else world.accountant()
        self._channel = world.channel_to(registry, lambda: ROOT)
        self._workers = world.channel_to(registry, as_executor)

    async def grant(self, rho: int, *, analyst: str = "", project: str = "") -> Any:
        request = budget_admin_pb.GrantBudgetRequest(
            scope=Scope(population=POPULATION, analyst=analyst, project=project),
            limit=LossLimit(rho=RhoDelta(rho_picos=rho)),
            justification="as agreed with the owner",
            request_id=str(uuid.uuid4()),
        )
        return await BudgetAdminServiceStub(self._channel).GrantBudget(request)

    async def freeze(self, frozen: bool, *, analyst: str = "") -> Any:
        fields: dict[str, Any] = {
            "scope": Scope(population=POPULATION, analyst=analyst),
            "justification": "something is odd",
            "request_id": str(uuid.uuid4()),
        }
        budgets = BudgetAdminServiceStub(self._channel)
        if frozen:
            return await budgets.FreezeBudget(budget_admin_pb.FreezeBudgetRequest(**fields))
        return await budgets.UnfreezeBudget(budget_admin_pb.UnfreezeBudgetRequest(**fields))

    async def withhold(self, query: str, withheld: bool) -> Any:
        request = budget_admin_pb.WithholdReleaseRequest(
            query=query, withheld=withheld, justification="something is odd", request_id=str(uuid.uuid4())
        )
        return await BudgetAdminServiceStub(self._channel).WithholdRelease(request)

    async def publish(self) -> None:
        """Publish the next version."""
        preparation = str(uuid.uuid4())
        await CatalogServiceStub(self._channel).CreatePreparation(
            catalog_pb.CreatePreparationRequest(dataset=DATASET, preparation_id=preparation)
        )
        ended = catalog_pb.EndPreparationRequest(preparation_id=preparation, state=catalog_pb.Preparation.STATE_READY)
        await CatalogServiceStub(self._workers).EndPreparation(ended)


async def _furnish(world: World) -> None:
    channel = world.channel_to(world.accountant(), lambda: ROOT)
    await PopulationAdminServiceStub(channel).CreatePopulation(
        population_pb.CreatePopulationRequest(population_id="palmer", population=Population(unit=PRIVACY_UNIT_KIND_ROW))
    )
    for name in ("ada", "bob"):
        user = User(issuer="https://issuer", subject=name)
        await UserAdminServiceStub(channel).CreateUser(user_pb.CreateUserRequest(user_id=name, user=user))
    dataset = Dataset(
        population=POPULATION,
        privacy_unit=PrivacyUnit(),
        schema=DatasetSchema(columns=[Column(name="mass", integer=IntegerType(lower=0, upper=9000))]),
        source=Source(path=PathSource(path="penguins.csv")),
    )
    await DatasetAdminServiceStub(channel).CreateDataset(
        dataset_pb.CreateDatasetRequest(dataset_id="penguins", dataset=dataset)
    )
    project = Project(members=["users/ada", "users/bob"], datasets=[DATASET])
    await ProjectAdminServiceStub(channel).CreateProject(
        project_pb.CreateProjectRequest(project_id="ice", project=project)
    )
    office = Office(world)
    for (analyst, project_name), rho in LIMITS.items():
        await office.grant(rho, analyst=analyst, project=project_name)
    await office.publish()
