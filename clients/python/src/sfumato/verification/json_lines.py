"""Exports as JSON lines: ProtoJSON of ExportLedgerResponse with proto field names, one message a line."""

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from google.protobuf.json_format import MessageToDict

from sfumato.v1 import ledger_pb2, ledger_service_pb2
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.exports import (
    FORMAT_VERSION,
    Entry,
    Head,
    Header,
    Malformed,
    read_entry,
    read_head,
    read_header,
)

_decode: Final = json.JSONDecoder().raw_decode
_LINE_MAX: Final = 256 * 1024 * 1024
"""Bytes of one line; an entry holds at most a few hundred events."""


class JsonLinesExport:
    """An export that is read line by line."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        """Read the header.

        Raises:
            ExportUnreadable: there is none, or it is of another version.
        """
        self._stream = stream
        self._name = name
        self._head: Head | None = None
        self._header = self._read_header()

    @property
    def header(self) -> Header:
        """First part."""
        return self._header

    @property
    def head(self) -> Head:
        """Last part; once all entries were read."""
        assert self._head is not None
        return self._head

    def entries(self) -> Iterator[Entry]:
        """Yield the entries; see Export."""
        position = 0
        while True:
            fields, whole = self._next_line(position)
            kind, body = _only(fields)
            if kind == "entry":
                yield self._read(position, read_entry, body)
                position += 1
            elif kind == "head":
                self._head = self._read(position, read_head, body)
                break
            elif whole:
                raise ExportUnreadable(
                    f"{self._name}: behind position {position - 1} comes {_shown(kind)}, of which this version of "
                    "sfumato knows nothing.",
                    reason="EXPORT_KIND_UNKNOWN",
                    hint="a newer sfumato",
                )
            else:
                raise self._cut_short(position)
        if self._stream.readline(1024).strip():
            raise Defect(position, "head", "something follows the head of the export")

    def _read_header(self) -> Header:
        line = self._stream.readline(_LINE_MAX)
        try:
            kind, body = _only(json.loads(line))
        except ValueError:
            kind, body = "", {}
        if kind != "header":
            raise ExportUnreadable(
                f"{self._name} is no export of a ledger: its first line is no header.",
                reason="EXPORT_INVALID",
                hint="sfumato admin ledger export POPULATION -o FILE",
            )
        require_version(body.get("format_version"), self._name)
        try:
            return read_header(body)
        except Malformed as problem:
            raise ExportUnreadable(
                f"{self._name}: its header cannot be read: {problem}.", reason="EXPORT_INVALID"
            ) from None

    def _next_line(self, position: int) -> tuple[Any, bool]:
        """Return the next line's document, and whether the line ends as a line does."""
        line = self._stream.readline(_LINE_MAX)
        whole = line.endswith(b"\n")
        if not line:
            raise self._cut_short(position)
        try:
            text = line.decode()
            document, end = _decode(text)
            if text[end:].strip():
                raise ValueError("more than one document")
            return document, whole
        except (ValueError, RecursionError):
            if not whole:
                raise self._cut_short(position) from None
            raise Defect(position, "form", "its line is no JSON") from None

    def _read(self, position: int, read: Any, body: Any) -> Any:
        try:
            return read(body)
        except Malformed as problem:
            raise Defect(position, "form", str(problem)) from None

    def _cut_short(self, position: int) -> ExportUnreadable:
        return ExportUnreadable(
            f"{self._name} is cut short: it ends without a head, behind {position} whole entries.",
            reason="EXPORT_CUT_SHORT",
            hint="export it again",
        )


def require_version(version: Any, name: str) -> None:
    """Check the format's version.

    Raises:
        ExportUnreadable: it is another.
    """
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise ExportUnreadable(
            f"{name} is an export of format {_shown(version)}; this version of sfumato reads format {FORMAT_VERSION}.",
            reason="EXPORT_VERSION_UNKNOWN",
            hint="a newer sfumato",
        )


def lines(parts: Iterable[ledger_service_pb2.ExportLedgerResponse]) -> Iterator[bytes]:
    """Yield the lines of an export, each with its end."""
    for part in parts:
        document = {"entry": entry_fields(part.entry)} if part.HasField("entry") else message_fields(part)
        yield json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def message_fields(message: Any) -> dict[str, Any]:
    """Return a message as ProtoJSON with the field names of the proto."""
    return MessageToDict(message, preserving_proto_field_name=True)


def entry_fields(entry: ledger_pb2.LedgerEntry) -> dict[str, Any]:
    """Return an entry so, without its parsed events: they say nothing that their text does not."""
    return message_fields(bare(entry))


def bare(entry: ledger_pb2.LedgerEntry) -> ledger_pb2.LedgerEntry:
    """Return an entry without its parsed events; the same one where it has none."""
    if not any(record.HasField("event") for record in entry.records):
        return entry
    copy = ledger_pb2.LedgerEntry()
    copy.CopyFrom(entry)
    for record in copy.records:
        record.ClearField("event")
    return copy


def _only(document: Any) -> tuple[str, Any]:
    """Return the one member of an object; ("", {}) of anything else."""
    if isinstance(document, dict) and len(document) == 1:
        ((kind, body),) = document.items()
        if isinstance(body, dict):
            return kind, body
    return "", {}


def _shown(value: Any) -> str:
    return repr(value)[:40] if value else "none"
