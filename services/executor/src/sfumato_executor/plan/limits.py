"""How large a plan may be: checked first and without recursion, so that all later recursion is bounded."""

from collections.abc import Iterator

from sfumato.v1 import expression_pb2, measure_pb2, plan_pb2, relation_pb2
from sfumato_mesh.refusals import plan_rejected

RELATIONS_MAX = 16
"""Relations that may nest, the scan among them."""
DEPTH_MAX = 16
"""Levels of one expression, as written and again with derived columns put in place."""
NODES_MAX = 1_000
"""Expression nodes of a plan as written, and of one expression with derived columns put in place."""
INLINED_NODES_MAX = 10_000
"""Expression nodes of a whole plan with derived columns put in place."""
KEYS_MAX = 100_000
"""Group keys that one question answers."""
LISTED_KEYS_MAX = 10_000
"""Of these, keys that the question lists itself; more are declared with the column."""
TEXT_MAX = 1_024
"""Characters of a text literal."""
ENTRIES_MAX = 1_000_000
"""Integers to which one question adds noise: about 14 µs each."""
BINS_MAX = 50_000
"""Candidates and bins of all measures of a question together."""
CHOICES_MAX = 10_000_000
"""Candidates that noisy maxima of one question weigh, over all keys."""

Node = tuple[expression_pb2.Expression, str, int]


def check_limits(plan: plan_pb2.Plan) -> None:
    """Raise PLAN_REJECTED ("too_deep", "too_many_nodes") where a plan is beyond the limits."""
    stack: list[Node] = [(node, path, 1) for node, path in _roots(plan)]
    count = len(stack)
    while stack:
        node, path, depth = stack.pop()
        if depth > DEPTH_MAX:
            raise too_deep(path)
        below = [(child, child_path, depth + 1) for child, child_path in _children(node, path)]
        count += len(below)
        if count > NODES_MAX:
            raise too_many_nodes(path, NODES_MAX)
        stack.extend(below)


def too_deep(path: str) -> Exception:
    """Refusal of an expression that is too deep, derived columns put in place."""
    return plan_rejected(
        "too_deep",
        path,
        f"the expression is more than {DEPTH_MAX} deep, derived columns put in place",
        hint="nest less: AND, OR, ADD, MULTIPLY, LEAST and GREATEST take many arguments at one level",
    )


def too_many_nodes(path: str, limit: int) -> Exception:
    """Refusal of a plan with more expression nodes than `limit`."""
    return plan_rejected(
        "too_many_nodes",
        path,
        f"the plan has more than {limit:,} expression nodes",
        hint="ask in several questions, or use a list (IN) in place of many comparisons",
    )


def relations(plan: plan_pb2.Plan) -> list[tuple[relation_pb2.Relation, str]]:
    """The relations of a plan from the outermost to the scan, each with its path."""
    found: list[tuple[relation_pb2.Relation, str]] = []
    relation, path = plan.source, "source"
    while True:
        found.append((relation, path))
        if len(found) > RELATIONS_MAX:
            message = f"relations nest more than {RELATIONS_MAX} deep"
            raise plan_rejected("too_deep", path, message, hint="join filters by AND, and derive columns together")
        kind = relation.WhichOneof("kind")
        if kind == "filter":
            relation, path = relation.filter.input, f"{path}.filter.input"
        elif kind == "derive":
            relation, path = relation.derive.input, f"{path}.derive.input"
        else:
            return found


def _roots(plan: plan_pb2.Plan) -> Iterator[tuple[expression_pb2.Expression, str]]:
    for relation, path in relations(plan):
        kind = relation.WhichOneof("kind")
        if kind == "filter":
            yield relation.filter.predicate, f"{path}.filter.predicate"
        elif kind == "derive":
            for index, column in enumerate(relation.derive.columns):
                yield column.expression, f"{path}.derive.columns[{index}].expression"
    for index, key in enumerate(plan.group_by.keys):
        yield key.expression, f"group_by.keys[{index}].expression"
    for index, measure in enumerate(plan.measures):
        yield from _measured(measure, f"measures[{index}]")


def _measured(measure: measure_pb2.Measure, path: str) -> Iterator[tuple[expression_pb2.Expression, str]]:
    match measure.WhichOneof("kind"):
        case "histogram":
            yield measure.histogram.bins, f"{path}.histogram.bins"
        case "count":
            if measure.count.HasField("value"):
                yield measure.count.value, f"{path}.count.value"
        case "sum":
            yield measure.sum.value, f"{path}.sum.value"
        case "mean":
            yield measure.mean.value, f"{path}.mean.value"
        case "quantile":
            yield measure.quantile.value, f"{path}.quantile.value"


def _children(node: expression_pb2.Expression, path: str) -> list[tuple[expression_pb2.Expression, str]]:
    kind = node.WhichOneof("kind")
    if kind == "call":
        return [(item, f"{path}.call.arguments[{index}]") for index, item in enumerate(node.call.arguments)]
    if kind == "case_when":
        found = []
        for index, branch in enumerate(node.case_when.branches):
            found.append((branch.condition, f"{path}.case_when.branches[{index}].condition"))
            found.append((branch.value, f"{path}.case_when.branches[{index}].value"))
        if node.case_when.HasField("otherwise"):
            found.append((node.case_when.otherwise, f"{path}.case_when.otherwise"))
        return found
    if kind == "cast":
        return [(node.cast.value, f"{path}.cast.value")]
    if kind == "in_list":
        return [(node.in_list.value, f"{path}.in_list.value")]
    if kind == "bin":
        return [(node.bin.value, f"{path}.bin.value")]
    return []
