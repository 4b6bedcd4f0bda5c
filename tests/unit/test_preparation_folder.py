"""From record batches to a prepared folder: whole, grouped by exact unit, in a random order, in bounded memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from sfumato.v1 import dataset_pb2
from sfumato_executor.preparation import preparing, units
from sfumato_executor.preparation.grouping import EXACT_UNIT, UNIT_HASH, grouped
from sfumato_executor.preparation.preparing import prepare
from sfumato_executor.preparation.report import PreparationRefusedError
from sfumato_executor.preparation.spilling import BUCKET, BUCKETS, RowSpool
from sfumato_executor.preparation.table import PreparedTable


def dataset(unit: str = "", kind: str = "text", max_rows: int = 0) -> dataset_pb2.Dataset:
    made = dataset_pb2.Dataset()
    if unit:
        made.privacy_unit.column = unit
        made.privacy_unit.max_groups = 2
        column = made.schema.columns.add(name=unit, nullable=True)
        if kind == "integer":
            column.integer.lower, column.integer.upper = 0, 10
        elif kind == "category":
            column.category.values.extend(["a", "b"])
        elif kind == "real":
            column.real.upper = 1.0
        else:
            column.text.max_length = 2
    made.schema.columns.add(name="x", nullable=True).integer.upper = 10**9
    made.schema.max_rows = max_rows
    return made


def batch(**columns: Sequence[object]) -> pa.RecordBatch:
    return pa.record_batch(columns)


def stored(folder: Path) -> pl.DataFrame:
    parts = list(PreparedTable.open(folder).partitions())
    frames = [part.rows.with_columns(part=pl.lit(index)) for index, part in enumerate(parts)]
    return pl.concat(frames)


def test_folder_holds_every_row_and_no_unit(tmp_path: Path) -> None:
    report = prepare(
        dataset("who"), [batch(who=["a", None, "b"], x=[1, 2, None]), batch(who=["a"], x=[4])], tmp_path / "v"
    )
    rows = stored(tmp_path / "v")
    assert sorted(rows["v:x"].to_list(), key=str) == [1, 4, None]
    assert rows.columns == ["v:x", "unit", "part"]
    assert (report.source_rows, report.kept_rows, report.units) == (4, 3, 2)
    assert report.problems == ("who: 1 rows without a privacy unit were left out",)
    assert [entry.name for entry in tmp_path.iterdir()] == ["v"]


@pytest.mark.parametrize(
    ("kind", "given", "groups"),
    [
        ("text", ["abc", "abd", "ab", "abc"], [1, 1, 2]),  # longer than the column may be: never cut together
        ("integer", [11, 12, 10, 11], [1, 1, 2]),  # beyond the bound: never moved together
        ("integer", ["7", "07", "7.0", "seven"], [3]),  # one number; what is none has no unit
        ("integer", [2**53, 2**53 + 1], [1, 1]),
        ("integer", [2**64 - 1, 2**64 - 2, 1], [1]),  # no exact 64-bit value: left out, not merged
        ("category", ["a", "b", "c", "d", "a"], [1, 2]),
    ],
)
def test_units_are_exact(tmp_path: Path, kind: str, given: list[object], groups: list[int]) -> None:
    column = pa.array(given, type=pa.uint64()) if 2**64 - 1 in given else pa.array(given)
    rows = pa.record_batch([column, pa.array([1] * len(given))], names=["who", "x"])
    prepare(dataset("who", kind), [rows], tmp_path / "v")
    sizes = stored(tmp_path / "v").group_by("unit").len()["len"].to_list()
    assert sorted(sizes) == groups


def test_colliding_hashes_merge_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        units.UnitHash, "__call__", lambda _, exact: pl.Series(UNIT_HASH, [7] * len(exact), dtype=pl.UInt64)
    )
    who = [f"u{index % 9}" for index in range(300)]
    prepare(dataset("who"), [batch(who=who, x=[index % 9 for index in range(300)])], tmp_path / "v")
    rows = stored(tmp_path / "v")
    assert rows.group_by("unit").agg(pl.col("v:x").n_unique())["v:x"].to_list() == [1] * 9
    assert (rows["unit"].diff().drop_nulls() >= 0).all()


@pytest.mark.parametrize("unit", ["", "who"])
def test_rows_spill_and_units_stay_whole(tmp_path: Path, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(folder: Path) -> RowSpool:
        return RowSpool(folder, held_rows=500, group_rows=900)

    monkeypatch.setattr(preparing, "RowSpool", small)
    random = np.random.default_rng(5)
    names = [f"u{number}" for number in random.integers(0, 200, 5_000)]

    def batches() -> Iterator[pa.RecordBatch]:
        for begin in range(0, 5_000, 100):
            yield batch(who=names[begin : begin + 100], x=range(begin, begin + 100))

    prepare(dataset(unit), batches(), tmp_path / "v")
    rows = stored(tmp_path / "v")
    assert rows["part"].n_unique() > 3
    assert rows["v:x"].sort().to_list() == list(range(5_000))
    if unit:
        owners = rows.with_columns(who=pl.col("v:x").map_elements(lambda row: names[row], pl.String))
        assert owners.group_by("part", "unit").agg(pl.col("who").n_unique())["who"].to_list() == [1] * len(set(names))
        assert owners.group_by("who").agg(pl.col("part").n_unique())["part"].max() == 1
    assert sorted(entry.suffix for entry in (tmp_path / "v").iterdir()).count(".json") == 1
    assert not (tmp_path / "v" / "spool").exists()


def test_order_within_a_unit_is_uniform() -> None:
    """Chi-square over which of a unit's five rows comes first; false alarm below 1e-6 (4 degrees: 33.4)."""
    first: Counter[int] = Counter()
    random = np.random.default_rng(2_026)
    rows = pl.DataFrame({"v:x": list(range(5)) * 400, EXACT_UNIT: [i // 5 for i in range(2_000)]})
    rows = rows.with_columns(pl.col(EXACT_UNIT).hash(1).alias(UNIT_HASH))
    for _ in range(10):
        ordered, _ = grouped(rows, random)
        first.update(ordered.group_by("unit", maintain_order=True).first()["v:x"].to_list())
    chi_square = sum((first[value] - 800) ** 2 / 800 for value in range(5))
    assert chi_square < 33.4


def test_two_versions_differ_in_key_and_order(tmp_path: Path) -> None:
    rows = batch(who=["a"] * 64, x=list(range(64)))
    for name in ("1", "2"):
        prepare(dataset("who"), [rows], tmp_path / name)
    assert PreparedTable.open(tmp_path / "1").key != PreparedTable.open(tmp_path / "2").key
    assert stored(tmp_path / "1")["v:x"].to_list() != stored(tmp_path / "2")["v:x"].to_list()


@pytest.mark.parametrize(
    ("made", "rows", "problem"),
    [
        (dataset("who"), {"who": ["a"]}, "no column x"),
        (dataset(max_rows=2), {"x": [1, 2, 3]}, "more than 2 rows"),
        (dataset("who", "real"), {"who": [0.5], "x": [1]}, "must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, made: dataset_pb2.Dataset, rows: dict[str, list[object]], problem: str
) -> None:
    with pytest.raises(PreparationRefusedError, match=problem):
        prepare(made, [batch(**rows)], tmp_path / "v")
    assert list(tmp_path.iterdir()) == []


def test_a_prepared_folder_is_never_written_again(tmp_path: Path) -> None:
    prepare(dataset(), [batch(x=[1])], tmp_path / "v")
    with pytest.raises(FileExistsError):
        prepare(dataset(), [batch(x=[2])], tmp_path / "v")
    assert stored(tmp_path / "v")["v:x"].to_list() == [1]


def test_table_without_rows_can_be_asked(tmp_path: Path) -> None:
    prepare(dataset("who"), [], tmp_path / "v")
    (part,) = PreparedTable.open(tmp_path / "v").partitions()
    assert part.rows.height == 0
    assert part.unit_hashes is not None


def test_buckets_follow_the_unit(tmp_path: Path) -> None:
    spool = RowSpool(tmp_path / "spool", held_rows=10, group_rows=20)
    for begin in range(0, 100, 10):
        rows = pl.DataFrame({"x": range(begin, begin + 10)})
        spool.add(rows.with_columns((pl.col("x") % BUCKETS).cast(pl.UInt32).alias(BUCKET)))
    groups = list(spool.groups())
    assert sorted(value for group in groups for value in group["x"]) == list(range(100))
    assert len(groups) == 5
