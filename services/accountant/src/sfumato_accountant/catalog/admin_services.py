"""The four admin services: each rpc is one call of the administration of its kind."""

# ruff: noqa: ARG002, D102, N802  (names and arguments are gRPC's, and the contract says what each method does)

from collections.abc import Awaitable, Callable

from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceServicer
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceServicer
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceServicer
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceServicer
from sfumato.v1.user_pb2 import User
from sfumato_accountant.catalog.administration import Administration
from sfumato_accountant.catalog.dataset_versions import DatasetVersions
from sfumato_mesh.refusals import access_denied


class PopulationAdminHandlers(PopulationAdminServiceServicer):
    """PopulationAdminService. What concerns chains is the ledger side's, and put in its place when that is there."""

    def __init__(self, populations: Administration[Population]) -> None:
        self._populations = populations
        self.rotate_ledger_key: Callable[
            [population_pb.RotateLedgerKeyRequest], Awaitable[population_pb.RotateLedgerKeyResponse]
        ]

        self.merge: Callable[[population_pb.MergePopulationsRequest], Awaitable[population_pb.MergePopulationsResponse]]
        self.split: Callable[[population_pb.SplitPopulationRequest], Awaitable[population_pb.SplitPopulationResponse]]

    async def MergePopulations(
        self, request: population_pb.MergePopulationsRequest, context: object
    ) -> population_pb.MergePopulationsResponse:
        return await self.merge(request)

    async def SplitPopulation(
        self, request: population_pb.SplitPopulationRequest, context: object
    ) -> population_pb.SplitPopulationResponse:
        return await self.split(request)

    async def RotateLedgerKey(
        self, request: population_pb.RotateLedgerKeyRequest, context: object
    ) -> population_pb.RotateLedgerKeyResponse:
        return await self.rotate_ledger_key(request)

    async def ReopenPopulation(
        self, request: population_pb.ReopenPopulationRequest, context: object
    ) -> population_pb.ReopenPopulationResponse:
        raise access_denied(request.population)  # the gateway asks AccountantService, with the population's mark

    async def CreatePopulation(
        self, request: population_pb.CreatePopulationRequest, context: object
    ) -> population_pb.CreatePopulationResponse:
        population = await self._populations.create(
            request.population_id, request.population, validate_only=request.validate_only
        )
        return population_pb.CreatePopulationResponse(population=population)

    async def GetPopulation(
        self, request: population_pb.GetPopulationRequest, context: object
    ) -> population_pb.GetPopulationResponse:
        return population_pb.GetPopulationResponse(population=await self._populations.get(request.name))

    async def ListPopulations(
        self, request: population_pb.ListPopulationsRequest, context: object
    ) -> population_pb.ListPopulationsResponse:
        page, token = await self._populations.page(request.page_size, request.page_token)
        return population_pb.ListPopulationsResponse(populations=page, next_page_token=token)

    async def UpdatePopulation(
        self, request: population_pb.UpdatePopulationRequest, context: object
    ) -> population_pb.UpdatePopulationResponse:
        population = await self._populations.update(
            request.population,
            request.update_mask,
            allow_missing=request.allow_missing,
            validate_only=request.validate_only,
        )
        return population_pb.UpdatePopulationResponse(population=population)

    async def DeletePopulation(
        self, request: population_pb.DeletePopulationRequest, context: object
    ) -> population_pb.DeletePopulationResponse:
        await self._populations.delete(request.name, request.etag)
        return population_pb.DeletePopulationResponse()


