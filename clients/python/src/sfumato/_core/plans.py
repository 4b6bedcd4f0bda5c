"""Building plans and the values around them. No I/O."""

import uuid
from collections.abc import Sequence
from typing import Final

from sfumato._core import nodes
from sfumato._core.amounts import refused
from sfumato._core.literals import literal
from sfumato._core.wording import expression_text
from sfumato.errors import PlanRejected, RequestTooLarge
from sfumato.v1 import expression_pb2, function_pb2, measure_pb2, plan_pb2, relation_pb2

DEEPEST_RELATION: Final = 16
LONGEST_STATEMENT: Final = 64 * 1024
_LARGEST_BOUND: Final = 1_000_000
_LARGEST_GROUP: Final = 10**12
_MOST_KEYS: Final = 100_000


def filtered(relation: relation_pb2.Relation, predicates: Sequence[expression_pb2.Expression]) -> relation_pb2.Relation:
    """Return the rows for which all predicates hold; filters that follow one another become one."""
    source = relation
    if relation.WhichOneof("kind") == "filter":
        source, predicates = relation.filter.input, [relation.filter.predicate, *predicates]
    predicate = predicates[0]
    for each in predicates[1:]:
        predicate = nodes.call(function_pb2.FUNCTION_AND, predicate, each)
    nodes.check_depth(predicate)
    return _checked(relation_pb2.Relation(filter=relation_pb2.Filter(input=source, predicate=predicate)))


def derived(
    relation: relation_pb2.Relation, columns: Sequence[expression_pb2.NamedExpression]
) -> relation_pb2.Relation:
    """Return the rows with more columns."""
    return _checked(relation_pb2.Relation(derive=relation_pb2.Derive(input=relation, columns=columns)))


def _checked(relation: relation_pb2.Relation) -> relation_pb2.Relation:
    depth, node = 0, relation
    while node.WhichOneof("kind") != "scan":
        depth += 1
        node = node.filter.input if node.WhichOneof("kind") == "filter" else node.derive.input
    if depth >= DEEPEST_RELATION:
        raise PlanRejected(
            f"the question has more than {DEEPEST_RELATION} steps before it groups.",
            reason="PLAN_REJECTED",
            metadata={"rule": "too_deep"},
            hint="several columns in one .with_columns(…), several predicates in one .filter(…)",
        )
    return relation


def named(alias: str, expression: expression_pb2.Expression) -> expression_pb2.NamedExpression:
    """Return an expression under a name that can be a column of an answer."""
    return expression_pb2.NamedExpression(alias=nodes.check_alias(alias), expression=expression)


def grouping(
    keys: Sequence[expression_pb2.NamedExpression], listed: Sequence[object] | None, threshold: bool | int
) -> plan_pb2.GroupBy:
    """Return what rows are grouped by, and which groups are answered."""
    group_by = plan_pb2.GroupBy(keys=keys)
    if threshold is not False:
        weight = 0 if threshold is True else whole(threshold, "threshold", 1, _LARGEST_BOUND)
        group_by.threshold_keys.weight = weight
    elif listed is not None:
        if not 0 < len(listed) <= _MOST_KEYS:
            raise refused("keys", f"1 to {_MOST_KEYS:,} keys can be listed")
        group_by.public_keys.keys.extend(_key(each, len(keys)) for each in listed)
    return group_by


def _key(value: object, size: int) -> plan_pb2.KeyTuple:
    values = list(value) if isinstance(value, tuple | list) else [value]
    if len(values) != size:
        raise refused("keys", f"{value!r} has not {size} values, one for each column of group_by")
    return plan_pb2.KeyTuple(values=[literal(each, "keys") for each in values])


def plan(
    source: relation_pb2.Relation,
    group_by: plan_pb2.GroupBy | None,
    measures: Sequence[measure_pb2.Measure],
    bounds: plan_pb2.ContributionBounds | None,
) -> plan_pb2.Plan:
    """Return a plan.

    Raises:
        InvalidRequest: a key and a measure have the same name.
    """
    names = [each.alias for each in measures] + ([each.alias for each in group_by.keys] if group_by else [])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refused("agg", f"two columns of the answer are called {twice}", ".alias(…) for one of them")
    return plan_pb2.Plan(source=source, group_by=group_by, measures=measures, contribution_bounds=bounds)


def contribution_bounds(max_groups: int, max_rows_per_group: int, max_rows: int) -> plan_pb2.ContributionBounds:
    """Return bounds tighter than the dataset's."""
    return plan_pb2.ContributionBounds(
        max_groups=whole(max_groups, "max_groups", 0, _LARGEST_BOUND),
        max_rows_per_group=whole(max_rows_per_group, "max_rows_per_group", 0, _LARGEST_BOUND),
        max_rows=whole(max_rows, "max_rows", 0, _LARGEST_BOUND),
    )


def whole(value: int, field: str, least: int, most: int) -> int:
    """Return a whole number within its range."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refused(field, f"{value!r} is no whole number from {least:,} to {most:,}")
    return value


def confidence(value: float | None) -> float:
    """Return the confidence of intervals; 0 where none is asked."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise refused("confidence", f"{value!r} is not between 0 and 1", "confidence=0.95")
    return float(value)


def group_sizes(sizes: int | Sequence[int]) -> list[int]:
    """Return the sizes at which errors are told: one, or at most 16, each once."""
    if isinstance(sizes, int):
        sizes = [sizes]
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        raise refused("at", f"{sizes!r} is no whole number and no list of them", "at=[100, 1_000]")
    return list(dict.fromkeys(whole(each, "at", 1, _LARGEST_GROUP) for each in sizes))


def request_id(value: str | None) -> str:
    """Return a UUID; a new one where none is given."""
    if value is None:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise refused("request_id", f"{value!r} is no UUID", "str(uuid.uuid4())") from None


def statement(value: str) -> str:
    """Return a statement of 1 byte to 64 KiB."""
    if not isinstance(value, str) or not value.strip():
        raise refused("statement", "a statement is needed", "SELECT COUNT(*) AS n FROM penguins")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise refused("statement", "the text is not Unicode") from None
    if size > LONGEST_STATEMENT:
        raise RequestTooLarge(
            f"the statement has {size:,} bytes; {LONGEST_STATEMENT:,} are taken.", reason="REQUEST_INVALID"
        )
    return value


def resource(collection: str, name: str) -> str:
    """Return "projects/birds" for "birds"; "" stays ""."""
    if not name:
        return ""
    full = name if name.startswith(f"{collection}/") else f"{collection}/{name}"
    if not nodes.is_id(full.removeprefix(f"{collection}/")):
        raise refused(collection[:-1], f"{name!r} is no id", "lower case letters, digits and hyphens")
    return full


def relation_text(relation: relation_pb2.Relation) -> str:
    """Return rows in words, a step a line."""
    match relation.WhichOneof("kind"):
        case "filter":
            step = f" .filter({expression_text(relation.filter.predicate)})"
            return f"{relation_text(relation.filter.input)}\n{step}"
        case "derive":
            columns = ", ".join(f"{each.alias}={expression_text(each.expression)}" for each in relation.derive.columns)
            return f"{relation_text(relation.derive.input)}\n .with_columns({columns})"
    return relation.scan.dataset.removeprefix("datasets/")
