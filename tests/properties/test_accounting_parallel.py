"""Parallel composition: disjoint groups cost one, where their keys are public and one unit is in a bounded number."""

import math

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_mesh.refusal import Refusal

ZCDP, BASIC = population_pb2.ACCOUNTING_ZCDP, population_pb2.ACCOUNTING_BASIC
RHO = "rho { rho_picos: 20000000000 delta_attos: 1000000000000 }"
EPSILON = "epsilon { epsilon_picos: 500000000000 delta_attos: 1000000000000 }"
COUNT = 'measures { alias: "n" count {} }'
MEDIAN = 'measures { alias: "m" quantile { value { column: "x" } level: 0.5 candidates: [10, 20, 30] } }'
MEASURES = [COUNT, MEDIAN, 'measures { alias: "s" sum { value { column: "x" } } }']


def compiled(keys: str, measures: str, *, payment: str = RHO, groups: int = 0, accounting: int = ZCDP) -> Program:
    unit = f'privacy_unit {{ column: "person" max_groups: {groups} max_rows_per_group: 2 }}' if groups else ""
    dataset = text_format.Parse(
        f"""
        name: "datasets/d" {unit} schema {{
          columns {{ name: "city" text {{}} }}
          columns {{ name: "person" text {{}} }}
          columns {{ name: "x" integer {{ lower: 0 upper: 100 }} }}
        }}
        """,
        dataset_pb2.Dataset(),
    )
    plan = f'source {{ scan {{ dataset: "datasets/d" }} }} {keys} {measures}'
    paid = text_format.Parse(payment, payment_pb2.Payment())
    return compile_plan(text_format.Parse(plan, plan_pb2.Plan()), paid, dataset, accounting)


def listed(count: int) -> str:
    keys = " ".join(f'keys {{ values {{ text: "city {place}" }} }}' for place in range(count))
    return f'group_by {{ keys {{ alias: "city" expression {{ column: "city" }} }} public_keys {{ {keys} }} }}'


THRESHOLD = 'group_by { keys { alias: "city" expression { column: "city" } } threshold_keys {} }'


@pytest.mark.parametrize("payment", [RHO, EPSILON.replace(" delta_attos: 1000000000000", "")])
@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 300))
def test_any_number_of_public_keys_costs_one_where_a_row_is_a_unit(measure: str, payment: str, count: int) -> None:
    one, many = compiled("", measure, payment=payment), compiled(listed(count), measure, payment=payment)
    assert [draw.scale for draw in many.draws] == [draw.scale for draw in one.draws]
    assert many.loss == one.loss


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 40), groups=st.integers(1, 40))
def test_a_unit_in_several_groups_pays_for_as_many(measure: str, count: int, groups: int) -> None:
    """At most min(g, K) groups hold rows of one unit: ρ adds over them, so the scale grows with their root."""
    one, many = compiled(listed(1), measure, groups=1), compiled(listed(count), measure, groups=groups)
    touched = min(groups, count)
    for single, draw in zip(one.draws, many.draws, strict=True):
        # A sum has another grid for another scale: compare in the measure's unit.
        step, single_step = many.vectors[draw.vector].step, one.vectors[single.vector].step
        assert draw.scale * step >= single.scale * single_step * math.sqrt(touched) * (1 - 1e-3)
        assert draw.scale * step <= single.scale * single_step * math.sqrt(touched) * (1 + 1e-3)
    assert many.loss.rho_picos <= 20_000_000_000


@pytest.mark.parametrize("measure", [COUNT, MEDIAN])
def test_keys_that_are_not_public_are_no_partition(measure: str) -> None:
    """Without a list there is none to be had; by a threshold, finding the keys is paid first, δ with it."""
    with pytest.raises(Refusal) as caught:
        compiled('group_by { keys { alias: "city" expression { column: "city" } } }', measure)
    assert caught.value.metadata["rule"] == "keys_not_public"
    found = compiled(THRESHOLD, measure, groups=5)
    assert found.draws[0].loss.rho_picos > 0
    assert 0 < found.loss.delta_attos <= 10**12
    assert found.loss.rho_picos <= 20_000_000_000
    # Of released keys nobody knows how many there are: all of the unit's groups pay, never fewer.
    assert found.draws[0].sensitivity.l0 == 5
    assert all(draw.sensitivity.l0 == 5 or draw.keys_per_unit == 5 for draw in found.draws[1:])


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 40), groups=st.integers(1, 40))
def test_in_a_basic_population_epsilon_adds_over_the_groups_of_a_unit(count: int, groups: int) -> None:
    many = compiled(listed(count), COUNT, payment=EPSILON, groups=groups, accounting=BASIC)
    assert many.draws[0].scale == pytest.approx(2 * min(groups, count) / 0.5, rel=1e-9)
    assert (many.loss.rho_picos, many.loss.delta_attos) == (0, 0)
    assert many.loss.epsilon_picos == 500_000_000_000
