"""Nodes of a plan: calls, columns and their limits. No I/O."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import Final

from sfumato._core.amounts import refused
from sfumato._core.literals import literal
from sfumato.errors import PlanRejected
from sfumato.v1 import expression_pb2, function_pb2

DEEPEST: Final = 16
"""Levels that an expression may have."""
_LONGEST_COLUMN: Final = 128
_MOST_ARGUMENTS: Final = 64
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_ALIAS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_ASSOCIATIVE: Final = frozenset(
    {
        function_pb2.FUNCTION_AND,
        function_pb2.FUNCTION_OR,
        function_pb2.FUNCTION_ADD,
        function_pb2.FUNCTION_MULTIPLY,
        function_pb2.FUNCTION_COALESCE,
    }
)


def column(name: str) -> expression_pb2.Expression:
    """Return a column by name, of 1 to 128 characters."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_COLUMN:
        raise refused("column", f"a column's name is a text of 1 to {_LONGEST_COLUMN} characters")
    return expression_pb2.Expression(column=name)


def call(
    function: "function_pb2.Function",
    *arguments: expression_pb2.Expression,
    undefined: object | None = None,
    time_unit: "function_pb2.TimeUnit" = function_pb2.TIME_UNIT_UNSPECIFIED,
) -> expression_pb2.Expression:
    """Return a call. A chain of one associative function (a & b & c) becomes one call of many arguments, not a tree."""
    first = arguments[0]
    merged = (*first.call.arguments, *arguments[1:])
    if (
        function in _ASSOCIATIVE
        and first.WhichOneof("kind") == "call"
        and first.call.function == function
        and len(merged) <= _MOST_ARGUMENTS
    ):
        arguments = merged
    node = expression_pb2.Call(function=function, arguments=arguments, time_unit=time_unit)
    if undefined is not None:
        node.otherwise.CopyFrom(literal(undefined, "undefined"))
    return expression_pb2.Expression(call=node)


def children(node: expression_pb2.Expression) -> Sequence[expression_pb2.Expression]:
    """Return what an expression is computed from."""
    match node.WhichOneof("kind"):
        case "call":
            return node.call.arguments
        case "case_when":
            branches = [each for branch in node.case_when.branches for each in (branch.condition, branch.value)]
            return [*branches, node.case_when.otherwise] if node.case_when.HasField("otherwise") else branches
        case "cast":
            return [node.cast.value]
        case "in_list":
            return [node.in_list.value]
        case "bin":
            return [node.bin.value]
    return []


def check_depth(node: expression_pb2.Expression) -> None:
    """Refuse an expression of more than 16 levels, before it can be built any deeper.

    Raises:
        PlanRejected: it is too deep.
    """
    level = [node]
    for _ in range(DEEPEST):
        level = [child for each in level for child in children(each)]
        if not level:
            return
    raise PlanRejected(
        f"the expression is more than {DEEPEST} levels deep.",
        reason="PLAN_REJECTED",
        metadata={"rule": "too_deep"},
        hint="compute a part of it by .with_columns(…) first",
    )


def is_alias(name: str) -> bool:
    """Return whether a name can be a column of an answer."""
    return _ALIAS.fullmatch(name) is not None


def is_id(name: str) -> bool:
    """Return whether a name can be the id of a resource."""
    return _ID.fullmatch(name) is not None


def check_alias(name: str) -> str:
    """Return the name, if it can be a column of an answer.

    Raises:
        InvalidRequest: it cannot.
    """
    if not isinstance(name, str) or not is_alias(name):
        raise refused("alias", f"{name!r} is no name", "letters, digits and underscores, at most 63, no digit first")
    return name


def increasing(values: list[float], field: str, *, at_least: int) -> list[float]:
    """Return the values, if they are finite, enough and strictly increasing."""
    if len(values) < at_least:
        raise refused(field, f"at least {at_least} are needed")
    if not all(math.isfinite(each) for each in values):
        raise refused(field, "they must be finite")
    if any(left >= right for left, right in itertools.pairwise(values)):
        raise refused(field, "they must be strictly increasing")
    return values
