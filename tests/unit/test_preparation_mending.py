"""Casting to the declared domain: row by row, nothing learnt from neighbours, everything counted."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from sfumato_executor.plan.expressions import Kind
from sfumato_executor.preparation.columns import ColumnDomain
from sfumato_executor.preparation.mending import mend
from sfumato_executor.preparation.report import ProblemCounter

INTEGER = ColumnDomain("x", Kind.INTEGER, True, -60, 600)
WIDE = ColumnDomain("x", Kind.INTEGER, True, -(2**63), 2**63 - 1)
REAL = ColumnDomain("x", Kind.REAL, True, -1.5, 2.5)
CATEGORY = ColumnDomain("x", Kind.CATEGORY, True, categories=("a", "b", "1"))
BOOLEAN = ColumnDomain("x", Kind.BOOLEAN, True)
TEXT = ColumnDomain("x", Kind.TEXT, True, max_length=3)
DATE = ColumnDomain("x", Kind.DATE, True, 0, 20_000)
INSTANT = ColumnDomain("x", Kind.TIMESTAMP, True, 0, 2 * 10**15)
NAN, INF = float("nan"), float("inf")
ZONE = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("column", "given", "wanted"),
    [
        (
            INTEGER,
            ["1", " 2", "3.0", "3.7", "x", None, "1e9", "inf", "nan", "9" * 30],
            [1, 2, 3, None, None, None, 600, 600, None, 600],
        ),
        (INTEGER, [1.0, 2.5, NAN, INF, -INF, -1e300, None], [1, None, None, 600, -60, -60, None]),
        (INTEGER, [Decimal("1.50"), Decimal(3)], [None, 3]),
        (WIDE, ["9223372036854775807", "-9223372036854775808", "9007199254740993"], [2**63 - 1, -(2**63), 2**53 + 1]),
        (REAL, ["1", "x", "inf", "nan", "-7", "1e-400"], [1.0, None, 2.5, None, -1.5, 0.0]),
        (REAL, [NAN, INF, -INF, 1e308, 5e-324, None], [None, 2.5, -1.5, 2.5, 5e-324, None]),
        (REAL, [dt.date(2020, 1, 1)], [None]),
        (CATEGORY, ["a", "z", None, "1", "A"], [0, None, None, 2, None]),
        (CATEGORY, [1, 2], [2, None]),
        (BOOLEAN, ["True", "no", "1", "x", None], [True, False, True, None, None]),
        (BOOLEAN, [1.0, 0.0, NAN, 2.0], [True, False, None, None]),
        (TEXT, ["abcdef", None, "é€ab", ""], ["abc", None, "é€a", ""]),
        (TEXT, [b"abc", b"\xff\xfe"], ["abc", None]),
        (
            DATE,
            ["2013-01-01", "2013/01/02", "20130103", "2013-01-01 05:00:00", "x", "1900-01-01"],
            [15706, 15707, 15708, 15706, None, 0],
        ),
        (DATE, [dt.datetime(2013, 1, 1, 23, 59)], [15706]),
        (
            INSTANT,
            ["2013-01-01", "2013-01-01T05:00:00Z", "2013-01-01T05:00:00.25+02:00", "q"],
            [1356998400000000, 1357016400000000, 1357009200250000, None],
        ),
        (INSTANT, [dt.datetime(2013, 1, 1, 7, tzinfo=ZONE)], [1357016400000000]),
    ],
)
def test_values_are_cast_and_moved(column: ColumnDomain, given: list[object], wanted: list[object]) -> None:
    assert mend(pl.Series("x", given, strict=False), column, ProblemCounter()).to_list() == wanted


@pytest.mark.parametrize("column", [INTEGER, REAL, CATEGORY, BOOLEAN, TEXT, DATE, INSTANT])
def test_each_row_is_read_alone(column: ColumnDomain) -> None:
    given = ["2013-01-01", "1", "x", None, "1e9", "2013-01-01T05:00:00Z", "true", "a", "inf", "nan", "", "20130103"]
    together = mend(pl.Series("x", given), column, ProblemCounter()).to_list()
    alone = [mend(pl.Series("x", [value], dtype=pl.String), column, ProblemCounter())[0] for value in given]
    assert together == alone


@pytest.mark.parametrize(
    ("column", "filler", "said"),
    [
        (INTEGER, -60, "the lower bound, -60"),
        (REAL, -1.5, "the lower bound, -1.5"),
        (CATEGORY, 0, "'a'"),
        (BOOLEAN, False, "false"),
        (TEXT, "", "the empty text"),
        (DATE, 0, "the lower bound"),
    ],
)
def test_null_that_is_not_declared_is_replaced(column: ColumnDomain, filler: object, said: str) -> None:
    strict = ColumnDomain(**{**column.__dict__, "nullable": False})
    counted = ProblemCounter()
    assert mend(pl.Series("x", [None, None], dtype=pl.String), strict, counted).to_list() == [filler, filler]
    assert counted.sentences() == (f"x: 2 nulls now count as {said}: `nullable: true` would keep them apart",)


def test_every_departure_is_counted_once() -> None:
    counted = ProblemCounter()
    mend(pl.Series("x", ["1", "700", "x", "1e30", None]), INTEGER, counted)
    mend(pl.Series("x", ["-700"]), INTEGER, counted)
    assert counted.sentences() == (
        "x: 1 values that do not convert became null",
        "x: 3 values beyond the bounds were moved to them",
    )


def test_what_has_no_meaning_is_null() -> None:
    nested = pl.Series("x", [[1], [2]])
    assert mend(nested, INTEGER, ProblemCounter()).to_list() == [None, None]
    assert mend(pl.Series("x", [None, None]), CATEGORY, ProblemCounter()).to_list() == [None, None]
