"""Proved types hold: random expressions, evaluated on random and extreme rows by a plain reference evaluator."""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.v1 import expression_pb2 as e
from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import DAY_MICROS, as_date, as_datetime
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
from sfumato_executor.plan.ranges import round_to
from sfumato_executor.plan.time_units import truncate
from sfumato_mesh.refusal import Refusal

TYPES = {
    "small": ValueType(Kind.INTEGER, nullable=True, lower=-60, upper=600),
    "big": ValueType(Kind.INTEGER, nullable=False, lower=-(2**61), upper=2**61),
    "unit": ValueType(Kind.REAL, nullable=False, lower=-1.0, upper=1.0),
    "wide": ValueType(Kind.REAL, nullable=True, lower=-1e300, upper=1e300),
    "above": ValueType(Kind.REAL, nullable=False, lower=0.5, upper=1000.0),
    "flag": ValueType(Kind.BOOLEAN, nullable=True),
    "kind": ValueType(Kind.CATEGORY, nullable=True, categories=("a", "bb", "ß", "1e3")),
    "text": ValueType(Kind.TEXT, nullable=True, length=4),
    "day": ValueType(Kind.DATE, nullable=True, lower=-30, upper=20_000),
    "time": ValueType(Kind.TIMESTAMP, nullable=False, lower=-5_000_000, upper=10**15),
}
COLUMNS = {name: Named(Column(name, value_type)) for name, value_type in TYPES.items()}
UNITS = (1, 2, 3, 4, 5, 8, 9, 10)


def value_of(value_type: ValueType) -> st.SearchStrategy[Any]:
    lower, upper = value_type.lower, value_type.upper
    match value_type.kind:
        case Kind.BOOLEAN:
            values: st.SearchStrategy[Any] = st.booleans()
        case Kind.CATEGORY:
            values = st.sampled_from(value_type.categories)
        case Kind.TEXT:
            values = st.text(max_size=value_type.length)
        case Kind.REAL:
            inner = [x for x in (0.0, 1e-308, -1e-308, 5e-324, 0.5) if float(lower or 0) <= x <= float(upper or 0)]
            values = st.floats(lower, upper) | st.sampled_from([lower, upper, *inner])
        case _:
            values = st.integers(int(lower or 0), int(upper or 0)) | st.sampled_from([lower, upper])
    return values | st.none() if value_type.nullable else values


ROWS = st.fixed_dictionaries({name: value_of(value_type) for name, value_type in TYPES.items()})


def call(function: int, *arguments: e.Expression, unit: int = 0, otherwise: e.Literal | None = None) -> e.Expression:
    chosen, part = cast("f.Function", function), cast("f.TimeUnit", unit)
    made = e.Call(function=chosen, arguments=arguments, time_unit=part, otherwise=otherwise)
    return e.Expression(call=made)


def column(*names: str) -> st.SearchStrategy[e.Expression]:
    return st.sampled_from([e.Expression(column=name) for name in names])


LITERALS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda v: e.Literal(integer=v)),
    st.integers(-5, 5).map(lambda v: e.Literal(integer=v)),
    st.floats(-1e308, 1e308).map(lambda v: e.Literal(real=v)),
    st.sampled_from([-0.0, 0.5, 2.0, -3.0, 1e300]).map(lambda v: e.Literal(real=v)),
)
BINARY = [f.FUNCTION_SUBTRACT, f.FUNCTION_DIVIDE, f.FUNCTION_FLOOR_DIVIDE, f.FUNCTION_MODULO]
MANY = [f.FUNCTION_ADD, f.FUNCTION_MULTIPLY, f.FUNCTION_LEAST, f.FUNCTION_GREATEST, f.FUNCTION_COALESCE]
SINGLE = [
    f.FUNCTION_NEGATE,
    f.FUNCTION_ABS,
    f.FUNCTION_SIGN,
    f.FUNCTION_FLOOR,
    f.FUNCTION_CEIL,
    f.FUNCTION_SQRT,
    f.FUNCTION_EXP,
    f.FUNCTION_LN,
    f.FUNCTION_LOG10,
]


