"""ModelService and the operations of fits, before a mesh that is made up."""

from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from sfumato.v1 import model_service_pb2, operation_service_pb2
from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep, KMeans
from sfumato.v1.model_pb2 import Model
from sfumato.v1.model_service_pb2_grpc import ModelServiceStub
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.operation_service_pb2_grpc import OperationServiceStub
from sfumato.v1.question_pb2 import Question
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.synthesizer_pb2 import MstSynthesizer, Synthesizer, SynthesizerColumn
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.gateway_query_scene import ADA, BOB, NAME, RHO, Scene, refused, request

SOURCE = Relation(scan=Scan(dataset="datasets/penguins"))
SYNTHESIZER = ModelSpec(
    source=SOURCE, synthesizer=Synthesizer(columns=[SynthesizerColumn(name="species")], mst=MstSynthesizer())
)
ESTIMATOR = ModelSpec(
    source=SOURCE,
    estimator=Estimator(features=["body_mass_g"], steps=[EstimatorStep(k_means=KMeans(cluster_count=2))]),
)
OPERATION, MODEL = f"operations/{NAME}", f"models/{NAME}"


@pytest.fixture
async def scene() -> Scene:
    return Scene()


def create(spec: ModelSpec = SYNTHESIZER, **fields: Any) -> model_service_pb2.CreateModelRequest:
    return model_service_pb2.CreateModelRequest(
        **{"spec": spec, "payment": RHO, "request_id": request().request_id, **fields}
    )


def models(scene: Scene) -> Any:
    return ModelServiceStub(scene.channel)


def operations(scene: Scene) -> Any:
    return OperationsStub(scene.channel)


async def fitted(scene: Scene, spec: ModelSpec = SYNTHESIZER) -> None:
    await models(scene).CreateModel(create(spec))
    scene.mesh.end(NAME)


async def test_a_fit_is_paid_and_queued_for_the_engine_of_its_kind(scene: Scene) -> None:
    operation = await models(scene).CreateModel(create(labels={"paper": "a"}))

    assert (operation.name, operation.done) == (OPERATION, False)
    reserved = scene.mesh.requests["ReserveQuery"]
    assert reserved.query.task.question.model == SYNTHESIZER
    assert not reserved.query.task.HasField("plan")
    assert dict(reserved.labels) == {"paper": "a", "sfumato.form": "model"}
    assert scene.mesh.requests["Submit"].engine == "smartnoise_synth"
    metadata = operation_service_pb2.OperationMetadata()
    assert operation.metadata.Unpack(metadata)
    assert (metadata.target, metadata.query) == (MODEL, f"queries/{NAME}")
    assert metadata.progress.give_up_time.seconds == 1_000
    assert metadata.progress.total_steps == 0


async def test_the_same_request_gives_the_same_operation_and_no_question_takes_its_id(scene: Scene) -> None:
    first = await models(scene).CreateModel(create())
    assert await models(scene).CreateModel(create()) == first
    assert list(scene.mesh.reservations) == [NAME]
    digest = scene.mesh.requests["ReserveQuery"].body_digest

    scene.mesh.reservations.clear()
    stub = scene.stub.RunQuery(request(question=Question(model=SYNTHESIZER)))
    assert (await refused(stub.read())).metadata["rule"] == "model"
    call = scene.stub.RunQuery(request())
    await call.read()
    assert scene.mesh.requests["ReserveQuery"].body_digest != digest
    call.cancel()


async def test_an_operation_ends_with_its_model(scene: Scene) -> None:
    await models(scene).CreateModel(create())
    stub: Any = OperationServiceStub(scene.channel)
    scene.mesh.ended.set()

    watch = stub.WatchOperation(operation_service_pb2.WatchOperationRequest(name=OPERATION))
    seen = [each.operation async for each in watch]

    assert [each.done for each in seen] == [False, True]
    model = Model()
    assert seen[-1].response.Unpack(model)
    assert (model.name, model.query, model.spec) == (MODEL, f"queries/{NAME}", SYNTHESIZER)
    assert model.receipt.statement.sequence == 7
    assert "RaiseMark" in scene.mesh.asked


