"""The catalogue: all of its parts on one record store."""

from collections.abc import Sequence
from typing import Final

from sfumato.v1.dataset_admin_service_pb2_grpc import add_DatasetAdminServiceServicer_to_server
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.dataset_service_pb2_grpc import add_DatasetServiceServicer_to_server
from sfumato.v1.population_admin_service_pb2_grpc import add_PopulationAdminServiceServicer_to_server
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_admin_service_pb2_grpc import add_ProjectAdminServiceServicer_to_server
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_admin_service_pb2_grpc import add_UserAdminServiceServicer_to_server
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, RoleBinding, User
from sfumato_accountant.catalog.admin_services import (
    DatasetAdminHandlers,
    PopulationAdminHandlers,
    ProjectAdminHandlers,
    UserAdminHandlers,
)
from sfumato_accountant.catalog.administration import Administration
from sfumato_accountant.catalog.catalog_service import CatalogHandlers, DatasetRecords
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.catalog.dataset_service import DatasetHandlers
from sfumato_accountant.catalog.dataset_versions import DatasetVersions
from sfumato_accountant.catalog.datasets import DatasetRules
from sfumato_accountant.catalog.kinds import DATASET, POPULATION, PROJECT, USER
from sfumato_accountant.catalog.populations import Chains, PopulationRules
from sfumato_accountant.catalog.preparations import Preparations
from sfumato_accountant.catalog.projects import ProjectRules
from sfumato_accountant.catalog.publication import Publications
from sfumato_accountant.catalog.query_access import QueryAccess
from sfumato_accountant.catalog.retention import Retention, Retentions
from sfumato_accountant.catalog.sight import VisibleDatasets
from sfumato_accountant.catalog.succession import Holdings, SuccessionPlans
from sfumato_accountant.catalog.users import Identities, UserRules
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server

_FIRST_USER: Final = "admin"


class CatalogServices:
    """Registers the catalogue's six services on a server."""

    def __init__(
        self,
        populations: PopulationAdminHandlers,
        datasets: DatasetAdminHandlers,
        projects: ProjectAdminHandlers,
        users: UserAdminHandlers,
        visible_datasets: DatasetHandlers,
        catalog: CatalogHandlers,
    ) -> None:
        self.populations = populations
        self.datasets = datasets
        self.projects = projects
        self.users = users
        self.visible_datasets = visible_datasets
        self.catalog = catalog

    def register(self, server: ServerLike) -> None:
        """Add every service to a server, or to what takes handlers like one."""
        add_PopulationAdminServiceServicer_to_server(self.populations, server)
        add_DatasetAdminServiceServicer_to_server(self.datasets, server)
        add_ProjectAdminServiceServicer_to_server(self.projects, server)
        add_UserAdminServiceServicer_to_server(self.users, server)
        add_DatasetServiceServicer_to_server(self.visible_datasets, server)
        add_CatalogServiceServicer_to_server(self.catalog, server)


class Catalog:
    """What the ledger side reads, and the services that the catalogue serves."""

    def __init__(self, records: RecordStore, clock: Clock, chains: Chains) -> None:
        self._populations = Collection(POPULATION, records)
        self._datasets = Collection(DATASET, records)
        self._projects = Collection(PROJECT, records)
        self._users = Collection(USER, records)
        self._retentions = Retentions(self._datasets, records, clock)
        self._identities = Identities(self._users, records)
        visible = self._visible = VisibleDatasets(self._datasets, self._projects)
        self.plans = SuccessionPlans(records)
        self.holdings = Holdings(self._populations, self._datasets, clock)
        population_rules = PopulationRules(self._populations, self._datasets, visible, chains, self.plans)
        dataset_rules = DatasetRules(self._datasets, self._populations, self._projects, visible, chains, self.plans)
        self._population_rules = population_rules
        datasets = Administration(dataset_rules, clock)
        self._user_administration = Administration(UserRules(self._users, self._identities), clock)
        publications = Publications(self._datasets, records, clock)
        preparations = Preparations(records, publications, clock)
        access = QueryAccess(self._datasets, self._projects)
        dataset_records = DatasetRecords(self._datasets, self._populations, population_rules, publications, access)
        self.services = CatalogServices(
            PopulationAdminHandlers(Administration(population_rules, clock)),
            DatasetAdminHandlers(datasets, DatasetVersions(self._datasets, publications, preparations)),
            ProjectAdminHandlers(Administration(ProjectRules(self._projects), clock)),
            UserAdminHandlers(self._user_administration),
            DatasetHandlers(datasets, self._populations, population_rules),
            CatalogHandlers(dataset_records, self._datasets, self._users, self._identities, visible, preparations),
        )
        self.handlers: Sequence[CatalogServices] = (self.services,)

    async def dataset(self, name: str) -> Dataset | None:
        """Return datasets/{dataset} as it is now; None: there is none, or no longer. Do not change what is returned."""
        entry = await self._datasets.live(name)
        return None if entry is None else entry.message

    async def population(self, name: str) -> Population | None:
        """Return populations/{population} without its state; None: there is none. Do not change what is returned."""
        entry = await self._populations.live(name)
        return None if entry is None else entry.message

    async def shown_population(self, name: str) -> Population | None:
        """Return populations/{population} with its state, as administrators read it."""
        entry = await self._populations.live(name)
        return None if entry is None else await self._population_rules.with_state(entry)

    async def project(self, name: str) -> Project | None:
        """Return projects/{project}; None: there is none, or no longer. Do not change what is returned."""
        entry = await self._projects.live(name)
        return None if entry is None else entry.message

    async def user_exists(self, name: str) -> bool:
        """Return whether users/{user} is registered, be it disabled."""
        return await self._users.live(name) is not None

    async def retention_of(self, datasets: Sequence[Dataset]) -> Retention:
        """Return how long releases live of datasets that were read just now."""
        return await self._retentions.of_read(datasets)

    async def retention(self, datasets: Sequence[str]) -> Retention:
        """Return how long releases live of datasets/{dataset}, deleted ones too, as of the last second."""
        return await self._retentions.of(datasets)

    async def visible_datasets(self, caller: Caller) -> list[Dataset]:
        """Return the datasets that a caller may see, by name. Do not change what is returned."""
        return await self._visible(caller)

    async def bootstrap(self, issuer: str, subject: str) -> None:
        """Register users/admin as administrator for an identity, if no user was ever registered.

        Replicas that start together all try; one does it.
        """
        if not await self._users.is_empty():
            return
        roles = [RoleBinding(role=ROLE_ADMINISTRATOR)]
        user = User(display_name="Administrator", issuer=issuer, subject=subject, roles=roles)
        with calling_as(Caller(service="accountant", user="", roles=((ROLE_ADMINISTRATOR, ""),))):
            try:
                await self._user_administration.create(_FIRST_USER, user, validate_only=False)
            except Refusal as refusal:
                if refusal.reason != "RESOURCE_EXISTS" or await self._users.is_empty():
                    raise
