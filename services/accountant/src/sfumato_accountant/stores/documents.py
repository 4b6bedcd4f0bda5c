"""A stored entry as a document, readable by an operator's own tools."""

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
        "facts": list(entry.copies),
    }


def document_entry(document: dict[str, Any]) -> StoredEntry:
    """Return the entry of such fields. Raises KeyError or ValueError for a document that is none."""
    return StoredEntry.of(
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
        copies=tuple(bytes(each) for each in document.get("facts", ())),
    )
