"""How values of each kind are computed with: the stored types of prepared tables.

BOOLEAN is Boolean, INTEGER Int64, REAL Float64 without NaN and infinities, TEXT String, CATEGORY UInt32 (place in the
declared list of its type), DATE Int32 days, TIMESTAMP Int64 microseconds since 1970.
"""

import math

import polars as pl

from sfumato_executor.plan.expressions import Constant, Kind, Value, ValueType
from sfumato_executor.preparation.mending import STORED


def literal(constant: Constant) -> pl.Expr:
    """A constant as a literal of its stored type."""
    return pl.lit(stored(constant.value, constant.type), dtype=STORED[constant.type.kind])


def stored(value: Value, value_type: ValueType) -> Value:
    """A constant as it is stored: a category as its place, the rest as it is. A text that is not declared is null."""
    if value is None or value_type.kind is not Kind.CATEGORY:
        return value
    return value_type.categories.index(str(value)) if value in value_type.categories else None


def null(kind: Kind) -> pl.Expr:
    """Null of a kind."""
    return pl.lit(None, dtype=STORED[kind])


def adapted(value: pl.Expr, source: ValueType, target: ValueType) -> pl.Expr:
    """A value in the stored type of another kind that holds all its values; nothing happens where both are the same."""
    if source.kind is Kind.CATEGORY and target.kind is Kind.TEXT:
        return looked_up(list(source.categories), Kind.TEXT, value)
    if source.kind is Kind.CATEGORY and target.kind is Kind.CATEGORY and source.categories != target.categories:
        places: list[Value] = [stored(text, target) for text in source.categories]
        return looked_up(places, Kind.CATEGORY, value)
    if source.kind is Kind.INTEGER and target.kind is Kind.REAL:
        return value.cast(pl.Float64)
    return value


def looked_up(table: list[Value] | list[str], kind: Kind, place: pl.Expr) -> pl.Expr:
    """The entry of a public table at each row's place; null stays null."""
    return pl.lit(pl.Series(table, dtype=STORED[kind])).gather(place)


def guarded(result: pl.Expr, value_type: ValueType, otherwise: Constant | None) -> pl.Expr:
    """A real result that is undefined (NaN, ±∞) or outside its proved range replaced by `otherwise`; null stays.

    Without `otherwise` it is proved that neither happens, and nothing is tested. In Polars NaN ≤ x is false.
    """
    if otherwise is None:
        return result
    inside = (result >= pl.lit(value_type.lower)) & (result <= pl.lit(value_type.upper))
    return pl.when(inside | result.is_null()).then(result).otherwise(literal(otherwise))


def divided(over: pl.Expr, under: pl.Expr) -> pl.Expr:
    """Correctly rounded quotient of two Float64 expressions.

    Polars multiplies by the reciprocal where the divisor is one value for all rows: two roundings, so that a result can
    lie a bit outside the range that was proved from one. A divisor that is a column of equal values is divided by.
    """
    column = pl.when(over.is_null()).then(under).otherwise(under)
    return over / column


def whole(result: pl.Expr, value_type: ValueType, otherwise: Constant | None) -> pl.Expr:
    """A whole-numbered Float64 as Int64; outside the proved range (and for NaN) `otherwise`; null stays null."""
    assert isinstance(value_type.lower, int)
    assert isinstance(value_type.upper, int)
    inside = (result >= least_real(value_type.lower)) & (result <= greatest_real(value_type.upper))
    default = null(Kind.INTEGER) if otherwise is None else literal(otherwise)
    cast = result.cast(pl.Int64, strict=False)
    return pl.when(result.is_null()).then(null(Kind.INTEGER)).when(inside).then(cast).otherwise(default)


def least_real(bound: int) -> float:
    """Smallest double that is not below a whole number."""
    near = float(bound)
    return near if near >= bound else math.nextafter(near, math.inf)


def greatest_real(bound: int) -> float:
    """Largest double that is not above a whole number."""
    near = float(bound)
    return near if near <= bound else math.nextafter(near, -math.inf)
