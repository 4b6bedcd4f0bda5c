"""The sealed form of a release: 16 random bytes, then an Arrow IPC file.

The digest that the ledger keeps is the SHA-256 of the whole. Without the salt, one who knows all rows but one could
test the last by hashing likely answers against a receipt (which others may see than those who see the answer).
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.ipc

SALT_BYTES: Final = 16
_PLAN_DIGEST: Final = b"sfumato.plan_digest"


class ReleaseUnreadableError(Exception):
    """The bytes are not a sealed release, or not of this plan."""


@dataclass(frozen=True)
class Unsealed:
    """What sealed bytes hold."""

    release: pa.Table
    """Noisy integers, with what the engine says of them as metadata."""
    plan_digest: bytes
    """Of the plan whose draws they are, by the compiler of the worker that drew them."""


def seal(table: pa.Table, plan_digest: bytes) -> bytes:
    """Return a table of noisy integers as sealed bytes, under a fresh salt.

    The plan's digest goes with it: draws are columns in the canonical order of that plan and of no other. So does what
    the engine says of the table in its metadata.
    """
    tagged = table.replace_schema_metadata({**(table.schema.metadata or {}), _PLAN_DIGEST: plan_digest.hex().encode()})
    sink = pa.BufferOutputStream()
    with pyarrow.ipc.new_file(sink, tagged.schema) as writer:
        writer.write_table(tagged)
    file: bytes = sink.getvalue().to_pybytes()  # a file of its own: its offsets count from its first byte
    return secrets.token_bytes(SALT_BYTES) + file


def digest_of(sealed: bytes) -> bytes:
    """Return the 32 bytes by which the ledger names sealed bytes."""
    return hashlib.sha256(sealed).digest()


def opened(sealed: bytes) -> Unsealed:
    """Return what sealed bytes hold. Whether they were committed is the caller's matter.

    Raises:
        ReleaseUnreadableError: they are no table of noisy integers.
    """
    try:
        table = pyarrow.ipc.open_file(pa.BufferReader(pa.py_buffer(sealed).slice(SALT_BYTES))).read_all()
    except (pa.ArrowException, OSError) as error:
        raise ReleaseUnreadableError("not an Arrow file") from error
    metadata = dict(table.schema.metadata or {})
    try:
        plan_digest = bytes.fromhex(metadata.pop(_PLAN_DIGEST, b"").decode("ascii"))
    except ValueError as error:
        raise ReleaseUnreadableError("of no plan") from error
    return Unsealed(table.replace_schema_metadata(metadata or None), plan_digest)


def unseal(sealed: bytes, plan_digest: bytes) -> pa.Table:
    """Return the table of noisy integers inside sealed bytes. Whether they were committed is the caller's matter.

    Raises:
        ReleaseUnreadableError: they are no such table, or one of another plan.
    """
    found = opened(sealed)
    if found.plan_digest != plan_digest:
        raise ReleaseUnreadableError("of another plan")
    return found.release
