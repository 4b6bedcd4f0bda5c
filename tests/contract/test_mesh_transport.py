"""One suite for every transport: the same servicer over a loopback socket and inside the process, aio and sync."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from sfumato.v1.query_service_pb2 import (
    AttachQueryRequest,
    CancelQueryRequest,
    GetQueryRequest,
)
from sfumato_mesh.caller import Caller, calling_as
from tests.contract.transport_stage import (
    ADA,
    ATTACH,
    BROKEN,
    CANCEL,
    GET,
    LARGE,
    LOST,
    MAX_REQUEST,
    REFUSAL,
    REFUSED,
    SLOW,
    TRANSPORTS,
    WELL,
    WIDE,
    Stage,
    failed,
    leaked,
    refused,
    staged,
)


@pytest.fixture(params=TRANSPORTS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with staged(request.param) as stage:
        yield stage


async def test_answers_and_knows_the_caller(stage: Stage) -> None:
    token = leaked.set("of the client")
    with calling_as(ADA):
        answer = await stage.wire.unary(GET, GetQueryRequest(name=WELL))
    leaked.reset(token)
    assert answer.query.name == WELL
    assert stage.seen.callers == [ADA]
    assert stage.seen.leaks == [""], "the client's context variables must not reach the handler"


async def test_without_a_caller_a_service_speaks_for_itself(stage: Stage) -> None:
    await stage.wire.unary(GET, GetQueryRequest(name=WELL))
    assert stage.seen.callers == [Caller("gateway", "")]


async def test_streams_all_messages_in_order(stage: Stage) -> None:
    read = await stage.wire.stream(ATTACH, AttachQueryRequest(name=WELL))
    assert [message.event.batch.start_offset for message in read] == [0, 1, 2]
    assert stage.seen.ended.is_set()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_arrives_whole(stage: Stage, streamed: bool) -> None:
    call = (
        stage.wire.stream(ATTACH, AttachQueryRequest(name=REFUSED))
        if streamed
        else stage.wire.unary(GET, GetQueryRequest(name=REFUSED))
    )
    refusal = await refused(call)
    assert refusal.to_status() == REFUSAL.to_status()
    assert refusal.message == REFUSAL.message
    assert refusal.retry_after == 1.5


async def test_a_refusal_of_any_length_arrives(stage: Stage) -> None:
    refusal = await refused(stage.wire.unary(GET, GetQueryRequest(name=LARGE)))
    assert refusal.reason == "PLAN_REJECTED"
    assert refusal.metadata["rule"] == "unknown_column"
    assert refusal.fields[0].field.startswith("ρρρ")


async def test_messages_before_a_refusal_are_read(stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await stage.wire.stream(ATTACH, AttachQueryRequest(name=REFUSED))
    assert len(caught.value.read) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [BROKEN, LOST])
async def test_a_failed_handler_tells_nothing(stage: Stage, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        refusal = await refused(stage.wire.unary(GET, GetQueryRequest(name=name)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    assert refusal.metadata["service"] == "accountant"
    assert "nightingale" not in str(refusal)
    assert "nightingale" not in caplog.text
    assert ("ValueError" if name == BROKEN else "CancelledError") in caplog.text
    assert (await stage.wire.unary(GET, GetQueryRequest(name=WELL))).query.name == WELL


async def test_a_deadline_ends_both_sides(stage: Stage) -> None:
    start = time.monotonic()
    code, details = await failed(stage.wire.unary(GET, GetQueryRequest(name=SLOW), within=0.3))
    assert (code, details) == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    assert 0.25 <= time.monotonic() - start < 3
    await asyncio.wait_for(stage.seen.ended.wait(), 3)
    (remaining,) = stage.seen.remaining
    assert remaining is not None
    assert 0 < remaining < 0.35  # grpc rounds what is left up to its own units


async def test_a_deadline_that_is_over_reaches_no_handler(stage: Stage) -> None:
    code, _ = await failed(stage.wire.unary(GET, GetQueryRequest(name=WELL), within=-1))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert stage.seen.callers == []


async def test_cancelling_a_stream_ends_its_handler(stage: Stage) -> None:
    read = await stage.wire.stream(ATTACH, AttachQueryRequest(name=WIDE), take=2)
    assert len(read) == 2
    await asyncio.wait_for(stage.seen.ended.wait(), 3)


@pytest.mark.parametrize("transport", ["socket-aio", "inprocess-aio"])
async def test_cancelling_the_waiting_task_ends_its_handler(transport: str) -> None:
    async with staged(transport) as stage:
        task = asyncio.create_task(stage.wire.unary(GET, GetQueryRequest(name=SLOW)))
        while not stage.seen.callers:  # noqa: ASYNC110  (the handler has begun)
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(stage.seen.ended.wait(), 3)


async def test_a_stalled_reader_holds_the_handler(stage: Stage) -> None:
    await stage.wire.stalled(AttachQueryRequest(name=WIDE), 0.5)
    assert 1 <= stage.seen.sent <= 20, "MiB of an endless stream, unread"
    await asyncio.wait_for(stage.seen.ended.wait(), 3)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b" * 400])
async def test_garbage_is_refused(stage: Stage, data: bytes) -> None:
    for call in (stage.wire.unary(GET, data), stage.wire.stream(ATTACH, data)):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID")
        assert refusal.metadata["hint"]
    assert stage.seen.callers == []


async def test_broken_rules_are_named_by_field(stage: Stage) -> None:
    refusal = await refused(stage.wire.stream(ATTACH, AttachQueryRequest(name="penguins", start_row=-1)))
    assert refusal.reason == "REQUEST_INVALID"
    assert [violation.field for violation in refusal.fields] == ["name", "start_row"]
    assert all(violation.description for violation in refusal.fields)


async def test_no_principal_no_call(stage: Stage) -> None:
    refusal = await refused(stage.bare.unary(GET, b"garbage"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "PRINCIPAL_INVALID")
    assert refusal.metadata["rule"] == "missing"


async def test_the_table_is_asked_before_the_request_is_read(stage: Stage) -> None:
    for data in (b"\xff\xff\xff", CancelQueryRequest(name="not a name"), CancelQueryRequest(name=WELL)):
        refusal = await refused(stage.wire.unary(CANCEL, data))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PEER_NOT_ALLOWED")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_only_the_gateway_may_call_for_a_user(transport: str) -> None:
    async with staged(transport, service="executor") as stage:
        with calling_as(ADA):
            refusal = await refused(stage.wire.unary(GET, GetQueryRequest(name=WELL)))
        assert refusal.reason == "PEER_NOT_ALLOWED"
        assert stage.seen.callers == []


async def test_unknown_methods_are_unimplemented(stage: Stage) -> None:
    code, details = await failed(stage.wire.unary("/sfumato.v1.QueryService/DropTables", b""))
    assert (code, details) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


async def test_a_message_above_the_cap_is_refused_by_the_transport(stage: Stage) -> None:
    code, details = await failed(stage.wire.unary(GET, b"\x00" * (MAX_REQUEST + 1)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    assert (await stage.wire.unary(GET, GetQueryRequest(name=WELL))).query.name == WELL


async def test_a_stopped_server_is_unavailable(stage: Stage) -> None:
    await stage.wire.unary(GET, GetQueryRequest(name=WELL))
    await stage.stop()
    code, _ = await failed(stage.wire.unary(GET, GetQueryRequest(name=WELL)))
    assert code is grpc.StatusCode.UNAVAILABLE


async def test_calls_run_side_by_side(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.wire.unary(GET, GetQueryRequest(name=WELL)) for _ in range(50)))
    assert len(answers) == 50
