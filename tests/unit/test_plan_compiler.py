"""The compiler as a whole: what a plan becomes, what it costs, when two questions are one."""

import math

import grpc
import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.plan.canonical_plan import canonical_plan
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Bounding, DrawKind, KeyDomain, MeasureKind, Program, VectorKind
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.zcdp import largest_rho

ZCDP = population_pb2.ACCOUNTING_ZCDP
PENGUINS = text_format.Parse(
    """
    name: "datasets/penguins" privacy_unit {} schema {
      columns { name: "species" category { values: ["Adelie", "Chinstrap", "Gentoo"] } }
      columns { name: "island" category { values: ["Torgersen", "Biscoe", "Dream"] } nullable: true }
      columns { name: "body_mass_g" integer { lower: 2500 upper: 6500 } unit: "g" nullable: true }
      columns { name: "flipper" real { lower: 150 upper: 250 } unit: "mm" nullable: true }
      columns { name: "sexed" boolean {} }
      columns { name: "day" date { lower { year: 2007 month: 1 day: 1 } upper { year: 2009 month: 12 day: 31 } } }
      columns { name: "seen" timestamp { lower { seconds: 1167609600 } upper { seconds: 1262303999 } } }
      columns { name: "name" text { max_length: 12 } }
    }
    """,
    dataset_pb2.Dataset(),
)
FLIGHTS = text_format.Parse(
    """
    name: "datasets/flights"
    privacy_unit { column: "tailnum" max_groups: 2 max_rows_per_group: 100 }
    schema {
      columns { name: "tailnum" text {} }
      columns { name: "carrier" category { values: ["AA", "B6", "UA"] } }
      columns { name: "dest" text {} }
      columns { name: "dep_delay" integer { lower: -60 upper: 600 } unit: "min" nullable: true }
    }
    """,
    dataset_pb2.Dataset(),
)
SCAN = 'source { scan { dataset: "datasets/penguins" } } '
FLIGHT_SCAN = 'source { scan { dataset: "datasets/flights" } } '


def plan(text: str) -> plan_pb2.Plan:
    return text_format.Parse(text, plan_pb2.Plan())


def rho(picos: int, delta: int = 0) -> payment_pb2.Payment:
    return text_format.Parse(f"rho {{ rho_picos: {picos} delta_attos: {delta} }}", payment_pb2.Payment())


def epsilon(picos: int, delta: int = 0) -> payment_pb2.Payment:
    return text_format.Parse(f"epsilon {{ epsilon_picos: {picos} delta_attos: {delta} }}", payment_pb2.Payment())


def compiled(text: str, payment: payment_pb2.Payment | None = None, dataset: dataset_pb2.Dataset = PENGUINS) -> Program:
    return compile_plan(plan(text), payment or rho(20_000_000_000), dataset, ZCDP)


def test_one_count_at_rho_002_has_sigma_5_and_costs_what_is_paid() -> None:
    program = compiled(SCAN + 'measures { alias: "n" count {} }')
    (draw,) = program.draws
    assert draw.kind is DrawKind.GAUSSIAN
    assert draw.scale == pytest.approx(5, rel=1e-12)
    assert program.loss.rho_picos == 20_000_000_000
    assert program.loss.epsilon_picos is None
    assert program.loss.delta_attos == 0
    assert program.domain is KeyDomain.NONE
    assert program.bounding.kind is Bounding.Kind.ROW
    assert len(program.digest) == 32


def test_a_pure_payment_draws_laplace_noise_and_knows_its_epsilon() -> None:
    program = compiled(SCAN + 'measures { alias: "n" count {} }', epsilon(500_000_000_000))
    (draw,) = program.draws
    assert draw.kind is DrawKind.LAPLACE
    assert draw.scale == pytest.approx(2, rel=1e-12)
    assert program.loss.epsilon_picos == 500_000_000_000
    assert program.loss.rho_picos == math.ceil(0.5 * math.tanh(0.25) * 10**12)


