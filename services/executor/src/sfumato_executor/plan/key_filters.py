"""Filters that keep or leave out whole group keys.

A member of a filter that looks at nothing but the values of group keys is true for all rows of a key, or for none. What
it says of a key is computed here from the key's public values.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind, Member, Value

_COMPARISONS: Final[Mapping[int, Callable[[Any, Any], bool]]] = {
    f.FUNCTION_EQUAL: operator.eq,
    f.FUNCTION_NOT_EQUAL: operator.ne,
    f.FUNCTION_LESS: operator.lt,
    f.FUNCTION_LESS_OR_EQUAL: operator.le,
    f.FUNCTION_GREATER: operator.gt,
    f.FUNCTION_GREATER_OR_EQUAL: operator.ge,
}
_JOINS: Final = (f.FUNCTION_AND, f.FUNCTION_OR)
_PREDICATES: Final = frozenset((*_COMPARISONS, *_JOINS, f.FUNCTION_NOT, f.FUNCTION_IS_NULL))

Row = Sequence[Value]
Read = Callable[[Row], Value]


@dataclass(frozen=True)
class KeyTest:
    """A member of a filter as a test of one key."""

    columns: frozenset[int]
    """Key columns that it looks at."""
    holds: Callable[[Row], bool]
    """What it says of a key; other columns may have any value."""
    listed: tuple[Value, ...] | None
    """Values that alone pass, where it is an = or IN of one column; None: it is another test."""


def members(condition: Expression | None) -> tuple[Expression, ...]:
    """What must all hold for a row to pass a filter."""
    if condition is None:
        return ()
    if isinstance(condition, Apply) and condition.function == f.FUNCTION_AND:
        return condition.arguments
    return (condition,)


def could_test_keys(member: Expression) -> bool:
    """Whether a member of a filter looks at nothing but values that can be group keys: a real number is none.

    A comparison is not taken for a key here, though it can be one.
    """
    match member:
        case Constant():
            return True
        case Member(value=value):
            return could_test_keys(value)
        case Apply(function=function, arguments=arguments) if function in _PREDICATES:
            return all(could_test_keys(argument) for argument in arguments)
        case _:
            return member.type.kind is not Kind.REAL


def key_test(member: Expression, places: Mapping[str, int]) -> KeyTest | None:
    """A member of a filter as a test of keys; None: it looks at something else.

    Args:
        member: one of `members`.
        places: column of each key value, by its encoded expression.
    """
    used: set[int] = set()
    read = _read(member, places, used)
    if read is None:
        return None
    listed: tuple[Value, ...] | None = None
    if isinstance(member, Member):
        listed = tuple(item for item in member.items if item is not None)
    elif isinstance(member, Apply) and member.function == f.FUNCTION_EQUAL:
        item = member.arguments[1]
        listed = (item.value,) if isinstance(item, Constant) else None
    return KeyTest(frozenset(used), lambda row: read(row) is True, listed)


def _read(node: Expression, places: Mapping[str, int], used: set[int]) -> Read | None:
    """A value that is a key's, a constant, or a predicate of such; None: it is none of these.

    A key's own expression comes first: what is grouped by a predicate can be filtered by it.
    """
    place = places.get(encode(node))
    if place is not None:
        used.add(place)
        return lambda row: row[place]
    if isinstance(node, Constant):
        value = node.value
        return lambda _: value
    if isinstance(node, Member):
        inner = _read(node.value, places, used)
        items = frozenset(node.items)
        return None if inner is None else lambda row: (found := inner(row)) is not None and found in items
    if isinstance(node, Apply) and node.function in _PREDICATES:
        parts = [_read(argument, places, used) for argument in node.arguments]
        known = [part for part in parts if part is not None]
        return _predicate(node.function, known) if len(known) == len(parts) else None
    return None


def _predicate(function: int, inner: Sequence[Read]) -> Read:
    if function in _COMPARISONS:
        compare = _COMPARISONS[function]
        left, right = inner
        return lambda row: (a := left(row)) is not None and (b := right(row)) is not None and compare(a, b)
    if function == f.FUNCTION_IS_NULL:
        return lambda row: inner[0](row) is None
    if function == f.FUNCTION_NOT:
        return lambda row: inner[0](row) is not True
    join = all if function == f.FUNCTION_AND else any
    return lambda row: join(part(row) is True for part in inner)
