"""What a synthesizer's columns may hold: a list of codes for each, from the schema alone.

A library that learns its domain from data tells which values occur (Ganev et al. 2025). Here a column is cut into bins
over its proved bounds, or into its declared values, whatever rows there are; null is one code more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sfumato.v1.synthesizer_pb2 import SynthesizerColumn
from sfumato_executor.plan.expressions import Kind, ValueType
from sfumato_mesh.refusals import plan_rejected

WHOLE_VALUES_MAX: Final = 1_000
"""Values of a whole number or date that get a bin each without being asked."""
WIDTH_MAX: Final = 2**61
"""Between bounds."""
BINS_MAX: Final = 1_000_000
"""Of one column, as releases may say it; requests say at most 1,000, categories may have more."""
_WHOLE: Final = (Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP)


@dataclass(frozen=True)
class Axis:
    """One column as codes: 0 … bins − 1, and `bins` for null where it may be null."""

    name: str
    kind: Kind
    bins: int
    nullable: bool
    lower: float = 0.0
    """Of numbers, in their own unit; days and µs since 1970 for dates and timestamps. Whole for whole kinds."""
    upper: float = 0.0
    values: tuple[str, ...] = ()
    """Of a category."""

    @property
    def size(self) -> int:
        """Codes, null among them."""
        return self.bins + self.nullable

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        return self.kind in _WHOLE

    def to_json(self) -> dict[str, Any]:
        """Return it for the job and for the release."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "bins": self.bins,
            "nullable": self.nullable,
            "lower": int(self.lower) if self.is_whole else self.lower,
            "upper": int(self.upper) if self.is_whole else self.upper,
            "values": list(self.values),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Axis":
        """Return what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        axis = cls(
            str(found["name"]),
            Kind(found["kind"]),
            int(found["bins"]),
            bool(found["nullable"]),
            found["lower"],
            found["upper"],
            tuple(str(value) for value in found["values"]),
        )
        categories = axis.kind is not Kind.CATEGORY or len(axis.values) == axis.bins
        if not 1 <= axis.bins <= BINS_MAX or not axis.lower <= axis.upper or not categories or axis.kind is Kind.TEXT:
            raise ValueError("no axis")
        return axis


def axis_of(column: SynthesizerColumn, found: ValueType, path: str) -> Axis:
    """Return the codes of a column.

    Args:
        column: name and wished bins.
        found: what is proved of its values.
        path: of the column in the request.

    Raises:
        Refusal: PLAN_REJECTED ("column", "bins").
    """
    kind, bins = found.kind, column.bin_count
    if kind is Kind.TEXT:
        message = f"{column.name} is text, and has no list of values that are public"
        raise plan_rejected("column", path, message, hint="leave it out, or declare it as a category")
    if kind in (Kind.BOOLEAN, Kind.CATEGORY):
        if bins:
            message = f"{column.name} has a value a bin already"
            raise plan_rejected("bins", f"{path}.bin_count", message, hint="leave bin_count out")
        values = found.categories if kind is Kind.CATEGORY else ()
        return Axis(column.name, kind, len(values) or 2, found.nullable, values=values)
    if found.lower is None or found.upper is None:
        raise plan_rejected("column", path, f"{column.name} has no bounds", hint="the custodian declares bounds")
    if not found.upper - found.lower <= WIDTH_MAX:
        message = f"the bounds of {column.name} are too far apart to draw between them"
        raise plan_rejected("column", path, message, hint=f"at most {WIDTH_MAX:.0e}: declare narrower ones, or CLIP it")
    if not bins and not _is_narrow(found):
        message = f"{column.name} has more values than bins, and the request says no bin_count"
        raise plan_rejected("bins", f"{path}.bin_count", message, hint="20, for example; at most 1,000")
    width = int(found.upper) - int(found.lower) + 1 if kind is not Kind.REAL else None
    if width is not None and bins > width:
        message = f"{column.name} has {width:,} values, and cannot be cut into {bins:,} bins"
        raise plan_rejected("bins", f"{path}.bin_count", message, hint=f"at most {width:,}")
    return Axis(column.name, kind, bins or int(width or 1), found.nullable, found.lower, found.upper)


def _is_narrow(found: ValueType) -> bool:
    assert found.lower is not None
    assert found.upper is not None
    return found.kind is not Kind.REAL and int(found.upper) - int(found.lower) < WHOLE_VALUES_MAX
