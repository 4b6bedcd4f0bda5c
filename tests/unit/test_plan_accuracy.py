"""Error bars: tails of discrete noise, half-widths, intervals of means and quantiles."""

import math
import random

import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2, quote_pb2
from sfumato_executor.plan.accuracy import half_width, mean_error, mean_interval, mean_value, measure_accuracies
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_executor.plan.tails import (
    gaussian_half_width,
    gaussian_tail,
    laplace_half_width,
    laplace_tail,
    maximum_gap,
)

DATASET = text_format.Parse(
    'name: "datasets/d" schema { columns { name: "x" real { lower: 0 upper: 10 } unit: "g" } '
    'columns { name: "t" text {} } }',
    dataset_pb2.Dataset(),
)


def compiled(measures: str, payment: str = "rho { rho_picos: 20000000000 }") -> Program:
    plan = text_format.Parse(f'source {{ scan {{ dataset: "datasets/d" }} }} {measures}', plan_pb2.Plan())
    return compile_plan(
        plan, text_format.Parse(payment, payment_pb2.Payment()), DATASET, population_pb2.ACCOUNTING_ZCDP
    )


def brute_tail(sigma: float, h: int) -> float:
    reach = int(sigma * 40) + 10
    weights = {k: math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)}
    return math.fsum(w for k, w in weights.items() if abs(k) > h) / math.fsum(weights.values())


@pytest.mark.parametrize("sigma", [0.02, 0.3, 1.0, 5.0, 10.0, 63.0, 64.5, 300.0])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.9, 0.95, 0.999, 1 - 1e-9])
def test_gaussian_half_widths_are_the_least_that_hold(sigma: float, confidence: float) -> None:
    h = gaussian_half_width(sigma, confidence)
    assert brute_tail(sigma, h) <= (1 - confidence) * (1 + 1e-9)
    if h > (1 if sigma > 64 else 0):
        slack = 1 if sigma > 64 else 0
        assert brute_tail(sigma, h - 1 - slack) > (1 - confidence) * (1 - 1e-9)


@pytest.mark.parametrize(("rho", "continuous"), [(0.005, 19.60), (0.02, 9.80), (0.1, 4.38)])
def test_gaussian_half_widths_beside_the_reference_table(rho: float, continuous: float) -> None:
    """The table is of continuous noise; whole-number noise within ±h has the mass up to h + ½."""
    h = gaussian_half_width(math.sqrt(1 / (2 * rho)), 0.95)
    assert abs(h - continuous) <= 0.5


@pytest.mark.parametrize(("epsilon", "continuous"), [(0.1, 29.96), (0.5, 5.99), (1.0, 3.00)])
def test_laplace_half_widths_beside_the_reference_table(epsilon: float, continuous: float) -> None:
    h = laplace_half_width(1 / epsilon, 0.95)
    assert abs(h - continuous) <= 0.5
    assert laplace_tail(1 / epsilon, h) <= 0.05 < laplace_tail(1 / epsilon, h - 1)


def test_laplace_tail_is_that_of_the_sum() -> None:
    decay = math.exp(-1 / 3.0)
    mass = (1 - decay) / (1 + decay)
    outside = 2 * math.fsum(mass * decay**k for k in range(6, 400))
    assert laplace_tail(3.0, 5) == pytest.approx(outside, rel=1e-12)


def test_large_scales_are_answered_in_closed_form() -> None:
    for sigma in (1e5, 2.0**40):
        h = gaussian_half_width(sigma, 0.95)
        assert h == pytest.approx(1.959963984540054 * sigma, rel=1e-4)
        assert gaussian_tail(sigma, h) <= 0.05
        assert laplace_half_width(sigma, 0.95) == pytest.approx(math.log(20) * sigma, rel=1e-4)


def test_maximum_gap_is_the_worst_case_of_exponential_choice() -> None:
    gap = maximum_gap(5.0, 11, 0.95)
    weight = 10 * math.exp(-gap / 5.0)
    assert weight / (1 + weight) == pytest.approx(0.05)
    assert maximum_gap(5.0, 1, 0.95) == 0


