"""The rows that a library gets: filtered, bounded, and of a fixed number where its guarantee is for one.

Theorem. Let neighbours D and D' = D ∪ (all rows of one unit). Filtering, computing columns and leaving out rows with a
null decide about one row by itself; of what is left at most m rows of each unit are kept, which is a function of the
unit's own rows (`engines/native/bounding.py`). So the kept rows of D' are those of D and at most m more.

Where the number of rows is fixed to n, the kept rows are put in an order drawn uniformly at random, the first n of
(rows, then made-up ones) are taken, and those are put in a random order once more. An order of D' restricted to the
rows of D is uniform on D, so the first orders can be drawn together; under each pair the two multisets of n differ in
at most m rows (OpenDP's `make_resize` rests on the same), and the second orders can be drawn so that all other rows
stand at equal places. A mechanism that is ε-DP for replacing one of n rows where it stands is m·ε-DP here, for every
pair, so for the mixture.
"""

import secrets
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from sfumato_executor.engines.library.program import RowColumn, RowSelection
from sfumato_executor.engines.native.bounding import first_rows
from sfumato_executor.engines.native.engine import ForeignTableError
from sfumato_executor.engines.native.lowering import lower, referenced
from sfumato_executor.plan.expressions import Column, Kind, Value, ValueType
from sfumato_executor.preparation.columns import UNIT_ORDINAL
from sfumato_executor.preparation.mending import STORED
from sfumato_executor.preparation.table import Partition, PreparedTable

_UNIT: Final = "unit ordinal"  # no column that a question names has a blank


def select_rows(selection: RowSelection, table: PreparedTable) -> pa.Table:
    """Return the selected rows: one column each, in the stored type of its kind.

    BOOLEAN is bool, INTEGER int64, REAL float64 (finite), TEXT string, CATEGORY uint32 (place in the declared list),
    DATE int32 (days) and TIMESTAMP int64 (µs since 1970).

    Raises:
        ForeignTableError: the table was prepared under another schema or unit than the selection was proved for.
    """
    _check(selection, table)
    frame = pl.concat([_kept(selection, partition) for partition in table.partitions()])
    if selection.row_count is not None:
        frame = _resized(frame, selection)
    result: pa.Table = frame.to_arrow()
    return result.cast(pa.schema([(column.name, _ARROW[column.value.type.kind]) for column in selection.columns]))


def _check(selection: RowSelection, table: PreparedTable) -> None:
    if selection.unit_column != table.unit:
        raise ForeignTableError("the rows are bounded by another privacy unit than the table has")
    for column in _read(selection):
        stored = table.columns.get(column.name)
        if stored is None or not stored.within(column.type):
            raise ForeignTableError(f"column {column.name} was prepared under another schema")


def _read(selection: RowSelection) -> list[Column]:
    wanted = [column.value for column in selection.columns]
    if selection.filter is not None:
        wanted.append(selection.filter)
    return [column for expression in wanted for column in referenced(expression)]


def _kept(selection: RowSelection, partition: Partition) -> pl.DataFrame:
    rows = partition.rows.lazy()
    if selection.filter is not None:
        rows = rows.filter(lower(selection.filter).fill_null(False))
    asked = [_enforced(column).alias(column.name) for column in selection.columns]
    if selection.unit_column is not None:
        asked.append(pl.col(UNIT_ORDINAL).alias(_UNIT))
    frame = rows.select(asked).collect()
    if selection.drop_nulls:
        frame = frame.drop_nulls()
    if selection.unit_column is None:
        return frame
    units = frame[_UNIT].to_numpy()
    return frame.drop(_UNIT).filter(pl.Series(first_rows(units, selection.rows_per_unit)))


def _enforced(column: RowColumn) -> pl.Expr:
    """A column's value, moved into the range that is proved of it: should a proof be wrong, that costs accuracy."""
    kind = column.value.type
    value = lower(column.value).cast(STORED[kind.kind])
    if kind.kind is Kind.CATEGORY:
        return pl.when(value < len(kind.categories)).then(value)
    if kind.lower is not None and kind.upper is not None:
        return value.clip(pl.lit(kind.lower, STORED[kind.kind]), pl.lit(kind.upper, STORED[kind.kind]))
    return value


def _resized(frame: pl.DataFrame, selection: RowSelection) -> pl.DataFrame:
    """Exactly `row_count` rows. The order is drawn anew for every run, by the operating system's randomness."""
    assert selection.row_count is not None
    random = np.random.default_rng(secrets.randbits(256))
    rows = frame[random.permutation(frame.height)[: selection.row_count]]
    missing = selection.row_count - rows.height
    made_up = pl.DataFrame([_made_up(column) for column in selection.columns])
    filled = pl.concat([rows, made_up[np.zeros(missing, dtype=np.uint32)]])
    return filled[random.permutation(filled.height)]


def _made_up(column: RowColumn) -> pl.Series:
    return pl.Series(column.name, [_middle(column)], dtype=STORED[column.value.type.kind])


def _middle(column: RowColumn) -> Value:
    """A public value of a column: the middle of its range, its first category, false."""
    kind: ValueType = column.value.type
    match kind.kind:
        case Kind.BOOLEAN:
            return False
        case Kind.CATEGORY:
            return 0
        case Kind.TEXT:
            return ""
        case Kind.REAL:
            return (float(kind.lower or 0) + float(kind.upper or 0)) / 2
        case _:
            return (int(kind.lower or 0) + int(kind.upper or 0)) // 2


_ARROW: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.CATEGORY: pa.uint32(),
    Kind.DATE: pa.int32(),
    Kind.TIMESTAMP: pa.int64(),
}
