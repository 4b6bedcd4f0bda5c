"""Members of AND and OR that say the same in several ways, in one of them.

Each rule keeps what the whole is for every row, nulls included, since predicates are two-valued:

- OR: x = a, x = b and x IN (c, d) are x IN (a, b, c, d): each is false for null.
- AND: NOT (x > c) where another member is true only if x is not null is x ≤ c: for other rows the whole is false.
- AND: x ≠ a and x ≠ b are NOT (x IN (a, b)) and x is not null: each of the two is false for null. NOT (x = a) and
  NOT (x IN (b, c)) are NOT (x IN (a, b, c)): each of the two is true for null.
- AND: that x is not null is left out where another member is true only then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import TRUE_TYPE, constant
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Member, Value
from sfumato_executor.plan.masks import needed

_COMPARISONS: Final = frozenset(
    (
        f.FUNCTION_EQUAL,
        f.FUNCTION_NOT_EQUAL,
        f.FUNCTION_LESS,
        f.FUNCTION_LESS_OR_EQUAL,
        f.FUNCTION_GREATER,
        f.FUNCTION_GREATER_OR_EQUAL,
    )
)


def disjunction(members: Iterable[Expression]) -> list[Expression]:
    """Members of OR: what is asked of one value by = and IN, as one of them."""
    found = list(members)
    parts = _by_value(found, _included)
    return [member for member in found if _included(member) is None] + [
        _any_of(value, items) for value, items, _ in parts
    ]


def conjunction(members: Iterable[Expression], complement: Callable[[Apply], Expression]) -> list[Expression]:
    """Members of AND. `complement` makes of a comparison the one that holds where it does not."""
    found = list(members)
    present = _present(found)
    found = [_without_not(member, present, complement) for member in found]
    return _without_tests(_without_several_exclusions(found))


@dataclass(frozen=True)
class _Listed:
    """Items that a value is, or is not; `known`: and it is not null."""

    value: Expression
    items: tuple[Value, ...]
    known: bool


def _included(member: Expression) -> _Listed | None:
    """x = a, or x IN (a, b)."""
    if isinstance(member, Member):
        return _Listed(member.value, member.items, True)
    return _compared(member, f.FUNCTION_EQUAL)


def _excluded(member: Expression) -> _Listed | None:
    """x ≠ a, which is false for null; or NOT (x = a) or NOT (x IN (a, b)), which are true for null."""
    if isinstance(member, Apply) and member.function == f.FUNCTION_NOT:
        inner = _included(member.arguments[0])
        return None if inner is None else replace(inner, known=False)
    return _compared(member, f.FUNCTION_NOT_EQUAL)


def _compared(member: Expression, function: int) -> _Listed | None:
    if not (isinstance(member, Apply) and member.function == function):
        return None
    value, item = member.arguments
    return _Listed(value, (item.value,), True) if isinstance(item, Constant) else None


def _by_value(
    members: Iterable[Expression], listing: Callable[[Expression], _Listed | None]
) -> list[tuple[Expression, frozenset[Value], bool]]:
    """Values that members list, each with the items of all, and whether one of them says that it is not null."""
    found: dict[str, tuple[Expression, frozenset[Value], bool]] = {}
    for member in members:
        listed = listing(member)
        if listed is None:
            continue
        text = encode(listed.value)
        _, items, known = found.get(text, (listed.value, frozenset[Value](), False))
        found[text] = (listed.value, items.union(listed.items), known or listed.known)
    return list(found.values())


def _without_several_exclusions(members: list[Expression]) -> list[Expression]:
    """All exclusions of one value as one, beside the statement that it is not null where one of them says so."""
    found = [member for member in members if _excluded(member) is None]
    for value, items, known in _by_value(members, _excluded):
        listed = _any_of(value, items)
        if isinstance(listed, Apply) and (known or not value.type.nullable):
            found.append(replace(listed, function=f.FUNCTION_NOT_EQUAL))
            continue
        found.append(_not(listed))
        if known and value.type.nullable:
            found.append(_not(Apply(f.FUNCTION_IS_NULL, (value,), TRUE_TYPE)))
    return found


def _any_of(value: Expression, items: frozenset[Value]) -> Apply | Member:
    ordered = tuple(sorted(items, key=lambda item: (item is None, item)))
    if len(ordered) > 1:
        return Member(value, ordered, TRUE_TYPE)
    only = constant(value.type.kind, ordered[0], value.type.categories)
    return Apply(f.FUNCTION_EQUAL, (value, only), TRUE_TYPE)


def _present(members: Iterable[Expression]) -> frozenset[str]:
    """Values (encoded) that are not null where all members hold."""
    return frozenset(encode(value) for member in members for value in needed(member))


def _without_not(member: Expression, present: frozenset[str], complement: Callable[[Apply], Expression]) -> Expression:
    if not (isinstance(member, Apply) and member.function == f.FUNCTION_NOT):
        return member
    (inner,) = member.arguments
    if not (isinstance(inner, Apply) and inner.function in _COMPARISONS):
        return member
    known = all(not side.type.nullable or encode(side) in present for side in inner.arguments)
    return complement(inner) if known else member


def _without_tests(members: list[Expression]) -> list[Expression]:
    """Members without those that only test for null what another one needs."""
    stated = _present(member for member in members if _tested(member) is None)
    kept = []
    for member in members:
        tested = _tested(member)
        if tested is None or encode(tested) not in stated:
            kept.append(member)
    return kept


def _tested(member: Expression) -> Expression | None:
    """x of NOT (x IS NULL)."""
    if isinstance(member, Apply) and member.function == f.FUNCTION_NOT:
        (inner,) = member.arguments
        if isinstance(inner, Apply) and inner.function == f.FUNCTION_IS_NULL:
            return inner.arguments[0]
    return None


def _not(condition: Expression) -> Expression:
    return Apply(f.FUNCTION_NOT, (condition,), TRUE_TYPE)
