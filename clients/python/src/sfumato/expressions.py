"""Expressions: what is computed from one row. `col("x") > 3`, `when(…).then(…).otherwise(…)`, `cut(…)`.

An expression only describes. Names and types are checked by the mesh, which knows the schema; every expression is
total there: division by zero, a failed cast or the logarithm of zero give null, unless `undefined=` says what else.
Comparisons with null are false, and so `~(col("x") > 3)` is true where x is null.
"""

from collections.abc import Iterable, Sequence
from typing import NoReturn, TypeAlias

from sfumato._core import nodes
from sfumato._core.amounts import refused
from sfumato._core.literals import literal, position
from sfumato._core.wording import expression_text
from sfumato.temporal import TimeAccessor
from sfumato.texts import TextAccessor
from sfumato.v1 import expression_pb2, function_pb2

FunctionNumber: TypeAlias = "function_pb2.Function"
Operand: TypeAlias = "Expression | object"
"""An expression, or a Python value that becomes a constant."""

_TYPES = {
    "boolean": function_pb2.DATA_TYPE_BOOLEAN,
    "integer": function_pb2.DATA_TYPE_INTEGER,
    "real": function_pb2.DATA_TYPE_REAL,
    "text": function_pb2.DATA_TYPE_TEXT,
    "date": function_pb2.DATA_TYPE_DATE,
    "timestamp": function_pb2.DATA_TYPE_TIMESTAMP,
}


