"""Not in the list, attack: administration without the role, and finding out by it who and what there is.

Every act is refused to an analyst, in the same words for what is there and for what is not.
"""

import uuid
from typing import Any

import grpc
import pytest

from sfumato.v1 import budget_admin_service_pb2 as budget_admin
from sfumato.v1 import dataset_admin_service_pb2 as dataset_admin
from sfumato.v1 import dataset_pb2, population_pb2, project_pb2, scope_pb2, user_pb2
from sfumato.v1 import population_admin_service_pb2 as population_admin
from sfumato.v1 import project_admin_service_pb2 as project_admin
from sfumato.v1 import user_admin_service_pb2 as user_admin
from tests.attacks.wire import Attacker, Outcome
from tests.mesh_scene import MeshScene


def scope(name: str) -> scope_pb2.Scope:
    return scope_pb2.Scope(population=f"populations/{name}", analyst="users/eve")


def acts(name: str) -> dict[str, tuple[str, Any, Any]]:
    """Every act of administration on a resource called `name`: service, request, answer."""
    user = user_pb2.User(
        issuer="https://i", subject=name, roles=[user_pb2.RoleBinding(role=user_pb2.ROLE_ADMINISTRATOR)]
    )
    dataset = dataset_pb2.Dataset(population="populations/common", display_name="mine")
    grant = budget_admin.GrantBudgetRequest(
        scope=scope(name), justification="because I want it", request_id=str(uuid.uuid4())
    )
    grant.limit.rho.rho_picos = 10**14
    stop: dict[str, Any] = {"scope": scope(name), "justification": "because I can", "request_id": str(uuid.uuid4())}
    return {
        "UpdateUser": (
            "UserAdminService",
            user_admin.UpdateUserRequest(user=user_pb2.User(name=f"users/{name}", roles=user.roles)),
            user_admin.UpdateUserResponse,
        ),
        "DeleteUser": (
            "UserAdminService",
            user_admin.DeleteUserRequest(name=f"users/{name}"),
            user_admin.DeleteUserResponse,
        ),
        "GetUser": ("UserAdminService", user_admin.GetUserRequest(name=f"users/{name}"), user_admin.GetUserResponse),
        "CreateUser": (
            "UserAdminService",
            user_admin.CreateUserRequest(user_id=name, user=user),
            user_admin.CreateUserResponse,
        ),
        "UpdateDataset": (
            "DatasetAdminService",
            dataset_admin.UpdateDatasetRequest(
                dataset=dataset_pb2.Dataset(name=f"datasets/{name}", display_name="mine")
            ),
            dataset_admin.UpdateDatasetResponse,
        ),
        "DeleteDataset": (
            "DatasetAdminService",
            dataset_admin.DeleteDatasetRequest(name=f"datasets/{name}"),
            dataset_admin.DeleteDatasetResponse,
        ),
        "ListDatasetVersions": (
            "DatasetAdminService",
            dataset_admin.ListDatasetVersionsRequest(parent=f"datasets/{name}"),
            dataset_admin.ListDatasetVersionsResponse,
        ),
        "CreateDataset": ("DatasetAdminService", _created(name, dataset), dataset_admin.CreateDatasetResponse),
        "DeletePopulation": (
            "PopulationAdminService",
            population_admin.DeletePopulationRequest(name=f"populations/{name}"),
            population_admin.DeletePopulationResponse,
        ),
        "CreatePopulation": (
            "PopulationAdminService",
            population_admin.CreatePopulationRequest(
                population_id=name, population=population_pb2.Population(unit=population_pb2.PRIVACY_UNIT_KIND_ROW)
            ),
            population_admin.CreatePopulationResponse,
        ),
        "UpdateProject": (
            "ProjectAdminService",
            project_admin.UpdateProjectRequest(
                project=project_pb2.Project(name=f"projects/{name}", members=["users/eve"])
            ),
            project_admin.UpdateProjectResponse,
        ),
        "DeleteProject": (
            "ProjectAdminService",
            project_admin.DeleteProjectRequest(name=f"projects/{name}"),
            project_admin.DeleteProjectResponse,
        ),
        "GetProject": (
            "ProjectAdminService",
            project_admin.GetProjectRequest(name=f"projects/{name}"),
            project_admin.GetProjectResponse,
        ),
        "CreateProject": (
            "ProjectAdminService",
            project_admin.CreateProjectRequest(project_id=name, project=project_pb2.Project(members=["users/eve"])),
            project_admin.CreateProjectResponse,
        ),
        "GrantBudget": ("BudgetAdminService", grant, budget_admin.GrantBudgetResponse),
        "FreezeBudget": (
            "BudgetAdminService",
            budget_admin.FreezeBudgetRequest(**stop),
            budget_admin.FreezeBudgetResponse,
        ),
        "UnfreezeBudget": (
            "BudgetAdminService",
            budget_admin.UnfreezeBudgetRequest(**stop),
            budget_admin.UnfreezeBudgetResponse,
        ),
        "GetGrant": (
            "BudgetAdminService",
            budget_admin.GetGrantRequest(name=f"populations/{name}/grants/population"),
            budget_admin.GetGrantResponse,
        ),
        "ListGrants": (
            "BudgetAdminService",
            budget_admin.ListGrantsRequest(parent=f"populations/{name}"),
            budget_admin.ListGrantsResponse,
        ),
    }


def _created(name: str, dataset: dataset_pb2.Dataset) -> dataset_admin.CreateDatasetRequest:
    request = dataset_admin.CreateDatasetRequest(dataset_id=name, dataset=dataset)
    request.dataset.schema.columns.add(name="x").integer.upper = 3
    request.dataset.privacy_unit.SetInParent()
    request.dataset.source.path.path = "common.csv"
    return request


@pytest.mark.parametrize("act", sorted(acts("x")))
def test_administration_is_denied_alike_for_what_is_there_and_what_is_not(
    pair: tuple[Attacker, Attacker], scene: MeshScene, act: str
) -> None:
    """An analyst can neither do it, nor learn from the refusal whether the name is taken."""
    scene.apply({"kind": "Project", "name": "common", "members": ["ann"], "datasets": ["common"]})
    there = "ann" if "User" in act else "common"
    said = []
    for name in (there, "nothing-there"):
        service, request, answer = acts(name)[act]
        outcome: Outcome = pair[1].call(service, act, request, answer)
        assert outcome.code is grpc.StatusCode.PERMISSION_DENIED, (name, outcome.said)
        assert outcome.reason == "ACCESS_DENIED"
        said.append(outcome.said.replace(name, "it"))
    assert said[0] == said[1]


def test_lists_of_administration_are_empty_for_an_analyst(pair: tuple[Attacker, Attacker]) -> None:
    for service, method, module in (
        ("UserAdminService", "ListUsers", user_admin),
        ("ProjectAdminService", "ListProjects", project_admin),
        ("PopulationAdminService", "ListPopulations", population_admin),
    ):
        found = pair[1].call(
            service, method, getattr(module, f"{method}Request")(), getattr(module, f"{method}Response")
        )
        if found.code is grpc.StatusCode.OK:
            assert "ann" not in str(found.messages).replace("analyst", "")
        else:
            assert found.reason == "ACCESS_DENIED"
    everywhere = budget_admin.ListGrantsRequest(parent="populations/-")
    found = pair[1].call("BudgetAdminService", "ListGrants", everywhere, budget_admin.ListGrantsResponse)
    assert found.code is grpc.StatusCode.OK
    assert not found.messages[0].grants