class DatasetAdminHandlers(DatasetAdminServiceServicer):
    """DatasetAdminService, but for PublishDatasetVersion, which the gateway serves itself."""

    def __init__(self, datasets: Administration[Dataset], versions: DatasetVersions) -> None:
        self._datasets = datasets
        self._versions = versions

    async def CreateDataset(
        self, request: dataset_pb.CreateDatasetRequest, context: object
    ) -> dataset_pb.CreateDatasetResponse:
        dataset = await self._datasets.create(request.dataset_id, request.dataset, validate_only=request.validate_only)
        return dataset_pb.CreateDatasetResponse(dataset=dataset)

    async def UpdateDataset(
        self, request: dataset_pb.UpdateDatasetRequest, context: object
    ) -> dataset_pb.UpdateDatasetResponse:
        dataset = await self._datasets.update(
            request.dataset,
            request.update_mask,
            allow_missing=request.allow_missing,
            validate_only=request.validate_only,
        )
        return dataset_pb.UpdateDatasetResponse(dataset=dataset)

    async def DeleteDataset(
        self, request: dataset_pb.DeleteDatasetRequest, context: object
    ) -> dataset_pb.DeleteDatasetResponse:
        await self._datasets.delete(request.name, request.etag)
        return dataset_pb.DeleteDatasetResponse()

    async def ListDatasetVersions(
        self, request: dataset_pb.ListDatasetVersionsRequest, context: object
    ) -> dataset_pb.ListDatasetVersionsResponse:
        page, token = await self._versions.page(request.parent, request.page_size, request.page_token)
        return dataset_pb.ListDatasetVersionsResponse(dataset_versions=page, next_page_token=token)

    async def PublishDatasetVersion(self, request: dataset_pb.PublishDatasetVersionRequest, context: object) -> object:
        raise access_denied(request.dataset)  # no rule lets anybody call it here: preparations are the way


class ProjectAdminHandlers(ProjectAdminServiceServicer):
    """ProjectAdminService."""

    def __init__(self, projects: Administration[Project]) -> None:
        self._projects = projects

    async def CreateProject(
        self, request: project_pb.CreateProjectRequest, context: object
    ) -> project_pb.CreateProjectResponse:
        project = await self._projects.create(request.project_id, request.project, validate_only=request.validate_only)
        return project_pb.CreateProjectResponse(project=project)

    async def GetProject(self, request: project_pb.GetProjectRequest, context: object) -> project_pb.GetProjectResponse:
        return project_pb.GetProjectResponse(project=await self._projects.get(request.name))

    async def ListProjects(
        self, request: project_pb.ListProjectsRequest, context: object
    ) -> project_pb.ListProjectsResponse:
        page, token = await self._projects.page(request.page_size, request.page_token)
        return project_pb.ListProjectsResponse(projects=page, next_page_token=token)

    async def UpdateProject(
        self, request: project_pb.UpdateProjectRequest, context: object
    ) -> project_pb.UpdateProjectResponse:
        project = await self._projects.update(
            request.project,
            request.update_mask,
            allow_missing=request.allow_missing,
            validate_only=request.validate_only,
        )
        return project_pb.UpdateProjectResponse(project=project)

    async def DeleteProject(
        self, request: project_pb.DeleteProjectRequest, context: object
    ) -> project_pb.DeleteProjectResponse:
        await self._projects.delete(request.name, request.etag)
        return project_pb.DeleteProjectResponse()


class UserAdminHandlers(UserAdminServiceServicer):
    """UserAdminService."""

    def __init__(self, users: Administration[User]) -> None:
        self._users = users

    async def CreateUser(self, request: user_pb.CreateUserRequest, context: object) -> user_pb.CreateUserResponse:
        user = await self._users.create(request.user_id, request.user, validate_only=request.validate_only)
        return user_pb.CreateUserResponse(user=user)

    async def GetUser(self, request: user_pb.GetUserRequest, context: object) -> user_pb.GetUserResponse:
        return user_pb.GetUserResponse(user=await self._users.get(request.name))

    async def ListUsers(self, request: user_pb.ListUsersRequest, context: object) -> user_pb.ListUsersResponse:
        page, token = await self._users.page(request.page_size, request.page_token)
        return user_pb.ListUsersResponse(users=page, next_page_token=token)

    async def UpdateUser(self, request: user_pb.UpdateUserRequest, context: object) -> user_pb.UpdateUserResponse:
        user = await self._users.update(
            request.user, request.update_mask, allow_missing=request.allow_missing, validate_only=request.validate_only
        )
        return user_pb.UpdateUserResponse(user=user)

    async def DeleteUser(self, request: user_pb.DeleteUserRequest, context: object) -> user_pb.DeleteUserResponse:
        await self._users.delete(request.name, request.etag)
        return user_pb.DeleteUserResponse()
