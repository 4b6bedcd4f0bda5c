"""Rows of one partition, grouped by privacy unit, in a random order within it."""

import numpy as np
import polars as pl

from sfumato_executor.preparation.columns import UNIT_ORDINAL

EXACT_UNIT = "exact"
UNIT_HASH = "hash"


def shuffled(rows: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Rows in random order: for tables where a row is a unit."""
    return rows[random.permutation(rows.height)]


def grouped(rows: pl.DataFrame, random: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows by unit, and the units.

    Which rows of a unit come first is uniformly random and independent of every other unit's rows, so truncating to
    the first m looks at the unit's own rows alone.

    Args:
        rows: stored columns with EXACT_UNIT (no nulls) and UNIT_HASH.
        random: seeded by the operating system.

    Returns:
        (rows with UNIT_ORDINAL and without EXACT_UNIT and UNIT_HASH; units with EXACT_UNIT and UNIT_HASH, a row for
        each ordinal).
    """
    mixed = shuffled(rows, random)
    order = np.argsort(mixed[UNIT_HASH].to_numpy(), kind="stable")
    by_hash = mixed[order]
    starts = _starts(by_hash)
    if _collided(by_hash, starts):
        by_hash = mixed.sort(UNIT_HASH, EXACT_UNIT, maintain_order=True)
        starts = _starts(by_hash)
    ordinals = (starts.cast(pl.UInt32).cum_sum() - 1).cast(pl.UInt32) if by_hash.height else starts.cast(pl.UInt32)
    units = by_hash.select(EXACT_UNIT, UNIT_HASH).filter(starts)
    return by_hash.drop(EXACT_UNIT, UNIT_HASH).with_columns(ordinals.alias(UNIT_ORDINAL)), units


def _starts(rows: pl.DataFrame) -> pl.Series:
    """True where a row's exact unit differs from the row before."""
    first = pl.int_range(pl.len()) == 0
    return rows.select(first | pl.col(EXACT_UNIT).ne_missing(pl.col(EXACT_UNIT).shift(1))).to_series()


def _collided(rows: pl.DataFrame, starts: pl.Series) -> bool:
    """Whether two units share a hash: then sorting by it alone may have interleaved their rows."""
    hashes = rows[UNIT_HASH].to_numpy()
    return bool((starts.to_numpy()[1:] & (hashes[1:] == hashes[:-1])).any())
