"""An answer's table as messages: one schema, then batches of about 1 MiB."""

from collections.abc import Iterator
from typing import Final

import google_crc32c
import pyarrow as pa

from sfumato.v1.arrow_pb2 import ArrowBatch, ArrowSchema

TARGET_BYTES: Final = 1 << 20
MAX_BYTES: Final = 7 << 19
"""3.5 MiB: with its envelope a message stays below gRPC's default cap of 4 MiB."""


def schema_message(table: pa.Table) -> ArrowSchema:
    """Return the columns of a table."""
    schema: pa.Schema = table.schema.remove_metadata()
    return ArrowSchema(serialized_schema=schema.serialize().to_pybytes())


def batch_messages(table: pa.Table, start_row: int = 0) -> Iterator[ArrowBatch]:
    """Yield the rows from `start_row` on; of an empty table one batch without rows.

    Batches of one table may be cut elsewhere in another stream: a reader goes on by rows, not by batches.

    Raises:
        ValueError: one row alone is above MAX_BYTES.
    """
    rows = table.num_rows
    if rows == 0:
        yield _message(table, 0, 0)
        return
    step = max(1, rows * TARGET_BYTES // max(table.nbytes, 1))
    for row in range(start_row, rows, step):
        yield from _cut(table, row, min(step, rows - row))


def _cut(table: pa.Table, row: int, count: int) -> Iterator[ArrowBatch]:
    """Yield some rows; in halves where rows of uneven size make too large a message."""
    message = _message(table, row, count)
    if len(message.serialized_record_batch) <= MAX_BYTES:
        yield message
        return
    if count == 1:
        raise ValueError(f"row {row} is above {MAX_BYTES} bytes")
    half = count // 2
    yield from _cut(table, row, half)
    yield from _cut(table, row + half, count - half)


def _message(table: pa.Table, row: int, count: int) -> ArrowBatch:
    batches = table.slice(row, count).combine_chunks().to_batches()
    batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    serialized = batch.serialize().to_pybytes()
    return ArrowBatch(
        row_count=count,
        start_offset=row,
        crc32c=google_crc32c.value(serialized),
        serialized_record_batch=serialized,
    )
