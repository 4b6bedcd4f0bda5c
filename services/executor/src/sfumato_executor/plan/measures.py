"""Measures of a plan as draws that are wanted, before any noise is priced.

Draws with the same content are one draw. A mean wants a centred sum and a count of the rows that it averages; that
count is paid once and shared by all measures with the same null mask and the same noise. Weights share the loss: a
measure's weight goes to its draw; a mean's goes to its sum where a COUNT measure pays its count already, else half to
either, and the largest half of the means that share a count pays it. So what is paid does not depend on the order of
measures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.encoding import Structure, dump, structure
from sfumato_executor.plan.expressions import Apply, Column, Constant, Convert, Expression, ValueType
from sfumato_executor.plan.program import DrawKind, MeasureKind, VectorKind


@dataclass(frozen=True)
class WantedVector:
    """Exact integers that a draw is over. Bounds are those of a sum, in the value's unit."""

    kind: VectorKind
    value: Expression | None = None
    lower: float = 0.0
    upper: float = 0.0
    centred: bool = False
    whole: bool = False
    bins: int = 1

    def content(self) -> Structure:
        """What tells vectors apart."""
        bounds: Structure = [self.lower.hex(), self.upper.hex(), self.centred] if self.kind is VectorKind.SUM else None
        return [self.kind.value, structure(self.value), bounds, self.bins]


@dataclass(frozen=True)
class WantedDraw:
    """A noise draw over a vector; level and candidates are those of a noisy maximum."""

    kind: DrawKind
    vector: WantedVector
    level: tuple[int, int] = (0, 1)
    candidates: tuple[float, ...] = ()

    @cached_property
    def key(self) -> str:
        """Equal for equal draws; the canonical order is that of keys."""
        choices: Structure = [*self.level, [candidate.hex() for candidate in self.candidates]]
        return dump([self.vector.content(), self.kind.value, choices])


@dataclass(frozen=True)
class WantedMeasure:
    """A measure with the draws that it is read from; a mean's are its sum and its count."""

    alias: str
    kind: MeasureKind
    draws: tuple[WantedDraw, ...]
    type: ValueType
    weight: int
    lower: float = 0.0
    upper: float = 0.0
    unit: str = ""
    bin_labels: tuple[str, ...] = ()
    path: str = ""


def weighted(measures: Sequence[WantedMeasure]) -> dict[str, tuple[WantedDraw, int]]:
    """Every draw by its key, with twice its weight."""
    found: dict[str, tuple[WantedDraw, int]] = {}
    for measure in measures:
        if measure.kind is not MeasureKind.MEAN:
            _raise_weight(found, measure.draws[0], 2 * measure.weight)
    paid = frozenset(found)
    for measure in measures:
        if measure.kind is MeasureKind.MEAN:
            total, count = measure.draws
            if count.key in paid:
                _raise_weight(found, total, 2 * measure.weight)
            else:
                _raise_weight(found, total, measure.weight)
                _raise_weight(found, count, measure.weight)
    return found


def _raise_weight(found: dict[str, tuple[WantedDraw, int]], draw: WantedDraw, weight: int) -> None:
    known = found.get(draw.key)
    found[draw.key] = (draw, max(weight, known[1] if known else 0))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount of whole units in proportion to weights: rounded down, the units left over one each to the first."""
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    for index in range(amount - sum(parts)):
        parts[index] += 1
    return parts


_KEEPS_UNIT = frozenset(
    (
        f.FUNCTION_ADD,
        f.FUNCTION_SUBTRACT,
        f.FUNCTION_NEGATE,
        f.FUNCTION_ABS,
        f.FUNCTION_FLOOR,
        f.FUNCTION_CEIL,
        f.FUNCTION_ROUND,
        f.FUNCTION_LEAST,
        f.FUNCTION_GREATEST,
        f.FUNCTION_CLIP,
        f.FUNCTION_COALESCE,
    )
)


def unit_of(value: Expression | None, units: Mapping[str, str]) -> str:
    """Unit of measurement of a value, where every column in it has that one; "" else."""
    found = set(_units(value, units))
    return found.pop() if len(found) == 1 else ""


def _units(value: Expression | None, units: Mapping[str, str]) -> Iterable[str]:
    match value:
        case Column(name=name):
            yield units.get(name, "")
        case Constant():
            return
        case Convert(value=source):
            yield from _units(source, units)
        case Apply(function=function, arguments=arguments) if function in _KEEPS_UNIT:
            for argument in arguments:
                yield from _units(argument, units)
        case _:
            yield ""
