"""Canonical bytes and their SHA-256: what claims, chains and receipts are bound to."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import rfc8785
from google.protobuf.message import Message

from sfumato_mesh.canonical_text import canonical_text

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"


def canonical_json(value: JsonValue) -> bytes:
    """Return the RFC 8785 text of a JSON value, as UTF-8 bytes.

    Raises:
        ValueError: an integer lies outside ±(2**53 − 1), or a float is not finite. Write such numbers as text.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"no canonical JSON: {error}") from error


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256."""
    return hashlib.sha256(data).digest()


def message_json(message: Message) -> str:
    """Return a message as ProtoJSON with the field names of the proto, as RFC 8785 text.

    64-bit integers are decimal strings and unset fields are left out, so that the text depends only on the message and
    not on a library's version. Unknown fields are left out too.
    """
    return canonical_text(message)


def request_digest(message: Message) -> bytes:
    """Return the SHA-256 of a message, serialised again with its map entries sorted.

    It binds a request id to its body on servers of one build; unknown fields take part. It is not canonical across
    protobuf versions: what must outlive a release is digested by `message_json`.
    """
    return sha256(message.SerializeToString(deterministic=True))
