"""A stored entry as JSON values: the same fields in every store, readable by an operator's own tools."""

import json
from typing import Any

from sfumato_accountant.stores.ports import StoredEntry, StoredRecord


def entry_document(entry: StoredEntry) -> dict[str, Any]:
    """Return the fields of an entry: hashes as hexadecimal text, payloads as they were written."""
    return {
        "population": entry.population,
        "seq": entry.sequence,
        "at": entry.at,
        "prev_hash": entry.previous_hash.hex(),
        "hash": entry.entry_hash.hex(),
        "records": [{"digest": each.digest.hex(), "payload": each.payload} for each in entry.records],
        "signature": {"key_id": entry.key_id, "ed25519": entry.signature.hex()},
    }


def document_entry(document: dict[str, Any]) -> StoredEntry:
    """Return the entry of such fields. Raises KeyError or ValueError for a document that is none."""
    return StoredEntry(
        population=document["population"],
        sequence=int(document["seq"]),
        at=document["at"],
        previous_hash=bytes.fromhex(document["prev_hash"]),
        entry_hash=bytes.fromhex(document["hash"]),
        records=tuple(
            StoredRecord(digest=bytes.fromhex(each["digest"]), payload=each["payload"]) for each in document["records"]
        ),
        key_id=document["signature"]["key_id"],
        signature=bytes.fromhex(document["signature"]["ed25519"]),
    )


def entry_to_json(entry: StoredEntry) -> str:
    """Return an entry as one JSON text."""
    return json.dumps(entry_document(entry), ensure_ascii=False, separators=(",", ":"))


def entry_from_json(text: str) -> StoredEntry:
    """Return the entry of such a text."""
    return document_entry(json.loads(text))
