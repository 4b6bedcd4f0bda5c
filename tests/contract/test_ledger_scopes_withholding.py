"""Withholding a release, on every store: it can no longer be read or repeated; charge, terminal and receipt stay."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sfumato.v1 import budget_admin_service_pb2 as budget_pb
from sfumato.v1.user_pb2 import ROLE_CUSTODIAN
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import GetReservationRequest
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    AUDITOR,
    CUSTODIAN,
    DATASET,
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
        yield scene


async def withhold(
    scene: Scene, query_id: str, caller: Caller = CUSTODIAN, *, withheld: bool = True, request_id: str = ""
) -> budget_pb.WithholdReleaseResponse:
    request = budget_pb.WithholdReleaseRequest(
        query=f"queries/{query_id}",
        withheld=withheld,
        justification="it names a person",
        request_id=request_id or str(uuid.uuid4()),
    )
    with calling_as(caller):
        response: budget_pb.WithholdReleaseResponse = await scene.first.budget_admin.WithholdRelease(request)
    return response


async def read(scene: Scene, query_id: str, replica: int = 1) -> Reservation:
    with calling_as(WORKER):
        response = await scene.replicas[replica].settler.GetReservation(GetReservationRequest(query_id=query_id))
    reservation: Reservation = response.reservation
    return reservation


async def test_a_withheld_release_says_so_wherever_it_is_shared(scene: Scene) -> None:
    drawn = await scene.answered(question(1, 10))
    repeated = await scene.reserve(question(1, 10))
    first, second = drawn.claim.query_id, repeated.claim.query_id
    told = await withhold(scene, second)
    assert told.sequence > repeated.terminal_sequence
    assert told.population == drawn.claim.population
    for query_id in (first, second):
        found = await read(scene, query_id)
        assert found.withheld
        assert found.receipt == (drawn if query_id == first else repeated).receipt
        assert found.state in (Reservation.STATE_COMMITTED, Reservation.STATE_SHARED)
    assert (await withhold(scene, first, withheld=False)).sequence > told.sequence
    assert not (await read(scene, second)).withheld


async def test_a_withheld_release_answers_no_repeat(scene: Scene) -> None:
    drawn = await scene.answered(question(1, 10))
    await withhold(scene, drawn.claim.query_id)
    again = await scene.reserve(question(1, 10))
    assert again.state == Reservation.STATE_OPEN, "a new release is drawn, and paid"
    await scene.commit(again)
    third = await scene.reserve(question(1, 10))
    assert third.release_query_id == again.claim.query_id


async def test_repeating_it_is_one_act(scene: Scene) -> None:
    drawn = await scene.answered(question(1, 10))
    same = str(uuid.uuid4())
    first = await withhold(scene, drawn.claim.query_id, request_id=same)
    assert await withhold(scene, drawn.claim.query_id, request_id=same) == first
    assert (await withhold(scene, drawn.claim.query_id)).sequence == first.sequence, "it is withheld already"
    await refused("REQUEST_ID_REUSED", withhold(scene, drawn.claim.query_id, withheld=False, request_id=same))
    other = await scene.answered(question(2, 10))
    assert (await withhold(scene, other.claim.query_id, withheld=False)).sequence == 0


async def test_what_has_no_release_cannot_be_withheld(scene: Scene) -> None:
    running = await scene.reserve(question(1, 10))
    await refused("RELEASE_MISSING", withhold(scene, running.claim.query_id))
    await scene.charge(running.claim.query_id, ADA)
    await refused("RELEASE_MISSING", withhold(scene, running.claim.query_id))


async def test_custodians_of_population_or_dataset_and_administrators_decide(scene: Scene) -> None:
    drawn = await scene.answered(question(1, 10))
    of_dataset = Caller("gateway", "users/dora", roles=((ROLE_CUSTODIAN, DATASET),))
    elsewhere = Caller("gateway", "users/dora", roles=((ROLE_CUSTODIAN, "datasets/other"),))
    for caller in (ADA, AUDITOR, elsewhere):
        await refused("ACCESS_DENIED", withhold(scene, drawn.claim.query_id, caller))
    await refused("ACCESS_DENIED", withhold(scene, str(uuid.uuid4())))
    for caller in (of_dataset, ADMINISTRATOR):
        assert (await withhold(scene, drawn.claim.query_id, caller)).sequence
        assert (await withhold(scene, drawn.claim.query_id, caller, withheld=False)).sequence
