"""Predicates in canonical form.

Predicates are two-valued: a null boolean counts as false where a predicate is asked. AND and OR are flat, sorted and
without repetition; NOT NOT is gone where a predicate is asked; what is constant is folded.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import FALSE, TRUE, TRUE_TYPE
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind
from sfumato_mesh.refusals import plan_rejected

COMMUTATIVE: Final[frozenset[int]] = frozenset((f.FUNCTION_EQUAL, f.FUNCTION_NOT_EQUAL))
_REFLEXIVE: Final[frozenset[int]] = frozenset((f.FUNCTION_EQUAL, f.FUNCTION_LESS_OR_EQUAL, f.FUNCTION_GREATER_OR_EQUAL))
MIRRORED: Final[Mapping[int, int]] = {
    f.FUNCTION_EQUAL: f.FUNCTION_EQUAL,
    f.FUNCTION_NOT_EQUAL: f.FUNCTION_NOT_EQUAL,
    f.FUNCTION_LESS: f.FUNCTION_GREATER,
    f.FUNCTION_LESS_OR_EQUAL: f.FUNCTION_GREATER_OR_EQUAL,
    f.FUNCTION_GREATER: f.FUNCTION_LESS,
    f.FUNCTION_GREATER_OR_EQUAL: f.FUNCTION_LESS_OR_EQUAL,
}
"""The same comparison with its sides exchanged."""


def predicate(value: Expression, path: str) -> Expression:
    """An expression where a predicate is asked: NOT NOT removed. Raises PLAN_REJECTED ("type") if it is not boolean."""
    if value.type.kind is not Kind.BOOLEAN:
        message = f"a condition is needed here, not a value of type {value.type.kind.value}"
        raise plan_rejected("type", path, message, hint="compare it with something")
    while _is(value, f.FUNCTION_NOT) and _is(_argument(value), f.FUNCTION_NOT):
        value = _argument(_argument(value))
    return value


def all_of(conditions: Iterable[Expression]) -> Expression:
    """AND of predicates."""
    return _joined(f.FUNCTION_AND, conditions, neutral=TRUE, final=FALSE)


def any_of(conditions: Iterable[Expression]) -> Expression:
    """OR of predicates."""
    return _joined(f.FUNCTION_OR, conditions, neutral=FALSE, final=TRUE)


def negation(condition: Expression) -> Expression:
    """NOT of a predicate; never null."""
    if isinstance(condition, Constant):
        return FALSE if condition.value is True else TRUE
    if _is(condition, f.FUNCTION_NOT) and not _argument(condition).type.nullable:
        return _argument(condition)
    return Apply(f.FUNCTION_NOT, (condition,), TRUE_TYPE)


def is_null(value: Expression) -> Expression:
    """Whether a value is null; folded where it never is."""
    if not value.type.nullable:
        return FALSE
    if isinstance(value, Constant):
        return TRUE
    return Apply(f.FUNCTION_IS_NULL, (value,), TRUE_TYPE)


def not_null(value: Expression) -> Expression:
    """Whether a value is not null."""
    return negation(is_null(value))


def comparison(function: int, left: Expression, right: Expression) -> Expression:
    """A comparison with its constant on the right; of two others, the first in canonical order on the left.

    Of a value with itself: whether it is null is all that is left of it.
    """
    if not isinstance(right, Constant):
        first, second = encode(left), encode(right)
        if first == second:
            return not_null(left) if function in _REFLEXIVE else FALSE
        if isinstance(left, Constant) or second < first:
            left, right, function = right, left, MIRRORED[function]
    return Apply(function, (left, right), TRUE_TYPE)


def _joined(function: int, conditions: Iterable[Expression], neutral: Constant, final: Constant) -> Expression:
    members: dict[str, Expression] = {}
    for condition in _flat(function, conditions):
        if isinstance(condition, Constant):
            if condition.value is final.value:
                return final
            continue
        members[encode(condition)] = condition
    if not members:
        return neutral
    ordered = tuple(members[key] for key in sorted(members))
    if len(ordered) == 1 and not ordered[0].type.nullable:
        return ordered[0]
    return Apply(function, ordered, TRUE_TYPE)


def _flat(function: int, conditions: Iterable[Expression]) -> Iterable[Expression]:
    for condition in conditions:
        if isinstance(condition, Apply) and condition.function == function:
            yield from condition.arguments  # built here, so already flat
        else:
            yield condition


def _is(value: Expression, function: int) -> bool:
    return isinstance(value, Apply) and value.function == function


def _argument(value: Expression) -> Expression:
    assert isinstance(value, Apply)
    return value.arguments[0]
