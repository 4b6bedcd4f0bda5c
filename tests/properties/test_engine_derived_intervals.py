"""Derived intervals hold as often as they say: sums of noisy integers against the exact ones, over many draws."""

import random

import pytest

from sfumato.v1 import payment_pb2
from sfumato_executor.engines.native.deriving import derived_accuracies, render_derived
from sfumato_executor.engines.native.engine import exact_vectors, execute
from sfumato_executor.plan.narrowing import derivation
from tests.properties.narrowing_scene import compiled, epsilon, prepared, rho

DRAWS = 400
CONFIDENCE = 0.8
BASE = "SELECT ward, year, COUNT(*) AS n, SUM(mass) AS total FROM d GROUP BY ward, year"
NARROW = "SELECT ward, COUNT(*) AS n, SUM(mass) AS total FROM d WHERE year < 2010 GROUP BY ward"


@pytest.mark.parametrize(
    "payment",
    [rho(10**10), rho(2 * 10**12), epsilon(5 * 10**11), epsilon(4 * 10**12)],
    ids=["wide Gaussian", "narrow Gaussian", "wide Laplace", "narrow Laplace"],
)
def test_intervals_cover(payment: payment_pb2.Payment, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = prepared("row", random.Random(11), tmp_path_factory.mktemp("prepared") / "version")
    base, narrow = compiled(BASE, payment=payment), compiled(NARROW, payment=payment)
    how = derivation(base, narrow)
    assert how is not None
    exact = exact_vectors(narrow, table)
    truth = {
        output.alias: [int(value) * narrow.vectors[vector].step for value in exact.vectors[vector]]
        for output in narrow.outputs
        for vector in [narrow.draws[output.draws[0]].vector]
    }
    hits = dict.fromkeys(truth, 0)
    for _ in range(DRAWS):
        answer = render_derived(base, narrow, how, execute(base, table), CONFIDENCE).to_pydict()
        for alias, values in truth.items():
            for value, low, high in zip(values, answer[f"{alias}.lower"], answer[f"{alias}.upper"], strict=True):
                hits[alias] += low - 1e-6 <= value <= high + 1e-6
    trials = DRAWS * len(how.cells)
    deviation = (CONFIDENCE * (1 - CONFIDENCE) / trials) ** 0.5
    for alias, count in hits.items():
        assert count / trials >= CONFIDENCE - 6 * deviation, alias
        scale = base.draws[how.draws[list(hits).index(alias)][0]].scale
        assert count / trials <= 0.9 or scale < 3, alias  # nor are they far too wide, where a step is a small part


def test_what_is_told_is_the_width_of_the_widest_cell(tmp_path_factory: pytest.TempPathFactory) -> None:
    table = prepared("row", random.Random(12), tmp_path_factory.mktemp("prepared") / "version")
    base = compiled("SELECT ward, year, COUNT(*) AS n, AVG(mass) AS m FROM d GROUP BY ward, year")
    narrow = compiled(
        "SELECT ward, COUNT(*) AS n, AVG(mass) AS m FROM d WHERE ward <> 'east' OR year = 2007 GROUP BY ward"
    )
    how = derivation(base, narrow)
    assert how is not None
    assert sorted(len(cell) for cell in how.cells) == [1, 1, 4, 4]
    rows = render_derived(base, narrow, how, execute(base, table), CONFIDENCE).to_pylist()
    count, mean = derived_accuracies(base, narrow, how, CONFIDENCE, (100, 1_000))
    widths = [(row["n.upper"] - row["n.lower"]) / 2 for row in rows]
    assert max(widths) == count.intervals[0].absolute
    assert 0 < min(widths) < max(widths)
    assert [each.group_size for each in mean.intervals] == [100, 1_000]
    assert mean.intervals[0].absolute > mean.intervals[1].absolute > 0
    assert {mechanism.scale for mechanism in count.mechanisms} <= {draw.scale for draw in base.draws}
