"""Exact Int64 vectors over the keys of an answer: all that is computed on private rows.

A partition holds whole privacy units, so bounding is local to it and vectors of partitions add. Additions are of
integers: their order, threads and partitions cannot change a result.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from sfumato_executor.engines.native.bounding import first_groups, first_of_pairs, first_rows
from sfumato_executor.engines.native.keys import KeySpace
from sfumato_executor.engines.native.lowering import lower, referenced
from sfumato_executor.engines.native.physical import greatest_real, least_real
from sfumato_executor.plan.expressions import Bucket, Column, Kind
from sfumato_executor.plan.program import Bounding, Program, Vector, VectorKind
from sfumato_executor.preparation.columns import UNIT_ORDINAL, stored_name
from sfumato_executor.preparation.table import Partition

Integers = npt.NDArray[np.int64]
_FIRST = "first"
_CODE = "code"
_CELL = "cell"
_MANY = 100_000
"""Rows from which it pays to go through them in pieces."""


@dataclass(frozen=True)
class Aggregation:
    """A program over one key space, lowered once and run on every partition.

    What a program computes becomes a column (`computed`) before it is aggregated or grouped by: inside an aggregation
    Polars takes an expression that it can fold to a constant as one value, not as one for each row.
    """

    program: Program
    space: KeySpace
    key_hashes: npt.NDArray[np.uint64]
    predicate: pl.Expr | None
    computed: tuple[pl.Expr, ...]

    @classmethod
    def of(cls, program: Program, space: KeySpace, key_hashes: npt.NDArray[np.uint64]) -> "Aggregation":
        """Lower a program. Rows whose key is not listed are dropped first where that can matter to bounding."""
        bounded = program.bounding.kind is not Bounding.Kind.ROW
        predicate = None if program.filter is None else lower(program.filter).fill_null(False)
        if bounded and not space.covers:
            listed = space.is_listed()
            predicate = listed if predicate is None else predicate & listed
        computed = [
            lower(vector.value).alias(_value_name(index))
            for index, vector in enumerate(program.vectors)
            if vector.value is not None and not isinstance(vector.value, Column)
        ]
        if space.code is not None:
            computed.append(space.code.alias(_CODE))
        return cls(program, space, key_hashes, predicate, tuple(computed))

    def vectors(self, partition: Partition) -> list[Integers]:
        """The vectors of one partition, each of shape (keys,) or (keys, bins)."""
        rows = self._counted(partition).with_columns(self.computed)
        height = partition.rows.height
        found = [self._zeros(vector) for vector in self.program.vectors]
        if any(vector.kind is VectorKind.BINS for vector in self.program.vectors):
            rows = rows.collect().lazy()
        self._add_sums(rows, height, found)
        for index, vector in enumerate(self.program.vectors):
            if vector.kind is VectorKind.BINS:
                self._add_bins(rows, vector, self._value(index), found[index])
        return found

    def _counted(self, partition: Partition) -> pl.LazyFrame:
        """Rows that count, after filter and bounding."""
        rows = projected(self.program, partition)
        if self.predicate is not None:
            rows = rows.filter(self.predicate)
        bounding = self.program.bounding
        if bounding.kind is Bounding.Kind.ROW:
            return rows
        assert partition.unit_hashes is not None
        frame = rows.collect()
        units = frame[UNIT_ORDINAL].to_numpy()
        if bounding.kind is Bounding.Kind.ROWS or self.space.code is None:
            return self._first_rows(frame, units, bounding.rows)
        kept = first_groups(
            units, self._codes(frame), partition.unit_hashes, self.key_hashes, bounding.groups, bounding.rows
        )
        return frame[kept.places].lazy().with_columns(pl.Series(_FIRST, kept.first))

    def _first_rows(self, frame: pl.DataFrame, units: npt.NDArray[np.uint32], count: int) -> pl.LazyFrame:
        kept = frame.filter(pl.Series(first_rows(units, count)))
        if not any(vector.kind is VectorKind.UNITS for vector in self.program.vectors):
            return kept.lazy()
        owners = kept[UNIT_ORDINAL].to_numpy()
        first = first_rows(owners, 1) if self.space.code is None else first_of_pairs(owners, self._codes(kept))
        return kept.lazy().with_columns(pl.Series(_FIRST, first))

    def _codes(self, frame: pl.DataFrame) -> npt.NDArray[np.uint32]:
        """Code of each row; every row's key is listed here."""
        assert self.space.code is not None
        return frame.lazy().with_columns(self.space.code.alias(_CODE)).select(_CODE).collect()[_CODE].to_numpy()

    def _zeros(self, vector: Vector) -> Integers:
        shape = (self.space.listed, vector.bins) if vector.kind is VectorKind.BINS else (self.space.listed,)
        return np.zeros(shape, dtype=np.int64)

    def _value(self, index: int) -> pl.Expr:
        """The column that holds a vector's value."""
        value = self.program.vectors[index].value
        return pl.col(stored_name(value.name) if isinstance(value, Column) else _value_name(index))

    def _add_sums(self, rows: pl.LazyFrame, height: int, found: list[Integers]) -> None:
        """Counts and sums of all keys in one pass. Polars' counts are UInt32: cast after the aggregation."""
        wanted = [(i, v) for i, v in enumerate(self.program.vectors) if v.kind is not VectorKind.BINS]
        if not wanted:
            return
        terms = [self._term(index, vector, height).alias(str(index)) for index, vector in wanted]
        if self.space.code is None:
            totals = rows.select(terms).collect()
            places = np.zeros(1, dtype=np.int64)
        else:
            totals = self._grouped(rows, terms, height).filter(pl.col(_CODE).is_not_null())
            places = self.space.places[totals[_CODE].to_numpy()]
        listed = places >= 0
        for index, _ in wanted:
            values = totals[str(index)].cast(pl.Int64).fill_null(0).to_numpy()
            found[index][places[listed]] += values[listed]

    def _grouped(self, rows: pl.LazyFrame, terms: list[pl.Expr], height: int) -> pl.DataFrame:
        """Terms of each key, in any order; that changes none of them, since they are exact.

        Rows that a filter lets through are gone through in pieces that a cache holds: what is computed of them is then
        never written out. That saves a sixth of two million rows; few take longer so.
        """
        filtered = self.predicate is not None and self.program.bounding.kind is Bounding.Kind.ROW
        engine: Literal["streaming", "in-memory"] = "streaming" if filtered and height >= _MANY else "in-memory"
        return rows.group_by(_CODE).agg(terms).collect(engine=engine)

    def _term(self, index: int, vector: Vector, height: int) -> pl.Expr:
        if vector.kind is VectorKind.SUM:
            return exact_sum(vector, self._value(index), height)
        if vector.kind is VectorKind.UNITS and self.program.bounding.kind is not Bounding.Kind.ROW:
            return pl.col(_FIRST).sum()
        return pl.len() if vector.value is None else self._value(index).count()

    def _add_bins(self, rows: pl.LazyFrame, vector: Vector, place: pl.Expr, found: Integers) -> None:
        code = pl.lit(0, dtype=pl.Int64) if self.space.code is None else pl.col(_CODE).cast(pl.Int64)
        place = place.cast(pl.Int64)
        if not isinstance(vector.value, (Bucket, Column)):  # no proof of a computed range keeps a row in its own key
            place = pl.when(place.is_between(0, vector.bins - 1)).then(place)
        cells = rows.select((code * vector.bins + place).alias(_CELL)).drop_nulls()
        counts = cells.group_by(_CELL).agg(pl.len()).collect()
        cell = counts[_CELL].to_numpy()
        places = self.space.places[cell // vector.bins]
        listed = places >= 0
        numbers = counts["len"].cast(pl.Int64).to_numpy()
        found[places[listed], (cell % vector.bins)[listed]] += numbers[listed]


def _value_name(index: int) -> str:
    return f"value:{index}"


def columns_read(program: Program) -> Iterator[Column]:
    """The columns that a program reads, perhaps repeated."""
    for key in program.keys:
        yield from referenced(key.value)
    for vector in program.vectors:
        if vector.value is not None:
            yield from referenced(vector.value)
    if program.filter is not None:
        yield from referenced(program.filter)


def projected(program: Program, partition: Partition) -> pl.LazyFrame:
    """The columns of a partition that a program reads; at least one, so that rows can be counted."""
    names = {stored_name(column.name) for column in columns_read(program)}
    if program.bounding.kind is not Bounding.Kind.ROW:
        names.add(UNIT_ORDINAL)
    return partition.rows.select(sorted(names) or partition.rows.columns[:1]).lazy()


def exact_sum(vector: Vector, value: pl.Expr, height: int) -> pl.Expr:
    """Σ clamp(round((x − offset) / step), low, high) over at most `height` rows: an integer, whatever its type.

    Whole numbers are added as doubles where height · max(|low|, |high|) ≤ 2^53: then every partial sum, in whatever
    order, is a whole number that a double holds, so no addition rounds. It saves the cast of each row. Else they are
    added as Int64, where the program's proof (max_rows · max(|low|, |high|) < 2^62) rules overflow out.
    """
    steps = quantised(vector, value)
    if _is_whole(vector):
        return steps.sum()
    if height * max(abs(vector.low), abs(vector.high)) <= 1 << 53:
        return steps.sum()
    return steps.cast(pl.Int64, strict=False).sum()


def _is_whole(vector: Vector) -> bool:
    """Whether whole numbers are taken at step 1: they stay Int64 throughout."""
    assert vector.value is not None
    return vector.value.type.kind is Kind.INTEGER and vector.step == 1.0 and vector.offset.is_integer()


def quantised(vector: Vector, value: pl.Expr) -> pl.Expr:
    """clamp(round((x − offset) / step), low, high) of each row; null where x, `value`, is null.

    Int64 for whole numbers at step 1, else a whole Float64. Rounds half to even. The clamp is the integer one that
    carries the sensitivity proof. It is left out only for a column itself, whose bounds preparation has enforced, and
    only where it is proved to change nothing: conversion to double, subtraction, multiplication by a power of two and
    rounding are each monotone in x, so the steps of x lie between those of the ends of its range; where both ends are
    within [low, high], no row can be outside. What is computed is always clamped: a range that is proved too narrow, or
    a library that rounds in another way, then costs accuracy, never privacy. Clamping doubles to the outermost doubles
    within [low, high] is the integer clamp, as what is clamped is whole; NaN, which Polars orders last, becomes the
    greatest.
    """
    assert vector.value is not None
    enforced = isinstance(vector.value, Column)
    value_type = vector.value.type
    assert value_type.lower is not None
    assert value_type.upper is not None
    if _is_whole(vector):
        ends = (int(value_type.lower), int(value_type.upper)) if enforced else None
        return _quantised_integer(value, ends, vector)
    steps = value.cast(pl.Float64) if value_type.kind is not Kind.REAL else value
    if vector.offset:
        steps = steps - vector.offset
    if vector.step != 1.0:
        steps = steps * (1.0 / vector.step)
    steps = steps.round(mode="half_to_even")
    lower, upper = _steps_of(value_type.lower, vector), _steps_of(value_type.upper, vector)
    if not (enforced and vector.low <= lower and upper <= vector.high):
        low, high = least_real(vector.low), greatest_real(vector.high)
        steps = pl.when(steps < low).then(low).when(steps > high).then(high).otherwise(steps)
    return steps


def _steps_of(value: int | float, vector: Vector) -> float:
    steps = (float(value) - vector.offset) * (1.0 / vector.step)
    return float(round(steps)) if math.isfinite(steps) else steps


def _quantised_integer(value: pl.Expr, ends: tuple[int, int] | None, vector: Vector) -> pl.Expr:
    """Whole numbers at step 1: exact. Clamped before the subtraction, which then cannot leave 64 bits.

    `ends` are the bounds that preparation enforced on them; None where they are computed.
    """
    offset = int(vector.offset)
    low, high = offset + vector.low, offset + vector.high
    if ends is None or not (low <= ends[0] and ends[1] <= high):
        least, greatest = (pl.lit(max(min(bound, (1 << 63) - 1), -(1 << 63)), dtype=pl.Int64) for bound in (low, high))
        value = pl.when(value < least).then(least).when(value > greatest).then(greatest).otherwise(value)
    return value - offset if offset else value
