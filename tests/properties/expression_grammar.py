"""Random expressions of the contract and rows to try them on."""

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import polars as pl

from sfumato.v1 import expression_pb2, function_pb2
from sfumato_executor.plan.constants import DATE_RANGE, TIMESTAMP_RANGE
from sfumato_executor.plan.expressions import (
    Column,
    Kind,
    ValueType,
)
from sfumato_executor.plan.inference import Named
from sfumato_executor.preparation.mending import STORED

f = function_pb2
Row = Mapping[str, Any]
EPOCH = dt.datetime(1970, 1, 1)
COLORS, SIZES = ("red", "green", "Blue "), ("s", "m", "red")

COLUMNS: dict[str, tuple[ValueType, list[Any]]] = {
    "b": (ValueType(Kind.BOOLEAN, True), [True, False, None]),
    "i": (ValueType(Kind.INTEGER, True, -5, 5), [-5, -1, 0, 1, 3, 5, None]),
    "j": (
        ValueType(Kind.INTEGER, True, -(2**63), 2**63 - 1),
        [-(2**63), -(2**53) - 1, -1, 0, 7, 2**62, 2**63 - 1, None],
    ),
    "r": (ValueType(Kind.REAL, True, -10.0, 10.0), [-10.0, -0.5, -0.0, 0.0, 5e-324, 0.5, 1.5, 2.5, 10.0, None]),
    "s": (ValueType(Kind.REAL, True, -1e300, 1e300), [-1e300, -1e16, -1.0, 0.0, 1e-300, 2.0**53, 1e300, None]),
    "c": (ValueType(Kind.CATEGORY, True, categories=COLORS), [*COLORS, None]),
    "d": (ValueType(Kind.CATEGORY, True, categories=SIZES), [*SIZES, None]),
    "t": (ValueType(Kind.TEXT, True), ["", " a b ", "red", "12", "-7.5", "inf", "nan", "1e400", "é€", "9" * 25, None]),
    "e": (ValueType(Kind.DATE, True, *DATE_RANGE), [DATE_RANGE[0], -1, 0, 59, 11_016, 15_706, DATE_RANGE[1], None]),
    "z": (
        ValueType(Kind.TIMESTAMP, True, *TIMESTAMP_RANGE),
        [TIMESTAMP_RANGE[0], -1, 0, 1_356_998_399_999_999, 951_782_400_000_000, TIMESTAMP_RANGE[1], None],
    ),
}
NAMED = {name: Named(Column(name, value_type)) for name, (value_type, _) in COLUMNS.items()}
BY_KIND = {kind: [name for name, (t, _) in COLUMNS.items() if t.kind is kind] for kind in Kind}
INEXACT = {f.FUNCTION_EXP, f.FUNCTION_LN, f.FUNCTION_LOG10, f.FUNCTION_POWER, f.FUNCTION_ROUND}


def rows(chance: random.Random, count: int) -> list[dict[str, Any]]:
    extremes = [{name: values[index % len(values)] for name, (_, values) in COLUMNS.items()} for index in range(12)]
    return extremes + [{name: chance.choice(values) for name, (_, values) in COLUMNS.items()} for _ in range(count)]


def frame(given: list[dict[str, Any]]) -> pl.DataFrame:
    columns = {}
    for name, (value_type, _) in COLUMNS.items():
        stored = [row[name] for row in given]
        if value_type.kind is Kind.CATEGORY:
            stored = [None if value is None else value_type.categories.index(value) for value in stored]
        columns[f"v:{name}"] = pl.Series(stored, dtype=STORED[value_type.kind])
    return pl.DataFrame(columns)


# --- random expressions of the wire -----------------------------------------------------------------------------------


def literal(chance: random.Random, kind: Kind) -> expression_pb2.Literal:
    if kind is Kind.BOOLEAN:
        return expression_pb2.Literal(boolean=chance.random() < 0.5)
    if kind is Kind.INTEGER:
        return expression_pb2.Literal(integer=chance.choice([-3, -1, 0, 1, 2, 1000]))
    if kind is Kind.REAL:
        return expression_pb2.Literal(real=chance.choice([-2.5, -1.0, 0.0, 0.5, 3.0, 1e10]))
    if kind in (Kind.TEXT, Kind.CATEGORY):
        return expression_pb2.Literal(text=chance.choice(["red", "m", "a", "", "12"]))
    made = expression_pb2.Literal()
    if kind is Kind.DATE:
        made.date.year, made.date.month, made.date.day = chance.choice([(1969, 12, 31), (2000, 2, 29), (2013, 1, 1)])
    else:
        made.timestamp.seconds = chance.choice([-1, 0, 1_356_998_400])
        made.timestamp.nanos = chance.choice([0, 1000])
    return made


