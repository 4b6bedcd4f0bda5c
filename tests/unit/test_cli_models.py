"""The command line about models: synth, fit, models, against a gateway on a loopback socket."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.rpc import code_pb2
from typer.testing import CliRunner

import sfumato as sf
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.mesh import Mesh
from sfumato.v1 import dataset_pb2, estimator_pb2, fitted_model_pb2, model_service_pb2, model_spec_pb2, schema_pb2
from tests.unit import client_models_scene as scene
from tests.unit.client_models_scene import ID, MODEL, TABLE, Step, Wire, batch, drawn, model, operation, schema, wired

SPEC = model_spec_pb2.ModelSpec(synthesizer={"columns": [{"name": "species"}], "mst": {}})
ESTIMATOR = model_spec_pb2.ModelSpec(estimator=estimator_pb2.Estimator(features=["mass"], steps=[{"k_means": {}}]))
PARAMETERS = fitted_model_pb2.FittedEstimator(inputs=["mass"], library="diffprivlib 0.6.6")
ROWS: list[Step] = [drawn(schema=schema()), drawn(batch=batch(0, 3))]
SYNTH = {
    "CreateModel": [[operation(model(SPEC))]],
    "GetModel": [[model(SPEC)]],
    "SampleModel": [ROWS],
    "GetOperation": [[operation(model(SPEC))]],
}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    with wired(**{name: list(scripts) for name, scripts in SYNTH.items()}) as wire:

        @contextmanager
        def opened() -> Iterator[Mesh]:
            yield wire.mesh

        monkeypatch.setattr(context, "mesh", opened)
        columns = [
            schema_pb2.Column(name="species", category={"values": ["Adelie", "Gentoo"]}),
            schema_pb2.Column(name="mass", real={"lower": 2000, "upper": 7000}),
            schema_pb2.Column(name="note", text={}),
        ]
        record = dataset_pb2.Dataset(name="datasets/penguins", schema={"columns": columns})
        monkeypatch.setattr(wire.mesh, "dataset", lambda _: sf.Dataset(wire.session, record, None, []))
        yield wire


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_synth_learns_all_but_texts_and_prints_rows(at: Wire) -> None:
    done = call("synth", "penguins", "--bins", "mass=20", "--rho", "0.5", "--rows", "3", "--seed", "7", "--csv")
    assert done.exit_code == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["species", "mass"]
    assert len(rows) == 4
    paid = at.gateway.requests("CreateModel")[0]
    learnt = [(each.name, each.bin_count) for each in paid.spec.synthesizer.columns]
    assert learnt == [("species", 0), ("mass", 20)]
    assert paid.payment.rho.rho_picos == 5 * 10**11
    asked = at.gateway.requests("SampleModel")[0]
    assert (asked.row_count, asked.seed) == (3, 7)


def test_synth_takes_columns_conditions_and_parameters(at: Wire, tmp_path: Path) -> None:
    file = tmp_path / "rows.arrow"
    options = ["--synthesizer", "mwem", "--param", "iterations=4", "--columns", "species", "--where", "year=2009"]
    done = call("synth", "penguins", *options, "--epsilon", "1", "--json", "--arrow", str(file))
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["model"] == MODEL
    assert document["rows"] == TABLE.to_pylist()
    assert pa.ipc.open_stream(file.read_bytes()).read_all() == TABLE
    spec = at.gateway.requests("CreateModel")[0].spec
    assert [each.name for each in spec.synthesizer.columns] == ["species"]
    assert spec.synthesizer.mwem.iterations == 4
    assert spec.source.filter.predicate == (sf.col("year") == 2009).to_proto()


def test_a_quote_a_rehearsal_and_a_fit_in_the_background_wait_for_nothing(at: Wire) -> None:
    done = call("synth", "penguins", "--rho", "0.1", "--quote", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "smartnoise_synth"
    assert at.gateway.requests("CreateModel") == []
    at.gateway.scripts["RunDummyModel"] = [
        [model_service_pb2.RunDummyModelResponse(**each) for each in ({"model": model(SPEC, name="")}, *_parts())]
    ]
    done = call("synth", "penguins", "--rho", "0.1", "--dummy", "--rows", "3", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["dummy"] is True
    assert at.gateway.requests("CreateModel") == []
    at.gateway.scripts["CreateModel"] = at.gateway.scripts["GetOperation"] = [[operation()]]
    done = call("synth", "penguins", "--rho", "0.1", "--background", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["model"], told["state"]) == (MODEL, "running")
    assert at.gateway.requests("SampleModel") == []


def _parts() -> list[dict[str, Any]]:
    return [{"schema": schema()}, {"batch": batch(0, 3)}]


def test_fit_reads_steps_and_prints_parameters(at: Wire) -> None:
    full = model(ESTIMATOR)
    full.fitted_estimator.CopyFrom(PARAMETERS)
    at.gateway.scripts["CreateModel"] = [[operation(model(ESTIMATOR))]]
    at.gateway.scripts["GetModel"] = [[full]]
    steps = ["--step", "standard_scaler", "--step", "logistic_regression:max_iterations=50,norm=2.5"]
    done = call("fit", "penguins", "--features", "mass", "--target", "species", *steps, "--epsilon", "1", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["parameters"]["library"] == PARAMETERS.library
    sent = at.gateway.requests("CreateModel")[0].spec.estimator
    assert (list(sent.features), sent.target) == (["mass"], "species")
    last = sent.steps[1].logistic_regression
    assert (sent.steps[0].WhichOneof("kind"), last.max_iterations, last.norm) == ("standard_scaler", 50, 2.5)


def test_models_are_listed_shown_sampled_and_cancelled(at: Wire) -> None:
    at.gateway.scripts["ListModels"] = [[model_service_pb2.ListModelsResponse(models=[model(SPEC)])]]
    listed = json.loads(call("models", "list", "--json").stdout)["models"]
    assert [(each["name"], each["kind"]) for each in listed] == [(MODEL, "mst")]
    assert MODEL in call("models", "list").stdout
    assert call("models", "--json").stdout == call("models", "list", "--json").stdout
    assert json.loads(call("models", "show", ID, "--json").stdout)["name"] == MODEL
    where = ["--where", "species=Adelie", "--where", "mass=4100"]
    done = call("models", "sample", ID, "--rows", "3", *where, "--json")
    assert json.loads(done.stdout)["rows"] == TABLE.to_pylist()
    both = (sf.col("species") == "Adelie") & (sf.col("mass") == 4100)
    assert at.gateway.requests("SampleModel")[0].condition == both.to_proto()
    assert json.loads(call("models", "status", ID, "--json").stdout)["state"] == "succeeded"
    at.gateway.scripts["GetOperation"] = [[operation(cancel_requested=True)]]
    assert json.loads(call("models", "cancel", ID, "--json").stdout)["state"] == "cancelling"
    assert len(at.gateway.requests("CancelOperation")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["synth", "penguins", "--rho", "0.1", "--quote", "--background"],
        ["synth", "penguins", "--rho", "0.1", "--bins", "mass"],
        ["synth", "penguins", "--rho", "0.1", "--bins", "mass=-1"],
        ["synth", "penguins", "--rho", "0.1", "--param", "rounds"],
        ["synth", "penguins", "--rho", "0.1", "--where", "year"],
        ["synth", "penguins", "--rho", "0.1", "--json", "--csv"],
        ["synth", "penguins", "--synthesizer", "magic", "--rho", "0.1"],
        ["synth", "penguins"],
        ["fit", "penguins", "--features", "mass", "--step", "magic", "--epsilon", "1"],
        ["fit", "penguins", "--features", "mass", "--step", "k_means", "--epsilon", "1"],
        ["fit", "penguins", "--features", "mass", "--step", "k_means:seed=1", "--epsilon", "1"],
        ["models", "show", "7"],
    ],
)
def test_wrong_usage_is_refused_and_free(at: Wire, arguments: list[str]) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert "would pass" in done.stderr or "refused" in done.stderr
    assert at.gateway.requests("CreateModel") == []


def test_an_estimator_is_not_sampled(at: Wire) -> None:
    at.gateway.scripts["GetModel"] = [[model(ESTIMATOR)]]
    done = call("models", "sample", ID)
    assert done.exit_code == 2
    assert at.gateway.requests("SampleModel") == []


def test_a_fit_that_gave_no_model_has_its_exit_status(at: Wire) -> None:
    at.gateway.scripts["CreateModel"] = [[operation(scene.refusal(code_pb2.ABORTED, "QUERY_FAILED"))]]
    done = call("synth", "penguins", "--rho", "0.1", "--json")
    assert done.exit_code == 4
    assert json.loads(done.stderr)["reason"] == "QUERY_FAILED"
