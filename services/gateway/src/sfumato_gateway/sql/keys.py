"""GROUP BY: what the groups are, and which of them are answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from sqlglot import exp

from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato.v1.plan_pb2 import KeyTuple, PublicKeys
from sfumato_gateway.sql.context import Terms, flattened, only, unwrapped
from sfumato_gateway.sql.measures import is_aggregate
from sfumato_gateway.sql.refusals import sql_rejected

_MAX_LISTED_KEYS: Final = 10_000
"""Keys that WHERE may list; above, the key's declared values are answered."""


@dataclass(frozen=True)
class Item:
    """One item of the select list."""

    node: exp.Expr
    alias: str
    """As written; empty: none."""


@dataclass(frozen=True)
class Key:
    """One key: its node and its value."""

    node: exp.Expr
    value: Expression
    alias: str
    """Alias of the select item by which GROUP BY names it; empty: none."""


@dataclass(frozen=True)
class Grouping:
    """What GROUP BY says."""

    keys: tuple[Key, ...]
    by_threshold: bool
    """Whether keys are found in the data: GROUP BY THRESHOLD(a, b)."""


def read_grouping(terms: Terms, group: exp.Group | None, items: Sequence[Item]) -> Grouping:
    """Return the keys of a GROUP BY: columns, aliases, ordinals or expressions.

    A name is an alias of the select list before it is a column, as in DuckDB. GROUP BY ALL takes every item that is no
    aggregate.

    Raises:
        Refusal: SQL_REJECTED.
    """
    if group is None:
        return Grouping((), by_threshold=False)
    only(terms, group, "expressions", "all")
    nodes = [unwrapped(each) for each in group.expressions]
    if group.args.get("all"):
        nodes = [item.node for item in items if not is_aggregate(item.node)]
    by_threshold = len(nodes) == 1 and isinstance(nodes[0], exp.Anonymous) and str(nodes[0].this).upper() == "THRESHOLD"
    if by_threshold:
        nodes = [unwrapped(each) for each in nodes[0].expressions]
    if not 1 <= len(nodes) <= 16:
        raise sql_rejected("unsupported", "GROUP BY takes 1 to 16 keys", terms.place(group))
    return Grouping(tuple(_key(terms, node, items) for node in nodes), by_threshold)


def _key(terms: Terms, node: exp.Expr, items: Sequence[Item]) -> Key:
    alias = ""
    if isinstance(node, exp.Literal) and not node.is_string:
        item = _ordinal(terms, node, items)
        node, alias = item.node, item.alias
    elif isinstance(node, exp.Column) and not node.table:
        named = next((each for each in items if each.alias == node.name and not is_aggregate(each.node)), None)
        if named is not None:
            node, alias = named.node, named.alias
    if isinstance(node, exp.Tuple):
        raise sql_rejected("unsupported", "keys stand without brackets", terms.place(node), nearest="GROUP BY a, b")
    return Key(unwrapped(node), terms.value(node), alias)


def _ordinal(terms: Terms, node: exp.Literal, items: Sequence[Item]) -> Item:
    text = str(node.this)
    index = int(text) if text.isdecimal() and len(text) < 5 else 0
    if not 1 <= index <= len(items):
        raise sql_rejected("unsupported", f"GROUP BY has ordinals 1 to {len(items)}", terms.place(node))
    if is_aggregate(items[index - 1].node):
        raise sql_rejected("not_aggregate", "an aggregate is no key", terms.place(node))
    return items[index - 1]


def listed_keys(terms: Terms, grouping: Grouping, where: exp.Expr | None) -> PublicKeys | None:
    """Return the keys that WHERE lists, where it lists the values of every key column; else None.

    `WHERE dest IN ('LAX', 'SFO') GROUP BY dest` has these two groups in SQL and no other: the statement itself makes
    them public, also for a column of any text.
    """
    if where is None or not grouping.keys or grouping.by_threshold:
        return None
    lists = _listed_values(terms, where)
    columns = [key.value.column if key.value.WhichOneof("kind") == "column" else "" for key in grouping.keys]
    chosen = [lists.get(column, []) for column in columns]
    if not all(chosen) or prod(map(len, chosen)) > _MAX_LISTED_KEYS:
        return None
    return PublicKeys(keys=[KeyTuple(values=values) for values in product(*chosen)])


def _listed_values(terms: Terms, where: exp.Expr) -> dict[str, list[Literal]]:
    """Return for each column the shortest list of values that a condition of WHERE's AND leaves it."""
    lists: dict[str, list[Literal]] = {}
    for condition in flattened(where, exp.And):
        if type(condition) is exp.In:
            column, items = unwrapped(condition.this), condition.expressions
        elif type(condition) is exp.EQ:
            sides = unwrapped(condition.this), unwrapped(condition.args["expression"])
            column, other = sides if isinstance(sides[0], exp.Column) else sides[::-1]
            items = [other]
        else:
            continue
        values = [literal for item in items if (literal := terms.literals.read(item)) is not None]
        if not isinstance(column, exp.Column) or not values:
            continue  # the condition is refused, or compares with something else, elsewhere
        unique = list({value.SerializeToString(): value for value in values}.values())
        name = terms.value(column).column
        if name not in lists or len(unique) < len(lists[name]):
            lists[name] = unique
    return lists
