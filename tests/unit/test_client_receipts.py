"""A receipt verifies only as it was signed, by a key of its ledger, for its query, at its place."""

import builtins
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToDict

import sfumato as sf
from sfumato.receipts import LedgerEvidence
from sfumato.v1 import ledger_pb2, query_pb2, receipt_pb2

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
KEY_ID = hashlib.sha256(PUBLIC).hexdigest()[:16]
KEYS = (receipt_pb2.SigningKey(key_id=KEY_ID, public_key=PUBLIC),)


def statement(**changed: Any) -> receipt_pb2.ReceiptStatement:
    fields: dict[str, Any] = {
        "query": "queries/1",
        "population": "populations/palmer",
        "sequence": 7,
        "entry_hash": b"h" * 32,
        "plan_digest": b"p" * 32,
        "data_versions": [{"dataset": "datasets/penguins", "version": 2}],
        "charge": {"rho_picos": 20_000_000_000},
        "scopes": [{"scope": {"population": "populations/palmer"}, "charge": {"rho_picos": 20_000_000_000}}],
        "measures": [{"alias": "n", "intervals": [{"confidence": 0.95, "absolute": 17.623}]}],
    }
    return receipt_pb2.ReceiptStatement(**{**fields, **changed})


def signed(said: receipt_pb2.ReceiptStatement) -> receipt_pb2.Receipt:
    text = json.dumps(MessageToDict(said, preserving_proto_field_name=True), sort_keys=True, separators=(",", ":"))
    signature = KEY.sign(b"sfumato.v1.Receipt\n" + text.encode())
    return receipt_pb2.Receipt(
        signed_statement=text, signature=receipt_pb2.Signature(key_id=KEY_ID, ed25519=signature), statement=said
    )


def query() -> query_pb2.Query:
    said = statement()
    return query_pb2.Query(
        name=said.query,
        plan_digest=said.plan_digest,
        data_versions=said.data_versions,
        charge=said.charge,
        scopes=said.scopes,
    )


def head(sequence: int = 9, entry_hash: bytes = b"e" * 32) -> ledger_pb2.LedgerHead:
    text = json.dumps(
        {"hash": entry_hash.hex(), "population": "populations/palmer", "seq": str(sequence)}, separators=(",", ":")
    )
    signature = KEY.sign(b"sfumato.v1.LedgerHead\n" + text.encode())
    return ledger_pb2.LedgerHead(
        population="populations/palmer",
        sequence=sequence,
        entry_hash=entry_hash,
        signature=receipt_pb2.Signature(key_id=KEY_ID, ed25519=signature),
    )


def evidence(**changed: Any) -> Callable[[str, int], LedgerEvidence]:
    entry = ledger_pb2.LedgerEntry(sequence=7, entry_hash=b"h" * 32)
    fields: dict[str, Any] = {"keys": KEYS, "head": head(), "entry": entry, **changed}
    return lambda _population, _sequence: LedgerEvidence(**fields)


def test_a_true_receipt_verifies() -> None:
    checked = sf.Receipt(signed(statement()), query(), evidence()).verify()
    assert checked.checks == ("signature", "place in the ledger", "question and charges")
    assert (checked.sequence, checked.key_id) == (7, KEY_ID)
    assert sf.Receipt(signed(statement()), None, None).verify(keys=KEYS).checks == ("signature",)
    with pytest.raises(sf.ReceiptInvalid, match="no ledger"):
        sf.Receipt(signed(statement()), None, None).verify()


def test_every_changed_byte_of_the_text_is_seen() -> None:
    true = signed(statement())
    for i in range(0, len(true.signed_statement), 7):
        changed = receipt_pb2.Receipt()
        changed.CopyFrom(true)
        text = true.signed_statement
        changed.signed_statement = text[:i] + chr(ord(text[i]) ^ 1) + text[i + 1 :]
        with pytest.raises(sf.ReceiptInvalid):
            sf.Receipt(changed, query(), None).verify(keys=KEYS)


def test_the_readable_half_is_not_trusted() -> None:
    lying = signed(statement())
    lying.statement.charge.rho_picos = 1
    with pytest.raises(sf.ReceiptInvalid, match="readable half"):
        sf.Receipt(lying, None, None).verify(keys=KEYS)


@pytest.mark.parametrize(
    "changed",
    [
        {"query": "queries/2"},
        {"plan_digest": b"q" * 32},
        {"charge": {"rho_picos": 1}},
        {"scopes": []},
        {"data_versions": [{"dataset": "datasets/penguins", "version": 3}]},
    ],
)
def test_a_receipt_of_another_query_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(sf.ReceiptInvalid, match="another"):
        sf.Receipt(signed(statement(**changed)), query(), None).verify(keys=KEYS)


def test_foreign_keys_are_refused() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for keys, message in (
        ((), "no key"),
        ((receipt_pb2.SigningKey(key_id=KEY_ID, public_key=other),), "another one"),
    ):
        with pytest.raises(sf.ReceiptInvalid, match=message):
            sf.Receipt(signed(statement()), None, None).verify(keys=keys)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"head": head(sequence=6)}, "ends at 6"),
        ({"entry": None}, "another entry"),
        ({"entry": ledger_pb2.LedgerEntry(sequence=7, entry_hash=b"x" * 32)}, "another entry"),
        ({"entry": ledger_pb2.LedgerEntry(sequence=8, entry_hash=b"h" * 32)}, "another entry"),
        ({"head": head(sequence=7)}, "not its last entry"),
    ],
)
def test_the_place_in_the_ledger_must_be_true(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(sf.ReceiptInvalid, match=message):
        sf.Receipt(signed(statement()), query(), evidence(**changed)).verify()


def test_a_forged_head_is_seen() -> None:
    forged = head()
    forged.sequence = 8
    with pytest.raises(sf.ReceiptInvalid, match="head is wrong"):
        sf.Receipt(signed(statement()), query(), evidence(head=forged)).verify()


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(sf.MissingExtra, match="verify"):
        sf.Receipt(signed(statement()), None, None).verify(keys=KEYS)
