"""Arithmetic on Int64 and Float64.

Reals compute freely: what overflows or is not defined comes out as ±∞ or NaN and is caught by the guard on the result.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from sfumato.v1 import function_pb2 as f
from sfumato_executor.engines.native.physical import divided, guarded, literal, null, whole
from sfumato_executor.plan.expressions import Apply, Constant, Kind

_FOLDED: Final[Mapping[int, Callable[[Any, Any], Any]]] = {
    f.FUNCTION_ADD: operator.add,
    f.FUNCTION_SUBTRACT: operator.sub,
    f.FUNCTION_MULTIPLY: operator.mul,
}


def _fold(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    result = functools.reduce(_FOLDED[node.function], _typed(node, arguments))
    return _checked(node, result)


def _divide(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    over, under = _reals(node, arguments)
    return _checked(node, divided(over, under))


def _floor_divide(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    if node.type.kind is Kind.INTEGER:
        return _by_zero(node, arguments, arguments[0] // arguments[1])
    over, under = _reals(node, arguments)
    return _checked(node, divided(over, under).floor())


def _modulo(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    if node.type.kind is Kind.INTEGER:
        return _by_zero(node, arguments, arguments[0] % arguments[1])
    over, under = _reals(node, arguments)
    return _checked(node, over - under * divided(over, under).floor())


def _by_zero(node: Apply, arguments: list[pl.Expr], result: pl.Expr) -> pl.Expr:
    """Polars gives null for x // 0 and x % 0; `otherwise` stands there."""
    zero = (arguments[1] == 0) & arguments[0].is_not_null()
    default = null(Kind.INTEGER) if node.otherwise is None else literal(node.otherwise)
    return pl.when(zero).then(default).otherwise(result)


def _negate(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    (value,) = _typed(node, arguments)
    return _checked(node, (0 if node.type.kind is Kind.INTEGER else 0.0) - value)


def _absolute(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    (value,) = _typed(node, arguments)
    return _checked(node, value.abs())


def _sign(_: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    value = arguments[0]
    one, zero = pl.lit(1, dtype=pl.Int64), pl.lit(0, dtype=pl.Int64)
    return pl.when(value > 0).then(one).when(value < 0).then(-one).when(value == 0).then(zero)


def _floor(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return _whole_or_real(node, arguments, lambda value: value.floor())


def _ceil(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    return _whole_or_real(node, arguments, lambda value: value.ceil())


def _whole_or_real(node: Apply, arguments: list[pl.Expr], step: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    if node.arguments[0].type.kind is Kind.INTEGER:
        return _typed(node, arguments)[0]
    result = step(arguments[0])
    return whole(result, node.type, node.otherwise) if node.type.kind is Kind.INTEGER else _checked(node, result)


def _round(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    decimals = node.arguments[1]
    assert isinstance(decimals, Constant)
    assert isinstance(decimals.value, int)
    if node.type.kind is Kind.INTEGER:
        return arguments[0]
    return _checked(node, _round_to(_reals(node, arguments[:1])[0], 10.0**decimals.value))


def _round_to(value: pl.Expr, scale: float) -> pl.Expr:
    """The steps of `plan.ranges.round_to`, on which the proved range rests; not Polars' `round` to decimals."""
    steps = (value * scale).round(mode="half_to_even")
    return pl.when(value.abs() < 2.0**52).then(divided(steps, pl.lit(scale))).otherwise(value)


def _power(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
    base, exponent = _reals(node, arguments)
    return _checked(node, base.pow(exponent))


def _function(compute: Callable[[pl.Expr], pl.Expr]) -> Callable[[Apply, list[pl.Expr]], pl.Expr]:
    def rule(node: Apply, arguments: list[pl.Expr]) -> pl.Expr:
        return _checked(node, compute(_reals(node, arguments)[0]))

    return rule


def _checked(node: Apply, result: pl.Expr) -> pl.Expr:
    return result if node.type.kind is Kind.INTEGER else guarded(result, node.type, node.otherwise)


def _typed(node: Apply, arguments: list[pl.Expr]) -> list[pl.Expr]:
    return arguments if node.type.kind is Kind.INTEGER else _reals(node, arguments)


def _reals(node: Apply, arguments: list[pl.Expr]) -> list[pl.Expr]:
    return [
        a.cast(pl.Float64) if e.type.kind is Kind.INTEGER else a
        for a, e in zip(arguments, node.arguments, strict=False)
    ]


RULES: Final[Mapping[int, Callable[[Apply, list[pl.Expr]], pl.Expr]]] = {
    **dict.fromkeys(_FOLDED, _fold),
    f.FUNCTION_DIVIDE: _divide,
    f.FUNCTION_FLOOR_DIVIDE: _floor_divide,
    f.FUNCTION_MODULO: _modulo,
    f.FUNCTION_NEGATE: _negate,
    f.FUNCTION_ABS: _absolute,
    f.FUNCTION_SIGN: _sign,
    f.FUNCTION_FLOOR: _floor,
    f.FUNCTION_CEIL: _ceil,
    f.FUNCTION_ROUND: _round,
    f.FUNCTION_SQRT: _function(lambda value: value.sqrt()),
    f.FUNCTION_EXP: _function(lambda value: value.exp()),
    f.FUNCTION_LN: _function(lambda value: value.log()),
    f.FUNCTION_LOG10: _function(lambda value: value.log10()),
    f.FUNCTION_POWER: _power,
}
