"""Records of one kind over the record store: etags, tombstones, pages.

A document is one byte that says whether the record is live, the length of its message, the message, and an attachment
that belongs to whoever wrote it. A deleted record stays as a tombstone, so that its id is never given again. An etag
is a digest over the one before and the document: equal states at different times have different etags.
"""

import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Generic

from sfumato_accountant.catalog.kinds import Kind, P
from sfumato_accountant.stores.ports import Record, RecordStore
from sfumato_mesh.digests import sha256

_HEAD: Final = struct.Struct(">?I")
_BATCH: Final = 500
_REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class Entry(Generic[P]):
    """A record as it is stored. Its message is shared: never change it, copy it."""

    id: str
    message: P
    """With its etag filled in, where the kind has one."""
    etag: str
    deleted: bool
    attachment: bytes
    """What must change together with the message."""


class Collection(Generic[P]):
    """All records of one kind."""

    def __init__(self, kind: Kind[P], records: RecordStore) -> None:
        self.kind = kind
        self._records = records
        self._has_etag = "etag" in kind.message.DESCRIPTOR.fields_by_name
        self._decoded: dict[str, Entry[P]] = {}

    async def find(self, record_id: str) -> Entry[P] | None:
        """Return a record, be it a tombstone; None: the id was never given."""
        record = await self._records.get(self.kind.name, record_id) if record_id else None
        return None if record is None else self._decode(record)

    async def live(self, name: str) -> Entry[P] | None:
        """Return the record of a resource name; None: there is none, or no longer."""
        entry = await self.find(self.kind.id_of(name))
        return None if entry is None or entry.deleted else entry

    async def insert(self, record_id: str, message: P, attachment: bytes = b"") -> Entry[P] | None:
        """Put a new record; None: the id was given before."""
        body = self._encode(message, deleted=False, attachment=attachment)
        etag = _etag("", body)
        if not await self._records.insert(self.kind.name, record_id, body, etag):
            return None
        return self._decode(Record(record_id, body, etag))

    async def replace(
        self, before: Entry[P], message: P, *, deleted: bool = False, attachment: bytes | None = None
    ) -> Entry[P] | None:
        """Put a record in the place of the one that was read; None: it has changed since.

        `attachment` None keeps the one before.
        """
        kept = before.attachment if attachment is None else attachment
        body = self._encode(message, deleted=deleted, attachment=kept)
        etag = _etag(before.etag, body)
        if not await self._records.replace(self.kind.name, before.id, body, etag, before.etag):
            return None
        return self._decode(Record(before.id, body, etag))

    async def withdraw(self, entry: Entry[P]) -> None:
        """Remove a record that turned out wrong before anybody was told of it; its id is free again."""
        await self._records.delete(self.kind.name, entry.id)
        self._decoded.pop(entry.id, None)

    async def scan(self, after: str = "") -> AsyncIterator[Entry[P]]:
        """Yield live records behind an id, ascending by id."""
        while True:
            batch = await self._records.list(self.kind.name, after=after, limit=_BATCH)
            for record in batch:
                entry = self._decode(record)
                if not entry.deleted:
                    yield entry
            if len(batch) < _BATCH:
                return
            after = batch[-1].id

    async def is_empty(self) -> bool:
        """Return whether no id was ever given."""
        return not await self._records.list(self.kind.name, limit=1)

    def _encode(self, message: P, *, deleted: bool, attachment: bytes) -> bytes:
        stored = self.kind.message()
        stored.CopyFrom(message)
        if self._has_etag:
            stored.ClearField("etag")
        payload = stored.SerializeToString(deterministic=True)
        return _HEAD.pack(not deleted, len(payload)) + payload + attachment

    def _decode(self, record: Record) -> Entry[P]:
        known = self._decoded.get(record.id)
        if known is not None and known.etag == record.etag:
            return known
        is_live, length = _HEAD.unpack_from(record.body)
        end = _HEAD.size + length
        message = self.kind.message()
        message.ParseFromString(record.body[_HEAD.size : end])
        if self._has_etag:
            setattr(message, "etag", record.etag)  # noqa: B010  (the type variable knows no fields)
        entry = Entry(record.id, message, record.etag, not is_live, record.body[end:])
        if len(self._decoded) >= _REMEMBERED:
            self._decoded.clear()
        self._decoded[record.id] = entry
        return entry


def _etag(before: str, body: bytes) -> str:
    return sha256(before.encode() + b"\n" + body).hex()[:16]
