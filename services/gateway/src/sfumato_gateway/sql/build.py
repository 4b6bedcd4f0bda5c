"""Short constructors for messages of the plan, so that the translation reads like the language it makes."""

from collections.abc import Sequence
from typing import Final

from sfumato.v1 import function_pb2
from sfumato.v1.expression_pb2 import Call, CaseBranch, CaseWhen, Expression, Literal
from sfumato.v1.function_pb2 import Function, TimeUnit

_MAX_ARGUMENTS: Final = 64
"""Arguments of one Call; the contract's bound."""

TRUE: Final = Expression(literal=Literal(boolean=True))
FALSE: Final = Expression(literal=Literal(boolean=False))


def call(function: "Function", *arguments: Expression, time_unit: "TimeUnit | None" = None) -> Expression:
    """Return a function applied to arguments."""
    unit = function_pb2.TIME_UNIT_UNSPECIFIED if time_unit is None else time_unit
    return Expression(call=Call(function=function, arguments=arguments, time_unit=unit))


def gather(function: "Function", arguments: Sequence[Expression]) -> Expression:
    """Return an associative function applied to one or more arguments, in groups where they are too many for one."""
    while len(arguments) > _MAX_ARGUMENTS:
        groups = (arguments[i : i + _MAX_ARGUMENTS] for i in range(0, len(arguments), _MAX_ARGUMENTS))
        arguments = [gather(function, group) for group in groups]
    return arguments[0] if len(arguments) == 1 else call(function, *arguments)


def negated(predicate: Expression) -> Expression:
    """Return NOT of a two-valued predicate."""
    return call(function_pb2.FUNCTION_NOT, predicate)


def is_null(value: Expression) -> Expression:
    """Return whether a value is null."""
    return call(function_pb2.FUNCTION_IS_NULL, value)


def choose(branches: Sequence[tuple[Expression, Expression]], otherwise: Expression | None = None) -> Expression:
    """Return the value of the first branch (condition, value) that holds; else `otherwise`, null if None."""
    return Expression(
        case_when=CaseWhen(
            branches=[CaseBranch(condition=condition, value=value) for condition, value in branches],
            otherwise=otherwise,
        )
    )


def null_of(sibling: Expression) -> Expression:
    """Return null in the type of another expression: the plan has no literal for it."""
    return choose([(FALSE, sibling)])
