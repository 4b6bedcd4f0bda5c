"""Plans that are refused: by which rule, at which place, with a hint, and fast."""

import contextlib
import time

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message

from sfumato.v1 import dataset_pb2, expression_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan import losses
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Sensitivity
from sfumato_mesh.refusal import Refusal

DATASET = text_format.Parse(
    """
    name: "datasets/flights"
    privacy_unit { column: "tailnum" max_groups: 2 max_rows_per_group: 100 }
    schema {
      columns { name: "tailnum" text {} }
      columns { name: "carrier" category { values: ["AA", "B6", "UA"] } }
      columns { name: "dest" text {} }
      columns { name: "dep_delay" integer { lower: -60 upper: 600 } unit: "min" nullable: true }
      columns { name: "distance" real { lower: 0 upper: 5000 } }
      columns { name: "huge" integer { lower: 0 upper: 4000000000000000000 } }
      columns { name: "nothing" integer { lower: 0 upper: 0 } }
      columns { name: "cancelled" boolean {} }
      columns { name: "day" date { lower { year: 2013 month: 1 day: 1 } upper { year: 2013 month: 12 day: 31 } } }
      columns { name: "time" timestamp { lower { seconds: 1356998400 } upper { seconds: 1388534399 } } }
    }
    """,
    dataset_pb2.Dataset(),
)
SCAN = 'source { scan { dataset: "datasets/flights" } } '
COUNT = 'measures { alias: "n" count {} } '
NAN, INF = "nan", "inf"


def where(predicate: str) -> str:
    scan = 'input { scan { dataset: "datasets/flights" } }'
    return f"source {{ filter {{ {scan} predicate {{ {predicate} }} }} }} {COUNT}"


def call(function: str, *arguments: str, rest: str = "") -> str:
    inner = " ".join(f"arguments {{ {argument} }}" for argument in arguments)
    return f"call {{ function: FUNCTION_{function} {inner} {rest} }}"


def total(value: str, rest: str = "") -> str:
    return f'{SCAN} measures {{ alias: "s" sum {{ value {{ {value} }} {rest} }} }}'


def keys(expression: str, domain: str = "") -> str:
    return f'{SCAN} {COUNT} group_by {{ keys {{ alias: "k" expression {{ {expression} }} }} {domain} }}'


def quantile(rest: str, value: str = 'column: "distance"') -> str:
    return f'{SCAN} measures {{ alias: "q" quantile {{ value {{ {value} }} {rest} }} }}'


