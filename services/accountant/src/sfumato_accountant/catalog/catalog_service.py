"""CatalogService: the catalogue as gateway and executor need it on a query's way."""

# ruff: noqa: ARG002, D102, N802  (names and arguments are gRPC's, and the contract says what each method does)

from typing import Final

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.user_pb2 import User
from sfumato_accountant.catalog.access import may_custody
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.populations import PopulationRules
from sfumato_accountant.catalog.preparations import Preparations
from sfumato_accountant.catalog.publication import Publications
from sfumato_accountant.catalog.query_access import QueryAccess
from sfumato_accountant.catalog.refusals import dataset_not_published
from sfumato_accountant.catalog.sight import VisibleDatasets
from sfumato_accountant.catalog.users import Identities
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusals import access_denied, user_unknown
from sfumato_mesh.v1 import catalog_service_pb2 as service_pb
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceServicer

_WORKERS: Final = "executor"
"""Service whose workers end preparations."""
_REMEMBERED: Final = 10_000


class DatasetRecords:
    """Reads datasets with all that the mesh knows of them."""

    def __init__(
        self,
        datasets: Collection[Dataset],
        populations: Collection[Population],
        population_rules: PopulationRules,
        publications: Publications,
        access: QueryAccess,
    ) -> None:
        self._datasets = datasets
        self._populations = populations
        self._population_rules = population_rules
        self._publications = publications
        self._access = access
        self._brief: dict[str, tuple[str, DatasetRecord]] = {}  # by dataset, with its etag

    async def read(
        self, caller: Caller, name: str, version: int, project: str, *, brief: bool = False
    ) -> DatasetRecord:
        """Return a dataset, its population, and what is published at a version (0: now); in brief without schemas.

        For a user only what it may query. The mesh itself reads also what was deleted: open queries go on, and
        releases stay readable.

        Raises:
            Refusal: ACCESS_DENIED; DATASET_NOT_PUBLISHED for a version that never was.
        """
        entry = await (self._access.require(caller, name, project) if caller.user else self._any(name))
        record = await (self._present(entry) if brief and not version else self._at(entry, version))
        population = await self._populations.find(self._populations.kind.id_of(entry.message.population))
        if population is not None:
            record.population.CopyFrom(await self._population_rules.known(population))
        if brief:
            _leave_schemas_out(record)
        return record

    async def _at(self, entry: Entry[Dataset], version: int) -> DatasetRecord:
        published = await self._publications.snapshot(entry, version)
        if published is None and version:
            raise dataset_not_published(entry.message.name)
        record = DatasetRecord(dataset=entry.message, deleted=entry.deleted)
        if published is not None:
            record.MergeFrom(published)
        return record

    async def _present(self, entry: Entry[Dataset]) -> DatasetRecord:
        """Return the present version in brief, remembered: every question asks for it."""
        etag, known = self._brief.get(entry.id, ("", None))
        if known is None or etag != entry.etag:
            known = await self._at(entry, 0)
            _leave_schemas_out(known)
            if len(self._brief) >= _REMEMBERED:
                self._brief.clear()
            self._brief[entry.id] = (entry.etag, known)
        record = DatasetRecord()
        record.CopyFrom(known)
        return record

    async def _any(self, name: str) -> Entry[Dataset]:
        entry = await self._datasets.find(self._datasets.kind.id_of(name))
        if entry is None:
            raise access_denied(name)
        return entry


def _leave_schemas_out(record: DatasetRecord) -> None:
    record.dataset.ClearField("schema")
    if record.HasField("published"):  # else to clear a part of it would set it
        record.published.ClearField("schema")


class CatalogHandlers(CatalogServiceServicer):
    """CatalogService."""

    def __init__(
        self,
        records: DatasetRecords,
        datasets: Collection[Dataset],
        users: Collection[User],
        identities: Identities,
        visible_datasets: VisibleDatasets,
        preparations: Preparations,
    ) -> None:
        self._records = records
        self._datasets = datasets
        self._users = users
        self._identities = identities
        self._visible_datasets = visible_datasets
        self._preparations = preparations

    async def GetDatasetRecord(
        self, request: service_pb.GetDatasetRecordRequest, context: object
    ) -> service_pb.GetDatasetRecordResponse:
        record = await self._records.read(
            current_caller(), request.name, request.version, request.project, brief=request.brief
        )
        return service_pb.GetDatasetRecordResponse(record=record)

    async def ResolveUser(
        self, request: service_pb.ResolveUserRequest, context: object
    ) -> service_pb.ResolveUserResponse:
        user_id = await self._identities.find(request.issuer, request.subject)
        entry = await self._users.find(user_id)
        if entry is None or entry.deleted or entry.message.disabled:
            raise user_unknown()
        user = entry.message
        if (user.issuer, user.subject) != (request.issuer, request.subject):
            raise user_unknown()
        projects = await self._visible_datasets.projects_of(Caller(service="accountant", user=user.name))
        return service_pb.ResolveUserResponse(user=user, projects=projects)

    async def CreatePreparation(
        self, request: service_pb.CreatePreparationRequest, context: object
    ) -> service_pb.CreatePreparationResponse:
        caller = current_caller()
        wanted = Preparation(
            preparation_id=request.preparation_id,
            dataset=Dataset(name=request.dataset),
            user=caller.user,
            validate_only=request.validate_only,
        )
        # A repetition is answered even where the caller's rights or the dataset have changed since.
        if await self._preparations.find(request.preparation_id, caller.user) is None:
            entry = await self._datasets.live(request.dataset)
            if entry is None or not may_custody(caller, entry.message):
                raise access_denied(request.dataset)
            wanted.dataset.CopyFrom(entry.message)
        return service_pb.CreatePreparationResponse(preparation=await self._preparations.create(wanted))

    async def GetPreparation(
        self, request: service_pb.GetPreparationRequest, context: object
    ) -> service_pb.GetPreparationResponse:
        preparation = await self._preparations.get(request.preparation_id, current_caller().user)
        return service_pb.GetPreparationResponse(preparation=preparation)

    async def ListPreparations(
        self, request: service_pb.ListPreparationsRequest, context: object
    ) -> service_pb.ListPreparationsResponse:
        page, token = await self._preparations.page(current_caller().user, request.page_size, request.page_token)
        return service_pb.ListPreparationsResponse(preparations=page, next_page_token=token)

    async def EndPreparation(
        self, request: service_pb.EndPreparationRequest, context: object
    ) -> service_pb.EndPreparationResponse:
        caller = current_caller()
        is_cancelled = bool(caller.user) and request.state == Preparation.STATE_CANCELLED
        if caller.service != _WORKERS and not is_cancelled:  # only workers have seen the data
            raise access_denied(f"operations/{request.preparation_id}")
        preparation = await self._preparations.end(
            request.preparation_id, caller.user, request.state, list(request.problems)
        )
        return service_pb.EndPreparationResponse(preparation=preparation)

    async def DeletePreparation(
        self, request: service_pb.DeletePreparationRequest, context: object
    ) -> service_pb.DeletePreparationResponse:
        await self._preparations.delete(request.preparation_id, current_caller().user)
        return service_pb.DeletePreparationResponse()
