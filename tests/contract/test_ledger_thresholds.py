"""What thresholds may spend under limits in (ε, δ), on every store: a share of δ that is fixed with the limit."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from sfumato.v1.budget_service_pb2 import Budget, GetBudgetTimelineRequest, ListBudgetsRequest
from sfumato.v1.charge_pb2 import Charge, LossLimit, RhoDelta
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.population_admin_service_pb2 import CreatePopulationRequest
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.query_service_pb2 import RunQueryRequest
from sfumato.v1.scope_pb2 import Scope
from sfumato_mesh.caller import calling_as
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.zcdp import largest_rho
from tests.contract.ledger_scene import (
    ADMINISTRATOR,
    CUSTODIAN,
    DATASET,
    POPULATION,
    STORES,
    Scene,
    epsilon,
    opened_scene,
    question,
    refused,
    rho,
)
from tests.contract.succession_scene import budgets, grant, split, splitting

PICO, DELTA, SHARE = 10**12, 10**12, 10**11
LIMIT = epsilon(PICO, DELTA, SHARE)
FITS = largest_rho(PICO, DELTA - SHARE)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await scene.grant(rho(10**15, 10**17))
        yield scene


async def adas(scene: Scene) -> Budget:
    with calling_as(CUSTODIAN):
        response = await scene.first.budgets.ListBudgets(ListBudgetsRequest(population=POPULATION))
    found: Budget = next(each for each in response.budgets if each.scope.analyst == "users/ada")
    return found


def keys(plan: int, delta: int, picos: int = 10) -> Any:
    """Return a question whose keys pass a threshold."""
    return question(plan, charge=Charge(rho_picos=picos, delta_attos=delta))


async def test_the_share_and_the_rest_are_spent_each_for_itself(scene: Scene) -> None:
    assert (await scene.grant(LIMIT, analyst="users/ada")).grant.limit == LIMIT
    shown = await adas(scene)
    assert (shown.limit.rho_picos, shown.limit.delta_attos) == (FITS, SHARE)
    await refused("BUDGET_EXHAUSTED", scene.reserve(keys(1, SHARE + 1)))
    await scene.reserve(keys(1, SHARE))
    left = (await adas(scene)).remaining
    assert (left.rho_picos, left.delta_attos) == (FITS - 10, 0)
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(keys(2, 1), replica=1))
    assert refusal.metadata["hint"].startswith("spend at most δ 0 on keys by threshold")
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, picos=FITS - 9)))
    assert (await scene.reserve(question(2, picos=FITS - 10))).state == Reservation.STATE_OPEN
    request = GetBudgetTimelineRequest(scope=Scope(population=POPULATION, analyst="users/ada"))
    with calling_as(CUSTODIAN):
        last = (await scene.first.budgets.GetBudgetTimeline(request)).points[-1]
    assert (last.limit.rho_picos, last.limit.delta_attos) == (FITS, SHARE)


async def test_without_a_share_thresholds_spend_nothing_and_the_refusal_says_whom_to_ask(scene: Scene) -> None:
    await scene.grant(epsilon(PICO, DELTA), analyst="users/ada")
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(keys(1, 1)))
    assert "ask a custodian for threshold_delta, or list the keys" in refusal.metadata["hint"]
    await scene.grant(LIMIT, analyst="users/ada")
    assert (await scene.reserve(keys(1, 1))).state == Reservation.STATE_OPEN
    await scene.grant(epsilon(PICO, DELTA), analyst="users/ada")  # below what is spent: no more of anything
    left = (await adas(scene)).remaining
    assert (left.rho_picos, left.delta_attos) == (0, 0)
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, picos=1)))


async def test_a_window_has_a_share_of_its_own(scene: Scene) -> None:
    day = Duration(seconds=24 * 3600)
    await scene.grant(LIMIT, analyst="users/ada", window=BudgetWindow(length=day, limit=epsilon(PICO // 2, DELTA)))
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(keys(1, 1)))
    assert "window_end_time" in refusal.metadata
    window = BudgetWindow(length=day, limit=epsilon(PICO // 2, DELTA, SHARE // 2))
    await scene.grant(LIMIT, analyst="users/ada", window=window)
    await scene.reserve(keys(1, SHARE // 2))
    assert "window_end_time" in (await refused("BUDGET_EXHAUSTED", scene.reserve(keys(2, 1)))).metadata
    scene.clock.advance(day.seconds)
    await scene.reserve(keys(2, SHARE // 2))


async def test_a_limit_for_one_query_holds_by_its_own_delta(scene: Scene) -> None:
    await scene.grant(rho(10**15, 10**17), analyst="users/ada")
    within = epsilon(PICO, DELTA)
    fits = largest_rho(PICO, DELTA - SHARE)
    asked = question(1, charge=Charge(rho_picos=fits, delta_attos=SHARE), limit=within)
    assert (await scene.reserve(asked)).state == Reservation.STATE_OPEN
    above = question(2, charge=Charge(rho_picos=fits + 1, delta_attos=SHARE), limit=within)
    await refused("PRICE_ABOVE_LIMIT", scene.reserve(above))
    await scene.policy(Policy(max_charge=within))
    await scene.reserve(keys(3, SHARE, fits))
    await refused("PRICE_ABOVE_POLICY", scene.reserve(keys(4, SHARE, fits + 1)))


WITH_RHO = LossLimit(rho=RhoDelta(rho_picos=PICO, delta_attos=DELTA), threshold_delta_attos=SHARE)


@pytest.mark.parametrize("limit", [WITH_RHO, epsilon(PICO, DELTA, DELTA), epsilon(PICO, DELTA, -1)])
async def test_a_share_goes_with_a_larger_delta_beside_epsilon(scene: Scene, limit: LossLimit) -> None:
    refusal = await refused("REQUEST_INVALID", scene.grant(limit, analyst="users/ada"))
    assert refusal.fields[0].field.startswith("limit")
    window = BudgetWindow(length=Duration(seconds=3600), limit=limit)
    await refused("REQUEST_INVALID", scene.grant(LIMIT, analyst="users/ada", window=window))


async def test_what_one_query_may_cost_is_not_split(scene: Scene) -> None:
    assert "threshold_delta" in str(await refused("REQUEST_INVALID", scene.policy(Policy(max_charge=LIMIT))))
    with pytest.raises(Refusal) as caught:
        check(RunQueryRequest(limit=LIMIT))
    assert any("threshold_delta" in each.description for each in caught.value.fields if each.field == "limit")


async def test_where_delta_adds_up_there_is_nothing_to_split(scene: Scene) -> None:
    record = Population(unit=PRIVACY_UNIT_KIND_ROW, accounting=ACCOUNTING_BASIC)
    with calling_as(ADMINISTRATOR):
        await PopulationAdminServiceStub(scene.first.channel).CreatePopulation(
            CreatePopulationRequest(population_id="basic", population=record)
        )
    refusal = await refused("ACCOUNTING_MISMATCH", grant(scene.first, "populations/basic", LIMIT))
    assert "threshold_delta" in refusal.metadata["hint"]
    await grant(scene.first, "populations/basic", epsilon(PICO, DELTA))


async def test_a_split_carries_the_share(scene: Scene) -> None:
    await scene.grant(LIMIT)
    await split(scene.first, splitting({"south": [DATASET], "north": []}))
    for part in ("south", "north"):
        found = (await budgets(scene.first, f"populations/{part}"))[(f"populations/{part}", "", "")]
        assert found.grant.limit == LIMIT