class Expression:
    """A value computed from one row. Made by `col`, `lit`, `when`, `cut` and operators; never changes."""

    __slots__ = ("_name", "_proto")
    __hash__ = None  # type: ignore[assignment]  # == makes an expression, so there is no equality to hash by

    def __init__(self, proto: expression_pb2.Expression, name: str = "") -> None:
        nodes.check_depth(proto)
        self._proto = proto
        self._name = name

    @property
    def name(self) -> str:
        """The column that it would be: its alias, or the column that it reads; "" if it has none."""
        return self._name or self._proto.column

    def to_proto(self) -> expression_pb2.Expression:
        """Return it as the wire holds it; a copy."""
        copy = expression_pb2.Expression()
        copy.CopyFrom(self._proto)
        return copy

    def alias(self, name: str) -> "Expression":
        """Return the same value under a name: letters, digits and underscores."""
        return Expression(self._proto, nodes.check_alias(name))

    def __repr__(self) -> str:
        text = expression_text(self._proto)
        return f"{text} as {self._name}" if self._name else text

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "an expression is a question about each row and has no truth value of its own: "
            "write & | ~ in place of and, or, not (with parentheses around comparisons), "
            ".is_in([…]) in place of in, and .between(low, high) in place of low < x < high"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError("an expression cannot be iterated over: it describes one value of each row")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError("write .is_in([…]) in place of in")

    def _binary(self, function: "FunctionNumber", other: Operand, *, swap: bool = False) -> "Expression":
        left, right = self._proto, to_expression(other)
        return Expression(nodes.call(function, *((right, left) if swap else (left, right))))

    def _unary(self, function: "FunctionNumber", undefined: object | None = None) -> "Expression":
        return Expression(nodes.call(function, self._proto, undefined=undefined))

    def __eq__(self, other: object) -> "Expression":  # type: ignore[override]
        return self._binary(function_pb2.FUNCTION_EQUAL, other)

    def __ne__(self, other: object) -> "Expression":  # type: ignore[override]
        return self._binary(function_pb2.FUNCTION_NOT_EQUAL, other)

    def __lt__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_LESS, other)

    def __le__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_LESS_OR_EQUAL, other)

    def __gt__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_GREATER, other)

    def __ge__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_GREATER_OR_EQUAL, other)

    def __and__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_AND, other)

    def __rand__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_AND, other, swap=True)

    def __or__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_OR, other)

    def __ror__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_OR, other, swap=True)

    def __invert__(self) -> "Expression":
        return self._unary(function_pb2.FUNCTION_NOT)

    def __add__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_ADD, other)

    def __radd__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_ADD, other, swap=True)

    def __sub__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_SUBTRACT, other)

    def __rsub__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_SUBTRACT, other, swap=True)

    def __mul__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_MULTIPLY, other)

    def __rmul__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_MULTIPLY, other, swap=True)

    def __truediv__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_DIVIDE, other)

    def __rtruediv__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_DIVIDE, other, swap=True)

    def __floordiv__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_FLOOR_DIVIDE, other)

    def __rfloordiv__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_FLOOR_DIVIDE, other, swap=True)

    def __mod__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_MODULO, other)

    def __rmod__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_MODULO, other, swap=True)

    def __pow__(self, other: Operand) -> "Expression":
        return self._binary(function_pb2.FUNCTION_POWER, other)

    def __neg__(self) -> "Expression":
        return self._unary(function_pb2.FUNCTION_NEGATE)

    def __abs__(self) -> "Expression":
        return self.abs()

    def is_null(self) -> "Expression":
        """Whether it is null; the only predicate that is true of null."""
        return self._unary(function_pb2.FUNCTION_IS_NULL)

    def is_not_null(self) -> "Expression":
        """Whether it is not null."""
        return ~self.is_null()

    def is_in(self, items: Iterable[object]) -> "Expression":
        """Whether it equals one of the items; false for null."""
        if isinstance(items, str):
            raise refused("is_in", "a text is no list", 'is_in(["a", "b"])')
        values = [literal(each, "is_in") for each in items]
        return Expression(expression_pb2.Expression(in_list=expression_pb2.InList(value=self._proto, items=values)))

    def between(self, lower: Operand, upper: Operand) -> "Expression":
        """Whether lower ≤ it ≤ upper."""
        return (self >= lower) & (self <= upper)

    def clip(self, lower: int | float, upper: int | float) -> "Expression":
        """Return it moved into [lower, upper]."""
        return Expression(
            nodes.call(function_pb2.FUNCTION_CLIP, self._proto, to_expression(lower), to_expression(upper))
        )

    def abs(self) -> "Expression":
        """Return its absolute value."""
        return self._unary(function_pb2.FUNCTION_ABS)

    def sign(self) -> "Expression":
        """Return −1, 0 or 1."""
        return self._unary(function_pb2.FUNCTION_SIGN)

    def floor(self) -> "Expression":
        """Return the largest whole number that is not above it."""
        return self._unary(function_pb2.FUNCTION_FLOOR)

    def ceil(self) -> "Expression":
        """Return the smallest whole number that is not below it."""
        return self._unary(function_pb2.FUNCTION_CEIL)

    def round(self, decimals: int = 0) -> "Expression":
        """Return it rounded half to even, to 0 to 15 decimals."""
        return self._binary(function_pb2.FUNCTION_ROUND, decimals)

    def sqrt(self, *, undefined: object | None = None) -> "Expression":
        """Return its root; `undefined` (null) below zero."""
        return self._unary(function_pb2.FUNCTION_SQRT, undefined)

    def exp(self, *, undefined: object | None = None) -> "Expression":
        """Return e to its power; `undefined` (null) where that is too large."""
        return self._unary(function_pb2.FUNCTION_EXP, undefined)

    def log(self, *, undefined: object | None = None) -> "Expression":
        """Return its natural logarithm; `undefined` (null) at zero and below."""
        return self._unary(function_pb2.FUNCTION_LN, undefined)

    def log10(self, *, undefined: object | None = None) -> "Expression":
        """Return its logarithm to base 10; `undefined` (null) at zero and below."""
        return self._unary(function_pb2.FUNCTION_LOG10, undefined)

    def divide(self, other: Operand, *, undefined: object | None = None) -> "Expression":
        """Return it over `other`, with a value of its own where `other` is zero."""
        return Expression(
            nodes.call(function_pb2.FUNCTION_DIVIDE, self._proto, to_expression(other), undefined=undefined)
        )

    def fill_null(self, value: Operand) -> "Expression":
        """Return it, or `value` where it is null."""
        return self._binary(function_pb2.FUNCTION_COALESCE, value)

    def cast(self, kind: str, *, undefined: object | None = None) -> "Expression":
        """Return it as another type; `undefined` (null) where it does not convert.

        Args:
            kind: "boolean", "integer", "real", "text", "date" or "timestamp".
            undefined: a constant of that type.
        """
        if kind not in _TYPES:
            raise refused("cast", f"{kind!r} is no type", "one of " + ", ".join(_TYPES))
        cast = expression_pb2.Cast(value=self._proto, type=_TYPES[kind])
        if undefined is not None:
            cast.otherwise.CopyFrom(literal(undefined, "undefined"))
        return Expression(expression_pb2.Expression(cast=cast))

    @property
    def str(self) -> TextAccessor["Expression"]:
        """Functions of text: `.str.starts_with("A")`."""
        return TextAccessor(self._proto, Expression)

    @property
    def dt(self) -> TimeAccessor["Expression"]:
        """Parts of dates and timestamps: `.dt.month()`."""
        return TimeAccessor(self._proto, Expression)


