"""Predicates in canonical form.

Predicates are two-valued: a null boolean counts as false where a predicate is asked. So NOT goes through AND and OR,
and a comparison of values that are never null has an exact complement. AND and OR are flat, sorted and without
repetition (`joining` says what else of their members is one form); NOT NOT is gone where a predicate is asked; what is
constant is folded. Whole numbers, days and instants are compared by ≤ and > alone: x < 5 is x ≤ 4.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan import joining
from sfumato_executor.plan.constants import DATE_RANGE, FALSE, INT64_MAX, TIMESTAMP_RANGE, TRUE, TRUE_TYPE, constant
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
COMPLEMENTS: Final[Mapping[int, int]] = {
    f.FUNCTION_EQUAL: f.FUNCTION_NOT_EQUAL,
    f.FUNCTION_NOT_EQUAL: f.FUNCTION_EQUAL,
    f.FUNCTION_LESS: f.FUNCTION_GREATER_OR_EQUAL,
    f.FUNCTION_LESS_OR_EQUAL: f.FUNCTION_GREATER,
    f.FUNCTION_GREATER: f.FUNCTION_LESS_OR_EQUAL,
    f.FUNCTION_GREATER_OR_EQUAL: f.FUNCTION_LESS,
}
"""What holds of two values that are not null where the comparison does not."""
_LEAST: Final[Mapping[Kind, int]] = {
    Kind.INTEGER: -INT64_MAX,
    Kind.DATE: DATE_RANGE[0],
    Kind.TIMESTAMP: TIMESTAMP_RANGE[0],
}
"""Values that have a whole number below them, and the least literal of each."""


def predicate(value: Expression, path: str) -> Expression:
    """An expression where a predicate is asked: NOT NOT removed. Raises PLAN_REJECTED ("type") if it is not boolean."""
    if value.type.kind is not Kind.BOOLEAN:
        message = f"a condition is needed here, not a value of type {value.type.kind.value}"
        raise plan_rejected("type", path, message, hint="compare it with something")
    return _plain(value)


def all_of(conditions: Iterable[Expression]) -> Expression:
    """AND of predicates."""
    members = joining.conjunction(_flat(f.FUNCTION_AND, conditions), complement)
    return _joined(f.FUNCTION_AND, members, neutral=TRUE, final=FALSE)


def any_of(conditions: Iterable[Expression]) -> Expression:
    """OR of predicates."""
    members = joining.disjunction(_flat(f.FUNCTION_OR, conditions))
    return _joined(f.FUNCTION_OR, members, neutral=FALSE, final=TRUE)


def negation(condition: Expression) -> Expression:
    """NOT of a predicate; never null."""
    if isinstance(condition, Constant):
        return FALSE if condition.value is True else TRUE
    if not isinstance(condition, Apply):
        return Apply(f.FUNCTION_NOT, (condition,), TRUE_TYPE)
    if condition.function == f.FUNCTION_NOT and not _argument(condition).type.nullable:
        return _argument(condition)
    if condition.function == f.FUNCTION_AND:
        return any_of(negation(member) for member in condition.arguments)
    if condition.function == f.FUNCTION_OR:
        return all_of(negation(member) for member in condition.arguments)
    if condition.function in COMPLEMENTS and not any(side.type.nullable for side in condition.arguments):
        return complement(condition)
    return Apply(f.FUNCTION_NOT, (condition,), TRUE_TYPE)


def complement(compared: Apply) -> Expression:
    """The comparison that holds where this one does not, of values that are not null."""
    left, right = compared.arguments
    return comparison(COMPLEMENTS[compared.function], left, right)


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

    Of a value with itself: whether it is null is all that is left of it. With null: it never holds.
    """
    if isinstance(right, Constant):
        if right.value is None:
            return FALSE
        function, right = _without_strict_ends(function, right)
    else:
        first, second = encode(left), encode(right)
        if first == second:
            return not_null(left) if function in _REFLEXIVE else FALSE
        if isinstance(left, Constant) or second < first:
            left, right, function = right, left, MIRRORED[function]
    return Apply(function, (left, right), TRUE_TYPE)


def _without_strict_ends(function: int, right: Constant) -> tuple[int, Constant]:
    """x < c as x ≤ c − 1 and x ≥ c as x > c − 1, where values are whole and c − 1 is a literal too."""
    kind, value = right.type.kind, right.value
    if function not in (f.FUNCTION_LESS, f.FUNCTION_GREATER_OR_EQUAL) or kind not in _LEAST:
        return function, right
    assert isinstance(value, int)
    if value <= _LEAST[kind]:
        return function, right
    closed = f.FUNCTION_LESS_OR_EQUAL if function == f.FUNCTION_LESS else f.FUNCTION_GREATER
    return closed, constant(kind, value - 1)


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


def _plain(value: Expression) -> Expression:
    """The same where a predicate is asked, where a null boolean is false: without NOT NOT, and AND or OR of one."""
    while isinstance(value, Apply):
        if value.function in (f.FUNCTION_AND, f.FUNCTION_OR) and len(value.arguments) == 1:
            value = _argument(value)
        elif value.function == f.FUNCTION_NOT and _is(_argument(value), f.FUNCTION_NOT):
            value = _argument(_argument(value))
        else:
            break
    return value


def _flat(function: int, conditions: Iterable[Expression]) -> Iterable[Expression]:
    for condition in map(_plain, conditions):
        if isinstance(condition, Apply) and condition.function == function:
            yield from condition.arguments  # built here, so already flat
        else:
            yield condition


def _is(value: Expression, function: int) -> bool:
    return isinstance(value, Apply) and value.function == function


def _argument(value: Expression) -> Expression:
    assert isinstance(value, Apply)
    return value.arguments[0]
