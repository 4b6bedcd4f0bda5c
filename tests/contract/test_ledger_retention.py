"""How long releases live, on every store: what is told of it, what repeats do, and that no end is taken back."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from sfumato.v1 import budget_service_pb2
from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceStub
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from sfumato_accountant.catalog.retention import FOR_EVER, Retention, Rule
from sfumato_mesh.caller import calling_as
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADMINISTRATOR,
    AUDITOR,
    BOB,
    DATASET,
    POPULATION,
    PROJECT,
    STORES,
    Scene,
    opened_scene,
    penguins,
    question,
    refused,
    rho,
)
from tests.contract.test_ledger_backup import reservation

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path) as scene:
        await scene.grant(rho(1000))
        await scene.grant(rho(500), analyst="users/ada")
        yield scene


async def lives(scene: Scene, hours: int | None) -> None:
    """Change how long releases live. Who prices the next question sees it at once, all others within a second."""
    policy = Policy() if hours is None else Policy(release_retention=Duration(seconds=3600 * hours))
    await scene.policy(policy)


def end(found: Reservation) -> datetime | None:
    return found.expire_time.ToDatetime(UTC) if found.HasField("expire_time") else None


async def end_within_seconds(scene: Scene, query_id: str, expected: datetime | None) -> None:
    until = time.monotonic() + 15
    while (found := end(await reservation(scene, query_id))) != expected:
        assert time.monotonic() < until, (found, expected)


async def test_an_end_is_told_of_what_has_a_release(scene: Scene) -> None:
    assert end(await scene.answered(question(1, 10))) is None
    await lives(scene, 2)
    is_open = await scene.reserve(question(2, 10))
    assert end(is_open) is None
    scene.clock.advance(600)
    answered = await scene.answered(question(3, 10))
    committed = scene.clock.at
    assert end(answered) == committed + 2 * HOUR
    scene.clock.advance(600)
    shared = await scene.reserve(question(3, 10))
    assert shared.state == Reservation.STATE_SHARED
    assert end(shared) == committed + 2 * HOUR, "one release, one end"


async def test_an_expired_release_answers_no_repeat(scene: Scene) -> None:
    await lives(scene, 1)
    first = await scene.answered(question(1, 10))
    scene.clock.advance(3599)
    assert (await scene.reserve(question(1, 10))).release_query_id == first.claim.query_id
    scene.clock.advance(1)
    again = await scene.reserve(question(1, 10))
    assert again.state == Reservation.STATE_OPEN
    assert await scene.commit(again)
    later = await scene.reserve(question(1, 10))
    assert later.release_query_id == again.claim.query_id, "the next one lives"


async def test_a_longer_life_does_not_bring_back_what_is_over(scene: Scene) -> None:
    """Its bytes may be gone."""
    await lives(scene, 1)
    old = await scene.answered(question(1, 10))
    scene.clock.advance(2 * 3600)
    young = await scene.answered(question(2, 10))
    await end_within_seconds(scene, old.claim.query_id, NOON + HOUR)
    await lives(scene, None)
    assert (await scene.reserve(question(1, 10))).state == Reservation.STATE_OPEN
    assert (await scene.reserve(question(2, 10))).release_query_id == young.claim.query_id
    await end_within_seconds(scene, old.claim.query_id, NOON + HOUR)
    await end_within_seconds(scene, young.claim.query_id, None)
    scene.clock.advance(2 * 3600)
    await end_within_seconds(scene, young.claim.query_id, None)
    second = await scene.open()
    assert second.accountant
    assert (await scene.reserve(question(2, 10), replica=1)).release_query_id == young.claim.query_id


async def test_a_shorter_life_ends_older_releases_at_once(scene: Scene) -> None:
    first = await scene.answered(question(1, 10))
    scene.clock.advance(5 * 3600)
    await lives(scene, 2)
    assert (await scene.reserve(question(1, 10))).state == Reservation.STATE_OPEN
    await end_within_seconds(scene, first.claim.query_id, NOON + 5 * HOUR)


def test_the_rule_of_the_time_decides() -> None:
    def rules(*parts: tuple[int, int | None]) -> Retention:
        history = tuple(Rule(NOON + hours * HOUR, None if length is None else length * HOUR) for hours, length in parts)
        return Retention((history,))

    assert FOR_EVER.end_of(NOON) is None
    assert rules((0, 3)).end_of(None) is None
    for history, expected in (
        (rules((0, 3)), 3),
        (rules((5, 3)), 5),
        (rules((0, 3), (2, 9)), 9),
        (rules((0, 3), (3, 9)), 9),
        (rules((0, 3), (4, 9)), 3),
        (rules((0, 9), (1, 2), (5, None)), 2),
        (rules((0, 9), (1, None), (20, 2)), 20),
        (rules((0, None)), None),
        (rules((0, 2), (1, None)), None),
    ):
        assert history.end_of(NOON) == (None if expected is None else NOON + expected * HOUR)
    strictest = Retention((*rules((0, 3)).histories, *rules((0, 2)).histories))
    assert strictest.end_of(NOON) == NOON + 2 * HOUR


async def test_deleted_users_and_datasets_keep_their_spend(scene: Scene) -> None:
    await scene.grant(rho(200), dataset=DATASET)
    await lives(scene, 1)
    answered = await scene.answered(question(1, 60))
    channel = scene.first.channel
    with calling_as(ADMINISTRATOR):
        await UserAdminServiceStub(channel).DeleteUser(user_pb.DeleteUserRequest(name="users/ada"))

    async def spent() -> dict[tuple[str, str], int]:
        with calling_as(AUDITOR):
            request = budget_service_pb2.ListBudgetsRequest(population=POPULATION)
            budgets = (await scene.first.budgets.ListBudgets(request)).budgets
        return {(each.scope.dataset, each.scope.analyst): each.spent.rho_picos for each in budgets}

    expected = {("", ""): 60, ("", "users/ada"): 60, (DATASET, ""): 60}
    assert await spent() == expected
    await scene.grant(rho(500), analyst="users/bob")
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 150), BOB))
    with calling_as(ADMINISTRATOR):
        await ProjectAdminServiceStub(channel).DeleteProject(project_pb.DeleteProjectRequest(name=PROJECT))
        await DatasetAdminServiceStub(channel).DeleteDataset(dataset_pb.DeleteDatasetRequest(name=DATASET))
        again = dataset_pb.CreateDatasetRequest(dataset_id="penguins", dataset=penguins())
        await refused("RESOURCE_EXISTS", DatasetAdminServiceStub(channel).CreateDataset(again))
    assert await spent() == {**expected, ("", "users/bob"): 0}
    assert end(await reservation(scene, answered.claim.query_id)) == NOON + HOUR, "nor does its life get longer"


async def test_a_life_beyond_a_hundred_years_is_refused(scene: Scene) -> None:
    policy = Policy(release_retention=Duration(seconds=2**40))
    await refused("REQUEST_INVALID", scene.policy(policy))


def test_a_life_beyond_the_last_year_has_no_end() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rules = (Rule(at, timedelta(days=3_000_000)), Rule(at + timedelta(days=1), timedelta(days=30)))
    assert Retention((rules[:1],)).end_of(at) is None
    assert Retention((rules,)).end_of(at) == at + timedelta(days=30)
