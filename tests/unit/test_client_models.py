"""Models in the SDK: what is built, what is refused before it is sent, and fits on a gateway that misbehaves."""

from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

import sfumato as sf
from sfumato._core import model_specs
from sfumato.questions import Rows
from sfumato.v1 import (
    estimator_pb2,
    expression_pb2,
    fitted_model_pb2,
    model_service_pb2,
    model_spec_pb2,
    relation_pb2,
    synthesizer_pb2,
)
from tests.unit.client_models_scene import (
    ID,
    MODEL,
    OPERATION,
    OTHER,
    QUERY,
    TABLE,
    Step,
    batch,
    drawn,
    model,
    operation,
    refusal,
    schema,
    wired,
)

PENGUINS: Any = Rows(None, relation_pb2.Relation(scan=relation_pb2.Scan(dataset="datasets/penguins")))  # type: ignore[arg-type]
ESTIMATOR = model_spec_pb2.ModelSpec(estimator=estimator_pb2.Estimator(features=["mass"]))
PARAMETERS = fitted_model_pb2.FittedEstimator(inputs=["mass"], library="diffprivlib 0.6.6")
DENIED = refusal(code_pb2.PERMISSION_DENIED, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("method", "parameters", "field"),
    [
        ("mst", {}, "mst"),
        ("aim", {"degree": 2, "rounds": 10, "max_model_mib": 80}, "aim"),
        ("mwem", {"query_count": 100, "iterations": 5, "marginal_width": 2}, "mwem"),
        ("pac", {"reporting_length": 3}, "pac"),
    ],
)
def test_every_synthesizer_has_its_name_and_its_parameters(method: str, parameters: dict[str, int], field: str) -> None:
    fit = PENGUINS.synthesize(["species", sf.bins("mass", 20)], method=method, **parameters)
    made = fit.to_proto().synthesizer
    assert [(each.name, each.bin_count) for each in made.columns] == [("species", 0), ("mass", 20)]
    assert made.WhichOneof("method") == field
    sent = getattr(made, field)
    assert {name: getattr(sent, name) for name in parameters} == parameters
    assert f"method={method!r}" in repr(fit)
    assert "bins(mass, 20)" in repr(fit)


