"""Measures of the wire as wanted draws: values typed, bounds filled in, noise chosen."""

import math
from collections.abc import Mapping
from typing import Final

from sfumato.v1 import expression_pb2, measure_pb2
from sfumato_executor.plan.expressions import Expression, Kind, ValueType
from sfumato_executor.plan.funds import Funds
from sfumato_executor.plan.histograms import histogram_bins
from sfumato_executor.plan.inference import Inference
from sfumato_executor.plan.limits import BINS_MAX
from sfumato_executor.plan.masks import null_mask, present_after
from sfumato_executor.plan.measures import WantedDraw, WantedMeasure, WantedVector, unit_of
from sfumato_executor.plan.program import DrawKind, MeasureKind, VectorKind
from sfumato_executor.plan.quantiles import candidate_bins, quantile_choice
from sfumato_executor.plan.ranges import INTEGER_MAX, REAL_MAX
from sfumato_executor.plan.resolution import Rows
from sfumato_executor.plan.unification import NUMBERS
from sfumato_mesh.refusals import plan_rejected

_COUNT: Final = ValueType(Kind.INTEGER, nullable=False)
_REAL: Final = ValueType(Kind.REAL, nullable=False)


class Asking:
    """Reads the measures of one plan; `notes` gathers what the caller should know."""

    def __init__(self, inference: Inference, rows: Rows, units: Mapping[str, str], money: Funds) -> None:
        self._inference = inference
        self._columns = rows.columns
        self._present = present_after(rows.filter)
        self._units = units
        self._funds = money
        self._bins = 0
        self.notes: list[str] = []

    def measure(self, measure: measure_pb2.Measure, path: str) -> WantedMeasure:
        """One measure. Raises PLAN_REJECTED with the path in the plan."""
        family = self._funds.family(measure.noise, f"{path}.noise")
        weight = measure.weight or 1
        match measure.WhichOneof("kind"):
            case "count":
                value = None
                if measure.count.HasField("value"):
                    value = null_mask(self._typed(measure.count.value, f"{path}.count.value"), self._present)
                draw = WantedDraw(family, WantedVector(VectorKind.ROWS, value))
                return WantedMeasure(measure.alias, MeasureKind.COUNT, (draw,), _COUNT, weight, path=path)
            case "count_units":
                draw = WantedDraw(family, WantedVector(VectorKind.UNITS))
                return WantedMeasure(measure.alias, MeasureKind.COUNT_UNITS, (draw,), _COUNT, weight, path=path)
            case "sum":
                return self._total(measure, measure.sum, MeasureKind.SUM, family, f"{path}.sum")
            case "mean":
                return self._total(measure, measure.mean, MeasureKind.MEAN, family, f"{path}.mean")
            case "quantile":
                return self._quantile(measure, weight, f"{path}.quantile")
            case "histogram":
                return self._histogram(measure, family, weight, f"{path}.histogram")
            case _:
                raise plan_rejected("measure", path, "the measure is empty", hint="give one kind of measure")

    def _typed(self, expression: expression_pb2.Expression, path: str) -> Expression:
        return self._inference.typed(expression, self._columns, path).expression

    def _total(
        self,
        measure: measure_pb2.Measure,
        asked: measure_pb2.Sum | measure_pb2.Mean,
        kind: MeasureKind,
        family: DrawKind,
        path: str,
    ) -> WantedMeasure:
        value = self._typed(asked.value, f"{path}.value")
        if value.type.kind not in NUMBERS:
            message = f"a {kind.value} is of numbers, not of {value.type.kind.value}"
            hint = "cast it to integer" if value.type.kind is Kind.BOOLEAN else "count it, or take a number"
            raise plan_rejected("type", f"{path}.value", message, hint=hint)
        lower, upper = _bounds(value, asked.bounds if asked.HasField("bounds") else None, path)
        centred = kind is MeasureKind.MEAN
        if lower == upper and (centred or lower == 0):
            message = "all values are the same, whatever the data: the answer would have no noise"
            raise plan_rejected("sensitivity_zero", f"{path}.value", message, hint="count the rows")
        whole = value.type.kind is Kind.INTEGER and lower.is_integer() and upper.is_integer()
        vector = WantedVector(VectorKind.SUM, value, lower, upper, centred, whole)
        draws = [WantedDraw(family, vector)]
        if centred:
            draws.append(WantedDraw(family, WantedVector(VectorKind.ROWS, null_mask(value, self._present))))
        return WantedMeasure(
            measure.alias,
            kind,
            tuple(draws),
            _REAL,
            measure.weight or 1,
            lower,
            upper,
            unit_of(value, self._units),
            path=path,
        )

    def _quantile(self, measure: measure_pb2.Measure, weight: int, path: str) -> WantedMeasure:
        value = self._typed(measure.quantile.value, f"{path}.value")
        choice = quantile_choice(measure.quantile, value, measure.alias, path)
        self.notes.extend(choice.notes)
        self._count_bins(len(choice.candidates), path)
        bins = candidate_bins(value, choice.candidates)
        vector = WantedVector(VectorKind.BINS, bins, bins=len(choice.candidates) + 1)
        draw = WantedDraw(DrawKind.NOISY_MAX, vector, choice.level, choice.candidates)
        return WantedMeasure(
            measure.alias,
            MeasureKind.QUANTILE,
            (draw,),
            choice.type,
            weight,
            choice.candidates[0],
            choice.candidates[-1],
            unit_of(value, self._units),
            path=path,
        )

    def _count_bins(self, count: int, path: str) -> None:
        self._bins += count
        if self._bins > BINS_MAX:
            message = f"quantiles and histograms have more than {BINS_MAX:,} candidates and bins together"
            raise plan_rejected("too_many_answers", path, message, hint="give fewer, or ask in several questions")

    def _histogram(self, measure: measure_pb2.Measure, family: DrawKind, weight: int, path: str) -> WantedMeasure:
        bins = histogram_bins(self._typed(measure.histogram.bins, f"{path}.bins"), f"{path}.bins")
        self._count_bins(len(bins.labels), path)
        vector = WantedVector(VectorKind.BINS, bins.value, bins=len(bins.labels))
        return WantedMeasure(
            measure.alias,
            MeasureKind.HISTOGRAM,
            (WantedDraw(family, vector),),
            _COUNT,
            weight,
            bin_labels=bins.labels,
            path=path,
        )


def _bounds(value: Expression, asked: measure_pb2.Bounds | None, path: str) -> tuple[float, float]:
    """Bounds of a sum: the proved ones, narrowed by those asked."""
    assert value.type.lower is not None
    assert value.type.upper is not None
    lower, upper = float(value.type.lower), float(value.type.upper)
    if asked is not None:
        low, high = asked.lower + 0.0, asked.upper + 0.0
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            message = "the lower bound must be below the upper bound, both finite"
            raise plan_rejected("bounds", f"{path}.bounds", message, hint="exchange them")
        if low > upper or high < lower:
            message = f"no value can lie within these bounds: they lie within {lower:.15g} and {upper:.15g}"
            raise plan_rejected("bounds", f"{path}.bounds", message, hint="give bounds that overlap with that")
        lower, upper = max(lower, low), min(upper, high)
    limit = REAL_MAX if value.type.kind is Kind.REAL else float(INTEGER_MAX)
    if max(abs(lower), abs(upper)) >= limit:
        message = "nothing narrow is known of the values, so noise would drown the answer"
        raise plan_rejected("bounds_missing", f"{path}.bounds", message, hint="give bounds, or CLIP the value")
    return lower, upper
