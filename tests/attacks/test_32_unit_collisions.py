# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 32, attack: a null or colliding unit, or interleaved keys, that change which rows of another unit are kept.

Units are grouped by exact value, never by a hash, and never cut; rows without a unit are left out; kept rows are the
first of contiguous (unit, key) groups. Removing one unit changes that unit's rows alone.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from sfumato_executor.engines.native.engine import exact_vectors
from sfumato_executor.preparation.columns import UNIT_ORDINAL
from sfumato_executor.preparation.preparing import PreparedRows
from sfumato_executor.preparation.spilling import RowSpool
from sfumato_executor.preparation.table import Partition, PreparedTable
from sfumato_executor.preparation.units import UnitHash
from tests.attacks.tables import SCAN, dataset, exact, program, table

SCHEMA = (
    'columns { name: "who" nullable: true text { max_length: 4 } } columns { name: "x" integer { upper: 100 } } '
    'columns { name: "c" category { values: ["a", "b", "c"] } }'
)
COUNTS = 'measures { alias: "n" count { } } measures { alias: "u" count_units { } } measures { alias: "s" sum { value { column: "x" } } }'
KEYS = 'group_by { keys { alias: "c" expression { column: "c" } } }'


def collided(made: Any, columns: dict[str, list[Any]]) -> PreparedTable:
    """A table in which the hashes of all units are the same."""
    rows = PreparedRows(made, key=bytes(32), random=np.random.default_rng(5))
    batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
    spool = RowSpool(Path(tempfile.mkdtemp()), held_rows=10_000, group_rows=10_000)
    same = mock.patch.object(UnitHash, "__call__", lambda _, units: pl.Series([7] * len(units), dtype=pl.UInt64))
    with same:
        parts = [partition for partition, _ in rows.partitions([batch], spool)]
    return PreparedTable(rows.unit, rows.key, rows.columns(), parts, made_up=True)


def without(prepared: PreparedTable) -> list[PreparedTable]:
    """The table without each of its units, everything else as it was."""
    found = []
    for number, part in enumerate(prepared.sources):
        assert isinstance(part, Partition)
        for ordinal in part.rows[UNIT_ORDINAL].unique().to_list():
            sources = list(prepared.sources)
            sources[number] = Partition(part.rows.filter(pl.col(UNIT_ORDINAL) != ordinal), part.unit_hashes)
            found.append(replace(prepared, sources=sources))
    return found


PEOPLE: dict[str, list[Any]] = {
    "who": ["ann", "bob"] * 12 + [None] * 6 + ["cy"] * 3,
    "c": ["a", "a", "b", "b", "a", "b"] * 4 + ["c"] * 6 + ["a", "b", "c"],
    "x": [7, 100, 1] * 11,
}


@pytest.mark.parametrize(
    "unit", ["max_groups: 1 max_rows_per_group: 1", "max_groups: 2 max_rows_per_group: 2", "max_rows: 3"]
)
@pytest.mark.parametrize("grouped", [True, False])
def test_with_all_hashes_equal_units_stay_apart(unit: str, grouped: bool) -> None:
    made = dataset(SCHEMA, f'column: "who" {unit}')
    compiled = program(f"{SCAN} {KEYS if grouped else ''} {COUNTS}", made)
    prepared = collided(made, PEOPLE)
    whole = exact_vectors(compiled, prepared).vectors
    neighbours = without(prepared)
    assert len(neighbours) == 3  # ann, bob, cy: those without a unit are none
    for other in neighbours:
        for vector, before, after in zip(compiled.vectors, whole, exact_vectors(compiled, other).vectors, strict=True):
            changes = abs(before - after)
            assert int(changes.max()) <= vector.sensitivity.linf
            assert int(changes.sum()) <= vector.sensitivity.l1
            assert int(np.count_nonzero(changes)) <= vector.sensitivity.l0
    if not grouped:
        units = [vector for vector in compiled.vectors if vector.kind.value == "units"]
        place = compiled.vectors.index(units[0])
        assert int(whole[place].sum()) == 3


def test_rows_without_a_unit_are_left_out_and_change_nobody_else() -> None:
    made = dataset(SCHEMA, 'column: "who" max_rows: 100')
    compiled = program(f"{SCAN} {COUNTS}", made)
    some = {"who": ["ann", None, "bob"], "c": ["a", "b", "c"], "x": [1, 50, 3]}
    none = {"who": ["ann", "bob"], "c": ["a", "c"], "x": [1, 3]}
    assert exact(compiled, table(made, some)) == exact(compiled, table(made, none))


def test_names_that_are_equal_after_cutting_are_two_persons() -> None:
    """The schema keeps four characters of a text; a person's name is never cut to them, nor trimmed."""
    made = dataset(SCHEMA, 'column: "who" max_rows: 1')
    compiled = program(f"{SCAN} {COUNTS}", made)
    names = ["annabel", "annabet", "anna", "anna ", "ANNA", "", "ann\0a", "\u00e9", "e\u0301"]
    columns = {"who": names, "c": ["a"] * len(names), "x": [1] * len(names)}
    units = next(i for i, vector in enumerate(compiled.vectors) if vector.kind.value == "units")
    assert exact(compiled, table(made, columns))[units] == [len(names)]


def test_interleaved_keys_do_not_start_a_run_anew() -> None:
    """Keys A, B, A, B of one unit at one row each: the run-start trick alone would keep every row."""
    made = dataset(SCHEMA, 'column: "who" max_groups: 2 max_rows_per_group: 1')
    compiled = program(f"{SCAN} {KEYS} {COUNTS}", made)
    count = 40
    columns = {"who": ["ann"] * count, "c": ["ab"[i % 2] for i in range(count)], "x": [1] * count}
    rows = next(i for i, vector in enumerate(compiled.vectors) if vector.kind.value == "rows")
    assert exact(compiled, table(made, columns))[rows] == [1, 1, 0]
    filtered = (
        'source { filter { input { scan { dataset: "datasets/d" } } predicate { call { function: FUNCTION_NOT_EQUAL '
        'arguments { column: "c" } arguments { literal { text: "b" } } } } } }'
    )
    compiled = program(f"{filtered} {KEYS} {COUNTS}", made)
    rows = next(i for i, vector in enumerate(compiled.vectors) if vector.kind.value == "rows")
    assert exact(compiled, table(made, columns))[rows] == [1, 0, 0]