async def test_a_fit_is_given_up_by_its_owner_alone_and_stays_in_history(scene: Scene) -> None:
    await models(scene).CreateModel(create())
    scene.call_as(BOB)
    for call in (
        operations(scene).GetOperation(operations_pb2.GetOperationRequest(name=OPERATION)),
        operations(scene).CancelOperation(operations_pb2.CancelOperationRequest(name=OPERATION)),
        models(scene).GetModel(model_service_pb2.GetModelRequest(name=MODEL)),
    ):
        assert (await refused(call)).reason == "ACCESS_DENIED"
    assert scene.mesh.reservations[NAME].state == Reservation.STATE_OPEN

    scene.call_as(ADA)
    await operations(scene).CancelOperation(operations_pb2.CancelOperationRequest(name=OPERATION))
    ended = await operations(scene).GetOperation(operations_pb2.GetOperationRequest(name=OPERATION))
    assert (ended.done, ended.error.code) == (True, 1)
    delete = operations(scene).DeleteOperation(operations_pb2.DeleteOperationRequest(name=OPERATION))
    assert (await refused(delete)).reason == "RESOURCE_IN_USE"


async def test_a_query_under_the_label_of_fits_is_none(scene: Scene) -> None:
    await fitted(scene)
    scene.mesh.reservations[NAME].claim.task.question.sql.statement = "SELECT COUNT(*) FROM penguins"
    for call in (
        models(scene).GetModel(model_service_pb2.GetModelRequest(name=MODEL)),
        operations(scene).GetOperation(operations_pb2.GetOperationRequest(name=OPERATION)),
    ):
        assert (await refused(call)).reason == "ACCESS_DENIED"
    assert not (await models(scene).ListModels(model_service_pb2.ListModelsRequest())).models
    assert not (await operations(scene).ListOperations(operations_pb2.ListOperationsRequest())).operations


async def test_a_fit_that_gave_nothing_tells_nothing(scene: Scene) -> None:
    await models(scene).CreateModel(create())
    scene.mesh.outcome = Reservation.STATE_CHARGED
    scene.mesh.end(NAME)

    ended = await operations(scene).WaitOperation(operations_pb2.WaitOperationRequest(name=OPERATION))

    assert (ended.error.code, ended.error.message) == (10, "the query gave no answer; it is charged in full")
    get = models(scene).GetModel(model_service_pb2.GetModelRequest(name=MODEL))
    assert (await refused(get)).reason == "QUERY_FAILED"


async def test_fits_are_listed_behind_preparations(scene: Scene) -> None:
    await fitted(scene)

    page = await operations(scene).ListOperations(operations_pb2.ListOperationsRequest(page_size=5))

    assert [each.name for each in page.operations] == [OPERATION]
    assert page.next_page_token == "fits:next"
    listed = await models(scene).ListModels(model_service_pb2.ListModelsRequest(dataset="datasets/penguins"))
    assert [each.name for each in listed.models] == [MODEL]
    asked = scene.mesh.requests["ListReservations"]
    assert (asked.analyst, dict(asked.labels)) == ("users/ada", {"sfumato.form": "model"})


async def test_an_estimator_is_read_with_its_parameters_and_a_synthesizer_without(scene: Scene) -> None:
    await fitted(scene, ESTIMATOR)
    found = await models(scene).GetModel(model_service_pb2.GetModelRequest(name=MODEL))
    assert found.model.fitted_estimator.library == "diffprivlib 0.6.6"
    assert scene.mesh.requests["Submit"].engine == "diffprivlib"

    other = Scene()
    await fitted(other)
    found = await models(other).GetModel(model_service_pb2.GetModelRequest(name=MODEL))
    assert not found.model.HasField("fitted_estimator")
    assert "ReadModel" not in other.mesh.asked


async def test_rows_are_drawn_as_often_as_wanted(scene: Scene) -> None:
    await fitted(scene)
    draw = model_service_pb2.SampleModelRequest(name=MODEL, row_count=9, seed=4)

    for _ in range(2):
        parts = [each async for each in models(scene).SampleModel(draw)]
        assert [each.WhichOneof("kind") for each in parts] == ["schema", "batch"]
    asked = scene.mesh.requests["SampleModel"]
    assert (asked.query_id, asked.row_count, asked.seed) == (NAME, 9, 4)
    assert not asked.HasField("condition")
    assert scene.mesh.asked.count("ReserveQuery") == 1


async def test_a_rehearsal_pays_nothing(scene: Scene) -> None:
    rehearsal = model_service_pb2.RunDummyModelRequest(spec=SYNTHESIZER, payment=RHO, row_count=7, seed=1)

    parts = [each async for each in models(scene).RunDummyModel(rehearsal)]

    assert [each.WhichOneof("kind") for each in parts] == ["model", "schema", "batch"]
    assert parts[0].model == Model(spec=SYNTHESIZER)
    assert "ReserveQuery" not in scene.mesh.asked
