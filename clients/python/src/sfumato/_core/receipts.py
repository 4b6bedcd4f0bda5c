"""Checking a receipt: signature, key, and that it speaks of this query. No I/O.

A signature counts over the text as it came; nobody encodes it again.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import Message

from sfumato.errors import MissingExtra, ReceiptInvalid
from sfumato.v1 import ledger_pb2, query_pb2, receipt_pb2

RECEIPT_CONTEXT: Final = b"sfumato.v1.Receipt\n"
HEAD_CONTEXT: Final = b"sfumato.v1.LedgerHead\n"
_KEY_DIGITS: Final = 16


def read_statement(receipt: receipt_pb2.Receipt) -> receipt_pb2.ReceiptStatement:
    """Return what the signed text says.

    Raises:
        ReceiptInvalid: it is not a statement.
    """
    try:
        return Parse(receipt.signed_statement, receipt_pb2.ReceiptStatement(), ignore_unknown_fields=True)
    except ParseError:
        raise ReceiptInvalid("the signed text is no statement of a receipt.") from None


def check_signature(
    signature: receipt_pb2.Signature, signed: bytes, keys: Iterable[receipt_pb2.SigningKey], what: str
) -> None:
    """Check an Ed25519 signature by the key that it names.

    Args:
        signature: key id and 64 bytes.
        signed: context and text.
        keys: public keys of the ledger.
        what: what is signed, for the message.

    Raises:
        ReceiptInvalid: unknown key, a key under a wrong id, or a wrong signature.
        MissingExtra: `cryptography` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise MissingExtra("checking a signature", "verify") from None
    key = next((each for each in keys if each.key_id == signature.key_id), None)
    if key is None:
        raise ReceiptInvalid(f"the ledger has no key {signature.key_id}.")
    if hashlib.sha256(key.public_key).hexdigest()[:_KEY_DIGITS] != key.key_id:
        raise ReceiptInvalid(f"the key under the id {key.key_id} is another one.")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.ed25519, signed)
    except (InvalidSignature, ValueError):
        raise ReceiptInvalid(f"the signature of the {what} is wrong.") from None


def check_receipt(receipt: receipt_pb2.Receipt, keys: Iterable[receipt_pb2.SigningKey]) -> None:
    """Check that a key of the ledger signed the receipt, and that its readable half says the same."""
    check_signature(receipt.signature, RECEIPT_CONTEXT + receipt.signed_statement.encode(), keys, "receipt")
    if receipt.HasField("statement") and receipt.statement != read_statement(receipt):
        raise ReceiptInvalid("the readable half of the receipt is not what was signed.")


def check_query(statement: receipt_pb2.ReceiptStatement, query: query_pb2.Query) -> None:
    """Check that a statement speaks of this query: same name, question, data and charges."""
    pairs = {
        "query": (statement.query, query.name),
        "plan_digest": (statement.plan_digest, query.plan_digest),
        "data_versions": (_in_order(statement.data_versions), _in_order(query.data_versions)),
        "charge": (statement.charge, query.charge),
        "scopes": (_in_order(statement.scopes), _in_order(query.scopes)),
    }
    for field, (signed, told) in pairs.items():
        if signed != told:
            raise ReceiptInvalid(f"the receipt says another {field} than the query.")


def _in_order(messages: Iterable[Message]) -> list[bytes]:
    return sorted(each.SerializeToString(deterministic=True) for each in messages)


def check_head(head: ledger_pb2.LedgerHead, keys: Iterable[receipt_pb2.SigningKey]) -> None:
    """Check the signature of a chain's head."""
    text = json.dumps(
        {"hash": head.entry_hash.hex(), "population": head.population, "seq": str(head.sequence)},
        separators=(",", ":"),
        sort_keys=True,
        ensure_ascii=False,
    )
    check_signature(head.signature, HEAD_CONTEXT + text.encode(), keys, "ledger's head")


def check_place(
    statement: receipt_pb2.ReceiptStatement, head: ledger_pb2.LedgerHead, entry: ledger_pb2.LedgerEntry | None
) -> None:
    """Check that the chain holds the entry that the receipt names, at its position."""
    if statement.sequence > head.sequence:
        raise ReceiptInvalid(f"the ledger ends at {head.sequence}, before the receipt's {statement.sequence}.")
    if entry is None or entry.sequence != statement.sequence or entry.entry_hash != statement.entry_hash:
        raise ReceiptInvalid(f"the ledger has another entry at {statement.sequence}.")
    if statement.sequence == head.sequence and entry.entry_hash != head.entry_hash:
        raise ReceiptInvalid("the ledger's head is not its last entry.")
