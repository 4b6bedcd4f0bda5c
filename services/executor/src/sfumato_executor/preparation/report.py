"""What preparation found: for the custodian's eyes only, since it tells about data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PreparationReport:
    """What became of the source's rows. Counts are exact: never shown to analysts."""

    problems: tuple[str, ...]
    """What departs from the schema and how it was mended, one sentence each, in the order of the schema."""
    source_rows: int
    """Rows read."""
    kept_rows: int
    """Rows that questions can meet: those whose privacy unit is known."""
    units: int
    """Privacy units among them."""


class PreparationRefusedError(Exception):
    """The data cannot be served under this schema; the version that is published stays.

    `problems` are sentences for the custodian, never for an analyst.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class ProblemCounter:
    """Adds up how many rows of which column were mended in which way, over all batches."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, column: str, what: str, rows: int) -> None:
        """Count `rows` more of this kind; zero leaves no trace."""
        if rows:
            self._counts[column, what] += rows

    def rows(self, column: str, what: str) -> int:
        """Rows counted so far of one column and kind."""
        return self._counts[column, what]

    def sentences(self) -> tuple[str, ...]:
        """One sentence a column and kind, in the order first met."""
        return tuple(f"{column}: {rows} {what}" for (column, what), rows in self._counts.items())
