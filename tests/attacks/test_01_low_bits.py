"""Row 1, attack: the low bits of noise drawn in floating point betray the sum under it (Mironov 2012).

The server adds discrete noise to exact integers and multiplies by a public power of two, so that answers lie on one
grid whatever the data, and every point of the grid can come from either of two neighbours.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

from sfumato_executor.engines.native.engine import execute, render
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation.table import PreparedTable
from tests.attacks.tables import SCAN, dataset, exact, program, table
from tests.attacks.wire import rho

KEYS = 50_000
MADE = dataset(f'columns {{ name: "k" integer {{ upper: {KEYS - 1} }} }} columns {{ name: "x" real {{ upper: 1 }} }}')
GROUPED = f'{SCAN} group_by {{ keys {{ alias: "k" expression {{ column: "k" }} }} }}'
REALS = {"k": [7, 7, 8], "x": [0.1, 1 / 3, math.pi / 4]}
NEIGHBOUR = {"k": [7, 7, 8, 7], "x": [0.1, 1 / 3, math.pi / 4, 0.30000000000000004]}


def noise(made: Program, prepared: PreparedTable) -> np.ndarray:
    """Noise of every entry of the first draw of one release, in steps."""
    release = execute(made, prepared)
    drawn = np.array(release.column("draw_0").to_pylist(), dtype=np.int64)
    return drawn - np.array(exact(made, prepared)[0], dtype=np.int64)


def test_answers_are_whole_multiples_of_a_public_power_of_two() -> None:
    """A float sampler, or a float addition after the noise, leaves the grid with probability 1 − 2^-50 an answer."""
    made = program(f'{GROUPED} measures {{ alias: "s" sum {{ value {{ column: "x" }} }} }}', MADE)
    step = made.vectors[0].step
    assert math.frexp(step)[0] == 0.5
    for columns in (REALS, NEIGHBOUR):
        prepared = table(MADE, columns)
        answer = render(made, execute(made, prepared), 0.95)
        for name in ("s", "s.lower", "s.upper"):
            values = answer.column(name).to_pylist()
            assert all((Fraction(value) / Fraction(step)).denominator == 1 for value in values)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["NOISE_GAUSSIAN", "NOISE_LAPLACE"])
def test_noise_has_one_support_and_one_law_on_neighbours(family: str) -> None:
    """A million draws in all. Each point within two scales must come from both tables, and as often.

    A point there has probability 1/200 at least: that 250,000 draws miss it has probability e^-1250. The chi-square
    limit is Laurent and Massart's at 1e-7 (2000, lemma 1).
    """
    made = program(f'{GROUPED} measures {{ alias: "n" count {{ }} noise: {family} }}', MADE, rho(10**12 // 72))
    width = int(2 * made.draws[0].scale)
    assert 8 <= width <= 16
    seen = []
    for columns in (REALS, NEIGHBOUR):
        prepared = table(MADE, columns)
        seen.append(np.concatenate([noise(made, prepared) for _ in range(5)]))
    counts = [np.array([(values == point).sum() for point in range(-width, width + 1)]) for values in seen]
    assert all((count > 0).all() for count in counts)
    both = counts[0] + counts[1]
    statistic = float(((counts[0] - counts[1]) ** 2 / both).sum())
    degrees, x = len(both), math.log(1e7)
    assert statistic < degrees + 2 * math.sqrt(degrees * x) + 2 * x
    low = [np.bincount(values & 1, minlength=2) for values in seen]
    parity = abs(int(low[0][0]) - int(low[1][0]))
    assert parity < 5.5 * math.sqrt(2 * len(seen[0]) / 4)  # normal tail at 4e-8
