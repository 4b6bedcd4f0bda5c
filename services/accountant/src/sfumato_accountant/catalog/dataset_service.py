"""DatasetService: what can be asked about."""

# ruff: noqa: ARG002, D102, N802  (names and arguments are gRPC's, and the contract says what each method does)

from sfumato.v1 import dataset_service_pb2 as service_pb
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.dataset_service_pb2_grpc import DatasetServiceServicer
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.catalog.administration import Administration
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.catalog.rules import Rules
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusals import access_denied


class DatasetHandlers(DatasetServiceServicer):
    """DatasetService."""

    def __init__(
        self, datasets: Administration[Dataset], populations: Collection[Population], rules: Rules[Population]
    ) -> None:
        self._datasets = datasets
        self._populations = populations
        self._rules = rules

    async def ListDatasets(
        self, request: service_pb.ListDatasetsRequest, context: object
    ) -> service_pb.ListDatasetsResponse:
        population = request.population
        page, token = await self._datasets.page(
            request.page_size,
            request.page_token,
            conditions=population,
            accept=lambda dataset: population in ("", dataset.population),
        )
        return service_pb.ListDatasetsResponse(datasets=page, next_page_token=token)

    async def GetDataset(self, request: service_pb.GetDatasetRequest, context: object) -> service_pb.GetDatasetResponse:
        dataset = await self._datasets.get(request.name)
        entry = await self._populations.live(dataset.population)
        if entry is None:
            raise access_denied(request.name)
        # Whoever may see a dataset may see whom it is about.
        population = await self._rules.shown(current_caller(), entry)
        return service_pb.GetDatasetResponse(dataset=dataset, population=population)
