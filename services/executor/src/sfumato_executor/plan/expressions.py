"""Typed expressions: what the compiler has proved about one row, before any engine sees it.

Every node is a frozen value; equal nodes are equal questions. Names are resolved, types and ranges proved, literals
in the type of what they meet. No node can raise on any row (see `Function` in the public contract).
"""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """Type of a value."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    CATEGORY = "category"
    DATE = "date"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class ValueType:
    """Type of an expression with what is proved of its values.

    `lower` and `upper` hold for every value that is not null: INTEGER and REAL in their own unit, DATE in days and
    TIMESTAMP in microseconds since 1970-01-01 UTC; None for other kinds. INTEGER ranges lie within ±2^63, and a REAL
    is finite. `categories` are the declared texts of a CATEGORY, in declared order.
    """

    kind: Kind
    nullable: bool
    lower: int | float | None = None
    upper: int | float | None = None
    categories: tuple[str, ...] = ()
    length: int = 0
    """Most characters of a TEXT column; 0: not said."""


Value = bool | int | float | str | None
"""A constant: DATE as days, TIMESTAMP as microseconds since 1970, CATEGORY as its text."""


@dataclass(frozen=True)
class Column:
    """A column of the prepared table."""

    name: str
    type: ValueType


@dataclass(frozen=True)
class Constant:
    """A literal in the type of its place; None is null."""

    value: Value
    type: ValueType


@dataclass(frozen=True)
class Apply:
    """A function of the closed list. `function` is a number of `sfumato.v1.Function`.

    `otherwise` is the result where the function is not defined or its result leaves the proved range: a Constant of
    the node's type, null if the plan said none. It is None where it is proved that neither happens. `time_unit` is a
    number of `sfumato.v1.TimeUnit`, 0 for none.

    Arguments have one kind where the function mixes them (INTEGER is converted to REAL, DATE to TIMESTAMP, CATEGORY to
    TEXT), and literals of ROUND, POWER, CLIP, PREFIX, STARTS_WITH, … are Constants. FLOOR and CEIL of a REAL are
    INTEGER if the range allows, else REAL; ROUND and POWER are REAL. TIME_DIFFERENCE in years, quarters and months
    counts whole calendar units (day and time of day included), towards zero.
    """

    function: int
    arguments: tuple["Expression", ...]
    type: ValueType
    otherwise: Constant | None = None
    time_unit: int = 0


@dataclass(frozen=True)
class Choose:
    """The value of the first branch (condition, value) whose condition is true, else `otherwise`."""

    branches: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression"
    type: ValueType


@dataclass(frozen=True)
class Convert:
    """A cast; `otherwise` (a Constant, may be null) where the value does not fit the range of `type`.

    Pairs that occur: BOOLEAN to INTEGER or REAL (0, 1); INTEGER to BOOLEAN (not 0), REAL; REAL to INTEGER (towards
    zero); DATE to TIMESTAMP (midnight) and back (its day); BOOLEAN ("true", "false"), INTEGER (decimal), CATEGORY to
    TEXT; TEXT and CATEGORY to INTEGER or REAL (what is no number becomes `otherwise`).
    """

    value: "Expression"
    type: ValueType
    otherwise: Constant


@dataclass(frozen=True)
class Member:
    """Whether the value is one of `items` (sorted, unique); false for null."""

    value: "Expression"
    items: tuple[Value, ...]
    type: ValueType


@dataclass(frozen=True)
class Bucket:
    """Index of the half-open interval between `edges` that holds the value; as `Bin` of the public contract.

    Values below the first edge fall into interval 0, values from the last edge on into the last one. `type` is an
    INTEGER from 0 to len(edges) − 2. DATE and TIMESTAMP values count in seconds since 1970.
    """

    value: "Expression"
    edges: tuple[float, ...]
    type: ValueType


Expression = Column | Constant | Apply | Choose | Convert | Member | Bucket