def test_intervals_of_counts_sums_and_units_of_measurement() -> None:
    program = compiled('measures { alias: "n" count {} } measures { alias: "s" sum { value { column: "x" } } }')
    n, s = measure_accuracies(program, 0.95, [])
    assert [interval.group_size for interval in n.intervals] == [0]
    assert n.intervals[0].absolute == half_width(program.draws[program.outputs[0].draws[0]], 0.95)
    assert n.mechanisms[0].kind == quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN
    assert s.unit == "g"
    sigma = s.mechanisms[0].scale * s.mechanisms[0].step
    assert sigma == pytest.approx(10 / math.sqrt(2 * 0.01), rel=1e-6)
    assert s.intervals[0].absolute == pytest.approx(1.96 * sigma, rel=1e-3)
    assert n.charge.rho_picos + s.charge.rho_picos == program.loss.rho_picos


def test_a_shared_count_is_charged_to_the_first_of_its_measures() -> None:
    program = compiled('measures { alias: "m" mean { value { column: "x" } } } measures { alias: "n" count {} }')
    mean, count = measure_accuracies(program, 0.95, [100])
    assert mean.charge.rho_picos == program.loss.rho_picos
    assert count.charge.rho_picos == 0
    assert len(mean.mechanisms) == 2


def test_means_are_told_at_group_sizes_and_never_beyond_the_bounds() -> None:
    program = compiled('measures { alias: "m" mean { value { column: "x" } } }')
    (mean,) = measure_accuracies(program, 0.95, [1, 100, 10_000])
    widths = [interval.absolute for interval in mean.intervals]
    assert [interval.group_size for interval in mean.intervals] == [1, 100, 10_000]
    assert widths[0] == 10
    assert widths[0] >= widths[1] > widths[2] > 0


def test_quantile_errors_are_of_the_level() -> None:
    program = compiled('measures { alias: "q" quantile { value { column: "x" } level: 0.5 candidate_count: 11 } }')
    (quantile,) = measure_accuracies(program, 0.95, [100, 1_000])
    gap = half_width(program.draws[0], 0.95)
    assert quantile.intervals[1].level == pytest.approx(gap / 2 / 1_000)
    assert quantile.mechanisms[0].candidate_count == 11


def test_key_discovery_has_a_line_of_its_own() -> None:
    program = compiled(
        'group_by { keys { alias: "t" expression { column: "t" } } threshold_keys {} } '
        'measures { alias: "n" count {} }',
        "rho { rho_picos: 20000000000 delta_attos: 1000000000000 }",
    )
    keys, count = measure_accuracies(program, 0.95, [])
    assert (keys.alias, count.alias) == ("", "n")
    assert keys.mechanisms[0].threshold == program.draws[0].threshold > 0
    assert keys.charge.delta_attos == program.loss.delta_attos


def gaussian(random_source: random.Random, sigma: float) -> int:
    return round(random_source.gauss(0, sigma))


def test_mean_intervals_hold_as_often_as_they_say() -> None:
    """200 noisy means at confidence 0.8: fewer than 140 within has probability below 10^-6 (the union is cautious)."""
    program = compiled('measures { alias: "m" mean { value { column: "x" } } }', "rho { rho_picos: 1000000000000 }")
    (output,) = program.outputs
    total, count = (program.draws[index] for index in output.draws)
    vector = program.vectors[total.vector]
    source, held, close = random.Random(7), 0, 0
    for _ in range(200):
        rows, mean = 60, source.uniform(0.5, 9.5)
        exact_sum = round(rows * (mean - vector.offset) / vector.step)
        noisy_sum, noisy_count = exact_sum + gaussian(source, total.scale), rows + gaussian(source, count.scale)
        lower, upper = mean_interval(program, output, noisy_sum, noisy_count, 0.8)
        value = mean_value(program, output, noisy_sum, noisy_count)
        assert output.lower <= lower <= value <= upper <= output.upper
        held += lower <= mean <= upper
        close += abs(value - mean) <= mean_error(program, output, 0.8, rows)
    assert held >= 140
    assert close >= 140


def test_a_mean_over_nothing_is_within_its_bounds() -> None:
    program = compiled('measures { alias: "m" mean { value { column: "x" } } }')
    (output,) = program.outputs
    for noisy_sum, noisy_count in ((0, 0), (10**12, -50), (-(10**12), 3)):
        lower, upper = mean_interval(program, output, noisy_sum, noisy_count, 0.95)
        assert 0 <= lower <= mean_value(program, output, noisy_sum, noisy_count) <= upper <= 10
