"""Lending of budget, on every store: what a tree of grants spends is never more than a custodian gave its root."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from sfumato.v1 import budget_service_pb2 as budget_pb
from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.budget_admin_service_pb2 import GrantBudgetRequest
from sfumato.v1.charge_pb2 import Charge, LossLimit
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceStub
from sfumato.v1.project_pb2 import Project
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from sfumato.v1.user_pb2 import ROLE_ANALYST, User
from sfumato_accountant.ledger.delegating import DEPTH_MAX
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.refusal import Refusal
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    BOB,
    CUSTODIAN,
    DATASET,
    EVE,
    POPULATION,
    PROJECT,
    STORES,
    Scene,
    epsilon,
    opened_scene,
    penguins,
    question,
    refused,
    rho,
)

BOBS = f"{POPULATION}/grants/analyst-bob"


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await scene.grant(rho(1000))
        await scene.grant(rho(100), analyst="users/ada")
        yield scene


async def register(scene: Scene, name: str) -> Caller:
    user = User(issuer="https://issuer", subject=name)
    with calling_as(ADMINISTRATOR):
        await UserAdminServiceStub(scene.first.channel).CreateUser(user_pb.CreateUserRequest(user_id=name, user=user))
    return Caller("gateway", f"users/{name}", roles=((ROLE_ANALYST, DATASET),))


async def lend(
    scene: Scene, limit: LossLimit, to: str = "users/bob", caller: Caller = ADA, replica: int = 0, **fields: Any
) -> budget_pb.DelegateBudgetResponse:
    parts = {"population": POPULATION, "analyst": caller.user} | fields.pop("scope", {})
    fields = {"request_id": str(uuid.uuid4())} | fields
    request = budget_pb.DelegateBudgetRequest(scope=Scope(**parts), user=to, limit=limit, **fields)
    with calling_as(caller):
        response: budget_pb.DelegateBudgetResponse = await scene.replicas[replica].budgets.DelegateBudget(request)
    return response


async def reclaim(
    scene: Scene, grant: str = BOBS, caller: Caller = ADA, request_id: str = ""
) -> budget_pb.ReclaimBudgetResponse:
    request = budget_pb.ReclaimBudgetRequest(grant=grant, request_id=request_id or str(uuid.uuid4()))
    with calling_as(caller):
        response: budget_pb.ReclaimBudgetResponse = await scene.first.budgets.ReclaimBudget(request)
    return response


async def budgets(scene: Scene, caller: Caller) -> dict[str, budget_pb.Budget]:
    with calling_as(caller):
        response = await scene.first.budgets.ListBudgets(budget_pb.ListBudgetsRequest(population=POPULATION))
    return {each.scope.analyst: each for each in response.budgets}


async def total_that_can_be_spent(scene: Scene, *callers: Caller) -> int:
    """Spend by ones until everybody is refused; return what all of them have spent in their lives."""
    plan = 1000
    for caller in callers:
        while True:
            plan += 1
            try:
                await scene.reserve(question(plan, 10), caller)
            except grpc.RpcError as error:
                found = Refusal.from_rpc_error(error)
                assert found is not None
                assert found.reason == "BUDGET_EXHAUSTED"
                break
    with calling_as(CUSTODIAN):
        response = await scene.first.budgets.ListBudgets(budget_pb.ListBudgetsRequest(population=POPULATION))
    return sum(each.spent.rho_picos for each in response.budgets if each.scope.analyst)


async def test_what_is_lent_is_the_borrowers_and_counts_at_the_lender(scene: Scene) -> None:
    await scene.reserve(question(1, 30))
    lent = await lend(scene, rho(50))
    assert (lent.grant.name, lent.grant.parent) == (BOBS, f"{POPULATION}/grants/analyst-ada")
    assert lent.grant.limit == rho(50)
    assert (lent.budget.spent.rho_picos, lent.budget.delegated.rho_picos) == (30, 50)
    assert lent.budget.remaining.rho_picos == 20
    paid = await scene.reserve(question(2, 50), BOB, replica=1)
    assert [(each.scope.analyst, each.charge.rho_picos) for each in paid.scopes] == [("", 50), ("users/bob", 50)]
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(3, 1), BOB))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(4, 21), replica=1))
    await scene.reserve(question(5, 20))


async def test_lending_again_adds_and_never_above_what_is_left(scene: Scene) -> None:
    await lend(scene, rho(50))
    assert (await lend(scene, rho(20), replica=1)).grant.limit == rho(70)
    refusal = await refused("DELEGATION_TOO_LARGE", lend(scene, rho(31)))
    assert refusal.metadata["available_rho_picos"] == "30"
    assert refusal.metadata["grant"] == f"{POPULATION}/grants/analyst-ada"
    assert (await lend(scene, rho(30))).budget.remaining.rho_picos == 0


async def test_the_same_request_is_one_act(scene: Scene) -> None:
    same = str(uuid.uuid4())
    first = await lend(scene, rho(50), request_id=same)
    again = await lend(scene, rho(50), request_id=same, replica=1)
    assert again == first
    await refused("REQUEST_ID_REUSED", lend(scene, rho(51), request_id=same))
    await scene.reserve(question(1, 10), BOB)
    back = await reclaim(scene, request_id=(taken := str(uuid.uuid4())))
    assert back.reclaimed == Charge(rho_picos=40, epsilon_picos=0)
    assert await reclaim(scene, request_id=taken) == back


async def test_what_is_not_spent_or_reserved_comes_back(scene: Scene) -> None:
    await lend(scene, rho(50))
    await scene.reserve(question(1, 20), BOB)  # open: it is spent from its reservation on
    back = await reclaim(scene)
    assert (back.reclaimed.rho_picos, back.grant.limit) == (30, rho(20))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 1), BOB))
    mine = (await budgets(scene, ADA))["users/ada"]
    assert (mine.delegated.rho_picos, mine.remaining.rho_picos) == (20, 80)
    nothing = await reclaim(scene)
    assert (nothing.reclaimed.rho_picos, nothing.grant.sequence) == (0, back.grant.sequence)


async def test_lending_spending_and_taking_back_never_raise_the_total(scene: Scene) -> None:
    for plan in range(3):
        await lend(scene, rho(40 if plan < 2 else 20))
        await scene.reserve(question(plan, 20), BOB)
        await reclaim(scene)
    await lend(scene, rho(10))
    assert await total_that_can_be_spent(scene, ADA, BOB) == 100


async def test_only_the_lender_and_custodians_take_back(scene: Scene) -> None:
    await lend(scene, rho(50))
    for caller in (BOB, EVE):
        await refused("ACCESS_DENIED", reclaim(scene, caller=caller))
    await refused("ACCESS_DENIED", reclaim(scene, f"{POPULATION}/grants/analyst-nobody"))
    await refused("ACCESS_DENIED", reclaim(scene, f"{POPULATION}/grants/analyst-ada"))
    refusal = await refused("DELEGATION_REFUSED", reclaim(scene, f"{POPULATION}/grants/analyst-ada", CUSTODIAN))
    assert "a custodian gave it" in refusal.message
    assert (await reclaim(scene, caller=CUSTODIAN)).reclaimed.rho_picos == 50


async def test_nobody_lends_what_is_another_s_or_cannot_be_used(scene: Scene) -> None:
    await refused("ACCESS_DENIED", lend(scene, rho(5), scope={"analyst": "users/bob"}))
    await refused("REQUEST_INVALID", lend(scene, rho(5), scope={"analyst": "", "project": PROJECT}))
    await scene.grant(rho(50), analyst="users/eve")
    await refused("ACCESS_DENIED", lend(scene, rho(5), caller=EVE))  # no dataset of the population is hers to query
    await refused("ACCESS_DENIED", lend(scene, rho(5), scope={"project": "projects/other"}))
    await refused("GRANT_MISSING", lend(scene, rho(5), caller=BOB, to="users/ada"))
    await refused("REQUEST_INVALID", lend(scene, rho(5), to="users/nobody"))
    await refused("REQUEST_INVALID", lend(scene, rho(5), to="users/ada"))
    await refused("REQUEST_INVALID", lend(scene, rho(0)))
    refusal = await refused("ACCOUNTING_MISMATCH", lend(scene, epsilon(5)))
    assert refusal.fields[0].field == "limit"


async def test_a_grant_of_one_s_own_is_not_lent_to(scene: Scene) -> None:
    await scene.grant(rho(5), analyst="users/bob")
    refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(50)))
    assert "another grant" in refusal.message
    cara = await register(scene, "cara")
    await lend(scene, rho(10), to=cara.user)
    await scene.grant(rho(40), analyst="users/eve")
    eve = Caller("gateway", "users/eve", roles=((ROLE_ANALYST, DATASET),))
    refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(1), to=cara.user, caller=eve))
    assert "another grant" in refusal.message


async def test_grants_that_bind_each_other_are_not_lent(scene: Scene) -> None:
    await scene.grant(rho(10), analyst="users/ada", dataset=DATASET)
    for parts in ({}, {"dataset": DATASET}):
        refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(5), scope=parts))
        assert "2 grants" in refusal.message


async def test_a_share_of_a_project_is_lent_within_it(scene: Scene) -> None:
    await scene.grant(rho(40), project=PROJECT)
    cara = await register(scene, "cara")
    await scene.grant(rho(30), project=PROJECT, analyst="users/cara")
    cara = Caller(cara.service, cara.user, cara.roles, projects=(PROJECT,))
    lent = await lend(scene, rho(20), caller=cara, scope={"project": PROJECT})
    assert lent.grant.scope == Scope(population=POPULATION, project=PROJECT, analyst="users/bob")
    await refused("GRANT_MISSING", scene.reserve(question(1, 5), BOB))
    await refused("ACCESS_DENIED", scene.reserve(question(2, 5, project=PROJECT), BOB))  # he is no member


async def test_lending_opens_no_dataset(scene: Scene) -> None:
    await lend(scene, rho(50), to="users/eve")
    await refused("ACCESS_DENIED", scene.reserve(question(1, 5), EVE))


async def test_a_chain_of_loans_spends_no_more_than_its_root(scene: Scene) -> None:
    await lend(scene, rho(60))
    eve = Caller("gateway", "users/eve", roles=((ROLE_ANALYST, DATASET),))
    await lend(scene, rho(40), to="users/eve", caller=BOB)
    await scene.reserve(question(1, 10), eve)
    await scene.reserve(question(2, 20), BOB)
    refusal = await refused("DELEGATION_TOO_LARGE", lend(scene, rho(1), to="users/eve", caller=BOB))
    assert refusal.metadata["available_rho_picos"] == "0"
    assert (await reclaim(scene)).reclaimed.rho_picos == 0, "all of it is spent or lent further"
    assert (await reclaim(scene, f"{POPULATION}/grants/analyst-eve", BOB)).reclaimed.rho_picos == 30
    assert (await reclaim(scene)).reclaimed.rho_picos == 30
    assert await total_that_can_be_spent(scene, ADA, BOB, eve) == 100


async def test_a_chain_of_loans_is_bounded(scene: Scene) -> None:
    lender = ADA
    for depth in range(DEPTH_MAX - 1):
        borrower = await register(scene, f"user-{depth}")
        await lend(scene, rho(50 - depth), to=borrower.user, caller=lender)
        lender = borrower
    last = await register(scene, "last")
    refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(1), to=last.user, caller=lender))
    assert f"{DEPTH_MAX - 1} times" in refusal.message


async def test_a_frozen_lender_lends_nothing_and_stops_what_it_lent(scene: Scene) -> None:
    await lend(scene, rho(50))
    await scene.freeze(analyst="users/ada")
    refusal = await refused("BUDGET_FROZEN", scene.reserve(question(1, 5), BOB))
    assert refusal.metadata["scope"] == f"users/ada on {POPULATION}"
    await refused("BUDGET_FROZEN", lend(scene, rho(5)))
    assert (await budgets(scene, BOB))["users/bob"].frozen
    assert (await reclaim(scene)).reclaimed.rho_picos == 50, "a freeze stops spending alone"
    await scene.freeze(frozen=False, analyst="users/ada")
    await lend(scene, rho(5))
    await scene.reserve(question(2, 5), BOB)


async def test_a_lender_s_window_binds_lender_and_borrowers_together(scene: Scene) -> None:
    stretch = BudgetWindow(length=Duration(seconds=3600), limit=rho(30))
    await scene.grant(rho(100), analyst="users/ada", window=stretch)
    await lend(scene, rho(60))
    eve = Caller("gateway", "users/eve", roles=((ROLE_ANALYST, DATASET),))
    await lend(scene, rho(40), to="users/eve", caller=BOB)
    await scene.reserve(question(1, 10))
    await scene.reserve(question(2, 10), eve)
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(3, 11), BOB))
    assert refusal.metadata["window_end_time"]
    assert refusal.metadata["would_pass"] == "10"
    await scene.reserve(question(4, 10), BOB)
    for caller in (ADA, BOB, eve):
        await refused("BUDGET_EXHAUSTED", scene.reserve(question(5, 1), caller))
    shown = (await budgets(scene, eve))["users/eve"]
    assert (shown.window_spent.rho_picos, shown.remaining.rho_picos) == (30, 0)
    scene.clock.advance(3600)
    await scene.reserve(question(6, 30), eve)


async def test_the_lender_sees_what_became_of_it(scene: Scene) -> None:
    await lend(scene, rho(50))
    await scene.reserve(question(1, 20), BOB)
    seen = (await budgets(scene, ADA))["users/bob"]
    assert (seen.spent.rho_picos, seen.grant.name) == (20, BOBS)
    assert set(await budgets(scene, BOB)) == {"", "users/bob"}


async def test_a_custodian_takes_a_loan_over(scene: Scene) -> None:
    await lend(scene, rho(50))
    await scene.reserve(question(1, 20), BOB)
    taken = await scene.grant(rho(50), analyst="users/bob")
    assert taken.grant.parent == ""
    assert not (await budgets(scene, ADA))["users/ada"].HasField("delegated")
    assert await total_that_can_be_spent(scene, ADA, BOB) == 150, "what custodians granted, no more"
    await refused("ACCESS_DENIED", reclaim(scene))


async def test_lending_from_a_limit_in_epsilon_counts_by_its_largest_rho(scene: Scene) -> None:
    limit = epsilon(10**12, 10**12)
    await scene.grant(limit, analyst="users/ada")
    whole = (await budgets(scene, ADA))["users/ada"].remaining
    refusal = await refused("DELEGATION_TOO_LARGE", lend(scene, rho(whole.rho_picos + 1)))
    assert refusal.metadata["available_rho_picos"] == str(whole.rho_picos)
    await lend(scene, rho(whole.rho_picos))
    left = (await budgets(scene, ADA))["users/ada"]
    assert left.remaining.rho_picos == 0
    pure = question(1, charge=Charge(rho_picos=5, epsilon_picos=10**6))
    await refused("BUDGET_EXHAUSTED", scene.reserve(pure))  # lent ρ closes the route of summed pure ε


async def test_a_basic_population_lends_epsilon(scene: Scene) -> None:
    basic, channel = "populations/basic", scene.first.channel
    record = Population(unit=PRIVACY_UNIT_KIND_ROW, accounting=ACCOUNTING_BASIC)
    with calling_as(ADMINISTRATOR):
        await PopulationAdminServiceStub(channel).CreatePopulation(
            population_pb.CreatePopulationRequest(population_id="basic", population=record)
        )
        dataset = Dataset()
        dataset.CopyFrom(penguins())
        dataset.population = basic
        await DatasetAdminServiceStub(channel).CreateDataset(
            dataset_pb.CreateDatasetRequest(dataset_id="sums", dataset=dataset)
        )
        grant = GrantBudgetRequest(
            scope=Scope(population=basic, analyst="users/ada"),
            limit=epsilon(100),
            justification="agreed with the data owner",
            request_id=str(uuid.uuid4()),
        )
        await scene.first.budget_admin.GrantBudget(grant)
    analyst = Caller("gateway", "users/ada", roles=((ROLE_ANALYST, ""),))
    await refused("ACCOUNTING_MISMATCH", lend(scene, rho(5), caller=analyst, scope={"population": basic}))
    split = epsilon(5, 5, share=1)
    await refused("ACCOUNTING_MISMATCH", lend(scene, split, caller=analyst, scope={"population": basic}))
    lent = await lend(scene, epsilon(60), caller=analyst, scope={"population": basic})
    assert (lent.grant.limit, lent.budget.delegated.epsilon_picos) == (epsilon(60), 60)
    assert (lent.budget.remaining.rho_picos, lent.budget.remaining.epsilon_picos) == (0, 40)
    refusal = await refused(
        "DELEGATION_TOO_LARGE", lend(scene, epsilon(41), caller=analyst, scope={"population": basic})
    )
    assert refusal.metadata["available_epsilon_picos"] == "40"
    back = await reclaim(scene, f"{basic}/grants/analyst-bob", analyst)
    assert (back.reclaimed.epsilon_picos, back.grant.limit) == (60, epsilon(0))


async def test_a_frozen_analyst_s_loans_stop_whatever_part_of_the_scope_is_frozen(scene: Scene) -> None:
    eve = Caller("gateway", "users/eve", roles=((ROLE_ANALYST, DATASET),))
    await scene.grant(rho(40), analyst="users/eve", dataset=DATASET)
    await lend(scene, rho(20), caller=eve, scope={"dataset": DATASET})
    parts: tuple[dict[str, Any], ...] = ({"analyst": "users/eve"}, {"dataset": DATASET}, {})
    for plan, frozen in enumerate(parts, start=1):
        await scene.freeze(**frozen)
        await refused("BUDGET_FROZEN", lend(scene, rho(1), caller=eve, scope={"dataset": DATASET}))
        await refused("BUDGET_FROZEN", scene.reserve(question(plan, 1), BOB))
        await scene.freeze(frozen=False, **frozen)
    await scene.reserve(question(4, 1), BOB)


async def test_nobody_is_bound_by_a_loan_beside_another_grant(scene: Scene) -> None:
    await scene.grant(rho(5), analyst="users/bob", dataset=DATASET)
    refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(50)))
    assert "another grant" in refusal.message


async def test_a_member_of_a_project_that_pays_is_not_lent_to(scene: Scene) -> None:
    project = Project(members=["users/bob"], datasets=[DATASET])
    with calling_as(ADMINISTRATOR):
        await ProjectAdminServiceStub(scene.first.channel).CreateProject(
            project_pb.CreateProjectRequest(project_id="snow", project=project)
        )
    await lend(scene, rho(1))
    await scene.grant(rho(5), project="projects/snow")
    refusal = await refused("DELEGATION_REFUSED", lend(scene, rho(50)))
    assert "another grant" in refusal.message


async def test_a_lender_s_lowered_limit_holds_what_was_lent(scene: Scene) -> None:
    await lend(scene, rho(50))
    await scene.grant(rho(10), analyst="users/ada")
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(1, 11), BOB))
    await scene.reserve(question(2, 10), BOB)
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(3, 1), BOB))
