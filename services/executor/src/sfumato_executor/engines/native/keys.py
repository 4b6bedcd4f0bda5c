"""Group keys as small whole numbers: a code for each key of the answer, and each row's code.

A key column whose domain is public and small (categories, booleans, narrow ranges) is coded by its place in the domain;
any other by its place among the values that the answer lists. Codes of several columns are put together in mixed radix,
first column slowest, and narrowed to those listed where the product is large. So codes order as their keys do, in every
table: what other keys a table has does not change which of two codes is the smaller.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sfumato_executor.engines.native.lowering import lower
from sfumato_executor.plan.expressions import Bucket, Column, Kind, Value
from sfumato_executor.plan.program import Key
from sfumato_executor.preparation.mending import STORED

KeyRow = tuple[Value, ...]
_DENSE = 1 << 17
"""Widest range of whole numbers or days that is coded by place in the range."""
_CELLS = 1 << 20
"""Largest product of domains that is coded without narrowing."""


@dataclass(frozen=True)
class KeySpace:
    """Codes of the keys of one answer.

    Attributes:
        code: each row's code, UInt32; null where the row's key is not listed. None where there are no key columns.
        size: codes are below it.
        places: the key's place in the answer for each code; −1 for codes that are not listed.
        listed: the number of keys in the answer.
        covers: whether every code that a row can have is listed, so that no row needs to be dropped.
    """

    code: pl.Expr | None
    size: int
    places: npt.NDArray[np.int64]
    listed: int
    covers: bool

    def is_listed(self) -> pl.Expr:
        """Whether a row's key is in the answer: a decision about that row alone."""
        assert self.code is not None
        return pl.lit(pl.Series(self.places >= 0)).gather(self.code).fill_null(False)


def key_space(keys: Sequence[Key], rows: Sequence[KeyRow]) -> KeySpace:
    """The space of an answer that lists these keys, which are unique and in the answer's order."""
    if not keys:
        return KeySpace(None, 1, np.zeros(1, dtype=np.int64), 1, covers=True)
    columns = [_column(key, [row[index] for row in rows]) for index, key in enumerate(keys)]
    code, size = columns[0].code, columns[0].size
    codes = columns[0].slots
    for column in columns[1:]:
        code = code.cast(pl.Int64) * column.size + column.code.cast(pl.Int64)
        codes = codes * column.size + column.slots
        size *= column.size
        if size > _CELLS:
            code, codes, size = _narrowed(code, codes)
    places = np.full(size, -1, dtype=np.int64)
    places[codes] = np.arange(len(rows))
    reachable = [column.reachable for column in columns]
    covers = all(reachable) and len(rows) == functools.reduce(lambda a, b: a * b, [r or 0 for r in reachable])
    return KeySpace(code.cast(pl.UInt32), size, places, len(rows), covers)


@dataclass(frozen=True)
class _KeyColumn:
    """One column: each row's slot (null: not listed), number of slots, slots of the listed keys, and how many slots a
    row can reach where all of them are public (0: unknown)."""

    code: pl.Expr
    size: int
    slots: npt.NDArray[np.int64]
    reachable: int


def _column(key: Key, values: Sequence[Value]) -> _KeyColumn:
    domain = key.value.type
    value = lower(key.value)
    width = _width(key)
    if width is None:
        return _listed_column(key, values)
    if domain.kind is Kind.CATEGORY:
        places: dict[Value, int] = {text: place for place, text in enumerate(domain.categories)}
    else:
        least = int(domain.lower or 0)
        places = {least + place: place for place in range(width)}
        value = (value.cast(pl.Int64) - least) if least else value
        if domain.kind is not Kind.BOOLEAN and not isinstance(key.value, (Bucket, Column)):
            value = value.clip(0, width - 1)  # a range that is proved too narrow must not make a row's code raise
    if any(item is not None and item not in places for item in values):
        return _listed_column(key, values)
    slots = [width if item is None else places[item] for item in values]
    if domain.nullable:
        value = value.cast(pl.UInt32).fill_null(width)
    return _KeyColumn(value.cast(pl.UInt32), width + 1, np.array(slots, dtype=np.int64), width + int(domain.nullable))


