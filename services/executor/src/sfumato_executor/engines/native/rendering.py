"""From a canonical release to the answer's columns: arithmetic on noisy integers, free of charge.

Loads no engine library, so that a front can render what workers released.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as compute

from sfumato_executor.plan.accuracy import half_width, mean_interval, mean_value
from sfumato_executor.plan.answer import answer_schema, output_type
from sfumato_executor.plan.expressions import Kind
from sfumato_executor.plan.program import MeasureKind, Output, Program

Ends = tuple[Sequence[object], Sequence[object], Sequence[object]]
"""Value, lower and upper end of each row; Arrow arrays are such sequences too."""

_EXACT = 2**52
"""Integers up to it, and their products with a dyadic step, are exact in float64."""


def draw_name(index: int) -> str:
    """Column of a release that holds a draw."""
    return f"draw_{index}"


def render(program: Program, release: pa.Table, confidence: float) -> pa.Table:
    """The answer: key columns, then each measure with its interval at a confidence.

    Sums are step × integer, exact in binary. Intervals come from the noise alone, and hold whatever the data; those of
    quantiles are null, since their error is one of the level.
    """
    schema = answer_schema(program)
    columns = [release.column(index).combine_chunks() for index in range(len(program.keys))]
    for output in program.outputs:
        column = output_type(output)
        ends = _ENDS[output.kind](program, output, release, confidence)
        columns.extend(arrow_array(values, column) for values in ends)
    return pa.Table.from_arrays(columns, schema=schema)


def _integers(release: pa.Table, output: Output, place: int = 0) -> list[int]:
    values: list[int] = release.column(draw_name(output.draws[place])).to_pylist()
    return values


def _small(release: pa.Table, output: Output, width: int) -> Ends | None:
    """A draw and the ends of its interval as Arrow arrays, if all stay where float64 is exact; None: they do not."""
    values = release.column(draw_name(output.draws[0])).combine_chunks()
    extremes = compute.min_max(values)
    largest = max(abs(extremes["min"].as_py() or 0), abs(extremes["max"].as_py() or 0))
    if largest + width > _EXACT:
        return None
    return values, compute.subtract(values, width), compute.add(values, width)


def _counts(program: Program, output: Output, release: pa.Table, confidence: float) -> Ends:
    width = math.floor(half_width(program.draws[output.draws[0]], confidence))
    small = _small(release, output, width)
    if small is not None:
        return small
    values = _integers(release, output)
    return values, [value - width for value in values], [value + width for value in values]


def _sums(program: Program, output: Output, release: pa.Table, confidence: float) -> Ends:
    draw = program.draws[output.draws[0]]
    step = program.vectors[draw.vector].step
    width = math.floor(half_width(draw, confidence))
    small = _small(release, output, width)
    if small is not None and output.type.kind is Kind.INTEGER and step == 1:
        return small
    if small is not None and output.type.kind is not Kind.INTEGER:
        value, low, high = (compute.multiply(compute.cast(each, pa.float64()), step) for each in small)
        return value, low, high
    values = _integers(release, output)
    lows, highs = [value - width for value in values], [value + width for value in values]
    return sum_ends(values, lows, highs, step, output.type.kind)


def sum_ends(values: Sequence[int], lows: Sequence[int], highs: Sequence[int], step: float, kind: Kind) -> Ends:
    """Sums and their ends from integers on a grid; whole numbers rounded, their ends outwards."""
    if kind is Kind.INTEGER:
        exact = Fraction(step)
        return (
            [round(exact * value) for value in values],
            [math.floor(exact * value) for value in lows],
            [math.ceil(exact * value) for value in highs],
        )
    return [step * value for value in values], [step * value for value in lows], [step * value for value in highs]


def _means(program: Program, output: Output, release: pa.Table, confidence: float) -> Ends:
    means: list[float] = []
    lows: list[float] = []
    highs: list[float] = []
    for total, count in zip(_integers(release, output, 0), _integers(release, output, 1), strict=True):
        low, high = mean_interval(program, output, total, count, confidence)
        means.append(mean_value(program, output, total, count))
        lows.append(low)
        highs.append(high)
    return means, lows, highs


def _quantiles(program: Program, output: Output, release: pa.Table, _: float) -> Ends:
    candidates = [_typed(value, output.type.kind) for value in program.draws[output.draws[0]].candidates]
    chosen = [candidates[index] for index in _integers(release, output)]
    nothing = [None] * len(chosen)
    return chosen, nothing, nothing


def _typed(candidate: float, kind: Kind) -> int | float:
    """A candidate in the type of the answer; dates and timestamps count in seconds as candidates."""
    if kind is Kind.DATE:
        return math.floor(candidate / 86_400)
    if kind is Kind.TIMESTAMP:
        return round(candidate * 1_000_000)
    return round(candidate) if kind is Kind.INTEGER else candidate


def _histograms(program: Program, output: Output, release: pa.Table, confidence: float) -> Ends:
    width = math.floor(half_width(program.draws[output.draws[0]], confidence))
    rows: list[list[int]] = release.column(draw_name(output.draws[0])).to_pylist()
    moved = [[[value + by for value in row] for row in rows] for by in (0, -width, width)]
    return moved[0], moved[1], moved[2]


_ENDS: dict[MeasureKind, Callable[[Program, Output, pa.Table, float], Ends]] = {
    MeasureKind.COUNT: _counts,
    MeasureKind.COUNT_UNITS: _counts,
    MeasureKind.SUM: _sums,
    MeasureKind.MEAN: _means,
    MeasureKind.QUANTILE: _quantiles,
    MeasureKind.HISTOGRAM: _histograms,
}


def arrow_array(values: Sequence[object], column: pa.DataType) -> pa.Array:
    """Values as a column of an answer: days and microseconds for dates and instants."""
    if isinstance(values, pa.Array):
        return values.cast(column)
    if pa.types.is_date32(column):
        return pa.array(values, type=pa.int32()).cast(column)
    if pa.types.is_timestamp(column):
        return pa.array(values, type=pa.int64()).cast(column)
    return pa.array(values, type=column)
