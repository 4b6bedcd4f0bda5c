"""The format of a backup: JSON lines, the first a header, the last a digest of all before it.

{"format": "sfumato.accountant.backup", "version": 1}
{"side": KIND, "id": …, "body": base64}
{"entry": {…}}                                       the fields of a stored entry, each chain in order from 0
{"record": KIND, "id": …, "etag": …, "body": base64}
{"end": {"entries": …, "sides": …, "records": …, "sha256": …}}

Only what the ledger rests on: snapshots, and copies of claims beside entries, are made anew. Keys are not in it, nor
releases or data, which lie in the release store.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sfumato_accountant.stores.documents import document_entry, entry_document
from sfumato_accountant.stores.ports import Side, SideKind, StoredEntry

FORMAT: Final = "sfumato.accountant.backup"
VERSION: Final = 1


class BackupUnreadable(Exception):  # noqa: N818  (a state of the file)
    """The file is no backup, was cut short, or was changed. Says so in words for an operator."""


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A document of the catalogue."""

    kind: str
    id: str
    body: bytes
    etag: str


Item: TypeAlias = StoredEntry | Side | KeptRecord


@dataclass(slots=True)
class Counts:
    """How much a backup holds."""

    entries: int = 0
    sides: int = 0
    records: int = 0

    def add(self, item: Item) -> None:
        """Count one more."""
        match item:
            case StoredEntry():
                self.entries += 1
            case Side():
                self.sides += 1
            case KeptRecord():
                self.records += 1

    def __str__(self) -> str:
        return f"{self.entries} ledger entries, {self.sides} records beside them, {self.records} of the catalogue"


class LineWriter:
    """Makes the lines of a backup, one after another."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._hash = hashlib.sha256()

    def header(self) -> bytes:
        """Return the first line."""
        return self._line({"format": FORMAT, "version": VERSION})

    def item(self, item: Item) -> bytes:
        """Return the line of one item."""
        self.counts.add(item)
        match item:
            case StoredEntry():
                document = entry_document(item)
                del document["facts"]
                return self._line({"entry": document})
            case Side():
                return self._line({"side": item.kind.value, "id": item.id, "body": _text(item.body)})
            case KeptRecord():
                return self._line({"record": item.kind, "id": item.id, "etag": item.etag, "body": _text(item.body)})

    def end(self) -> bytes:
        """Return the last line."""
        counts = self.counts
        end = {"entries": counts.entries, "sides": counts.sides, "records": counts.records}
        return self._line({"end": {**end, "sha256": self._hash.hexdigest()}})

    def _line(self, fields: dict[str, Any]) -> bytes:
        line = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._hash.update(line)
        return line


def read_lines(lines: Iterable[bytes]) -> Iterator[Item]:
    """Yield what a backup holds, in its order; the end is reached only by one that is whole.

    Raises:
        BackupUnreadable: names the first line that is wrong.
    """
    counts, digest, ended = Counts(), hashlib.sha256(), False
    for number, line in enumerate(lines, start=1):
        if ended:
            raise BackupUnreadable(f"line {number}: there is something behind the end")
        fields = _fields(line, number)
        if number == 1:
            _check_header(fields)
        elif "end" in fields:
            _check_end(fields["end"], counts, digest.hexdigest(), number)
            ended = True
        else:
            item = _item(fields, number)
            counts.add(item)
            yield item
        digest.update(line)
    if not ended:
        raise BackupUnreadable("the file was cut short: its last line is missing")


def _fields(line: bytes, number: int) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        raise BackupUnreadable(f"line {number} is not JSON: cut short, or no backup") from None
    if not isinstance(fields, dict) or not line.endswith(b"\n"):
        raise BackupUnreadable(f"line {number} is no line of a backup, or was cut short")
    return fields


def _check_header(fields: dict[str, Any]) -> None:
    if fields.get("format") != FORMAT:
        raise BackupUnreadable("line 1 is not the header of a backup of the accountant's store")
    if fields.get("version") != VERSION:
        raise BackupUnreadable(f"a backup of format {fields.get('version')}; this version of Sfumato reads {VERSION}")


def _check_end(end: Any, counts: Counts, digest: str, number: int) -> None:
    expected = {"entries": counts.entries, "sides": counts.sides, "records": counts.records, "sha256": digest}
    if end != expected:
        raise BackupUnreadable(f"line {number}: what lies before it is not what was written: changed, or lines lost")


def _item(fields: dict[str, Any], number: int) -> Item:
    try:
        if "entry" in fields:
            return document_entry(fields["entry"])
        body = base64.b64decode(fields["body"], validate=True)
        if "side" in fields:
            return Side(SideKind(fields["side"]), fields["id"], body)
        return KeptRecord(fields["record"], fields["id"], body, fields["etag"])
    except (KeyError, ValueError, TypeError):
        raise BackupUnreadable(f"line {number} is of no kind that this version of Sfumato knows") from None


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()
