"""How SQL is refused: always SQL_REJECTED, with a rule, a place in the statement and what would pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import grpc

from sfumato_mesh.refusal import FieldViolation, Refusal

Rule = Literal["syntax", "unsupported", "not_aggregate", "several_statements", "other_table"]
"""What a statement may break: metadata `rule` of SQL_REJECTED."""

STATEMENT_FIELD = "question.sql.statement"
PARAMETERS_FIELD = "question.sql.parameters"


@dataclass(frozen=True)
class Position:
    """A place in a statement; both count from 1, columns in characters."""

    line: int
    column: int


START = Position(1, 1)

_HINTS: Final[Mapping[Rule, str]] = {
    "syntax": "mend the statement at this place",
    "unsupported": "write it in another way, or leave it out",
    "not_aggregate": "select aggregates and grouping columns, for example COUNT(*)",
    "several_statements": "send one SELECT statement",
    "other_table": "name one dataset in FROM",
}
"""What would pass, where the place says no more."""


def position_at(statement: str, offset: int) -> Position:
    """Return the place of the character at `offset` (from 0) of a statement."""
    line = statement.count("\n", 0, offset) + 1
    return Position(line, offset - (statement.rfind("\n", 0, offset) + 1) + 1)


def sql_rejected(
    rule: Rule,
    message: str,
    position: Position = START,
    *,
    hint: str = "",
    nearest: str = "",
    field: str = STATEMENT_FIELD,
) -> Refusal:
    """Return the refusal of a statement.

    Args:
        rule: which of the rules of SQL_REJECTED it breaks.
        message: what is wrong, in words that may quote names of the statement, never its literals.
        position: where.
        hint: what would pass, in words; unset: the nearest form, or what the rule asks for.
        nearest: the nearest form that is understood, as SQL.
        field: path of the request's field.
    """
    said = hint or (f"write {nearest}" if nearest else _HINTS[rule])
    metadata = {"rule": rule, "line": str(position.line), "column": str(position.column), "hint": said}
    if nearest:
        metadata["nearest"] = nearest
    text = f"{message} (line {position.line}, column {position.column})"
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "SQL_REJECTED",
        f"SQL: {text}",
        metadata=metadata,
        fields=[FieldViolation(field, text)],
    )
