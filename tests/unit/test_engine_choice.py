"""Which engine answers: what the question names, if the policy and the server have it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

from sfumato.v1.charge_pb2 import RhoDelta
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.estimator_pb2 import Estimator
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP, Population
from sfumato.v1.question_pb2 import ASSURANCE_LIBRARY, Question, SqlQuery
from sfumato.v1.quote_pb2 import MeasureAccuracy
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.synthesizer_pb2 import MstSynthesizer, Synthesizer, SynthesizerColumn
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engine_choice import Engines
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.isolation import Limits
from sfumato_executor.engines.library.program import MODEL_METADATA, LibraryProgram, RowColumn, RowSelection
from sfumato_executor.engines.library.source import read_source
from sfumato_executor.library_engine import LibraryEngine
from sfumato_executor.native_engine import NativeEngine
from sfumato_executor.plan.program import Loss
from sfumato_executor.releases.sealing import Unsealed
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task
from tests.attacks.tables import NAME, dataset, table

LIMITS = Limits(wall_seconds=100.0, cpu_seconds=100, memory_bytes=1 << 30, result_bytes=1 << 20, threads=1)
SCHEMA = 'columns { name: "species" category { values: "Adelie" values: "Gentoo" } }'
RELEASE = pa.table({"name": ["fit"], "shape": [[1]], "values": [[0.5]]})
SPEC = ModelSpec(
    source=Relation(scan=Scan(dataset=NAME)),
    synthesizer=Synthesizer(columns=[SynthesizerColumn(name="species")], mst=MstSynthesizer()),
)
PAYMENT = Payment(rho=RhoDelta(rho_picos=10**10))
FIT = Task(question=Question(model=SPEC), payment=PAYMENT, confidence=0.95)


@dataclass
class MadeUpAdapter:
    """A library that is none."""

    name: str = "smartnoise_synth"
    installed: bool = True
    asked: list[Asked] = field(default_factory=list)

    def is_installed(self) -> bool:
        return self.installed

    def compile(self, asked: Asked) -> LibraryProgram:
        self.asked.append(asked)
        columns = read_source(asked.question.model.source, asked.dataset).columns
        if "species" not in columns:
            raise plan_rejected("unknown_column", "question.model", "no such column", hint="another")
        species = columns["species"].expression
        rows = RowSelection(None, (RowColumn("species", species),), None, 1)
        loss = Loss(asked.payment.rho.rho_picos, None, 0)
        return LibraryProgram(
            self.name, asked.dataset.name, rows, {}, loss, b"d" * 32, (MeasureAccuracy(alias="fit"),), ("by row",)
        )

    def answer_schema(self, program: LibraryProgram) -> pa.Schema:
        return RELEASE.schema

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        if release.schema.names != RELEASE.schema.names:
            raise UnreadableReleaseError
        return release


def record(*engines: str) -> DatasetRecord:
    made: Dataset = dataset(SCHEMA)
    made.policy.engines.extend(engines)
    made.version = 3
    return DatasetRecord(dataset=made, published=made, population=Population(accounting=ACCOUNTING_ZCDP))


def engines(adapter: Any = None) -> Engines:
    native = NativeEngine()
    adapter = adapter or MadeUpAdapter()
    made = table(dataset(SCHEMA), {"species": ["Adelie", "Gentoo", "Adelie"]})
    return Engines(native, {adapter.name: LibraryEngine(adapter, LIMITS, lambda _: made)})


def test_a_quote_says_whose_word_it_is() -> None:
    quote = engines().quote(FIT, record("native", "smartnoise_synth"), ())

    assert (quote.engine, quote.assurance) == ("smartnoise_synth", ASSURANCE_LIBRARY)
    assert quote.charge.rho_picos == 10**10
    assert not quote.charge.HasField("epsilon_picos")
    assert quote.give_up_after.seconds == 260  # two whole runs and a minute
    assert [each.version for each in quote.data_versions] == [3]
    assert list(quote.notes) == ["by row"]
    assert pa.ipc.read_schema(pa.py_buffer(quote.schema.serialized_schema)) == RELEASE.schema


@pytest.mark.parametrize("allowed", [(), ("native",), ("native", "smartnoise_sql")])
def test_a_library_answers_only_where_the_policy_names_it(allowed: tuple[str, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        engines().quote(FIT, record(*allowed), ())
    assert refused.value.reason == "ENGINE_NOT_ALLOWED"
    assert refused.value.metadata["engine"] == "smartnoise_synth"


def test_a_library_that_is_not_installed_answers_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        engines(MadeUpAdapter(installed=False)).quote(FIT, record("smartnoise_synth"), ())
    assert refused.value.reason == "ENGINE_NOT_ALLOWED"
    assert "this mesh has not installed it" in refused.value.message


def test_native_answers_only_where_the_policy_names_it() -> None:
    task = Task(question=Question(sql=SqlQuery(statement="SELECT 1")), payment=PAYMENT, confidence=0.9)
    with pytest.raises(Refusal) as refused:
        engines().quote(task, record("smartnoise_synth"), ())
    assert refused.value.reason == "ENGINE_NOT_ALLOWED"
    assert refused.value.metadata["engines"] == "smartnoise_synth"


@pytest.mark.parametrize(
    "question",
    [
        Question(model=SPEC, engine="native"),
        Question(sql=SqlQuery(statement="SELECT 1"), engine="smartnoise_synth"),
        Question(engine="smartnoise_synth"),
        Question(model=ModelSpec(estimator=Estimator()), engine="smartnoise_synth"),
    ],
)
def test_an_engine_answers_questions_of_its_form(question: Question) -> None:
    task = Task(question=question, payment=PAYMENT, confidence=0.9)
    with pytest.raises(Refusal) as refused:
        engines().quote(task, record("native", "smartnoise_synth"), ())
    assert (refused.value.reason, refused.value.metadata["rule"]) == ("PLAN_REJECTED", "engine")


def test_an_engine_of_another_name_is_not_there() -> None:
    task = Task(question=Question(sql=SqlQuery(statement="SELECT 1"), engine="spark"), payment=PAYMENT, confidence=0.9)
    with pytest.raises(Refusal) as refused:
        engines().quote(task, record("native", "spark"), ())
    assert refused.value.reason == "ENGINE_NOT_ALLOWED"


def test_what_was_sold_is_run_whatever_the_policy_says_since() -> None:
    program = engines().price(FIT, record("native"))

    assert isinstance(program, LibraryProgram)
    assert program.loss == Loss(10**10, None, 0)


def test_a_job_gets_the_selected_rows_and_its_limits() -> None:
    chosen = engines()
    program = chosen.price(FIT, record())
    with mock.patch("sfumato_executor.library_engine.run_isolated", return_value=RELEASE) as run:
        assert chosen.draw(program, Path("anywhere")) == RELEASE
    engine, job, rows, limits = run.call_args.args
    assert (engine, dict(job), limits) == ("smartnoise_synth", {}, LIMITS)
    assert sorted(rows["species"].to_pylist()) == [0, 0, 1]


def test_a_rehearsal_runs_on_made_up_rows() -> None:
    chosen = engines()
    with mock.patch("sfumato_executor.library_engine.run_isolated", return_value=RELEASE) as run:
        assert chosen.dummy(FIT, record("smartnoise_synth"), 50, 7) == RELEASE
        first = run.call_args.args[2]
        chosen.dummy(FIT, record("smartnoise_synth"), 50, 7)
    assert first.num_rows == 50
    assert first == run.call_args.args[2]
    assert run.call_args.args[3] == replace(LIMITS, wall_seconds=60.0)


def test_nothing_is_derived_from_a_library_and_equal_questions_are_read_again() -> None:
    chosen = engines()
    assert chosen.family(FIT, record()).digest == b""
    assert chosen.derived_measures(FIT, FIT, record(), ()) is None
    with pytest.raises(UnreadableReleaseError):
        chosen.derive(Unsealed(RELEASE, b""), FIT, FIT, record())
    assert chosen.reread(Unsealed(RELEASE, b""), FIT, FIT, record()) == RELEASE
    with pytest.raises(UnreadableReleaseError):
        chosen.reread(Unsealed(pa.table({"x": [1]}), b""), FIT, FIT, record())


def test_a_model_says_itself_what_it_holds() -> None:
    """Its release is read although the schema has changed, so that the question could not be asked today."""
    described = RELEASE.replace_schema_metadata({MODEL_METADATA: b"{}"})
    changed = record()
    changed.published.schema.columns[0].name = "kind"
    with pytest.raises(Refusal):
        engines().price(FIT, changed)
    assert engines().reread(Unsealed(described, b""), FIT, FIT, changed) == described
