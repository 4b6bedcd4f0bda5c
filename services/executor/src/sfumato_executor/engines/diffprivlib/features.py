"""What enters an estimator: numbers moved into −1 … 1 over their declared bounds, categories as one number a value.

Diffprivlib takes the width of a range for how far a row moves a sum (`GaussianNB._update_mean_variance`,
`KMeans._update_centers`), and the lower bound for the largest absolute value (`_construct_regression_obj`). Neither
holds for a range like 2,500 … 6,500; both do for one that is symmetric about 0. So every input is symmetric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfumato_executor.engines.library.program import RowColumn
from sfumato_executor.plan.expressions import Kind, ValueType
from sfumato_executor.plan.inference import Named
from sfumato_executor.plan.suggestions import nearest, shown
from sfumato_mesh.refusals import plan_rejected

INPUTS_MAX: Final = 500
"""Numbers that enter, categories spread."""
CLASSES_MAX: Final = 100
_PATH: Final = "model.estimator"


@dataclass(frozen=True)
class Feature:
    """A column of the rows and the inputs that it makes."""

    kind: Kind
    names: tuple[str, ...]
    """Of its inputs: "body_mass_g"; "species=Adelie", one a value."""
    offset: float
    scale: float
    """Above 0. An input is (value − offset) / scale."""

    @property
    def width(self) -> int:
        """Inputs."""
        return len(self.names)


@dataclass(frozen=True)
class Target:
    """What is predicted: a class by its place, or a number."""

    classes: tuple[str, ...]
    """Empty for a number."""
    offset: float = 0.0
    scale: float = 1.0


def feature(name: str, columns: Mapping[str, Named], path: str) -> tuple[Feature, RowColumn]:
    """Return a feature by its column's name.

    Raises:
        Refusal: PLAN_REJECTED ("unknown_column", "column").
    """
    found = _column(name, columns, path)
    kind = found.expression.type
    column = RowColumn(name, found.expression)
    if kind.kind is Kind.CATEGORY:
        return Feature(kind.kind, tuple(f"{name}={value}" for value in kind.categories), 0.5, 0.5), column
    if kind.kind is Kind.BOOLEAN:
        return Feature(kind.kind, (name,), 0.5, 0.5), column
    offset, scale = _symmetric(name, kind, path)
    return Feature(kind.kind, (name,), offset, scale), column


def target_of_classes(name: str, columns: Mapping[str, Named]) -> tuple[Target, RowColumn]:
    """Return a target whose classes are a column's declared values.

    Raises:
        Refusal: PLAN_REJECTED ("unknown_column", "target").
    """
    path = f"{_PATH}.target"
    found = _column(name, columns, path)
    kind = found.expression.type
    if kind.kind is Kind.BOOLEAN:
        return Target(("false", "true")), RowColumn(name, found.expression)
    if kind.kind is not Kind.CATEGORY or not 2 <= len(kind.categories) <= CLASSES_MAX:
        message = f"{name} is no category of 2 to {CLASSES_MAX} values, and no boolean"
        raise plan_rejected("target", path, message, hint="classes are declared values, never those that occur")
    return Target(kind.categories), RowColumn(name, found.expression)


def target_of_numbers(name: str, columns: Mapping[str, Named]) -> tuple[Target, RowColumn]:
    """Return a target that is a number.

    Raises:
        Refusal: PLAN_REJECTED ("unknown_column", "column", "target").
    """
    path = f"{_PATH}.target"
    found = _column(name, columns, path)
    offset, scale = _symmetric(name, found.expression.type, path)
    return Target((), offset, scale), RowColumn(name, found.expression)


def check_width(features: Sequence[Feature]) -> None:
    """Raise PLAN_REJECTED ("too_many_inputs") where categories spread too wide."""
    width = sum(each.width for each in features)
    if width > INPUTS_MAX:
        message = f"the features make {width:,} inputs, one a value of a category"
        raise plan_rejected("too_many_inputs", f"{_PATH}.features", message, hint=f"at most {INPUTS_MAX}")


def _column(name: str, columns: Mapping[str, Named], path: str) -> Named:
    found = columns.get(name)
    if found is None:
        guess = nearest(name, list(columns))
        hint = f"did you mean {guess}?" if guess else f"its columns: {shown(list(columns))}"
        raise plan_rejected("unknown_column", path, f"{name[:64]} is no column of the source", hint=hint)
    return found


def _symmetric(name: str, kind: ValueType, path: str) -> tuple[float, float]:
    if kind.kind not in (Kind.INTEGER, Kind.REAL) or kind.lower is None or kind.upper is None:
        message = f"{name} is no number with bounds"
        raise plan_rejected("column", path, message, hint="numbers, booleans and categories can enter")
    half = (float(kind.upper) - float(kind.lower)) / 2
    return float(kind.lower) + half, half if half > 0 else 1.0
