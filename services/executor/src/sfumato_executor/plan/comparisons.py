"""Comparisons, IS NULL, AND, OR, NOT, and membership in a list."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sfumato.v1 import expression_pb2
from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import (
    DAY_MICROS,
    FALSE,
    INT64_MAX,
    TRUE,
    TRUE_TYPE,
    adapted,
    constant,
    met,
    read_literal,
)
from sfumato_executor.plan.expressions import Constant, Expression, Kind, Member, Value
from sfumato_executor.plan.invocation import Invocation, Rule
from sfumato_executor.plan.listed import PlainTexts
from sfumato_executor.plan.logic import (
    COMMUTATIVE,
    MIRRORED,
    all_of,
    any_of,
    comparison,
    is_null,
    negation,
    not_null,
    predicate,
)
from sfumato_executor.plan.unification import unified
from sfumato_mesh.refusals import plan_rejected

_OPERATORS: Final[Mapping[int, Callable[[Any, Any], bool]]] = {
    f.FUNCTION_EQUAL: operator.eq,
    f.FUNCTION_NOT_EQUAL: operator.ne,
    f.FUNCTION_LESS: operator.lt,
    f.FUNCTION_LESS_OR_EQUAL: operator.le,
    f.FUNCTION_GREATER: operator.gt,
    f.FUNCTION_GREATER_OR_EQUAL: operator.ge,
}


def compare(call: Invocation) -> Expression:
    """A comparison of two values; false if either is null."""
    left, right = call.exactly(2)
    function = call.function
    if isinstance(left, Constant) and not isinstance(right, Constant):
        left, right, function = right, left, MIRRORED[function]
    _check_order(call, function, left)
    if not isinstance(right, Constant):
        left, right = unified((left, right), call.path)
        return comparison(function, left, right)
    if isinstance(left, Constant):
        left, right = unified((left, right), call.path)
        assert isinstance(left, Constant)
        assert isinstance(right, Constant)
        if left.value is None or right.value is None:
            return FALSE
        return TRUE if _OPERATORS[function](left.value, right.value) else FALSE
    right = met(right, left.type, call.path)
    exact = adapted(right, left.type, call.path)
    if exact is None:
        return _between_values(function, left, right)
    return comparison(function, left, exact)


def _check_order(call: Invocation, function: int, value: Expression) -> None:
    if function not in COMMUTATIVE and value.type.kind in (Kind.BOOLEAN, Kind.CATEGORY):
        message = f"a value of type {value.type.kind.value} has no order"
        raise plan_rejected("type", call.path, message, hint="use = or IN; cast a category to text to compare texts")


def _between_values(function: int, left: Expression, right: Constant) -> Expression:
    """A comparison with a literal that lies between two values of the left side's type, or beyond all of them.

    With c the value below the literal, x < literal and x ≤ literal are both x ≤ c, and x = literal never holds.
    """
    assert isinstance(right.value, (int, float))
    if function == f.FUNCTION_EQUAL:
        return FALSE
    if function == f.FUNCTION_NOT_EQUAL:
        return not_null(left)
    below = function in (f.FUNCTION_LESS, f.FUNCTION_LESS_OR_EQUAL)
    floor = int(right.value // (DAY_MICROS if right.type.kind is Kind.TIMESTAMP else 1))
    if abs(floor) > INT64_MAX:
        return not_null(left) if below == (floor > 0) else FALSE
    return comparison(f.FUNCTION_LESS_OR_EQUAL if below else f.FUNCTION_GREATER, left, constant(left.type.kind, floor))


def null(call: Invocation) -> Expression:
    """Whether the argument is null."""
    (value,) = call.exactly(1)
    return is_null(value)


def conjunction(call: Invocation) -> Expression:
    """AND."""
    return all_of(predicate(item, call.path_of(index)) for index, item in enumerate(call.at_least(1)))


def disjunction(call: Invocation) -> Expression:
    """OR."""
    return any_of(predicate(item, call.path_of(index)) for index, item in enumerate(call.at_least(1)))


def inversion(call: Invocation) -> Expression:
    """NOT."""
    (value,) = call.exactly(1)
    return negation(predicate(value, call.path_of(0)))


def member(value: Expression, items: Sequence[expression_pb2.Literal], path: str) -> Expression:
    """Whether a value is one of a list; items that its type does not have are left out, one item is a comparison."""
    found: set[Value] = set()
    texts = PlainTexts(value.type)
    for index, item in enumerate(items):
        text = texts.of(item)
        if text is not None:
            found.add(text)
            continue
        place = f"{path}.items[{index}]"
        exact = adapted(read_literal(item, place), value.type, place)
        if exact is not None:
            found.add(exact.value)
    if not found:
        return FALSE
    ordered = tuple(sorted(found))  # type: ignore[type-var]  # of one type, and a literal is never null
    if isinstance(value, Constant):
        return TRUE if value.value is not None and value.value in found else FALSE
    if len(ordered) == 1:
        only = constant(value.type.kind, ordered[0], value.type.categories)
        return comparison(f.FUNCTION_EQUAL, value, only)
    return Member(value, ordered, TRUE_TYPE)


RULES: Final[Mapping[int, Rule]] = {
    **dict.fromkeys(_OPERATORS, compare),
    f.FUNCTION_IS_NULL: null,
    f.FUNCTION_AND: conjunction,
    f.FUNCTION_OR: disjunction,
    f.FUNCTION_NOT: inversion,
}
