"""How exact answers are: half-widths and intervals from the noise alone, in closed form, for any confidence.

Clamping and truncation bias are not in them.
"""

from collections.abc import Sequence
from typing import Final

from sfumato.v1 import charge_pb2, quote_pb2
from sfumato_executor.plan.losses import total as total_loss
from sfumato_executor.plan.program import Draw, DrawKind, Loss, MeasureKind, Output, Program, Vector
from sfumato_executor.plan.tails import gaussian_sum_half_width, laplace_sum_half_width, maximum_gap

DEFAULT_GROUP_SIZES: Final = (100, 1_000)
"""Sizes at which size-dependent errors are told where neither request nor policy names any."""
_CERTAIN: Final = 1.0 - 2.0**-53
"""Greatest double below 1: no noise stays within bounds with probability 1."""
_KINDS: Final = {
    DrawKind.GAUSSIAN: quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN,
    DrawKind.LAPLACE: quote_pb2.Mechanism.KIND_DISCRETE_LAPLACE,
    DrawKind.NOISY_MAX: quote_pb2.Mechanism.KIND_NOISY_MAX,
    DrawKind.GAUSSIAN_THRESHOLD: quote_pb2.Mechanism.KIND_GAUSSIAN_THRESHOLD,
    DrawKind.LAPLACE_THRESHOLD: quote_pb2.Mechanism.KIND_LAPLACE_THRESHOLD,
}


def half_width(draw: Draw, confidence: float, entries: int = 1) -> float:
    """Whole number of steps within which the noise of a sum of entries stays with probability `confidence`.

    The least one for a single entry. For a noisy maximum: the gap between the best score and the chosen one, in score
    units; such entries do not add.
    """
    if draw.kind is DrawKind.NOISY_MAX:
        return maximum_gap(draw.scale, len(draw.candidates), confidence)
    if draw.kind in (DrawKind.LAPLACE, DrawKind.LAPLACE_THRESHOLD):
        return float(laplace_sum_half_width(draw.scale, entries, confidence))
    return float(gaussian_sum_half_width(draw.scale, entries, confidence))


def mean_value(program: Program, output: Output, noisy_sum: int, noisy_count: int) -> float:
    """Mean from a noisy centred sum (in steps) and a noisy count, moved into the bounds."""
    return mean_of(program.vectors[program.draws[output.draws[0]].vector], output, noisy_sum, noisy_count)


def mean_of(vector: Vector, output: Output, noisy_sum: int, noisy_count: int) -> float:
    """As `mean_value`, from a centred sum over a given vector."""
    mean = vector.offset + vector.step * (noisy_sum / max(noisy_count, 1))
    return min(max(mean, output.lower), output.upper)


def mean_interval(
    program: Program, output: Output, noisy_sum: int, noisy_count: int, confidence: float
) -> tuple[float, float]:
    """Interval of a mean: sum and count each stay within their half-width at half the error probability.

    If both do (with probability `confidence`, by the union of the two errors), then the exact sum S and count C ≥ 1 lie
    in known ranges, and S/C lies between its values at the corners: it is monotone in S, and in C for each S.
    """
    total, count = (program.draws[index] for index in output.draws)
    each = union_confidence(confidence, 2)
    widths = int(half_width(total, each)), int(half_width(count, each))
    return mean_ends(program.vectors[total.vector], output, (noisy_sum, noisy_count), widths)


def mean_ends(vector: Vector, output: Output, noisy: tuple[int, int], widths: tuple[int, int]) -> tuple[float, float]:
    """Interval of a mean from noisy sum and count, each within its width."""
    (noisy_sum, noisy_count), (around_sum, around_count) = noisy, widths
    least, most = max(noisy_count - around_count, 1), max(noisy_count + around_count, 1)
    corners = [
        vector.offset + vector.step * ((noisy_sum + side * around_sum) / rows)
        for side in (-1, 1)
        for rows in (least, most)
    ]
    ends = [min(max(corner, output.lower), output.upper) for corner in (min(corners), max(corners))]
    return ends[0], ends[1]


