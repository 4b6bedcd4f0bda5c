"""Functions of text; a category counts as its text.

A bound on the number of characters is known from the schema, so that LENGTH has a proved range. A change of case may
lengthen a text: one character becomes at most three.
"""

from collections.abc import Mapping
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import TRUE_TYPE
from sfumato_executor.plan.expressions import Apply, Choose, Column, Constant, Convert, Expression, Kind, ValueType
from sfumato_executor.plan.invocation import Invocation, Rule
from sfumato_executor.plan.ranges import Range
from sfumato_executor.plan.unification import converted
from sfumato_mesh.refusals import plan_rejected

TEXTS: Final = (Kind.TEXT, Kind.CATEGORY)
_TEXT: Final = ValueType(Kind.TEXT, nullable=False)
_LONGEST: Final = 65_536
_PREFIX_MAX: Final = 65_536


def _text(call: Invocation) -> Expression:
    return converted(call.of_kind(0, TEXTS), _TEXT)


def transformed(call: Invocation) -> Expression:
    """LOWER, UPPER and TRIM."""
    call.exactly(1)
    return call.result((_text(call),), Kind.TEXT, None)


def length(call: Invocation) -> Expression:
    """Number of characters."""
    call.exactly(1)
    value = _text(call)
    return call.result((value,), Kind.INTEGER, Range(0, characters(value)))


def prefix(call: Invocation) -> Expression:
    """First characters."""
    call.exactly(2)
    value, count = _text(call), call.literal(1, Kind.INTEGER)
    assert isinstance(count.value, int)
    if not 0 <= count.value <= _PREFIX_MAX:
        message = f"PREFIX takes 0 to {_PREFIX_MAX} characters"
        raise plan_rejected("literal", call.path_of(1), message, hint="give a number of characters")
    return call.result((value, count), Kind.TEXT, None)


def search(call: Invocation) -> Expression:
    """STARTS_WITH, ENDS_WITH and CONTAINS a literal; false for null."""
    call.exactly(2)
    return Apply(call.function, (_text(call), call.literal(1, Kind.TEXT)), TRUE_TYPE)


def characters(value: Expression) -> int:
    """Most characters that a text can have."""
    match value:
        case Constant(value=str(text)):
            return len(text)
        case Constant():
            return 0
        case Column(type=value_type):
            return value_type.length or _LONGEST
        case Convert(value=source) if source.type.categories:
            return max(map(len, source.type.categories))
        case Convert():
            return 20  # INTEGER and BOOLEAN as text
        case Choose(branches=branches, otherwise=last):
            return max(characters(item) for item in (*(branch for _, branch in branches), last))
        case Apply(function=f.FUNCTION_LOWER | f.FUNCTION_UPPER, arguments=(source,)):
            return 3 * characters(source)
        case Apply(function=f.FUNCTION_PREFIX, arguments=(source, Constant(value=int(count)))):
            return min(characters(source), count)
        case Apply(arguments=arguments):
            return max(map(characters, arguments))
        case _:
            return _LONGEST


RULES: Final[Mapping[int, Rule]] = {
    f.FUNCTION_LOWER: transformed,
    f.FUNCTION_UPPER: transformed,
    f.FUNCTION_TRIM: transformed,
    f.FUNCTION_LENGTH: length,
    f.FUNCTION_PREFIX: prefix,
    f.FUNCTION_STARTS_WITH: search,
    f.FUNCTION_ENDS_WITH: search,
    f.FUNCTION_CONTAINS: search,
}