def call(function: int, *arguments: expression_pb2.Expression, unit: int = 0) -> expression_pb2.Expression:
    made = expression_pb2.Call(function=function, arguments=arguments, time_unit=unit)  # type: ignore[arg-type]
    return expression_pb2.Expression(call=made)


class Grammar:
    """Random expressions of a wanted kind; what the compiler refuses is not asked."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def make(self, kind: Kind, depth: int) -> expression_pb2.Expression:
        if depth <= 0 or self.chance.random() < 0.15:
            if self.chance.random() < 0.8 and BY_KIND[kind]:
                return expression_pb2.Expression(column=self.chance.choice(BY_KIND[kind]))
            return expression_pb2.Expression(literal=literal(self.chance, kind))
        if self.chance.random() < 0.12:
            return self.choice(kind, depth)
        made: expression_pb2.Expression = getattr(self, f"_{kind.value}")(depth - 1)
        if made.WhichOneof("kind") == "call" and self.chance.random() < 0.4:
            made.call.otherwise.CopyFrom(literal(self.chance, kind))
        return made

    def choice(self, kind: Kind, depth: int) -> expression_pb2.Expression:
        made = expression_pb2.Expression()
        for _ in range(self.chance.randint(1, 2)):
            branch = made.case_when.branches.add()
            branch.condition.CopyFrom(self.make(Kind.BOOLEAN, depth - 1))
            branch.value.CopyFrom(self.make(kind, depth - 1))
        if self.chance.random() < 0.6:
            made.case_when.otherwise.CopyFrom(self.make(kind, depth - 1))
        return made

    def _boolean(self, depth: int) -> expression_pb2.Expression:
        pick = self.chance.randint(0, 5)
        if pick == 0:
            function = self.chance.choice([f.FUNCTION_AND, f.FUNCTION_OR])
            return call(function, *(self.make(Kind.BOOLEAN, depth) for _ in range(self.chance.randint(1, 3))))
        if pick == 1:
            return call(f.FUNCTION_NOT, self.make(Kind.BOOLEAN, depth))
        kind = self.chance.choice(list(Kind))
        if pick == 2:
            return call(f.FUNCTION_IS_NULL, self.make(kind, depth))
        if pick == 3:
            made = expression_pb2.Expression()
            made.in_list.value.CopyFrom(self.make(kind, depth))
            made.in_list.items.extend(literal(self.chance, kind) for _ in range(3))
            return made
        if pick == 4:
            function = self.chance.choice([f.FUNCTION_STARTS_WITH, f.FUNCTION_ENDS_WITH, f.FUNCTION_CONTAINS])
            sought = expression_pb2.Expression(literal=literal(self.chance, Kind.TEXT))
            return call(function, self.make(Kind.TEXT, depth), sought)
        other = kind
        if kind in (Kind.INTEGER, Kind.REAL):
            other = self.chance.choice([Kind.INTEGER, Kind.REAL])
        return call(
            self.chance.randint(f.FUNCTION_EQUAL, f.FUNCTION_GREATER_OR_EQUAL),
            self.make(kind, depth),
            self.make(other, depth),
        )

    def _number(self, kind: Kind, depth: int) -> expression_pb2.Expression:
        kinds = [kind] if kind is Kind.INTEGER else [Kind.INTEGER, Kind.REAL]

        def part() -> expression_pb2.Expression:
            return self.make(self.chance.choice(kinds), depth)

        pick = self.chance.randint(0, 4)
        if pick == 0:
            several = [f.FUNCTION_ADD, f.FUNCTION_MULTIPLY, f.FUNCTION_LEAST, f.FUNCTION_GREATEST, f.FUNCTION_COALESCE]
            return call(self.chance.choice(several), *(part() for _ in range(self.chance.randint(2, 3))))
        if pick == 1:
            two = [f.FUNCTION_SUBTRACT, f.FUNCTION_FLOOR_DIVIDE, f.FUNCTION_MODULO]
            return call(self.chance.choice(two + ([f.FUNCTION_DIVIDE] if kind is Kind.REAL else [])), part(), part())
        if pick == 2:
            return call(self.chance.choice([f.FUNCTION_NEGATE, f.FUNCTION_ABS]), part())
        if pick == 3:
            ends = sorted(self.chance.choice([-3, -1, 0, 2, 4]) for _ in range(2))
            limits = [expression_pb2.Expression(literal=expression_pb2.Literal(integer=end)) for end in ends]
            return call(f.FUNCTION_CLIP, part(), *limits)
        made = expression_pb2.Expression()
        source = self.chance.choice([Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.TEXT, Kind.CATEGORY])
        made.cast.value.CopyFrom(self.make(source, depth))
        made.cast.type = f.DATA_TYPE_INTEGER if kind is Kind.INTEGER else f.DATA_TYPE_REAL
        if self.chance.random() < 0.5:
            made.cast.otherwise.CopyFrom(literal(self.chance, kind))
        return made

    def _integer(self, depth: int) -> expression_pb2.Expression:
        pick = self.chance.randint(0, 5)
        if pick == 0:
            return call(
                self.chance.choice([f.FUNCTION_FLOOR, f.FUNCTION_CEIL, f.FUNCTION_SIGN]), self.make(Kind.REAL, depth)
            )
        if pick == 1:
            return call(f.FUNCTION_LENGTH, self.make(self.chance.choice([Kind.TEXT, Kind.CATEGORY]), depth))
        kind = self.chance.choice([Kind.DATE, Kind.TIMESTAMP])
        if pick == 2:
            return call(f.FUNCTION_EXTRACT, self.make(kind, depth), unit=self.chance.randint(1, 10))
        if pick == 3:
            unit = self.chance.choice([1, 2, 3, 4, 5, 8, 9, 10])
            return call(f.FUNCTION_TIME_DIFFERENCE, self.make(kind, depth), self.make(kind, depth), unit=unit)
        if pick == 4:
            made = expression_pb2.Expression()
            made.bin.value.CopyFrom(self.make(self.chance.choice([Kind.INTEGER, Kind.REAL, kind]), depth))
            made.bin.edges.extend(sorted({-1e10, -2.5, 0.0, 1.0, self.chance.choice([2.5, 1e9])}))
            return made
        return self._number(Kind.INTEGER, depth)

    def _real(self, depth: int) -> expression_pb2.Expression:
        pick = self.chance.randint(0, 3)
        value = self.make(self.chance.choice([Kind.INTEGER, Kind.REAL]), depth)
        if pick == 0:
            return call(self.chance.choice([f.FUNCTION_SQRT, f.FUNCTION_EXP, f.FUNCTION_LN, f.FUNCTION_LOG10]), value)
        if pick == 1:
            exponent = expression_pb2.Literal(real=self.chance.choice([-2.0, -0.5, 0.0, 0.5, 2.0, 3.0]))
            return call(f.FUNCTION_POWER, value, expression_pb2.Expression(literal=exponent))
        if pick == 2:
            decimals = expression_pb2.Literal(integer=self.chance.choice([0, 1, 15]))
            return call(f.FUNCTION_ROUND, value, expression_pb2.Expression(literal=decimals))
        return self._number(Kind.REAL, depth)

    def _text(self, depth: int) -> expression_pb2.Expression:
        value = self.make(self.chance.choice([Kind.TEXT, Kind.CATEGORY]), depth)
        if self.chance.random() < 0.3:
            made = expression_pb2.Expression()
            source = self.chance.choice([Kind.BOOLEAN, Kind.INTEGER, Kind.CATEGORY])
            made.cast.value.CopyFrom(self.make(source, depth))
            made.cast.type = f.DATA_TYPE_TEXT
            return made
        if self.chance.random() < 0.3:
            count = expression_pb2.Literal(integer=self.chance.randint(0, 3))
            return call(f.FUNCTION_PREFIX, value, expression_pb2.Expression(literal=count))
        return call(self.chance.choice([f.FUNCTION_LOWER, f.FUNCTION_UPPER, f.FUNCTION_TRIM]), value)

    def _category(self, depth: int) -> expression_pb2.Expression:
        return self.choice(Kind.CATEGORY, depth)

    def _date(self, depth: int) -> expression_pb2.Expression:
        return self._time(Kind.DATE, f.DATA_TYPE_DATE, Kind.TIMESTAMP, [1, 2, 3, 4, 5], depth)

    def _timestamp(self, depth: int) -> expression_pb2.Expression:
        return self._time(Kind.TIMESTAMP, f.DATA_TYPE_TIMESTAMP, Kind.DATE, [1, 2, 3, 4, 5, 8, 9, 10], depth)

    def _time(self, kind: Kind, data_type: Any, other: Kind, units: list[int], depth: int) -> expression_pb2.Expression:
        if self.chance.random() < 0.3:
            made = expression_pb2.Expression()
            made.cast.value.CopyFrom(self.make(other, depth))
            made.cast.type = data_type
            return made
        if self.chance.random() < 0.5:
            several = self.chance.choice([f.FUNCTION_LEAST, f.FUNCTION_GREATEST, f.FUNCTION_COALESCE])
            return call(several, self.make(kind, depth), self.make(kind, depth))
        return call(f.FUNCTION_TRUNCATE_TIME, self.make(kind, depth), unit=self.chance.choice(units))


# --- one row at a time ------------------------------------------------------------------------------------------------
