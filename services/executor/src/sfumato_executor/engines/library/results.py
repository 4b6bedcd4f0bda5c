"""Reads what a library's process wrote. The bytes are held for hostile: they come from code that saw data."""

import struct
from typing import Final

import pyarrow as pa

_HEADER_TYPE: Final = 1
_HEADER: Final = 2
_COMPRESSION: Final = 3
"""Fields of the flatbuffers tables Message and RecordBatch: format/Message.fbs of Apache Arrow."""


class BadResultError(Exception):
    """It is no table that a job may give."""


def read_result(written: bytes, most: int) -> pa.Table:
    """Return the table in an Arrow stream.

    It may have columns of numbers, booleans, texts, bytes, dates and times, and lists of them: no extension types,
    which could run code of their own, no dictionaries, no nulls of unbounded length. Bodies are not compressed, so that
    the table is not larger than the stream.

    Args:
        written: the stream, and nothing after it.
        most: bytes that it may hold.

    Raises:
        BadResultError: it is something else.
    """
    if len(written) > most:
        raise BadResultError
    try:
        return _read(written)
    except (pa.ArrowException, StopIteration, ValueError, TypeError, OSError, MemoryError, struct.error):
        raise BadResultError from None


def _read(written: bytes) -> pa.Table:
    source = pa.BufferReader(written)
    messages = pa.ipc.MessageReader.open_stream(source)
    schema = pa.ipc.read_schema(messages.read_next_message())
    if not len(schema) or not all(_is_plain(field.type) for field in schema):
        raise BadResultError
    batches = []
    for message in _rest(messages):
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise BadResultError
        batches.append(pa.ipc.read_record_batch(message, schema))
    if source.tell() != len(written):
        raise BadResultError
    table = pa.Table.from_batches(batches, schema)
    table.validate(full=True)
    return table


def _rest(messages: pa.ipc.MessageReader) -> "list[pa.ipc.Message]":
    """Return the messages up to the end of the stream. They are views of it."""
    found = []
    while True:
        try:
            found.append(messages.read_next_message())
        except StopIteration:
            return found


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type)
    plain = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string,
             types.is_binary, types.is_large_binary, types.is_date, types.is_timestamp)  # fmt: skip
    return not isinstance(kind, pa.BaseExtensionType) and any(is_one(kind) for is_one in plain)


def _is_compressed(message: bytes) -> bool:
    """Whether the body of a record batch is compressed. Arrow has verified the message's offsets."""
    root = struct.unpack_from("<I", message)[0]
    header = _field(message, root, _HEADER)
    if header is None or _field(message, root, _HEADER_TYPE) is None:
        raise BadResultError
    batch = header + struct.unpack_from("<I", message, header)[0]
    return _field(message, batch, _COMPRESSION) is not None


def _field(message: bytes, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffers table is, or None if it is left out."""
    fields = table - struct.unpack_from("<i", message, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", message, fields)[0]:
        return None
    offset = struct.unpack_from("<H", message, fields + 4 + 2 * number)[0]
    return table + offset if offset else None
