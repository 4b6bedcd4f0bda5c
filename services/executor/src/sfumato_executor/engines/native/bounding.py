"""Contribution bounding: which rows of a privacy unit count.

Theorem. Let neighbours D and D' = D ∪ (all rows of one unit). If the rows kept of each unit are a function of that
unit's own rows, of public metadata and of the data version's secret key, then the kept rows of D' are those of D and
some of the new unit's: at most `groups` keys with at most `rows` rows each, or at most `rows` rows in all. Every vector
adds a bounded integer for each kept row, so the sensitivities of native.md §3 follow.

Why each step looks at a unit's own rows alone:
- The filter and the public key list decide about one row by itself. Both come before bounding, so that rows which no
  answer could show do not use up a unit's contribution. That costs nothing in privacy: a composition of row-local
  decisions with a rule over the unit's remaining rows is still a function of the unit's own rows.
- Rows of one unit lie next to each other (preparation groups them by exact value) in an order drawn at random,
  independently for each unit; filtering keeps both. Under any fixed draw of the orders the theorem holds, so it holds
  for the mixture.
- Keys of a unit are ordered by a hash of (unit, key) under the secret key, ties by the keys' own order: of two keys the
  same one comes first whatever other keys and units the table has. The hash decides order only. Equality of units is
  equality of ordinals, which preparation gives by exact value; equality of keys is equality of codes.

A row is among the first m of its unit if the row m places before it is of another unit: runs are contiguous. No
position is counted, so nothing can start anew inside a run (A, B, A, B).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Ordinals = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_CHUNK_ROWS = 1 << 18


def first_rows(units: Ordinals, rows: int) -> Flags:
    """True for the first `rows` rows of each run of equal ordinals."""
    kept = np.ones(len(units), dtype=np.bool_)
    if rows < len(units):
        np.not_equal(units[rows:], units[:-rows], out=kept[rows:])
    return kept


@dataclass(frozen=True)
class Kept:
    """Rows that count: their places, and whether each is the first of its (unit, key)."""

    places: Places
    first: Flags


def first_groups(
    units: Ordinals, keys: Ordinals, unit_hashes: Hashes, key_hashes: Hashes, groups: int, rows: int
) -> Kept:
    """At most `groups` keys of each unit (smallest hash of unit and key), then at most `rows` rows of each.

    Args:
        units: ordinal of each row's unit, never decreasing.
        keys: code of each row's key.
        unit_hashes: keyed hash of each ordinal.
        key_hashes: keyed hash of each code.
        groups: keys kept of a unit; at least 1.
        rows: rows kept of a (unit, key); at least 1.

    Returns:
        The kept rows, by unit and key.
    """

    def one(bounds: tuple[int, int]) -> Kept:
        begin, end = bounds
        part = units[begin:end], keys[begin:end]
        kept = _first_groups(*part, unit_hashes, key_hashes, groups, rows)
        return Kept(kept.places + begin, kept.first)

    chunks = list(_chunks(units))
    if len(chunks) < 2:
        return one((0, len(units)))
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        parts = list(pool.map(one, chunks))
    return Kept(np.concatenate([p.places for p in parts]), np.concatenate([p.first for p in parts]))


def _first_groups(
    units: Ordinals, keys: Ordinals, unit_hashes: Hashes, key_hashes: Hashes, groups: int, rows: int
) -> Kept:
    if not len(units):
        return Kept(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_))
    priority = order_hash(units, keys, unit_hashes, key_hashes)
    order = np.argsort(priority, kind="stable")
    sorted_priority, sorted_keys = priority[order], keys[order]
    if ((sorted_priority[1:] == sorted_priority[:-1]) & (sorted_keys[1:] != sorted_keys[:-1])).any():
        order = np.lexsort((keys, priority))  # two keys of a unit share a hash: sort by it, then by key
        sorted_priority, sorted_keys = priority[order], keys[order]
    starts = np.ones(len(order), dtype=np.bool_)
    starts[1:] = (sorted_priority[1:] != sorted_priority[:-1]) | (sorted_keys[1:] != sorted_keys[:-1])
    begins = np.flatnonzero(starts)
    owners = units[order[begins]]
    kept = np.repeat(first_rows(owners, groups), np.diff(begins, append=len(order)))
    if rows < len(order):
        same = (sorted_priority[rows:] == sorted_priority[:-rows]) & (sorted_keys[rows:] == sorted_keys[:-rows])
        kept[rows:] &= ~same
    return Kept(order[kept], starts[kept])


def order_hash(units: Ordinals, keys: Ordinals, unit_hashes: Hashes, key_hashes: Hashes) -> Hashes:
    """Ordinal in the upper 32 bits, hash of (unit, key) in the lower: sorting by it keeps units together."""
    mixed = unit_hashes[units]
    mixed ^= key_hashes[keys]
    mixed *= _SPREAD
    mixed >>= np.uint64(32)
    mixed |= units.astype(np.uint64) << np.uint64(32)
    return mixed


def first_of_pairs(units: Ordinals, keys: Ordinals) -> Flags:
    """True for one row of each (unit, key) that occurs, however they are interleaved."""
    pairs = units.astype(np.uint64) << np.uint64(32) | keys
    first = np.zeros(len(pairs), dtype=np.bool_)
    first[np.unique(pairs, return_index=True)[1]] = True
    return first


def _chunks(units: Ordinals) -> Iterator[tuple[int, int]]:
    """Bounds of chunks of whole units, of about a cache's size; a larger unit is a chunk of its own."""
    begin = 0
    while begin < len(units):
        end = min(begin + _CHUNK_ROWS, len(units))
        if end < len(units):
            end = max(int(np.searchsorted(units, units[end], side="left")), begin)
            if end == begin:
                end = int(np.searchsorted(units, units[begin], side="right"))
        yield begin, end
        begin = end