def literal(value: st.SearchStrategy[e.Literal]) -> st.SearchStrategy[e.Expression]:
    return value.map(lambda v: e.Expression(literal=v))


def numbers(inner: st.SearchStrategy[e.Expression]) -> st.SearchStrategy[e.Expression]:
    default = st.none() | LITERALS
    whole = st.integers(0, 15).map(lambda v: e.Expression(literal=e.Literal(integer=v)))
    exponent = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 100.0])
    times = column("day", "time")
    predicates = st.tuples(st.sampled_from(range(1, 7)), inner, inner).map(lambda t: call(*t)) | column("flag")
    return st.one_of(
        st.builds(lambda g, a, b, o: call(g, a, b, otherwise=o), st.sampled_from(BINARY), inner, inner, default),
        st.builds(lambda g, a: call(g, *a), st.sampled_from(MANY), st.lists(inner, min_size=2, max_size=4)),
        st.builds(lambda g, a, o: call(g, a, otherwise=o), st.sampled_from(SINGLE), inner, default),
        st.builds(lambda a, d: call(f.FUNCTION_ROUND, a, d), inner, whole),
        st.builds(lambda a, p: call(f.FUNCTION_POWER, a, e.Expression(literal=e.Literal(real=p))), inner, exponent),
        st.builds(lambda a, b, c: call(f.FUNCTION_CLIP, a, b, c), inner, literal(LITERALS), literal(LITERALS)),
        st.builds(lambda a: call(f.FUNCTION_LENGTH, a), column("text", "kind")),
        st.builds(lambda a: call(f.FUNCTION_LENGTH, call(f.FUNCTION_UPPER, a)), column("text", "kind")),
        st.builds(lambda a, u: call(f.FUNCTION_EXTRACT, a, unit=u), times, st.integers(1, 10)),
        st.builds(lambda a, b, u: call(f.FUNCTION_TIME_DIFFERENCE, a, b, unit=u), times, times, st.sampled_from(UNITS)),
        st.builds(
            lambda a, u: e.Expression(bin=e.Bin(value=call(f.FUNCTION_TRUNCATE_TIME, a, unit=u), edges=[0, 1e6, 1e9])),
            times,
            st.sampled_from(UNITS),
        ),
        st.builds(
            lambda p, a, b: e.Expression(
                case_when=e.CaseWhen(branches=[e.CaseBranch(condition=p, value=a)], otherwise=b)
            ),
            predicates,
            inner,
            st.none() | inner,
        ),
        st.builds(
            lambda a, t, o: e.Expression(cast=e.Cast(value=a, type=t, otherwise=o)),
            inner | column("flag", "kind", "text"),
            st.sampled_from([f.DATA_TYPE_INTEGER, f.DATA_TYPE_REAL]),
            default,
        ),
        st.builds(lambda a, edges: e.Expression(bin=e.Bin(value=a, edges=edges)), inner, st.just([-1.0, 0.0, 7.5])),
    )


LEAVES = column("small", "big", "unit", "wide", "above") | literal(LITERALS)
EXPRESSIONS = st.recursive(LEAVES, numbers, max_leaves=8)


@settings(max_examples=600, deadline=None)
@given(EXPRESSIONS, st.lists(ROWS, min_size=1, max_size=8))
def test_values_lie_within_what_is_proved(expression: e.Expression, rows: list[Mapping[str, Any]]) -> None:
    try:
        typed = Inference("datasets/d", "").typed(expression, COLUMNS, "x").expression
    except Refusal:
        return
    for row in rows:
        evaluated(typed, row)


def evaluated(node: Expression, row: Mapping[str, Any]) -> Any:
    """The value of a node on a row, checked against the node's type at every level."""
    value = _value(node, row)
    if value is None:
        assert node.type.nullable, node
    elif node.type.lower is not None and node.type.upper is not None:
        assert node.type.lower <= value <= node.type.upper, (node, value)
        assert isinstance(value, float) == (node.type.kind is Kind.REAL), (node, value)
    return value


