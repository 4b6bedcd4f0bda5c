"""How a scope was spent over time: spends and limits as they were, ε at any δ, a yardstick, and who sees it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import budget_service_pb2 as pb
from sfumato.v1.scope_pb2 import Scope
from sfumato_accountant.accounting.typical_count import typical_count
from sfumato_accountant.accounting.units import Unit
from sfumato_mesh import zcdp
from sfumato_mesh.caller import Caller, calling_as
from tests.contract.ledger_scene import (
    ADA,
    AUDITOR,
    BOB,
    CUSTODIAN,
    EVE,
    PICO,
    POPULATION,
    PROJECT,
    STORES,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)

ADAS = Scope(population=POPULATION, analyst="users/ada")
ALL = Scope(population=POPULATION)
MINUTE = 60.0


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await scene.grant(rho(PICO))
        await scene.grant(rho(PICO // 2), analyst="users/ada")
        yield scene


async def timeline(scene: Scene, scope: Scope = ADAS, caller: Caller = ADA, replica: int = 0, **fields: Any) -> Any:
    request = pb.GetBudgetTimelineRequest(scope=scope, **fields)
    with calling_as(caller):
        return await scene.replicas[replica].budgets.GetBudgetTimeline(request)


async def test_spends_and_limits_are_those_of_their_time(scene: Scene) -> None:
    """An hour: paid after 10 and 20 minutes, given up after 30, the limit raised after 40."""
    start = scene.clock.at
    for picos in (10, 20):
        scene.clock.advance(10 * MINUTE)
        last = await scene.reserve(question(picos, picos=picos * PICO // 1000))
    scene.clock.advance(10 * MINUTE)
    await scene.charge(last.claim.query_id)
    scene.clock.advance(10 * MINUTE)
    await scene.grant(rho(3 * PICO // 4), analyst="users/ada")
    scene.clock.advance(20 * MINUTE)
    found = await timeline(scene, step=Duration(seconds=600), replica=1)
    times = [each.time.ToDatetime(start.tzinfo) for each in found.points]
    assert times == [start + timedelta(minutes=10 * n) for n in range(7)]
    assert [each.spent.rho_picos * 1000 // PICO for each in found.points] == [0, 10, 30, 30, 30, 30, 30]
    half, more = PICO // 2, 3 * PICO // 4
    assert [each.limit.rho_picos for each in found.points] == [half] * 4 + [more] * 3
    assert [each.limit.rho_picos for each in (await timeline(scene, ALL, AUDITOR)).points] == [PICO] * 101


async def test_epsilon_is_told_at_any_delta(scene: Scene) -> None:
    await scene.reserve(question(picos=20 * PICO // 1000))
    scene.clock.advance(MINUTE)
    for delta in (10**12, 10**9):
        last = (await timeline(scene, delta_attos=delta)).points[-1]
        assert last.spent_epsilon_picos == zcdp.epsilon_of(20 * PICO // 1000, delta)
    assert (await timeline(scene)).points[-1].spent_epsilon_picos == zcdp.epsilon_of(20 * PICO // 1000, 10**12)


async def test_points_are_about_a_hundred_and_never_above_a_thousand(scene: Scene) -> None:
    scene.clock.advance(7 * MINUTE + 1)
    points = (await timeline(scene)).points
    assert 90 <= len(points) <= 102
    assert points[-1].time.seconds == int(scene.clock.at.timestamp())
    scene.clock.advance(86400)
    refusal = await refused("REQUEST_INVALID", timeline(scene, step=Duration(seconds=1)))
    [violation] = refusal.fields
    least = int(violation.description.split()[2])
    assert violation.field == "step"
    assert len((await timeline(scene, step=Duration(seconds=least))).points) <= 1000
    await refused("REQUEST_INVALID", timeline(scene, step=Duration(seconds=least // 2)))


async def test_a_stretch_of_time_is_cut_out_and_never_reaches_beyond_now(scene: Scene) -> None:
    start = scene.clock.at
    scene.clock.advance(10 * MINUTE)
    await scene.reserve(question(picos=PICO // 100))
    scene.clock.advance(10 * MINUTE)
    request = pb.GetBudgetTimelineRequest(scope=ADAS)
    request.start_time.FromDatetime(start + timedelta(minutes=9))
    request.end_time.FromDatetime(start + timedelta(days=9))
    with calling_as(ADA):
        points = (await scene.first.budgets.GetBudgetTimeline(request)).points
    assert points[0].time.ToDatetime(start.tzinfo) == start + timedelta(minutes=9)
    assert points[0].spent.rho_picos == 0
    assert points[-1].time.ToDatetime(start.tzinfo) == scene.clock.at
    request.end_time.FromDatetime(start)
    with calling_as(ADA):
        await refused("REQUEST_INVALID", scene.first.budgets.GetBudgetTimeline(request))


async def test_analysts_see_their_own_scopes_and_custodians_and_auditors_all(scene: Scene) -> None:
    await scene.grant(rho(PICO // 4), project=PROJECT)
    await scene.grant(rho(PICO // 4), analyst="users/bob")
    for caller in (CUSTODIAN, AUDITOR):
        for scope in (ALL, ADAS, Scope(population=POPULATION, project=PROJECT)):
            assert (await timeline(scene, scope, caller)).points
    assert (await timeline(scene, Scope(population=POPULATION, project=PROJECT), ADA)).points
    for scope, caller in (
        (ALL, ADA),
        (ADAS, BOB),
        (Scope(population=POPULATION, project=PROJECT), BOB),
        (Scope(population=POPULATION, project=PROJECT, analyst="users/ada"), BOB),
        (Scope(population=POPULATION, analyst="users/eve"), EVE),
        (Scope(population="populations/none", analyst="users/ada"), ADA),
    ):
        await refused("ACCESS_DENIED", timeline(scene, scope, caller))


async def test_the_yardstick_is_the_charge_of_a_count(scene: Scene) -> None:
    found = (await timeline(scene)).typical_count
    assert found == typical_count(Unit.RHO, 1).to_proto()
    assert not found.HasField("epsilon_picos")


def test_the_yardstick_grows_with_what_a_person_may_change() -> None:
    """σ 10.4 is within 20 in 95 of 100 cases; ρ grows as the square, ε in proportion."""
    one = typical_count(Unit.RHO, 1).rho_picos
    assert one == pytest.approx(PICO / (2 * 10.45**2), rel=0.02)
    assert typical_count(Unit.RHO, 4).rho_picos == pytest.approx(16 * one, rel=1e-9)
    pure = typical_count(Unit.EPSILON, 1).epsilon_picos
    assert pure == pytest.approx(PICO * 0.146, rel=0.03)
    assert typical_count(Unit.EPSILON, 3).epsilon_picos == pytest.approx(3 * (pure or 0), rel=1e-9)


@pytest.mark.parametrize(
    "fields",
    [
        {"start_time": Timestamp(seconds=2**62)},
        {"start_time": Timestamp(seconds=1, nanos=-5)},
        {"end_time": Timestamp(seconds=-(2**62))},
        {"step": Duration(seconds=2**62)},
    ],
)
async def test_times_that_no_calendar_has_are_refused(scene: Scene, fields: dict[str, Any]) -> None:
    await refused("REQUEST_INVALID", timeline(scene, **fields))
