"""What a prepared table holds for each column of the schema: kind, domain, and the name it is stored under."""

import datetime
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from sfumato.v1 import schema_pb2
from sfumato_executor.plan.expressions import Kind, ValueType

UNIT_ORDINAL = "unit"
"""Stored UInt32: number of the row's privacy unit within its partition, never decreasing. Askable columns carry a
prefix, so that no name of a schema meets it."""

DEFAULT_MAX_LENGTH = 1024
DEFAULT_MAX_ROWS = 1 << 36
_EPOCH = datetime.date(1970, 1, 1)


@functools.lru_cache(maxsize=256)
def categories_digest(categories: tuple[str, ...]) -> str:
    """SHA-256 of a list of categories in order: codes mean the same where it is equal."""
    return hashlib.sha256(json.dumps(categories).encode()).hexdigest()


def stored_name(column: str) -> str:
    """Name under which prepared files hold the values of a column."""
    return "v:" + column


@dataclass(frozen=True)
class ColumnDomain:
    """Declared kind and domain of a column.

    `lower` and `upper` as in `plan.expressions.ValueType`: INTEGER and REAL in their own unit, DATE in days, TIMESTAMP
    in microseconds since 1970. Stored as Boolean, Int64, Float64 (finite), String, UInt32 (index into `categories`),
    Int32 (days), Int64 (microseconds).
    """

    name: str
    kind: Kind
    nullable: bool
    lower: int | float | None = None
    upper: int | float | None = None
    categories: tuple[str, ...] = ()
    max_length: int = DEFAULT_MAX_LENGTH
    null_share: float = 0.0

    @property
    def filler(self) -> bool | int | float | str:
        """What null becomes where null does not occur, as stored: lower bound, first category, false or ""."""
        if self.kind is Kind.BOOLEAN:
            return False
        if self.kind is Kind.TEXT:
            return ""
        if self.kind is Kind.CATEGORY:
            return 0
        assert self.lower is not None
        return self.lower

    @property
    def filler_text(self) -> str:
        """The filler in words."""
        if self.kind is Kind.CATEGORY:
            return repr(self.categories[0])
        if self.kind in (Kind.INTEGER, Kind.REAL):
            return f"the lower bound, {self.lower}"
        return {Kind.BOOLEAN: "false", Kind.TEXT: "the empty text"}.get(self.kind, "the lower bound")


@dataclass(frozen=True)
class StoredDomain:
    """What preparation has enforced on a stored column."""

    kind: Kind
    nullable: bool
    lower: int | float | None
    upper: int | float | None
    categories: str
    """Digest of the declared list."""

    @classmethod
    def of(cls, column: ColumnDomain) -> "StoredDomain":
        """What preparation enforces for a declared domain."""
        digest = categories_digest(column.categories)
        return cls(column.kind, column.nullable, column.lower, column.upper, digest)

    def within(self, wanted: ValueType) -> bool:
        """Whether every stored value is a value of a type, so that what is proved of the type holds."""
        if self.kind is not wanted.kind or (self.nullable and not wanted.nullable):
            return False
        if self.lower is not None and self.upper is not None:
            if wanted.lower is None or wanted.upper is None:
                return False
            return wanted.lower <= self.lower and self.upper <= wanted.upper
        return self.kind is not Kind.CATEGORY or self.categories == categories_digest(wanted.categories)


def domains(schema: schema_pb2.DatasetSchema) -> tuple[ColumnDomain, ...]:
    """Domains of the columns of a schema, in its order."""
    return tuple(_domain(column) for column in schema.columns)


def domain_named(columns: Sequence[ColumnDomain], name: str) -> ColumnDomain:
    """The column of that name; KeyError if there is none."""
    for column in columns:
        if column.name == name:
            return column
    raise KeyError(name)


def capacity(schema: schema_pb2.DatasetSchema) -> int:
    """Most rows that a data version may have."""
    return schema.max_rows or DEFAULT_MAX_ROWS


def _domain(column: schema_pb2.Column) -> ColumnDomain:
    which = column.WhichOneof("type")
    lower: int | float | None = None
    upper: int | float | None = None
    if which in ("integer", "real"):
        number = column.integer if which == "integer" else column.real
        lower, upper = number.lower, number.upper
    elif which == "date":
        lower, upper = _days(column.date.lower), _days(column.date.upper)
    elif which == "timestamp":
        lower, upper = _microseconds(column.timestamp.lower), _microseconds(column.timestamp.upper)
    elif which not in ("boolean", "category", "text"):
        raise ValueError(f"column {column.name} has no type")
    return ColumnDomain(
        name=column.name,
        kind=Kind(which),
        nullable=column.nullable,
        lower=lower,
        upper=upper,
        categories=tuple(column.category.values),
        max_length=column.text.max_length or DEFAULT_MAX_LENGTH,
        null_share=column.dummy_null_share,
    )


def _days(date: Date) -> int:
    return (datetime.date(date.year, date.month or 1, date.day or 1) - _EPOCH).days


def _microseconds(instant: Timestamp) -> int:
    return int(instant.seconds) * 1_000_000 + int(instant.nanos) // 1_000
