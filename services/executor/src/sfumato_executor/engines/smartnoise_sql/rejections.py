"""How a statement is refused: SQL_REJECTED with rule, line, column and the nearest form, as the gateway does it."""

from typing import Final

import grpc
from sqlglot import exp

from sfumato_mesh.refusal import FieldViolation, Refusal

FIELD: Final = "question.sql.statement"
NEAREST: Final = "SELECT species, COUNT(*) AS n, AVG(mass) AS mean FROM dataset WHERE mass > 2 GROUP BY species"


def rejected(
    rule: str,
    message: str,
    at: exp.Expr | tuple[int, int] | None = None,
    *,
    hint: str = "",
    nearest: str = "",
    field: str = FIELD,
) -> Refusal:
    """Return the refusal of a statement.

    Args:
        rule: one that ErrorReason lists for SQL_REJECTED.
        message: what is wrong; it may quote names, never literals.
        at: node, or line and column from 1; None: the start.
        hint: what would pass, in words.
        nearest: what would pass, as SQL.
        field: path in the request.
    """
    line, column = _place(at)
    said = hint or f"write {nearest or NEAREST}"
    text = f"{message} (line {line}, column {column})"
    metadata = {"rule": rule, "line": str(line), "column": str(column), "hint": said}
    if nearest:
        metadata["nearest"] = nearest
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "SQL_REJECTED",
        f"SQL: {text}",
        metadata=metadata,
        fields=[FieldViolation(field, text)],
    )


def _place(at: exp.Expr | tuple[int, int] | None) -> tuple[int, int]:
    if at is None or isinstance(at, tuple):
        return at or (1, 1)
    for node in at.find_all(exp.Identifier):
        line, last = node.meta.get("line"), node.meta.get("col")
        if isinstance(line, int) and isinstance(last, int):  # sqlglot names the last character of the word
            return line, max(1, last - len(node.name) + 1)
    return 1, 1