def test_epsilon_with_delta_buys_the_largest_rho_and_charges_no_delta() -> None:
    program = compiled(SCAN + 'measures { alias: "n" count {} }', epsilon(10**12, 10**12))
    assert program.loss.rho_picos == largest_rho(10**12, 10**12)
    assert program.loss.rho_picos == pytest.approx(0.0243559704e12, rel=1e-8)
    assert program.loss.delta_attos == 0


def test_laplace_noise_in_a_rho_payment_costs_its_tight_rho() -> None:
    program = compiled(SCAN + 'measures { alias: "n" count {} noise: NOISE_LAPLACE }')
    (draw,) = program.draws
    assert draw.kind is DrawKind.LAPLACE
    assert draw.loss.epsilon_picos is not None
    spent = draw.loss.epsilon_picos / 10**12
    assert spent * math.tanh(spent / 2) == pytest.approx(0.02, rel=1e-9)
    assert program.loss.rho_picos <= 20_000_000_000


def test_the_loss_never_passes_the_payment_and_wastes_less_than_a_unit_a_draw() -> None:
    text = SCAN + "".join(
        f'measures {{ alias: "m{index}" sum {{ value {{ column: "body_mass_g" }} '
        f"bounds {{ lower: 2500 upper: {3000 + index} }} }} weight: {index + 1} }}"
        for index in range(20)
    )
    for amount in (1_000_003, 20_000_000_000, 10**12 + 7, 10**15):
        program = compiled(text, rho(amount))
        assert amount - len(program.draws) <= program.loss.rho_picos <= amount
        assert program.loss.rho_picos == sum(draw.loss.rho_picos for draw in program.draws)


def test_a_mean_shares_the_count_of_the_same_rows() -> None:
    program = compiled(
        SCAN + 'measures { alias: "mass" mean { value { column: "body_mass_g" } } } '
        'measures { alias: "n" count { value { column: "body_mass_g" } } }'
        'measures { alias: "m2" mean { value { call { function: FUNCTION_MULTIPLY arguments { column: "body_mass_g" } '
        "arguments { literal { integer: 2 } } } } } }"
    )
    assert len(program.draws) == 3
    mass, n, double = program.outputs
    assert mass.draws[1] == n.draws[0] == double.draws[1]
    shares = [draw.loss.rho_picos for draw in program.draws]
    assert max(shares) - min(shares) <= 1
    assert any("share one noisy number" in note for note in program.notes)


def test_a_lone_mean_gives_half_to_either_draw() -> None:
    program = compiled(SCAN + 'measures { alias: "mass" mean { value { column: "body_mass_g" } } }')
    (output,) = program.outputs
    total, count = (program.draws[index] for index in output.draws)
    assert total.loss.rho_picos == count.loss.rho_picos == 10_000_000_000
    vector = program.vectors[total.vector]
    assert (vector.offset, vector.step, vector.low, vector.high) == (4500.0, 1.0, -2000, 2000)
    mask = program.vectors[count.vector].value
    assert mask is not None
    assert (output.lower, output.upper, output.unit) == (2500.0, 6500.0, "g")


def test_a_filter_that_rules_out_null_lets_the_row_count_serve_a_mean() -> None:
    condition = (
        'source { filter { input { scan { dataset: "datasets/penguins" } } predicate { call { '
        'function: FUNCTION_GREATER arguments { column: "body_mass_g" } arguments { literal { real: 3000.5 } } } } } } '
    )
    program = compiled(
        condition + 'measures { alias: "n" count {} } measures { alias: "m" mean { value { column: "body_mass_g" } } }'
    )
    assert len(program.draws) == 2
    assert program.outputs[0].draws[0] == program.outputs[1].draws[1]


def test_sensitivities_follow_the_bounds_of_the_unit() -> None:
    program = compiled(
        FLIGHT_SCAN
        + 'group_by { keys { alias: "carrier" expression { column: "carrier" } } } measures { alias: "n" count {} } '
        'measures { alias: "u" count_units {} } measures { alias: "d" sum { value { column: "dep_delay" } } }',
        dataset=FLIGHTS,
    )
    assert program.bounding == Bounding(Bounding.Kind.GROUPS, 2, 100, "tailnum")
    by_kind = {vector.kind: vector for vector in program.vectors}
    rows, units, total = (by_kind[kind].sensitivity for kind in (VectorKind.ROWS, VectorKind.UNITS, VectorKind.SUM))
    assert (rows.l0, rows.l1, rows.linf) == (2, 200.0, 100)
    assert rows.l2 == pytest.approx(math.sqrt(2) * 100)
    assert rows.l2**2 >= 2 * 100**2
    assert (units.l0, units.l1, units.linf) == (2, 2.0, 1)
    step = by_kind[VectorKind.SUM].step
    assert total.linf == 100 * 600 / step
    assert total.l1 == 2 * total.linf


