"""Marks: the highest ledger position of each population that was ever told to anybody.

A mark lies in the release store, not in the ledger's: whoever restores an old ledger restores no mark with it, and
the population stays closed until it is reconciled.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from sfumato_executor.releases.objects import ObjectStore, StoreUnavailableError

_POPULATION: Final = re.compile(r"populations/([a-z][a-z0-9-]{0,62})")
_HASH_BYTES: Final = 32
_TRIES: Final = 64  # a try is lost only to another raise that was won, so this many in a row is a broken store


@dataclass(frozen=True)
class Mark:
    """A position in a population's chain and the hash of the entry there."""

    population: str
    """populations/{population}."""
    sequence: int
    entry_hash: bytes
    """32 bytes."""


class MarkConflictError(Exception):
    """Two entries claim one position: the chain was rewritten."""


class MarkUnreadableError(Exception):
    """What is stored as a mark is none: the population stays closed until somebody looks."""


class Marks:
    """The marks in an object store; only ever raised, but for one that an administrator's act has given up."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def get(self, population: str) -> Mark | None:
        """Return a population's mark; None: nothing was ever told.

        Raises:
            StoreUnavailableError: nothing is known.
            MarkUnreadableError: what is stored is no mark.
        """
        stored = self._objects.read(_key(population))
        return None if stored is None else _decode(population, stored.data)

    def raise_to(self, mark: Mark) -> Mark:
        """Raise a population's mark to at least this one, durably; return the mark afterwards.

        Raises:
            StoreUnavailableError: it may or may not have been raised.
            MarkConflictError: another entry was told at the same position.
            MarkUnreadableError: what is stored is no mark.
        """
        if mark.sequence < 0 or len(mark.entry_hash) != _HASH_BYTES:
            raise ValueError("a mark has a position from 0 on and a hash of 32 bytes")
        key = _key(mark.population)
        for _ in range(_TRIES):
            stored = self._objects.read(key)
            if stored is not None:
                present = _decode(mark.population, stored.data)
                if present.sequence == mark.sequence and present.entry_hash != mark.entry_hash:
                    raise MarkConflictError(mark.population)
                if present.sequence >= mark.sequence:
                    return present
            if self._objects.replace(key, _encode(mark), None if stored is None else stored.version):
                return mark
        raise StoreUnavailableError("the mark stays contended")

    def replace(self, lost: Mark, by: Mark) -> Mark:
        """Put a mark in the place of one that was given up, if that is there still; return the mark afterwards.

        Args:
            lost: as it was read; the chain has gone on without it.
            by: a position of that chain, which may be lower.

        Raises:
            StoreUnavailableError: it may or may not have been replaced.
            MarkUnreadableError: what is stored is no mark.
        """
        key = _key(lost.population)
        stored = self._objects.read(key)
        if stored is not None and _decode(lost.population, stored.data) == lost:
            if self._objects.replace(key, _encode(by), stored.version):
                return by
            stored = self._objects.read(key)
        if stored is None:
            raise StoreUnavailableError("a mark is gone that was there")
        return _decode(lost.population, stored.data)


def _key(population: str) -> str:
    parts = _POPULATION.fullmatch(population)
    if parts is None:
        raise ValueError("a mark is of populations/{population}")
    return f"marks/{parts[1]}.json"


def _encode(mark: Mark) -> bytes:
    return json.dumps({"hash": mark.entry_hash.hex(), "seq": str(mark.sequence)}).encode()


def _decode(population: str, data: bytes) -> Mark:
    try:
        fields = json.loads(data)
        mark = Mark(population, int(fields["seq"]), bytes.fromhex(fields["hash"]))
    except (ValueError, KeyError, TypeError):
        raise MarkUnreadableError(population) from None
    if mark.sequence < 0 or len(mark.entry_hash) != _HASH_BYTES:
        raise MarkUnreadableError(population)
    return mark
