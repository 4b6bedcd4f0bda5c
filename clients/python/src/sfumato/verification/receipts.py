"""A receipt against an export: whose key signed it, and that the chain says at its position what it says."""

import json
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import ParseDict, ParseError

from sfumato._core.receipts import RECEIPT_CONTEXT
from sfumato.errors import ReceiptInvalid
from sfumato.v1 import receipt_pb2
from sfumato.verification.books import COMMITTED, SHARED
from sfumato.verification.defects import ExportUnreadable
from sfumato.verification.events import query_of, read_event, versions_of
from sfumato.verification.exports import Fields, Malformed, bytes_of, integer_of, text_of
from sfumato.verification.losses import read_loss
from sfumato.verification.scopes import read_scope_losses
from sfumato.verification.signatures import ed25519_key, is_signed, key_id_of
from sfumato.verification.verifier import Verdict

_BYTES_MAX: Final = 64 * 1024 * 1024


def read_receipt(path: Path) -> receipt_pb2.Receipt:
    """Return the receipt in a file: ProtoJSON of Receipt, or what `sfumato receipt --json` prints.

    Raises:
        ExportUnreadable: there is none.
    """
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_BYTES_MAX))
        fields = document.get("receipt", document)
        receipt = ParseDict(fields, receipt_pb2.Receipt())
    except OSError as error:
        raise ExportUnreadable(f"{path} cannot be read: {error.strerror or error}.", reason="RECEIPT_INVALID") from None
    except (ValueError, AttributeError, RecursionError, ParseError):
        receipt = receipt_pb2.Receipt()
    if not receipt.signed_statement:
        raise ExportUnreadable(
            f"{path.name} holds no receipt.", reason="RECEIPT_INVALID", hint="sfumato receipt QUERY --json > R.json"
        )
    return receipt


def statement_of(receipt: receipt_pb2.Receipt) -> dict[str, Any]:
    """Return the signed statement as its text says it.

    Raises:
        ReceiptInvalid: it is none, or its readable half says something else.
    """
    try:
        statement = json.loads(receipt.signed_statement)
        told = ParseDict(statement, receipt_pb2.ReceiptStatement(), ignore_unknown_fields=True)
    except (ValueError, RecursionError, ParseError):
        raise ReceiptInvalid("the signed text is no statement of a receipt.") from None
    if receipt.HasField("statement") and receipt.statement != told:
        raise ReceiptInvalid("the readable half of the receipt is not what was signed.")
    if not isinstance(statement, dict):
        raise ReceiptInvalid("the signed text is no statement of a receipt.")
    return statement


def position_of(receipt: receipt_pb2.Receipt) -> tuple[str, int]:
    """Return population and position that a receipt names; raises ReceiptInvalid."""
    statement = statement_of(receipt)
    try:
        return text_of(statement, "population"), integer_of(statement, "sequence")
    except Malformed as problem:
        raise ReceiptInvalid(f"the receipt names no place in a ledger: {problem}.") from None


def check_signed(receipt: receipt_pb2.Receipt, public_key: bytes) -> None:
    """Check that a key signed the receipt; raises ReceiptInvalid."""
    text = RECEIPT_CONTEXT + receipt.signed_statement.encode()
    if receipt.signature.key_id != key_id_of(public_key):
        raise ReceiptInvalid(f"the receipt is signed by key {receipt.signature.key_id!r}.")
    if not is_signed(ed25519_key(public_key), receipt.signature.ed25519, text):
        raise ReceiptInvalid("the signature of the receipt is wrong.")


def check_against(verdict: Verdict, receipt: receipt_pb2.Receipt) -> None:
    """Check a receipt against a verified export, of which the entry at its position was kept.

    The key of that position must have signed it, or a later one: an accountant that does not hold an old key any more
    signs with its present one. Never an earlier key.

    Raises:
        ReceiptInvalid: says what does not fit.
    """
    statement = statement_of(receipt)
    population, position = position_of(receipt)
    if population != verdict.population:
        raise ReceiptInvalid(f"the receipt is of {population}, the export of {verdict.population}.")
    if position > verdict.head.sequence:
        raise ReceiptInvalid(f"the ledger ends at {verdict.head.sequence}, before the receipt's {position}.")
    spans = verdict.books.keys.spans
    valid = [
        span.public_key
        for i, span in enumerate(spans)
        if spans[i + 1 :] == [] or spans[i + 1].start_sequence > position
    ]
    key = next((each for each in valid if key_id_of(each) == receipt.signature.key_id), None)
    if key is None:
        raise ReceiptInvalid(f"the ledger has no key {receipt.signature.key_id!r} at position {position} or behind it.")
    check_signed(receipt, key)
    _check_entry(verdict, statement, position)


def _check_entry(verdict: Verdict, statement: Fields, position: int) -> None:
    entry = verdict.kept[position]
    try:
        if bytes_of(statement, "entry_hash", 32) != entry.entry_hash:
            raise ReceiptInvalid(f"the ledger has another entry at {position}.")
        query_id = query_of(statement)
        kinds = ("committed", "shared")
        events = [read_event(record.payload) for record in entry.records if record.payload]
        if not any(event.kind in kinds and query_of(event.body) == query_id for event in events):
            if len(events) < len(entry.records):
                return  # the event may be one of the hidden
            raise ReceiptInvalid(f"the entry at {position} is not the end of queries/{query_id}.")
        _check_query(verdict, statement, query_id)
    except Malformed as problem:
        raise ReceiptInvalid(f"the receipt cannot be read: {problem}.") from None


def _check_query(verdict: Verdict, statement: Fields, query_id: str) -> None:
    """Check what the chain says of the query as a whole: price, payments, data, claim, release."""
    query = verdict.books.queries.get(query_id)
    if query is None or query.state not in (COMMITTED, SHARED):
        if verdict.hidden_events:
            return
        raise ReceiptInvalid(f"queries/{query_id} has no release in the ledger.")
    pairs = {
        "charge": (read_loss(statement.get("charge", {})), query.charge),
        "scopes": (
            sorted(read_scope_losses(statement.get("scopes", []), verdict.population)),
            sorted(query.scopes),
        ),
        "data_versions": (versions_of(statement), query.versions),
        "claim_digest": (text_of(statement, "claim_digest"), query.claim_digest),
        "release_digest": (text_of(statement, "release_digest"), query.release_digest),
    }
    for field, (signed, found) in pairs.items():
        if signed != found:
            raise ReceiptInvalid(f"the receipt says another {field} than the ledger.")
