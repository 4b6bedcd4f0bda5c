"""Exports as one Arrow IPC file: a typed table of the entries; header and head, ProtoJSON, in the schema's metadata."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any, Final

from sfumato.errors import MissingExtra
from sfumato.v1 import ledger_pb2, ledger_service_pb2
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.exports import Entry, Head, Header, Malformed, Record, Signature, read_head, read_header
from sfumato.verification.json_lines import message_fields, require_version

try:
    import pyarrow as pa
    import pyarrow.ipc
except ImportError:
    raise MissingExtra("an Arrow export", "pyarrow") from None

_HEADER: Final = b"sfumato.export.header"
_HEAD: Final = b"sfumato.export.head"
_BATCH: Final = 1024
_MAGIC_BYTES: Final = 8

SCHEMA: Final = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("ns", "UTC"), nullable=False),
        pa.field("previous_hash", pa.binary(32), nullable=False),
        pa.field("entry_hash", pa.binary(32), nullable=False),
        pa.field(
            "records",
            pa.list_(
                pa.struct(
                    [pa.field("digest", pa.binary(32), nullable=False), pa.field("payload", pa.string(), nullable=True)]
                )
            ),
            nullable=False,
        ),
        pa.field("key_id", pa.string(), nullable=False),
        pa.field("signature", pa.binary(64), nullable=False),
    ]
)
"""One row an entry; a hidden event has a null payload."""


class ArrowExport:
    """An export that is read batch by batch."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        """Read the metadata.

        Raises:
            ExportUnreadable: it is no export, is cut short, or is of another version.
        """
        self._name = name
        try:
            self._reader = pa.ipc.open_file(stream)
            schema = self._reader.schema
            stream.seek(_MAGIC_BYTES)  # the schema stands there a second time, for readers of streams
            if not pa.ipc.open_stream(stream).schema.equals(schema, check_metadata=True):
                raise self._unreadable()
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable() from error
        metadata = schema.metadata or {}
        if not schema.remove_metadata().equals(SCHEMA) or _HEADER not in metadata or _HEAD not in metadata:
            raise ExportUnreadable(
                f"{name} is an Arrow file, and no export of a ledger.",
                reason="EXPORT_INVALID",
                hint="sfumato admin ledger export POPULATION --format arrow -o FILE",
            )
        try:
            header, head = json.loads(metadata[_HEADER]), json.loads(metadata[_HEAD])
            if not isinstance(header, dict) or not isinstance(head, dict):
                raise Malformed("no objects")
            require_version(header.get("format_version"), name)
            self._header, self._head = read_header(header), read_head(head)
        except ValueError as problem:
            raise ExportUnreadable(f"{name}: its header or head cannot be read.", reason="EXPORT_INVALID") from problem

    @property
    def header(self) -> Header:
        """First part."""
        return self._header

    @property
    def head(self) -> Head:
        """Last part."""
        return self._head

    def entries(self) -> Iterator[Entry]:
        """Yield the entries; see Export."""
        position = 0
        for index in range(self._batches()):
            columns, records = self._columns(index)
            for row in zip(*columns, records, strict=True):
                if None in row:
                    raise Defect(position, "form", "a value is missing")
                yield self._entry(*row)
                position += 1

    def _batches(self) -> int:
        try:
            return int(self._reader.num_record_batches)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable() from error

    def _columns(self, index: int) -> tuple[list[list[Any]], list[tuple[Record, ...] | None]]:
        """Return the values of a batch: its plain columns, and the records of each row (None: one has no digest)."""
        try:
            batch = self._reader.get_batch(index)
            batch.validate(full=True)
            columns = {name: batch.column(name) for name in SCHEMA.names}
            lists = columns.pop("records")
            columns["time"] = columns["time"].cast(pa.int64())
            flat = lists.flatten()
            digests, payloads = flat.field("digest").to_pylist(), flat.field("payload").to_pylist()
            lengths = lists.value_lengths().to_pylist()
            return [column.to_pylist() for column in columns.values()], _grouped(lengths, digests, payloads)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable() from error

    def _entry(
        self,
        sequence: int,
        time: int,
        previous_hash: bytes,
        entry_hash: bytes,
        key_id: str,
        signature: bytes,
        records: tuple[Record, ...],
    ) -> Entry:
        return Entry(
            self._header.population,
            sequence,
            time_text(time),
            previous_hash,
            entry_hash,
            records,
            Signature(key_id, signature),
        )

    def _unreadable(self) -> ExportUnreadable:
        return ExportUnreadable(
            f"{self._name} is cut short or damaged: Arrow cannot read it.",
            reason="EXPORT_CUT_SHORT",
            hint="export it again",
        )


def _grouped(
    lengths: list[int | None], digests: list[bytes | None], payloads: list[str | None]
) -> list[tuple[Record, ...] | None]:
    """Return the records of each row; None where the row has none, or one of them no digest."""
    grouped: list[tuple[Record, ...] | None] = []
    place = 0
    for length in lengths:
        end = place + (length or 0)
        parts = [(digest, text or "") for digest, text in zip(digests[place:end], payloads[place:end], strict=True)]
        whole = tuple([Record(digest, text) for digest, text in parts if digest is not None])
        grouped.append(whole if len(whole) == len(parts) and length is not None else None)
        place = end
    return grouped


@lru_cache(1024)
def time_text(nanoseconds: int) -> str:
    """Return an instant, in nanoseconds since 1970, as ProtoJSON writes it."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""
    if fraction % 1_000_000 == 0:
        part = f".{fraction // 1_000_000:03d}" if fraction else ""
    elif fraction % 1000 == 0:
        part = f".{fraction // 1000:06d}"
    else:
        part = f".{fraction:09d}"
    return f"{whole}{part}Z"


def write(parts: Iterable[ledger_service_pb2.ExportLedgerResponse], stream: IO[bytes]) -> None:
    """Write the parts of an export, in memory that does not grow with it.

    The head, which is part of the schema, comes last: entries wait in a temporary file.
    """
    header: ledger_service_pb2.ExportHeader | None = None
    head: ledger_pb2.LedgerHead | None = None
    with tempfile.TemporaryFile() as waiting:
        with pa.ipc.new_stream(waiting, SCHEMA) as writer:
            rows: list[dict[str, Any]] = []
            for part in parts:
                if part.HasField("header"):
                    header = part.header
                elif part.HasField("head"):
                    head = part.head
                else:
                    rows.append(_row(part.entry))
                    if len(rows) >= _BATCH:
                        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
                        rows = []
            if rows:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
        if header is None or head is None:
            raise ExportUnreadable(
                "the export ended without a head.", reason="EXPORT_CUT_SHORT", hint="export it again"
            )
        metadata = {_HEADER: _json(header), _HEAD: _json(head)}
        waiting.seek(0)
        with pa.ipc.new_file(stream, SCHEMA.with_metadata(metadata)) as file, pa.ipc.open_stream(waiting) as entries:
            for batch in entries:
                file.write_batch(batch.replace_schema_metadata(metadata))


def _row(entry: ledger_pb2.LedgerEntry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "time": entry.time.ToNanoseconds(),
        "previous_hash": entry.previous_hash,
        "entry_hash": entry.entry_hash,
        "records": [{"digest": each.digest, "payload": each.payload or None} for each in entry.records],
        "key_id": entry.signature.key_id,
        "signature": entry.signature.ed25519,
    }


def _json(message: Any) -> bytes:
    return json.dumps(message_fields(message), ensure_ascii=False, separators=(",", ":")).encode()
