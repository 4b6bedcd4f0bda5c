"""QueryService over an accountant and an executor that are made up: order of calls and events, replays, failures."""

import asyncio
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import ledger_pb2, query_pb2, query_service_pb2
from sfumato.v1.charge_pb2 import EpsilonDelta, LossLimit
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.query_pb2 import Query
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato_gateway.marks import KNOWN_SECONDS
from sfumato_mesh import refusals
from sfumato_mesh.caller import Caller
from sfumato_mesh.digests import request_digest
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.gateway_query_scene import (
    ADA,
    BOB,
    NAME,
    POPULATION,
    RHO,
    SCOPE,
    SQL,
    UNAVAILABLE,
    VERSION_CHANGED,
    Scene,
    kinds,
    mesh_refusal,
    read_into,
    refused,
    request,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_query_from_payment_to_receipt(scene: Scene) -> None:
    call = scene.stub.RunQuery(request(labels={"a": "b"}))
    events = []
    while (response := await call.read()) is not grpc.aio.EOF:
        events.append(response.event)
        if kinds(events).count("progress") == 2:
            scene.mesh.ended.set()

    order = kinds(events)
    beats = order.count("progress")
    assert beats >= 2
    assert order == ["query", *["progress"] * beats, "query", "schema", "batch", "complete"]
    assert events[0].query.state == Query.STATE_OPEN
    assert events[1].progress.give_up_time.seconds == 1_000
    assert events[1].progress.total_steps == 0
    last = events[-1].complete
    assert last.query.state == Query.STATE_SUCCEEDED
    assert last.query.name == f"queries/{NAME}"
    assert last.query.receipt.statement.sequence == 7
    assert last.query.labels == {"a": "b"}
    assert last.row_count == 5
    assert [(line.scope, line.charge.rho_picos, line.remaining.rho_picos) for line in last.scopes] == [
        (SCOPE, 20_000_000_000, 4)
    ]
    calls = [each for each in scene.mesh.asked if each not in ("Quote", "accepting")]
    assert calls == ["GetDatasetRecord", "ReserveQuery", "Submit", "WatchReservation", "ReadRelease"]
    assert {"Quote", "accepting"} <= set(scene.mesh.asked[:3])


async def test_what_is_reserved(scene: Scene) -> None:
    scene.mesh.ended.set()
    asked = request(fresh=True)

    await scene.run(asked)

    reserved = scene.mesh.requests["ReserveQuery"]
    assert reserved.query.query_id == NAME
    assert reserved.body_digest == request_digest(asked)
    assert reserved.limit == LossLimit(rho=RHO.rho)
    assert reserved.query.fresh
    assert list(reserved.query.versions) == [1]
    assert reserved.query.task.confidence == 0.9
    assert reserved.query.task.question == SQL
    assert reserved.query.task.plan.measures[0].alias == "n"


async def test_a_limit_of_the_request_and_its_confidence_go_before(scene: Scene) -> None:
    scene.mesh.ended.set()
    limit = LossLimit(epsilon=EpsilonDelta(epsilon_picos=5))

    await scene.run(request(limit=limit, confidence=0.5, payment=Payment(epsilon=EpsilonDelta(epsilon_picos=9))))

    assert scene.mesh.requests["ReserveQuery"].limit == limit
    assert scene.mesh.requests["ReserveQuery"].query.task.confidence == 0.5


@pytest.mark.parametrize("step", ["GetDatasetRecord", "Quote", "accepting", "ReserveQuery"])
async def test_refusals_on_the_way_to_the_payment_pass_unchanged(scene: Scene, step: str) -> None:
    refusal = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "SOME_REASON", "so it is", metadata={"hint": "do"})
    scene.mesh.refuse[step] = [refusal]

    caught = await refused(scene.run(request()))

    assert (caught.code, caught.reason, caught.message, caught.metadata) == (
        refusal.code,
        refusal.reason,
        refusal.message,
        refusal.metadata,
    )
    assert "Submit" not in scene.mesh.asked
    scene.mesh.ended.set()
    assert kinds(await scene.run(request()))[-1] == "complete"


async def test_sql_is_refused_before_anything_is_asked(scene: Scene) -> None:
    caught = await refused(scene.run(request(question=Question(sql=SqlQuery(statement="SELECT * FROM penguins")))))

    assert (caught.reason, caught.metadata["rule"]) == ("SQL_REJECTED", "not_aggregate")
    assert scene.mesh.asked == ["GetReservation"]


