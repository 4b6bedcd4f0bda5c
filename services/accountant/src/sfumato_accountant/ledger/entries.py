"""Entries of a chain: how events become one, how it is hashed, and how it is checked.

entry_hash = SHA-256 of the RFC 8785 JSON {"at", "population", "prev_hash", "records", "seq"}; each record is the
SHA-256 of its payload. The signature is that of the head which the entry makes, and lies beside it.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from google.protobuf.json_format import Parse
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato_accountant.ledger.events import LedgerBroken, time_text
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.stores.ports import StoredEntry, StoredRecord
from sfumato_mesh.digests import sha256

NO_HASH: Final = bytes(32)
"""prev_hash of genesis."""


def entry_hash(population: str, sequence: int, at: str, previous_hash: bytes, digests: Sequence[bytes]) -> bytes:
    """Return the hash of an entry from its parts. All values are ASCII text, so sorted keys are RFC 8785."""
    fields = {
        "at": at,
        "population": population,
        "prev_hash": previous_hash.hex(),
        "records": [each.hex() for each in digests],
        "seq": str(sequence),
    }
    return sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


def make_entry(
    population: str, sequence: int, at: datetime, previous_hash: bytes, payloads: Sequence[str], key: LedgerKey
) -> StoredEntry:
    """Return a hashed and signed entry of such payloads."""
    text = time_text(at)
    records = tuple(StoredRecord(sha256(payload.encode()), payload) for payload in payloads)
    hashed = entry_hash(population, sequence, text, previous_hash, [each.digest for each in records])
    return StoredEntry(
        population=population,
        sequence=sequence,
        at=text,
        previous_hash=previous_hash,
        entry_hash=hashed,
        records=records,
        key_id=key.key_id,
        signature=key.sign_head(population, sequence, hashed),
    )


def check_entry(entry: StoredEntry, population: str, sequence: int, previous_hash: bytes) -> None:
    """Check that an entry follows the one before, and that its hashes are those of its payloads.

    Raises:
        LedgerBroken: names the position and what is wrong.
    """
    if entry.population != population or entry.sequence != sequence:
        raise LedgerBroken(f"{population}: a gap before position {entry.sequence}, {sequence} is missing")
    if entry.previous_hash != previous_hash:
        raise LedgerBroken(f"{population}: position {sequence} does not follow the entry before it")
    if not entry.records or any(sha256(each.payload.encode()) != each.digest for each in entry.records):
        raise LedgerBroken(f"{population}: position {sequence} holds a payload that is not what was hashed")
    digests = [each.digest for each in entry.records]
    if entry_hash(population, sequence, entry.at, entry.previous_hash, digests) != entry.entry_hash:
        raise LedgerBroken(f"{population}: position {sequence} does not have the hash of its content")


def entry_to_proto(entry: StoredEntry, visible: Sequence[bool]) -> ledger_pb2.LedgerEntry:
    """Return an entry for a reader who may see those of its events that are marked."""
    time = Timestamp()
    time.FromJsonString(entry.at)
    return ledger_pb2.LedgerEntry(
        population=entry.population,
        sequence=entry.sequence,
        time=time,
        previous_hash=entry.previous_hash,
        entry_hash=entry.entry_hash,
        records=[
            _record(each) if shown else ledger_pb2.LedgerRecord(digest=each.digest)
            for each, shown in zip(entry.records, visible, strict=True)
        ],
        signature=receipt_pb2.Signature(key_id=entry.key_id, ed25519=entry.signature),
    )


def _record(record: StoredRecord) -> ledger_pb2.LedgerRecord:
    event = Parse(record.payload, ledger_pb2.LedgerEvent(), ignore_unknown_fields=True)
    return ledger_pb2.LedgerRecord(digest=record.digest, payload=record.payload, event=event)