def test_every_method_and_parameter_of_the_contract_can_be_said() -> None:
    fields = {each.name for each in synthesizer_pb2.Synthesizer.DESCRIPTOR.oneofs_by_name["method"].fields}
    assert {field for field, _ in model_specs.METHODS.values()} == fields
    steps = {each.name for each in estimator_pb2.EstimatorStep.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert all(getattr(sf, name).__module__ == "sfumato.steps" for name in steps)


def test_rows_are_those_that_were_filtered() -> None:
    fit = PENGUINS.filter(sf.col("year") > 2007).synthesize(["species"])
    assert fit.to_proto().source.filter.input.scan.dataset == "datasets/penguins"


def test_a_pipeline_holds_its_steps_in_order() -> None:
    steps = [
        sf.standard_scaler(),
        sf.principal_components(2, norm=3.0, weight=2),
        sf.logistic_regression(inverse_regularization=0.5, max_iterations=50, intercept=False),
    ]
    fit = PENGUINS.fit(features=["mass", "sex"], target="species", steps=steps, row_count=344)
    made = fit.to_proto().estimator
    assert (list(made.features), made.target, made.row_count) == (["mass", "sex"], "species", 344)
    assert [each.WhichOneof("kind") for each in made.steps] == [
        "standard_scaler",
        "principal_components",
        "logistic_regression",
    ]
    components, last = made.steps[1], made.steps[2].logistic_regression
    assert (components.principal_components.component_count, components.principal_components.norm) == (2, 3.0)
    assert components.weight == 2
    assert (last.inverse_regularization, last.max_iterations, last.norm) == (0.5, 50, 0.0)
    assert last.without_intercept
    other = [sf.linear_regression(), sf.gaussian_naive_bayes(), sf.k_means(3), sf.decision_tree(max_depth=4)]
    kinds = [each.to_proto().WhichOneof("kind") for each in [*other, sf.random_forest(tree_count=7)]]
    assert kinds == ["linear_regression", "gaussian_naive_bayes", "k_means", "decision_tree", "random_forest"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda: PENGUINS.synthesize(["species"], method="mts"),
        lambda: PENGUINS.synthesize("species"),
        lambda: PENGUINS.synthesize([]),
        lambda: PENGUINS.synthesize(["species", "species"]),
        lambda: PENGUINS.synthesize([3]),
        lambda: PENGUINS.synthesize(["species"], method="mst", rounds=3),
        lambda: PENGUINS.synthesize(["species"], method="aim", rounds=-1),
        lambda: PENGUINS.bound_contributions(max_rows=1).synthesize(["species"]),
        lambda: PENGUINS.fit(features=[], steps=[sf.k_means(2)]),
        lambda: PENGUINS.fit(features="mass", steps=[sf.k_means(2)]),
        lambda: PENGUINS.fit(features=["mass"], steps=[]),
        lambda: PENGUINS.fit(features=["mass"], steps=["k_means"]),
        lambda: PENGUINS.fit(features=["mass"], steps=[sf.k_means(2)], row_count=-1),
        lambda: sf.bins("mass", 0),
        lambda: sf.k_means(0),
        lambda: sf.principal_components(2, norm=float("nan")),
        lambda: sf.logistic_regression(norm=-1.0),
        lambda: sf.standard_scaler(weight=0),
        lambda: model_specs.model_id("models/7"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(asked: Any) -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        asked()
    assert caught.value.reason == "REQUEST_INVALID"


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        PENGUINS.synthesize(["species"], method="mts")
    assert caught.value.hint == "method='mst'"


def test_a_fit_is_priced_as_a_question_and_paid_as_a_model() -> None:
    with wired(CreateModel=[[operation()]]) as at:
        fit = at.penguins.synthesize(["species"])
        quote = fit.quote(rho=0.1, project="birds")
        assert "price ρ 0.10" in repr(quote)
        job = fit.run(rho=0.1, project="birds", labels={"paper": "fig-2"}, limit="0.2", fresh=True)
        priced, paid = at.gateway.requests("QuoteQuery")[0], at.gateway.requests("CreateModel")[0]
        assert priced.question.model == paid.spec == fit.to_proto()
        assert priced.payment == paid.payment
        assert (priced.project, paid.project) == ("projects/birds", "projects/birds")
        assert (paid.limit.rho.rho_picos, paid.fresh, dict(paid.labels)) == (2 * 10**11, True, {"paper": "fig-2"})
        assert (job.id, job.query) == (ID, QUERY)


def test_a_lost_reply_is_asked_for_again_and_pays_once() -> None:
    with wired(CreateModel=[[grpc.StatusCode.UNAVAILABLE], [operation()]]) as at:
        at.penguins.synthesize(["species"]).run(rho=0.1)
        sent = at.gateway.requests("CreateModel")
        assert len(sent) == 2
        assert sent[0].SerializeToString(deterministic=True) == sent[1].SerializeToString(deterministic=True)


def test_a_fit_is_watched_over_cut_streams_until_it_has_its_model() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    watched: list[list[Step]] = [[operation()], [operation(), grpc.StatusCode.UNAVAILABLE], [operation(model(spec))]]
    with wired(CreateModel=[[operation()]], WatchOperation=watched) as at:
        made = at.penguins.synthesize(["species"]).run(rho=0.1).result()
        assert isinstance(made, sf.SynthesizerModel)
        assert (made.name, made.id, made.kind, made.dataset, made.columns) == (
            MODEL,
            ID,
            "mst",
            "penguins",
            ["species"],
        )
        assert (made.query, made.datasets, made.is_dummy) == (QUERY, {"penguins": 3}, False)
        assert made.charge.rho == 0.1
        assert made.spec == spec
        assert made.receipt.query == QUERY
        assert len(at.gateway.requests("WatchOperation")) == 3
        assert at.gateway.requests("WatchOperation")[0].name == OPERATION
        assert "models/" in repr(made)


def test_an_equal_fit_has_its_model_at_once() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    with wired(CreateModel=[[operation(model(spec))]]) as at:
        job = at.penguins.synthesize(["species"]).run(rho=0.1)
        assert job.done()
        assert job.result().name == MODEL
        assert job.progress.state == "succeeded"
        assert job.progress.share == 1.0
        assert [name for name, _ in at.gateway.asked] == ["CreateModel"]


@pytest.mark.parametrize(
    ("reason", "kind", "state"),
    [("QUERY_FAILED", sf.QueryFailed, "failed"), ("QUERY_CANCELLED", sf.QueryCancelled, "cancelled")],
)
def test_a_fit_that_gave_no_model_says_so(reason: str, kind: type[Exception], state: str) -> None:
    ended = operation(refusal(code_pb2.ABORTED, reason))
    with wired(CreateModel=[[operation()]], WatchOperation=[[ended]]) as at:
        job = at.penguins.synthesize(["species"]).run(rho=0.1)
        with pytest.raises(kind):
            job.result()
        assert job.progress.state == state
        assert job.done()


def test_a_fit_can_be_cancelled_and_looked_at() -> None:
    running = operation(progress={"done_steps": 3, "total_steps": 4}, cancel_requested=True)
    with wired(CreateModel=[[operation()]], GetOperation=[[running]]) as at:
        job = at.penguins.synthesize(["species"]).run(rho=0.1)
        assert job.cancel() is job
        assert at.gateway.requests("CancelOperation")[0].name == OPERATION
        now = job.progress
        assert (now.state, now.done_steps, now.total_steps, now.share) == ("cancelling", 3, 4, 0.75)
        assert not job.done()
        assert "step 3 of 4" in repr(job)
        assert "step 3 of 4" in job._repr_html_()


def test_waiting_ends_in_time_and_names_where_the_fit_is_found() -> None:
    with wired(CreateModel=[[operation()]], WatchOperation=[[operation()]]) as at:
        job = at.penguins.synthesize(["species"]).run(rho=0.1)
        with pytest.raises(sf.Unavailable) as caught:
            job.result(timeout=0.0)
        assert ID in caught.value.hint


def test_a_model_is_found_by_any_of_its_names_running_or_not() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    ready = wired(GetModel=[[model(spec)]])
    with ready as at:
        for name in (ID, MODEL, OPERATION, QUERY):
            assert at.mesh.model(name).name == MODEL
    running = {"GetModel": [[DENIED]], "GetOperation": [[operation()]], "WatchOperation": [[operation(model(spec))]]}
    with wired(**running) as at:
        assert at.mesh.model(ID).name == MODEL
        assert at.mesh.job(ID).id == ID
    with wired(GetModel=[[DENIED]], GetOperation=[[DENIED]]) as at, pytest.raises(sf.AccessDenied):
        at.mesh.model(OTHER)
    with wired(GetOperation=[[operation(target="datasets/penguins")]]) as at, pytest.raises(sf.SfumatoError):
        at.mesh.job(ID)


def test_rows_are_drawn_free_by_seed_and_condition() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    stream: list[Step] = [drawn(schema=schema()), drawn(batch=batch(0, 2)), drawn(batch=batch(2, 3))]
    with wired(GetModel=[[model(spec)]], SampleModel=[stream]) as at:
        made = at.mesh.model(ID)
        assert isinstance(made, sf.SynthesizerModel)
        sample = made.sample(3, seed=7, where=sf.col("species") == "Adelie")
        sent = at.gateway.requests("SampleModel")[0]
        assert (sent.name, sent.row_count, sent.seed) == (MODEL, 3, 7)
        assert sent.condition == (sf.col("species") == "Adelie").to_proto()
        assert sample.to_arrow() == TABLE
        assert sample.rows() == TABLE.to_pylist()
        assert sample.to_polars().height == len(sample) == 3
        assert list(sample.to_pandas().columns) == ["species", "mass"]
        assert (sample.model, sample.seed, sample.asked, sample.is_dummy) == (MODEL, 7, 3, False)
        assert "null" in repr(sample)
        assert "seed 7" in repr(sample)
        assert "<table" in sample._repr_html_()
        made.sample(3)
        assert not at.gateway.requests("SampleModel")[1].HasField("condition")
        for n, seed in ((0, 0), (10_000_001, 0), (1, -1), (1, 2**64)):
            with pytest.raises(sf.InvalidRequest):
                made.sample(n, seed=seed)


def broken() -> Step:
    part = drawn(batch=batch(1, 3))
    part.batch.crc32c ^= 1
    return part


@pytest.mark.parametrize(
    "cut",
    [
        [drawn(schema=schema()), drawn(batch=batch(0, 1)), grpc.StatusCode.UNAVAILABLE],
        [drawn(schema=schema()), drawn(batch=batch(0, 1)), broken()],
        [drawn(schema=schema()), drawn(batch=batch(1, 3))],
        [drawn(batch=batch(0, 1))],
        [],
    ],
)
def test_a_table_that_does_not_arrive_whole_is_drawn_again(cut: list[Step]) -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    whole: list[Step] = [drawn(schema=schema()), drawn(batch=batch(0, 3))]
    with wired(GetModel=[[model(spec)]], SampleModel=[cut, whole]) as at:
        made = at.mesh.model(ID)
        assert isinstance(made, sf.SynthesizerModel)
        assert made.sample(3).to_arrow() == TABLE
        assert len(at.gateway.requests("SampleModel")) == 2


def test_a_refused_sample_is_not_asked_for_again() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    mismatch = refusal(code_pb2.FAILED_PRECONDITION, "MODEL_KIND_MISMATCH")
    with wired(GetModel=[[model(spec)]], SampleModel=[[mismatch]]) as at:
        made = at.mesh.model(ID)
        assert isinstance(made, sf.SynthesizerModel)
        with pytest.raises(sf.PreconditionFailed) as caught:
            made.sample(3)
        assert caught.value.reason == "MODEL_KIND_MISMATCH"
        assert len(at.gateway.requests("SampleModel")) == 1


def rehearsed(**kind: Any) -> model_service_pb2.RunDummyModelResponse:
    return model_service_pb2.RunDummyModelResponse(**kind)


def test_a_rehearsed_synthesizer_gives_rows_and_costs_nothing() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    first = rehearsed(model=model(spec, name=""))
    stream: list[Step] = [first, rehearsed(schema=schema()), rehearsed(batch=batch(0, 3))]
    with wired(RunDummyModel=[[first], stream]) as at:
        sample = at.penguins.synthesize(["species"]).dummy(rho=0.1, seed=7, rows=3)
        assert len(at.gateway.requests("RunDummyModel")) == 2
        sent = at.gateway.requests("RunDummyModel")[0]
        assert (sent.row_count, sent.seed, sent.payment.rho.rho_picos) == (3, 7, 10**11)
        assert sample.is_dummy
        assert sample.rows() == TABLE.to_pylist()
        assert "rehearsal" in repr(sample)


def test_a_rehearsed_estimator_gives_its_parameters() -> None:
    made = model(ESTIMATOR, name="")
    made.fitted_estimator.CopyFrom(PARAMETERS)
    with wired(RunDummyModel=[[rehearsed(model=made)]]) as at:
        fitted = at.penguins.fit(features=["mass"], steps=[sf.k_means(2)]).dummy(epsilon=1, rows=10)
        assert fitted.parameters == PARAMETERS
        assert fitted.is_dummy
        with pytest.raises(sf.SfumatoError):
            _ = fitted.receipt


def test_parameters_of_an_estimator_are_fetched_once_and_only_when_they_are_needed() -> None:
    bare, full = model(ESTIMATOR), model(ESTIMATOR)
    full.fitted_estimator.CopyFrom(PARAMETERS)
    page = model_service_pb2.ListModelsResponse(models=[bare, bare], next_page_token="t")
    last = model_service_pb2.ListModelsResponse(models=[model(PENGUINS.synthesize(["species"]).to_proto())])
    with wired(ListModels=[[page], [last]], GetModel=[[full]]) as at:
        found = at.mesh.models("penguins", limit=3)
        asked = at.gateway.requests("ListModels")
        assert [each.dataset for each in asked] == ["datasets/penguins"] * 2
        assert asked[1].page_token == "t"
        assert [type(each) for each in found] == [sf.EstimatorModel, sf.EstimatorModel, sf.SynthesizerModel]
        assert at.gateway.requests("GetModel") == []
        assert "models/" in repr(found)
        assert "<table" in found._repr_html_()
        estimator = found[0]
        assert isinstance(estimator, sf.EstimatorModel)
        assert estimator.parameters == estimator.parameters == PARAMETERS
        assert len(at.gateway.requests("GetModel")) == 1


def test_a_condition_is_an_expression() -> None:
    spec = PENGUINS.synthesize(["species"]).to_proto()
    with wired(GetModel=[[model(spec)]], SampleModel=[[drawn(schema=schema()), drawn(batch=batch(0, 3))]]) as at:
        made = at.mesh.model(ID)
        assert isinstance(made, sf.SynthesizerModel)
        with pytest.raises(sf.InvalidRequest):
            made.sample(3, where=True)  # type: ignore[arg-type]
        made.sample(3, where=sf.col("flag"))
        assert at.gateway.requests("SampleModel")[0].condition == expression_pb2.Expression(column="flag")