def _width(key: Key) -> int | None:
    """Values of a public, small domain; None for others."""
    domain = key.value.type
    if domain.kind is Kind.CATEGORY:
        return len(domain.categories)
    if domain.kind is Kind.BOOLEAN:
        return 2
    if domain.kind in (Kind.INTEGER, Kind.DATE):
        assert domain.lower is not None
        assert domain.upper is not None
        width = int(domain.upper) - int(domain.lower) + 1
        return width if width <= _DENSE else None
    return None


def _listed_column(key: Key, values: Sequence[Value]) -> _KeyColumn:
    kind = key.value.type.kind
    present = pl.Series([v for v in values if v is not None], dtype=STORED[kind]).unique().sort()
    size = len(present)
    ranks = {value: rank for rank, value in enumerate(present.to_list())}
    slots = [size if value is None else ranks[value] for value in values]
    value = lower(key.value)
    null_slot = pl.lit(size if None in values else None, dtype=pl.UInt32)
    found = _ranked(value, present)
    code = pl.when(value.is_null()).then(null_slot).otherwise(found)
    return _KeyColumn(code, size + 1, np.array(slots, dtype=np.int64), 0)


def _ranked(value: pl.Expr, present: pl.Series) -> pl.Expr:
    if not len(present):
        return pl.lit(None, dtype=pl.UInt32)
    return value.replace_strict(
        present, pl.Series(range(len(present)), dtype=pl.UInt32), default=None, return_dtype=pl.UInt32
    )


def _narrowed(code: pl.Expr, codes: npt.NDArray[np.int64]) -> tuple[pl.Expr, npt.NDArray[np.int64], int]:
    """Codes renumbered to those that occur among the listed keys, in the same order; others become null."""
    listed = np.unique(codes)
    if not len(listed):
        return pl.lit(None, dtype=pl.Int64), codes, 1
    narrow = code.replace_strict(
        pl.Series(listed), pl.Series(range(len(listed)), dtype=pl.Int64), default=None, return_dtype=pl.Int64
    )
    return narrow, np.searchsorted(listed, codes), len(listed)


def public_key_hashes(space: KeySpace, secret: bytes) -> npt.NDArray[np.uint64]:
    """Keyed hash of each code where the key list is public: a function of the key's public place."""
    seed = np.frombuffer(hashlib.blake2b(b"public keys", key=secret, digest_size=8).digest(), dtype=np.uint64)[0]
    return _scrambled(space.places.astype(np.uint64) + seed)


def found_key_hashes(space: KeySpace, rows: Sequence[KeyRow], secret: bytes) -> npt.NDArray[np.uint64]:
    """Keyed hash of each code where keys come from the data: a function of the key's value, never of its place."""
    hashes = np.zeros(space.size, dtype=np.uint64)
    digests = [hashlib.blake2b(json.dumps(row).encode(), key=secret, digest_size=8).digest() for row in rows]
    values = np.frombuffer(b"".join(digests), dtype=np.uint64)
    listed = space.places >= 0
    hashes[listed] = values[space.places[listed]]
    return hashes


def _scrambled(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64."""
    mixed = values.copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def found_keys(keys: Sequence[Key], frames: Sequence[pl.DataFrame]) -> list[KeyRow]:
    """Distinct key rows of the data, sorted: null last, texts by code point. Secret until a threshold releases them.

    Args:
        keys: key columns.
        frames: distinct rows of the lowered key columns, one frame a partition.
    """
    rows: set[KeyRow] = set()
    for frame in frames:
        rows.update(frame.unique().iter_rows())
    return sorted((_shown(keys, row) for row in rows), key=sort_key)


def _shown(keys: Sequence[Key], row: KeyRow) -> KeyRow:
    """A row of stored values as constants: categories as texts."""
    return tuple(
        key.value.type.categories[int(value)] if key.value.type.kind is Kind.CATEGORY and value is not None else value
        for key, value in zip(keys, row, strict=True)
    )


def sort_key(row: KeyRow) -> tuple[tuple[bool, Value], ...]:
    """Order of answer rows: by key columns in turn, null after every value, texts by code point."""
    return tuple((value is None, 0 if value is None else value) for value in row)
