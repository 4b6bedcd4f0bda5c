"""The ledger's key: what signs heads and receipts."""

import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato_mesh.keys import key_id, public_key_bytes

HEAD_CONTEXT = b"sfumato.v1.LedgerHead\n"
RECEIPT_CONTEXT = b"sfumato.v1.Receipt\n"


class LedgerKey:
    """The Ed25519 key by which this accountant signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = public_key_bytes(key.public_key())
        self.key_id = key_id(key.public_key())

    def sign_head(self, population: str, sequence: int, entry_hash: bytes) -> bytes:
        """Return the signature of a chain's head."""
        fields = {"hash": entry_hash.hex(), "population": population, "seq": str(sequence)}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))  # ASCII text alone: RFC 8785
        return self._key.sign(HEAD_CONTEXT + text.encode())

    def sign_receipt(self, signed_statement: str) -> receipt_pb2.Signature:
        """Return the signature of a receipt's statement."""
        return receipt_pb2.Signature(
            key_id=self.key_id, ed25519=self._key.sign(RECEIPT_CONTEXT + signed_statement.encode())
        )

    def head(self, population: str, sequence: int, entry_hash: bytes) -> ledger_pb2.LedgerHead:
        """Return a signed head."""
        signature = receipt_pb2.Signature(key_id=self.key_id, ed25519=self.sign_head(population, sequence, entry_hash))
        return ledger_pb2.LedgerHead(
            population=population, sequence=sequence, entry_hash=entry_hash, signature=signature
        )
