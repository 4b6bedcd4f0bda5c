"""Columns of a dataset in words. No I/O."""

import datetime
from typing import Final

from sfumato._core.numbers import sig, whole
from sfumato._core.tables import clean
from sfumato.v1 import dataset_pb2, population_pb2, schema_pb2

_MANY: Final = 6


def type_name(column: schema_pb2.Column) -> str:
    """Return the type: "integer", "category", …."""
    return column.WhichOneof("type") or "unknown"


def domain_text(column: schema_pb2.Column) -> str:
    """Return the declared values of a column in words."""
    match column.WhichOneof("type"):
        case "integer":
            return f"{whole(column.integer.lower)} to {whole(column.integer.upper)}"
        case "real":
            return f"{sig(column.real.lower, 6)} to {sig(column.real.upper, 6)}"
        case "category":
            values = [clean(each) for each in column.category.values[:_MANY]]
            more = len(column.category.values) - len(values)
            return ", ".join(values) + (f", … {more:,} more" if more else "")
        case "text":
            return f"any, {column.text.max_length or 1024:,} characters"
        case "date":
            lower, upper = column.date.lower, column.date.upper
            first = datetime.date(lower.year, lower.month, lower.day) if lower.year else "?"
            last = datetime.date(upper.year, upper.month, upper.day) if upper.year else "?"
            return f"{first} to {last}"
        case "timestamp":
            return f"{column.timestamp.lower.ToJsonString()} to {column.timestamp.upper.ToJsonString()}"
        case "boolean":
            return "true, false"
    return ""


def unit_text(unit: dataset_pb2.PrivacyUnit, population: population_pb2.Population | None) -> str:
    """Return what is protected, in words: "tailnum (tail number): 2 groups, 100 rows in each"."""
    if not unit.column:
        return "a row"
    space = clean(population.identifier_space) if population is not None else ""
    name = clean(unit.column) + (f" ({space})" if space and space != unit.column else "")
    bounds = []
    if unit.max_groups or not unit.max_rows:
        groups, rows = unit.max_groups or 1, unit.max_rows_per_group or 1
        bounds.append(f"{groups:,} group{'s' * (groups > 1)}, {rows:,} row{'s' * (rows > 1)} in each")
    if unit.max_rows:
        bounds.append(f"{unit.max_rows:,} rows in all")
    return f"{name}: at most {', '.join(bounds)}"
