"""Key rotation, on every store: who signs, who can no longer, and receipts from before and after."""

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import sfumato as sf
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import receipt_pb2
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.verification.receipts import check_against
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.keys import load_or_create_signing_key
from sfumato_mesh.v1 import accountant_service_pb2 as accountant_pb
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    CUSTODIAN,
    POPULATION,
    STORES,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)
from tests.contract.verification_scene import exported, judged, lived, verdict_of


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path, replicas=2) as scene:
        yield scene


async def rotate(scene: Scene, replica: int = 0, request_id: str = "", caller: Caller = ADMINISTRATOR) -> Any:
    request = population_pb.RotateLedgerKeyRequest(population=POPULATION, request_id=request_id or str(uuid.uuid4()))
    with calling_as(caller):
        stub: Any = PopulationAdminServiceStub(scene.replicas[replica].channel)
        return (await stub.RotateLedgerKey(request)).key


async def with_next_key(scene: Scene) -> int:
    """Open a replica that holds the next key, too; return its number."""
    update = {"ledger_next_key_file": scene.settings.ledger_key_file.with_name("next.pem")}
    scene.settings = scene.settings.model_copy(update=update)
    await scene.open()
    return len(scene.replicas) - 1


async def test_without_a_next_key_nothing_is_rotated(scene: Scene) -> None:
    await lived(scene)
    refusal = await refused("LEDGER_KEY_MISSING", rotate(scene))
    assert "SFUMATO_LEDGER_NEXT_KEY_FILE" in refusal.metadata["hint"]
    await refused("ACCESS_DENIED", rotate(scene, caller=CUSTODIAN))
    assert len((await exported(scene))[0].header.keys) == 1


async def test_a_replica_without_the_new_key_appends_nothing_more(scene: Scene) -> None:
    await lived(scene)
    holder = await with_next_key(scene)
    request_id = str(uuid.uuid4())
    key = await rotate(scene, holder, request_id)
    assert await rotate(scene, holder, request_id) == key  # the same act
    await refused("LEDGER_KEY_MISSING", rotate(scene, holder))  # there is no third key
    await refused("CANNOT_APPEND", scene.reserve(question(plan=60)))
    paid = await scene.reserve(question(plan=60), replica=holder)
    assert await scene.commit(paid, replica=holder) == accountant_pb.CommitQueryResponse.OUTCOME_WON
    with calling_as(ADA):
        told = await scene.first.ledger.GetLedgerHead(pb.GetLedgerHeadRequest(population=POPULATION))
    first, second = told.keys
    assert second.public_key == key.public_key
    assert first.end_time == second.start_time
    assert not second.HasField("end_time")
    parts = await exported(scene)
    verdict = verdict_of(parts)
    assert [each.key_id for each in verdict.keys] == [first.key_id, second.key_id]
    assert parts[-1].head.signature.key_id == second.key_id
    assert (await judged(scene, replica=holder))[-1].HasField("verified")


async def test_receipts_stay_verifiable_over_a_rotation(scene: Scene) -> None:
    await scene.grant(rho(1000))
    await scene.grant(rho(100), analyst="users/ada")
    asked, later = question(plan=1), question(plan=2)
    before = (await scene.answered(asked)).receipt
    holder = await with_next_key(scene)
    await rotate(scene, holder)
    paid = await scene.reserve(later, replica=holder)
    await scene.commit(paid, replica=holder)
    after = (await scene.reserve(later, replica=holder)).receipt
    assert before.signature.key_id != after.signature.key_id
    again = (await scene.reserve(asked, replica=holder)).receipt
    assert again == before  # the key of its position is still held: the same bytes
    parts = await exported(scene)
    positions = {each.statement.sequence for each in (before, after)}
    verdict = verdict_of(parts, keep=positions)
    for receipt in (before, after):
        check_against(verdict, receipt)
    # Who holds the new key alone signs with it: a later key is taken, an earlier one is not.
    new = LedgerKey(load_or_create_signing_key(scene.settings.ledger_key_file.with_name("next.pem")))
    old = LedgerKey(load_or_create_signing_key(scene.settings.ledger_key_file))
    resigned = receipt_pb2.Receipt(
        signed_statement=before.signed_statement, signature=new.sign_receipt(before.signed_statement)
    )
    check_against(verdict, resigned)
    forged = receipt_pb2.Receipt(
        signed_statement=after.signed_statement, signature=old.sign_receipt(after.signed_statement)
    )
    with pytest.raises(sf.ReceiptInvalid, match="no key"):
        check_against(verdict, forged)


@pytest.mark.parametrize("field", ["charge", "entry_hash", "sequence", "claim_digest", "query"])
async def test_a_receipt_that_says_something_else_than_the_ledger_is_found(scene: Scene, field: str) -> None:
    """Signed by the ledger's own key: an accountant that tells the analyst one thing and its books another."""
    await scene.grant(rho(1000))
    await scene.grant(rho(100), analyst="users/ada")
    receipt = (await scene.answered(question(plan=1))).receipt
    other = (await scene.answered(question(plan=2))).receipt
    verdict = verdict_of(await exported(scene), keep={each.statement.sequence for each in (receipt, other)})
    check_against(verdict, receipt)
    said, instead = json.loads(receipt.signed_statement), json.loads(other.signed_statement)
    said[field] = {"rho_picos": "9"} if field == "charge" else instead[field]
    key = LedgerKey(load_or_create_signing_key(scene.settings.ledger_key_file))
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    with pytest.raises(sf.ReceiptInvalid):
        check_against(verdict, receipt_pb2.Receipt(signed_statement=text, signature=key.sign_receipt(text)))