class When:
    """The branches of a `when` so far."""

    def __init__(self, branches: tuple[expression_pb2.CaseBranch, ...], condition: Expression) -> None:
        self._branches = branches
        self._condition = condition

    def then(self, value: Operand) -> "Then":
        """Give the value where the condition holds."""
        branch = expression_pb2.CaseBranch(condition=self._condition.to_proto(), value=to_expression(value))
        return Then((*self._branches, branch))


class Then(Expression):
    """A complete choice (null where no condition holds), to which more branches can be added."""

    __slots__ = ("_branches",)

    def __init__(self, branches: tuple[expression_pb2.CaseBranch, ...]) -> None:
        super().__init__(expression_pb2.Expression(case_when=expression_pb2.CaseWhen(branches=branches)))
        self._branches = branches

    def when(self, condition: Expression) -> When:
        """Add a branch, asked where none before it holds."""
        return When(self._branches, condition)

    def otherwise(self, value: Operand) -> Expression:
        """Give the value where no condition holds."""
        choice = expression_pb2.CaseWhen(branches=self._branches, otherwise=to_expression(value))
        return Expression(expression_pb2.Expression(case_when=choice))


def to_expression(value: Operand) -> expression_pb2.Expression:
    """Return an operand as the wire holds it: a Python value becomes a constant."""
    if isinstance(value, Expression):
        return value.to_proto()
    return expression_pb2.Expression(literal=literal(value))


def column_of(value: "Expression | str") -> Expression:
    """Return an expression; text names a column."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        return col(value)
    raise refused("column", f"{type(value).__name__} is neither a column's name nor an expression", 'sf.col("x")')


def col(name: str) -> Expression:
    """Return the column of that name; the mesh checks that it exists."""
    return Expression(nodes.column(name))


def lit(value: object) -> Expression:
    """Return a constant: bool, int, float, text, date, or datetime with a time zone."""
    return Expression(to_expression(value))


def when(condition: Expression) -> When:
    """Begin a choice: `when(col("x") > 3).then("big").otherwise("small")`."""
    return When((), condition)


def cut(value: Expression | str, edges: Sequence[object]) -> Expression:
    """Return the index of the public interval that holds the value, from 0: a key whose values are all known.

    Intervals are [edge i, edge i + 1), the last one closed; values outside fall into the first or the last one.

    Args:
        value: number, date or timestamp.
        edges: at least two, strictly increasing; dates and datetimes count as seconds since 1970.
    """
    expression = column_of(value)
    points = nodes.increasing([position(each, "edges") for each in edges], "edges", at_least=2)
    proto = expression_pb2.Expression(bin=expression_pb2.Bin(value=expression.to_proto(), edges=points))
    name = expression.name if nodes.is_alias(expression.name) else ""
    return Expression(proto, name)
