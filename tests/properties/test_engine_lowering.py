"""Random expressions on extreme rows: none raises, every value is of its proved type, and equals a scalar evaluator's.

The evaluator below is written from the contract (function.proto, expression.proto) alone, one row at a time, without
Polars. Where libraries may differ in the last bit (e^x, logarithms, powers, decimals), only type
and range are compared.
"""

import datetime as dt
import itertools
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pytest

from sfumato.v1 import expression_pb2, function_pb2
from sfumato_executor.engines.native.lowering import lower
from sfumato_executor.plan.constants import DATE_RANGE, DAY_MICROS, TIMESTAMP_RANGE
from sfumato_executor.plan.expressions import (
    Apply,
    Bucket,
    Choose,
    Column,
    Constant,
    Convert,
    Expression,
    Kind,
    Member,
    ValueType,
)
from sfumato_executor.plan.inference import Inference, Named
from sfumato_executor.preparation.mending import STORED
from sfumato_mesh.refusal import Refusal

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


class Undefined(Exception):  # noqa: N818
    """The function is not defined here."""


def evaluate(node: Expression, row: Row) -> Any:
    match node:
        case Column(name=name):
            return row[name]
        case Constant(value=value):
            return value
        case Choose(branches=branches, otherwise=otherwise):
            for condition, value in branches:
                if evaluate(condition, row) is True:
                    return evaluate(value, row)
            return evaluate(otherwise, row)
        case Convert():
            return convert(node, evaluate(node.value, row))
        case Member(value=value, items=items):
            found = evaluate(value, row)
            return found is not None and found in items
        case Bucket(value=value, edges=edges):
            found = evaluate(value, row)
            scale = {Kind.DATE: 86_400.0, Kind.TIMESTAMP: 1.0}.get(value.type.kind, 1.0)
            if found is None:
                return None
            found = found / 1e6 if value.type.kind is Kind.TIMESTAMP else float(found) * scale
            return sum(edge <= found for edge in edges[1:-1])
        case Apply():
            return apply(node, [evaluate(argument, row) for argument in node.arguments])


def convert(node: Convert, value: Any) -> Any:
    source, target = node.value.type.kind, node.type.kind
    if value is None:
        return None
    if source in (Kind.TEXT, Kind.CATEGORY) and target in (Kind.INTEGER, Kind.REAL):
        try:
            value = int(value) if target is Kind.INTEGER else float(value)
        except ValueError:
            return node.otherwise.value
    elif target is Kind.TEXT:
        return str(value).lower() if source is Kind.BOOLEAN else str(value)
    elif target is Kind.BOOLEAN:
        return value != 0
    elif {source, target} == {Kind.DATE, Kind.TIMESTAMP}:
        return value * DAY_MICROS if target is Kind.TIMESTAMP else value // DAY_MICROS
    elif target is Kind.REAL:
        value = float(value)
    elif target is Kind.INTEGER:
        value = int(value)
    assert node.type.lower is not None
    assert node.type.upper is not None
    return value if node.type.lower <= value <= node.type.upper else node.otherwise.value


def apply(node: Apply, values: list[Any]) -> Any:
    function = node.function
    if function in LOGICAL:
        return LOGICAL[function](values)
    if any(value is None for value in values):
        return None
    try:
        result = VALUED[function](node, values)
    except (Undefined, ZeroDivisionError, OverflowError, ValueError):
        result = math.nan
    if node.type.kind in (Kind.INTEGER, Kind.REAL) and node.otherwise is not None:
        assert node.type.lower is not None
        assert node.type.upper is not None
        if not node.type.lower <= result <= node.type.upper:
            return node.otherwise.value
    return result


def both(compare: Callable[[Any, Any], bool]) -> Callable[[list[Any]], bool]:
    return lambda values: None not in values and compare(values[0], values[1])


