"""The links of the chain: what is hashed, that each entry follows the one before, and that time does not run back.

entry_hash = SHA-256 of the RFC 8785 JSON {"at", "population", "prev_hash", "records", "seq"}; each record is the
SHA-256 of its payload. All values are ASCII text without characters that JSON escapes, so that the text is put together
here by hand.
"""

import hashlib
from typing import Final

from sfumato.verification.defects import Broken
from sfumato.verification.exports import Entry

NO_HASH: Final = bytes(32)
"""previous_hash of genesis."""
HEAD_CONTEXT: Final = b"sfumato.v1.LedgerHead\n"


def head_text(population: str, sequence: int, entry_hash: bytes) -> bytes:
    """Return what is signed for the head that an entry makes."""
    return HEAD_CONTEXT + f'{{"hash":"{entry_hash.hex()}","population":"{population}","seq":"{sequence}"}}'.encode()


class Links:
    """Follows one chain from genesis on."""

    def __init__(self, population: str) -> None:
        self._population = population
        self.next_sequence = 0
        self.hash = NO_HASH
        self.time = ""

    def follow(self, entry: Entry) -> None:
        """Take the next entry.

        Raises:
            Broken: "gap", "hash" or "order".
        """
        if entry.population != self._population:
            raise Broken("gap", f"the entry is of {entry.population}")
        if entry.sequence != self.next_sequence:
            raise Broken("gap", f"an entry of position {entry.sequence} stands in its place")
        if entry.previous_hash != self.hash:
            raise Broken("hash", "it does not name the hash of the entry before it")
        if not entry.records:
            raise Broken("form", "it holds no event")
        digests = []
        for record in entry.records:
            if record.payload and hashlib.sha256(record.payload.encode()).digest() != record.digest:
                raise Broken("hash", "an event is not what was hashed")
            digests.append(f'"{record.digest.hex()}"')
        text = (
            f'{{"at":"{entry.time}","population":"{entry.population}","prev_hash":"{entry.previous_hash.hex()}",'
            f'"records":[{",".join(digests)}],"seq":"{entry.sequence}"}}'
        )
        if hashlib.sha256(text.encode()).digest() != entry.entry_hash:
            raise Broken("hash", "the entry does not have the hash of its content")
        if entry.time[:-1] < self.time[:-1]:  # with fractions of 0, 3, 6 or 9 digits, texts sort as instants do
            raise Broken("order", "it is dated before the entry before it")
        self.next_sequence += 1
        self.hash = entry.entry_hash
        self.time = entry.time
