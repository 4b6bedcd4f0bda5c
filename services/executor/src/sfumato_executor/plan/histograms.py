"""Bins of a histogram: a Bin expression, or anything with a short public list of values."""

from dataclasses import dataclass
from typing import Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import constant
from sfumato_executor.plan.expressions import Apply, Bucket, Expression, Kind, ValueType
from sfumato_executor.plan.time_units import text_of
from sfumato_mesh.refusals import plan_rejected

NARROW_MAX: Final = 10_000
"""Whole numbers in a range of which each is a bin."""
_SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True)
class Bins:
    """`value` as a BINS vector takes it, with a label for each bin."""

    value: Expression
    labels: tuple[str, ...]


def histogram_bins(value: Expression, path: str) -> Bins:
    """The bins. Raises PLAN_REJECTED ("bins_not_public")."""
    kind = value.type.kind
    if isinstance(value, Bucket):
        return Bins(value, _interval_labels(value))
    if kind is Kind.BOOLEAN:
        return Bins(value, ("false", "true"))
    if kind is Kind.CATEGORY:
        return Bins(value, value.type.categories)
    if kind is Kind.INTEGER:
        lower, upper = int(value.type.lower or 0), int(value.type.upper or 0)
        if upper - lower < NARROW_MAX:
            return Bins(_from_zero(value, lower, upper), tuple(map(str, range(lower, upper + 1))))
    message = f"the values of a {kind.value} are no public bins"
    raise plan_rejected("bins_not_public", path, message, hint="put the value into bins (Bin)")


def _from_zero(value: Expression, lower: int, upper: int) -> Expression:
    if lower == 0:
        return value
    value_type = ValueType(Kind.INTEGER, value.type.nullable, 0, upper - lower)
    return Apply(f.FUNCTION_SUBTRACT, (value, constant(Kind.INTEGER, lower)), value_type)


def _interval_labels(bucket: Bucket) -> tuple[str, ...]:
    ends = [_edge_text(edge, bucket.value.type.kind) for edge in bucket.edges]
    last = len(ends) - 2
    return tuple(f"[{ends[i]}, {ends[i + 1]}{']' if i == last else ')'}" for i in range(last + 1))


def _edge_text(edge: float, kind: Kind) -> str:
    if kind in (Kind.DATE, Kind.TIMESTAMP) and abs(edge) < 6e10:  # some 1,900 years around 1970
        if edge % _SECONDS_A_DAY == 0:
            return text_of(int(edge // _SECONDS_A_DAY), Kind.DATE)
        return text_of(round(edge * 1_000_000), Kind.TIMESTAMP)
    return f"{edge:.15g}"