LOGICAL: dict[int, Callable[[list[Any]], Any]] = {
    f.FUNCTION_EQUAL: both(lambda a, b: a == b),
    f.FUNCTION_NOT_EQUAL: both(lambda a, b: a != b),
    f.FUNCTION_LESS: both(lambda a, b: a < b),
    f.FUNCTION_LESS_OR_EQUAL: both(lambda a, b: a <= b),
    f.FUNCTION_GREATER: both(lambda a, b: a > b),
    f.FUNCTION_GREATER_OR_EQUAL: both(lambda a, b: a >= b),
    f.FUNCTION_IS_NULL: lambda values: values[0] is None,
    f.FUNCTION_AND: lambda values: all(value is True for value in values),
    f.FUNCTION_OR: lambda values: any(value is True for value in values),
    f.FUNCTION_NOT: lambda values: values[0] is not True,
    f.FUNCTION_LEAST: lambda values: min((v for v in values if v is not None), default=None),
    f.FUNCTION_GREATEST: lambda values: max((v for v in values if v is not None), default=None),
    f.FUNCTION_COALESCE: lambda values: next((v for v in values if v is not None), None),
    f.FUNCTION_STARTS_WITH: both(lambda a, b: a.startswith(b)),
    f.FUNCTION_ENDS_WITH: both(lambda a, b: a.endswith(b)),
    f.FUNCTION_CONTAINS: both(lambda a, b: b in a),
}


def real(node: Apply) -> bool:
    return node.type.kind is Kind.REAL


def quotient(a: float, b: float) -> float:
    if b == 0:
        raise Undefined
    return a / b


def floor_divide(node: Apply, v: list[Any]) -> Any:
    return math.floor(quotient(float(v[0]), float(v[1]))) * 1.0 if real(node) else v[0] // v[1]


def modulo(node: Apply, v: list[Any]) -> Any:
    if not real(node):
        return v[0] % v[1]
    a, b = float(v[0]), float(v[1])
    return a - b * math.floor(quotient(a, b))


def product(node: Apply, v: list[Any]) -> Any:
    return math.prod(map(float, v)) if real(node) else math.prod(v)


def total(node: Apply, v: list[Any]) -> Any:
    added = float(v[0]) if real(node) else v[0]
    for value in v[1:]:
        added = added + value
    return added


def rounded(node: Apply, v: list[Any]) -> Any:
    if abs(v[0]) >= 2.0**52:
        return float(v[0])  # whole already
    scale = 10.0 ** v[1]
    scaled = float(v[0]) * scale
    return float(round(scaled)) / scale


def when(value: int, kind: Kind) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=value * (DAY_MICROS if kind is Kind.DATE else 1))


