"""Quotes: everything that a caller learns before paying, from public metadata alone."""

import pyarrow as pa
import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, population_pb2, quote_pb2
from sfumato_executor.plan.quoting import compile_task, quote
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import catalog_service_pb2, task_pb2

DATASET = """
  name: "datasets/penguins" version: 3 schema {
    columns { name: "species" category { values: ["Adelie", "Chinstrap", "Gentoo"] } }
    columns { name: "body_mass_g" integer { lower: 2500 upper: 6500 } unit: "g" nullable: true }
    columns { name: "day" date { lower { year: 2007 month: 1 day: 1 } upper { year: 2009 month: 12 day: 31 } } }
  }
"""
TASK = """
  plan {
    source { filter { input { scan { dataset: "datasets/penguins" } } predicate { call {
      function: FUNCTION_GREATER arguments { column: "body_mass_g" } arguments { literal { integer: 3000 } } } } } }
    group_by { keys { alias: "species" expression { column: "species" } } }
    measures { alias: "n" count {} }
    measures { alias: "mass" mean { value { column: "body_mass_g" } } }
    measures { alias: "first" quantile { value { column: "day" } level: 0 } }
    measures { alias: "h" histogram { bins { bin { value { column: "body_mass_g" } edges: [2500, 4000, 6500] } } } }
  }
  payment { rho { rho_picos: 20000000000 } }
  confidence: 0.95
"""


def record(published: bool = True, **policy: list[str]) -> catalog_service_pb2.DatasetRecord:
    dataset = text_format.Parse(DATASET, dataset_pb2.Dataset())
    dataset.policy.engines.extend(policy.get("engines", []))
    made = catalog_service_pb2.DatasetRecord(dataset=dataset)
    made.population.accounting = population_pb2.ACCOUNTING_ZCDP
    if published:
        made.published.CopyFrom(dataset)
    return made


def task(text: str = TASK) -> task_pb2.Task:
    return text_format.Parse(text, task_pb2.Task())


def quoted(**options: list[int]) -> quote_pb2.Quote:
    return quote(task(), record(), options.get("sizes", []))


def test_a_quote_says_price_noise_error_and_plan() -> None:
    found = quoted(sizes=[50, 5_000])
    assert found.charge.rho_picos == 20_000_000_000
    assert not found.charge.HasField("epsilon_picos")
    assert [measure.alias for measure in found.measures] == ["n", "mass", "first", "h"]
    assert sum(measure.charge.rho_picos for measure in found.measures) == found.charge.rho_picos
    assert [interval.group_size for interval in found.measures[1].intervals] == [50, 5_000]
    assert all(interval.confidence == 0.95 for measure in found.measures for interval in measure.intervals)
    assert found.measures[1].unit == "g"
    assert found.engine == "native"
    assert found.plan_digest == compile_task(task(), record()).digest
    assert found.give_up_after.seconds == 60
    assert (found.data_versions[0].dataset, found.data_versions[0].version) == ("datasets/penguins", 3)
    assert found.canonical_plan.source.filter.predicate.call.arguments[1].literal.integer == 3000
    assert any("share one noisy number" in note for note in found.notes)


def test_the_schema_is_that_of_the_answer() -> None:
    schema = pa.ipc.read_schema(pa.py_buffer(quoted().schema.serialized_schema))
    assert schema.names == [
        "species",
        *(f"{alias}{end}" for alias in ("n", "mass", "first", "h") for end in ("", ".lower", ".upper")),
    ]
    assert schema.field("species").type == pa.string()
    assert schema.field("n.upper").type == pa.int64()
    assert schema.field("mass").type == pa.float64()
    assert schema.field("mass").metadata[b"unit"] == b"g"
    assert schema.field("first").type == pa.date32()
    assert schema.field("h").type == pa.list_(pa.int64())
    assert schema.field("h").metadata[b"bins"] == b"[2500, 4000)\n[4000, 6500]"


def test_group_sizes_fall_back_to_the_policy() -> None:
    made = record()
    made.dataset.policy.accuracy.group_sizes.extend([7])
    sizes = [interval.group_size for interval in quote(task(), made, []).measures[1].intervals]
    assert sizes == [7]
    assert [interval.group_size for interval in quoted().measures[1].intervals] == [100, 1_000]


def test_schema_is_the_published_one_and_policy_the_present_one() -> None:
    made = record()
    del made.dataset.schema.columns[:]
    assert quote(task(), made, []).plan_digest == quoted().plan_digest
    made.dataset.policy.engines.append("smartnoise_sql")
    with pytest.raises(Refusal) as caught:
        quote(task(), made, [])
    assert caught.value.reason == "ENGINE_NOT_ALLOWED"


def test_an_unpublished_dataset_can_be_quoted() -> None:
    found = quote(task(), record(published=False), [])
    assert not found.data_versions
    assert found.plan_digest == quoted().plan_digest


def test_an_engine_that_the_server_does_not_have_is_refused() -> None:
    asked = task()
    asked.question.engine = "smartnoise_sql"
    with pytest.raises(Refusal) as caught:
        quote(asked, record(engines=["smartnoise_sql", "native"]), [])
    assert caught.value.reason == "ENGINE_NOT_ALLOWED"
    assert caught.value.metadata["engines"] == "native"


def test_confidence_and_sizes_do_not_reach_the_digest() -> None:
    other = task(TASK.replace("0.95", "0.5"))
    assert quote(other, record(), [3]).plan_digest == quoted().plan_digest
