"""The synchronous transport against a gateway on a loopback socket that misbehaves on purpose."""

import io
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import pyarrow as pa
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import sfumato as sf
from sfumato._core.connection import Connection
from sfumato._core.crc32c import crc32c
from sfumato._core.streams import AnswerReader
from sfumato._transport import answers, calls
from sfumato._transport.calls import Calls
from sfumato._transport.channel import open_channel
from sfumato._transport.session import Session
from sfumato.questions import Question, sql_form
from sfumato.v1 import query_pb2, query_service_pb2, query_service_pb2_grpc, quote_pb2

NAME = "queries/00000000-0000-0000-0000-000000000001"
TABLE = pa.table({"k": ["a", "b", "c", "d"], "n": [1, 2, 3, 4], "n.lower": [0, 1, 2, 3], "n.upper": [2, 3, 4, 5]})
QUERY = query_pb2.Query(name=NAME, state=query_pb2.Query.STATE_OPEN)
Step: TypeAlias = query_pb2.QueryEvent | grpc.StatusCode | status_pb2.Status


def event(**kind: Any) -> query_pb2.QueryEvent:
    return query_pb2.QueryEvent(**kind)


def schema() -> query_pb2.QueryEvent:
    return event(schema={"serialized_schema": TABLE.schema.serialize().to_pybytes()})


def batch(start: int, stop: int) -> query_pb2.QueryEvent:
    data = TABLE.slice(start, stop - start).combine_chunks().to_batches()[0].serialize().to_pybytes()
    fields = {"start_offset": start, "row_count": stop - start, "crc32c": crc32c(data)}
    return event(batch={**fields, "serialized_record_batch": data})


def complete() -> query_pb2.QueryEvent:
    done = query_pb2.Query(name=NAME, state=query_pb2.Query.STATE_SUCCEEDED)
    return event(complete={"query": done, "row_count": 4})


def refusal(code: int, reason: str, retry: float | None = None) -> status_pb2.Status:
    details = [Packed()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason=reason, domain="sfumato", metadata={"hint": "less"}))
    if retry is not None:
        details.append(Packed())
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(int(retry * 1e9))
        details[1].Pack(info)
    return status_pb2.Status(code=code, message="no.", details=details)


@dataclass
class Gateway(query_service_pb2_grpc.QueryServiceServicer):
    """Plays one script a call; the last one again and again."""

    scripts: list[list[Step]]
    runs: list[query_service_pb2.RunQueryRequest] = field(default_factory=list)
    attaches: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    def play(self, context: grpc.ServicerContext, wrap: Callable[..., Any]) -> Iterator[Any]:
        self.tokens.append(str(dict(context.invocation_metadata()).get("authorization")))
        self.deadlines.append(context.time_remaining())
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        for step in script:
            if isinstance(step, grpc.StatusCode):
                context.abort(step, "cut")
            elif isinstance(step, status_pb2.Status):
                context.abort_with_status(rpc_status.to_status(step))
            else:
                yield wrap(event=step)

    def RunQuery(self, request: Any, context: Any) -> Any:
        self.runs.append(request)
        return self.play(context, query_service_pb2.RunQueryResponse)

    def AttachQuery(self, request: Any, context: Any) -> Any:
        self.attaches.append(request.start_row)
        assert request.name == NAME
        return self.play(context, query_service_pb2.AttachQueryResponse)

    def RunDummyQuery(self, request: Any, context: Any) -> Any:
        return self.play(context, query_service_pb2.RunDummyQueryResponse)

    def GetQuery(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "not asked here")

    CancelQuery = ListQueries = GetQuery

    def QuoteQuery(self, request: Any, context: Any) -> Any:
        for _ in self.play(context, query_service_pb2.RunQueryResponse):
            pass
        return query_service_pb2.QuoteQueryResponse(quote=quote_pb2.Quote(engine="native", affordable=True))


