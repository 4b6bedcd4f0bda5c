"""A call that is being typed: its arguments are typed already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sfumato.v1 import expression_pb2, function_pb2
from sfumato_executor.plan.constants import adapted_exactly, constant, read_literal
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind, ValueType
from sfumato_executor.plan.ranges import Range
from sfumato_executor.plan.unification import converted
from sfumato_mesh.refusals import plan_rejected


@dataclass(frozen=True)
class Invocation:
    """A function with its typed arguments."""

    function: int
    arguments: tuple[Expression, ...]
    time_unit: int
    otherwise: expression_pb2.Literal | None
    path: str

    @property
    def name(self) -> str:
        """Name of the function as the contract has it, without prefix."""
        return function_pb2.Function.Name(function_pb2.Function.ValueType(self.function)).removeprefix("FUNCTION_")

    def path_of(self, index: int) -> str:
        """Path of an argument."""
        return f"{self.path}.call.arguments[{index}]"

    def exactly(self, count: int) -> tuple[Expression, ...]:
        """The arguments, `count` of them; else PLAN_REJECTED ("arguments")."""
        if len(self.arguments) != count:
            message = f"{self.name} takes {count} argument{'s' if count > 1 else ''}, not {len(self.arguments)}"
            raise plan_rejected("arguments", self.path, message, hint=f"give {count}")
        return self.arguments

    def at_least(self, count: int) -> tuple[Expression, ...]:
        """The arguments, `count` or more; else PLAN_REJECTED ("arguments")."""
        if len(self.arguments) < count:
            message = f"{self.name} takes {count} or more arguments, not {len(self.arguments)}"
            raise plan_rejected("arguments", self.path, message, hint=f"give {count} or more")
        return self.arguments

    def of_kind(self, index: int, kinds: Sequence[Kind]) -> Expression:
        """An argument of one of these kinds; else PLAN_REJECTED ("type")."""
        argument = self.arguments[index]
        if argument.type.kind not in kinds:
            wanted = " or ".join(kind.value for kind in kinds)
            message = f"{self.name} takes {wanted} here, not {argument.type.kind.value}"
            raise plan_rejected("type", self.path_of(index), message, hint="cast the value, or use another function")
        return argument

    def literal(self, index: int, kind: Kind) -> Constant:
        """An argument that must be a literal of a kind; else PLAN_REJECTED ("literal")."""
        argument = self.arguments[index]
        if not isinstance(argument, Constant):
            message = f"argument {index + 1} of {self.name} must be a literal"
            raise plan_rejected("literal", self.path_of(index), message, hint=f"write a {kind.value} literal")
        return adapted_exactly(argument, ValueType(kind, nullable=False), self.path_of(index))

    def result(
        self, arguments: tuple[Expression, ...], kind: Kind, proved: Range | None, *, nullable: bool | None = None
    ) -> Apply:
        """The node: null if an argument is, `otherwise` where its range is partial.

        `nullable` overrules what follows from the arguments. The range of `otherwise` joins the range of the node.
        """
        maybe = any(item.type.nullable for item in arguments) if nullable is None else nullable
        default = self._default(kind)
        if proved is None or not proved.partial:
            lower, upper = (proved.lower, proved.upper) if proved else (None, None)
            return Apply(self.function, arguments, ValueType(kind, maybe, lower, upper), None, self.time_unit)
        lower, upper = proved.lower, proved.upper
        if default.value is None:
            maybe = True
        else:
            assert isinstance(default.value, (int, float))
            lower, upper = min(lower, default.value), max(upper, default.value)
        return Apply(self.function, arguments, ValueType(kind, maybe, lower, upper), default, self.time_unit)

    def _default(self, kind: Kind) -> Constant:
        if self.otherwise is None:
            return constant(kind, None)
        path = f"{self.path}.call.otherwise"
        return adapted_exactly(read_literal(self.otherwise, path), ValueType(kind, nullable=False), path)


Rule = Callable[[Invocation], Expression]
"""Types one function."""


def proved_range(value: Expression) -> Range:
    """Range of an ordered value."""
    assert value.type.lower is not None
    assert value.type.upper is not None
    return Range(value.type.lower, value.type.upper)


def as_real(value: Expression) -> Expression:
    """A number as REAL."""
    wanted = ValueType(Kind.REAL, nullable=False)
    if isinstance(value, Constant):
        return adapted_exactly(value, wanted, "")
    return converted(value, wanted)


def out_of_range(call: Invocation) -> Exception:
    """Refusal of integers that could leave ±2^62."""
    return plan_rejected(
        "range",
        call.path,
        f"the integer result of {call.name} could leave ±2^62",
        hint="CLIP its arguments, or CAST them to real",
    )
