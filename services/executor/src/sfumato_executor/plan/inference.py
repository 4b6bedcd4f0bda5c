"""From expressions of the wire to typed ones: names resolved, types and ranges proved, canonical order.

Depth and nodes are bounded before (`limits`), so recursion is. Derived columns are put in place of their names; the
nodes that this makes are counted as it happens, so that no chain of doublings grows beyond the limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sfumato.v1 import expression_pb2
from sfumato_executor.plan import arithmetic, comparisons, texts, times
from sfumato_executor.plan.choices import KINDS, bucket, cast, choice
from sfumato_executor.plan.constants import read_literal
from sfumato_executor.plan.expressions import Expression
from sfumato_executor.plan.invocation import Invocation, Rule
from sfumato_executor.plan.limits import DEPTH_MAX, INLINED_NODES_MAX, NODES_MAX, too_deep, too_many_nodes
from sfumato_executor.plan.suggestions import nearest, shown
from sfumato_mesh.refusals import plan_rejected

_RULES: Final[Mapping[int, Rule]] = {**comparisons.RULES, **arithmetic.RULES, **texts.RULES, **times.RULES}


@dataclass(frozen=True)
class Named:
    """What a column name stands for, with the nodes and the depth that it brings along."""

    expression: Expression
    nodes: int = 1
    depth: int = 1


class Inference:
    """Types the expressions of one plan."""

    def __init__(self, dataset: str, unit_column: str) -> None:
        self._dataset = dataset
        self._unit_column = unit_column
        self._total = 0
        self._nodes = 0
        self._depth = 0

    def typed(self, expression: expression_pb2.Expression, columns: Mapping[str, Named], path: str) -> Named:
        """A typed expression over `columns`. Raises PLAN_REJECTED with the path in the plan."""
        self._nodes, self._depth = 0, 0
        result = self._typed(expression, columns, path, 1)
        return Named(result, self._nodes, self._depth)

    def _typed(
        self, expression: expression_pb2.Expression, columns: Mapping[str, Named], path: str, depth: int
    ) -> Expression:
        kind = expression.WhichOneof("kind")
        if kind == "column":
            named = self._column(expression.column, columns, f"{path}.column")
            self._count(named.nodes, depth + named.depth - 1, path)
            return named.expression
        self._count(1, depth, path)
        match kind:
            case "literal":
                return read_literal(expression.literal, f"{path}.literal")
            case "call":
                return self._call(expression.call, columns, path, depth)
            case "case_when":
                return self._case(expression.case_when, columns, path, depth)
            case "cast":
                return self._cast(expression.cast, columns, path, depth)
            case "in_list":
                value = self._typed(expression.in_list.value, columns, f"{path}.in_list.value", depth + 1)
                return comparisons.member(value, expression.in_list.items, f"{path}.in_list")
            case "bin":
                value = self._typed(expression.bin.value, columns, f"{path}.bin.value", depth + 1)
                return bucket(value, expression.bin.edges, path)
            case _:
                raise plan_rejected("expression", path, "the expression is empty", hint="give one kind of expression")

    def _count(self, nodes: int, depth: int, path: str) -> None:
        self._nodes += nodes
        self._total += nodes
        self._depth = max(self._depth, depth)
        if depth > DEPTH_MAX:
            raise too_deep(path)
        if self._nodes > NODES_MAX:
            raise too_many_nodes(path, NODES_MAX)
        if self._total > INLINED_NODES_MAX:
            raise too_many_nodes(path, INLINED_NODES_MAX)

    def _column(self, name: str, columns: Mapping[str, Named], path: str) -> Named:
        found = columns.get(name)
        if found is not None:
            return found
        names = list(columns)
        listed = shown(names)
        if name == self._unit_column and name:
            message = f"{name} names the privacy unit of {self._dataset} and cannot be asked about"
            hint = f"COUNT_UNITS counts units; columns: {listed}"
            raise plan_rejected("unit_column", path, message, hint=hint, column=name, columns=listed)
        near = nearest(name, names)
        metadata = {"column": name, "columns": listed, **({"did_you_mean": near} if near else {})}
        hint = (f"did you mean {near}? " if near else "") + f"columns: {listed}"
        raise plan_rejected("unknown_column", path, f"{name} is not a column of {self._dataset}", hint=hint, **metadata)

    def _call(self, call: expression_pb2.Call, columns: Mapping[str, Named], path: str, depth: int) -> Expression:
        rule = _RULES.get(call.function)
        if rule is None:
            raise plan_rejected("function", path, "the function is none of the list", hint="see sfumato.v1.Function")
        arguments = tuple(
            self._typed(argument, columns, f"{path}.call.arguments[{index}]", depth + 1)
            for index, argument in enumerate(call.arguments)
        )
        otherwise = call.otherwise if call.HasField("otherwise") else None
        invocation = Invocation(call.function, arguments, call.time_unit, otherwise, path)
        if call.time_unit and call.function not in times.TAKES_UNIT:
            raise plan_rejected("time_unit", path, f"{invocation.name} has no time unit", hint="leave it out")
        return rule(invocation)

    def _case(self, case: expression_pb2.CaseWhen, columns: Mapping[str, Named], path: str, depth: int) -> Expression:
        branches = []
        for index, branch in enumerate(case.branches):
            place = f"{path}.case_when.branches[{index}]"
            condition = self._typed(branch.condition, columns, f"{place}.condition", depth + 1)
            branches.append((condition, self._typed(branch.value, columns, f"{place}.value", depth + 1)))
        if not branches:
            raise plan_rejected("expression", path, "a CASE needs a branch", hint="give a condition and a value")
        otherwise = None
        if case.HasField("otherwise"):
            otherwise = self._typed(case.otherwise, columns, f"{path}.case_when.otherwise", depth + 1)
        return choice(branches, otherwise, path)

    def _cast(self, node: expression_pb2.Cast, columns: Mapping[str, Named], path: str, depth: int) -> Expression:
        value = self._typed(node.value, columns, f"{path}.cast.value", depth + 1)
        target = KINDS.get(node.type)
        if target is None:
            raise plan_rejected("type", f"{path}.cast.type", "the type is none of the list", hint="see DataType")
        otherwise = None
        if node.HasField("otherwise"):
            otherwise = read_literal(node.otherwise, f"{path}.cast.otherwise")
        return cast(value, target, otherwise, path)
