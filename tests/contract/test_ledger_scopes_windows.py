"""Windows of a grant, on every store: a slower limit within the limit for life."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1.budget_service_pb2 import Budget, ListBudgetsRequest
from sfumato.v1.charge_pb2 import LossLimit
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato_mesh.caller import calling_as
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADA,
    BOB,
    CUSTODIAN,
    POPULATION,
    STORES,
    Scene,
    epsilon,
    opened_scene,
    question,
    refused,
    rho,
)

DAY = 24 * 3600


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await scene.grant(rho(1000))
        yield scene


def window(limit: LossLimit, seconds: int = DAY, anchor: datetime | None = None) -> BudgetWindow:
    stretch = BudgetWindow(length=Duration(seconds=seconds), limit=limit)
    if anchor is not None:
        stretch.anchor_time.FromDatetime(anchor)
    return stretch


async def budget(scene: Scene, analyst: str = "users/ada", replica: int = 0) -> Budget:
    with calling_as(CUSTODIAN):
        response = await scene.replicas[replica].budgets.ListBudgets(ListBudgetsRequest(population=POPULATION))
    found: Budget = next(each for each in response.budgets if each.scope.analyst == analyst)
    return found


async def test_a_window_refuses_before_the_limit_for_life_and_says_when_it_ends(scene: Scene) -> None:
    await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)))
    await scene.reserve(question(1, 20))
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 10), replica=1))
    end = (scene.clock.at + timedelta(days=1)).replace(hour=0, minute=0)
    assert refusal.metadata["window_end_time"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert refusal.metadata["would_pass"] == "5"
    assert refusal.metadata["scope"] == f"users/ada on {POPULATION}"
    assert "wait until" in refusal.metadata["hint"]
    shown = await budget(scene, replica=1)
    assert (shown.spent.rho_picos, shown.window_spent.rho_picos, shown.remaining.rho_picos) == (20, 20, 5)
    assert shown.window_end_time.ToDatetime(UTC) == end
    assert shown.grant.window == window(rho(25))
    await scene.reserve(question(3, 5))


async def test_the_next_window_is_whole_and_the_sum_for_life_goes_on(scene: Scene) -> None:
    await scene.grant(rho(60), analyst="users/ada", window=window(rho(25)))
    for day in range(2):
        await scene.reserve(question(day, 25))
        scene.clock.advance(DAY)
    shown = await budget(scene)
    assert (shown.spent.rho_picos, shown.window_spent.rho_picos) == (50, 0)
    assert shown.remaining.rho_picos == 10, "the lesser of both"
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(8, 11)))
    assert "window_end_time" not in refusal.metadata, "here the limit for life is in the way"
    await scene.reserve(question(9, 10))


async def test_a_charge_belongs_to_the_window_of_its_reservation(scene: Scene) -> None:
    await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)))
    paid = await scene.reserve(question(1, 20))
    scene.clock.advance(DAY)
    await scene.commit(paid)
    assert (await budget(scene)).window_spent.rho_picos == 0
    await scene.reserve(question(2, 25))


async def test_a_window_starts_at_its_anchor_and_counts_what_was_paid_before_it_was_set(scene: Scene) -> None:
    await scene.grant(rho(100), analyst="users/ada")
    await scene.reserve(question(1, 20))
    scene.clock.advance(3600)
    anchor = scene.clock.at + timedelta(hours=1) - timedelta(days=70)
    await scene.grant(rho(100), analyst="users/ada", window=window(rho(25), 7 * DAY, anchor))
    shown = await budget(scene)
    assert shown.window_spent.rho_picos == 20
    assert shown.window_end_time.ToDatetime(UTC) == scene.clock.at + timedelta(hours=1)
    scene.clock.advance(3600)
    assert (await budget(scene)).window_spent.rho_picos == 0, "its end is outside"


async def test_a_window_of_the_population_stops_everybody(scene: Scene) -> None:
    await scene.grant(rho(1000), window=window(rho(30)))
    for analyst in ("users/ada", "users/bob"):
        await scene.grant(rho(100), analyst=analyst)
    await scene.reserve(question(1, 20))
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 20), BOB))
    assert refusal.metadata["scope"] == POPULATION
    assert refusal.metadata["window_end_time"]


async def test_a_quote_shows_what_the_window_leaves(scene: Scene) -> None:
    await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)))
    await scene.reserve(question(1, 20))

    async def lines(picos: int) -> Any:
        asked = question(2, picos).query
        with calling_as(ADA):
            preview = await scene.first.gateway.PreviewQuery(pb.PreviewQueryRequest(query=asked))
        return preview.affordable, next(each for each in preview.scopes if each.scope.analyst)

    affordable, line = await lines(5)
    assert affordable
    assert (line.remaining.rho_picos, line.remaining_after.rho_picos, line.limit.rho_picos) == (5, 0, 100)
    affordable, line = await lines(6)
    assert not affordable
    assert not line.affordable


async def test_a_free_repeat_passes_a_used_up_window(scene: Scene) -> None:
    await scene.grant(rho(100), analyst="users/ada", window=window(rho(10)))
    await scene.answered(question(1, 10))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 1)))
    assert (await scene.reserve(question(1, 10))).state == Reservation.STATE_SHARED


async def test_a_window_in_epsilon_and_delta(scene: Scene) -> None:
    await scene.grant(epsilon(10**12, 10**12), analyst="users/ada", window=window(epsilon(10**11, 10**12)))
    shown = await budget(scene)
    assert 0 < shown.remaining.rho_picos < shown.limit.rho_picos


async def test_equal_grants_are_one_entry_and_a_grant_without_window_takes_it_away(scene: Scene) -> None:
    first = await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)))
    same = await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)))
    assert same.grant.sequence == first.grant.sequence
    other = await scene.grant(rho(100), analyst="users/ada")
    assert other.grant.sequence > first.grant.sequence
    assert not other.grant.HasField("window")


@pytest.mark.parametrize(
    "wrong",
    [
        BudgetWindow(length=Duration(seconds=3600)),
        BudgetWindow(limit=rho(5)),
        window(rho(5), 3599),
        window(rho(5), 10 * 366 * DAY + 1),
        BudgetWindow(length=Duration(seconds=DAY), limit=rho(5), anchor_time=Timestamp(seconds=10**12)),
    ],
    ids=["no limit", "no length", "too short", "too long", "a time that is none"],
)
async def test_no_window(scene: Scene, wrong: BudgetWindow) -> None:
    await refused("REQUEST_INVALID", scene.grant(rho(100), analyst="users/ada", window=wrong))


async def test_a_rehearsal_tells_the_window_and_writes_nothing(scene: Scene) -> None:
    told = await scene.grant(rho(100), analyst="users/ada", window=window(rho(25)), validate_only=True)
    assert told.after.remaining.rho_picos == 25
    assert told.after.grant.window == window(rho(25))
    await refused("GRANT_MISSING", scene.reserve(question(1, 1)))
