"""SELECT to Plan.

Understood: one SELECT of aggregates and keys over one table, which is a dataset by its id.

    SELECT key or aggregate [AS name], … FROM dataset [AS alias] [WHERE predicate] [GROUP BY key, …]

- Aggregates: COUNT(*), COUNT(x), COUNT(DISTINCT unit column), COUNT_UNITS(), COUNT_IF(p), SUM(x), AVG(x), MEDIAN(x),
  QUANTILE(x, level) and its kin, PERCENTILE_CONT(level) WITHIN GROUP (ORDER BY x), HISTOGRAM(x, [edges]) or
  HISTOGRAM(category); all but units and histograms with FILTER (WHERE p).
- Keys: columns, aliases, ordinals, expressions, ALL. Every key is a column of the answer, selected or not. Groups are
  the declared values of the keys; those that WHERE lists for every key; or, with GROUP BY THRESHOLD(a, b), those that
  pass a noisy threshold, which costs δ.
- Predicates keep SQL's three-valued logic (`terms.py`). Functions: the plan's closed list (`functions.py`). ROUND goes
  half to even, `//` rounds down, CAST gives null where it cannot; the rest is DuckDB's.
- Names of columns are taken as written; the server that compiles the plan knows them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from sfumato.v1.expression_pb2 import Expression, Literal, NamedExpression
from sfumato.v1.measure_pb2 import Measure
from sfumato.v1.plan_pb2 import GroupBy, Plan, ThresholdKeys
from sfumato.v1.relation_pb2 import Filter, Relation, Scan
from sfumato_gateway.sql.context import only, present, unwrapped
from sfumato_gateway.sql.keys import Grouping, Item, Key, listed_keys, read_grouping
from sfumato_gateway.sql.measures import ROWS, Aggregate, is_aggregate, read_aggregate
from sfumato_gateway.sql.refusals import sql_rejected
from sfumato_gateway.sql.statement import parse_statement
from sfumato_gateway.sql.terms import RowTerms
from sfumato_gateway.sql.units import UnitColumn

MAX_MEASURES: Final = 64
"""Of a plan; the contract's bound."""
_ALIAS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_DATASET_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_UNDERSTOOD: Final = frozenset(("expressions", "from_", "where", "group"))
_SORT: Final = "rows leave sorted by key; sort and cut them on the client"
_HINTS: Final = {
    "distinct": "group by the columns instead",
    "joins": "a statement reads one table",
    "having": "filter the groups of the answer on the client",
    "order": _SORT,
    "limit": _SORT,
    "offset": _SORT,
}


@dataclass(frozen=True)
class Translation:
    """A statement as a plan."""

    plan: Plan
    dataset: str
    """datasets/{dataset}."""
    unit_columns: tuple[UnitColumn, ...]
    """Columns of COUNT(DISTINCT …): each must be the privacy unit's, which the dataset's record tells."""


def translate(statement: str, parameters: Mapping[str, Literal], dataset: str = "") -> Translation:
    """Translate a statement.

    Args:
        statement: the SQL; at most 64 KiB.
        parameters: values of :name; they become literals and are never text of the statement.
        dataset: datasets/{dataset} that the statement must read; empty: the one that it names.

    Raises:
        Refusal: SQL_REJECTED.
    """
    select = parse_statement(statement)
    terms = RowTerms(statement, parameters)
    _refuse_clauses(terms, select)
    name = _table(terms, select, dataset)
    where = select.args.get("where")
    items = [_item(terms, each) for each in select.expressions]
    grouping = read_grouping(terms, select.args.get("group"), items)
    source = Relation(scan=Scan(dataset=name))
    if where is not None:
        source = Relation(filter=Filter(input=source, predicate=terms.truth(where.this, True)))
    aggregates = _aggregates(terms, select, items, grouping)
    measures, keys = _named(terms, aggregates, grouping, items)
    plan = Plan(source=source, measures=measures)
    if keys:
        plan.group_by.CopyFrom(GroupBy(keys=keys))
        listed = listed_keys(terms, grouping, where.this if where is not None else None)
        if grouping.by_threshold:
            plan.group_by.threshold_keys.CopyFrom(ThresholdKeys())
        elif listed is not None:
            plan.group_by.public_keys.CopyFrom(listed)
    units = tuple(each.unit_column for _, each in aggregates if each.unit_column is not None)
    return Translation(plan, name, units)


def _refuse_clauses(terms: RowTerms, select: exp.Select) -> None:
    for name, argument in select.args.items():
        if name not in _UNDERSTOOD and present(argument):
            node = argument if isinstance(argument, exp.Expr) else None
            word = name.strip("_").upper()
            hint = _HINTS.get(name, "")
            raise sql_rejected("unsupported", f"{word} is not understood", terms.place(node), hint=hint)
    if not select.expressions:
        raise sql_rejected("not_aggregate", "nothing is selected", nearest=ROWS)