def _value(node: Expression, row: Mapping[str, Any]) -> Any:
    match node:
        case Column(name=name):
            return row[name]
        case Constant(value=value):
            return value
        case Choose(branches=branches, otherwise=last):
            for condition, branch in branches:
                if evaluated(condition, row):
                    return evaluated(branch, row)
            return evaluated(last, row)
        case Member(value=inner, items=items):
            found = evaluated(inner, row)
            return found is not None and found in items
        case Bucket(value=inner, edges=edges):
            found = evaluated(inner, row)
            if found is None:
                return None
            scaled = {Kind.DATE: 86_400.0, Kind.TIMESTAMP: 1e-6}.get(inner.type.kind, 1.0) * found
            return sum(edge <= scaled for edge in edges[1:-1])
        case Convert(value=inner, type=value_type, otherwise=otherwise):
            found = evaluated(inner, row)
            return None if found is None else _converted(found, inner.type.kind, value_type, otherwise)
        case Apply():
            return _applied(node, [evaluated(argument, row) for argument in node.arguments])


def _converted(value: Any, source: Kind, target: ValueType, otherwise: Constant) -> Any:
    try:
        match source, target.kind:
            case _, Kind.TEXT:
                return str(value).lower() if source is Kind.BOOLEAN else str(value)
            case Kind.DATE, Kind.TIMESTAMP:
                return value * DAY_MICROS
            case Kind.TIMESTAMP, Kind.DATE:
                return value // DAY_MICROS
            case _, Kind.INTEGER:
                found: Any = int(value)
            case _, Kind.REAL:
                found = float(value)
            case _:
                return bool(value)
    except (ValueError, OverflowError):
        return otherwise.value
    assert target.lower is not None
    assert target.upper is not None
    return found if target.lower <= found <= target.upper else otherwise.value


def _applied(node: Apply, values: list[Any]) -> Any:
    function = node.function
    if function in (f.FUNCTION_LEAST, f.FUNCTION_GREATEST, f.FUNCTION_COALESCE):
        present = [value for value in values if value is not None]
        picks: dict[int, Callable[[list[Any]], Any]] = {f.FUNCTION_LEAST: min, f.FUNCTION_GREATEST: max}
        if not present:
            return None
        return picks[function](present) if function in picks else present[0]
    if node.type.kind is Kind.BOOLEAN:
        return _held(function, values)
    if None in values:
        return None
    try:
        result = _computed(node, values)
    except (ValueError, OverflowError, ZeroDivisionError):
        result = math.nan
    if isinstance(result, float):
        lower, upper = node.type.lower, node.type.upper
        assert lower is not None
        assert upper is not None
        if not (math.isfinite(result) and (node.otherwise is None or lower <= result <= upper)):
            assert node.otherwise is not None, (node, values, result)
            return node.otherwise.value
    return result


def _held(function: int, values: list[Any]) -> bool:
    match function:
        case f.FUNCTION_IS_NULL:
            return values[0] is None
        case f.FUNCTION_NOT:
            return not values[0]
        case f.FUNCTION_AND:
            return all(bool(value) for value in values)
        case f.FUNCTION_OR:
            return any(bool(value) for value in values)
    if None in values:
        return False
    left, right = values
    compared = (left == right, left != right, left < right, left <= right, left > right, left >= right)
    return bool(compared[function - 1])


def _computed(node: Apply, values: list[Any]) -> Any:
    rule = _WHOLE.get(node.function) if node.type.kind is Kind.INTEGER else None
    rule = rule or _NUMBERS.get(node.function)
    return rule(*values) if rule else _of_texts_and_times(node, values)


