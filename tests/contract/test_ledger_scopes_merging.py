"""Merging and splitting populations, on every store: spends go along, limits never stretch, old answers stay."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from sfumato.v1 import ledger_service_pb2 as ledger_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1.budget_service_pb2 import DelegateBudgetRequest
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import (
    ACCOUNTING_BASIC,
    ACCOUNTING_ZCDP,
    PRIVACY_UNIT_KIND_IDENTIFIER,
    PRIVACY_UNIT_KIND_ROW,
    Population,
)
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR
from sfumato_accountant.catalog.succession import Part, Plan
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import GetReservationRequest
from tests.contract.ledger_scene import (
    ADMINISTRATOR,
    CUSTODIAN,
    STORES,
    WORKER,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)
from tests.contract.succession_scene import (
    ADA,
    ARCTIC,
    BOB,
    DATASET,
    KEEPER,
    POLES,
    POPULATION,
    SEALS,
    add_dataset,
    budgets,
    dataset_of,
    freeze,
    grant,
    merge,
    merging,
    population_of,
    settle_arctic,
    split,
    splitting,
)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await settle_arctic(scene)
        for population in (POPULATION, ARCTIC):
            await grant(scene.first, population, 1000)
            await grant(scene.first, population, 100, analyst="users/ada")
        yield scene


def of_seals(plan: int, picos: int, **fields: Any) -> pb.ReserveQueryRequest:
    request: pb.ReserveQueryRequest = question(plan, picos, datasets=[SEALS], **fields)
    return request


async def test_a_merge_carries_heads_and_sums_and_gives_no_limit(scene: Scene) -> None:
    await scene.reserve(question(1, 30), ADA)
    await scene.reserve(of_seals(2, 20), ADA)
    before = {name: (await scene.replicas[0].accountant._chains.chain(name).refresh()) for name in (POPULATION, ARCTIC)}
    merged = await merge(scene.first, merging())
    assert (merged.name, merged.unit, merged.accounting) == (POLES, PRIVACY_UNIT_KIND_ROW, ACCOUNTING_ZCDP)
    assert merged.state == Population.STATE_ACTIVE
    with calling_as(KEEPER):
        entries = await scene.replicas[1].ledger.ListLedgerEntries(ledger_pb.ListLedgerEntriesRequest(parent=POLES))
    genesis = entries.ledger_entries[0].records[0].event.genesis
    assert [each.population for each in genesis.predecessors] == [ARCTIC, POPULATION]
    for head in genesis.predecessors:
        assert before[head.population].contains(head.sequence, head.entry_hash)
        assert before[head.population].closed == (POLES,)
    carried = {each.scope.analyst: each.charge.rho_picos for each in genesis.spent}
    assert carried == {"": 50, "users/ada": 50}
    assert len(entries.ledger_entries) == 1, "no limit is carried"
    await refused("GRANT_MISSING", scene.reserve(question(3, 1), ADA, replica=1))
    await grant(scene.replicas[1], POLES, 55)
    await grant(scene.replicas[1], POLES, 1000, analyst="users/ada")
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(of_seals(4, 6), ADA))
    assert refusal.metadata["scope"] == POLES
    await scene.reserve(of_seals(5, 5), ADA)


async def test_closed_populations_point_to_what_follows_and_take_nothing(scene: Scene) -> None:
    await merge(scene.first, merging())
    closed = await population_of(scene.replicas[1], POPULATION)
    assert (closed.state, list(closed.successors)) == (Population.STATE_CLOSED, [POLES])
    for name in (DATASET, SEALS):
        assert (await dataset_of(scene.replicas[1], name)).population == POLES
        assert (await dataset_of(scene.replicas[1], name)).version == 1, "what is published stays so"
    refusal = await refused("POPULATION_CLOSED", grant(scene.replicas[1], POPULATION, 5))
    assert refusal.metadata["successors"] == POLES
    await refused("POPULATION_CLOSED", freeze(scene.first, ARCTIC))
    await refused("POPULATION_CLOSED", add_dataset(scene, "whales", ARCTIC, replica=1))
    await refused("POPULATION_CLOSED", merge(scene.first, merging(to="others")))
    lending = DelegateBudgetRequest(
        scope=Scope(population=POPULATION, analyst="users/ada"),
        user="users/bob",
        limit=rho(1),
        request_id=str(uuid.uuid4()),
    )
    with calling_as(ADA):  # of whose datasets none is about it any more
        await refused("ACCESS_DENIED", scene.first.budgets.DelegateBudget(lending))
    assert {name for name, _, _ in await budgets(scene.first)} == set(), "closed ones are listed by name alone"
    assert (POPULATION, "", "users/ada") in await budgets(scene.first, POPULATION)


async def test_open_queries_end_in_the_old_chain_and_old_answers_stay(scene: Scene) -> None:
    answered = question(1, 30)
    drawn = await scene.answered(answered, ADA)
    running, given_up = question(2, 10), question(3, 10)
    first, second = await scene.reserve(running, ADA), await scene.reserve(given_up, ADA)
    await merge(scene.first, merging())
    assert await scene.reserve(answered, ADA, replica=1) == drawn
    assert (await scene.reserve(running, ADA)).state == Reservation.STATE_OPEN
    assert await scene.commit(first, replica=1) == pb.CommitQueryResponse.OUTCOME_WON
    await scene.charge(second.claim.query_id, ADA)
    ended = await scene.reserve(running, ADA, replica=1)
    assert (ended.state, ended.claim.population) == (Reservation.STATE_COMMITTED, POPULATION)
    assert ended.receipt.statement.population == POPULATION
    with calling_as(WORKER):
        found = await scene.replicas[1].settler.GetReservation(GetReservationRequest(query_id=drawn.claim.query_id))
    assert found.reservation == drawn
    assert (await budgets(scene.first, POLES)) == {}
    await grant(scene.first, POLES, 1000)
    assert (await budgets(scene.first, POLES))[POLES, "", ""].spent.rho_picos == 50, "terminals move no money"


async def test_a_claim_that_was_never_paid_keeps_binding(scene: Scene) -> None:
    refused_question = question(1, 5000)
    await refused("BUDGET_EXHAUSTED", scene.reserve(refused_question, ADA))
    await merge(scene.first, merging())
    await grant(scene.first, POLES, 10_000)
    await grant(scene.first, POLES, 10_000, analyst="users/ada")
    refusal = await refused("POPULATION_CLOSED", scene.reserve(refused_question, ADA))
    assert "new request_id" in refusal.metadata["hint"]
    again = question(1, 5000, query_id=refused_question.query.query_id)
    await refused("REQUEST_ID_REUSED", scene.reserve(again, ADA))


async def test_what_is_frozen_stays_frozen(scene: Scene) -> None:
    await freeze(scene.first, POPULATION, analyst="users/ada")
    await freeze(scene.first, ARCTIC, dataset=SEALS)
    await merge(scene.first, merging())
    await grant(scene.first, POLES, 1000)
    for analyst in ("users/ada", "users/bob"):
        await grant(scene.first, POLES, 100, analyst=analyst)
    await refused("BUDGET_FROZEN", scene.reserve(question(1, 1), ADA))
    await refused("BUDGET_FROZEN", scene.reserve(of_seals(2, 1), BOB, replica=1))
    await scene.reserve(question(3, 1), BOB)


async def test_a_merge_refills_no_window(scene: Scene) -> None:
    await scene.reserve(question(1, 30), ADA)
    await merge(scene.first, merging())
    window = BudgetWindow(length=Duration(seconds=3600), limit=rho(40))
    await grant(scene.first, POLES, 1000)
    await grant(scene.first, POLES, 1000, analyst="users/ada", window=window)
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, 11), ADA))
    await scene.reserve(question(3, 10), ADA)


async def test_a_split_gives_each_part_the_whole_spend_and_the_limits(scene: Scene) -> None:
    await add_dataset(scene, "gulls", POPULATION)
    window = BudgetWindow(length=Duration(seconds=7200), limit=rho(90))
    await grant(scene.first, POPULATION, 100, analyst="users/ada", window=window)
    await grant(scene.first, POPULATION, 70, dataset=DATASET)
    lending = DelegateBudgetRequest(
        scope=Scope(population=POPULATION, analyst="users/ada"),
        user="users/bob",
        limit=rho(40),
        request_id=str(uuid.uuid4()),
    )
    with calling_as(ADA):
        await scene.first.budgets.DelegateBudget(lending)
    await scene.reserve(question(1, 30), ADA)
    await scene.reserve(question(2, 20), BOB)
    await freeze(scene.first, POPULATION, dataset="datasets/gulls")
    south, air = "populations/south", "populations/air"
    parts = await split(scene.first, splitting({"south": [DATASET], "air": ["datasets/gulls"]}))
    assert [each.name for each in parts] == [south, air]
    found = await budgets(scene.replicas[1])
    for part in (south, air):
        mine = found[part, "", "users/ada"]
        assert (mine.spent.rho_picos, mine.delegated.rho_picos, mine.limit.rho_picos) == (30, 40, 100)
        assert mine.grant.window == window
        assert mine.window_spent.rho_picos == 50
        lent = found[part, "", "users/bob"]
        assert (lent.spent.rho_picos, lent.grant.parent) == (20, f"{part}/grants/analyst-ada")
        assert found[part, "", ""].spent.rho_picos == 50
    assert (south, DATASET, "") in found
    assert (air, DATASET, "") not in found, "a limit of a dataset goes where the dataset goes"
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(3, 21), ADA))
    assert refusal.metadata["scope"] == f"{DATASET} on {south}"
    await scene.reserve(question(4, 20), ADA)
    await refused("BUDGET_FROZEN", scene.reserve(question(5, 1, datasets=["datasets/gulls"]), ADA))


@pytest.mark.parametrize(
    "parts",
    [
        {"one": [DATASET], "two": []},
        {"one": [DATASET, "datasets/gulls"], "two": [DATASET]},
        {"one": [DATASET], "two": ["datasets/gulls", SEALS]},
    ],
    ids=["one is missing", "one is twice", "one is another's"],
)
async def test_a_split_takes_each_dataset_once(scene: Scene, parts: dict[str, list[str]]) -> None:
    await add_dataset(scene, "gulls", POPULATION)
    await refused("REQUEST_INVALID", split(scene.first, splitting(parts)))
    await scene.reserve(question(1, 1), ADA)  # nothing has changed
    await add_dataset(scene, "whales", POPULATION)


async def test_a_split_with_other_parts_is_not_the_one_that_was_made(scene: Scene) -> None:
    await add_dataset(scene, "gulls", POPULATION)
    gulls = "datasets/gulls"
    made = await split(scene.first, splitting({"south": [DATASET], "air": [gulls]}))
    assert await split(scene.replicas[1], splitting({"south": [DATASET], "air": [gulls]})) == made
    await refused("POPULATION_CLOSED", split(scene.replicas[1], splitting({"south": [gulls], "air": [DATASET]})))
    await refused("POPULATION_CLOSED", split(scene.replicas[1], splitting({"south": [DATASET, gulls], "air": []})))
    assert (await dataset_of(scene.first, gulls)).population == "populations/air"


async def test_what_cannot_be_merged(scene: Scene) -> None:
    channel = scene.first.channel
    others = {
        "tagged": Population(unit=PRIVACY_UNIT_KIND_IDENTIFIER, identifier_space="tag"),
        "summed": Population(unit=PRIVACY_UNIT_KIND_ROW, accounting=ACCOUNTING_BASIC),
    }
    with calling_as(ADMINISTRATOR):
        for name, record in others.items():
            await PopulationAdminServiceStub(channel).CreatePopulation(
                population_pb.CreatePopulationRequest(population_id=name, population=record)
            )
    await refused("UNIT_MISMATCH", merge(scene.first, merging([POPULATION, "populations/tagged"])))
    await refused("ACCOUNTING_MISMATCH", merge(scene.first, merging([POPULATION, "populations/summed"])))
    await refused("RESOURCE_EXISTS", merge(scene.first, merging(to="summed")))
    await refused("RESOURCE_EXISTS", merge(scene.first, merging(to="palmer")))
    await refused("ACCESS_DENIED", merge(scene.first, merging([POPULATION, "populations/nowhere"])))
    only_here = Caller("gateway", "users/root", roles=((ROLE_ADMINISTRATOR, POPULATION),))
    for caller in (CUSTODIAN, ADA, only_here):
        await refused("ACCESS_DENIED", merge(scene.first, merging(), caller))
        await refused("ACCESS_DENIED", split(scene.first, splitting({"a": [DATASET], "b": []}), caller))
    await scene.reserve(question(1, 1), ADA)  # nothing has changed


async def test_the_same_request_is_one_act_on_any_replica(scene: Scene) -> None:
    request = merging()
    first, second = await asyncio.gather(*(merge(replica, request) for replica in scene.replicas))
    assert first == second
    assert await merge(scene.first, request) == first
    other = merging()
    other.request_id = request.request_id
    other.population_id = "another"
    await refused("REQUEST_ID_REUSED", merge(scene.first, other))


async def test_of_two_merges_that_share_a_source_one_is_refused(scene: Scene) -> None:
    with calling_as(ADMINISTRATOR):
        await PopulationAdminServiceStub(scene.first.channel).CreatePopulation(
            population_pb.CreatePopulationRequest(
                population_id="third", population=Population(unit=PRIVACY_UNIT_KIND_ROW)
            )
        )
    outcomes = await asyncio.gather(
        merge(scene.replicas[0], merging([POPULATION, ARCTIC], "left")),
        merge(scene.replicas[1], merging([ARCTIC, "populations/third"], "right")),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Population) for each in outcomes) == 1
    won = next(each for each in outcomes if isinstance(each, Population))
    assert list((await population_of(scene.first, ARCTIC)).successors) == [won.name]
    loser = POPULATION if won.name == "populations/right" else "populations/third"
    assert (await population_of(scene.first, loser)).state == Population.STATE_ACTIVE


async def test_a_source_that_is_deleted_meanwhile_changes_nothing(scene: Scene) -> None:
    await scene.reserve(question(1, 30), ADA)
    channel, plans = scene.first.channel, scene.first.accountant.catalog.plans
    with calling_as(ADMINISTRATOR):
        for name in ("empty", "hollow"):
            await PopulationAdminServiceStub(channel).CreatePopulation(
                population_pb.CreatePopulationRequest(
                    population_id=name, population=Population(unit=PRIVACY_UNIT_KIND_ROW)
                )
            )
    sources = ("populations/empty", "populations/hollow")
    assert await plans.propose(Plan(sources, (Part(POLES, None),), "users/root", "both are empty", "ab" * 16))
    running = await plans.running()
    assert running is not None
    assert await plans.decide(running)
    with calling_as(ADMINISTRATOR):
        for name in sources:
            await PopulationAdminServiceStub(channel).DeletePopulation(population_pb.DeletePopulationRequest(name=name))
    await merge(scene.replicas[1], merging(to="others"))  # finishes that one first
    assert (await population_of(scene.first, POLES)).unit == PRIVACY_UNIT_KIND_ROW


async def test_payments_beside_a_merge_are_counted_or_refused(scene: Scene) -> None:
    asking = [scene.reserve(question(plan, 1), ADA, replica=plan % 2) for plan in range(20)]
    outcomes = await asyncio.gather(
        *asking[:10], merge(scene.replicas[1], merging()), *asking[10:], return_exceptions=True
    )
    paid = [each for each in outcomes if isinstance(each, Reservation)]
    await grant(scene.first, POLES, 1000)
    spent = (await budgets(scene.first, POLES))[POLES, "", ""].spent.rho_picos
    assert spent == sum(each.claim.population == POPULATION for each in paid)


async def test_a_plan_that_was_left_behind_is_finished_or_withdrawn_by_the_next(scene: Scene) -> None:
    plans = scene.first.accountant.catalog.plans
    sound = Plan((ARCTIC, POPULATION), (Part(POLES, None),), "users/root", "the same animals", "ab" * 16)
    assert await plans.propose(sound)
    await refused("POPULATION_CLOSED", add_dataset(scene, "whales", ARCTIC))
    await refused("POPULATION_CLOSED", split(scene.replicas[1], splitting({"a": [DATASET], "b": []})))
    assert (await population_of(scene.replicas[1], POLES)).state == Population.STATE_ACTIVE
    broken = Plan((POLES,), (Part(ARCTIC, (DATASET, SEALS)),), "users/root", "the name is taken", "cd" * 16)
    assert await plans.propose(broken)
    parts = population_pb.SplitPopulationRequest(
        source=POLES,
        parts=[
            population_pb.SplitPart(population_id="south", datasets=[DATASET]),
            population_pb.SplitPart(population_id="north", datasets=[SEALS]),
        ],
        justification="after all they are others",
        request_id=str(uuid.uuid4()),
    )
    assert [each.name for each in await split(scene.replicas[1], parts)] == ["populations/south", "populations/north"]
