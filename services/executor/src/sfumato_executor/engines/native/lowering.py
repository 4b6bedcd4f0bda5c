"""Typed expressions as Polars expressions. Total: no row can make one raise.

Every lowered expression is elementwise, so it looks at one row alone, and obeys four rules:
- a value is never NaN or infinite: a real result outside its proved range, NaN among them, is `otherwise`;
- integers stay in Int64 by their proved ranges (Polars wraps silently; a wrapped intermediate value of + − × is
  harmless where the result is in range, since arithmetic is exact modulo 2^64);
- no operation that raises is used: casts are non-strict, division by zero is tested for;
- predicates are two-valued: a comparison with null is false before NOT sees it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import assert_never

import polars as pl

from sfumato_executor.engines.native import logic, numbers, texts, times
from sfumato_executor.engines.native.physical import adapted, divided, literal, null, stored, whole
from sfumato_executor.plan.constants import DAY_MICROS
from sfumato_executor.plan.expressions import (
    Apply,
    Bucket,
    Choose,
    Column,
    Constant,
    Convert,
    Expression,
    Kind,
    Member,
    ValueType,
)
from sfumato_executor.preparation.columns import stored_name
from sfumato_executor.preparation.mending import STORED

Rule = Callable[[Apply, list[pl.Expr]], pl.Expr]
RULES: Mapping[int, Rule] = {**logic.RULES, **numbers.RULES, **texts.RULES, **times.RULES}


def lower(expression: Expression) -> pl.Expr:
    """An expression over the stored columns of a prepared table, in the stored type of its kind.

    What reads no column is computed here, once: not every Polars function gives a scalar for scalars, and a series of
    one value is not broadcast.

    Raises KeyError for a function that is not of the closed list.
    """
    if isinstance(expression, Constant):
        return literal(expression)
    lowered = _lowered(expression)
    if any(referenced(expression)):
        return lowered
    value = pl.select(lowered.alias("value")).to_series()
    return pl.lit(value[0], dtype=value.dtype)


def _lowered(expression: Expression) -> pl.Expr:
    match expression:
        case Column(name=name):
            return pl.col(stored_name(name))
        case Constant():
            return literal(expression)
        case Apply(function=function, arguments=arguments):
            return RULES[function](expression, [lower(argument) for argument in arguments])
        case Choose():
            return _choose(expression)
        case Convert():
            return _convert(expression)
        case Member():
            return _member(expression)
        case Bucket():
            return _bucket(expression)
        case _:
            assert_never(expression)


def referenced(expression: Expression) -> Iterator[Column]:
    """The columns that an expression reads, perhaps repeated."""
    match expression:
        case Column():
            yield expression
        case Constant():
            return
        case Apply(arguments=arguments):
            for argument in arguments:
                yield from referenced(argument)
        case Choose(branches=branches, otherwise=otherwise):
            for condition, value in branches:
                yield from referenced(condition)
                yield from referenced(value)
            yield from referenced(otherwise)
        case Convert(value=value) | Member(value=value) | Bucket(value=value):
            yield from referenced(value)
        case _:
            assert_never(expression)


def _choose(node: Choose) -> pl.Expr:
    chain: pl.Expr = adapted(lower(node.otherwise), node.otherwise.type, node.type)
    for condition, value in reversed(node.branches):
        chosen = adapted(lower(value), value.type, node.type)
        chain = pl.when(lower(condition).fill_null(False)).then(chosen).otherwise(chain)
    return chain


def _member(node: Member) -> pl.Expr:
    value_type = node.value.type
    items = [stored(item, value_type) for item in node.items if item is not None]
    listed = pl.Series(items, dtype=STORED[value_type.kind]).implode()
    return lower(node.value).is_in(listed).fill_null(False)


def _bucket(node: Bucket) -> pl.Expr:
    """Index = number of inner edges that are not above the value."""
    value = seconds(lower(node.value), node.value.type.kind)
    inner = node.edges[1:-1]
    if not inner:
        return pl.when(value.is_null()).then(null(Kind.INTEGER)).otherwise(pl.lit(0, dtype=pl.Int64))
    index = pl.lit(pl.Series(inner, dtype=pl.Float64)).search_sorted(value, side="right").cast(pl.Int64)
    return pl.when(value.is_null()).then(null(Kind.INTEGER)).otherwise(index)


def seconds(value: pl.Expr, kind: Kind) -> pl.Expr:
    """A number as Float64; dates and timestamps in seconds since 1970."""
    if kind is Kind.DATE:
        return value.cast(pl.Float64) * 86_400.0
    if kind is Kind.TIMESTAMP:
        return divided(value.cast(pl.Float64), pl.lit(1_000_000.0))
    return value.cast(pl.Float64)


def _convert(node: Convert) -> pl.Expr:
    source, target = node.value.type, node.type
    value = lower(node.value)
    match source.kind, target.kind:
        case ((Kind.TEXT | Kind.CATEGORY), (Kind.INTEGER | Kind.REAL)):
            text = adapted(value, source, ValueType(Kind.TEXT, nullable=True))
            return _number_of_text(text, node)
        case Kind.REAL, Kind.INTEGER:
            towards_zero = pl.when(value < 0.0).then(value.ceil()).otherwise(value.floor())
            return whole(towards_zero, target, node.otherwise)
        case Kind.BOOLEAN, (Kind.INTEGER | Kind.REAL):
            return value.cast(STORED[target.kind])
        case Kind.INTEGER, Kind.BOOLEAN:
            return value != 0
        case Kind.DATE, Kind.TIMESTAMP:
            return value.cast(pl.Int64) * DAY_MICROS
        case Kind.TIMESTAMP, Kind.DATE:
            return (value // DAY_MICROS).cast(pl.Int32)
        case Kind.BOOLEAN, Kind.TEXT:
            return pl.when(value).then(pl.lit("true")).when(~value).then(pl.lit("false")).otherwise(null(Kind.TEXT))
        case Kind.INTEGER, Kind.TEXT:
            return value.cast(pl.String)
        case Kind.TEXT, Kind.CATEGORY:
            return _category_of_text(value, node)
        case _:
            return adapted(value, source, target)


def _number_of_text(text: pl.Expr, node: Convert) -> pl.Expr:
    """What a text says as a number; `otherwise` for what is no number or beyond the range; null stays null."""
    kind = node.type.kind
    number = text.cast(STORED[kind], strict=False)
    lower_bound, upper_bound = (pl.lit(bound, dtype=STORED[kind]) for bound in (node.type.lower, node.type.upper))
    fits = ((number >= lower_bound) & (number <= upper_bound)).fill_null(False)
    return pl.when(text.is_null()).then(null(kind)).when(fits).then(number).otherwise(literal(node.otherwise))


def _category_of_text(text: pl.Expr, node: Convert) -> pl.Expr:
    place = text.cast(pl.Enum(node.type.categories), strict=False).to_physical().cast(pl.UInt32)
    declared = place.is_not_null()
    return pl.when(text.is_null() | declared).then(place).otherwise(literal(node.otherwise))
