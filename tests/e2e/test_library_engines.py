"""Library engines on a running mesh: priced before data, paid once, read for free, charged when they fail."""

import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import grpc
import pyarrow as pa
import pytest
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

import sfumato as sf
from sfumato.v1 import model_service_pb2, query_service_pb2
from sfumato.v1.charge_pb2 import EpsilonDelta, RhoDelta
from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep, LogisticRegression, StandardScaler
from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato.v1.function_pb2 import FUNCTION_EQUAL
from sfumato.v1.model_pb2 import Model
from sfumato.v1.model_service_pb2_grpc import ModelServiceStub
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.query_service_pb2_grpc import QueryServiceStub
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.synthesizer_pb2 import MstSynthesizer, Synthesizer, SynthesizerColumn
from sfumato_executor.engines.library.isolation import Cause, EngineFailedError
from sfumato_mesh.refusal import Refusal
from tests.mesh_scene import MeshScene

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
ROWS: list[dict[str, Any]] = [
    {"species": SPECIES[i % 3], "female": i % 2, "mass": 3000.0 + 1000.0 * (i % 3) + i % 100} for i in range(900)
]
COLUMNS = {
    "species": {"type": "category", "values": list(SPECIES)},
    "female": {"type": "integer", "bounds": [0, 1]},
    "mass": {"type": "real", "bounds": [2500, 6500], "unit": "g"},
}
ENGINES = ["native", "smartnoise_synth", "smartnoise_sql", "diffprivlib"]
RHO = Payment(rho=RhoDelta(rho_picos=10**12))
EPSILON = Payment(epsilon=EpsilonDelta(epsilon_picos=3 * 10**12))


@pytest.fixture(scope="module")
def birds(scene: MeshScene) -> str:
    policy = {"engines": ENGINES, "public_row_count": len(ROWS)}
    return scene.publish("library-birds", ROWS, COLUMNS, policy=policy)


class Models:
    """ModelService and Operations, as a caller without the SDK has them."""

    def __init__(self, scene: MeshScene, dataset: str, subject: str = "analyst") -> None:
        channel = scene.channel()
        self.models: Any = ModelServiceStub(channel)
        self.operations: Any = OperationsStub(channel)
        self.queries: Any = QueryServiceStub(channel)
        self.metadata = scene.metadata(subject)
        self.source = Relation(scan=Scan(dataset=f"datasets/{dataset}"))

    def synthesizer(self, *columns: SynthesizerColumn) -> ModelSpec:
        chosen = columns or (SynthesizerColumn(name="species"), SynthesizerColumn(name="female"))
        return ModelSpec(source=self.source, synthesizer=Synthesizer(columns=chosen, mst=MstSynthesizer()))

    def classifier(self) -> ModelSpec:
        steps = [
            EstimatorStep(standard_scaler=StandardScaler()),
            EstimatorStep(logistic_regression=LogisticRegression()),
        ]
        return ModelSpec(source=self.source, estimator=Estimator(features=["mass"], target="species", steps=steps))

    def create(self, spec: ModelSpec, payment: Payment, **fields: Any) -> operations_pb2.Operation:
        request = model_service_pb2.CreateModelRequest(
            **{"spec": spec, "payment": payment, "request_id": str(uuid.uuid4()), **fields}
        )
        found: operations_pb2.Operation = self.models.CreateModel(request, metadata=self.metadata, timeout=20)
        return found

    def ended(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        for _ in range(4):
            request = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=30))
            operation = self.operations.WaitOperation(request, metadata=self.metadata, timeout=40)
            if operation.done:
                return operation
        raise AssertionError("the operation did not end")

    def fitted(self, spec: ModelSpec, payment: Payment) -> Model:
        operation = self.ended(self.create(spec, payment))
        model = Model()
        assert operation.response.Unpack(model), operation.error
        return model

    def rows(self, model: str, count: int, seed: int = 0, condition: Expression | None = None) -> list[dict[str, Any]]:
        request = model_service_pb2.SampleModelRequest(name=model, row_count=count, seed=seed, condition=condition)
        drawn: list[dict[str, Any]] = table(
            self.models.SampleModel(request, metadata=self.metadata, timeout=60)
        ).to_pylist()
        return drawn

    def rehearsed(self, spec: ModelSpec, payment: Payment, rows: int) -> list[Any]:
        request = model_service_pb2.RunDummyModelRequest(spec=spec, payment=payment, row_count=rows, seed=3)
        return list(self.models.RunDummyModel(request, metadata=self.metadata, timeout=60))


