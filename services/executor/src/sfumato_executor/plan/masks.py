"""Where a value is null: which rows a count of values counts, in the simplest form, so that equal counts are shared."""

from collections.abc import Iterable

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Column, Convert, Expression, Kind, Member

_MASKED_BY_ARGUMENTS = frozenset(
    (
        f.FUNCTION_ADD,
        f.FUNCTION_SUBTRACT,
        f.FUNCTION_MULTIPLY,
        f.FUNCTION_NEGATE,
        f.FUNCTION_ABS,
        f.FUNCTION_SIGN,
        f.FUNCTION_FLOOR,
        f.FUNCTION_CEIL,
        f.FUNCTION_ROUND,
        f.FUNCTION_SQRT,
        f.FUNCTION_EXP,
        f.FUNCTION_CLIP,
        f.FUNCTION_DIVIDE,
        f.FUNCTION_POWER,
        f.FUNCTION_LN,
        f.FUNCTION_LOG10,
        f.FUNCTION_LENGTH,
        f.FUNCTION_EXTRACT,
        f.FUNCTION_TRUNCATE_TIME,
    )
)
"""Functions that are null exactly where an argument is, as long as their result is defined everywhere."""


def null_mask(value: Expression, present: frozenset[str] = frozenset()) -> Expression | None:
    """The simplest expression that is null on the same rows; None where that is no row.

    A function that is defined everywhere and null exactly where its only nullable argument is, has that argument's
    mask. What is `present` (encoded) is null on none of the rows that are asked.
    """
    while value.type.nullable and encode(value) not in present:
        if isinstance(value, Convert) and _is_total(value):
            value = value.value
            continue
        if not isinstance(value, Apply) or value.function not in _MASKED_BY_ARGUMENTS or value.otherwise is not None:
            return value
        masks = _distinct(null_mask(argument, present) for argument in value.arguments)
        if not masks:
            return None
        if len(masks) > 1:
            return value
        value = masks[0]
    return None


def _distinct(masks: Iterable[Expression | None]) -> list[Expression]:
    return list({encode(mask): mask for mask in masks if mask is not None}.values())


_STRICT = frozenset(
    (
        f.FUNCTION_EQUAL,
        f.FUNCTION_NOT_EQUAL,
        f.FUNCTION_LESS,
        f.FUNCTION_LESS_OR_EQUAL,
        f.FUNCTION_GREATER,
        f.FUNCTION_GREATER_OR_EQUAL,
        f.FUNCTION_STARTS_WITH,
        f.FUNCTION_ENDS_WITH,
        f.FUNCTION_CONTAINS,
    )
)
"""Predicates that are false where an argument is null."""


def present_after(condition: Expression | None) -> frozenset[str]:
    """Masks (encoded) that are null on no row that passes a filter: what its members compare, look up or test."""
    if condition is None:
        return frozenset()
    found: set[str] = set()
    members = [condition]
    if isinstance(condition, Apply) and condition.function == f.FUNCTION_AND:
        members = list(condition.arguments)
    for member in members:
        for value in needed(member):
            mask = null_mask(value)
            if mask is not None:
                found.add(encode(mask))
    return frozenset(found)


def needed(condition: Expression) -> tuple[Expression, ...]:
    """Values that are not null where a predicate holds."""
    match condition:
        case Apply(function=function, arguments=arguments) if function in _STRICT:
            return arguments
        case Apply(function=f.FUNCTION_NOT, arguments=(Apply(function=f.FUNCTION_IS_NULL, arguments=arguments),)):
            return arguments
        case Member(value=value):
            return (value,)
        case Column():
            return (condition,)
        case _:
            return ()


def _is_total(cast: Convert) -> bool:
    """Whether a cast converts every value: all but those that read text, and those of reals to whole numbers."""
    source, target = cast.value.type.kind, cast.type.kind
    reads = source in (Kind.TEXT, Kind.CATEGORY) and target is not Kind.TEXT
    return not reads and not (source is Kind.REAL and target is Kind.INTEGER)