def test_threshold_keys_take_their_share_and_half_of_delta() -> None:
    text = (
        FLIGHT_SCAN + 'group_by { keys { alias: "dest" expression { column: "dest" } } threshold_keys { weight: 3 } } '
        'measures { alias: "n" count {} }'
    )
    program = compiled(text, rho(20_000_000_000, 10**12), FLIGHTS)
    keys, count = program.draws
    assert keys.kind is DrawKind.GAUSSIAN_THRESHOLD
    assert keys.loss.rho_picos == 15_000_000_000
    assert count.loss.rho_picos == 5_000_000_000
    assert 0 < keys.loss.delta_attos <= 10**12
    assert keys.threshold > 1
    assert program.loss.delta_attos == keys.loss.delta_attos
    paid = compiled(text, epsilon(10**12, 10**12), FLIGHTS)
    assert paid.loss.rho_picos == largest_rho(10**12, 5 * 10**11)
    assert paid.loss.delta_attos <= 5 * 10**11


def test_laplace_threshold_where_every_measure_asks_for_laplace() -> None:
    program = compiled(
        FLIGHT_SCAN + 'group_by { keys { alias: "dest" expression { column: "dest" } } threshold_keys {} } '
        'measures { alias: "n" count_units {} noise: NOISE_LAPLACE }',
        rho(20_000_000_000, 10**12),
        FLIGHTS,
    )
    assert program.draws[0].kind is DrawKind.LAPLACE_THRESHOLD
    assert program.loss.rho_picos <= 20_000_000_000
    assert program.loss.epsilon_picos is not None


def test_quantiles_of_one_column_share_their_counts_and_each_pays() -> None:
    program = compiled(
        SCAN + 'measures { alias: "q1" quantile { value { column: "flipper" } level: 0.25 } } '
        'measures { alias: "q3" quantile { value { column: "flipper" } level: 0.75 } }'
    )
    assert len(program.vectors) == 1
    assert [draw.loss.rho_picos for draw in program.draws] == [10_000_000_000, 10_000_000_000]
    assert {draw.level for draw in program.draws} == {(1, 4), (3, 4)}
    assert {draw.sensitivity.linf for draw in program.draws} == {3}
    assert program.vectors[0].bins == len(program.draws[0].candidates) + 1


def test_a_noisy_maximum_pays_for_every_key_that_a_unit_meets() -> None:
    text = (
        FLIGHT_SCAN + 'group_by { keys { alias: "carrier" expression { column: "carrier" } } } '
        'measures { alias: "q" quantile { value { column: "dep_delay" } level: 0.5 } }'
    )
    (draw,) = compiled(text, dataset=FLIGHTS).draws
    assert draw.keys_per_unit == 2
    assert draw.sensitivity.linf == 100
    epsilon_of_one_key = 2 * draw.sensitivity.linf / draw.scale
    assert draw.loss.rho_picos == pytest.approx(2 * epsilon_of_one_key**2 / 8 * 10**12, rel=1e-9)


def test_histogram_of_categories_and_bins() -> None:
    program = compiled(
        SCAN + 'measures { alias: "h" histogram { bins { column: "species" } } } '
        'measures { alias: "b" histogram { bins { bin { value { column: "flipper" } edges: [150, 200, 250] } } } }'
    )
    first, second = program.outputs
    assert first.kind is MeasureKind.HISTOGRAM
    assert first.bin_labels == ("Adelie", "Chinstrap", "Gentoo")
    assert second.bin_labels == ("[150, 200)", "[200, 250]")


