"""Exports, verification and watching, on every store: what the ledger proves to those who read it."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import Parse

from sfumato.v1 import budget_service_pb2 as budget_pb
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato.v1.ledger_pb2 import LedgerEvent
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.quote_pb2 import DataVersion
from sfumato.v1.scope_pb2 import Scope as ScopeProto
from sfumato.v1.scope_pb2 import ScopeCharge
from sfumato.verification import arrow_files
from sfumato.verification.defects import Defect
from sfumato.verification.json_lines import JsonLinesExport, lines
from sfumato.verification.predecessors import check_carried
from sfumato.verification.scopes import Scope
from sfumato.verification.verifier import Verdict, verify
from sfumato_accountant.ledger.entries import make_entry
from sfumato_accountant.ledger.events import event_payload, read_time
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import StoredEntry
from sfumato_mesh.caller import calling_as
from sfumato_mesh.keys import load_or_create_signing_key
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


async def test_two_verifiers_agree_with_the_accountant(scene: Scene) -> None:
    await lived(scene)
    parts = await exported(scene)
    verdict = verdict_of(parts)
    assert verdict.hidden_events == 0
    assert verdict.open_queries == 2
    *_, last = await judged(scene, replica=1)
    assert last.verified_entries == last.total_entries == verdict.entries == len(parts) - 2
    assert last.verified.head == parts[-1].head
    told = {(each.scope.analyst, each.scope.project): each.charge.rho_picos for each in last.verified.spent}
    assert told == {(scope.analyst, scope.project): loss.rho for scope, loss in verdict.spent.items()}
    assert told == {("", ""): 50, ("users/ada", ""): 50, ("", PROJECT): 20}
    assert last.verified.population_spent.rho_picos == 50


async def test_every_line_of_an_export_is_a_message(scene: Scene) -> None:
    await lived(scene)
    parts = await exported(scene)
    assert [part.WhichOneof("kind") for part in (parts[0], *parts[-2:])] == ["header", "entry", "head"]
    written = list(lines(parts))
    assert [Parse(line, pb.ExportLedgerResponse()) for line in written] == parts
    stream = io.BytesIO()
    arrow_files.write(parts, stream)
    stream.seek(0)
    arrow = arrow_files.ArrowExport(stream, "export.arrow")
    assert list(arrow.entries()) == list(JsonLinesExport(io.BytesIO(b"".join(written)), "").entries())
    stream.seek(0)
    key = parts[0].header.keys[0].public_key
    assert verify(arrow_files.ArrowExport(stream, "export.arrow"), {key}) == verdict_of(parts)


async def test_an_analyst_exports_digests_and_what_is_their_own(scene: Scene) -> None:
    await lived(scene)
    await scene.grant(rho(100), analyst="users/bob")
    await scene.reserve(question(plan=30, picos=7), BOB)
    parts = await exported(scene, ADA)
    verdict = verdict_of(parts)
    assert 0 < verdict.hidden_events < verdict.events
    assert verdict.spent[Scope(analyst="users/ada")].rho == 50
    assert Scope(analyst="users/bob") not in verdict.spent
    shown = [record.payload for part in parts for record in part.entry.records if record.payload]
    assert not any("users/bob" in payload or "users/cleo" in payload for payload in shown)
    with calling_as(BOB):
        call = scene.first.ledger.ExportLedger(pb.ExportLedgerRequest(population=POPULATION))
        theirs = [part async for part in call]
    assert [part.entry.entry_hash for part in theirs] == [part.entry.entry_hash for part in parts]


async def test_who_may_read_what(scene: Scene) -> None:
    await lived(scene)
    for caller in (CUSTODIAN, ADMINISTRATOR):
        assert verdict_of(await exported(scene, caller)).hidden_events == 0
        assert (await judged(scene, caller))[-1].HasField("verified")
    await refused("ACCESS_DENIED", exported(scene, EVE))
    await refused("ACCESS_DENIED", exported(scene, BOB))
    await refused("ACCESS_DENIED", judged(scene, ADA))


# Forgery and tampering.


async def key_and_tail(scene: Scene) -> tuple[LedgerKey, StoredEntry]:
    key = LedgerKey(load_or_create_signing_key(scene.settings.ledger_key_file))
    stores = await open_stores(scene.settings.store_url)
    try:
        entries = await stores.ledger.read(POPULATION, 0, 1000)
    finally:
        await stores.close()
    return key, entries[-1]


async def test_what_an_accountant_appends_past_a_limit_is_found_by_both(scene: Scene) -> None:
    """It holds the key, the hashes are right, and it signs: only the limits of the time say that it lied."""
    await lived(scene)
    unpaid = question(plan=77, picos=151)
    await refused("BUDGET_EXHAUSTED", scene.reserve(unpaid))
    key, tail = await key_and_tail(scene)
    event = LedgerEvent(salt=b"s" * 16, user="users/ada")
    with calling_as(ADA):
        claim = unpaid.query.query_id
    reserved = event.reserved
    reserved.query = f"queries/{claim}"
    reserved.data_versions.append(DataVersion(dataset=DATASET, version=1))
    reserved.charge.rho_picos = 151
    for scope in ("", "users/ada"):
        line = ScopeCharge(charge=reserved.charge)
        line.scope.population = POPULATION
        line.scope.analyst = scope
        reserved.scopes.append(line)
    stores = await open_stores(scene.settings.store_url)
    try:
        reserved.claim_digest = await _claim_digest(stores, claim)
        at = read_time(tail.at)
        reserved.give_up_time.FromDatetime(at + timedelta(seconds=60))
        forged = make_entry(POPULATION, tail.sequence + 1, at, tail.entry_hash, [event_payload(event)], key)
        assert await stores.ledger.append(forged)
    finally:
        await stores.close()
    *_, last = await judged(scene)
    assert (last.defect.sequence, last.defect.rule) == (tail.sequence + 1, "limit")
    with pytest.raises(Defect) as caught:
        verdict_of(await exported(scene))
    assert (caught.value.sequence, caught.value.rule) == (tail.sequence + 1, "limit")


async def _claim_digest(stores: Any, query_id: str) -> bytes:
    from sfumato_accountant.ledger.claims import ClaimRecord
    from sfumato_accountant.stores.ports import SideKind

    bodies = await stores.ledger.get_sides(SideKind.CLAIM, [query_id])
    return ClaimRecord.read(bodies[query_id]).digest


async def test_an_entry_that_another_key_signed_is_named_and_stops_the_accountant(scene: Scene) -> None:
    await lived(scene)
    _, tail = await key_and_tail(scene)
    own = LedgerKey(load_or_create_signing_key(scene.settings.ledger_key_file.with_name("own.pem")))
    event = LedgerEvent(salt=b"s" * 16, user="users/root")
    event.frozen.scope.population = POPULATION
    stores = await open_stores(scene.settings.store_url)
    try:
        forged = make_entry(
            POPULATION, tail.sequence + 1, read_time(tail.at), tail.entry_hash, [event_payload(event)], own
        )
        assert await stores.ledger.append(forged)
    finally:
        await stores.close()
    with pytest.raises(grpc.RpcError):
        await scene.reserve(question(plan=99))
    *_, last = await judged(scene)
    assert (last.defect.sequence, last.defect.rule) == (tail.sequence + 1, "signature")
    parts = await exported(scene)  # a chain that has stopped is shown to whoever may read all of it
    with pytest.raises(Defect) as caught:
        verdict_of(parts)
    assert (caught.value.sequence, caught.value.rule) == (tail.sequence + 1, "signature")
    with pytest.raises(grpc.RpcError):
        await exported(scene, ADA)


# Watching.


async def test_watching_starts_where_it_is_told_and_goes_on(scene: Scene) -> None:
    await lived(scene)
    whole = [part.entry for part in (await exported(scene))[1:-1]]
    with calling_as(AUDITOR):
        call = scene.first.ledger.WatchLedger(pb.WatchLedgerRequest(population=POPULATION, start_sequence=3))
    stream = call.__aiter__()

    async def following() -> list[Any]:
        response = await asyncio.wait_for(anext(stream), 30)
        return list(response.ledger_entries)

    first = await following()
    assert [each.sequence for each in first] == list(range(3, len(whole)))
    assert [each.entry_hash for each in first] == [each.entry_hash for each in whole[3:]]
    assert first[0].records[0].HasField("event")
    await scene.reserve(question(plan=50, picos=1))  # by this replica
    await scene.reserve(question(plan=51, picos=1), replica=1)  # and by another
    seen: list[Any] = []
    while len(seen) < 2:
        seen += await following()
    assert [each.sequence for each in seen] == [len(whole), len(whole) + 1]
    call.cancel()


async def test_a_watch_ends_with_its_deadline(scene: Scene) -> None:
    await lived(scene)
    request = pb.WatchLedgerRequest(population=POPULATION, start_sequence=10_000)
    with calling_as(ADA):
        stream = scene.first.ledger.WatchLedger(request, timeout=0.3).__aiter__()
    with pytest.raises(grpc.RpcError) as caught:
        await anext(stream)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    with calling_as(EVE):
        await refused("ACCESS_DENIED", anext(scene.first.ledger.WatchLedger(request).__aiter__()))


# Merges and splits.


async def succession(scene: Scene, request: Any) -> Any:
    stub: Any = PopulationAdminServiceStub(scene.first.channel)
    with calling_as(ADMINISTRATOR):
        if isinstance(request, population_pb.MergePopulationsRequest):
            return await stub.MergePopulations(request)
        return await stub.SplitPopulation(request)


async def exported_of(scene: Scene, population: str) -> Verdict:
    with calling_as(ADMINISTRATOR):
        call = scene.first.ledger.ExportLedger(pb.ExportLedgerRequest(population=population))
        return verdict_of([part async for part in call])


async def test_a_split_carries_everything_to_each_part(scene: Scene) -> None:
    await lived(scene)
    await scene.freeze(analyst="users/bob")
    before = (await exported_of(scene, POPULATION)).spent
    parts = [
        population_pb.SplitPart(population_id="coast", datasets=[DATASET]),
        population_pb.SplitPart(population_id="inland"),
    ]
    request = population_pb.SplitPopulationRequest(
        source=POPULATION, parts=parts, justification="two islands, it turns out", request_id=str(uuid.uuid4())
    )
    await succession(scene, request)
    closed = await exported_of(scene, POPULATION)
    assert set(closed.successors) == {"populations/coast", "populations/inland"}
    for part in closed.successors:
        verdict = await exported_of(scene, part)
        assert check_carried(verdict, {POPULATION: closed}) == []
        assert verdict.spent == before
        with calling_as(ADMINISTRATOR):
            call = scene.first.ledger.VerifyLedger(pb.VerifyLedgerRequest(population=part))
            assert [response async for response in call][-1].HasField("verified")


async def test_a_merge_carries_the_sum(scene: Scene) -> None:
    await lived(scene)
    stub: Any = PopulationAdminServiceStub(scene.first.channel)
    with calling_as(ADMINISTRATOR):
        await stub.CreatePopulation(
            population_pb.CreatePopulationRequest(
                population_id="coast", population=Population(unit=PRIVACY_UNIT_KIND_ROW)
            )
        )
    request = population_pb.MergePopulationsRequest(
        sources=[POPULATION, "populations/coast"],
        population_id="all",
        justification="the same birds, it turns out",
        request_id=str(uuid.uuid4()),
    )
    await succession(scene, request)
    closed = {name: await exported_of(scene, name) for name in (POPULATION, "populations/coast")}
    verdict = await exported_of(scene, "populations/all")
    assert check_carried(verdict, closed) == []
    assert verdict.spent == closed[POPULATION].spent
    assert set(check_carried(verdict, {})) == {POPULATION, "populations/coast"}


async def test_delegation_and_windows_verify(scene: Scene) -> None:
    window = BudgetWindow(limit=rho(40))
    window.length.FromSeconds(3600)
    await scene.grant(rho(1000))
    await scene.grant(rho(100), analyst="users/ada", window=window)
    await scene.reserve(question(plan=1, picos=10))
    lending = budget_pb.DelegateBudgetRequest(
        scope=ScopeProto(population=POPULATION, analyst="users/ada"),
        user="users/bob",
        limit=rho(50),
        request_id=str(uuid.uuid4()),
    )
    with calling_as(ADA):
        lent = await scene.first.budgets.DelegateBudget(lending)
    await scene.reserve(question(plan=2, picos=25), BOB)
    await refused("BUDGET_EXHAUSTED", scene.reserve(question(plan=3, picos=6)))  # the window of both
    scene.clock.advance(3600)
    await scene.reserve(question(plan=3, picos=6))
    with calling_as(ADA):
        await scene.first.budgets.ReclaimBudget(
            budget_pb.ReclaimBudgetRequest(grant=lent.grant.name, request_id=str(uuid.uuid4()))
        )
    await scene.reserve(question(plan=4, picos=30))
    verdict = await exported_of(scene, POPULATION)
    assert verdict.spent[Scope(analyst="users/bob")].rho == 25
    assert (await judged(scene))[-1].HasField("verified")
