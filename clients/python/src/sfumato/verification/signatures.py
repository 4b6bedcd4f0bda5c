"""Keys and signatures: each entry is signed by the key that is valid at its position.

A signature costs more than all else of an entry, and OpenSSL lets go of the interpreter meanwhile: they are checked a
few thousand at a time by as many threads as there are processors. With a switch interval far below the default of 5 ms
(`sys.setswitchinterval`, which is the program's own to set) the threads hardly wait for the interpreter.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sfumato.errors import MissingExtra
from sfumato.verification.defects import Broken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEY_ID_DIGITS: Final = 16
BATCH: Final = 2048
"""Signatures that are checked together."""


@lru_cache(1024)
def key_id_of(public_key: bytes) -> str:
    """Return the id of a key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_DIGITS]


class KeySpan(NamedTuple):
    """A key and from where it signs."""

    public_key: bytes
    start_sequence: int
    start_time: str


class Keys:
    """The keys of a chain, as its own entries name them."""

    def __init__(self) -> None:
        self.spans: list[KeySpan] = []

    def begin(self, public_key: bytes, sequence: int, time: str) -> None:
        """Let a key sign from a position on.

        Raises:
            Broken: it is no key, or it has signed before.
        """
        if any(public_key == span.public_key for span in self.spans):
            raise Broken("key", "the key that comes has signed before")
        ed25519_key(public_key)
        self.spans.append(KeySpan(public_key, sequence, time))

    def at(self, sequence: int) -> bytes:
        """Return the key that signs at a position."""
        return next(span.public_key for span in reversed(self.spans) if span.start_sequence <= sequence)

    def told(self) -> list[tuple[str, bytes, str, str]]:
        """Return id, key, start and end of each, as a header must tell them."""
        ends = [span.start_time for span in self.spans[1:]] + [""]
        return [
            (key_id_of(span.public_key), span.public_key, span.start_time, end)
            for span, end in zip(self.spans, ends, strict=True)
        ]


class Signed(NamedTuple):
    """A signature that is to be checked."""

    sequence: int
    public_key: bytes
    text: bytes
    signature: bytes


class SignatureChecks:
    """Checks signatures in batches, one while the next is collected. As a context manager, it ends its threads."""

    def __init__(self, threads: int | None = None) -> None:
        """Take how many threads check; None: one for each processor."""
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sfumato-signatures")
        self._waiting: list[Signed] = []
        self._running: list[Future[int | None]] = []

    def __enter__(self) -> "SignatureChecks":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, signed: Signed) -> int | None:
        """Take one; return the first position whose signature is wrong, as far as that is known by now."""
        self._waiting.append(signed)
        if len(self._waiting) < BATCH:
            return None
        wrong = self._collected()
        self._start()
        return wrong

    def first_wrong(self) -> int | None:
        """Check all that were taken; return the first position whose signature is wrong."""
        wrong = self._collected()
        self._start()
        return self._collected() if wrong is None else wrong

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, []
        size = -(-len(waiting) // self._threads) or 1
        parts = [waiting[start : start + size] for start in range(0, len(waiting), size)]
        self._running = [self._pool.submit(_first_wrong, part) for part in parts]

    def _collected(self) -> int | None:
        running, self._running = self._running, []
        found = [each.result() for each in running]
        return next((sequence for sequence in found if sequence is not None), None)


def _first_wrong(part: Sequence[Signed]) -> int | None:
    keys: dict[bytes, Ed25519PublicKey] = {}
    for each in part:
        key = keys.get(each.public_key)
        if key is None:
            key = keys[each.public_key] = ed25519_key(each.public_key)
        if not is_signed(key, each.signature, each.text):
            return each.sequence
    return None


def is_signed(key: "Ed25519PublicKey", signature: bytes, text: bytes) -> bool:
    """Return whether a signature is of this text by this key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def ed25519_key(public_key: bytes) -> "Ed25519PublicKey":
    """Return a key that checks signatures.

    Raises:
        Broken: the bytes are no public key.
        MissingExtra: `cryptography` is not installed (extra `verify`).
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise MissingExtra("checking a signature", "verify") from None
    try:
        return Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise Broken("key", "32 bytes that are no Ed25519 key") from None
