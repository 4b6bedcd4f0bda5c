"""The answer to a narrower question from the noisy integers of a base: sums of them, then the same arithmetic.

Nothing is drawn, and the noisy integers are fixed, so the answer is the same whenever it is read. Its intervals are
those of the noise that is added up in each cell. A cell without a key of the base holds no row on any data set: its
count and sum are 0, and its mean may be anything in its bounds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from sfumato.v1 import quote_pb2
from sfumato_executor.engines.native.rendering import Ends, arrow_array, draw_name, sum_ends
from sfumato_executor.plan.accuracy import half_width, mean_ends, mean_error, mean_of, mechanism, union_confidence
from sfumato_executor.plan.answer import answer_schema, output_type
from sfumato_executor.plan.narrowing import Derivation
from sfumato_executor.plan.program import MeasureKind, Output, Program


@dataclass(frozen=True)
class _Cells:
    """The cells of one narrower question over one release."""

    base: Program
    release: pa.Table
    cells: tuple[tuple[int, ...], ...]

    def sums(self, draw: int) -> list[int]:
        values: list[int] = self.release.column(draw_name(draw)).to_pylist()
        return [sum(values[index] for index in cell) for cell in self.cells]

    def lists(self, draw: int) -> list[list[int]]:
        rows: list[list[int]] = self.release.column(draw_name(draw)).to_pylist()
        empty = [0] * self.base.vectors[self.base.draws[draw].vector].bins
        chosen = [[rows[index] for index in cell] for cell in self.cells]
        return [[sum(bins) for bins in zip(*each, strict=True)] if each else empty for each in chosen]

    def widths(self, draw: int, confidence: float) -> list[int]:
        found = self.base.draws[draw]
        by_size = {
            size: math.floor(half_width(found, confidence, size)) if size else 0
            for size in {len(cell) for cell in self.cells}
        }
        return [by_size[len(cell)] for cell in self.cells]


def render_derived(base: Program, narrow: Program, how: Derivation, release: pa.Table, confidence: float) -> pa.Table:
    """The answer's columns, as for a release of its own.

    Args:
        base: the draws as they were sealed.
        narrow: what is asked.
        how: from `narrowing.derivation`; its draws are those of `base`.
        release: the base's release.
        confidence: of the intervals.
    """
    schema = answer_schema(narrow)
    rows = narrow.public_keys if narrow.keys else ((),)
    columns = [arrow_array([row[index] for row in rows], schema.field(index).type) for index in range(len(narrow.keys))]
    cells = _Cells(base, release, how.cells)
    for output, draws in zip(narrow.outputs, how.draws, strict=True):
        column = output_type(output)
        ends = _ENDS[output.kind](cells, output, draws, confidence)
        columns.extend(arrow_array(values, column) for values in ends)
    return pa.Table.from_arrays(columns, schema=schema)


def derived_accuracies(
    base: Program, narrow: Program, how: Derivation, confidence: float, group_sizes: Sequence[int]
) -> list[quote_pb2.MeasureAccuracy]:
    """Mechanisms and intervals of a derived answer, in the order of its measures: those of its widest cell.

    Nothing is charged for a measure: what was paid, was paid for the base.
    """
    entries = max(len(cell) for cell in how.cells)
    found = []
    for output, draws in zip(narrow.outputs, how.draws, strict=True):
        total = base.draws[draws[0]]
        accuracy = quote_pb2.MeasureAccuracy(
            alias=output.alias, mechanisms=[mechanism(base, base.draws[index]) for index in draws], unit=output.unit
        )
        if output.kind is MeasureKind.MEAN:
            for size in group_sizes:
                error = mean_error(base, _of_base(output, draws), confidence, size, entries)
                accuracy.intervals.add(confidence=confidence, group_size=size, absolute=error)
        else:
            width = base.vectors[total.vector].step * half_width(total, confidence, entries)
            accuracy.intervals.add(confidence=confidence, absolute=width)
        found.append(accuracy)
    return found


def _of_base(output: Output, draws: tuple[int, ...]) -> Output:
    return Output(output.alias, output.kind, draws, output.type, output.lower, output.upper)


def _around(cells: _Cells, draw: int, confidence: float) -> tuple[list[int], list[int], list[int]]:
    values = cells.sums(draw)
    pairs = list(zip(values, cells.widths(draw, confidence), strict=True))
    return values, [value - width for value, width in pairs], [value + width for value, width in pairs]


def _counts(cells: _Cells, _: Output, draws: tuple[int, ...], confidence: float) -> Ends:
    return _around(cells, draws[0], confidence)


def _sums(cells: _Cells, output: Output, draws: tuple[int, ...], confidence: float) -> Ends:
    step = cells.base.vectors[cells.base.draws[draws[0]].vector].step
    return sum_ends(*_around(cells, draws[0], confidence), step, output.type.kind)


def _means(cells: _Cells, output: Output, draws: tuple[int, ...], confidence: float) -> Ends:
    vector = cells.base.vectors[cells.base.draws[draws[0]].vector]
    each = union_confidence(confidence, 2)
    noisy = zip(cells.sums(draws[0]), cells.sums(draws[1]), strict=True)
    around = zip(cells.widths(draws[0], each), cells.widths(draws[1], each), strict=True)
    means: list[float] = []
    lows: list[float] = []
    highs: list[float] = []
    for cell, values, widths in zip(cells.cells, noisy, around, strict=True):
        low, high = mean_ends(vector, output, values, widths) if cell else (output.lower, output.upper)
        means.append(mean_of(vector, output, *values))
        lows.append(low)
        highs.append(high)
    return means, lows, highs


def _histograms(cells: _Cells, _: Output, draws: tuple[int, ...], confidence: float) -> Ends:
    rows, widths = cells.lists(draws[0]), cells.widths(draws[0], confidence)

    def moved(sign: int) -> list[list[int]]:
        return [[value + sign * width for value in row] for row, width in zip(rows, widths, strict=True)]

    return rows, moved(-1), moved(1)


_ENDS: dict[MeasureKind, Callable[[_Cells, Output, tuple[int, ...], float], Ends]] = {
    MeasureKind.COUNT: _counts,
    MeasureKind.SUM: _sums,
    MeasureKind.MEAN: _means,
    MeasureKind.HISTOGRAM: _histograms,
}