COLUMN = 'column: "dep_delay"'
TWO = "literal { integer: 2 }"
REJECTED = {
    "unknown column": (where('column: "dep_delayy"'), "unknown_column", "source.filter.predicate.column"),
    "unit column": (where(call("IS_NULL", 'column: "tailnum"')), "unit_column", "call.arguments[0].column"),
    "number as predicate": (where(COLUMN), "type", "source.filter.predicate"),
    "text against number": (where(call("EQUAL", COLUMN, 'literal { text: "x" }')), "type", "predicate"),
    "category order": (where(call("LESS", 'column: "carrier"', 'literal { text: "AA" }')), "type", "predicate"),
    "unknown category": (
        where(call("EQUAL", 'column: "carrier"', 'literal { text: "UAL" }')),
        "unknown_category",
        "predicate",
    ),
    "unknown category in list": (
        where('in_list { value { column: "carrier" } items { text: "XX" } }'),
        "unknown_category",
        "in_list.items[0]",
    ),
    "no date": (where(call("EQUAL", 'column: "day"', 'literal { text: "soon" }')), "literal", "predicate"),
    "no calendar day": (
        where(call("EQUAL", 'column: "day"', "literal { date { year: 2013 month: 2 day: 30 } }")),
        "literal",
        "arguments[1].literal",
    ),
    "instant out of range": (
        where(call("EQUAL", 'column: "time"', "literal { timestamp { seconds: 999999999999999 } }")),
        "literal",
        "arguments[1].literal",
    ),
    "infinite literal": (where(call("EQUAL", 'column: "distance"', "literal { real: inf }")), "literal", "literal"),
    "empty literal": (where(call("EQUAL", COLUMN, "literal {}")), "literal", "literal"),
    "empty expression": (where(""), "expression", "source.filter.predicate"),
    "too few arguments": (where(call("EQUAL", COLUMN)), "arguments", "predicate"),
    "too many arguments": (where(call("IS_NULL", COLUMN, COLUMN)), "arguments", "predicate"),
    "no function": (where(f"call {{ arguments {{ {COLUMN} }} }}"), "function", "predicate"),
    "unit where none is taken": (where(call("IS_NULL", COLUMN, rest="time_unit: TIME_UNIT_DAY")), "time_unit", ""),
    "no unit": (total(call("EXTRACT", 'column: "day"')), "time_unit", "measures[0].sum.value"),
    "hour of a date": (total(call("EXTRACT", 'column: "day"', rest="time_unit: TIME_UNIT_HOUR")), "time_unit", ""),
    "truncate to weekday": (
        keys(call("TRUNCATE_TIME", 'column: "day"', rest="time_unit: TIME_UNIT_WEEKDAY")),
        "time_unit",
        "",
    ),
    "round to a column": (total(call("ROUND", 'column: "distance"', COLUMN)), "literal", "arguments[1]"),
    "round to 16": (total(call("ROUND", 'column: "distance"', "literal { integer: 16 }")), "literal", "arguments[1]"),
    "clip reversed": (
        total(call("CLIP", COLUMN, "literal { integer: 9 }", "literal { integer: 1 }")),
        "bounds",
        "measures[0].sum.value",
    ),
    "integers beyond 64 bits": (total(call("MULTIPLY", 'column: "huge"', TWO)), "range", "measures[0].sum.value"),
    "cast date to integer": (
        total('cast { value { column: "day" } type: DATA_TYPE_INTEGER }'),
        "type",
        "measures[0].sum.value",
    ),
    "cast to nothing": (total(f"cast {{ value {{ {COLUMN} }} }}"), "type", "cast.type"),
    "empty case": (total("case_when {}"), "expression", "measures[0].sum.value"),
    "mixed case": (
        total(
            'case_when { branches { condition { column: "cancelled" } value { literal { integer: 1 } } } '
            'otherwise { literal { text: "no" } } }'
        ),
        "type",
        "measures[0].sum.value",
    ),
    "edges that fall": (keys('bin { value { column: "distance" } edges: [2, 1] }'), "bins", "bin.edges"),
    "NaN edges": (keys('bin { value { column: "distance" } edges: [nan, nan] }'), "bins", "bin.edges"),
    "infinite edges": (keys('bin { value { column: "distance" } edges: [0, inf] }'), "bins", "bin.edges"),
    "bins of text": (keys('bin { value { column: "dest" } edges: [1, 2] }'), "type", "bin.value"),
    "sum of text": (total('column: "dest"'), "type", "measures[0].sum.value"),
    "sum of a boolean": (total('column: "cancelled"'), "type", "measures[0].sum.value"),
    "bounds reversed": (total(COLUMN, "bounds { lower: 5 upper: 1 }"), "bounds", "measures[0].sum.bounds"),
    "bounds NaN": (total(COLUMN, "bounds { lower: nan upper: 1 }"), "bounds", "measures[0].sum.bounds"),
    "bounds infinite": (total(COLUMN, "bounds { lower: 0 upper: inf }"), "bounds", "measures[0].sum.bounds"),
    "bounds elsewhere": (total(COLUMN, "bounds { lower: 700 upper: 800 }"), "bounds", "measures[0].sum.bounds"),
    "nothing known of the value": (
        total(call("EXP", 'column: "distance"')),
        "bounds_missing",
        "measures[0].sum.bounds",
    ),
    "sum of zeros": (total('column: "nothing"'), "sensitivity_zero", "measures[0].sum.value"),
    "mean of a constant": (
        SCAN + 'measures { alias: "m" mean { value { literal { integer: 3 } } } }',
        "sensitivity_zero",
        "measures[0].mean.value",
    ),
    "text keys": (keys('column: "dest"'), "keys_not_public", "group_by.keys[0].expression"),
    "real keys": (keys('column: "distance"'), "key_type", "group_by.keys[0].expression"),
    "wide keys": (keys('column: "huge"'), "keys_not_public", "group_by.keys[0].expression"),
    "instants as keys": (keys('column: "time"'), "keys_not_public", "group_by.keys[0].expression"),
    "every second as a key": (
        keys(call("TRUNCATE_TIME", 'column: "time"', rest="time_unit: TIME_UNIT_SECOND")),
        "too_many_keys",
        "group_by.keys[0]",
    ),
    "unknown key": (
        keys('column: "carrier"', 'public_keys { keys { values { text: "UAA" } } }'),
        "unknown_key",
        "group_by.public_keys.keys[0].values[0]",
    ),
    "empty key list": (keys('column: "dest"', "public_keys {}"), "empty_keys", "group_by.public_keys.keys"),
    "no key": (SCAN + COUNT + "group_by {}", "empty_keys", "group_by.keys"),
    "key of two values": (
        keys('column: "dest"', 'public_keys { keys { values { text: "a" } values { text: "b" } } }'),
        "key_width",
        "keys[0]",
    ),
    "key of another type": (
        keys('column: "dest"', "public_keys { keys { values { integer: 1 } } }"),
        "type",
        "keys[0].values[0]",
    ),
    "threshold without delta": (keys('column: "dest"', "threshold_keys {}"), "delta_missing", "payment.rho"),
    "level above 1": (quantile("level: 1.5"), "level", "measures[0].quantile.level"),
    "level NaN": (quantile("level: nan"), "level", "measures[0].quantile.level"),
    "candidates that fall": (quantile("level: 0.5 candidates: [2, 1]"), "candidates", "quantile.candidates"),
    "candidates NaN": (quantile("level: 0.5 candidates: [nan]"), "candidates", "quantile.candidates"),
    "candidates infinite": (quantile("level: 0.5 candidates: [1, inf]"), "candidates", "quantile.candidates"),
    "quantile of text": (quantile("level: 0.5", 'column: "dest"'), "type", "measures[0].quantile.value"),
    "quantile of anything": (
        quantile("level: 0.5", call("EXP", 'column: "distance"')),
        "bounds_missing",
        "measures[0].quantile",
    ),
    "too many candidates": (quantile("level: 0.5 candidate_count: 10001"), "candidates", "candidate_count"),
    "histogram of text": (
        SCAN + 'measures { alias: "h" histogram { bins { column: "dest" } } }',
        "bins_not_public",
        "measures[0].histogram.bins",
    ),
    "no measure": (SCAN, "measure", "measures"),
    "empty measure": (SCAN + 'measures { alias: "n" }', "measure", "measures[0]"),
    "equal names": (SCAN + COUNT + COUNT, "alias", "measures"),
    "looser bounds": (SCAN + COUNT + "contribution_bounds { max_groups: 3 }", "contribution_bounds", "max_groups"),
    "looser rows": (SCAN + COUNT + "contribution_bounds { max_rows: 201 }", "contribution_bounds", "max_rows"),
    "another dataset": ('source { scan { dataset: "datasets/x" } } ' + COUNT, "other_dataset", "source.scan.dataset"),
    "no source": (COUNT, "source", "source"),
    "derived twice": (
        'source { derive { input { scan { dataset: "datasets/flights" } } columns { alias: "a" expression { '
        'column: "dest" } } columns { alias: "a" expression { column: "dest" } } } } ' + COUNT,
        "alias",
        "source.derive.columns[1].alias",
    ),
}


