"""Prices in a population that adds up ε and δ: pure mechanisms, nothing in ρ, δ for thresholds alone."""

import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.plan.accuracy import measure_accuracies
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import DrawKind, Loss, Program
from sfumato_mesh.refusal import Refusal

DATASET = text_format.Parse(
    """
    name: "datasets/d" schema {
      columns { name: "city" text {} }
      columns { name: "x" integer { lower: 0 upper: 100 } }
    }
    """,
    dataset_pb2.Dataset(),
)
HALF = "epsilon { epsilon_picos: 500000000000 }"
WITH_DELTA = "epsilon { epsilon_picos: 500000000000 delta_attos: 1000000000000 }"
ALL = """
    measures { alias: "n" count {} }
    measures { alias: "m" mean { value { column: "x" } } }
    measures { alias: "q" quantile { value { column: "x" } level: 0.5 } }
"""
COUNT = 'measures { alias: "n" count {} }'
FOUND_KEYS = 'group_by { keys { alias: "city" expression { column: "city" } } threshold_keys {} }'


def compiled(rest: str, payment: str = HALF, accounting: int = population_pb2.ACCOUNTING_BASIC) -> Program:
    plan = text_format.Parse(f'source {{ scan {{ dataset: "datasets/d" }} }} {rest}', plan_pb2.Plan())
    return compile_plan(plan, text_format.Parse(payment, payment_pb2.Payment()), DATASET, accounting)


@pytest.mark.parametrize("payment", [HALF, WITH_DELTA])
def test_epsilon_is_shared_out_among_pure_mechanisms(payment: str) -> None:
    program = compiled(ALL, payment)
    assert {draw.kind for draw in program.draws} == {DrawKind.LAPLACE, DrawKind.NOISY_MAX}
    assert program.loss.rho_picos == program.loss.delta_attos == 0
    assert program.loss.epsilon_picos is not None
    assert 500_000_000_000 - len(program.draws) <= program.loss.epsilon_picos <= 500_000_000_000
    told = [each.charge for each in measure_accuracies(program, 0.95, [])]
    assert sum(charge.epsilon_picos for charge in told) == program.loss.epsilon_picos
    assert all(charge.rho_picos == 0 for charge in told)


def test_the_whole_delta_finds_keys() -> None:
    program = compiled(f"{FOUND_KEYS} {COUNT}", WITH_DELTA)
    assert program.draws[0].kind is DrawKind.LAPLACE_THRESHOLD
    assert 10**12 // 2 < program.loss.delta_attos <= 10**12
    assert program.loss.rho_picos == 0


def test_noise_is_as_in_another_population_for_the_same_pure_epsilon() -> None:
    basic, zcdp = compiled(ALL), compiled(ALL, accounting=population_pb2.ACCOUNTING_ZCDP)
    assert [draw.scale for draw in basic.draws] == [draw.scale for draw in zcdp.draws]
    assert basic.loss == Loss(0, zcdp.loss.epsilon_picos, 0)
    assert zcdp.loss.rho_picos > 0


@pytest.mark.parametrize(
    ("rest", "payment", "reason", "rule"),
    [
        (COUNT, "rho { rho_picos: 20000000000 }", "ACCOUNTING_MISMATCH", ""),
        (f"{FOUND_KEYS} {COUNT}", HALF, "PLAN_REJECTED", "delta_missing"),
        ('measures { alias: "n" count {} noise: NOISE_GAUSSIAN }', HALF, "PLAN_REJECTED", "noise"),
        ('measures { alias: "n" count {} noise: NOISE_GAUSSIAN }', WITH_DELTA, "PLAN_REJECTED", "noise"),
    ],
)
def test_what_has_no_epsilon_is_refused_with_a_way_out(rest: str, payment: str, reason: str, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        compiled(rest, payment)
    refusal = caught.value
    assert (refusal.reason, refusal.metadata.get("rule", "")) == (reason, rule)
    assert refusal.metadata["hint"]
    if reason == "ACCOUNTING_MISMATCH":
        assert "epsilon" in refusal.metadata["hint"]
        assert refusal.metadata["accounting"] == "BASIC"


def test_an_accounting_of_a_later_version_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        compiled(COUNT, accounting=population_pb2.ACCOUNTING_UNSPECIFIED)
    assert caught.value.reason == "ACCOUNTING_MISMATCH"