@pytest.mark.parametrize("step", ["GetDatasetRecord", "Quote", "accepting", "ReserveQuery"])
async def test_a_paid_query_goes_on_whatever_is_refused_since(scene: Scene, step: str) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    scene.mesh.refuse[step] = [refusals.access_denied("datasets/penguins")]

    events = await scene.run(request())

    assert kinds(events) == ["query", "schema", "batch", "complete"]
    assert scene.mesh.asked.count("Submit") == 1


async def test_a_paid_query_with_another_body_is_refused_even_then(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    scene.mesh.refuse["GetDatasetRecord"] = [refusals.access_denied("datasets/penguins")]

    assert (await refused(scene.run(request(fresh=True)))).reason == "REQUEST_ID_REUSED"


async def test_an_unknown_outcome_of_the_payment_is_looked_up(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    scene.mesh.refuse["ReserveQuery"] = [mesh_refusal("CANNOT_APPEND", grpc.StatusCode.UNAVAILABLE)]

    assert kinds(await scene.run(request()))[-1] == "complete"


async def test_a_publication_between_quote_and_payment_is_quoted_again(scene: Scene) -> None:
    scene.mesh.ended.set()
    scene.mesh.refuse["ReserveQuery"] = [VERSION_CHANGED, VERSION_CHANGED]

    assert kinds(await scene.run(request()))[-1] == "complete"
    assert scene.mesh.asked.count("Quote") == 3

    scene.mesh.refuse["PreviewQuery"] = [VERSION_CHANGED] * 3
    quote = query_service_pb2.QuoteQueryRequest(question=SQL, payment=RHO)
    caught = await refused(scene.stub.QuoteQuery(quote))
    assert (caught.reason, caught.domain) == ("SERVICE_UNAVAILABLE", "sfumato")


async def test_a_task_that_cannot_be_queued_is_the_settler_s(scene: Scene) -> None:
    scene.mesh.ended.set()
    scene.mesh.refuse["Submit"] = [UNAVAILABLE]

    assert kinds(await scene.run(request()))[-1] == "complete"


@pytest.mark.parametrize(
    ("caller", "cancelled", "reason", "code", "state"),
    [
        (ADA, False, "QUERY_FAILED", grpc.StatusCode.ABORTED, Query.STATE_FAILED),
        (ADA, True, "QUERY_CANCELLED", grpc.StatusCode.CANCELLED, Query.STATE_CANCELLED),
    ],
)
async def test_a_query_without_an_answer(
    scene: Scene, caller: Caller, cancelled: bool, reason: str, code: grpc.StatusCode, state: int
) -> None:
    scene.mesh.outcome, scene.mesh.cancelled = Reservation.STATE_CHARGED, cancelled
    scene.mesh.ended.set()
    seen: list[query_pb2.QueryEvent] = []

    caught = await refused(read_into(seen, scene))

    assert (caught.reason, caught.code, dict(caught.metadata), caught.fields) == (reason, code, {}, ())
    assert [event.query.state for event in seen] == [Query.STATE_OPEN, state]
    assert (await refused(scene.run(request()))).reason == reason, "a retry gets the same"


async def test_a_tampered_release_is_a_failure_and_shows_no_success(scene: Scene) -> None:
    scene.mesh.ended.set()
    scene.mesh.refuse["ReadRelease"] = [mesh_refusal("RELEASE_TAMPERED", grpc.StatusCode.DATA_LOSS)]
    seen: list[query_pb2.QueryEvent] = []

    assert (await refused(read_into(seen, scene))).reason == "QUERY_FAILED"
    assert [event.query.state for event in seen] == [Query.STATE_OPEN]


async def test_a_store_that_is_away_is_unavailable(scene: Scene) -> None:
    scene.mesh.ended.set()
    away = mesh_refusal("RELEASE_STORE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE)
    scene.mesh.refuse["ReadRelease"] = [away]

    caught = await refused(scene.run(request()))

    assert (caught.reason, caught.domain) == ("SERVICE_UNAVAILABLE", "sfumato")
    assert caught.retry_after is not None
    assert kinds(await scene.attach(f"queries/{NAME}"))[-1] == "complete"


async def test_a_client_that_leaves_ends_the_watch_and_nothing_else(scene: Scene) -> None:
    call = scene.stub.RunQuery(request())
    assert (await call.read()).event.query.state == Query.STATE_OPEN
    call.cancel()
    await asyncio.sleep(0.05)

    assert "ChargeQuery" not in scene.mesh.asked
    assert scene.mesh.reservations[NAME].state == Reservation.STATE_OPEN
    scene.mesh.ended.set()
    assert kinds(await scene.attach(f"queries/{NAME}"))[-1] == "complete"


async def test_attaching_from_a_row(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())

    events = await scene.attach(f"queries/{NAME}", start_row=3)

    assert kinds(events) == ["query", "schema", "batch", "complete"]
    assert (events[2].batch.start_offset, events[3].complete.row_count) == (3, 5)


async def test_answers_are_for_the_analyst_alone(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    scene.call_as(BOB)

    caught = await refused(scene.attach(f"queries/{NAME}"))

    assert (caught.reason, caught.metadata["resource"]) == ("ACCESS_DENIED", f"queries/{NAME}")
    assert caught.message == (await refused(scene.attach(f"queries/{uuid4()}"))).message.replace(
        scene.mesh.requests["GetReservation"].query_id, NAME
    ), "as one that is not there"


async def test_receipts_leave_behind_the_mark(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    get = query_service_pb2.GetQueryRequest(name=f"queries/{NAME}")
    other = Scene()
    other.mesh.reservations = scene.mesh.reservations

    assert (await other.stub.GetQuery(get)).query.receipt.statement.sequence == 7
    head = other.mesh.requests["RaiseMark"].head
    assert head == ledger_pb2.LedgerHead(population=POPULATION, sequence=7, entry_hash=b"\x07" * 32)

    await other.stub.GetQuery(get)
    await other.stub.ListQueries(query_service_pb2.ListQueriesRequest())
    assert other.mesh.asked.count("RaiseMark") == 1, "a position is marked once"
    other.now = KNOWN_SECONDS
    await other.stub.GetQuery(get)
    assert other.mesh.asked.count("RaiseMark") == 2, "a backup may be in the chain's place by then"


async def test_a_mark_that_cannot_be_raised_holds_the_receipt_back(scene: Scene) -> None:
    scene.mesh.ended.set()
    await scene.run(request())
    other = Scene()
    other.mesh.reservations = scene.mesh.reservations
    other.mesh.refuse["RaiseMark"] = [UNAVAILABLE, UNAVAILABLE]

    get = query_service_pb2.GetQueryRequest(name=f"queries/{NAME}")
    assert (await refused(other.stub.GetQuery(get))).reason == "SERVICE_UNAVAILABLE"
    listing = other.stub.ListQueries(query_service_pb2.ListQueriesRequest())
    assert (await refused(listing)).reason == "SERVICE_UNAVAILABLE"


async def test_history_passes_its_conditions_on(scene: Scene) -> None:
    asked = query_service_pb2.ListQueriesRequest(
        page_size=3,
        page_token="t",
        dataset="datasets/penguins",
        project="projects/p",
        analyst="users/ada",
        states=[Query.STATE_OPEN],
        labels={"a": "b"},
        start_time=Timestamp(seconds=1),
        end_time=Timestamp(seconds=2),
    )

    response = await scene.stub.ListQueries(asked)

    passed = scene.mesh.requests["ListReservations"]
    names = {field.name: field.number for field in asked.DESCRIPTOR.fields}
    assert names == {field.name: field.number for field in passed.DESCRIPTOR.fields}
    assert all(getattr(passed, name) == getattr(asked, name) for name in names)
    assert response.next_page_token == "next"


async def test_cancelling(scene: Scene) -> None:
    call = scene.stub.RunQuery(request())
    await call.read()

    cancel = query_service_pb2.CancelQueryRequest(name=f"queries/{NAME}")
    response = await scene.stub.CancelQuery(cancel)

    assert response.query.state == Query.STATE_CANCELLED
    assert scene.mesh.requests["ChargeQuery"].cancelled
    scene.call_as(BOB)
    get = await scene.stub.GetQuery(query_service_pb2.GetQueryRequest(name=f"queries/{NAME}"))
    assert get.query.state == Query.STATE_FAILED, "that it was cancelled is shown to who cancelled it"


async def test_cancelling_what_was_claimed_only(scene: Scene) -> None:
    scene.mesh.refuse["ChargeQuery"] = [mesh_refusal("RESERVATION_UNKNOWN")]

    caught = await refused(scene.stub.CancelQuery(query_service_pb2.CancelQueryRequest(name=f"queries/{NAME}")))

    assert caught.reason == "ACCESS_DENIED"
