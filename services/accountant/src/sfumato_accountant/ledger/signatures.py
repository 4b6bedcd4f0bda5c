"""The ledger's keys: what signs heads and receipts, and which of them signs where."""

import json
from collections.abc import Collection
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato_mesh.keys import key_id, public_key_bytes

HEAD_CONTEXT = b"sfumato.v1.LedgerHead\n"
RECEIPT_CONTEXT = b"sfumato.v1.Receipt\n"


def head_text(population: str, sequence: int, entry_hash: bytes) -> bytes:
    """Return what is signed of a chain's head."""
    fields = {"hash": entry_hash.hex(), "population": population, "seq": str(sequence)}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))  # ASCII text alone: RFC 8785
    return HEAD_CONTEXT + text.encode()


class Signers(Protocol):
    """The keys that an accountant holds. A chain says which of them signs its next entry."""

    @property
    def first(self) -> "LedgerKey":
        """The key that signs new chains."""
        ...

    def holding(self, public_key: bytes) -> "LedgerKey | None":
        """Return the key with this public half; None: this accountant does not hold it."""
        ...

    def following(self, used: Collection[bytes]) -> "LedgerKey | None":
        """Return the key that may sign after those of a chain; None: none is held that it has not used."""
        ...


class LedgerKey:
    """An Ed25519 key by which this accountant signs. Alone, it is all that the accountant holds."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = public_key_bytes(key.public_key())
        self.key_id = key_id(key.public_key())

    @property
    def first(self) -> "LedgerKey":
        """Itself."""
        return self

    def holding(self, public_key: bytes) -> "LedgerKey | None":
        """Return itself, if it is that key."""
        return self if public_key == self.public_key else None

    def following(self, used: Collection[bytes]) -> "LedgerKey | None":
        """Return itself, if it was not used."""
        return None if self.public_key in used else self

    def sign_head(self, population: str, sequence: int, entry_hash: bytes) -> bytes:
        """Return the signature of a chain's head."""
        return self._key.sign(head_text(population, sequence, entry_hash))

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


class LedgerKeys:
    """The key in use, and the one that follows it: all replicas hold the next key before any chain turns to it."""

    def __init__(self, present: LedgerKey, following: LedgerKey) -> None:
        self._present = present
        self._held = {each.public_key: each for each in (present, following)}

    @property
    def first(self) -> LedgerKey:
        """The key in use."""
        return self._present

    def holding(self, public_key: bytes) -> LedgerKey | None:
        """Return the key with this public half; None: it is neither of the two."""
        return self._held.get(public_key)

    def following(self, used: Collection[bytes]) -> LedgerKey | None:
        """Return the first of the two that was not used; None: both were."""
        return next((key for public_key, key in self._held.items() if public_key not in used), None)
