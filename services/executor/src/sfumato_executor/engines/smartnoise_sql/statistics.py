"""Which noisy statistics a statement needs, over which public keys, and the bounds of what is summed.

The library draws each statistic once: COUNT and SUM are all that it is asked. Means and variances are made of them
afterwards (`rendering.py`), so that the price is the number of statistics, whatever the library would make of AVG.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sfumato_executor.engines.library.program import Job
from sfumato_executor.engines.smartnoise_sql.rejections import rejected
from sfumato_executor.engines.smartnoise_sql.statement import Form, Statement
from sfumato_executor.plan.expressions import Kind, ValueType
from sfumato_executor.plan.inference import Named
from sfumato_mesh.refusals import plan_rejected

MAX_PUBLIC_KEYS: Final = 10_000
"""Combinations of keys that are made present; with more of them keys pass a threshold."""
MAX_NUMBERS: Final = 20_000
"""Measured: some 3 ms for each, most of it to build the mechanism anew (Laplace.release)."""
_MOST_CODES: Final = 2**53
"""Values of a key: the library reads whole numbers by way of float64 (PrivateReader, `convert`)."""
_REAL_BITS: Final = 26
"""Reals are rounded to 2^-26 of their bound: sums of 2^26 such rows are exact in float64, in whatever order SQLite adds
them. So no sensitivity depends on the order of rows (Casacuberta, Shoham, Vadhan and Wagaman 2022)."""

What = Literal["rows", "count", "sum", "squares"]
_NEEDS: Final[dict[Form, tuple[What, ...]]] = {
    "key": (),
    "rows": ("rows",),
    "count": ("count",),
    "sum": ("sum",),
    "mean": ("sum", "count"),
    "variance": ("sum", "count", "squares"),
    "deviation": ("sum", "count", "squares"),
}


@dataclass(frozen=True)
class Statistic:
    """One column of noisy numbers."""

    what: What
    column: str
    """What is counted or summed; empty for rows."""


@dataclass(frozen=True)
class Range:
    """Bounds of a summed column, as the library gets them: multiples of `step`, around the proved ones."""

    lower: float
    upper: float
    step: float
    """1 for whole numbers."""
    is_whole: bool

    @property
    def largest(self) -> float:
        """Sensitivity of a sum to one row more or less."""
        return max(abs(self.lower), abs(self.upper))


def key_size(kind: ValueType) -> int:
    """How many values a key can have, null among them."""
    match kind.kind:
        case Kind.BOOLEAN:
            size = 2
        case Kind.CATEGORY:
            size = len(kind.categories)
        case _:
            assert kind.lower is not None
            assert kind.upper is not None
            size = int(kind.upper) - int(kind.lower) + 1
    return size + kind.nullable


def are_public(kinds: Mapping[str, ValueType]) -> bool:
    """Whether there are few enough combinations to make every one present."""
    return math.prod(key_size(kind) for kind in kinds.values()) <= MAX_PUBLIC_KEYS


def statistics(statement: Statement, thresholded: bool) -> tuple[Statistic, ...]:
    """Return what is drawn, each once. With a threshold the count of rows is drawn in any case, and first."""
    found: dict[Statistic, None] = {Statistic("rows", ""): None} if thresholded else {}
    for output in statement.outputs:
        for what in _NEEDS[output.form]:
            found[Statistic(what, "" if what == "rows" else output.column)] = None
    return tuple(found)


def check_numbers(kinds: Mapping[str, ValueType], statistic_count: int) -> None:
    """Refuse more noisy numbers over public keys than the library draws in about a minute."""
    if are_public(kinds) and math.prod(key_size(kind) for kind in kinds.values()) * statistic_count > MAX_NUMBERS:
        message = f"at most {MAX_NUMBERS} noisy numbers: combinations of keys times statistics"
        raise rejected("unsupported", message, hint="group by fewer columns, or ask in several queries")


def needed(form: Form, column: str) -> tuple[Statistic, ...]:
    """Return the statistics that a form is made of."""
    return tuple(Statistic(what, "" if what == "rows" else column) for what in _NEEDS[form])


def key_type(name: str, columns: Mapping[str, Named]) -> ValueType:
    """Return the type of a key.

    Raises:
        Refusal: PLAN_REJECTED "unknown_column", SQL_REJECTED for types that cannot be keys.
    """
    kind = found_column(name, columns).expression.type
    if kind.kind not in (Kind.BOOLEAN, Kind.CATEGORY, Kind.INTEGER):
        message = f"{name} cannot be a key: keys are booleans, categories and whole numbers"
        raise rejected("unsupported", message, hint="group by another column, or ask the native engine")
    if key_size(kind) > _MOST_CODES:
        raise rejected("unsupported", f"{name} has too wide a range for a key", hint="group by another column")
    return kind


def column_range(name: str, columns: Mapping[str, Named]) -> Range:
    """Return the bounds of a column that is summed.

    Raises:
        Refusal: PLAN_REJECTED "unknown_column" or "sensitivity_zero", SQL_REJECTED for types that cannot be summed.
    """
    kind = found_column(name, columns).expression.type
    if kind.kind not in (Kind.INTEGER, Kind.REAL) or kind.lower is None or kind.upper is None:
        message = f"{name} cannot be summed: it is no number with bounds"
        raise rejected("unsupported", message, hint="sum a column of whole or real numbers")
    lower, upper = float(kind.lower), float(kind.upper)
    largest = max(abs(lower), abs(upper))
    if largest == 0:
        message = f"{name} is zero in every row: its sum needs no noise"
        raise plan_rejected("sensitivity_zero", "question.sql.statement", message, hint="leave it out")
    if kind.kind is Kind.INTEGER:
        return Range(lower, upper, 1.0, True)
    step = math.ldexp(1.0, math.frexp(largest)[1] - _REAL_BITS)
    return Range(math.floor(lower / step) * step, math.ceil(upper / step) * step, step, False)


def squares_range(of: Range) -> Range:
    """Return the bounds of the squares of a column, as a column of its own."""
    largest = of.largest * of.largest
    if of.is_whole:
        return Range(0.0, largest, 1.0, True)
    step = math.ldexp(1.0, math.frexp(largest)[1] - _REAL_BITS)
    return Range(0.0, math.ceil(largest / step) * step, step, False)


def described_key(name: str, kind: ValueType) -> Job:
    """Return a key as the job has it: enough to read its codes without a schema."""
    told: dict[str, bool | int | str | list[str]] = {"name": name, "kind": kind.kind.value, "size": key_size(kind)}
    told["nullable"] = kind.nullable
    if kind.kind is Kind.CATEGORY:
        told["labels"] = list(kind.categories)
    if kind.kind is Kind.INTEGER:
        assert kind.lower is not None
        told["lower"] = int(kind.lower)
    return told


def found_column(name: str, columns: Mapping[str, Named]) -> Named:
    """Return a column. Raises PLAN_REJECTED "unknown_column"."""
    if name not in columns:
        message = f"{name} is not a column that can be asked for"
        hint = f"columns: {', '.join(list(columns)[:20])}"
        raise plan_rejected("unknown_column", "question.sql.statement", message, hint=hint, column=name)
    return columns[name]
