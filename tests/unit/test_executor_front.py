"""What the front does before anything leaves: marks, acceptance, digests."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.quote_pb2 import Quote
from sfumato_executor.releases.marks import Mark, MarkConflictError, Marks
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.opening import open_stores
from sfumato_mesh.refusal import MESH_DOMAIN
from sfumato_mesh.v1 import executor_service_pb2 as contract
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.front_scene import ATTEMPT, HASH, POPULATION, PROGRAM, QUERY, Engine, Front, refused


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return Front(open_stores(str(tmp_path), cache=tmp_path / "cache", credentials=None, credentials_name=""))


async def test_a_release_is_read_and_its_position_marked(front: Front) -> None:
    front.commit()
    schema, batch, end = await front.read()
    assert schema.WhichOneof("kind") == "schema"
    assert (batch.batch.row_count, end.row_count) == (3, 3)
    answer = pa.ipc.read_record_batch(
        pa.py_buffer(batch.batch.serialized_record_batch),
        pa.ipc.read_schema(pa.py_buffer(schema.schema.serialized_schema)),
    )
    assert answer.to_pydict() == {"n": [0, 1, 2], "n.lower": [0.95] * 3}
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 7, HASH)


async def test_a_position_that_is_known_is_marked_while_the_reservation_is_read(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.commit()
    present: Reservation = front.accountant.present
    raised = threading.Event()
    raise_to = Marks.raise_to

    def raise_and_tell(marks: Marks, mark: Mark) -> Mark:
        done = raise_to(marks, mark)
        raised.set()
        return done

    async def behind_the_mark(query_id: str) -> Reservation:
        assert await asyncio.to_thread(raised.wait, 20), "the mark waits for the reservation"
        return present

    monkeypatch.setattr(Marks, "raise_to", raise_and_tell)
    front.accountant.reservation = behind_the_mark
    assert len(await front.read(terminal=LedgerHead(population=POPULATION, sequence=7, entry_hash=HASH))) == 3
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 7, HASH)


@pytest.mark.parametrize("sequence", [3, -1])
async def test_a_position_that_is_said_wrongly_changes_nothing(front: Front, sequence: int) -> None:
    """The mark is raised to what the reservation says, whatever the caller believed."""
    front.commit()
    assert len(await front.read(terminal=LedgerHead(population=POPULATION, sequence=sequence, entry_hash=HASH))) == 3
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 7, HASH)


async def test_a_shared_query_reads_the_release_it_shares(front: Front) -> None:
    front.commit()
    front.accountant.present.state = Reservation.STATE_SHARED
    front.accountant.present.terminal_sequence = 9
    assert len(await front.read()) == 3
    mark = front.stores.marks.get(POPULATION)
    assert mark is not None
    assert mark.sequence == 9


async def test_nothing_leaves_before_the_mark_is_raised(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.commit()

    def away(_: Mark) -> Mark:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(front.stores.marks, "raise_to", away)
    refusal = await refused(front.read)
    assert (refusal.reason, refusal.domain) == ("RELEASE_STORE_UNAVAILABLE", MESH_DOMAIN)


async def test_a_rewritten_chain_is_not_told(front: Front) -> None:
    front.commit()
    front.stores.marks.raise_to(Mark(POPULATION, 7, bytes(32)))
    assert (await refused(front.read)).reason == "LEDGER_BEHIND"


@pytest.mark.parametrize("spoil", ["missing", "changed", "digest"])
async def test_other_bytes_are_never_told_and_never_drawn_again(front: Front, spoil: str, tmp_path: Path) -> None:
    front.commit()
    [path] = (tmp_path / "releases").rglob(f"{QUERY}.{ATTEMPT}")
    if spoil == "missing":
        path.unlink()
    elif spoil == "changed":
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(bytes(data))
    else:
        front.accountant.present.release_digest = bytes(32)
    refusal = await refused(front.read)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.DATA_LOSS, "RELEASE_TAMPERED")


async def test_a_release_of_another_plan_is_not_rendered(front: Front) -> None:
    front.commit()
    front.engine.program = replace(PROGRAM, digest=bytes(32))
    assert (await refused(front.read)).reason == "RELEASE_TAMPERED"


@pytest.mark.parametrize(
    ("state", "reason"),
    [(Reservation.STATE_CHARGED, "QUERY_FAILED"), (Reservation.STATE_OPEN, "RELEASE_STORE_UNAVAILABLE")],
)
async def test_only_what_was_committed_is_read(front: Front, state: "Reservation.State", reason: str) -> None:
    front.commit()
    front.accountant.present.state = state
    assert (await refused(front.read)).reason == reason


async def test_a_release_whose_life_is_over_is_not_read(front: Front) -> None:
    front.commit()
    front.accountant.present.expire_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    assert await front.read()
    front.accountant.present.expire_time.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    refusal = await refused(front.read)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RELEASE_EXPIRED")
    assert refusal.metadata["expire_time"] == "2026-01-01T00:00:00Z"


async def test_a_withheld_release_is_not_read_until_it_is_allowed_again(front: Front) -> None:
    front.commit()
    front.accountant.present.withheld = True
    refusal = await refused(front.read)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RELEASE_WITHHELD")
    front.accountant.present.withheld = False
    assert await front.read()


async def test_going_on_at_a_row(front: Front) -> None:
    front.commit(rows=3)
    kinds = [each.WhichOneof("kind") for each in await front.read(3)]
    assert kinds == ["schema", "row_count"]
    [_, batch, _] = await front.read(2)
    assert (batch.batch.start_offset, batch.batch.row_count) == (2, 1)
    refusal = await refused(lambda: front.read(4))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.OUT_OF_RANGE, "ROW_OUT_OF_RANGE")
    assert refusal.metadata["row_count"] == "3"


async def test_a_large_answer_comes_in_batches(front: Front) -> None:
    front.commit(rows=400_000)
    batches = [each.batch for each in await front.read() if each.WhichOneof("kind") == "batch"]
    assert len(batches) > 5
    assert sum(each.row_count for each in batches) == 400_000


async def test_accepting_is_asked_once_a_second(front: Front) -> None:
    front.stores.marks.raise_to(Mark(POPULATION, 4, HASH))
    await asyncio.gather(*(front.acceptance.check(POPULATION) for _ in range(20)))
    assert (front.queue.checks, len(front.accountant.checks)) == (1, 1)
    assert front.accountant.checks[0] == LedgerHead(population=POPULATION, sequence=4, entry_hash=HASH)
    front.time = 1.5
    await front.acceptance.check(POPULATION)
    assert front.queue.checks == 2


async def test_a_quote_that_is_about_to_be_paid_asks_whether_tasks_are_taken(front: Front) -> None:
    context: Any = None
    request = contract.QuoteRequest()
    request.record.population.name = POPULATION
    front.queue.away = True
    response = await front.handlers.Quote(request, context)
    request.accepting = True
    assert (await refused(lambda: front.handlers.Quote(request, context))).reason == "NOT_ACCEPTING"
    front.queue.away = False
    assert await front.handlers.Quote(request, context) == response


async def test_a_fresh_population_has_no_mark_to_check(front: Front) -> None:
    front.accountant.contained = False
    await front.acceptance.check(POPULATION)
    assert front.accountant.checks == []


async def test_queue_away(front: Front) -> None:
    front.queue.away = True
    refusal = await refused(lambda: front.acceptance.check(POPULATION))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_ACCEPTING")
    assert refusal.retry_after is not None
    front.queue.away = False
    await front.acceptance.check(POPULATION)


async def test_store_away(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(front.stores.releases, "check_writable", away)
    assert (await refused(lambda: front.acceptance.check(POPULATION))).reason == "NOT_ACCEPTING"


async def test_a_chain_without_its_mark_stays_closed(front: Front) -> None:
    front.stores.marks.raise_to(Mark(POPULATION, 4, HASH))
    front.accountant.contained = False
    for _ in range(2):
        assert (await refused(lambda: front.acceptance.check(POPULATION))).reason == "LEDGER_BEHIND"
    assert len(front.accountant.checks) == 2


async def test_nothing_is_told_of_a_chain_without_its_mark(front: Front) -> None:
    """Its open queries may have been answered already; nor is the mark raised along it, above what it lacks."""
    front.commit()
    front.accountant.contained = False
    for lost in (Mark(POPULATION, 5, bytes(32)), Mark(POPULATION, 9, bytes(32))):
        front.stores.marks.raise_to(lost)
        assert (await refused(front.read)).reason == "LEDGER_BEHIND"
        assert front.stores.marks.get(POPULATION) == lost


async def test_a_spoilt_mark_keeps_the_population_closed(front: Front, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "palmer.json").write_text("{}")
    assert (await refused(lambda: front.acceptance.check(POPULATION))).reason == "LEDGER_BEHIND"


async def test_marks_raised_at_once_cost_few_writes(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    raise_to = Marks.raise_to

    def counted(self: Marks, mark: Mark) -> Mark:
        writes.append(mark.sequence)
        return raise_to(self, mark)

    monkeypatch.setattr(Marks, "raise_to", counted)
    told = await asyncio.gather(*(front.marks.raise_to(Mark(POPULATION, seq, HASH)) for seq in range(100)))
    assert all(mark.sequence >= seq for seq, mark in enumerate(told))
    assert len(writes) <= 2
    mark = front.stores.marks.get(POPULATION)
    assert mark is not None
    assert mark.sequence == 99
    await front.marks.raise_to(Mark(POPULATION, 5, HASH))
    assert len(writes) <= 2
    with pytest.raises(MarkConflictError):
        await front.marks.raise_to(Mark(POPULATION, 99, bytes(32)))


async def test_raise_mark_answers_the_mark(front: Front) -> None:
    context: Any = None
    for sequence, expected in ((4, 4), (2, 4), (9, 9)):
        head = LedgerHead(population=POPULATION, sequence=sequence, entry_hash=HASH)
        response = await front.handlers.RaiseMark(contract.RaiseMarkRequest(head=head), context)
        assert response.mark == LedgerHead(population=POPULATION, sequence=expected, entry_hash=HASH)


async def test_a_forked_chain_closes_the_population_at_once(front: Front) -> None:
    context: Any = None
    await front.acceptance.check(POPULATION)
    front.stores.marks.raise_to(Mark(POPULATION, 4, bytes(32)))
    front.accountant.contained = False
    request = contract.RaiseMarkRequest(head=LedgerHead(population=POPULATION, sequence=4, entry_hash=HASH))
    assert (await refused(lambda: front.handlers.RaiseMark(request, context))).reason == "LEDGER_BEHIND"
    assert (await refused(lambda: front.acceptance.check(POPULATION))).reason == "LEDGER_BEHIND"


async def test_submit(front: Front) -> None:
    context: Any = None
    await front.handlers.Submit(contract.SubmitRequest(query_id=QUERY), context)
    assert front.queue.submitted == [QUERY]
    front.queue.away = True
    refusal = await refused(lambda: front.handlers.Submit(contract.SubmitRequest(query_id=QUERY), context))
    assert refusal.reason == "SERVICE_UNAVAILABLE"


async def test_quote_names_who_pays(front: Front) -> None:
    context: Any = None
    record = DatasetRecord()
    record.population.name = POPULATION
    record.published.name, record.published.version = "datasets/penguins", 3
    response = await front.handlers.Quote(contract.QuoteRequest(record=record, group_sizes=[100]), context)
    assert response.population == POPULATION
    assert list(response.datasets) == ["datasets/penguins"]
    assert list(response.quote.notes) == ["(100,)"]


async def test_the_same_question_is_priced_once_and_another_anew(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    priced: list[float] = []

    def quote(_: Any, task: Any, record: DatasetRecord, group_sizes: tuple[int, ...]) -> Quote:
        priced.append(task.confidence)
        return Quote(notes=[str(task.confidence)])

    monkeypatch.setattr(Engine, "quote", quote)
    context: Any = None
    for confidence in (0.9, 0.5, 0.9, 0.5):
        request = contract.QuoteRequest()
        request.task.confidence = confidence
        response = await front.handlers.Quote(request, context)
        assert list(response.quote.notes) == [str(confidence)]
    request.record.population.name = POPULATION
    assert (await front.handlers.Quote(request, context)).population == POPULATION
    assert priced == [0.9, 0.5, 0.5]


async def test_a_dummy_run_comes_as_events(front: Front) -> None:
    context: Any = None
    request = contract.RunDummyRequest(row_count=10, seed=7)
    request.task.question.sql.statement = "SELECT COUNT(*) FROM penguins"
    events = [each.event async for each in front.handlers.RunDummy(request, context)]
    assert [each.WhichOneof("kind") for each in events] == ["schema", "batch", "complete"]
    assert events[-1].complete.row_count == 2
    assert events[-1].complete.query.question == request.task.question
    assert not events[-1].complete.query.name


async def test_a_library_rehearsal_keeps_its_place_when_its_caller_goes_and_others_theirs(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who cancels starts as many processes as they like."""
    running: list[str] = []
    end = threading.Event()

    def dummy(_: Any, task: Any, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        if task.question.engine:
            running.append(task.question.engine)
            end.wait(60)
        return pa.table({"n": [row_count]})

    monkeypatch.setattr(Engine, "dummy", dummy)
    try:
        for _ in range(8):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(rehearsed(front, "smartnoise_sql"), 0.05)
        assert len(running) == 2
        assert await asyncio.wait_for(rehearsed(front, ""), 20) == 3
    finally:
        end.set()


async def rehearsed(front: Front, engine: str) -> int:
    context: Any = None
    request = contract.RunDummyRequest(row_count=10)
    request.task.question.engine = engine
    return len([each async for each in front.handlers.RunDummy(request, context)])


async def test_a_mark_that_was_given_up_is_replaced_by_the_head_of_the_chain_that_goes_on(front: Front) -> None:
    """Also where this front itself had raised it: what is told later is marked later."""
    await front.marks.raise_to(Mark(POPULATION, 100, HASH))
    lost = LedgerHead(population=POPULATION, sequence=100, entry_hash=HASH)
    front.accountant.contained = False
    front.time += 5
    assert (await refused(lambda: front.acceptance.check(POPULATION))).reason == "LEDGER_BEHIND"
    other = bytes([7]) * 32
    front.accountant.given_up, front.accountant.contained = [lost], True
    front.accountant.head = LedgerHead(population=POPULATION, sequence=51, entry_hash=other)
    await front.acceptance.check(POPULATION)
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 51, other)
    await front.marks.raise_to(Mark(POPULATION, 50, other))
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 51, other)
    await front.marks.raise_to(Mark(POPULATION, 53, other))
    assert front.stores.marks.get(POPULATION) == Mark(POPULATION, 53, other)


async def test_a_mark_that_was_raised_meanwhile_is_not_replaced(front: Front) -> None:
    lost, other = Mark(POPULATION, 100, HASH), Mark(POPULATION, 52, bytes([7]) * 32)
    front.stores.marks.raise_to(lost)
    assert front.stores.marks.replace(lost, other) == other
    assert front.stores.marks.replace(lost, Mark(POPULATION, 51, bytes([6]) * 32)) == other
    assert front.stores.marks.get(POPULATION) == other


async def test_the_mark_is_told_as_it_is_stored(front: Front) -> None:
    context: Any = None
    request = contract.GetMarkRequest(population=POPULATION)
    assert not (await front.handlers.GetMark(request, context)).HasField("mark")
    front.stores.marks.raise_to(Mark(POPULATION, 4, HASH))
    told = (await front.handlers.GetMark(request, context)).mark
    assert told == LedgerHead(population=POPULATION, sequence=4, entry_hash=HASH)
