"""What a question to a library engine became: rows to feed the library, its job, and what that costs.

A LibraryProgram is a function of the question, the payment and public metadata alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sfumato.v1.quote_pb2 import MeasureAccuracy
from sfumato_executor.plan.expressions import Expression
from sfumato_executor.plan.program import Loss

JobValue: TypeAlias = "bool | int | float | str | Sequence[JobValue] | Mapping[str, JobValue] | None"
Job: TypeAlias = Mapping[str, JobValue]
"""What the library shall do, as JSON. Of public facts and of the question alone."""

MODEL_METADATA: Final = b"sfumato.model"
"""Key of the schema metadata in which the release of a fit says what it holds, as JSON."""


@dataclass(frozen=True)
class RowColumn:
    """One column that the library gets, under its own name."""

    name: str
    value: Expression


@dataclass(frozen=True)
class RowSelection:
    """Which rows the library gets.

    At most `rows_per_unit` rows of each privacy unit pass, in the stored random order, after filtering and after rows
    with a null are left out (where `drop_nulls`). With `row_count` there are exactly so many: later rows are left out,
    or rows that hold the middle of each column's range are added, and all stand in an order drawn anew. So one unit
    more or less adds or removes at most `rows_per_unit` rows, or replaces at most so many where their number is fixed.
    """

    filter: Expression | None
    columns: tuple[RowColumn, ...]
    unit_column: str | None
    """Column that names the unit; None where a row is a unit."""
    rows_per_unit: int
    drop_nulls: bool = False
    row_count: int | None = None


@dataclass(frozen=True)
class LibraryProgram:
    """Everything that execution needs, and everything that a quote says."""

    engine: str
    dataset: str
    rows: RowSelection
    job: Job
    loss: Loss
    digest: bytes
    """SHA-256 of the canonical form with noise and engine; 32 bytes."""
    measures: tuple[MeasureAccuracy, ...]
    """What the library does, step by step, with each step's part of the price."""
    notes: tuple[str, ...]
    """Public facts that the caller should know, the neighbouring relation among them."""
    model: Job | None = None
    """Of a fit: what its release says of itself, so that it can be read without the schema of today."""
