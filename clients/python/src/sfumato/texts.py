"""Functions of text: what `.str` of an expression offers."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sfumato._core import nodes
from sfumato._core.literals import literal
from sfumato.v1 import expression_pb2, function_pb2

ExpressionT = TypeVar("ExpressionT")


class TextAccessor(Generic[ExpressionT]):
    """Functions of text. There are no regular expressions."""

    def __init__(
        self, value: expression_pb2.Expression, build: Callable[[expression_pb2.Expression], ExpressionT]
    ) -> None:
        self._value = value
        self._build = build

    def _call(self, function: "function_pb2.Function", *constants: object) -> ExpressionT:
        arguments = [expression_pb2.Expression(literal=literal(each)) for each in constants]
        return self._build(nodes.call(function, self._value, *arguments))

    def starts_with(self, prefix: str) -> ExpressionT:
        """Whether it begins with the text."""
        return self._call(function_pb2.FUNCTION_STARTS_WITH, prefix)

    def ends_with(self, suffix: str) -> ExpressionT:
        """Whether it ends with the text."""
        return self._call(function_pb2.FUNCTION_ENDS_WITH, suffix)

    def contains(self, part: str) -> ExpressionT:
        """Whether it contains the text, as it stands."""
        return self._call(function_pb2.FUNCTION_CONTAINS, part)

    def prefix(self, length: int) -> ExpressionT:
        """Return its first characters."""
        return self._call(function_pb2.FUNCTION_PREFIX, length)

    def length(self) -> ExpressionT:
        """Return its number of characters."""
        return self._call(function_pb2.FUNCTION_LENGTH)

    def lower(self) -> ExpressionT:
        """Return it in lower case."""
        return self._call(function_pb2.FUNCTION_LOWER)

    def upper(self) -> ExpressionT:
        """Return it in upper case."""
        return self._call(function_pb2.FUNCTION_UPPER)

    def strip(self) -> ExpressionT:
        """Return it without white space at both ends."""
        return self._call(function_pb2.FUNCTION_TRIM)