def extract(node: Apply, v: list[Any]) -> int:
    time = when(v[0], node.arguments[0].type.kind)
    parts = [time.year, (time.month + 2) // 3, time.month, time.isocalendar()[1], time.day, time.isoweekday()]
    return [0, *parts, time.timetuple().tm_yday, time.hour, time.minute, time.second][node.time_unit]


def truncate(node: Apply, v: list[Any]) -> int:
    kind, unit = node.type.kind, node.time_unit
    time = when(v[0], kind)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == f.TIME_UNIT_WEEK:
        start = midnight - dt.timedelta(days=min(midnight.weekday(), (midnight - dt.datetime(1, 1, 1)).days))
    else:
        start = dict[int, dt.datetime](
            {
                f.TIME_UNIT_YEAR: midnight.replace(month=1, day=1),
                f.TIME_UNIT_QUARTER: midnight.replace(month=(time.month - 1) // 3 * 3 + 1, day=1),
                f.TIME_UNIT_MONTH: midnight.replace(day=1),
                f.TIME_UNIT_DAY: midnight,
                f.TIME_UNIT_HOUR: midnight.replace(hour=time.hour),
                f.TIME_UNIT_MINUTE: midnight.replace(hour=time.hour, minute=time.minute),
                f.TIME_UNIT_SECOND: time.replace(microsecond=0),
            }
        )[unit]
    micros = (start - EPOCH) // dt.timedelta(microseconds=1)
    return micros // DAY_MICROS if kind is Kind.DATE else micros


def difference(node: Apply, v: list[Any]) -> int:
    kind, unit = node.arguments[0].type.kind, node.time_unit
    first, last = (when(value, kind) for value in v)
    fixed = {4: 7 * DAY_MICROS, 5: DAY_MICROS, 8: 3_600_000_000, 9: 60_000_000, 10: 1_000_000}
    if unit in fixed:
        micros = (last - first) // dt.timedelta(microseconds=1)
        return int(math.copysign(1, micros)) * (abs(micros) // fixed[unit])
    sign = 1 if first <= last else -1
    early, late = sorted((first, last))
    months = (late.year - early.year) * 12 + late.month - early.month
    inside = (late.day, late.time()) if sign == 1 else (early.day, early.time())
    whole = (early.day, early.time()) if sign == 1 else (late.day, late.time())
    if (sign == 1 and inside < whole) or (sign == -1 and inside > whole):
        months -= 1
    return sign * (months // {1: 12, 2: 3, 3: 1}[unit])


VALUED: dict[int, Callable[[Apply, list[Any]], Any]] = {
    f.FUNCTION_ADD: total,
    f.FUNCTION_SUBTRACT: lambda node, v: float(v[0]) - float(v[1]) if real(node) else v[0] - v[1],
    f.FUNCTION_MULTIPLY: product,
    f.FUNCTION_DIVIDE: lambda _, v: quotient(float(v[0]), float(v[1])),
    f.FUNCTION_FLOOR_DIVIDE: floor_divide,
    f.FUNCTION_MODULO: modulo,
    f.FUNCTION_NEGATE: lambda _, v: 0 - v[0],
    f.FUNCTION_ABS: lambda _, v: abs(v[0]),
    f.FUNCTION_SIGN: lambda _, v: (v[0] > 0) - (v[0] < 0),
    f.FUNCTION_FLOOR: lambda node, v: float(math.floor(v[0])) if real(node) else math.floor(v[0]),
    f.FUNCTION_CEIL: lambda node, v: float(math.ceil(v[0])) if real(node) else math.ceil(v[0]),
    f.FUNCTION_ROUND: rounded,
    f.FUNCTION_SQRT: lambda _, v: math.sqrt(v[0]),
    f.FUNCTION_EXP: lambda _, v: math.exp(v[0]),
    f.FUNCTION_LN: lambda _, v: math.log(v[0]),
    f.FUNCTION_LOG10: lambda _, v: math.log10(v[0]),
    f.FUNCTION_POWER: lambda _, v: math.pow(v[0], v[1]),
    f.FUNCTION_CLIP: lambda _, v: min(max(v[0], v[1]), v[2]),
    f.FUNCTION_LOWER: lambda _, v: v[0].lower(),
    f.FUNCTION_UPPER: lambda _, v: v[0].upper(),
    f.FUNCTION_TRIM: lambda _, v: v[0].strip(),
    f.FUNCTION_LENGTH: lambda _, v: len(v[0]),
    f.FUNCTION_PREFIX: lambda _, v: v[0][: v[1]],
    f.FUNCTION_EXTRACT: extract,
    f.FUNCTION_TRUNCATE_TIME: truncate,
    f.FUNCTION_TIME_DIFFERENCE: difference,
}


def functions_in(node: Expression) -> set[int]:
    match node:
        case Apply(function=function, arguments=arguments):
            return {function}.union(*(functions_in(argument) for argument in arguments))
        case Choose(branches=branches, otherwise=otherwise):
            return functions_in(otherwise).union(*(functions_in(part) for branch in branches for part in branch))
        case Convert(value=value) | Member(value=value) | Bucket(value=value):
            return functions_in(value)
        case _:
            return set()


def fits(value: Any, value_type: ValueType) -> bool:
    if value is None:
        return value_type.nullable
    if value_type.lower is not None and value_type.upper is not None:
        return math.isfinite(value) and value_type.lower <= value <= value_type.upper
    return value_type.kind is not Kind.CATEGORY or 0 <= value < len(value_type.categories)


@pytest.mark.parametrize("seed", range(24))
def test_lowered_expressions_are_total_typed_and_right(seed: int) -> None:
    chance = random.Random(seed)
    given = rows(chance, 24)
    table = frame(given)
    grammar = Grammar(chance)
    asked = met = 0
    for kind in itertools.islice(itertools.cycle(Kind), 260):
        wire = grammar.make(kind, chance.randint(1, 4))
        try:
            node = Inference("dataset", "").typed(wire, NAMED, "x").expression
        except Refusal:
            continue
        asked += 1
        found = table.with_columns(lower(node).alias("result"))["result"]
        assert found.dtype == STORED[node.type.kind], node
        for value, row in zip(found.to_list(), given, strict=True):
            assert fits(value, node.type), (node, row, value)
        if functions_in(node) & INEXACT:
            continue
        met += 1
        for value, row in zip(found.to_list(), given, strict=True):
            wanted = evaluate(node, row)
            if node.type.kind is Kind.CATEGORY and wanted is not None:
                wanted = node.type.categories.index(wanted)
            assert value == wanted, (node, row)
    assert asked > 120
    assert met > 80


def test_rounding_is_half_to_even() -> None:
    table = frame(rows(random.Random(0), 0)).with_columns(
        pl.Series("v:r", [-2.5, -0.5, 0.5, 1.5, 2.5, 0.25, 0.75] + [0.0] * 5)
    )
    for decimals, wanted in ((0, [-2.0, 0.0, 0.0, 2.0, 2.0, 0.0, 1.0]), (1, [-2.5, -0.5, 0.5, 1.5, 2.5, 0.2, 0.8])):
        wire = call(
            f.FUNCTION_ROUND,
            expression_pb2.Expression(column="r"),
            expression_pb2.Expression(literal=expression_pb2.Literal(integer=decimals)),
        )
        node = Inference("dataset", "").typed(wire, NAMED, "x").expression
        assert table.select(lower(node).alias("x"))["x"].to_list()[:7] == wanted


@pytest.mark.parametrize("divisor", [3.0, -7.0, 49.0, 1e-3, 5e-324, 1e300])
def test_division_by_a_literal_is_rounded_once(divisor: float) -> None:
    """A reciprocal would round twice and leave the proved range: 49 · (1/49) < 1."""
    chance = random.Random(7)
    values = [float(chance.randint(-10, 10)) for _ in range(20)] + [chance.uniform(-10, 10) for _ in range(200)]
    table = pl.DataFrame({"v:r": values})
    literal_divisor = expression_pb2.Expression(literal=expression_pb2.Literal(real=divisor))
    node = (
        Inference("dataset", "")
        .typed(call(f.FUNCTION_DIVIDE, expression_pb2.Expression(column="r"), literal_divisor), NAMED, "x")
        .expression
    )
    found = table.with_columns(lower(node).alias("x"))["x"].to_list()
    assert found == [evaluate(node, {"r": value}) for value in values]


def test_every_function_of_the_contract_is_lowered() -> None:
    from sfumato_executor.engines.native.lowering import RULES

    assert set(RULES) == set(f.Function.values()) - {f.FUNCTION_UNSPECIFIED}


def test_expression_on_no_rows_is_no_rows() -> None:
    chance = random.Random(1)
    grammar = Grammar(chance)
    empty = frame([])
    for kind in itertools.islice(itertools.cycle(Kind), 120):
        try:
            node = Inference("dataset", "").typed(grammar.make(kind, 3), NAMED, "x").expression
        except Refusal:
            continue
        assert empty.with_columns(lower(node).alias("result"))["result"].to_list() == []
