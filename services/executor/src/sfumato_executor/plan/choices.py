"""CASE, CAST and Bin."""

import itertools
import math
from collections.abc import Sequence

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan import ranges
from sfumato_executor.plan.constants import DAY_MICROS, adapted, adapted_exactly, constant
from sfumato_executor.plan.expressions import Bucket, Choose, Constant, Convert, Expression, Kind, ValueType
from sfumato_executor.plan.invocation import proved_range
from sfumato_executor.plan.logic import predicate
from sfumato_executor.plan.unification import NUMBERS, ORDERED, TIMES, conversion_type, unified
from sfumato_mesh.refusals import plan_rejected

KINDS = {
    f.DATA_TYPE_BOOLEAN: Kind.BOOLEAN,
    f.DATA_TYPE_INTEGER: Kind.INTEGER,
    f.DATA_TYPE_REAL: Kind.REAL,
    f.DATA_TYPE_TEXT: Kind.TEXT,
    f.DATA_TYPE_CATEGORY: Kind.CATEGORY,
    f.DATA_TYPE_DATE: Kind.DATE,
    f.DATA_TYPE_TIMESTAMP: Kind.TIMESTAMP,
}
_TEXTS = (Kind.TEXT, Kind.CATEGORY)


def choice(branches: Sequence[tuple[Expression, Expression]], otherwise: Expression | None, path: str) -> Expression:
    """The value of the first branch that holds. Texts that are all literals make a category, so a public key."""
    conditions = [
        predicate(condition, f"{path}.case_when.branches[{index}].condition")
        for index, (condition, _) in enumerate(branches)
    ]
    given = [value for _, value in branches] + ([otherwise] if otherwise is not None else [])
    values = list(_as_categories(unified(given, path)))
    first = values[0].type
    if otherwise is None:
        values.append(constant(first.kind, None, first.categories))
    nullable = any(value.type.nullable for value in values)
    lower: int | float | None = None
    upper: int | float | None = None
    if first.kind in ORDERED:
        known = ranges.union([proved_range(value) for value in values if _has_range(value)])
        lower, upper = known.lower, known.upper
    value_type = ValueType(first.kind, nullable, lower, upper, first.categories)
    return Choose(tuple(zip(conditions, values[:-1], strict=True)), values[-1], value_type)


def _has_range(value: Expression) -> bool:
    return value.type.lower is not None


def _as_categories(values: Sequence[Expression]) -> Sequence[Expression]:
    texts = [value.value for value in values if isinstance(value, Constant) and isinstance(value.value, str)]
    if len(texts) < len(values) or values[0].type.kind is not Kind.TEXT:
        return values
    categories = tuple(sorted(set(texts)))
    return [constant(Kind.CATEGORY, text, categories) for text in texts]


def cast(value: Expression, target: Kind, otherwise: Constant | None, path: str) -> Expression:
    """The value as another type. Raises PLAN_REJECTED ("type") for a pair of types that has no conversion."""
    source = value.type.kind
    if source is target:
        return value
    default = constant(target, None)
    if otherwise is not None:
        default = adapted_exactly(otherwise, ValueType(target, nullable=False), f"{path}.cast.otherwise")
    if isinstance(value, Constant) and _has_meaning(source, target):
        exact = adapted(value, ValueType(target, nullable=False), path)
        if exact is not None:
            return exact
    total = _total_type(value, target)
    if total is not None:
        return Convert(value, total, constant(target, None))
    match source, target:
        case Kind.REAL, Kind.INTEGER:
            return _truncated(value, default)
        case ((Kind.TEXT | Kind.CATEGORY), Kind.INTEGER):
            return Convert(value, _parsed_type(target, ranges.INTEGER_MAX, default), default)
        case ((Kind.TEXT | Kind.CATEGORY), Kind.REAL):
            return Convert(value, _parsed_type(target, ranges.REAL_MAX, default), default)
    message = f"a value of type {source.value} cannot be cast to {target.value}"
    hint = "declare the column so in the schema" if source in _TEXTS else "compare or compute without the cast"
    raise plan_rejected("type", path, message, hint=hint)


def _total_type(value: Expression, target: Kind) -> ValueType | None:
    """Type of a cast that converts every value; None for other pairs."""
    nullable = value.type.nullable
    match value.type.kind, target:
        case (Kind.INTEGER, Kind.REAL) | (Kind.DATE, Kind.TIMESTAMP) | (Kind.CATEGORY | Kind.INTEGER, Kind.TEXT):
            return conversion_type(value.type, target)
        case (Kind.BOOLEAN, Kind.TEXT) | (Kind.INTEGER, Kind.BOOLEAN):
            return ValueType(target, nullable)
        case Kind.BOOLEAN, Kind.INTEGER:
            return ValueType(target, nullable, 0, 1)
        case Kind.BOOLEAN, Kind.REAL:
            return ValueType(target, nullable, 0.0, 1.0)
        case Kind.TIMESTAMP, Kind.DATE:
            known = proved_range(value)
            return ValueType(target, nullable, int(known.lower) // DAY_MICROS, int(known.upper) // DAY_MICROS)
        case _:
            return None


def _has_meaning(source: Kind, target: Kind) -> bool:
    """Whether `adapted` knows the pair."""
    return (source in NUMBERS and target in NUMBERS) or (source in (*TIMES, Kind.TEXT) and target in TIMES)


def _truncated(value: Expression, default: Constant) -> Convert:
    """REAL to INTEGER, towards zero; what lies beyond ±2^62 becomes the default."""
    known = proved_range(value)
    if known.largest <= ranges.INTEGER_MAX:
        value_type = ValueType(Kind.INTEGER, value.type.nullable, int(known.lower), int(known.upper))
        return Convert(value, value_type, constant(Kind.INTEGER, None))
    lower, upper = max(known.lower, -ranges.INTEGER_MAX), min(known.upper, ranges.INTEGER_MAX)
    lower, upper = min(lower, ranges.INTEGER_MAX), max(upper, -ranges.INTEGER_MAX)
    ends = [int(lower), int(upper), *([default.value] if isinstance(default.value, int) else [])]
    nullable = value.type.nullable or default.value is None
    return Convert(value, ValueType(Kind.INTEGER, nullable, min(ends), max(ends)), default)


def _parsed_type(kind: Kind, limit: int | float, default: Constant) -> ValueType:
    """Type of a number read from text: any number; null also for a null text."""
    ends = [-limit, limit, *([default.value] if isinstance(default.value, (int, float)) else [])]
    return ValueType(kind, True, min(ends), max(ends))


def bucket(value: Expression, edges: Sequence[float], path: str) -> Expression:
    """Index of the interval. Raises PLAN_REJECTED ("bins") for edges that do not rise."""
    if value.type.kind not in ORDERED:
        message = f"bins are made of numbers, dates and instants, not of {value.type.kind.value}"
        raise plan_rejected("type", f"{path}.bin.value", message, hint="a category is a key as it is")
    rising = tuple(edge + 0.0 for edge in edges)
    finite = all(math.isfinite(edge) for edge in rising)
    if not finite or len(rising) < 2 or not all(low < high for low, high in itertools.pairwise(rising)):
        message = "the edges of bins must be two or more, finite, and rise"
        raise plan_rejected("bins", f"{path}.bin.edges", message, hint="sort the edges, and give each once")
    return Bucket(value, rising, ValueType(Kind.INTEGER, value.type.nullable, 0, len(rising) - 2))
