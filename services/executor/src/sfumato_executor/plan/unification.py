"""One type for values that meet: in a comparison, an arithmetic function, or the branches of a choice."""

from collections.abc import Sequence

from sfumato_executor.plan.constants import DAY_MICROS, adapted, adapted_exactly, constant
from sfumato_executor.plan.expressions import Constant, Convert, Expression, Kind, ValueType
from sfumato_mesh.refusals import plan_rejected

NUMBERS = (Kind.INTEGER, Kind.REAL)
TIMES = (Kind.DATE, Kind.TIMESTAMP)
ORDERED = NUMBERS + TIMES


def unified(values: Sequence[Expression], path: str) -> tuple[Expression, ...]:
    """Values converted to one type: INTEGER to REAL, DATE to TIMESTAMP, categories of several lists to TEXT.

    Literals take the type of the others if that type has their value. Raises PLAN_REJECTED ("type") where no type holds
    all of them.
    """
    others = [value.type for value in values if not isinstance(value, Constant)]
    literals = [value for value in values if isinstance(value, Constant)]
    wanted = _common(others, literals, path)
    return tuple(
        adapted_exactly(value, wanted, path) if isinstance(value, Constant) else converted(value, wanted)
        for value in values
    )


def converted(value: Expression, wanted: ValueType) -> Expression:
    """A value in another kind that holds all its values; itself if it is of that kind."""
    kind, target = value.type.kind, wanted.kind
    if kind is target and value.type.categories == wanted.categories:
        return value
    return Convert(value, conversion_type(value.type, target), constant(target, None))


def conversion_type(source: ValueType, target: Kind) -> ValueType:
    """Type of a value of type `source` in a kind that holds all its values."""
    lower, upper = source.lower, source.upper
    if target is Kind.TEXT:
        return ValueType(Kind.TEXT, source.nullable)
    assert lower is not None
    assert upper is not None
    if target is Kind.TIMESTAMP:
        return ValueType(target, source.nullable, lower * DAY_MICROS, upper * DAY_MICROS)
    return ValueType(target, source.nullable, float(lower), float(upper))


def _common(others: Sequence[ValueType], literals: Sequence[Constant], path: str) -> ValueType:
    kinds = {value.kind for value in others} or {literal.type.kind for literal in literals}
    if kinds <= {Kind.TEXT, Kind.CATEGORY}:
        return _common_text(others, literals)
    if kinds <= set(NUMBERS):
        return ValueType(_common_number(kinds, literals, path), nullable=False)
    if kinds <= set(TIMES):
        instants = any(_is_instant(literal, path) for literal in literals if Kind.TIMESTAMP not in kinds)
        kind = Kind.TIMESTAMP if Kind.TIMESTAMP in kinds or instants else Kind.DATE
        return ValueType(kind, nullable=False)
    if kinds == {Kind.BOOLEAN}:
        return ValueType(Kind.BOOLEAN, nullable=False)
    names = ", ".join(sorted(kind.value for kind in kinds))
    raise plan_rejected("type", path, f"values of types {names} meet here", hint="cast one of them")


def _common_number(kinds: set[Kind], literals: Sequence[Constant], path: str) -> Kind:
    integer = ValueType(Kind.INTEGER, nullable=False)
    if Kind.REAL in kinds or any(adapted(literal, integer, path) is None for literal in literals):
        return Kind.REAL
    return Kind.INTEGER


def _is_instant(literal: Constant, path: str) -> bool:
    return adapted(literal, ValueType(Kind.DATE, nullable=False), path) is None


def _common_text(others: Sequence[ValueType], literals: Sequence[Constant]) -> ValueType:
    texts = [literal.value for literal in literals if isinstance(literal.value, str)]
    lists = {value.categories for value in others}
    if len(lists) == 1 and all(value.kind is Kind.CATEGORY for value in others):
        (categories,) = lists
        if all(text in categories for text in texts):
            return ValueType(Kind.CATEGORY, nullable=False, categories=categories)
    return ValueType(Kind.TEXT, nullable=False)
