"""Entries of a chain: how events become one, how it is hashed, and how it is checked.

entry_hash = SHA-256 of the RFC 8785 JSON {"at", "population", "prev_hash", "records", "seq"}; each record is the
SHA-256 of its payload. The signature is that of the head which the entry makes, and lies beside it.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256 as _sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.json_format import Parse
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato_accountant.ledger.events import LedgerBroken, time_text
from sfumato_accountant.ledger.signatures import LedgerKey, head_text
from sfumato_accountant.stores.ports import StoredEntry, StoredRecord
from sfumato_mesh.digests import sha256
from sfumato_mesh.keys import key_id

ONE_RECORD: Final = 160
"""Bytes of the proof of an entry of one record."""
NO_HASH: Final = bytes(32)
"""prev_hash of genesis."""


def entry_hash(population: str, sequence: int, at: str, previous_hash: bytes, digests: Sequence[bytes]) -> bytes:
    """Return the hash of an entry from its parts. All values are ASCII text that needs no escape: this is RFC 8785."""
    records = '","'.join([each.hex() for each in digests])
    return _hash(population, sequence, at, previous_hash, records)


def _hash(population: str, sequence: int, at: str, previous_hash: bytes, records: str) -> bytes:
    text = (
        f'{{"at":"{at}","population":"{population}","prev_hash":"{previous_hash.hex()}",'
        f'"records":["{records}"],"seq":"{sequence}"}}'
    )
    return _sha256(text.encode()).digest()


def make_entry(
    population: str,
    sequence: int,
    at: datetime,
    previous_hash: bytes,
    payloads: Sequence[str],
    key: LedgerKey,
    copies: Sequence[bytes] = (),
) -> StoredEntry:
    """Return a hashed and signed entry of such payloads, with the copies of claims' facts that lie beside it."""
    text = time_text(at)
    records = tuple(StoredRecord(sha256(payload.encode()), payload) for payload in payloads)
    hashed = entry_hash(population, sequence, text, previous_hash, [each.digest for each in records])
    return StoredEntry.of(
        population=population,
        sequence=sequence,
        at=text,
        previous_hash=previous_hash,
        entry_hash=hashed,
        records=records,
        key_id=key.key_id,
        signature=key.sign_head(population, sequence, hashed),
        copies=copies,
    )


def check_entry(entry: StoredEntry, population: str, sequence: int, previous_hash: bytes) -> None:
    """Check that an entry follows the one before, and that its hashes are those of its payloads.

    Raises:
        LedgerBroken: names the position and what is wrong.
    """
    if entry.population != population or entry.sequence != sequence:
        raise LedgerBroken(f"{population}: a gap before position {entry.sequence}, {sequence} is missing")
    proof = entry.proof
    if not proof.startswith(previous_hash):
        raise LedgerBroken(f"{population}: position {sequence} does not follow the entry before it")
    payloads = entry.payloads.encode()
    if len(proof) == ONE_RECORD:
        digests = _sha256(payloads).digest()
        records = digests.hex()
    else:
        parts = [_sha256(each) for each in payloads.split(b"\n")]
        digests = b"".join([each.digest() for each in parts])
        records = '","'.join([each.hexdigest() for each in parts])
    if proof[128:] != digests:
        raise LedgerBroken(f"{population}: position {sequence} holds a payload that is not what was hashed")
    if proof[32:64] != _hash(population, sequence, entry.at, previous_hash, records):
        raise LedgerBroken(f"{population}: position {sequence} does not have the hash of its content")


def check_signature(entry: StoredEntry, public_key: bytes) -> None:
    """Check the signature of an entry against the key that signs its position: 0.1 ms.

    Raises:
        LedgerBroken: it is another key's, or none.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        if key_id(key) != entry.key_id:
            raise ValueError("another key")
        key.verify(entry.signature, head_text(entry.population, entry.sequence, entry.entry_hash))
    except (ValueError, InvalidSignature) as error:
        raise LedgerBroken(
            f"{entry.population}: position {entry.sequence} is not signed by the key that is valid there"
        ) from error


def entry_to_proto(entry: StoredEntry, visible: Sequence[bool], *, parsed: bool = True) -> ledger_pb2.LedgerEntry:
    """Return an entry for a reader who may see those of its events that are marked, parsed beside their text or not."""
    time = Timestamp()
    time.FromJsonString(entry.at)
    return ledger_pb2.LedgerEntry(
        population=entry.population,
        sequence=entry.sequence,
        time=time,
        previous_hash=entry.previous_hash,
        entry_hash=entry.entry_hash,
        records=[
            _record(each, parsed) if shown else ledger_pb2.LedgerRecord(digest=each.digest)
            for each, shown in zip(entry.records, visible, strict=True)
        ],
        signature=receipt_pb2.Signature(key_id=entry.key_id, ed25519=entry.signature),
    )


def _record(record: StoredRecord, parsed: bool) -> ledger_pb2.LedgerRecord:
    if not parsed:
        return ledger_pb2.LedgerRecord(digest=record.digest, payload=record.payload)
    event = Parse(record.payload, ledger_pb2.LedgerEvent(), ignore_unknown_fields=True)
    return ledger_pb2.LedgerRecord(digest=record.digest, payload=record.payload, event=event)
