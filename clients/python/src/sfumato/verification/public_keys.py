"""Public keys as people hand them over: hexadecimal or base64, by themselves or in a file."""

import base64
import binascii
from pathlib import Path
from typing import Final

from sfumato.errors import InvalidRequest

_BYTES: Final = 32
_FILE_MAX: Final = 4096


def read_public_key(text: str) -> bytes:
    """Return the 32 bytes of a key: 64 hexadecimal digits, base64, or the name of a file with either.

    Raises:
        InvalidRequest: it is none of them.
    """
    found = _decoded(text.strip())
    if found is None:
        try:
            with Path(text).open(encoding="utf-8") as file:
                found = _decoded(file.read(_FILE_MAX).strip())
        except (OSError, ValueError):
            found = None
    if found is None:
        raise InvalidRequest(
            f"{text[:80]!r} is no public key of a ledger.",
            reason="REQUEST_INVALID",
            hint="64 hexadecimal digits, base64 of 32 bytes, or a file with either: see `sfumato admin ledger head`",
        )
    return found


def _decoded(text: str) -> bytes | None:
    for decode in (bytes.fromhex, lambda each: base64.b64decode(each, validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == _BYTES:
            return key
    return None
