"""Quotes and answers on 344 rows, end to end: the SDK in one process, `sfumato up` in another."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc

import sfumato as sf
from sfumato.v1 import (
    expression_pb2,
    identity_service_pb2,
    identity_service_pb2_grpc,
    plan_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
)
from sfumato_embedded.folder import DataFolder
from sfumato_embedded.threaded import running_mesh
from tests.bench.lines import Line, at_least, at_most, in_turns, rate, typical
from tests.mesh_process import MeshProcess

_ROWS = 344
_TIMES = 200
_RHO = 0.0001
_ANALYSTS = (1, 4, 16)
_ANSWERS_A_SECOND = {1: 130, 4: 200, 16: 220}
_COLUMNS = {
    "species": {"type": "category", "values": ["Adelie", "Chinstrap", "Gentoo"]},
    "mass": {"type": "integer", "bounds": [2700, 6300], "unit": "g"},
}


def rows() -> list[Line]:
    """Measured lines."""
    with TemporaryDirectory() as folder:
        mesh = MeshProcess(Path(folder), settings={})
        mesh.start()
        try:
            publish(mesh)
            lines = [*_of_process(mesh), *_refusals(mesh)]
        finally:
            mesh.stop()
        return [*lines, _in_one_process(mesh, next(each.value for each in lines if each.name.startswith("count")))]


def publish(mesh: MeshProcess) -> None:
    """Register and publish a table of 344 rows."""
    (mesh.folder / "data").mkdir(parents=True, exist_ok=True)
    with (mesh.folder / "data" / "penguins.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        species = ("Adelie", "Chinstrap", "Gentoo")
        writer.writerows((species[i % 3], 2700 + i * 37 % 3600) for i in range(_ROWS))
    mesh.apply(documents("penguins", "penguins.csv", _COLUMNS))
    mesh.admin("publish", "penguins")


def documents(name: str, path: str, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Declarations of a dataset, its population, and ample budgets."""
    source = {"path": path}
    return [
        {"kind": "Population", "name": name, "unit": "row"},
        {"kind": "Dataset", "name": name, "population": name, "source": source, "unit": "row", "columns": columns},
        {"kind": "Grant", "scope": {"population": name}, "limit": {"rho": 1000}},
        {"kind": "Grant", "scope": {"population": name, "analyst": "analyst"}, "limit": {"rho": 1000}},
    ]


def _of_process(mesh: MeshProcess) -> list[Line]:
    with _clients(mesh, max(_ANALYSTS)) as clients:
        questions = [client.dataset("penguins").agg(n=sf.count()) for client in clients]
        first = questions[0]
        bare, quote, answer, repeat = in_turns(
            _TIMES,
            bare_call(clients[0]),
            partial(first.quote, rho=_RHO),
            partial(first.run, rho=_RHO, fresh=True),
            partial(first.run, rho=_RHO),
        )
        lines = [
            at_most("quote, 344 rows: p50", quote, "ms", 3.0, bare, "a bare call on the same mesh"),
            at_most("count, 344 rows, end to end: p50", answer, "ms", 8.0, quote, "its quote"),
            at_most("repeated question: p50, free", repeat, "ms", 4.0, answer, "the first answer"),
        ]
        bare_rate = rate([bare_call(each) for each in clients[:4]], _TIMES * 4)
        for number in (1, 4):
            quotes = [partial(each.quote, rho=_RHO) for each in questions[:number]]
            found = rate(quotes, _TIMES * 2)
            lines.append(at_least(f"quotes, {number} at once", found, "/s", 700, bare_rate, "bare calls, 4 at once"))
        alone: float | None = None
        for number in _ANALYSTS:
            asked = [partial(each.run, rho=_RHO, fresh=True) for each in questions[:number]]
            found = rate(asked, max(_TIMES, number * 20))
            of = "1 analyst" if alone else ""
            lines.append(at_least(f"answers, {number} analysts", found, "/s", _ANSWERS_A_SECOND[number], alone, of))
            alone = alone or found
        return lines


