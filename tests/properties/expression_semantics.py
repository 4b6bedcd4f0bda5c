"""What each function of the contract means, in plain Python."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

from sfumato_executor.plan.constants import DAY_MICROS
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
from tests.properties.expression_grammar import EPOCH, Row, f


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