@dataclass
class Wire:
    gateway: Gateway
    session: Session
    slept: list[float]
    question: Question


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    opened: list[tuple[grpc.Server, Session]] = []

    def start(*scripts: list[Step]) -> Wire:
        server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        gateway = Gateway(list(scripts))
        query_service_pb2_grpc.add_QueryServiceServicer_to_server(gateway, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        connection = Connection(f"127.0.0.1:{port}", "t-0")
        slept: list[float] = []
        calls = Calls(connection, open_channel(connection), sleep=slept.append, jitter=lambda: 0.0)
        session = Session(calls)
        opened.append((server, session))
        question = Question(session, sql_form("SELECT COUNT(*) AS n FROM t", {}))
        return Wire(gateway, session, slept, question)

    yield start
    for server, session in opened:
        session.close()
        server.stop(None)


ROWS = [{"k": k, "n": n, "n.lower": n - 1, "n.upper": n + 1} for k, n in zip("abcd", [1, 2, 3, 4], strict=True)]


def test_an_answer_in_one_stream(wire: Any) -> None:
    at = wire([event(query=QUERY), event(progress={}), schema(), batch(0, 2), batch(2, 4), complete()])
    answer = at.question.run(rho=0.02)
    assert answer.rows() == ROWS
    assert (answer.query, answer.measures, answer.interval("n")[0]) == (NAME, ["n"], (0, 2))
    assert at.gateway.tokens == ["Bearer t-0"]
    # On the wire grpc writes what is left in whole seconds, rounded up, where it is more than 100 s.
    assert at.gateway.deadlines[0] < answers.STREAM_DEADLINE + 2
    sent = at.gateway.runs[0]
    assert sent.payment.rho.rho_picos == 2 * 10**10
    assert sent.request_id == answer.request_id == str(uuid.UUID(answer.request_id))


def test_a_lost_first_reply_is_asked_for_again_with_one_request_id(wire: Any) -> None:
    whole: list[Step] = [event(query=QUERY), schema(), batch(0, 4), complete()]
    at = wire([grpc.StatusCode.UNAVAILABLE], [grpc.StatusCode.DEADLINE_EXCEEDED], whole)
    answer = at.question.run(rho=0.02)
    assert answer.rows() == ROWS
    assert len({each.SerializeToString(deterministic=True) for each in at.gateway.runs}) == 1
    assert len(at.gateway.runs) == 3
    assert at.slept == [0.05, 0.2]


@pytest.mark.parametrize("cut", [[], [grpc.StatusCode.UNAVAILABLE], [grpc.StatusCode.CANCELLED]])
def test_a_cut_stream_goes_on_at_the_row_that_is_missing(wire: Any, cut: list[Step]) -> None:
    first: list[Step] = [event(query=QUERY), schema(), batch(0, 1), *cut]
    second: list[Step] = [event(query=QUERY), schema(), batch(1, 3), *cut]
    at = wire(first, second, [schema(), batch(3, 4), complete()])
    assert at.question.run(rho=0.02).rows() == ROWS
    assert len(at.gateway.runs) == 1
    assert at.gateway.attaches == [1, 3]


def test_a_broken_batch_is_fetched_again_and_never_shown(wire: Any) -> None:
    broken = batch(1, 4)
    broken.batch.crc32c ^= 1
    gap: list[Step] = [schema(), batch(2, 4), complete()]
    at = wire([event(query=QUERY), schema(), batch(0, 1), broken], gap, [schema(), batch(1, 4), complete()])
    assert at.question.run(rho=0.02).rows() == ROWS
    assert at.gateway.attaches == [1, 1]


def test_a_stream_that_never_gets_on_ends(wire: Any) -> None:
    at = wire([event(query=QUERY)])
    with pytest.raises(sf.Unavailable, match="cut"):
        at.question.run(rho=0.02)
    assert len(at.gateway.runs) == 1
    assert len(at.gateway.attaches) == 6


def test_another_table_after_a_cut_is_corrupt(wire: Any) -> None:
    other = event(schema={"serialized_schema": pa.schema({"x": pa.int64()}).serialize().to_pybytes()})
    at = wire([event(query=QUERY), schema(), batch(0, 1)], [other])
    with pytest.raises(sf.CorruptAnswer):
        at.question.run(rho=0.02)


def test_a_refusal_is_typed_and_not_repeated(wire: Any) -> None:
    at = wire([refusal(code_pb2.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED")])
    with pytest.raises(sf.BudgetExhausted) as caught:
        at.question.run(rho=0.02)
    assert caught.value.hint == "less"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert (len(at.gateway.runs), at.slept) == (1, [])


def test_a_failed_query_is_no_refusal(wire: Any) -> None:
    at = wire([event(query=QUERY), refusal(code_pb2.ABORTED, "QUERY_FAILED")])
    with pytest.raises(sf.QueryFailed) as caught:
        at.question.run(rho=0.02)
    assert not isinstance(caught.value, sf.RefusedError)
    assert at.gateway.attaches == []


def test_a_stated_delay_is_kept(wire: Any) -> None:
    at = wire([refusal(code_pb2.UNAVAILABLE, "NOT_ACCEPTING", 1.5)], [])
    assert at.question.quote(rho=0.02).affordable
    assert at.slept == [1.5]


def test_a_rehearsal_begins_anew(wire: Any) -> None:
    whole: list[Step] = [schema(), batch(0, 4), complete()]
    at = wire([schema(), batch(0, 2), grpc.StatusCode.UNAVAILABLE], whole)
    answer = at.question.dummy(rho=0.02, seed=7)
    assert answer.rows() == ROWS
    assert answer.is_dummy
    assert "nothing paid" in repr(answer)


def test_a_query_is_found_again(wire: Any) -> None:
    at = wire([event(query=QUERY), schema(), batch(0, 2)], [schema(), batch(2, 4), complete()])
    answer = at.session.attach(QUERY, None)
    assert answer.rows() == ROWS
    assert at.gateway.attaches == [0, 2]


def test_what_is_too_large_is_refused_before_it_is_sent(wire: Any) -> None:
    at = wire([])
    with pytest.raises(sf.RequestTooLarge, match=r"65,536"):
        Question(at.session, sql_form("SELECT" + " " * 10_000_000, {}))
    keys = [f"{i:01000d}" for i in range(1100)]
    from sfumato.questions import Rows
    from sfumato.v1 import relation_pb2

    rows = Rows(at.session, relation_pb2.Relation(scan=relation_pb2.Scan(dataset="datasets/d")))
    question = rows.group_by("k", keys=keys).agg(n=sf.count())
    for ask in (question.quote, question.run, question.dummy):
        with pytest.raises(sf.RequestTooLarge, match=r"1,048,576"):
            ask(rho=0.02)
    assert at.gateway.tokens == []


def test_nothing_there_is_told_within_seconds() -> None:
    connection = Connection("127.0.0.1:1", "t")
    session = Session(Calls(connection, open_channel(connection)))
    question = Question(session, sql_form("SELECT COUNT(*) AS n FROM t", {}))
    began = time.monotonic()
    with pytest.raises(sf.Unavailable, match=r"no mesh answers at 127\.0\.0\.1:1"):
        question.quote(rho=0.02)
    assert time.monotonic() - began < 5
    session.close()
    with pytest.raises(sf.SfumatoError, match="closed"):
        question.quote(rho=0.02)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_after_a_second_and_silent_elsewhere() -> None:
    now = [0.0]
    for terminal, expected in ((Terminal(), True), (io.StringIO(), False)):
        now[0] = 0.0
        line = answers.ProgressLine(lambda: now[0], terminal)
        reader = AnswerReader(query=QUERY)
        line.show(reader)
        assert terminal.getvalue() == ""
        now[0] = 3.2
        line.show(reader)
        assert ("waiting 3 s" in terminal.getvalue()) == expected
        assert "\n" not in terminal.getvalue()
        line.clear()


def test_a_traced_stream_is_closed_as_a_bare_one_is_cancelled() -> None:
    """What traces calls hands out a generator, which has no `cancel`."""
    ended = []

    def traced() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    stream: Any = traced()
    assert next(stream) == 1
    calls.end_stream(stream)
    assert ended == [True]


def test_ctrl_c_leaves_the_query_running_and_says_how_to_find_it(wire: Any) -> None:
    at = wire([event(query=QUERY), event(progress={})])
    terminal = Terminal()

    class Interrupted:
        cancelled = False

        def __iter__(self) -> Iterator[Any]:
            yield query_service_pb2.RunQueryResponse(event=event(query=QUERY))
            raise KeyboardInterrupt

        def cancel(self) -> None:
            self.cancelled = True

    stream = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        answers.collect(at.session.calls, lambda _: stream, lambda *_: stream, terminal=terminal)
    assert stream.cancelled
    assert f"mesh.query('{NAME}') finds it" in terminal.getvalue()


def test_a_time_out_of_the_caller_says_that_the_query_goes_on(wire: Any) -> None:
    at = wire([event(query=QUERY)])
    now = iter(range(0, 1000, 3))
    at.session.calls.clock = lambda: float(next(now))
    with pytest.raises(sf.Unavailable, match="the query goes on") as caught:
        at.question.run(rho=0.02, timeout=20)
    assert NAME in caught.value.hint
