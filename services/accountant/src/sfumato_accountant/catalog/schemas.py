"""What a schema must say so that the compiler's proofs hold: beside the rules of the contract's fields."""

import math
from collections.abc import Iterator
from datetime import date
from typing import Final

from google.type.date_pb2 import Date

from sfumato.v1.dataset_pb2 import PrivacyUnit
from sfumato.v1.schema_pb2 import Column, DatasetSchema, IntegerType, RealType, TimestampType
from sfumato_mesh.refusal import FieldViolation

ROWS_DEFAULT: Final = 2**36
"""Capacity in rows where a schema says none."""

INTEGER_MAX: Final = 2**62
"""Greatest magnitude of an integer bound. The compiler refuses an integer that it cannot prove within ±2^62, so that
every declared column can be asked about, and a sum or difference of two, which 63 bits and a sign may just not hold,
is refused or made real by proof and never wraps. 2^53 need not be the limit: integers are never turned into doubles
before they are clamped."""

REAL_MAX: Final = 1e300
"""Greatest magnitude of a real bound: sums, differences and squares of halves stay finite with room."""

REAL_SPAN_MIN: Final = 1e-300
"""Least distance between real bounds: the step of the fixed-point grid, 2^-10 of a noise scale, stays normal."""


def schema_violations(schema: DatasetSchema, path: str) -> Iterator[FieldViolation]:
    """Yield what is wrong with a schema; `path` is that of the schema in the request."""
    for index, column in enumerate(schema.columns):
        place = f"{path}.columns[{index}]"
        if not _is_plain(column.name):
            yield FieldViolation(f"{place}.name", "a column's name has no control characters")
        if column.dummy_null_share > 0 and not column.nullable:
            yield FieldViolation(f"{place}.dummy_null_share", "only a nullable column has nulls in made-up rows")
        yield from _type_violations(column, place)


def unit_violations(unit: PrivacyUnit, schema: DatasetSchema, path: str) -> Iterator[FieldViolation]:
    """Yield what is wrong with a privacy unit; `path` is that of the unit in the request.

    Bounds of 0 are the defaults that the contract names, so that each is at least 1 in effect.
    """
    if not unit.column:
        return
    columns = {column.name: column for column in schema.columns}
    column = columns.get(unit.column)
    if column is None:
        yield FieldViolation(f"{path}.column", "the unit's column must be one of schema.columns")
    elif column.WhichOneof("type") == "real":
        yield FieldViolation(f"{path}.column", "a real number names nobody: declare the unit's column integer or text")


def _type_violations(column: Column, place: str) -> Iterator[FieldViolation]:
    kind = column.WhichOneof("type")
    if kind == "integer":
        yield from _integer_violations(column.integer, f"{place}.integer")
    elif kind == "real":
        yield from _real_violations(column.real, f"{place}.real")
    elif kind == "category":
        for index, value in enumerate(column.category.values):
            if "\0" in value:
                yield FieldViolation(f"{place}.category.values[{index}]", "a category has no NUL character")
        if not column.category.values:
            yield FieldViolation(f"{place}.category.values", "a category column lists its values")
    elif kind == "date":
        yield from _date_violations(column.date.lower, column.date.upper, f"{place}.date")
    elif kind == "timestamp":
        yield from _timestamp_violations(column.timestamp, f"{place}.timestamp")


def _integer_violations(bounds: IntegerType, place: str) -> Iterator[FieldViolation]:
    for name, value in (("lower", bounds.lower), ("upper", bounds.upper)):
        if abs(value) > INTEGER_MAX:
            yield FieldViolation(f"{place}.{name}", "an integer bound lies within -2^62 and 2^62")
    if bounds.lower > bounds.upper:
        yield FieldViolation(f"{place}.lower", "lower must not be above upper")


def _real_violations(bounds: RealType, place: str) -> Iterator[FieldViolation]:
    for name, value in (("lower", bounds.lower), ("upper", bounds.upper)):
        if not math.isfinite(value) or abs(value) > REAL_MAX:
            yield FieldViolation(f"{place}.{name}", "a real bound is finite and lies within -1e300 and 1e300")
            return
    if bounds.upper - bounds.lower < REAL_SPAN_MIN:
        yield FieldViolation(f"{place}.upper", "upper must be above lower, by 1e-300 at least")


def _date_violations(lower: Date, upper: Date, place: str) -> Iterator[FieldViolation]:
    days = {}
    for name, value in (("lower", lower), ("upper", upper)):
        try:
            days[name] = date(value.year, value.month, value.day)
        except ValueError:
            yield FieldViolation(f"{place}.{name}", "a bound is a whole day: year 1 to 9999, month and day")
    if len(days) == 2 and days["lower"] > days["upper"]:
        yield FieldViolation(f"{place}.lower", "lower must not be after upper")


def _timestamp_violations(bounds: TimestampType, place: str) -> Iterator[FieldViolation]:
    for name, value in (("lower", bounds.lower), ("upper", bounds.upper)):
        if value.nanos % 1000:
            yield FieldViolation(f"{place}.{name}", "instants are whole microseconds")
    if bounds.lower.ToNanoseconds() > bounds.upper.ToNanoseconds():
        yield FieldViolation(f"{place}.lower", "lower must not be after upper")


def _is_plain(text: str) -> bool:
    return all(character >= " " and character != "\x7f" for character in text)
