"""Sealed releases, one for each attempt of a query: put once, never changed, deleted only by the sweeper."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sfumato_executor.releases.objects import ObjectStore

_PREFIX: Final = "releases/"
_SMALL: Final = 32 * 1024
"""Bytes that are read and decoded sooner than a thread takes them up."""
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY: Final = re.compile(rf"releases/[0-9a-f]{{2}}/({_UUID})\.({_UUID})")


@dataclass(frozen=True)
class SealedAttempt:
    """One sealed release in the store."""

    query_id: str
    attempt: str
    sealed_time: datetime
    position: str
    """Opaque place in the listing: where to go on."""


class ReleaseStore:
    """Sealed releases in an object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def put_if_absent(self, query_id: str, attempt: str, sealed: bytes) -> bool:
        """Put an attempt's release durably; return whether this call put it.

        False on one's own fresh attempt means that an earlier request, whose answer was lost, has put it: read it back
        and compare.

        Raises:
            StoreUnavailableError: it may or may not have been put.
        """
        return self._objects.put_if_absent(_key(query_id, attempt), sealed)

    def get(self, query_id: str, attempt: str) -> bytes | None:
        """Return an attempt's release; None: there is none.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        stored = self._objects.read(_key(query_id, attempt))
        return None if stored is None else stored.data

    def get_at_once(self, query_id: str, attempt: str) -> bytes | None:
        """Return an attempt's release if it is small and at hand: without waiting, for event loops; None: `get` it.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        return self._objects.read_at_once(_key(query_id, attempt), _SMALL)

    def list_attempts(self, *, after: str = "") -> Iterator[SealedAttempt]:
        """Yield attempts in the order of their keys, beginning after a position; what is no release is passed over.

        Raises:
            StoreUnavailableError: the list is cut.
        """
        for stored in self._objects.keys(_PREFIX, after=after):
            parts = _KEY.fullmatch(stored.key)
            if parts is not None:
                yield SealedAttempt(parts[1], parts[2], stored.modified, stored.key)

    def delete(self, query_id: str, attempt: str) -> None:
        """Delete an attempt's release. For the sweeper alone, and only for what lost.

        Raises:
            StoreUnavailableError: it may or may not be there.
        """
        self._objects.delete(_key(query_id, attempt))

    def check_writable(self) -> None:
        """Return if a release can be put now.

        Raises:
            StoreUnavailableError: it cannot.
        """
        self._objects.check_writable()


def _key(query_id: str, attempt: str) -> str:
    key = f"{_PREFIX}{query_id[:2]}/{query_id}.{attempt}"  # 256 folders keep a directory's listing short
    if _KEY.fullmatch(key) is None:
        raise ValueError("a query and its attempt are named by lower-case UUIDs")
    return key
