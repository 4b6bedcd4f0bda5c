"""Reading an answer: gaps, checksums, other tables; and when a call is tried again."""

import random

import pyarrow as pa
import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

import sfumato as sf
from sfumato._core.crc32c import crc32c, table_crc32c
from sfumato._core.retries import RetryPolicy
from sfumato._core.statuses import Refusal
from sfumato._core.streams import AnswerReader, Damaged
from sfumato.v1 import query_pb2

TABLE = pa.table({"k": ["a", "b", "c"], "n": [1, 2, 3]})


def schema_event(table: pa.Table = TABLE) -> query_pb2.QueryEvent:
    event = query_pb2.QueryEvent()
    event.schema.serialized_schema = table.schema.serialize().to_pybytes()
    return event


def batch_event(start: int, stop: int) -> query_pb2.QueryEvent:
    data = TABLE.slice(start, stop - start).combine_chunks().to_batches()[0].serialize().to_pybytes()
    event = query_pb2.QueryEvent()
    event.batch.serialized_record_batch = data
    event.batch.row_count = stop - start
    event.batch.start_offset = start
    event.batch.crc32c = table_crc32c(data)
    return event


def complete_event(rows: int = 3) -> query_pb2.QueryEvent:
    return query_pb2.QueryEvent(complete=query_pb2.Complete(row_count=rows))


def test_crc32c_is_castagnoli() -> None:
    assert table_crc32c(b"123456789") == 0xE3069283  # RFC 3720, B.4, and every catalogue of CRCs
    assert table_crc32c(bytes(32)) == 0x8A9136AA
    assert table_crc32c(b"") == 0


@given(st.binary(max_size=300))
def test_the_fast_checksum_is_the_same(data: bytes) -> None:
    assert crc32c(data) == table_crc32c(data)


def test_a_whole_answer_decodes_without_arrow_libraries() -> None:
    reader = AnswerReader()
    for event in (schema_event(), batch_event(0, 2), batch_event(2, 3), complete_event()):
        reader.feed(event)
    assert reader.complete is not None
    assert reader.table().columns() == {"k": ["a", "b", "c"], "n": [1, 2, 3]}
    assert pa.ipc.open_stream(reader.table().to_ipc()).read_all().equals(TABLE)


def test_a_gap_a_checksum_and_a_short_end_are_seen() -> None:
    reader = AnswerReader()
    with pytest.raises(Damaged, match="before the schema"):
        reader.feed(batch_event(0, 1))
    reader.feed(schema_event())
    with pytest.raises(Damaged, match="row 0 is missing"):
        reader.feed(batch_event(1, 3))
    broken = batch_event(0, 2)
    broken.batch.crc32c ^= 1
    with pytest.raises(Damaged, match="checksum"):
        reader.feed(broken)
    assert reader.rows == 0
    reader.feed(batch_event(0, 2))
    with pytest.raises(Damaged, match="2 of 3 rows"):
        reader.feed(complete_event())
    assert reader.complete is None


def test_another_table_or_query_is_never_mended() -> None:
    reader = AnswerReader(query=query_pb2.Query(name="queries/1"))
    reader.feed(schema_event())
    with pytest.raises(sf.CorruptAnswer, match="other columns"):
        reader.feed(schema_event(pa.table({"k": [1]})))
    with pytest.raises(sf.CorruptAnswer, match="went on with"):
        reader.feed(query_pb2.QueryEvent(query=query_pb2.Query(name="queries/2")))


def test_an_event_of_a_later_version_is_passed_over() -> None:
    AnswerReader().feed(query_pb2.QueryEvent())


@pytest.mark.parametrize("code", [code_pb2.INVALID_ARGUMENT, code_pb2.RESOURCE_EXHAUSTED, code_pb2.ABORTED])
def test_a_refusal_is_never_repeated(code: int) -> None:
    assert RetryPolicy().wait(Refusal(code, ""), 1, known=True, random=0.0) is None


def test_waits_grow_by_four_up_to_the_cap_with_jitter() -> None:
    policy, gone = RetryPolicy(), Refusal(code_pb2.UNAVAILABLE, "")
    waits = [policy.wait(gone, failed, known=True, random=0.0) for failed in range(1, 8)]
    assert waits == [0.05, 0.2, 0.8, 3.2, 10.0, 10.0, None]
    least = policy.wait(gone, 1, known=True, random=1.0)
    assert least == 0.025
    draw = policy.wait(gone, 2, known=True, random=random.Random(1).random())
    assert draw is not None
    assert 0.1 <= draw <= 0.2


def test_a_mesh_that_never_answered_is_given_up_sooner() -> None:
    gone = Refusal(code_pb2.UNAVAILABLE, "")
    assert RetryPolicy().wait(gone, 4, known=False, random=0.0) is None
    assert RetryPolicy().wait(gone, 4, known=True, random=0.0) is not None


def test_retry_info_is_waited_for_and_a_long_one_is_not() -> None:
    policy = RetryPolicy()
    told = policy.wait(Refusal(code_pb2.UNAVAILABLE, "", retry_after=2.0), 1, known=True, random=0.5)
    assert told is not None
    assert told >= 2.0
    assert policy.wait(Refusal(code_pb2.UNAVAILABLE, "", retry_after=60.0), 1, known=True, random=0.5) is None
    assert policy.wait(Refusal(code_pb2.ABORTED, "", retry_after=1.0), 1, known=True, random=0.0) is not None