_WHOLE: dict[int, Callable[..., Any]] = {
    f.FUNCTION_FLOOR_DIVIDE: lambda a, b: a // b if b else math.nan,
    f.FUNCTION_MODULO: lambda a, b: a % b if b else math.nan,
    f.FUNCTION_FLOOR: math.floor,
    f.FUNCTION_CEIL: math.ceil,
}
_NUMBERS: dict[int, Callable[..., Any]] = {
    f.FUNCTION_ADD: lambda *terms: sum(terms),
    f.FUNCTION_MULTIPLY: lambda *factors: math.prod(factors),
    f.FUNCTION_SUBTRACT: lambda a, b: a - b,
    f.FUNCTION_DIVIDE: lambda a, b: a / b,
    f.FUNCTION_FLOOR_DIVIDE: lambda a, b: _nan_or(b, lambda: float(math.floor(a / b))),
    f.FUNCTION_MODULO: lambda a, b: _nan_or(b, lambda: a - b * math.floor(a / b)),
    f.FUNCTION_NEGATE: lambda a: -a,
    f.FUNCTION_ABS: abs,
    f.FUNCTION_SIGN: lambda a: (a > 0) - (a < 0),
    f.FUNCTION_FLOOR: lambda a: float(math.floor(a)),
    f.FUNCTION_CEIL: lambda a: float(math.ceil(a)),
    f.FUNCTION_ROUND: lambda a, d: math.inf if abs(a) * 10.0**d > 1e308 else round_to(float(a), d),
    f.FUNCTION_SQRT: math.sqrt,
    f.FUNCTION_EXP: math.exp,
    f.FUNCTION_LN: math.log,
    f.FUNCTION_LOG10: math.log10,
    f.FUNCTION_POWER: math.pow,
    f.FUNCTION_CLIP: lambda a, low, high: min(max(a, low), high),
}


def _nan_or(divisor: Any, compute: Callable[[], float]) -> float:
    return compute() if divisor else math.nan


def _of_texts_and_times(node: Apply, values: list[Any]) -> Any:
    kind = node.arguments[0].type.kind
    match node.function:
        case f.FUNCTION_LENGTH:
            return len(values[0])
        case f.FUNCTION_UPPER:
            return values[0].upper()
        case f.FUNCTION_TRUNCATE_TIME:
            return truncate(values[0], kind, node.time_unit)
        case f.FUNCTION_EXTRACT:
            return _part(as_date(values[0]) if kind is Kind.DATE else as_datetime(values[0]), node.time_unit)
        case f.FUNCTION_TIME_DIFFERENCE:
            scale = DAY_MICROS if kind is Kind.DATE else 1
            return _difference(values[0] * scale, values[1] * scale, node.time_unit)
    raise AssertionError(node)


def _part(moment: dt.date, unit: int) -> int:
    parts: dict[int, Callable[[Any], int]] = {
        1: lambda m: m.year,
        2: lambda m: (m.month + 2) // 3,
        3: lambda m: m.month,
        4: lambda m: m.isocalendar().week,
        5: lambda m: m.day,
        6: lambda m: m.isoweekday(),
        7: lambda m: m.timetuple().tm_yday,
        8: lambda m: m.hour,
        9: lambda m: m.minute,
        10: lambda m: m.second,
    }
    return parts[unit](moment)


def _difference(first: int, last: int, unit: int) -> int:
    fixed = {4: 7 * DAY_MICROS, 5: DAY_MICROS, 8: 3_600_000_000, 9: 60_000_000, 10: 1_000_000}
    if unit in fixed:
        return abs(last - first) // fixed[unit] * (1 if last >= first else -1)
    if last < first:
        return -_difference(last, first, unit)
    a, b = as_datetime(first), as_datetime(last)
    months = (b.year - a.year) * 12 + b.month - a.month
    rest_a, rest_b = (m - dt.datetime(m.year, m.month, 1, tzinfo=dt.UTC) for m in (a, b))
    return (months - (rest_b < rest_a)) // {1: 12, 2: 3, 3: 1}[unit]
