"""The port to durable storage: named byte strings that are put once, or replaced on a condition.

Everything that the executor keeps (sealed releases, marks, prepared data) is said in these few operations, so that a
directory and a bucket differ only here. A store must be strongly consistent: what `put_if_absent` or `replace`
returned is seen by every later read, of any process, and outlives a loss of power.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_KEY_LENGTH: Final = 512


class StoreUnavailableError(Exception):
    """The store cannot be reached or cannot be written now. Carries no text of a library."""


@dataclass(frozen=True)
class StoredObject:
    """An object and the version of its bytes, to replace exactly these."""

    data: bytes
    version: str


@dataclass(frozen=True)
class StoredKey:
    """One object of a listing."""

    key: str
    modified: datetime
    """When its bytes were put: UTC, time zone aware."""


class ObjectStore(Protocol):
    """Named byte strings. Keys are made of [A-Za-z0-9._-] parts, joined by "/", none of which begins with a dot.

    Every method raises StoreUnavailableError where the store is away or full, and ValueError for a malformed key.
    """

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Put the bytes durably unless the key is taken; return whether they were put by this call.

        False may also be the answer to a repeated request of one's own: compare the bytes.
        """
        ...

    def read(self, key: str) -> StoredObject | None:
        """Return the object; None: there is none."""
        ...

    def read_at_once(self, key: str, most: int) -> bytes | None:
        """Return the bytes of an object that is at hand and of at most so many; None: `read` it, off the event loop."""
        ...

    def replace(self, key: str, data: bytes, version: str | None) -> bool:
        """Put the bytes durably if the present version is this one (None: if there is none); return whether it was."""
        ...

    def keys(self, prefix: str, *, after: str = "") -> Iterator[StoredKey]:
        """Yield the objects whose key begins with the prefix and comes after another key, in the order of keys."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens if there is none."""
        ...

    def put_file(self, key: str, path: Path) -> None:
        """Put a file's bytes durably, whatever was there. For keys that only one writer knows."""
        ...

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object's bytes to a new file; return False if there is none."""
        ...

    def check_writable(self) -> None:
        """Return if an object can be put now.

        Raises:
            StoreUnavailableError: it cannot.
        """
        ...


def checked_key(key: str) -> str:
    """Return the key if it is well-formed; a key never leaves its store's root.

    Raises:
        ValueError: it is not.
    """
    if len(key) > _KEY_LENGTH or _KEY.fullmatch(key) is None:
        raise ValueError("malformed key")
    return key
