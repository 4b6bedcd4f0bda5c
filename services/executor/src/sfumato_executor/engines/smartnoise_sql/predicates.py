"""WHERE as an expression of the contract: comparisons of columns with constants, put together by AND, OR and NOT."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlglot import exp

from sfumato.v1 import function_pb2
from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato_executor.engines.smartnoise_sql.rejections import rejected

MAX_ITEMS: Final = 500
"""Of one IN list."""

_COMPARISONS: Final[dict[type[exp.Expr], function_pb2.Function]] = {
    exp.EQ: function_pb2.FUNCTION_EQUAL,
    exp.NEQ: function_pb2.FUNCTION_NOT_EQUAL,
    exp.LT: function_pb2.FUNCTION_LESS,
    exp.LTE: function_pb2.FUNCTION_LESS_OR_EQUAL,
    exp.GT: function_pb2.FUNCTION_GREATER,
    exp.GTE: function_pb2.FUNCTION_GREATER_OR_EQUAL,
}


class Predicates:
    """Reads conditions. Depth is that of the brackets, which parsing bounds; chains of AND and OR are flat."""

    def __init__(self, parameters: Mapping[str, Literal], column: Callable[[exp.Expr], str]) -> None:
        self._parameters = parameters
        self._column = column
        self._used: set[str] = set()

    def read(self, node: exp.Expr) -> Expression:
        """Return a condition.

        Raises:
            Refusal: SQL_REJECTED.
        """
        if isinstance(node, exp.Paren):
            return self.read(node.this)
        if isinstance(node, exp.And | exp.Or):
            is_and = isinstance(node, exp.And)
            function = function_pb2.FUNCTION_AND if is_and else function_pb2.FUNCTION_OR
            return _call(function, *(self.read(part) for part in node.flatten()))
        if isinstance(node, exp.Not):
            return _call(function_pb2.FUNCTION_NOT, self.read(node.this))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return _call(function_pb2.FUNCTION_IS_NULL, self._named(node.this))
        if isinstance(node, exp.In):
            return self._member(node)
        if isinstance(node, exp.Between):
            value = self._named(node.this)
            lower = _call(function_pb2.FUNCTION_GREATER_OR_EQUAL, value, self._constant(node.args["low"]))
            upper = _call(function_pb2.FUNCTION_LESS_OR_EQUAL, value, self._constant(node.args["high"]))
            return _call(function_pb2.FUNCTION_AND, lower, upper)
        if type(node) in _COMPARISONS:
            return _call(_COMPARISONS[type(node)], self._operand(node.this), self._operand(node.expression))
        if isinstance(node, exp.Column):
            return self._named(node)
        raise rejected("unsupported", "WHERE compares columns with constants", node, nearest="WHERE mass > 2")

    def check_all_used(self) -> None:
        """Refuse parameters that the statement does not name."""
        if set(self._parameters) - self._used:
            message = "a parameter is not used in the statement"
            raise rejected("unsupported", message, hint="leave it out", field="question.sql.parameters")

    def _operand(self, node: exp.Expr) -> Expression:
        if isinstance(node, exp.Column):
            return self._named(node)
        return self._constant(node)

    def _named(self, node: exp.Expr) -> Expression:
        return Expression(column=self._column(node))

    def _constant(self, node: exp.Expr) -> Expression:
        return Expression(literal=self._literal(node))

    def _literal(self, node: exp.Expr) -> Literal:
        if isinstance(node, exp.Paren):
            return self._literal(node.this)
        if isinstance(node, exp.Placeholder | exp.Parameter):
            name = str(node.name)
            if name not in self._parameters:
                raise rejected("unsupported", f"parameter {name[:63]} has no value", field="question.sql.parameters")
            self._used.add(name)
            return self._parameters[name]
        if isinstance(node, exp.Boolean):
            return Literal(boolean=bool(node.this))
        is_negative = isinstance(node, exp.Neg)
        number = node.this if is_negative else node
        if not isinstance(number, exp.Literal) or (number.is_string and is_negative):
            raise rejected("unsupported", "here stands a constant", node)
        return Literal(text=str(number.this)) if number.is_string else _number(number, -1 if is_negative else 1)

    def _member(self, node: exp.In) -> Expression:
        if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
            raise rejected("unsupported", "IN takes a list of constants", node)
        if not 1 <= len(node.expressions) <= MAX_ITEMS:
            raise rejected("unsupported", f"IN takes 1 to {MAX_ITEMS} constants", node, hint="shorten the list")
        found = Expression()
        found.in_list.value.CopyFrom(self._named(node.this))
        found.in_list.items.extend(self._literal(item) for item in node.expressions)
        return found


def _number(node: exp.Literal, sign: int) -> Literal:
    text = str(node.this)
    if len(text) > 40:
        raise rejected("unsupported", "a number has at most 40 characters", hint="write it shorter")
    if text.isdecimal() and int(text) < 2**63:
        return Literal(integer=sign * int(text))
    value = float(text)
    if value == float("inf"):
        raise rejected("unsupported", "a number is finite", hint="write a smaller one")
    return Literal(real=sign * value)


def _call(function: function_pb2.Function, *arguments: Expression) -> Expression:
    found = Expression()
    found.call.function = function
    found.call.arguments.extend(arguments)
    return found
