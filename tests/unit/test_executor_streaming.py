"""Tables as messages of about 1 MiB."""

import os

import google_crc32c
import pyarrow as pa
import pyarrow.ipc
import pytest

from sfumato.v1.arrow_pb2 import ArrowBatch
from sfumato_executor.streaming import MAX_BYTES, TARGET_BYTES, batch_messages, schema_message


def _read(table: pa.Table, messages: list[ArrowBatch]) -> pa.Table:
    schema = pyarrow.ipc.read_schema(pa.py_buffer(schema_message(table).serialized_schema))
    batches = []
    for message in messages:
        assert message.crc32c == google_crc32c.value(message.serialized_record_batch)
        batch = pyarrow.ipc.read_record_batch(pa.py_buffer(message.serialized_record_batch), schema)
        assert batch.num_rows == message.row_count
        batches.append(batch)
    return pa.Table.from_batches(batches, schema)


def _numbers(rows: int) -> pa.Table:
    return pa.table({"key": pa.array(range(rows), pa.int64()), "n": pa.array(range(rows), pa.float64())})


def test_a_small_table_is_one_batch() -> None:
    table = pa.table({"species": ["Adelie", None, "Chinstrap"], "n": [1.5, 2.5, None]})
    messages = list(batch_messages(table))
    assert [(each.start_offset, each.row_count) for each in messages] == [(0, 3)]
    assert _read(table, messages).equals(table)


def test_batches_follow_and_are_about_a_mebibyte() -> None:
    table = _numbers(1_000_000)
    messages = list(batch_messages(table))
    row = 0
    for message in messages:
        assert message.start_offset == row
        row += message.row_count
    sizes = [len(message.serialized_record_batch) for message in messages]
    assert row == table.num_rows
    assert all(TARGET_BYTES * 0.9 < size < TARGET_BYTES * 1.1 for size in sizes[:-1])
    assert _read(table, messages).equals(table)


@pytest.mark.parametrize("start", [1, 65_535, 65_536, 199_999])
def test_going_on_at_any_row(start: int) -> None:
    table = _numbers(200_000)
    messages = list(batch_messages(table, start))
    assert messages[0].start_offset == start
    assert _read(table, messages).equals(table.slice(start))


def test_after_the_last_row_comes_nothing() -> None:
    assert list(batch_messages(_numbers(10), 10)) == []


def test_an_empty_table_is_one_empty_batch() -> None:
    table = _numbers(0)
    messages = list(batch_messages(table))
    assert [(each.start_offset, each.row_count) for each in messages] == [(0, 0)]
    assert _read(table, messages).equals(table)


def test_rows_of_uneven_size_stay_below_the_cap() -> None:
    texts = ["x"] * 5000 + [os.urandom(1 << 19).hex() for _ in range(6)]
    table = pa.table({"text": texts})
    messages = list(batch_messages(table))
    assert max(len(each.serialized_record_batch) for each in messages) <= MAX_BYTES
    assert _read(table, messages).equals(table)


def test_a_row_above_the_cap_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1"):
        list(batch_messages(pa.table({"text": ["a", "x" * (MAX_BYTES + 1)]})))


def test_chunked_tables_and_metadata() -> None:
    table = pa.concat_tables([_numbers(3), _numbers(4)]).replace_schema_metadata({"secret": "digest"})
    assert b"secret" not in schema_message(table).serialized_schema
    assert _read(table, list(batch_messages(table))).num_rows == 7
