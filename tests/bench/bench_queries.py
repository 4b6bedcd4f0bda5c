"""Quotes and answers on 344 rows, end to end: the SDK in one process, `sfumato up` in another."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sfumato as sf
from sfumato.v1 import identity_service_pb2, identity_service_pb2_grpc
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
            lines = _of_process(mesh)
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
            _bare_call(clients[0]),
            partial(first.quote, rho=_RHO),
            partial(first.run, rho=_RHO, fresh=True),
            partial(first.run, rho=_RHO),
        )
        lines = [
            at_most("quote, 344 rows: p50", quote, "ms", 3.0, bare, "a bare call on the same mesh"),
            at_most("count, 344 rows, end to end: p50", answer, "ms", 8.0, quote, "its quote"),
            at_most("repeated question: p50, free", repeat, "ms", 4.0, answer, "the first answer"),
        ]
        bare_rate = rate([_bare_call(each) for each in clients[:4]], _TIMES * 4)
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


def _in_one_process(mesh: MeshProcess, beside: float) -> Line:
    """The same count where mesh and SDK share a process, as in a notebook that starts its own mesh."""
    with running_mesh(DataFolder(mesh.folder)) as running:
        client = sf.connect(running.connection.target, running.connection.token)
        with client:
            question = client.dataset("penguins").agg(n=sf.count())
            value = typical(partial(question.run, rho=_RHO, fresh=True), _TIMES)
    return Line("count, mesh in the client's process: p50", value, "ms", beside, "mesh in a process of its own")


def _bare_call(client: sf.Mesh) -> Callable[[], object]:
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
