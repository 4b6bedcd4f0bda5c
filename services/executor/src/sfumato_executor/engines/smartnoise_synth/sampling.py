"""Rows from a fitted synthesizer: post-processing of a release, so free, any number, and fixed by a seed.

Marginals of a junction tree are drawn clique by clique: the axes of a clique that were not drawn yet, given those that
were. By the running intersection property these are its separator, so the rows have the model's joint distribution
(Koller and Friedman 2009, section 10.4). A value is uniform within its bin.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sfumato_executor.engines.smartnoise_synth.domain import Axis
from sfumato_executor.engines.smartnoise_synth.fitted import Fitted, Marginal, fitted
from sfumato_executor.plan.expressions import Kind

BATCH_ROWS: Final = 1 << 16
TRIES: Final = 100
"""Rows drawn, at most, for one that a condition keeps."""

Codes = npt.NDArray[np.int64]
Condition = Callable[[pa.Table], npt.NDArray[np.bool_]]

_ARROW: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.CATEGORY: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


def sample_schema(release: pa.Table) -> pa.Schema:
    """Return the columns of drawn rows.

    Raises:
        UnreadableReleaseError: the release is no synthesizer.
    """
    return pa.schema([(axis.name, _ARROW[axis.kind]) for axis in fitted(release).axes])


def sample(release: pa.Table, row_count: int, seed: int, condition: Condition | None = None) -> Iterator[pa.Table]:
    """Yield tables of drawn rows, `row_count` in all; fewer, if `TRIES` times as many did not hold so many.

    A table is what `BATCH_ROWS` draws left, and may be empty: whoever takes them can stop after each.

    Args:
        release: of a synthesizer.
        row_count: rows wanted.
        seed: equal seeds give equal rows.
        condition: which rows are kept.

    Raises:
        UnreadableReleaseError: the release is no synthesizer.
    """
    model = fitted(release)
    random = np.random.default_rng(seed)
    return _batches(model, row_count, random, condition)


def _batches(
    model: Fitted, row_count: int, random: np.random.Generator, condition: Condition | None
) -> Iterator[pa.Table]:
    wanted, left = row_count, TRIES * row_count
    while wanted > 0 and left > 0:
        size = min(BATCH_ROWS, wanted if condition is None else max(wanted, BATCH_ROWS // 4), left)
        left -= size
        table = _decoded(model, _drawn(model, size, random), random)
        if condition is not None:
            table = table.filter(pa.array(condition(table))).slice(0, wanted)
        wanted -= table.num_rows
        yield table


def _drawn(model: Fitted, size: int, random: np.random.Generator) -> Codes:
    if model.pool is not None:
        return model.pool[random.integers(0, len(model.pool), size)]
    codes = np.zeros((size, len(model.axes)), dtype=np.int64)
    known: set[int] = set()
    for marginal in model.marginals:
        _draw_clique(marginal, codes, known, random)
        known.update(marginal.places)
    return codes


def _draw_clique(marginal: Marginal, codes: Codes, known: set[int], random: np.random.Generator) -> None:
    """Draw the axes of a clique that are not known, given those that are."""
    given = [index for index, place in enumerate(marginal.places) if place in known]
    new = [index for index in range(len(marginal.places)) if index not in given]
    if not new:
        return
    shape = marginal.weights.shape
    weights = np.transpose(marginal.weights, (*given, *new)).reshape(
        int(np.prod([shape[index] for index in given])), -1
    )
    rows = np.zeros(len(codes), dtype=np.int64)
    for index in given:
        rows = rows * shape[index] + codes[:, marginal.places[index]]
    drawn = _draw_rows(weights, rows, random)
    for index in reversed(new):
        codes[:, marginal.places[index]] = drawn % shape[index]
        drawn = drawn // shape[index]


def _draw_rows(weights: npt.NDArray[np.float64], rows: Codes, random: np.random.Generator) -> Codes:
    """One index for each row, with the weights of that row; where they are all 0, with those of all rows."""
    sums = weights.sum(axis=1, keepdims=True)
    whole = weights.sum(axis=0) / weights.sum()
    shares = np.divide(weights, sums, out=np.broadcast_to(whole, weights.shape).copy(), where=sums > 0)
    # Row k's distribution function lies in [k, k + 1]: one search serves all.
    functions = np.cumsum(shares, axis=1)
    functions /= functions[:, -1:]
    places = np.searchsorted((functions + np.arange(len(weights))[:, None]).ravel(), rows + random.random(len(rows)))
    drawn: Codes = np.clip(places - rows * weights.shape[1], 0, weights.shape[1] - 1)
    return drawn


def _decoded(model: Fitted, codes: Codes, random: np.random.Generator) -> pa.Table:
    columns = [_column(axis, codes[:, place], random) for place, axis in enumerate(model.axes)]
    return pa.Table.from_arrays(columns, names=[axis.name for axis in model.axes])


def _column(axis: Axis, codes: Codes, random: np.random.Generator) -> pa.Array:
    missing = codes >= axis.bins
    codes = np.minimum(codes, axis.bins - 1)
    if axis.kind is Kind.BOOLEAN:
        return pa.array(codes.astype(np.bool_), mask=missing)
    if axis.kind is Kind.CATEGORY:
        return pa.array(np.array(axis.values, dtype=object)[codes], type=pa.string(), mask=missing)
    if axis.kind is Kind.REAL:
        share = (codes + random.random(len(codes))) / axis.bins
        values = np.clip(axis.lower + share * (axis.upper - axis.lower), axis.lower, axis.upper)
        return pa.array(values, mask=missing)
    whole = _whole_numbers(axis, codes, random)
    if axis.kind is Kind.DATE:
        return pa.array(whole.astype(np.int32), mask=missing).cast(pa.date32())
    return pa.array(whole, mask=missing).cast(_ARROW[axis.kind])


def _whole_numbers(axis: Axis, codes: Codes, random: np.random.Generator) -> Codes:
    """Whole numbers, uniform among those of their bin: k − lower with ⌊(k − lower)·bins / width⌋ = code."""
    lower, width = int(axis.lower), int(axis.upper) - int(axis.lower) + 1
    firsts = np.array([-(-code * width // axis.bins) for code in range(axis.bins + 1)], dtype=np.int64)
    first, behind = firsts[codes], firsts[codes + 1]
    drawn: Codes = lower + random.integers(first, np.maximum(behind, first + 1))
    return drawn
