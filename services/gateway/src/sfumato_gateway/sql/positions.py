"""Where a parsed node stands in its statement."""

from itertools import islice

from sqlglot import exp

from sfumato_gateway.sql.refusals import START, Position, position_at


def position_of(node: exp.Expr | None, statement: str) -> Position:
    """Return the place of the first word of a node that the parser marked; the start if it marked none."""
    if node is None:
        return START
    starts = (each.meta.get("start") for each in islice(node.walk(), 100))
    first = min((start for start in starts if isinstance(start, int)), default=None)
    return START if first is None else position_at(statement, first)