def _refusals(mesh: MeshProcess) -> list[Line]:
    """Bad questions, the dearest to refuse that are known, beside one of a few bytes."""
    metadata = (("authorization", f"Bearer {mesh.token()}"),)
    asked = {
        "an unknown column": _question(lambda plan: plan.measures.add(alias="m").sum.value.MergeFrom(_column("q"))),
        "10,000 items of a list, the last unknown": _question(_with_items),
        "10,000 listed keys, the last unknown": _question(lambda plan: _with_keys(plan, 10_000)),
        "40,000 listed keys": _question(lambda plan: _with_keys(plan, 40_000)),
    }
    with grpc.insecure_channel(mesh.target) as channel:
        stub = query_service_pb2_grpc.QueryServiceStub(channel)
        took = in_turns(_TIMES // 8, *(partial(_refused, stub, each, metadata) for each in asked.values()))
    few, *many = zip(asked, took, strict=True)
    return [
        at_most(f"refusal, {few[0]}: p50", few[1], "ms", 50.0),
        *(at_most(f"refusal, {name}: p50", value, "ms", 50.0, few[1], few[0]) for name, value in many),
    ]


def _refused(stub: Any, request: query_service_pb2.QuoteQueryRequest, metadata: Any) -> None:
    code = stub.QuoteQuery.future(request, metadata=metadata, timeout=20).code()  # when it has ended
    assert code is grpc.StatusCode.INVALID_ARGUMENT, code


def _question(spoil: Callable[[plan_pb2.Plan], object]) -> query_service_pb2.QuoteQueryRequest:
    request = query_service_pb2.QuoteQueryRequest()
    request.payment.rho.rho_picos = 10**9
    plan = request.question.plan
    plan.source.filter.input.scan.dataset = "datasets/penguins"
    plan.source.filter.predicate.in_list.value.column = "species"
    plan.source.filter.predicate.in_list.items.add().text = "Gentoo"
    plan.measures.add(alias="n").count.SetInParent()
    spoil(plan)
    return request


def _column(name: str) -> expression_pb2.Expression:
    return expression_pb2.Expression(column=name)


def _with_items(plan: plan_pb2.Plan) -> None:
    items = plan.source.filter.predicate.in_list.items
    items.extend([items[0]] * 9_998)
    items.add().text = "Emperor"


def _with_keys(plan: plan_pb2.Plan, count: int) -> None:
    plan.group_by.keys.add(alias="key").expression.column = "species"
    keys = plan.group_by.public_keys.keys
    keys.add().values.add().text = "Gentoo"
    keys.extend([keys[0]] * (count - 2))
    keys.add().values.add().text = "Emperor"


def _in_one_process(mesh: MeshProcess, beside: float) -> Line:
    """The same count where mesh and SDK share a process, as in a notebook that starts its own mesh."""
    with running_mesh(DataFolder(mesh.folder)) as running:
        client = sf.connect(running.connection.target, running.connection.token)
        with client:
            question = client.dataset("penguins").agg(n=sf.count())
            value = typical(partial(question.run, rho=_RHO, fresh=True), _TIMES)
    return Line("count, mesh in the client's process: p50", value, "ms", beside, "mesh in a process of its own")


def bare_call(client: sf.Mesh) -> Callable[[], object]:
    """A call of the same gateway that reads nothing: transport, authentication and interceptors."""
    calls = client._session.calls
    stub = calls.stub(identity_service_pb2_grpc.IdentityServiceStub)
    return partial(calls.unary, stub.GetCaller, identity_service_pb2.GetCallerRequest())


@contextmanager
def _clients(mesh: MeshProcess, number: int) -> Iterator[list[sf.Mesh]]:
    clients = [sf.connect(mesh.target, mesh.token()) for _ in range(number)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()
