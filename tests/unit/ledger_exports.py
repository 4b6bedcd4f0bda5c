"""Exports of a ledger as files, written event by event, with keys, hashes and signatures as the contract says."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf.json_format import MessageToDict

from sfumato.v1 import receipt_pb2

POPULATION = "populations/p"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
KEY_ID = hashlib.sha256(PUBLIC).hexdigest()[:16]
_TIME = "2026-11-24T12:00:00Z"


def charge(rho: int = 0, epsilon: int | None = None, delta: int = 0) -> dict[str, str]:
    """A Charge as ProtoJSON: what is unset is left out."""
    fields = {} if not rho else {"rho_picos": str(rho)}
    fields |= {} if epsilon is None else {"epsilon_picos": str(epsilon)}
    return fields | ({} if not delta else {"delta_attos": str(delta)})


def paid(spent: Mapping[str, str], *analysts: str) -> list[dict[str, Any]]:
    """Who pays: the population, and scopes of analysts."""
    scopes = [{"population": POPULATION}, *({"population": POPULATION, "analyst": f"users/{a}"} for a in analysts)]
    return [{"scope": scope, "charge": dict(spent)} for scope in scopes]


def reserved(query: str, spent: Mapping[str, str], *analysts: str) -> dict[str, Any]:
    """A query is paid."""
    body = {"query": f"queries/{query}", "charge": dict(spent), "scopes": paid(spent, *analysts)}
    return {"reserved": body}


def genesis(accounting: str = "ACCOUNTING_ZCDP", **fields: Any) -> dict[str, Any]:
    """A chain begins."""
    return {"genesis": {"public_key": _b64(PUBLIC), "accounting": accounting, **fields}}


def write_export(path: Path, events: Sequence[Mapping[str, Any]], *, hidden: frozenset[int] = frozenset()) -> Path:
    """Write a chain of one event an entry; events at the positions in `hidden` are digests alone."""
    key = {"key_id": KEY_ID, "public_key": _b64(PUBLIC), "start_time": _TIME}
    parts: list[dict[str, Any]] = [{"header": {"format_version": 1, "population": POPULATION, "keys": [key]}}]
    previous = bytes(32)
    for sequence, event in enumerate(events):
        payload = _canonical({"salt": _b64(sequence.to_bytes(16, "big")), **event})
        digest = hashlib.sha256(payload.encode()).digest()
        hashed = _canonical(
            {
                "at": _TIME,
                "population": POPULATION,
                "prev_hash": previous.hex(),
                "records": [digest.hex()],
                "seq": str(sequence),
            }
        )
        entry_hash = hashlib.sha256(hashed.encode()).digest()
        record = {"digest": _b64(digest)} | ({} if sequence in hidden else {"payload": payload})
        entry: dict[str, Any] = {"population": POPULATION, "time": _TIME, "previous_hash": _b64(previous)}
        entry |= {} if not sequence else {"sequence": str(sequence)}
        entry |= {"entry_hash": _b64(entry_hash), "records": [record], "signature": _signed(sequence, entry_hash)}
        parts.append({"entry": entry})
        previous = entry_hash
    last = len(events) - 1
    head = {"population": POPULATION, "sequence": str(last), "entry_hash": _b64(previous)}
    parts.append({"head": head | {"signature": _signed(last, previous)}})
    path.write_text("".join(json.dumps(part, ensure_ascii=False) + "\n" for part in parts))
    return path


def write_receipt(path: Path, statement: receipt_pb2.ReceiptStatement, key: Ed25519PrivateKey = KEY) -> Path:
    """Write the receipt of a statement, as the mesh signs it."""
    text = _canonical(MessageToDict(statement, preserving_proto_field_name=True))
    signature = key.sign(b"sfumato.v1.Receipt\n" + text.encode())
    body = {"signed_statement": text, "signature": {"key_id": KEY_ID, "ed25519": _b64(signature)}}
    path.write_text(json.dumps(body))
    return path


def _signed(sequence: int, entry_hash: bytes) -> dict[str, str]:
    text = _canonical({"hash": entry_hash.hex(), "population": POPULATION, "seq": str(sequence)})
    return {"key_id": KEY_ID, "ed25519": _b64(KEY.sign(b"sfumato.v1.LedgerHead\n" + text.encode()))}


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
