"""An answer's table as messages: one schema, then batches of about 1 MiB."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import google_crc32c
import pyarrow as pa

from sfumato.v1.arrow_pb2 import ArrowBatch, ArrowSchema

TARGET_BYTES: Final = 1 << 20
MAX_BYTES: Final = 7 << 19
"""3.5 MiB: with its envelope a message stays below gRPC's default cap of 4 MiB."""


def schema_message(table: pa.Table) -> ArrowSchema:
    """Return the columns of a table."""
    return schema_of(table.schema)


def schema_of(schema: pa.Schema) -> ArrowSchema:
    """Return columns without what is said beside them."""
    return ArrowSchema(serialized_schema=schema.remove_metadata().serialize().to_pybytes())


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


async def table_batches(table: pa.Table, start_row: int) -> AsyncIterator[ArrowBatch]:
    """Yield a table in batches; large ones are made off the event loop, each while the one before is taken."""
    batches: Iterator[ArrowBatch] = batch_messages(table, start_row)
    if table.nbytes <= TARGET_BYTES // 8:  # cheaper to make than to hand to a thread
        for small in batches:
            yield small
        return

    def following() -> ArrowBatch | None:
        return next(batches, None)

    loop = asyncio.get_running_loop()
    coming = loop.run_in_executor(None, following)
    try:
        while (batch := await coming) is not None:
            coming = loop.run_in_executor(None, following)
            yield batch
    finally:
        coming.cancel()


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