def table(parts: Any) -> pa.Table:
    """A stream of schema and batches as a table."""
    schema, batches = None, []
    for part in parts:
        if part.WhichOneof("kind") == "schema":
            schema = pa.ipc.read_schema(pa.py_buffer(part.schema.serialized_schema))
        elif part.WhichOneof("kind") == "batch":
            batches.append(pa.ipc.read_record_batch(pa.py_buffer(part.batch.serialized_record_batch), schema))
    return pa.Table.from_batches(batches, schema)


def spent(scene: MeshScene, dataset: str) -> float:
    """ρ that the population has left, against which two looks are compared."""
    quote = scene.connect().dataset(dataset).agg(n=sf.count()).quote(rho=1e-6)
    return next(line.remaining.rho for line in quote.scopes if not line.name.startswith("users/"))


def refusal(call: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    found = Refusal.from_rpc_error(caught.value)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def synthesizer(scene: MeshScene, birds: str) -> Model:
    models = Models(scene, birds)
    before = spent(scene, birds)
    model = models.fitted(models.synthesizer(), RHO)
    assert spent(scene, birds) == pytest.approx(before - 1.0)
    return model


def test_rows_of_a_synthesizer_are_free_seeded_and_like_the_data(
    scene: MeshScene, birds: str, synthesizer: Model
) -> None:
    models = Models(scene, birds)
    before = spent(scene, birds)

    drawn = models.rows(synthesizer.name, 5_000, seed=1)

    assert drawn == models.rows(synthesizer.name, 5_000, seed=1)
    assert drawn != models.rows(synthesizer.name, 5_000, seed=2)
    shares = Counter(row["species"] for row in drawn)
    assert set(shares) == set(SPECIES)
    # ρ = 1 over some 900 rows: the noise moves a share by less than 0.05, 5,000 draws by less than 0.05
    assert all(abs(count / 5_000 - 1 / 3) < 0.1 for count in shares.values())
    is_gentoo = Expression()
    is_gentoo.call.function = FUNCTION_EQUAL
    is_gentoo.call.arguments.extend([Expression(column="species"), Expression(literal=Literal(text="Gentoo"))])
    assert {row["species"] for row in models.rows(synthesizer.name, 50, condition=is_gentoo)} == {"Gentoo"}
    assert spent(scene, birds) == before


def test_an_equal_fit_is_free_and_says_so(scene: MeshScene, birds: str, synthesizer: Model) -> None:
    models = Models(scene, birds)
    before = spent(scene, birds)
    question = Question(model=models.synthesizer())
    request = query_service_pb2.QuoteQueryRequest(question=question, payment=RHO)
    quote = models.queries.QuoteQuery(request, metadata=models.metadata, timeout=20).quote
    assert quote.release_query == synthesizer.query
    assert quote.engine == "smartnoise_synth"

    again = models.fitted(models.synthesizer(), RHO)

    assert again.name != synthesizer.name
    assert models.rows(again.name, 100, seed=5) == models.rows(synthesizer.name, 100, seed=5)
    assert spent(scene, birds) == before


def test_a_fit_is_a_query_with_a_receipt(scene: MeshScene, birds: str, synthesizer: Model) -> None:
    client = scene.connect()
    receipt = client.query(synthesizer.query).receipt
    receipt.verify()
    assert receipt.statement.engine == "smartnoise_synth"
    assert synthesizer.name in {
        each.name
        for each in Models(scene, birds)
        .models.ListModels(
            model_service_pb2.ListModelsRequest(dataset=f"datasets/{birds}"), metadata=scene.metadata(), timeout=20
        )
        .models
    }


def test_a_synthesizer_is_not_read_and_an_estimator_not_sampled(
    scene: MeshScene, birds: str, synthesizer: Model
) -> None:
    models = Models(scene, birds)
    before = spent(scene, birds)
    estimator = models.fitted(models.classifier(), EPSILON)
    assert spent(scene, birds) < before

    get = model_service_pb2.GetModelRequest(name=estimator.name)
    found = models.models.GetModel(get, metadata=models.metadata, timeout=20).model.fitted_estimator
    assert list(found.classes) == list(SPECIES)
    assert list(found.inputs) == ["mass"]
    assert [step.WhichOneof("kind") for step in found.steps] == ["scaler", "linear"]
    assert refusal(lambda: models.rows(estimator.name, 5)).reason == "MODEL_KIND_MISMATCH"


def test_a_model_of_another_analyst_is_not_there(scene: MeshScene, birds: str, synthesizer: Model) -> None:
    scene.user("library-eve", population=birds)
    models = Models(scene, birds, "library-eve")
    get = model_service_pb2.GetModelRequest(name=synthesizer.name)
    for call in (
        lambda: models.rows(synthesizer.name, 5),
        lambda: models.models.GetModel(get, metadata=models.metadata, timeout=20),
    ):
        assert refusal(call).reason == "ACCESS_DENIED"


def test_statements_of_the_library_are_priced_and_answered(scene: MeshScene, birds: str) -> None:
    models = Models(scene, birds)
    statement = "SELECT species, COUNT(*) AS n, AVG(mass) AS m FROM library_birds GROUP BY species"
    question = Question(sql=SqlQuery(statement=statement, dataset=f"datasets/{birds}"), engine="smartnoise_sql")
    before = spent(scene, birds)
    request = query_service_pb2.QuoteQueryRequest(question=question, payment=EPSILON)
    quote = models.queries.QuoteQuery(request, metadata=models.metadata, timeout=20).quote
    run = query_service_pb2.RunQueryRequest(question=question, payment=EPSILON, request_id=str(uuid.uuid4()))

    events = [each.event for each in models.queries.RunQuery(run, metadata=models.metadata, timeout=90)]

    rows = table(events).to_pylist()
    assert {row["species"] for row in rows} == set(SPECIES)
    assert all(abs(row["n"] - 300) < 100 for row in rows)
    assert spent(scene, birds) == pytest.approx(before - quote.charge.rho_picos / 1e12, abs=1e-9)
    schema = pa.ipc.read_schema(pa.py_buffer(quote.schema.serialized_schema))
    assert schema == table(events).schema


def test_rehearsals_run_the_library_on_made_up_rows(scene: MeshScene, birds: str) -> None:
    models = Models(scene, birds)
    before = spent(scene, birds)

    parts = models.rehearsed(models.synthesizer(), RHO, 200)
    assert parts[0].WhichOneof("kind") == "model"
    assert table(parts).num_rows == 200
    [estimator] = models.rehearsed(models.classifier(), EPSILON, 200)

    assert list(estimator.model.fitted_estimator.classes) == list(SPECIES)
    assert spent(scene, birds) == before


def test_a_dataset_that_names_no_library_has_none(scene: MeshScene, birds: str) -> None:
    plain = scene.publish("plain-birds", ROWS[:30], COLUMNS)
    models = Models(scene, plain)
    for spec, payment in ((models.synthesizer(), RHO), (models.classifier(), EPSILON)):
        refused = refusal(lambda spec=spec, payment=payment: models.create(spec, payment))
        assert refused.reason == "ENGINE_NOT_ALLOWED"


def test_a_known_row_count_is_the_custodians_to_declare(scene: MeshScene) -> None:
    named = scene.publish("countless-birds", ROWS[:30], COLUMNS, policy={"engines": ENGINES})
    models = Models(scene, named)
    assert refusal(lambda: models.create(models.classifier(), EPSILON)).reason == "GUARANTEE_NOT_ACCEPTED"


@contextmanager
def failing_library(give_up_seconds: int = 1) -> Iterator[threading.Event]:
    """Every job hangs until the event is set, then breaks its limits; it is given up soon."""
    released = threading.Event()

    def run(*_: Any, **__: Any) -> Any:
        released.wait(60)
        raise EngineFailedError(Cause.TIMEOUT)

    with (
        mock.patch("sfumato_executor.library_engine.run_isolated", run),
        mock.patch("sfumato_executor.library_engine.give_up_after", return_value=Duration(seconds=give_up_seconds)),
        # The front keeps quotes: none that was made under the usual time, and none of these for later.
        mock.patch("sfumato_executor.executor_service._request_key", side_effect=lambda _: os.urandom(32)),
    ):
        yield released
        released.set()


def test_a_job_that_breaks_its_limits_is_charged_in_full_and_says_nothing(scene: MeshScene, birds: str) -> None:
    models = Models(scene, birds)
    spec = models.synthesizer(SynthesizerColumn(name="species"))
    before = spent(scene, birds)
    with failing_library():
        operation = models.create(spec, RHO)
        # While it hangs, the next caller is served.
        answer = scene.connect().dataset(birds).agg(n=sf.count()).run(rho=0.25)
        assert answer.rows()
        ended = models.ended(operation)

    assert not ended.HasField("response")
    assert (ended.error.code, ended.error.message) == (
        grpc.StatusCode.ABORTED.value[0],
        "the query gave no answer; it is charged in full",
    )
    assert spent(scene, birds) == pytest.approx(before - 1.25)


def test_a_fit_that_is_cancelled_stays_paid(scene: MeshScene, birds: str) -> None:
    models = Models(scene, birds)
    spec = models.synthesizer(SynthesizerColumn(name="female"))
    before = spent(scene, birds)
    with failing_library(give_up_seconds=60):
        operation = models.create(spec, RHO)
        cancel = operations_pb2.CancelOperationRequest(name=operation.name)
        models.operations.CancelOperation(cancel, metadata=models.metadata, timeout=20)
        ended = models.ended(operation)
    assert ended.error.code == grpc.StatusCode.CANCELLED.value[0]
    assert spent(scene, birds) == pytest.approx(before - 1.0)
