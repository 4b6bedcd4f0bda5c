"""Predicates: comparisons, IS NULL, AND, OR, NOT, and the choice functions COALESCE, LEAST, GREATEST, CLIP."""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from sfumato.v1 import function_pb2 as f
from sfumato_executor.engines.native.physical import adapted
from sfumato_executor.plan.expressions import Apply, Kind, ValueType

_OPERATORS: Final[Mapping[int, Callable[[Any, Any], Any]]] = {
    f.FUNCTION_EQUAL: operator.eq,
    f.FUNCTION_NOT_EQUAL: operator.ne,
    f.FUNCTION_LESS: operator.lt,
    f.FUNCTION_LESS_OR_EQUAL: operator.le,
    f.FUNCTION_GREATER: operator.gt,
    f.FUNCTION_GREATER_OR_EQUAL: operator.ge,
}


def _compare(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    left, right = _met(node, arguments)
    compared: pl.Expr = _OPERATORS[node.function](left, right)
    return compared.fill_null(False)


def _met(node: Apply, arguments: list[pl.Expr]) -> tuple[pl.Expr, pl.Expr]:
    """Both sides in one stored type; texts where categories of different lists meet."""
    types = [argument.type for argument in node.arguments]
    if len({(value_type.kind, value_type.categories) for value_type in types}) == 1:
        return arguments[0], arguments[1]
    kinds = {value_type.kind for value_type in types}
    common = Kind.TEXT if kinds <= {Kind.TEXT, Kind.CATEGORY} else Kind.REAL
    left, right = (adapted(a, t, ValueType(common, True)) for a, t in zip(arguments, types, strict=True))
    return left, right


def _is_null(_: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return arguments[0].is_null()


def _and(_: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return functools.reduce(operator.and_, (argument.fill_null(False) for argument in arguments))


def _or(_: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return functools.reduce(operator.or_, (argument.fill_null(False) for argument in arguments))


def _not(_: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return ~arguments[0].fill_null(False)


def _coalesce(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return pl.coalesce(_same(node, arguments))


def _least(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    def smaller(a: pl.Expr, b: pl.Expr) -> pl.Expr:
        return pl.when(a.is_null() | (b < a).fill_null(False)).then(b).otherwise(a)

    return functools.reduce(smaller, _same(node, arguments))


def _greatest(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    def larger(a: pl.Expr, b: pl.Expr) -> pl.Expr:
        return pl.when(a.is_null() | (b > a).fill_null(False)).then(b).otherwise(a)

    return functools.reduce(larger, _same(node, arguments))


def _clip(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    value, least, greatest = _same(node, arguments)
    return pl.when(value < least).then(least).when(value > greatest).then(greatest).otherwise(value)


def _same(node: Apply, arguments: list[pl.Expr]) -> list[pl.Expr]:
    return [adapted(a, e.type, node.type) for a, e in zip(arguments, node.arguments, strict=True)]


RULES: Final[Mapping[int, Callable[[Apply, list[pl.Expr]], pl.Expr]]] = {
    **dict.fromkeys(_OPERATORS, _compare),
    f.FUNCTION_IS_NULL: _is_null,
    f.FUNCTION_AND: _and,
    f.FUNCTION_OR: _or,
    f.FUNCTION_NOT: _not,
    f.FUNCTION_COALESCE: _coalesce,
    f.FUNCTION_LEAST: _least,
    f.FUNCTION_GREATEST: _greatest,
    f.FUNCTION_CLIP: _clip,
}