def _table(terms: RowTerms, select: exp.Select, dataset: str) -> str:
    """Return datasets/{dataset} of the only table, and let columns be qualified by its name or alias."""
    source = select.args.get("from_")
    table = source.this if source is not None else None
    wanted = dataset.removeprefix("datasets/")
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        message = "FROM names one dataset by its id"
        raise sql_rejected("other_table", message, terms.place(table), nearest=f"FROM {wanted or 'penguins'}")
    only(terms, table, "this", "db", "catalog", "alias")
    written = table.this
    name = written.name if written.args.get("quoted") else written.name.lower()
    if table.args.get("db") or table.args.get("catalog"):
        raise sql_rejected("other_table", "a dataset has no schema before its id", terms.place(table), nearest=wanted)
    # Unquoted names take no hyphen, so that an underscore may stand for it where the dataset is known.
    meant = wanted if wanted and name.replace("_", "-") == wanted else name
    if not _DATASET_ID.match(meant) or (wanted and meant != wanted):
        raise sql_rejected(
            "other_table",
            f"{name[:64]} is not {wanted or 'the id of a dataset'}",
            terms.place(table),
            hint="ids are lower case letters, digits and hyphens; one with a hyphen is quoted",
            nearest=f'FROM "{wanted}"' if wanted else 'FROM "us-flights"',
        )
    names = {written.name}
    alias = table.args.get("alias")
    if alias is not None:
        only(terms, alias, "this")
        names = {alias.name}
    terms.table_names = frozenset(names)
    return f"datasets/{meant}"


def _item(terms: RowTerms, node: exp.Expr) -> Item:
    if not isinstance(node, exp.Alias):
        return Item(unwrapped(node), "")
    if not _ALIAS.match(node.alias):
        raise sql_rejected(
            "unsupported",
            "a name has letters, digits and underscores, at most 63",
            terms.place(node.args["alias"]),
            nearest=_identifier(node.alias),
        )
    return Item(unwrapped(node.this), node.alias)


def _aggregates(
    terms: RowTerms, select: exp.Select, items: Sequence[Item], grouping: Grouping
) -> list[tuple[Item, Aggregate]]:
    """Return the aggregates; refuse items that are neither aggregates nor keys, and a list without an aggregate."""
    aggregates: list[tuple[Item, Aggregate]] = []
    key_values = [key.value for key in grouping.keys]
    for item in items:
        if is_aggregate(item.node):
            aggregates.append((item, read_aggregate(terms, item.node)))
        elif any(item.node is key.node for key in grouping.keys):
            continue
        elif isinstance(item.node, exp.Star) or terms.value(item.node) not in key_values:
            raise sql_rejected(
                "not_aggregate",
                "rows do not leave: select aggregates and keys of GROUP BY",
                terms.place(item.node),
                hint="aggregate it, or name it in GROUP BY",
                nearest=ROWS,
            )
    if not 1 <= len(aggregates) <= MAX_MEASURES:
        message = f"a statement has 1 to {MAX_MEASURES} aggregates"
        raise sql_rejected("not_aggregate", message, terms.place(select.expressions[-1]), nearest=ROWS)
    return aggregates


def _named(
    terms: RowTerms, aggregates: Sequence[tuple[Item, Aggregate]], grouping: Grouping, items: Sequence[Item]
) -> tuple[list[Measure], list[NamedExpression]]:
    """Return measures and keys with their names: those written first, then made ones that differ from all others."""
    taken: set[str] = set()

    def written(alias: str, node: exp.Expr) -> None:
        if alias in taken:
            message = f"two columns of the answer are named {alias}"
            raise sql_rejected("unsupported", message, terms.place(node), hint="give one another name")
        if alias:
            taken.add(alias)

    key_aliases = [_key_alias(terms, key, items) for key in grouping.keys]
    for key, alias in zip(grouping.keys, key_aliases, strict=True):
        written(alias, key.node)
    for item, _ in aggregates:
        written(item.alias, item.node)
    keys = [
        NamedExpression(alias=alias or _fresh(_identifier(key.node.name or "key"), taken), expression=key.value)
        for key, alias in zip(grouping.keys, key_aliases, strict=True)
    ]
    measures = []
    for item, aggregate in aggregates:
        measure = Measure(alias=item.alias or _fresh(_identifier(aggregate.name), taken))
        measure.MergeFrom(aggregate.measure)
        measures.append(measure)
    return measures, keys


def _key_alias(terms: RowTerms, key: Key, items: Sequence[Item]) -> str:
    if key.alias:
        return key.alias
    return next((each.alias for each in items if each.alias and _is_key(terms, each, key.value)), "")


def _is_key(terms: RowTerms, item: Item, value: Expression) -> bool:
    return not is_aggregate(item.node) and not isinstance(item.node, exp.Star) and terms.value(item.node) == value


def _identifier(name: str) -> str:
    """Return a name that the contract takes, as near to this one as can be."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    return (plain if not plain[0].isdigit() else f"_{plain}")[:63]


def _fresh(name: str, taken: set[str]) -> str:
    """Return the name, or the first of name_2, name_3, … that is free, and take it."""
    candidate, number = name, 2
    while candidate in taken:
        candidate = f"{name[:58]}_{number}"
        number += 1
    taken.add(candidate)
    return candidate