def refusal(plan: plan_pb2.Plan, payment: str = "rho { rho_picos: 20000000000 }") -> Refusal:
    losses.gaussian(Sensitivity(1, 1.0, 1.0, 1), 1_000)  # loads the library
    started = time.perf_counter()
    with pytest.raises(Refusal) as caught:
        compile_plan(plan, text_format.Parse(payment, payment_pb2.Payment()), DATASET, population_pb2.ACCOUNTING_ZCDP)
    assert time.perf_counter() - started < 0.5  # 50 ms on an idle machine
    return caught.value


def parsed(text: str) -> plan_pb2.Plan:
    return text_format.Parse(text, plan_pb2.Plan())


@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name: str) -> None:
    text, rule, place = REJECTED[name]
    found = refusal(parsed(text))
    assert (found.reason, found.metadata["rule"]) == ("PLAN_REJECTED", rule)
    assert place in found.metadata["field"]
    assert found.fields[0].field == found.metadata["field"]
    assert found.message


@pytest.mark.parametrize("name", sorted(set(REJECTED) - {"infinite literal", "empty literal", "instant out of range"}))
def test_a_refusal_says_what_would_pass(name: str) -> None:
    assert refusal(parsed(REJECTED[name][0])).metadata["hint"]


def test_near_names_are_suggested() -> None:
    found = refusal(parsed(where('column: "dep_delayy"')))
    assert found.metadata["did_you_mean"] == "dep_delay"
    assert "carrier" in found.metadata["columns"]
    assert "tailnum" not in found.metadata["columns"]
    assert refusal(parsed(REJECTED["unknown key"][0])).metadata["did_you_mean"] == "UA"


@pytest.mark.parametrize(
    ("payment", "rule"),
    [
        ("", "loss_too_small"),
        ("rho {}", "loss_too_small"),
        ("rho { rho_picos: -1 }", "loss_too_small"),
        ("rho { rho_picos: 1000000000000001 }", "loss_too_large"),
        ("rho { rho_picos: 9223372036854775807 }", "loss_too_large"),
        ("epsilon { epsilon_picos: 0 delta_attos: 1 }", "loss_too_small"),
        ("epsilon { epsilon_picos: 1 delta_attos: 1 }", "loss_too_small"),
        ("epsilon { epsilon_picos: 1000 delta_attos: -1 }", "delta"),
        ("rho { rho_picos: 1000 delta_attos: 1000000000000000000 }", "delta"),
    ],
)
def test_payments_that_buy_nothing(payment: str, rule: str) -> None:
    found = refusal(parsed(SCAN + COUNT), payment)
    assert (found.reason, found.metadata["rule"]) == ("PLAN_REJECTED", rule)
    assert found.metadata["hint"]


