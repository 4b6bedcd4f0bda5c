"""Ports of the stores. One contract suite runs on every adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

SCHEMA_VERSION: Final = 2
"""Layout of both stores. A store of another version is refused at the door: migrations are acts, not side effects."""


_LENGTH: Final = 2


class StoreUnavailable(Exception):  # noqa: N818  (a state of the store, not a bug)
    """The store did not answer, or not in time. Whether a write happened is not known."""


class StoreVersionUnknown(Exception):  # noqa: N818
    """The store was written by a version of Sfumato whose layout this one does not know."""


class SideKind(StrEnum):
    """Records beside the chains: put if absent, never changed, bound by what the chain says of them."""

    CHAIN = "chain"
    """id: population. Its chain exists, or is about to. Body: its genesis, but for the key."""
    CLAIM = "claim"
    """id: UUID of the query. What a query id is bound to."""
    AMENDED_CLAIM = "amended-claim"
    """id: hex of its SHA-256. A claim quoted again before it was paid."""
    MEASURES = "measures"
    """id: "<query>/<attempt>". What a worker said of its intervals."""
    ACT = "act"
    """id: digest of user and request id. What an administrator's request id is bound to."""
    OUTCOME = "outcome"
    """id: as of the act. What was answered."""


@dataclass(frozen=True, slots=True)
class Side:
    """A record beside the chains."""

    kind: SideKind
    id: str
    body: bytes


class StoredRecord(NamedTuple):
    """One event of an entry, as it is hashed."""

    digest: bytes
    """SHA-256 of payload."""
    payload: str
    """RFC 8785 JSON, which has no line feed. Kept as it was first written."""


class StoredEntry(NamedTuple):
    """One append of a chain, packed as it is stored: a cold fold reads a million, and most of them in one look."""

    population: str
    """populations/{population}."""
    sequence: int
    """From 0, without gaps."""
    at: str
    """ProtoJSON text of a Timestamp, as it is hashed."""
    proof: bytes
    """What proves the entry: the previous hash, its own, its signature, and the digest of each record; 32, 32, 64 and
    32 bytes each."""
    payloads: str
    """Of the records, a line each: RFC 8785 JSON has no line feed."""
    facts: bytes
    """What a fold must know of the claims that the records pay: a copy beside the entry, not hashed. One for each
    record, led by its length in two bytes, big-endian; no bytes at all: look the claims up."""
    key_id: str
    """Key of the signature, which lies beside the entry and is not hashed."""

    @classmethod
    def of(
        cls,
        *,
        population: str,
        sequence: int,
        at: str,
        previous_hash: bytes,
        entry_hash: bytes,
        records: Sequence[StoredRecord],
        key_id: str,
        signature: bytes,
        copies: Sequence[bytes] = (),
    ) -> "StoredEntry":
        """Return an entry of its parts; `copies` are the facts, one a record or none at all."""
        proof = b"".join((previous_hash, entry_hash, signature, *(each.digest for each in records)))
        payloads = "\n".join([each.payload for each in records])
        facts = b"".join([len(each).to_bytes(_LENGTH) + each for each in copies])
        return cls(population, sequence, at, proof, payloads, facts, key_id)

    @property
    def previous_hash(self) -> bytes:
        """32 bytes."""
        return self.proof[:32]

    @property
    def entry_hash(self) -> bytes:
        """32 bytes."""
        return self.proof[32:64]

    @property
    def signature(self) -> bytes:
        """Ed25519 of the head that this entry makes; 64 bytes."""
        return self.proof[64:128]

    @property
    def records(self) -> tuple[StoredRecord, ...]:
        """Its events, as they are hashed."""
        lines = enumerate(self.payloads.split("\n"), start=4)
        return tuple(StoredRecord(self.proof[32 * n : 32 * n + 32], line) for n, line in lines)

    @property
    def copies(self) -> tuple[bytes, ...]:
        """The facts, one a record; empty where a record pays no query, or its claim must be looked up."""
        parts, place = [], 0
        while place < len(self.facts):
            end = place + _LENGTH + int.from_bytes(self.facts[place : place + _LENGTH])
            parts.append(self.facts[place + _LENGTH : end])
            place = end
        return tuple(parts)


class LedgerStore(Protocol):
    """Chains and their side records. Reads see what a majority has; writes are durable when they return."""

    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        """Insert an entry at its sequence; False: that sequence exists. Sides are put (if absent) before it.

        Raises:
            StoreUnavailable: the outcome is unknown. Read the tail before anything is tried again.
        """
        ...

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        """Return up to `limit` entries from a position on, ascending."""
        ...

    def reaches(self, population: str, sequence: int) -> bool | None:
        """Return whether an entry stands at a position or behind it; None: that takes a read."""
        ...

    async def put_side(self, side: Side) -> bytes | None:
        """Put a record if its (kind, id) is free; return the body that is there already, or None."""
        ...

    async def get_sides(self, kind: SideKind, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the bodies of those that exist, by id."""
        ...

    async def list_side_ids(self, kind: SideKind) -> list[str]:
        """Return all ids of a kind, ascending. For kinds of which there are few."""
        ...

    async def now(self) -> datetime | None:
        """Return the database's own time; None where it has no clock but this machine's."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A document of the catalogue."""

    id: str
    body: bytes
    etag: str
    """Changes with every replacement."""


class RecordStore(Protocol):
    """Documents by kind and id, replaced only by whoever knows the present etag."""

    async def insert(self, kind: str, id: str, body: bytes, etag: str) -> bool:  # noqa: A002
        """Put a new document; False: the id is taken."""
        ...

    async def replace(self, kind: str, id: str, body: bytes, etag: str, expected_etag: str) -> bool:  # noqa: A002
        """Put a document in the place of the one with the expected etag; False: there is none such."""
        ...

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002
        """Return a document; None: there is none."""
        ...

    async def list(self, kind: str, *, after: str = "", prefix: str = "", limit: int) -> list[Record]:
        """Return up to `limit` documents whose id starts with `prefix` and lies behind `after`, by id, ascending."""
        ...

    async def delete(self, kind: str, id: str) -> bool:  # noqa: A002
        """Remove a document; False: there was none."""
        ...


class Stores(Protocol):
    """Both ports on one database."""

    @property
    def ledger(self) -> LedgerStore:
        """Chains and side records."""
        ...

    @property
    def records(self) -> RecordStore:
        """Documents of the catalogue."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
