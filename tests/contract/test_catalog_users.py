"""Users and projects on every record store: identities, rights, the first user, and who is behind a token."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, RoleBinding, User
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import catalog_service_pb2 as pb
from tests.contract.catalog_scene import (
    ADMINISTRATOR,
    ANALYST,
    STORES,
    Scene,
    opened_records,
    refused,
)

GATEWAY = Caller(service="gateway", user="")


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_records(request.param, tmp_path) as records:
        yield Scene(records)


async def test_an_identity_has_one_id_for_ever(scene: Scene) -> None:
    await scene.user("ada", "1", [RoleBinding(role=ROLE_ANALYST)])
    refusal = await refused("RESOURCE_EXISTS", scene.user("other", "1"))
    assert refusal.metadata["resource"] == "users/ada"
    with calling_as(ADMINISTRATOR):
        await scene.services.users.DeleteUser(user_pb.DeleteUserRequest(name="users/ada"), None)
    assert not await scene.catalog.user_exists("users/ada")
    await refused("RESOURCE_EXISTS", scene.user("other", "1"))
    await refused("RESOURCE_EXISTS", scene.user("ada", "2"))
    back = await scene.user("ada", "1")
    assert not back.roles
    assert await scene.catalog.user_exists("users/ada")


async def test_of_many_ids_for_one_identity_one_wins(scene: Scene) -> None:
    attempts = (scene.user(f"user{number}", "1") for number in range(6))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Refusal"] * 5 + ["User"]


async def test_users_and_projects_are_for_administrators_and_their_own(scene: Scene) -> None:
    await scene.user("ada", "1")
    await scene.user("bob", "2")
    await scene.project("delays", Project(members=["users/ada"]))
    with calling_as(ANALYST):
        users = await scene.services.users.ListUsers(user_pb.ListUsersRequest(), None)
        assert [user.name for user in users.users] == ["users/ada"]
        await refused("ACCESS_DENIED", scene.services.users.GetUser(user_pb.GetUserRequest(name="users/bob"), None))
        projects = await scene.services.projects.ListProjects(project_pb.ListProjectsRequest(), None)
        assert [project.name for project in projects.projects] == ["projects/delays"]
        grab = user_pb.UpdateUserRequest(user=User(name="users/ada", roles=[RoleBinding(role=ROLE_ADMINISTRATOR)]))
        await refused("ACCESS_DENIED", scene.services.users.UpdateUser(grab, None))
        create = user_pb.CreateUserRequest(user_id="eve", user=User(issuer="i", subject="s"))
        await refused("ACCESS_DENIED", scene.services.users.CreateUser(create, None))


async def test_the_first_user_is_registered_once(scene: Scene) -> None:
    await scene.catalog.bootstrap("https://issuer", "root")
    await scene.catalog.bootstrap("https://issuer", "other")
    with calling_as(ADMINISTRATOR):
        users = await scene.services.users.ListUsers(user_pb.ListUsersRequest(), None)
    assert [(user.name, user.subject) for user in users.users] == [("users/admin", "root")]
    assert users.users[0].roles == [RoleBinding(role=ROLE_ADMINISTRATOR)]


async def test_replicas_that_start_together_register_one_first_user(scene: Scene) -> None:
    replicas = [scene.catalog, *(Scene(scene.records).catalog for _ in range(3))]
    await asyncio.gather(*(each.bootstrap("https://issuer", "root") for each in replicas))
    with calling_as(ADMINISTRATOR):
        users = await scene.services.users.ListUsers(user_pb.ListUsersRequest(), None)
    assert [(user.name, user.subject) for user in users.users] == [("users/admin", "root")]


async def test_a_token_identity_is_found_while_its_user_is_enabled(scene: Scene) -> None:
    await scene.user("ada", "1")
    await scene.project("delays", Project(members=["users/ada"]))
    await scene.project("other", Project(members=["users/bob"]))
    services = scene.services

    async def resolve(subject: str, issuer: str = "https://issuer") -> pb.ResolveUserResponse:
        with calling_as(GATEWAY):
            return await services.catalog.ResolveUser(pb.ResolveUserRequest(issuer=issuer, subject=subject), None)

    found = await resolve("1")
    assert found.user.name == "users/ada"
    assert [project.name for project in found.projects] == ["projects/delays"]
    await refused("USER_UNKNOWN", resolve("2"))
    await refused("USER_UNKNOWN", resolve("1", "https://other"))
    with calling_as(ADMINISTRATOR):
        disable = user_pb.UpdateUserRequest(user=User(name="users/ada", disabled=True))
        await services.users.UpdateUser(disable, None)
    await refused("USER_UNKNOWN", resolve("1"))
    with calling_as(ADMINISTRATOR):
        enable = user_pb.UpdateUserRequest(user=User(name="users/ada"))
        enable.update_mask.paths.append("disabled")
        await services.users.UpdateUser(enable, None)
        assert await resolve("1")
        await services.users.DeleteUser(user_pb.DeleteUserRequest(name="users/ada"), None)
    await refused("USER_UNKNOWN", resolve("1"))
