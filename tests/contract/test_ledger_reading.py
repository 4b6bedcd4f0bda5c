"""What is read of the ledger, on every store: reservations, history, chains, receipts, budgets, grants."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfumato.v1 import budget_admin_service_pb2 as budget_admin_pb
from sfumato.v1 import budget_service_pb2 as budget_pb
from sfumato.v1 import ledger_service_pb2 as ledger_pb
from sfumato.v1.ledger_pb2 import LedgerEntry
from sfumato.v1.query_pb2 import Query
from sfumato.v1.scope_pb2 import Scope
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.digests import canonical_json, sha256
from sfumato_mesh.v1 import reservation_service_pb2 as pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    AUDITOR,
    BOB,
    CUSTODIAN,
    DATASET,
    EVE,
    POPULATION,
    PROJECT,
    STORES,
    WORKER,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        await scene.grant(rho(1000))
        await scene.grant(rho(100), analyst="users/ada")
        await scene.grant(rho(100), analyst="users/bob")
        yield scene


async def reservation(scene: Scene, query_id: str, caller: Caller) -> Reservation:
    with calling_as(caller):
        request = pb.GetReservationRequest(query_id=query_id)
        response: pb.GetReservationResponse = await scene.first.reservations.GetReservation(request)
    return response.reservation


async def history(scene: Scene, caller: Caller, **conditions: Any) -> list[str]:
    with calling_as(caller):
        response = await scene.first.reservations.ListReservations(pb.ListReservationsRequest(**conditions))
    return [each.claim.query_id for each in response.reservations]


async def entries(scene: Scene, caller: Caller, **fields: Any) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    token = ""
    while True:
        request = ledger_pb.ListLedgerEntriesRequest(parent=POPULATION, page_token=token, page_size=3, **fields)
        with calling_as(caller):
            page = await scene.first.ledger.ListLedgerEntries(request)
        found += page.ledger_entries
        token = page.next_page_token
        if not token:
            return found


async def test_an_answer_comes_with_what_is_left(scene: Scene) -> None:
    """In the scopes that paid, as BudgetService tells it; for its analyst alone, and not before there is an answer."""
    asked = question(1, 30)
    with calling_as(ADA):
        reserved = await scene.first.gateway.ReserveQuery(asked)
        paid = reserved.reservation
        assert not reserved.left
        request = pb.GetReservationRequest(query_id=paid.claim.query_id, with_left=True)
        assert not (await scene.first.reservations.GetReservation(request)).left
        watch = scene.first.reservations.WatchReservation(
            pb.WatchReservationRequest(query_id=paid.claim.query_id, known_open=True)
        )
    ended = asyncio.ensure_future(watch.read())
    await scene.commit(paid)
    watched: pb.WatchReservationResponse = await asyncio.wait_for(ended, 10)
    assert watched.reservation.state == Reservation.STATE_COMMITTED
    with calling_as(ADA):
        told = await scene.first.reservations.GetReservation(request)
        again = await scene.first.gateway.ReserveQuery(asked)
        budgets = await scene.first.budgets.ListBudgets(budget_pb.ListBudgetsRequest(dataset=DATASET))
    expected = {each.scope.SerializeToString(): (each.limit, each.remaining) for each in budgets.budgets}
    for left in (watched.left, told.left, again.left):
        assert {each.scope.SerializeToString(): (each.limit, each.remaining) for each in left} == expected
        assert [each.charge.rho_picos for each in left] == [30, 30]
    request.with_left = False
    with calling_as(ADA):
        assert not (await scene.first.reservations.GetReservation(request)).left
    request.with_left = True
    with calling_as(CUSTODIAN):
        assert not (await scene.first.reservations.GetReservation(request)).left


async def test_who_sees_a_reservation_and_how_much(scene: Scene) -> None:
    paid = await scene.answered(question(1))
    query_id = paid.claim.query_id
    assert await reservation(scene, query_id, ADA) == paid
    for caller in (CUSTODIAN, AUDITOR, ADMINISTRATOR):
        seen = await reservation(scene, query_id, caller)
        assert (seen.state, seen.attempt, seen.release_digest) == (Reservation.STATE_COMMITTED, "", b"")
    foreign = await refused("ACCESS_DENIED", reservation(scene, query_id, BOB))
    unknown = await refused("ACCESS_DENIED", reservation(scene, str(uuid.uuid4()), BOB))
    assert foreign.message.partition(" ")[2] == unknown.message.partition(" ")[2]
    with calling_as(WORKER):
        request = pb.GetReservationRequest(query_id=str(uuid.uuid4()))
        await refused("RESERVATION_UNKNOWN", scene.first.settler.GetReservation(request))


async def test_a_claim_alone_is_no_reservation(scene: Scene) -> None:
    asked = question(picos=101)
    await refused("BUDGET_EXHAUSTED", scene.reserve(asked))
    await refused("ACCESS_DENIED", reservation(scene, asked.query.query_id, ADA))


async def test_cancelling_is_told_to_the_canceller_only(scene: Scene) -> None:
    paid = await scene.reserve(question(1))
    query_id = paid.claim.query_id
    await scene.charge(query_id, ADA)
    assert (await reservation(scene, query_id, ADA)).cancelled
    seen = await reservation(scene, query_id, CUSTODIAN)
    assert (seen.state, seen.cancelled) == (Reservation.STATE_CHARGED, False)
    assert await history(scene, ADA, states=[Query.STATE_CANCELLED]) == [query_id]
    assert await history(scene, ADA, states=[Query.STATE_FAILED]) == []
    assert await history(scene, CUSTODIAN, states=[Query.STATE_FAILED]) == [query_id]


@pytest.mark.parametrize("committing", [0, 1])
async def test_a_watch_wakes_when_the_terminal_is_there(scene: Scene, committing: int) -> None:
    paid = await scene.reserve(question(1))
    with calling_as(ADA):
        watching = scene.first.reservations.WatchReservation(
            pb.WatchReservationRequest(query_id=paid.claim.query_id), timeout=10
        )
        seen = aiter(watching)
        assert (await anext(seen)).reservation.state == Reservation.STATE_OPEN
        await scene.commit(paid, replica=committing)
        started = time.perf_counter()
        done = (await anext(seen)).reservation
        waited = time.perf_counter() - started
        assert (done.state, bool(done.receipt.signed_statement)) == (Reservation.STATE_COMMITTED, True)
        assert waited < 2.0
        with pytest.raises(StopAsyncIteration):
            await anext(seen)


async def test_open_reservations_are_listed_oldest_first(scene: Scene) -> None:
    ids = []
    for n in range(5):
        ids.append((await scene.reserve(question(n))).claim.query_id)
        scene.clock.advance(1)
    await scene.charge(ids[2], ADA)

    async def page(**fields: Any) -> tuple[list[str], str]:
        with calling_as(WORKER):
            response = await scene.first.settler.ListOpenReservations(pb.ListOpenReservationsRequest(**fields))
        return [each.claim.query_id for each in response.reservations], response.next_page_token

    expected = [ids[0], ids[1], ids[3], ids[4]]
    assert await page() == (expected, "")
    first, token = await page(page_size=3)
    assert first == expected[:3]
    assert await page(page_size=3, page_token=token) == (expected[3:], "")
    before = pb.ListOpenReservationsRequest()
    before.create_before_time.FromDatetime(scene.clock.at)
    before.create_before_time.seconds -= 2
    assert (await page(create_before_time=before.create_before_time))[0] == expected[:2]
    with calling_as(WORKER):
        await refused(
            "PAGE_TOKEN_INVALID",
            scene.first.settler.ListOpenReservations(
                pb.ListOpenReservationsRequest(page_token=token, create_before_time=before.create_before_time)
            ),
        )


async def test_history_is_newest_first_and_by_conditions(scene: Scene) -> None:
    await scene.grant(rho(100), project=PROJECT)
    asked = [
        (question(1, labels={"a": "1"}), ADA),
        (question(2), BOB),
        (question(3, project=PROJECT, labels={"a": "1", "b": "2"}), ADA),
        (question(4), ADA),
    ]
    ids = []
    for each, caller in asked:
        scene.clock.advance(1)
        ids.append((await scene.reserve(each, caller)).claim.query_id)
    one, bobs, three, four = ids
    assert await history(scene, ADA) == [four, three, one]
    assert await history(scene, CUSTODIAN) == [four, three, bobs, one]
    assert await history(scene, EVE) == []
    assert await history(scene, CUSTODIAN, analyst="users/bob") == [bobs]
    assert await history(scene, ADA, project=PROJECT) == [three]
    assert await history(scene, ADA, dataset=DATASET, labels={"a": "1"}) == [three, one]
    assert await history(scene, ADA, dataset="datasets/other") == []
    with calling_as(ADA):
        first = await scene.first.reservations.ListReservations(pb.ListReservationsRequest(page_size=2))
        second = await scene.first.reservations.ListReservations(
            pb.ListReservationsRequest(page_size=2, page_token=first.next_page_token)
        )
    assert [each.claim.query_id for each in (*first.reservations, *second.reservations)] == [four, three, one]
    assert second.next_page_token == ""
    with calling_as(BOB):
        request = pb.ListReservationsRequest(page_size=2, page_token=first.next_page_token)
        await refused("PAGE_TOKEN_INVALID", scene.first.reservations.ListReservations(request))


async def test_a_chain_is_verified_from_its_texts(scene: Scene) -> None:
    await scene.answered(question(1))
    await scene.reserve(question(1))
    await scene.charge((await scene.reserve(question(2))).claim.query_id, ADA)
    await scene.freeze()
    with calling_as(ADA):
        head = await scene.first.ledger.GetLedgerHead(ledger_pb.GetLedgerHeadRequest(population=POPULATION))
    (key,) = head.keys
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    assert key.key_id == sha256(key.public_key).hex()[:16]
    previous = bytes(32)
    chain = await entries(scene, CUSTODIAN)
    for sequence, entry in enumerate(chain):
        assert (entry.sequence, entry.previous_hash) == (sequence, previous)
        for record in entry.records:
            assert sha256(record.payload.encode()) == record.digest
            assert canonical_json(json.loads(record.payload)) == record.payload.encode()
            assert len(record.event.salt) == 16
        fields = {
            "at": entry.time.ToJsonString(),
            "population": POPULATION,
            "prev_hash": previous.hex(),
            "records": [record.digest.hex() for record in entry.records],
            "seq": str(sequence),
        }
        previous = sha256(canonical_json(fields))
        assert entry.entry_hash == previous
        signed = canonical_json({"hash": previous.hex(), "population": POPULATION, "seq": str(sequence)})
        public.verify(entry.signature.ed25519, b"sfumato.v1.LedgerHead\n" + signed)
    assert (head.head.sequence, head.head.entry_hash) == (chain[-1].sequence, previous)
    assert head.head.signature == chain[-1].signature
    kinds = [record.event.WhichOneof("kind") for entry in chain for record in entry.records]
    assert kinds == ["genesis", *["granted"] * 3, "reserved", "committed", "shared", "reserved", "charged", "frozen"]
    texts = [record.payload for entry in chain for record in entry.records]
    assert not any('"n1"' in text for text in texts)  # no part of a question


async def test_an_analyst_sees_own_events_and_digests_of_the_rest(scene: Scene) -> None:
    await scene.answered(question(1))
    await scene.answered(question(2), BOB)
    whole, own = await entries(scene, AUDITOR), await entries(scene, ADA)
    assert [each.entry_hash for each in own] == [each.entry_hash for each in whole]
    shown = [record.event.WhichOneof("kind") for entry in own for record in entry.records if record.payload]
    assert shown == ["genesis", "reserved", "committed"]
    assert all(len(record.digest) == 32 for entry in own for record in entry.records)
    assert [each.sequence for each in await entries(scene, ADA, start_sequence=4)] == list(range(4, len(whole)))
    await refused("ACCESS_DENIED", entries(scene, EVE))
    with calling_as(EVE):
        request = ledger_pb.GetLedgerHeadRequest(population=POPULATION)
        foreign = await refused("ACCESS_DENIED", scene.first.ledger.GetLedgerHead(request))
        request = ledger_pb.GetLedgerHeadRequest(population="populations/none")
        unknown = await refused("ACCESS_DENIED", scene.first.ledger.GetLedgerHead(request))
    assert foreign.message.partition(" ")[2] == unknown.message.partition(" ")[2]


async def test_a_receipt_is_signed_and_the_same_from_every_replica(scene: Scene) -> None:
    asked = question(1, picos=10)
    paid = await scene.answered(asked)
    again = await scene.reserve(asked, replica=1)
    assert again.receipt == paid.receipt
    with calling_as(ADA):
        keys = (await scene.first.ledger.GetLedgerHead(ledger_pb.GetLedgerHeadRequest(population=POPULATION))).keys
    public = Ed25519PublicKey.from_public_bytes(keys[0].public_key)
    text = paid.receipt.signed_statement
    public.verify(paid.receipt.signature.ed25519, b"sfumato.v1.Receipt\n" + text.encode())
    statement = json.loads(text)
    assert canonical_json(statement) == text.encode()
    (entry,) = await entries(scene, ADA, start_sequence=paid.terminal_sequence)
    assert paid.receipt.statement.entry_hash == entry.entry_hash
    assert statement["query"] == f"queries/{paid.claim.query_id}"
    assert statement["assurance"] == "ASSURANCE_HARDENED"
    assert statement["charge"] == {"rho_picos": "10"}
    assert [each["alias"] for each in statement["measures"]] == ["n"]
    assert paid.receipt.statement.claim_digest == sha256(paid.claim.SerializeToString(deterministic=True))


async def budgets(scene: Scene, caller: Caller, **fields: Any) -> dict[str, budget_pb.Budget]:
    with calling_as(caller):
        response = await scene.first.budgets.ListBudgets(budget_pb.ListBudgetsRequest(**fields))
    return {each.grant.name.rpartition("/")[2]: each for each in response.budgets}


async def test_budgets_show_what_the_caller_may_spend_from(scene: Scene) -> None:
    await scene.grant(rho(50), project=PROJECT)
    await scene.grant(rho(40), dataset=DATASET)
    await scene.reserve(question(1, picos=30, project=PROJECT))
    seen = await budgets(scene, ADA)
    assert list(seen) == ["population", "analyst-ada", "project-ice", "dataset-penguins"]
    assert {name: each.remaining.rho_picos for name, each in seen.items()} == {
        "population": 970,
        "analyst-ada": 70,
        "project-ice": 20,
        "dataset-penguins": 10,
    }
    assert seen["population"].spent_epsilon_picos > 0
    assert list(await budgets(scene, BOB)) == ["population", "analyst-bob", "dataset-penguins"]
    assert list(await budgets(scene, BOB, dataset=DATASET)) == ["population", "analyst-bob", "dataset-penguins"]
    assert await budgets(scene, EVE) == {}
    assert len(await budgets(scene, CUSTODIAN)) == 5
    assert len(await budgets(scene, AUDITOR, population=POPULATION)) == 5
    with calling_as(EVE):
        request = budget_pb.ListBudgetsRequest(dataset=DATASET)
        await refused("ACCESS_DENIED", scene.first.budgets.ListBudgets(request))
    with calling_as(CUSTODIAN):
        page = await scene.first.budgets.ListBudgets(budget_pb.ListBudgetsRequest(page_size=3))
        request = budget_pb.ListBudgetsRequest(page_size=3, page_token=page.next_page_token)
        rest = await scene.first.budgets.ListBudgets(request)
    assert (len(page.budgets), len(rest.budgets), rest.next_page_token) == (3, 2, "")


async def test_a_grant_is_one_act_for_each_request_id(scene: Scene) -> None:
    length = len(await entries(scene, CUSTODIAN))
    request_id = str(uuid.uuid4())
    first = await scene.grant(rho(7), project=PROJECT, request_id=request_id)
    assert not first.HasField("before")
    assert (first.after.limit.rho_picos, first.grant.name) == (7, f"{POPULATION}/grants/project-ice")
    second = await scene.grant(rho(9), project=PROJECT, etag=first.grant.etag)
    assert (second.before.limit.rho_picos, second.after.limit.rho_picos) == (7, 9)
    assert await scene.grant(rho(7), project=PROJECT, request_id=request_id) == first
    await refused("REQUEST_ID_REUSED", scene.grant(rho(8), project=PROJECT, request_id=request_id))
    await refused("ETAG_MISMATCH", scene.grant(rho(5), project=PROJECT, etag=first.grant.etag))
    same = await scene.grant(rho(9), project=PROJECT)
    assert same.grant == second.grant
    tried = await scene.grant(rho(1), project=PROJECT, validate_only=True)
    assert (tried.before.limit.rho_picos, tried.after.limit.rho_picos) == (9, 1)
    assert len(await entries(scene, CUSTODIAN)) == length + 2
    simultaneous = str(uuid.uuid4())
    both = await asyncio.gather(*(scene.grant(rho(3), project=PROJECT, request_id=simultaneous) for _ in range(4)))
    assert len({each.grant.sequence for each in both}) == 1
    assert len(await entries(scene, CUSTODIAN)) == length + 3


async def test_who_may_grant_and_to_what(scene: Scene) -> None:
    request = budget_admin_pb.GrantBudgetRequest(
        scope=Scope(population=POPULATION, analyst="users/ada"),
        limit=rho(10**6),
        justification="I need it very much",
        request_id=str(uuid.uuid4()),
    )
    for caller in (ADA, AUDITOR, EVE):
        with calling_as(caller):
            await refused("ACCESS_DENIED", scene.first.budget_admin.GrantBudget(request))
    for field, parts in (
        ("scope.dataset", {"dataset": "datasets/none"}),
        ("scope.project", {"project": "projects/none"}),
        ("scope.analyst", {"analyst": "users/none"}),
    ):
        refusal = await refused("REQUEST_INVALID", scene.grant(rho(1), **parts))
        assert [each.field for each in refusal.fields] == [field]
    refusal = await refused("REQUEST_INVALID", scene.grant(rho(1), justification="short"))
    assert [each.field for each in refusal.fields] == ["justification"]


async def test_grants_are_listed_and_frozen_ones_marked(scene: Scene) -> None:
    before = (await scene.grant(rho(100), analyst="users/ada")).grant
    frozen = await scene.freeze(analyst="users/ada")
    assert (frozen.budget.frozen, frozen.budget.grant.frozen) == (True, True)
    with calling_as(CUSTODIAN):
        admin = scene.first.budget_admin
        listed = (await admin.ListGrants(budget_admin_pb.ListGrantsRequest(parent=POPULATION))).grants
        assert [each.name.rpartition("/")[2] for each in listed] == ["analyst-ada", "analyst-bob", "population"]
        assert [each.frozen for each in listed] == [True, False, False]
        everywhere = (await admin.ListGrants(budget_admin_pb.ListGrantsRequest(parent="populations/-"))).grants
        assert list(everywhere) == list(listed)
        one = (await admin.GetGrant(budget_admin_pb.GetGrantRequest(name=listed[0].name))).grant
        assert one == listed[0]
        missing = budget_admin_pb.GetGrantRequest(name=f"{POPULATION}/grants/analyst-zoe")
        await refused("ACCESS_DENIED", admin.GetGrant(missing))
    with calling_as(ADA):
        await refused("ACCESS_DENIED", admin.ListGrants(budget_admin_pb.ListGrantsRequest(parent=POPULATION)))
    thawed = await scene.freeze(frozen=False, analyst="users/ada")
    assert not thawed.budget.frozen
    assert len({each.etag for each in (before, frozen.budget.grant, thawed.budget.grant)}) == 3