def test_a_share_below_one_unit_is_too_small() -> None:
    text = SCAN + "".join(
        f'measures {{ alias: "n{index}" sum {{ value {{ {COLUMN} }} bounds {{ lower: 0 upper: {index + 1} }} }} }} '
        for index in range(3)
    )
    assert refusal(parsed(text), "rho { rho_picos: 2 }").metadata["rule"] == "loss_too_small"


def test_gaussian_noise_needs_more_than_a_pure_payment() -> None:
    found = refusal(
        parsed(SCAN + 'measures { alias: "n" count {} noise: NOISE_GAUSSIAN }'), "epsilon { epsilon_picos: 1000000 }"
    )
    assert (found.metadata["rule"], found.metadata["field"]) == ("noise", "measures[0].noise")


def test_no_threshold_costs_as_little_delta_as_one_atto() -> None:
    found = refusal(
        parsed(keys('column: "dest"', "threshold_keys {}")), "rho { rho_picos: 20000000000 delta_attos: 1 }"
    )
    assert found.metadata["rule"] == "loss_too_small"


def nested(depth: int) -> expression_pb2.Expression:
    expression = expression_pb2.Expression(column="cancelled")
    for _ in range(depth - 1):
        outer = expression_pb2.Expression()
        outer.call.function = f.FUNCTION_NOT
        outer.call.arguments.append(expression)
        expression = outer
    return expression


def filtered(predicate: expression_pb2.Expression) -> plan_pb2.Plan:
    plan = parsed(SCAN + COUNT)
    plan.source.filter.input.scan.dataset = "datasets/flights"
    plan.source.filter.predicate.CopyFrom(predicate)
    return plan


def test_depth_is_bounded_before_anything_recurses() -> None:
    compile_plan(
        filtered(nested(16)),
        text_format.Parse("rho { rho_picos: 1000000 }", payment_pb2.Payment()),
        DATASET,
        population_pb2.ACCOUNTING_ZCDP,
    )
    assert refusal(filtered(nested(17))).metadata["rule"] == "too_deep"
    assert refusal(filtered(nested(40))).metadata["rule"] == "too_deep"


def test_nodes_are_bounded() -> None:
    wide = expression_pb2.Expression()
    wide.call.function = f.FUNCTION_AND
    for _ in range(1_000):
        wide.call.arguments.add().column = "cancelled"
    assert refusal(filtered(wide)).metadata["rule"] == "too_many_nodes"


def test_relations_are_bounded() -> None:
    plan = parsed(SCAN + COUNT)
    for _ in range(16):
        outer = type(plan.source)()
        outer.filter.input.CopyFrom(plan.source)
        outer.filter.predicate.column = "cancelled"
        plan.source.CopyFrom(outer)
    assert refusal(plan).metadata["rule"] == "too_deep"


def test_derived_columns_cannot_double_without_end() -> None:
    plan = parsed(SCAN + COUNT)
    for level in range(14):
        outer = type(plan.source)()
        outer.derive.input.CopyFrom(plan.source)
        column = outer.derive.columns.add(alias="twice")
        column.expression.call.function = f.FUNCTION_ADD
        for _ in range(40):
            column.expression.call.arguments.add().column = "distance" if level == 0 else "twice"
        plan.source.CopyFrom(outer)
    assert refusal(plan).metadata["rule"] in ("too_many_nodes", "too_deep")


def test_random_bytes_that_parse_never_raise_anything_else() -> None:
    """Mutations of plans: each is compiled or refused."""
    payment = text_format.Parse("rho { rho_picos: 20000000000 delta_attos: 1000000000000 }", payment_pb2.Payment())
    for text, _, _ in REJECTED.values():
        message: Message = parsed(text)
        raw = message.SerializeToString()
        for cut in range(0, len(raw), 7):
            mutated = raw[:cut] + bytes([(raw[cut] + 1) % 256]) + raw[cut + 1 :]
            plan = plan_pb2.Plan()
            try:
                plan.ParseFromString(mutated)
            except Exception:  # noqa: BLE001  (the transport refuses what does not parse)
                continue
            with contextlib.suppress(Refusal):
                compile_plan(plan, payment, DATASET, population_pb2.ACCOUNTING_ZCDP)
