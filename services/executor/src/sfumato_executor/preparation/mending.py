"""Casting values to the declared domain, row by row.

Every step looks at one value alone: no format is guessed from neighbouring rows, no domain is learnt. Otherwise the
rows of one privacy unit could change what is read from another's, and every sensitivity would be wrong.
"""

from collections.abc import Callable

import polars as pl

from sfumato_executor.plan.expressions import Kind
from sfumato_executor.preparation.columns import ColumnDomain

_TRUE = ["true", "t", "yes", "y", "1"]
_FALSE = ["false", "f", "no", "n", "0"]
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
_INSTANT_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
_WHOLE = 2.0**63
"""Reals from here on are no Int64."""

STORED: dict[Kind, type[pl.DataType]] = {
    Kind.BOOLEAN: pl.Boolean,
    Kind.INTEGER: pl.Int64,
    Kind.REAL: pl.Float64,
    Kind.TEXT: pl.String,
    Kind.CATEGORY: pl.UInt32,
    Kind.DATE: pl.Int32,
    Kind.TIMESTAMP: pl.Int64,
}
"""How each kind is stored and computed with."""


NOT_CONVERTED = "values that do not convert became null"
"""How lost values are counted."""


def mend(values: pl.Series, column: ColumnDomain, count: Callable[[str, str, int], None]) -> pl.Series:
    """Values of a source column as the declared domain has them.

    Args:
        values: a column of a record batch, of any Arrow type.
        column: the declared domain.
        count: called with (column, what was mended, rows) wherever a value departs from the schema.

    Returns:
        A series of the stored type: NaN and what does not convert is null, numbers and times beyond a bound are moved
        to it, text is cut, and where null is not declared it is replaced.
    """
    values = plain(values)
    cast = to_stored(values, column)
    lost = cast.null_count() - values.null_count()
    count(column.name, NOT_CONVERTED, lost)
    if column.lower is not None and column.upper is not None:
        outside = int(((cast < column.lower) | (cast > column.upper)).sum())
        count(column.name, "values beyond the bounds were moved to them", outside)
        if outside:
            dtype = STORED[column.kind]
            cast = cast.clip(pl.lit(column.lower, dtype=dtype), pl.lit(column.upper, dtype=dtype))
    if column.kind is Kind.TEXT:
        long = int((cast.str.len_chars() > column.max_length).sum())
        count(column.name, f"texts of more than {column.max_length} characters were cut", long)
        if long:
            cast = cast.str.slice(0, column.max_length)
    if not column.nullable:
        missing = cast.null_count()
        count(column.name, f"nulls now count as {column.filler_text}: `nullable: true` would keep them apart", missing)
        if missing:
            cast = cast.fill_null(pl.lit(column.filler, dtype=STORED[column.kind]))
    return cast


def plain(values: pl.Series) -> pl.Series:
    """Without dictionary, decimal or NaN: a null wherever there is no value."""
    dtype = values.dtype
    if dtype in (pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if dtype == pl.Binary:
        return pl.Series(values.name, [_decoded(value) for value in values], dtype=pl.String)
    if dtype.is_float():
        return values.cast(pl.Float64).fill_nan(None)
    return values


def to_stored(values: pl.Series, column: ColumnDomain) -> pl.Series:
    """Non-strict cast to the stored type; null where a value does not convert. Bounds are not looked at; a number
    beyond Int64 becomes its least or greatest value."""
    kind = column.kind
    if values.dtype == pl.Null or values.dtype.is_nested():
        return pl.Series(values.name, [None] * len(values), dtype=STORED[kind])
    if kind is Kind.INTEGER:
        return _integers(values)
    if kind is Kind.REAL:
        return _reals(values)
    if kind is Kind.BOOLEAN:
        return _booleans(values)
    if kind is Kind.CATEGORY:
        return (
            values.cast(pl.String, strict=False)
            .cast(pl.Enum(column.categories), strict=False)
            .to_physical()
            .cast(pl.UInt32)
        )
    if kind is Kind.TEXT:
        return values.cast(pl.String, strict=False)
    if kind is Kind.DATE:
        return _dates(values)
    return _instants(values)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _reals(values: pl.Series) -> pl.Series:
    if values.dtype.is_temporal():
        return pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    return values.cast(pl.Float64, strict=False).fill_nan(None)


def _integers(values: pl.Series) -> pl.Series:
    if values.dtype.is_temporal():
        return pl.Series(values.name, [None] * len(values), dtype=pl.Int64)
    if values.dtype.is_integer() or values.dtype == pl.Boolean:
        if values.dtype == pl.UInt64:
            values = values.clip(None, (1 << 63) - 1)
        return values.cast(pl.Int64, strict=False)
    reals = _reals(values)
    whole = reals.set(reals.is_infinite().fill_null(False), None).floor() == reals
    frame = pl.DataFrame({"text": values, "real": reals, "whole": whole | reals.is_infinite()})
    real = pl.col("real")
    exact = pl.col("text").str.strip_chars().cast(pl.Int64, strict=False) if values.dtype == pl.String else pl.lit(None)
    moved = (
        pl.when(~pl.col("whole").fill_null(False))
        .then(None)
        .when(real >= _WHOLE)
        .then(pl.lit((1 << 63) - 1, dtype=pl.Int64))
        .when(real < -_WHOLE)
        .then(pl.lit(-(1 << 63), dtype=pl.Int64))
        .otherwise(real.cast(pl.Int64, strict=False))
    )
    return frame.select(pl.coalesce(exact.cast(pl.Int64), moved).alias(values.name)).to_series()


def _booleans(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values
    if values.dtype.is_numeric():
        texts = pl.col("x").cast(pl.Float64)
        true, false = texts == 1.0, texts == 0.0
    elif values.dtype == pl.String:
        texts = pl.col("x").str.strip_chars().str.to_lowercase()
        true, false = texts.is_in(_TRUE), texts.is_in(_FALSE)
    else:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Boolean)
    chosen = pl.when(true).then(True).when(false).then(False).otherwise(None)
    return values.alias("x").to_frame().select(chosen.alias(values.name)).to_series()


def _dates(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Date:
        return values.to_physical()
    if values.dtype == pl.Datetime:
        return _utc(values).dt.date().to_physical()
    if values.dtype != pl.String:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Int32)
    text = pl.col("x").str.strip_chars()
    parsed = [text.str.to_date(form, strict=False, cache=False) for form in _DATE_FORMATS]
    instants = [text.str.to_datetime(form, strict=False, cache=False).dt.date() for form in _INSTANT_FORMATS[:-1]]
    return values.alias("x").to_frame().select(pl.coalesce(*parsed, *instants)).to_series().to_physical()


def _instants(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Datetime:
        return _utc(values).cast(pl.Datetime("us")).to_physical()
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us")).to_physical()
    if values.dtype != pl.String:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Int64)
    text = pl.col("x").str.strip_chars()
    local = text.str.replace(r"[Zz]$", "")
    naive = [local.str.to_datetime(f, time_unit="us", strict=False, cache=False) for f in _INSTANT_FORMATS]
    zoned = [
        text.str.to_datetime(f, time_unit="us", time_zone="UTC", strict=False, cache=False).dt.replace_time_zone(None)
        for f in _ZONED_FORMATS
    ]
    return values.alias("x").to_frame().select(pl.coalesce(*naive, *zoned)).to_series().to_physical()


def _utc(values: pl.Series) -> pl.Series:
    if getattr(values.dtype, "time_zone", None) is not None:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values
