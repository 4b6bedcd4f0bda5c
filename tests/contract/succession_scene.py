"""Two populations that are merged, or one that is split: what the suites of succession share."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1.budget_admin_service_pb2 import FreezeBudgetRequest, GrantBudgetRequest
from sfumato.v1.budget_service_pb2 import Budget, ListBudgetsRequest
from sfumato.v1.charge_pb2 import LossLimit
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.dataset_service_pb2 import GetDatasetRequest
from sfumato.v1.dataset_service_pb2_grpc import DatasetServiceStub
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_CUSTODIAN
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import catalog_service_pb2 as catalog_pb
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tests.contract.ledger_scene import ADMINISTRATOR, DATASET, POPULATION, WORKER, Replica, Scene, penguins, rho

ARCTIC = "populations/arctic"
SEALS = "datasets/seals"
POLES = "populations/poles"
KEEPER = Caller("gateway", "users/root", roles=((ROLE_ADMINISTRATOR, ""), (ROLE_CUSTODIAN, "")))
ADA = Caller("gateway", "users/ada", roles=((ROLE_ANALYST, ""),), projects=("projects/ice",))
BOB = Caller("gateway", "users/bob", roles=((ROLE_ANALYST, ""),))


async def settle_arctic(scene: Scene) -> None:
    """Register another population with a published dataset."""
    with calling_as(ADMINISTRATOR):
        await PopulationAdminServiceStub(scene.first.channel).CreatePopulation(
            population_pb.CreatePopulationRequest(
                population_id="arctic", population=Population(unit=PRIVACY_UNIT_KIND_ROW)
            )
        )
    await add_dataset(scene, "seals", ARCTIC)


async def add_dataset(scene: Scene, dataset_id: str, population: str, replica: int = 0) -> Dataset:
    """Register and publish a dataset."""
    dataset = Dataset()
    dataset.CopyFrom(penguins())
    dataset.population = population
    at = scene.replicas[replica]
    with calling_as(ADMINISTRATOR):
        response = await DatasetAdminServiceStub(at.channel).CreateDataset(
            dataset_pb.CreateDatasetRequest(dataset_id=dataset_id, dataset=dataset)
        )
    await publish(at, f"datasets/{dataset_id}")
    created: Dataset = response.dataset
    return created


async def publish(at: Replica, dataset: str) -> None:
    """Publish the next version of a dataset."""
    preparation = str(uuid.uuid4())
    with calling_as(KEEPER):
        await CatalogServiceStub(at.channel).CreatePreparation(
            catalog_pb.CreatePreparationRequest(dataset=dataset, preparation_id=preparation)
        )
    with calling_as(WORKER):
        ended = await CatalogServiceStub(at.worker_channel).EndPreparation(
            catalog_pb.EndPreparationRequest(preparation_id=preparation, state=catalog_pb.Preparation.STATE_READY)
        )
    assert ended.preparation.state == catalog_pb.Preparation.STATE_READY


async def grant(at: Replica, population: str, picos: int | LossLimit, **fields: Any) -> Any:
    """Set a limit, as custodian of everything."""
    limit = rho(picos) if isinstance(picos, int) else picos
    parts = {key: fields.pop(key) for key in ("analyst", "dataset", "project") if key in fields}
    request = GrantBudgetRequest(
        scope=Scope(population=population, **parts),
        limit=limit,
        justification="agreed with the data owner",
        request_id=str(uuid.uuid4()),
        **fields,
    )
    with calling_as(KEEPER):
        return await at.budget_admin.GrantBudget(request)


async def freeze(at: Replica, population: str, **parts: str) -> None:
    """Stop a scope."""
    request = FreezeBudgetRequest(
        scope=Scope(population=population, **parts), justification="something is odd", request_id=str(uuid.uuid4())
    )
    with calling_as(KEEPER):
        await at.budget_admin.FreezeBudget(request)


async def budgets(at: Replica, population: str = "") -> dict[tuple[str, str, str], Budget]:
    """Return all budgets by (population, dataset, analyst)."""
    with calling_as(KEEPER):
        response = await at.budgets.ListBudgets(ListBudgetsRequest(population=population))
    return {(each.scope.population, each.scope.dataset, each.scope.analyst): each for each in response.budgets}


def merging(
    sources: Sequence[str] = (POPULATION, ARCTIC), to: str = "poles", request_id: str = ""
) -> population_pb.MergePopulationsRequest:
    """Return a request to merge."""
    return population_pb.MergePopulationsRequest(
        sources=sources,
        population_id=to,
        justification="they turned out to be the same animals",
        request_id=request_id or str(uuid.uuid4()),
    )


def splitting(parts: Mapping[str, Sequence[str]], request_id: str = "") -> population_pb.SplitPopulationRequest:
    """Return a request to split palmer into parts with these datasets."""
    return population_pb.SplitPopulationRequest(
        source=POPULATION,
        parts=[population_pb.SplitPart(population_id=name, datasets=several) for name, several in parts.items()],
        justification="the animals of one are not those of the other",
        request_id=request_id or str(uuid.uuid4()),
    )


async def merge(
    at: Replica, request: population_pb.MergePopulationsRequest, caller: Caller = ADMINISTRATOR
) -> Population:
    with calling_as(caller):
        response = await PopulationAdminServiceStub(at.channel).MergePopulations(request)
    population: Population = response.population
    return population


async def split(
    at: Replica, request: population_pb.SplitPopulationRequest, caller: Caller = ADMINISTRATOR
) -> list[Population]:
    with calling_as(caller):
        response = await PopulationAdminServiceStub(at.channel).SplitPopulation(request)
    return list(response.populations)


async def population_of(at: Replica, name: str) -> Population:
    """Return a population as administrators read it."""
    with calling_as(ADMINISTRATOR):
        response = await PopulationAdminServiceStub(at.channel).GetPopulation(
            population_pb.GetPopulationRequest(name=name)
        )
    population: Population = response.population
    return population


async def dataset_of(at: Replica, name: str) -> Dataset:
    """Return a dataset as administrators read it."""
    with calling_as(ADMINISTRATOR):
        response = await DatasetServiceStub(at.channel).GetDataset(GetDatasetRequest(name=name))
    dataset: Dataset = response.dataset
    return dataset


__all__ = ["ADA", "ARCTIC", "BOB", "DATASET", "KEEPER", "POLES", "POPULATION", "SEALS"]
