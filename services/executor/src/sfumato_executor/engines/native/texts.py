"""Functions of texts. A category is looked up in its declared list first."""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from sfumato.v1 import function_pb2 as f
from sfumato_executor.engines.native.physical import adapted
from sfumato_executor.plan.expressions import Apply, Constant, Kind, ValueType

_TEXT: Final = ValueType(Kind.TEXT, nullable=True)


def _of_text(compute: Callable[[pl.Expr], pl.Expr]) -> Callable[[Apply, list[pl.Expr]], pl.Expr]:
    def rule(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
        return compute(adapted(arguments[0], node.arguments[0].type, _TEXT))

    return rule


def _prefix(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    length = node.arguments[1]
    assert isinstance(length, Constant)
    assert isinstance(length.value, int)
    return adapted(arguments[0], node.arguments[0].type, _TEXT).str.slice(0, length.value)


def _found(find: Callable[[pl.Expr, str], pl.Expr]) -> Callable[[Apply, list[pl.Expr]], pl.Expr]:
    def rule(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
        sought = node.arguments[1]
        assert isinstance(sought, Constant)
        assert isinstance(sought.value, str)
        return find(adapted(arguments[0], node.arguments[0].type, _TEXT), sought.value).fill_null(False)

    return rule


RULES: Final[Mapping[int, Callable[[Apply, list[pl.Expr]], pl.Expr]]] = {
    f.FUNCTION_LOWER: _of_text(lambda text: text.str.to_lowercase()),
    f.FUNCTION_UPPER: _of_text(lambda text: text.str.to_uppercase()),
    f.FUNCTION_TRIM: _of_text(lambda text: text.str.strip_chars()),
    f.FUNCTION_LENGTH: _of_text(lambda text: text.str.len_chars().cast(pl.Int64)),
    f.FUNCTION_PREFIX: _prefix,
    f.FUNCTION_STARTS_WITH: _found(lambda text, sought: text.str.starts_with(sought)),
    f.FUNCTION_ENDS_WITH: _found(lambda text, sought: text.str.ends_with(sought)),
    f.FUNCTION_CONTAINS: _found(lambda text, sought: text.str.contains(sought, literal=True)),
}
