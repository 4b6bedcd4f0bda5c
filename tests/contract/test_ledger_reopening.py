"""An old backup comes back: closed until an administrator reopens it, and then nothing that was told is free or new."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import population_admin_service_pb2 as public
from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import Population
from sfumato.v1.receipt_pb2 import Receipt
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    AUDITOR,
    CUSTODIAN,
    MEASURES,
    POPULATION,
    STORES,
    WORKER,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)
from tests.contract.test_ledger_backup import backup, budgets, empty_store, fill, head, reopened, reservation

WHY = "the disk died on Tuesday"


@dataclass
class Lost:
    """A restored accountant, and what was told before the restore."""

    scene: Scene
    mark: LedgerHead
    kept: Reservation
    """Paid and answered in the backup."""
    half: Reservation
    """Paid in the backup, answered in what was lost."""
    gone: Reservation
    """Paid and answered in what was lost."""
    asked: Any
    """The request by which `gone` was paid."""

    async def reopen(
        self,
        receipts: Sequence[Receipt] = (),
        written_off: Charge | None = None,
        *,
        caller: Caller = ADMINISTRATOR,
        request_id: str = "",
        mark: LedgerHead | None = None,
    ) -> public.ReopenPopulationResponse:
        request = public.ReopenPopulationRequest(
            population=POPULATION,
            receipts=receipts,
            written_off=written_off or Charge(),
            justification=WHY,
            request_id=request_id or str(uuid.uuid4()),
        )
        lost_head = self.mark if mark is None else mark
        with calling_as(caller):
            answer = await self.scene.first.gateway.ReopenPopulation(
                pb.ReopenPopulationRequest(request=request, lost_head=lost_head)
            )
        response: public.ReopenPopulationResponse = answer.response
        return response

    async def check(self, mark: LedgerHead | None = None) -> pb.CheckMarkResponse:
        with calling_as(WORKER):
            request = pb.CheckMarkRequest(mark=mark or self.mark)
            answer: pb.CheckMarkResponse = await self.scene.first.worker.CheckMark(request)
        return answer

    async def commit(self, paid: Reservation, mark: LedgerHead | None) -> int:
        request = pb.CommitQueryRequest(
            query_id=paid.claim.query_id,
            attempt=str(uuid.uuid4()),
            release_digest=b"e" * 32,
            data_versions=paid.data_versions,
            measures=MEASURES,
            mark=mark,
        )
        with calling_as(WORKER):
            return int((await self.scene.first.worker.CommitQuery(request)).outcome)

    async def state(self) -> int:
        with calling_as(ADMINISTRATOR):
            request = public.GetPopulationRequest(name=POPULATION)
            stub: Any = PopulationAdminServiceStub(self.scene.first.channel)
            return int((await stub.GetPopulation(request)).population.state)

    async def spent(self) -> dict[str, int]:
        return {each.scope.analyst: each.spent.rho_picos for each in await budgets(self.scene)}


@pytest.fixture(params=STORES)
async def lost(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lost]:
    """10 picos were paid and answered, 20 paid; then the backup; then the 20 answered, and 40 paid and answered."""
    async with AsyncExitStack() as stack:
        scene = await stack.enter_async_context(opened_scene("sqlite", tmp_path))
        await scene.grant(rho(1000))
        await scene.grant(rho(500), analyst="users/ada")
        kept = await scene.answered(question(1, 10))
        half = await scene.reserve(question(2, 20))
        copy = await backup(scene)
        await scene.commit(half)
        asked = question(4, 40)
        gone = await scene.answered(asked)
        mark = await head(scene)
        half = await reservation(scene, half.claim.query_id)
        assert half.receipt.signed_statement
        url = stack.enter_context(empty_store(request.param, tmp_path))
        await fill(url, copy)
        again = await stack.enter_async_context(reopened(scene, url))
        yield Lost(again, mark, kept, half, gone, asked)


async def test_it_is_closed_until_it_is_reopened(lost: Lost) -> None:
    assert await lost.state() == Population.STATE_ACTIVE  # nobody has shown the mark yet
    verdict = await lost.check()
    assert not verdict.contained
    assert not verdict.HasField("superseded_by")
    assert await lost.state() == Population.STATE_BEHIND
    await refused("LEDGER_BEHIND", lost.scene.reserve(question(5, 1)))
    await refused("LEDGER_BEHIND", lost.commit(lost.half, lost.mark))
    response = await lost.reopen([lost.gone.receipt])
    assert response.population.state == Population.STATE_ACTIVE
    assert response.sequence == (await head(lost.scene)).sequence
    assert await lost.state() == Population.STATE_ACTIVE
    await lost.scene.reserve(question(5, 1))


async def test_receipts_and_what_is_written_off_are_charged_once(lost: Lost) -> None:
    assert await lost.spent() == {"": 30, "users/ada": 30}
    await lost.reopen([lost.gone.receipt, lost.half.receipt], Charge(rho_picos=7))
    assert await lost.spent() == {"": 77, "users/ada": 70}, "20 were charged before the backup, and are not again"
    [whole] = [each for each in await budgets(lost.scene) if not each.scope.analyst]
    assert whole.remaining.rho_picos == 1000 - 77


async def test_a_mark_that_was_given_up_is_superseded_by_the_present_head(lost: Lost) -> None:
    kept = await head(lost.scene)
    assert (await lost.check(kept)).contained
    await lost.reopen([lost.gone.receipt])
    await lost.scene.reserve(question(6, 1))
    verdict = await lost.check()
    assert verdict.contained
    present = await head(lost.scene)
    assert (verdict.superseded_by.sequence, verdict.superseded_by.entry_hash) == (present.sequence, present.entry_hash)
    assert not (await lost.check(kept)).HasField("superseded_by")
    forged = LedgerHead(population=POPULATION, sequence=lost.mark.sequence, entry_hash=b"x" * 32)
    assert not (await lost.check(forged)).contained


async def test_what_was_open_is_never_answered_again(lost: Lost) -> None:
    """Its analyst may hold the first answer: a second draw would be a second answer for one payment."""
    await lost.reopen([lost.gone.receipt])
    present = (await lost.check()).superseded_by
    for mark in (present, lost.mark, None):
        assert await lost.commit(lost.half, mark) == pb.CommitQueryResponse.OUTCOME_LOST
    lost.scene.clock.advance(61)
    ended = await lost.scene.charge(lost.half.claim.query_id)
    assert ended.state == Reservation.STATE_CHARGED
    assert await lost.spent() == {"": 70, "users/ada": 70}


async def test_a_query_that_a_receipt_names_is_never_paid_again_under_its_id(lost: Lost) -> None:
    await lost.reopen([lost.gone.receipt])
    await refused("REQUEST_ID_REUSED", lost.scene.reserve(lost.asked))
    other = await lost.scene.reserve(question(4, 40))
    assert other.state == Reservation.STATE_OPEN
    assert other.claim.query_id != lost.gone.claim.query_id


async def test_what_was_answered_before_the_backup_is_as_it_was(lost: Lost) -> None:
    await lost.reopen([lost.gone.receipt])
    assert await reservation(lost.scene, lost.kept.claim.query_id) == lost.kept
    assert (await lost.scene.reserve(question(1, 10))).release_query_id == lost.kept.claim.query_id


async def test_the_same_request_is_one_act_and_another_finds_nothing_lost(lost: Lost) -> None:
    request_id = str(uuid.uuid4())
    first = await lost.reopen([lost.gone.receipt], Charge(rho_picos=5), request_id=request_id)
    present = (await lost.check()).superseded_by
    for mark in (lost.mark, present):
        again = await lost.reopen([lost.gone.receipt], Charge(rho_picos=5), request_id=request_id, mark=mark)
        assert again == first
    await refused("REQUEST_ID_REUSED", lost.reopen([], Charge(rho_picos=5), request_id=request_id))
    for mark in (lost.mark, present):
        await refused("REQUEST_INVALID", lost.reopen(mark=mark))
    assert await lost.spent() == {"": 75, "users/ada": 70}


async def test_only_administrators_reopen(lost: Lost) -> None:
    for caller in (CUSTODIAN, AUDITOR, ADA):
        await refused("ACCESS_DENIED", lost.reopen([lost.gone.receipt], caller=caller))
    with calling_as(ADMINISTRATOR):
        stub: Any = PopulationAdminServiceStub(lost.scene.first.channel)
        request = public.ReopenPopulationRequest(
            population=POPULATION, written_off=Charge(), justification=WHY, request_id=str(uuid.uuid4())
        )
        await refused("PEER_NOT_ALLOWED", stub.ReopenPopulation(request))


async def test_a_receipt_that_proves_nothing_is_refused_and_named(lost: Lost) -> None:
    def changed(**fields: Any) -> Receipt:
        receipt = Receipt()
        receipt.CopyFrom(lost.gone.receipt)
        for name, value in fields.items():
            setattr(receipt, name, value)
        return receipt

    text = lost.gone.receipt.signed_statement
    stranger = LedgerKey(Ed25519PrivateKey.generate())
    foreign = changed()
    foreign.signature.CopyFrom(stranger.sign_receipt(text))
    cheaper = changed(signed_statement=text.replace('"40"', '"04"'))
    assert cheaper != lost.gone.receipt
    for receipts, place, words in (
        ([lost.gone.receipt, cheaper], 1, "signature"),
        ([foreign], 0, "no key"),
        ([changed(signed_statement="")], 0, "signature"),
        ([lost.kept.receipt], 0, "is in the chain"),
        ([lost.gone.receipt, lost.half.receipt, lost.gone.receipt], 2, "another receipt"),
    ):
        refusal = await refused("REQUEST_INVALID", lost.reopen(receipts))
        assert refusal.fields[0].field == f"receipts[{place}]"
        assert words in refusal.fields[0].description
    assert await lost.spent() == {"": 30, "users/ada": 30}
    await lost.reopen([lost.gone.receipt])


async def test_it_is_reopened_for_every_replica_and_for_good(lost: Lost) -> None:
    second = await lost.scene.open()
    with calling_as(WORKER):
        assert not (await second.worker.CheckMark(pb.CheckMarkRequest(mark=lost.mark))).contained
    await lost.reopen([lost.gone.receipt])
    with calling_as(WORKER):
        assert (await second.worker.CheckMark(pb.CheckMarkRequest(mark=lost.mark))).contained
    third = await lost.scene.open()
    with calling_as(WORKER):
        assert (await third.worker.CheckMark(pb.CheckMarkRequest(mark=lost.mark))).contained
    assert await lost.scene.reserve(question(8, 1), replica=2)
    for replica in (second, third):
        await replica.accountant.close()
