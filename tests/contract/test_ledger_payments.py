"""Paying and settling queries, on every store: the protocol of one query as its callers see it."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.query_pb2 import Query
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1 import reservation_service_pb2 as reservation_pb
from sfumato_mesh.v1.reservation_pb2 import Claim, Reservation
from tests.contract.ledger_scene import (
    ADA,
    BOB,
    CUSTODIAN,
    DATASET,
    EVE,
    POPULATION,
    PROJECT,
    STORES,
    WORKER,
    Scene,
    epsilon,
    opened_scene,
    question,
    refused,
    rho,
)

WON, LOST = pb.CommitQueryResponse.OUTCOME_WON, pb.CommitQueryResponse.OUTCOME_LOST


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        yield scene


async def granted(scene: Scene, population: int = 1000, ada: int = 100) -> Scene:
    await scene.grant(rho(population))
    await scene.grant(rho(ada), analyst="users/ada")
    return scene


async def test_a_query_is_paid_in_every_scope_and_answered_once(scene: Scene) -> None:
    await granted(scene)
    asked = question(picos=30, labels={"run": "1"})
    paid = await scene.reserve(asked)
    assert paid.state == Reservation.STATE_OPEN
    assert [(each.scope.analyst, each.charge.rho_picos) for each in paid.scopes] == [("", 30), ("users/ada", 30)]
    assert paid.give_up_time.seconds - paid.create_time.seconds == 60
    assert dict(paid.claim.labels) == {"run": "1"}
    attempts = [str(uuid.uuid4()) for _ in range(4)]
    outcomes = await asyncio.gather(*(scene.commit(paid, each, replica=n % 2) for n, each in enumerate(attempts)))
    assert Counter(outcomes) == {WON: 1, LOST: 3}
    winner = attempts[outcomes.index(WON)]
    for replica in (0, 1):
        assert await scene.commit(paid, winner, replica=replica) == WON
        done = await scene.reserve(asked, replica=replica)
        assert (done.state, done.attempt, done.release_digest) == (Reservation.STATE_COMMITTED, winner, b"d" * 32)
        assert done.origin == Query.ORIGIN_DRAWN
        assert done.receipt.statement.sequence == done.terminal_sequence > done.reserved_sequence
    assert await scene.commit(paid, winner, digest=b"x" * 32) == LOST


async def test_a_request_id_is_bound_to_its_body_and_caller(scene: Scene) -> None:
    await granted(scene)
    asked = question()
    paid = await scene.reserve(asked)
    assert await scene.reserve(asked, replica=1) == paid
    other = pb.ReserveQueryRequest()
    other.CopyFrom(asked)
    other.body_digest = b"o" * 32
    await refused("REQUEST_ID_REUSED", scene.reserve(other))
    await scene.grant(rho(100), analyst="users/bob")
    await refused("REQUEST_ID_REUSED", scene.reserve(asked, BOB))


async def test_a_replay_does_not_depend_on_what_is_so_now(scene: Scene) -> None:
    await granted(scene)
    asked = question()
    paid = await scene.reserve(asked)
    await scene.publish()
    await scene.policy(Policy(max_charge=rho(1)))
    await scene.grant(rho(0), analyst="users/ada")
    await scene.freeze()
    without_access = Caller("gateway", "users/ada")
    for caller in (ADA, without_access):
        assert await scene.reserve(asked, caller) == paid
    await refused("ACCESS_DENIED", scene.reserve(question(), without_access))


async def test_a_refused_reserve_leaves_the_body_free_to_try_again(scene: Scene) -> None:
    await granted(scene, ada=5)
    asked = question(picos=10)
    await refused("BUDGET_EXHAUSTED", scene.reserve(asked))
    await scene.grant(rho(10), analyst="users/ada")
    await scene.publish()
    again = pb.ReserveQueryRequest()
    again.CopyFrom(asked)
    again.query.versions[:] = [2]
    again.query.plan_digest = b"another compilation of the plan "
    paid = await scene.reserve(again)
    assert paid.state == Reservation.STATE_OPEN
    assert paid.claim.plan_digest == again.query.plan_digest
    assert [each.version for each in paid.data_versions] == [2]
    third = await scene.open()  # folds from the store alone
    with calling_as(WORKER):
        request = reservation_pb.GetReservationRequest(query_id=asked.query.query_id)
        assert (await third.settler.GetReservation(request)).reservation == paid


async def test_checks_before_anything_is_written(scene: Scene) -> None:
    await granted(scene)
    await refused("ACCESS_DENIED", scene.reserve(question(), EVE))
    unknown = await refused("ACCESS_DENIED", scene.reserve(question(datasets=["datasets/none"])))
    assert unknown.metadata["resource"] == "datasets/none"
    await refused("ACCESS_DENIED", scene.reserve(question(project=PROJECT), BOB))
    await refused("DATASET_VERSION_CHANGED", scene.reserve(question(version=2)))
    await refused("REQUEST_INVALID", scene.reserve(question(versions=[1, 1])))
    await refused("REQUEST_INVALID", scene.reserve(question(charge=Charge())))
    above = await refused("PRICE_ABOVE_LIMIT", scene.reserve(question(picos=30, limit=rho(29))))
    assert (above.metadata["price_rho_picos"], above.metadata["limit_rho_picos"]) == ("30", "29")
    await refused("PRICE_ABOVE_LIMIT", scene.reserve(question(charge=Charge(rho_picos=3, delta_attos=1), limit=rho(9))))
    await scene.policy(Policy(max_charge=rho(20)))
    above = await refused("PRICE_ABOVE_POLICY", scene.reserve(question(picos=21)))
    assert (above.metadata["dataset"], above.metadata["max_rho_picos"]) == (DATASET, "20")
    assert (await scene.reserve(question(picos=20, limit=rho(20)))).state == Reservation.STATE_OPEN
    with calling_as(CUSTODIAN):
        listed = await scene.first.reservations.ListReservations(reservation_pb.ListReservationsRequest())
    assert len(listed.reservations) == 1


async def test_a_missing_grant_is_named(scene: Scene) -> None:
    await scene.grant(rho(10), analyst="users/ada")
    refusal = await refused("GRANT_MISSING", scene.reserve(question()))
    assert refusal.metadata["population"] == POPULATION
    await scene.grant(rho(10))
    await refused("GRANT_MISSING", scene.reserve(question(), BOB))
    await refused("GRANT_MISSING", scene.reserve(question(project=""), BOB))
    await scene.grant(rho(10), project=PROJECT)
    paid = await scene.reserve(question(picos=4, project=PROJECT))
    assert [(each.scope.project, each.scope.analyst) for each in paid.scopes] == [
        ("", ""),
        ("", "users/ada"),
        (PROJECT, ""),
    ]


async def test_an_exhausted_scope_is_named_with_what_would_pass(scene: Scene) -> None:
    await granted(scene, population=1000, ada=25)
    await scene.reserve(question(1, picos=15))
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, picos=11)))
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.metadata["scope"] == f"users/ada on {POPULATION}"
    assert refusal.metadata["requested_rho_picos"] == "11"
    assert refusal.metadata["remaining_rho_picos"] == refusal.metadata["would_pass"] == "10"
    assert refusal.quota is not None
    assert refusal.quota[0] == refusal.metadata["scope"]
    assert (await scene.reserve(question(2, picos=10))).state == Reservation.STATE_OPEN
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(3, picos=1)))
    assert refusal.metadata["would_pass"] == "0"


async def test_a_limit_in_epsilon_and_delta(scene: Scene) -> None:
    pico = 10**12
    await scene.grant(epsilon(pico, 10**12))
    await scene.grant(rho(10**15, 10**17), analyst="users/ada")
    fits = 24_355_970_426  # largest ρ within (1, 1e-6) by the tight conversion, in picos
    refusal = await refused("BUDGET_EXHAUSTED", scene.reserve(question(1, picos=fits + 200)))
    assert abs(int(refusal.metadata["would_pass"]) - fits) < 100
    spend = int(refusal.metadata["would_pass"])
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(1, picos=spend + 1)))
    await scene.reserve(question(1, picos=spend - 1))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, charge=Charge(rho_picos=1, delta_attos=10**6))))
    assert (await scene.reserve(question(2, picos=1))).state == Reservation.STATE_OPEN


async def test_pure_answers_add_up_in_epsilon_while_nothing_else_was_spent(scene: Scene) -> None:
    pico = 10**12
    await scene.grant(epsilon(pico, 10**12))
    await scene.grant(rho(10**15), analyst="users/ada")
    half = Charge(rho_picos=122_459_331_202, epsilon_picos=pico // 2)  # ε·tanh(ε/2) at ε 0.5: beyond ρ of (1, 1e-6)
    await scene.reserve(question(1, charge=half))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, charge=Charge(rho_picos=1))))
    await scene.reserve(question(3, charge=half))
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(4, charge=Charge(rho_picos=1, epsilon_picos=1))))


async def test_an_equal_question_is_free_and_names_the_first_release(scene: Scene) -> None:
    await granted(scene, ada=25)
    first = await scene.answered(question(1, picos=10))
    unfinished = await scene.reserve(question(2, picos=5))
    await scene.freeze(analyst="users/ada")
    shared = await scene.reserve(question(1, picos=10), replica=1)
    assert (shared.state, shared.origin) == (Reservation.STATE_SHARED, Query.ORIGIN_REPEATED)
    assert not shared.scopes
    assert shared.release_query_id == first.claim.query_id
    assert (shared.attempt, shared.release_digest) == (first.attempt, first.release_digest)
    assert shared.receipt.statement.release_query == f"queries/{first.claim.query_id}"
    assert shared.reserved_sequence == shared.terminal_sequence
    await scene.freeze(frozen=False, analyst="users/ada")
    fresh = await scene.reserve(question(1, picos=10, fresh=True))
    assert fresh.state == Reservation.STATE_OPEN
    assert await scene.commit(fresh) == WON
    again = await scene.reserve(question(1, picos=10))
    assert again.release_query_id == first.claim.query_id
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, picos=5)))  # its equal is not answered yet
    assert unfinished.state == Reservation.STATE_OPEN


async def test_an_equal_question_of_another_analyst_or_version_is_a_new_one(scene: Scene) -> None:
    await granted(scene)
    await scene.grant(rho(100), analyst="users/bob")
    await scene.answered(question(1))
    assert (await scene.reserve(question(1), BOB)).state == Reservation.STATE_OPEN
    await scene.publish()
    assert (await scene.reserve(question(1, version=2))).state == Reservation.STATE_OPEN


async def test_a_scope_that_has_not_paid_for_a_release_pays_it_in_full(scene: Scene) -> None:
    await granted(scene)
    await scene.grant(rho(15), project=PROJECT)
    await scene.answered(question(1, picos=10))
    await scene.freeze(project=PROJECT)
    await refused("BUDGET_FROZEN", scene.reserve(question(1, picos=10, project=PROJECT)))
    assert (await scene.reserve(question(1, picos=10))).state == Reservation.STATE_SHARED
    await scene.freeze(frozen=False, project=PROJECT)
    shared = await scene.reserve(question(1, picos=10, project=PROJECT))
    assert shared.state == Reservation.STATE_SHARED
    assert [(each.scope.project, each.charge.rho_picos) for each in shared.scopes] == [(PROJECT, 10)]
    assert not (await scene.reserve(question(1, picos=10, project=PROJECT))).scopes
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(2, picos=6, project=PROJECT)))


async def test_a_freeze_stops_payments_and_no_terminal(scene: Scene) -> None:
    await granted(scene)
    asked, other = question(1), question(2)
    paid, second = await scene.reserve(asked), await scene.reserve(other)
    await scene.freeze()
    refusal = await refused("BUDGET_FROZEN", scene.reserve(question(3)))
    assert refusal.metadata["scope"] == POPULATION
    assert await scene.commit(paid) == WON
    cancelled = await scene.charge(second.claim.query_id, ADA)
    assert (cancelled.state, cancelled.cancelled) == (Reservation.STATE_CHARGED, True)
    await scene.freeze(frozen=False)
    assert (await scene.reserve(question(3))).state == Reservation.STATE_OPEN


async def test_giving_up_waits_for_its_time_and_ends_late_workers(scene: Scene) -> None:
    await granted(scene)
    paid = await scene.reserve(question())
    query_id = paid.claim.query_id
    await refused("TOO_EARLY", scene.charge(query_id))
    scene.clock.advance(60)
    charged = await scene.charge(query_id)
    assert (charged.state, charged.cancelled) == (Reservation.STATE_CHARGED, False)
    assert await scene.commit(paid) == LOST
    assert await scene.charge(query_id) == charged
    assert await scene.charge(query_id, ADA) == charged
    await refused("RESERVATION_UNKNOWN", scene.charge(str(uuid.uuid4())))
    unknown = await refused("ACCESS_DENIED", scene.charge(str(uuid.uuid4()), ADA))
    foreign = await refused("ACCESS_DENIED", scene.charge(query_id, BOB))
    assert unknown.message.partition(" ")[2] == foreign.message.partition(" ")[2]


async def test_a_commit_of_other_data_or_of_nothing_is_lost(scene: Scene) -> None:
    await granted(scene)
    paid = await scene.reserve(question())
    assert await scene.commit(paid, version=2) == LOST
    await scene.publish()
    assert await scene.commit(paid) == WON  # the version that was reserved, though another is published
    stranger = Reservation(claim=Claim(query_id=str(uuid.uuid4())), data_versions=paid.data_versions)
    await refused("RESERVATION_UNKNOWN", scene.commit(stranger))


async def test_two_hundred_at_once_on_a_limit_for_twenty(scene: Scene) -> None:
    await scene.grant(rho(20 * 7 + 6))
    await scene.grant(rho(10**6), analyst="users/ada")

    async def one(n: int) -> str:
        try:
            return Reservation.State.Name((await scene.reserve(question(n, picos=7), replica=n % 2)).state)
        except grpc.RpcError as error:
            refusal = Refusal.from_rpc_error(error)
            assert refusal is not None
            return refusal.reason

    outcomes = Counter(await asyncio.gather(*(one(n) for n in range(200))))
    assert outcomes == {"STATE_OPEN": 20, "BUDGET_EXHAUSTED": 180}


async def test_a_mark_is_contained_or_closes_the_population(scene: Scene) -> None:
    await granted(scene)
    paid = await scene.answered(question())
    statement = paid.receipt.statement
    mark = LedgerHead(population=POPULATION, sequence=statement.sequence, entry_hash=statement.entry_hash)

    async def contained(head: LedgerHead) -> bool:
        with calling_as(WORKER):
            response: pb.CheckMarkResponse = await scene.first.worker.CheckMark(pb.CheckMarkRequest(mark=head))
        return response.contained

    assert await contained(mark)
    ahead = LedgerHead(population=POPULATION, sequence=statement.sequence + 1, entry_hash=b"?" * 32)
    assert not await contained(ahead)
    await refused("LEDGER_BEHIND", scene.reserve(question(2)))
    assert not await contained(LedgerHead(population=POPULATION, sequence=1, entry_hash=statement.entry_hash))
    assert not await contained(LedgerHead(population="populations/none", sequence=0, entry_hash=b"?" * 32))
    assert await contained(mark)
    assert (await scene.reserve(question(2))).state == Reservation.STATE_OPEN


async def test_a_preview_tells_what_a_payment_would_do(scene: Scene) -> None:
    await granted(scene, ada=25)

    async def preview(asked: pb.ReserveQueryRequest) -> pb.PreviewQueryResponse:
        with calling_as(ADA):
            request = pb.PreviewQueryRequest(query=asked.query)
            response: pb.PreviewQueryResponse = await scene.first.gateway.PreviewQuery(request)
        return response

    asked = question(1, picos=10)
    seen = await preview(asked)
    assert seen.affordable
    assert [(each.scope.analyst, each.remaining.rho_picos, each.remaining_after.rho_picos) for each in seen.scopes] == [
        ("", 1000, 990),
        ("users/ada", 25, 15),
    ]
    first = await scene.answered(asked)
    seen = await preview(question(1, picos=10))
    assert (seen.affordable, seen.release_query_id) == (True, first.claim.query_id)
    assert [each.charge.rho_picos for each in seen.scopes] == [0, 0]
    seen = await preview(question(2, picos=16))
    assert not seen.affordable
    assert [(each.affordable, each.HasField("remaining_after")) for each in seen.scopes] == [
        (True, True),
        (False, False),
    ]
    await scene.freeze()
    assert not (await preview(question(2, picos=5))).affordable
    assert (await preview(question(1, picos=10))).affordable
