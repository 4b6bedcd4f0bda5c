"""Row 22 and hole P7, attack: a fresh budget by a new view: another name, a copy, a restart, a user added again.

What was spent belongs to the population's chain. It outlives the dataset's record, other names for the same persons,
and the account that spent it.
"""

import uuid

import grpc
import pytest

from sfumato.v1 import dataset_admin_service_pb2 as dataset_admin
from sfumato.v1 import population_admin_service_pb2 as population_admin
from sfumato.v1 import population_pb2, user_pb2
from sfumato.v1 import user_admin_service_pb2 as user_admin
from sfumato_embedded.identities import ISSUER
from tests.attacks.wire import COUNT, Attacker, rho
from tests.mesh_scene import MeshScene

COLUMNS = {"x": {"type": "integer", "bounds": [0, 3]}}
ROWS = [{"x": i % 4} for i in range(40)]
SPENT = 4 * 10**11


def plan(name: str) -> str:
    return f'source {{ scan {{ dataset: "datasets/{name}" }} }} {COUNT}'


@pytest.fixture(scope="module")
def administrator(scene: MeshScene) -> Attacker:
    return Attacker(scene, "admin")


def test_a_copy_under_another_name_inherits_what_was_spent(scene: MeshScene, administrator: Attacker) -> None:
    """Same persons, same population: a clone, and a dataset deleted and registered anew, start where it stopped."""
    attacker = Attacker(scene)
    scene.publish("original", ROWS, COLUMNS, limit={"rho": 1})
    assert attacker.run(plan("original"), rho(SPENT)).code is grpc.StatusCode.OK
    scene.publish("copy", ROWS, COLUMNS, population="original")
    assert attacker.spent("copy") == [10**12 - SPENT] * 2
    delete = dataset_admin.DeleteDatasetRequest(name="datasets/original")
    deleted = administrator.call("DatasetAdminService", "DeleteDataset", delete, dataset_admin.DeleteDatasetResponse)
    assert deleted.code is grpc.StatusCode.OK, deleted.said
    scene.publish("renamed", ROWS, COLUMNS, population="original")
    assert attacker.spent("renamed") == [10**12 - SPENT] * 2
    for name in ("copy", "renamed"):
        assert attacker.run(plan(name), rho(7 * 10**11)).reason == "BUDGET_EXHAUSTED"
    attacker.close()


def test_a_deleted_population_does_not_come_back_empty(scene: MeshScene, administrator: Attacker) -> None:
    scene.publish("mortal", ROWS, COLUMNS, limit={"rho": 1})
    attacker = Attacker(scene)
    assert attacker.run(plan("mortal"), rho(SPENT)).code is grpc.StatusCode.OK
    for service, method, request, answer in (
        (
            "DatasetAdminService",
            "DeleteDataset",
            dataset_admin.DeleteDatasetRequest(name="datasets/mortal"),
            dataset_admin.DeleteDatasetResponse,
        ),
        (
            "PopulationAdminService",
            "DeletePopulation",
            population_admin.DeletePopulationRequest(name="populations/mortal"),
            population_admin.DeletePopulationResponse,
        ),
    ):
        found = administrator.call(service, method, request, answer)
        assert found.code in (grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED)
    create = population_admin.CreatePopulationRequest(population_id="mortal")
    create.population.unit = population_pb2.PRIVACY_UNIT_KIND_ROW
    again = administrator.call(
        "PopulationAdminService", "CreatePopulation", create, population_admin.CreatePopulationResponse
    )
    assert again.code is grpc.StatusCode.ALREADY_EXISTS
    assert again.reason == "RESOURCE_EXISTS"
    attacker.close()


def test_a_user_who_is_added_again_has_spent_what_it_spent(scene: MeshScene, administrator: Attacker) -> None:
    """P7: re-adding a user refunded it. An identity comes back under its old name only, with its old spend."""
    scene.publish("readded", ROWS, COLUMNS, limit={"rho": 1})
    scene.user("phoenix", population="readded", limit={"rho": 1})
    phoenix = Attacker(scene, "phoenix")
    assert phoenix.run(plan("readded"), rho(SPENT)).code is grpc.StatusCode.OK
    before = phoenix.spent("readded")
    delete = user_admin.DeleteUserRequest(name="users/phoenix")
    deleted = administrator.call("UserAdminService", "DeleteUser", delete, user_admin.DeleteUserResponse)
    assert deleted.code is grpc.StatusCode.OK, deleted.said
    user = user_pb2.User(issuer=ISSUER, subject="phoenix", roles=[user_pb2.RoleBinding(role=user_pb2.ROLE_ANALYST)])
    fresh = user_admin.CreateUserRequest(user_id="phoenix-two", user=user)
    other = administrator.call("UserAdminService", "CreateUser", fresh, user_admin.CreateUserResponse)
    assert other.reason == "RESOURCE_EXISTS"
    back = user_admin.CreateUserRequest(user_id="phoenix", user=user)
    found = administrator.call("UserAdminService", "CreateUser", back, user_admin.CreateUserResponse)
    assert found.code is grpc.StatusCode.OK, found.said
    assert phoenix.spent("readded") == before
    phoenix.close()


def test_a_limit_is_for_the_whole_life_however_often_it_is_granted(scene: MeshScene, administrator: Attacker) -> None:
    from sfumato.v1 import budget_admin_service_pb2 as budget_admin

    scene.publish("regranted", ROWS, COLUMNS, limit={"rho": 1})
    attacker = Attacker(scene)
    assert attacker.run(plan("regranted"), rho(SPENT)).code is grpc.StatusCode.OK
    before = attacker.spent("regranted")
    for _ in range(3):
        grant = budget_admin.GrantBudgetRequest(justification="the same limit again", request_id=str(uuid.uuid4()))
        grant.scope.population = "populations/regranted"
        grant.limit.rho.rho_picos = 10**12
        found = administrator.call("BudgetAdminService", "GrantBudget", grant, budget_admin.GrantBudgetResponse)
        assert found.code is grpc.StatusCode.OK, found.said
    assert attacker.spent("regranted") == before
    attacker.close()