def union_confidence(confidence: float, events: int) -> float:
    """Confidence of each of several statements that makes all of them hold with `confidence`; below 1 as that is."""
    return min(1.0 - (1.0 - confidence) / events, _CERTAIN)


def measure_accuracies(
    program: Program, confidence: float, group_sizes: Sequence[int]
) -> list[quote_pb2.MeasureAccuracy]:
    """Noise and error of every measure, in the order of the plan; of key discovery first, under the alias "".

    A draw that several measures share is charged to the first of them. `group_sizes` are rows in a group that are not
    null, for errors that depend on it; empty: 100 and 1,000.
    """
    found: list[quote_pb2.MeasureAccuracy] = []
    charged: set[int] = set()
    if program.threshold_weight:
        keys = quote_pb2.MeasureAccuracy(
            charge=charge(program.draws[0].loss), mechanisms=[mechanism(program, program.draws[0])]
        )
        around = half_width(program.draws[0], confidence)
        keys.intervals.append(quote_pb2.Interval(confidence=confidence, absolute=around))
        found.append(keys)
        charged.add(0)
    for output in program.outputs:
        own = [index for index in output.draws if index not in charged]
        charged.update(own)
        found.append(
            quote_pb2.MeasureAccuracy(
                alias=output.alias,
                charge=charge(total_loss([program.draws[index].loss for index in own])),
                mechanisms=[mechanism(program, program.draws[index]) for index in output.draws],
                intervals=_intervals(program, output, confidence, group_sizes or DEFAULT_GROUP_SIZES),
                unit=output.unit,
            )
        )
    return found


def charge(loss: Loss) -> charge_pb2.Charge:
    """A loss as a charge on the wire."""
    return charge_pb2.Charge(rho_picos=loss.rho_picos, epsilon_picos=loss.epsilon_picos, delta_attos=loss.delta_attos)


def mechanism(program: Program, draw: Draw) -> quote_pb2.Mechanism:
    """A draw on the wire."""
    return quote_pb2.Mechanism(
        kind=_KINDS[draw.kind],
        scale=draw.scale,
        step=program.vectors[draw.vector].step,
        sensitivity_l0=draw.sensitivity.l0,
        sensitivity_l1=draw.sensitivity.l1,
        sensitivity_l2=draw.sensitivity.l2,
        sensitivity_linf=draw.sensitivity.linf,
        candidate_count=len(draw.candidates),
        threshold=draw.threshold,
    )


def _intervals(
    program: Program, output: Output, confidence: float, group_sizes: Sequence[int]
) -> list[quote_pb2.Interval]:
    draw = program.draws[output.draws[0]]
    if output.kind is MeasureKind.MEAN:
        return [
            quote_pb2.Interval(
                confidence=confidence, group_size=size, absolute=mean_error(program, output, confidence, size)
            )
            for size in group_sizes
        ]
    if output.kind is MeasureKind.QUANTILE:
        gap = half_width(draw, confidence)
        return [
            quote_pb2.Interval(confidence=confidence, group_size=size, level=min(1.0, gap / (draw.level[1] * size)))
            for size in group_sizes
        ]
    step = program.vectors[draw.vector].step
    return [quote_pb2.Interval(confidence=confidence, absolute=step * half_width(draw, confidence))]


def mean_error(program: Program, output: Output, confidence: float, size: int, entries: int = 1) -> float:
    """Half-width of a mean over `size` rows, whatever the values are; `entries` of either draw are added.

    With sum off by at most a and count off by at most c, the mean μ (about the offset) becomes (nμ + a)/(n ± c), off by
    at most (a + c·|μ|)/(n − c), where |μ| is at most the larger distance from offset to bound. Never more than the
    width of the bounds, into which answers are moved.
    """
    total, count = (program.draws[index] for index in output.draws)
    vector = program.vectors[total.vector]
    each = union_confidence(confidence, 2)
    around_sum = vector.step * half_width(total, each, entries)
    around_count = half_width(count, each, entries)
    width = output.upper - output.lower
    if size <= around_count:
        return width
    farthest = max(output.upper - vector.offset, vector.offset - output.lower)
    return min(width, (around_sum + around_count * farthest) / (size - around_count))