QUESTIONS = {
    "grouped": """
      group_by {
        keys { alias: "s" expression { column: "island" } }
        keys { alias: "m" expression { call {
          function: FUNCTION_EXTRACT arguments { column: "day" } time_unit: TIME_UNIT_YEAR } } }
      }
      measures { alias: "n" count {} }
      measures { alias: "m2" mean { value { column: "flipper" } } weight: 3 }
      measures { alias: "h" histogram { bins { column: "sexed" } } }
    """,
    "listed": """
      group_by {
        keys { alias: "s" expression { column: "name" } }
        public_keys { keys { values { text: "b" } } keys { values { text: "a" } } }
      }
      measures { alias: "n" count {} noise: NOISE_LAPLACE }
    """,
    "expressions": """
      measures { alias: "x" sum {
        value { case_when {
          branches {
            condition { in_list { value { column: "species" } items { text: "Gentoo" } items { text: "Adelie" } } }
            value { call {
              function: FUNCTION_DIVIDE arguments { column: "flipper" } arguments { column: "body_mass_g" }
              otherwise { real: 7 } } }
          }
          otherwise { cast { value { column: "sexed" } type: DATA_TYPE_REAL } }
        } }
        bounds { lower: 0 upper: 5 }
      } }
      measures { alias: "q" quantile {
        value { call {
          function: FUNCTION_TRUNCATE_TIME arguments { column: "seen" } time_unit: TIME_UNIT_MONTH } }
        level: 0.333 candidate_count: 50
      } }
    """,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_canonical_plan_compiles_to_the_same_digest(name: str) -> None:
    program = compiled(SCAN + QUESTIONS[name])
    again = compile_plan(canonical_plan(program), rho(20_000_000_000), PENGUINS, ZCDP)
    assert again.digest == program.digest
    assert again.draws == program.draws
    assert canonical_plan(again) == canonical_plan(program)


def test_the_canonical_plan_keeps_bounds_of_the_unit() -> None:
    text = (
        FLIGHT_SCAN + 'group_by { keys { alias: "d" expression { column: "dest" } } threshold_keys { weight: 2 } } '
        'measures { alias: "n" count {} } contribution_bounds { max_rows: 50 }'
    )
    payment = rho(20_000_000_000, 10**12)
    program = compile_plan(plan(text), payment, FLIGHTS, ZCDP)
    assert program.bounding == Bounding(Bounding.Kind.GROUPS, 2, 25, "tailnum")
    assert compile_plan(canonical_plan(program), payment, FLIGHTS, ZCDP).digest == program.digest


def test_digests_tell_noise_dataset_and_bounds_apart() -> None:
    text = SCAN + 'measures { alias: "n" count {} }'
    other = dataset_pb2.Dataset()
    other.CopyFrom(PENGUINS)
    other.name = "datasets/penguins-2"
    digests = {
        compiled(text).digest,
        compiled(text, rho(20_000_000_001)).digest,
        compiled(text, epsilon(10**12)).digest,
        compiled(text.replace("penguins", "penguins-2"), dataset=other).digest,
        compiled(SCAN + 'measures { alias: "n" count_units {} }').digest,
    }
    assert len(digests) == 5


def test_aliases_do_not_reach_the_digest_and_equal_input_gives_the_same_program() -> None:
    text = SCAN + 'measures { alias: "n" count {} }'
    assert compiled(text) is compiled(text)
    assert compiled(text).digest == compiled(text.replace('"n"', '"rows"')).digest


def test_an_engine_that_policy_does_not_name_is_refused() -> None:
    dataset = dataset_pb2.Dataset()
    dataset.CopyFrom(PENGUINS)
    dataset.policy.engines.append("smartnoise_sql")
    with pytest.raises(Refusal) as caught:
        compile_plan(plan(SCAN + 'measures { alias: "n" count {} }'), rho(10**10), dataset, ZCDP)
    assert caught.value.reason == "ENGINE_NOT_ALLOWED"
    assert caught.value.metadata["engine"] == "native"


def test_basic_accounting_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        compile_plan(
            plan(SCAN + 'measures { alias: "n" count {} }'), rho(10**10), PENGUINS, population_pb2.ACCOUNTING_BASIC
        )
    assert caught.value.reason == "ACCOUNTING_MISMATCH"
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
