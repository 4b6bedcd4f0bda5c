"""What a statement asks: aggregates of plain columns by plain columns, read into a form that can be priced.

Nothing of the client's text goes further than this module: the library gets SQL that is made from the form. WHERE
becomes an expression of the contract, which filters rows before they are bounded by unit and before the library.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from sqlglot import exp

from sfumato.v1.expression_pb2 import Expression
from sfumato.v1.question_pb2 import SqlQuery
from sfumato_executor.engines.smartnoise_sql.parsing import parse
from sfumato_executor.engines.smartnoise_sql.predicates import Predicates
from sfumato_executor.engines.smartnoise_sql.rejections import rejected

MAX_OUTPUTS: Final = 100
MAX_KEYS: Final = 3

Form = Literal["key", "rows", "count", "sum", "mean", "variance", "deviation"]
_FORMS: Final[dict[type[exp.Expr], Form]] = {
    exp.Sum: "sum",
    exp.Avg: "mean",
    exp.Variance: "variance",
    exp.Stddev: "deviation",
}
_CLAUSES: Final = frozenset(("kind", "expressions", "from_", "from", "where", "group", "order", "limit"))


@dataclass(frozen=True)
class Output:
    """One column of the answer."""

    alias: str
    form: Form
    column: str
    """What is aggregated, or the key; empty for COUNT(*)."""


@dataclass(frozen=True)
class Statement:
    """A statement, understood."""

    outputs: tuple[Output, ...]
    keys: tuple[str, ...]
    predicate: Expression | None
    order: tuple[tuple[str, bool], ...]
    """Aliases to sort by, and whether downwards."""
    limit: int | None


def read_statement(query: SqlQuery, dataset: str) -> Statement:
    """Return what a statement asks of a dataset.

    Args:
        query: statement and parameters.
        dataset: datasets/{dataset}, the only table.

    Raises:
        Refusal: SQL_REJECTED.
    """
    select = parse(query.statement)
    for clause, value in select.args.items():
        if value and clause not in _CLAUSES:
            raise rejected("unsupported", f"{clause.replace('_', ' ').upper()} is not understood", select)
    column = _columns(_table(select, dataset))
    outputs = tuple(_output(item, column) for item in select.expressions)
    _check_outputs(outputs)
    keys = _keys(select, column, outputs)
    where = select.args.get("where")
    predicates = Predicates(query.parameters, column)
    predicate = None if where is None else predicates.read(where.this)
    predicates.check_all_used()
    return Statement(outputs, keys, predicate, _order(select, outputs), _limit(select))


def _table(select: exp.Select, dataset: str) -> frozenset[str]:
    """Check the only table, and return the names that may stand before its columns."""
    source = select.args.get("from_") or select.args.get("from")
    table = source.this if source is not None else None
    wanted = dataset.removeprefix("datasets/")
    spelt = wanted.replace("-", "_")
    if not isinstance(table, exp.Table) or table.name.replace("-", "_") != spelt or table.db or table.args.get("joins"):
        raise rejected("other_table", "FROM names one dataset", table, nearest=f"FROM {spelt}")
    return frozenset((wanted, spelt, table.alias_or_name))


def _columns(tables: frozenset[str]) -> Callable[[exp.Expr], str]:
    def column(node: exp.Expr) -> str:
        """Return the name of a plain column."""
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier) or node.args.get("db"):
            raise rejected("unsupported", "here stands the name of one column", node)
        if node.table and node.table not in tables:
            raise rejected("other_table", "the column is of another table", node)
        return str(node.name)

    return column


def _output(item: exp.Expr, column: Callable[[exp.Expr], str]) -> Output:
    inner = item.this if isinstance(item, exp.Alias) else item
    if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Identifier):
        name = column(inner)
        return Output(item.alias_or_name, "key", name)
    if isinstance(inner, exp.Count):
        return _count(item, inner, column)
    form = _FORMS.get(type(inner))
    if form is None:
        message = "what is selected is a key, COUNT, SUM, AVG, VARIANCE or STDDEV"
        raise rejected("not_aggregate", message, inner)
    _check_alias(item)
    return Output(item.alias, form, column(inner.this))


def _count(item: exp.Expr, inner: exp.Count, column: Callable[[exp.Expr], str]) -> Output:
    if isinstance(inner.this, exp.Distinct) or inner.expressions:
        message = "COUNT takes * or one column; units are counted by the native engine"
        raise rejected("unsupported", message, inner, nearest="COUNT(*)")
    _check_alias(item)
    if isinstance(inner.this, exp.Star):
        return Output(item.alias, "rows", "")
    return Output(item.alias, "count", column(inner.this))


def _check_alias(item: exp.Expr) -> None:
    if not isinstance(item, exp.Alias):
        raise rejected("unsupported", "an aggregate has a name", item, nearest="COUNT(*) AS n")


def _check_outputs(outputs: tuple[Output, ...]) -> None:
    names = [output.alias for output in outputs]
    if len(names) > MAX_OUTPUTS:
        raise rejected("unsupported", f"at most {MAX_OUTPUTS} columns are selected", hint="ask in several queries")
    if len(set(names)) != len(names):
        raise rejected("unsupported", "two columns of the answer have one name", hint="give each its own with AS")
    if any(not name.isidentifier() or not name.isascii() or len(name) > 63 for name in names):
        raise rejected(
            "unsupported", "a name has letters, digits and underscores, 63 at most", hint="rename it with AS"
        )
    if all(output.form == "key" for output in outputs):
        raise rejected("not_aggregate", "nothing is aggregated", nearest="SELECT COUNT(*) AS n FROM …")


def _keys(select: exp.Select, column: Callable[[exp.Expr], str], outputs: tuple[Output, ...]) -> tuple[str, ...]:
    group = select.args.get("group")
    if group is not None and any(value for clause, value in group.args.items() if clause != "expressions"):
        raise rejected("unsupported", "GROUP BY takes columns", group, nearest="GROUP BY species")
    keys = () if group is None else tuple(column(node) for node in group.expressions)
    if len(keys) > MAX_KEYS or len(set(keys)) != len(keys):
        raise rejected("unsupported", f"GROUP BY takes at most {MAX_KEYS} columns, each once", group)
    stray = next((output for output in outputs if output.form == "key" and output.column not in keys), None)
    if stray is not None:
        raise rejected("not_aggregate", f"{stray.column} is neither aggregated nor grouped by")
    return keys


def _order(select: exp.Select, outputs: tuple[Output, ...]) -> tuple[tuple[str, bool], ...]:
    order = select.args.get("order")
    names = {output.alias for output in outputs}
    found = []
    for item in () if order is None else order.expressions:
        if not isinstance(item.this, exp.Column) or item.this.table or item.this.name not in names:
            raise rejected("unsupported", "ORDER BY takes names of the answer", item, nearest="ORDER BY n DESC")
        found.append((str(item.this.name), bool(item.args.get("desc"))))
    return tuple(found)


def _limit(select: exp.Select) -> int | None:
    limit = select.args.get("limit")
    if limit is None:
        return None
    value = limit.expression
    if not isinstance(limit, exp.Limit) or not isinstance(value, exp.Literal) or not str(value.this).isdecimal():
        raise rejected("unsupported", "LIMIT takes a whole number", limit, nearest="LIMIT 10")
    return min(int(str(value.this)[:19]), 2**62)
