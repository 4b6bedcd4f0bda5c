"""The main job on a mesh of processes: MongoDB, S3, RabbitMQ; replicas, drains and kill -9 in the middle of it."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from google.protobuf import json_format

import sfumato as sf
from sfumato._transport.calls import Calls
from sfumato.v1 import charge_pb2, payment_pb2, query_service_pb2
from sfumato.v1.query_service_pb2_grpc import QueryServiceStub
from tests.e2e.books import STREAMED, Outcome, check_answers, check_books, events_of, spent
from tests.e2e.collector import Collector, Exported, collector
from tests.e2e.production import Process, ProductionMesh, production_mesh

pytestmark = pytest.mark.servers

SPECIES = ("adelie", "chinstrap", "gentoo")
WEIGHTS = pl.DataFrame(
    {
        "species": [SPECIES[i % 3] for i in range(3000)],
        "x": [i % 101 if i % 7 else None for i in range(3000)],
        "y": [(i * 37 % 1000) / 10 for i in range(3000)],
    }
)
VISITS = pl.DataFrame(
    {
        "person": [f"p{i % 60}" for i in range(6000)],
        "city": [f"city {i % 3}" for i in range(6000)],
        "spent": [i % 10 for i in range(6000)],
    }
)
DECLARATIONS = """
kind: User
name: ada
issuer: https://login.example.org
subject: ada
roles: [{{role: analyst}}]
---
kind: Population
name: weights
unit: row
---
kind: Dataset
name: weights
population: weights
source: {{s3: {{bucket: {lake}, key: weights/*.parquet, credentials: lake-reader}}}}
unit: row
columns:
  species: {{type: category, values: [adelie, chinstrap, gentoo]}}
  x: {{type: integer, bounds: [0, 100], unit: kg, nullable: true}}
  y: {{type: real, bounds: [0, 100]}}
---
kind: Grant
scope: {{population: weights}}
limit: {{rho: 1000, delta: 1e-3}}
---
kind: Grant
scope: {{population: weights, analyst: ada}}
limit: {{rho: 1000, delta: 1e-3}}
---
kind: Population
name: visitors
unit: identifier
identifier_space: test persons
---
kind: Dataset
name: visits
population: visitors
source: {{s3: {{bucket: {lake}, key: visits.csv, credentials: lake-reader}}}}
unit: {{column: person, max_groups: 2, max_rows_per_group: 4}}
columns:
  person: {{type: text}}
  city: {{type: text}}
  spent: {{type: integer, bounds: [0, 10]}}
---
kind: Grant
scope: {{population: visitors}}
limit: {{rho: 1000, delta: 1e-3}}
---
kind: Grant
scope: {{population: visitors, analyst: ada}}
limit: {{rho: 1000, delta: 1e-3}}
"""


@pytest.fixture(scope="module")
def traces() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, traces: Collector) -> Iterator[ProductionMesh]:
    settings = {"SFUMATO_OTLP_ENDPOINT": traces.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with production_mesh(tmp_path_factory.mktemp("production"), settings) as running:
        half = WEIGHTS.height // 2
        _put(running, "weights/1.parquet", WEIGHTS[:half])
        _put(running, "weights/2.parquet", WEIGHTS[half:])
        _put(running, "visits.csv", VISITS)
        running.apply(DECLARATIONS.format(lake=running.names.lake))
        for name in ("weights", "visits"):
            running.admin("publish", name)
        yield running


def _put(mesh: ProductionMesh, name: str, rows: pl.DataFrame) -> None:
    sink = io.BytesIO()
    if name.endswith(".csv"):
        rows.write_csv(sink)
    else:
        rows.write_parquet(sink)
    mesh.bucket.put_object(mesh.names.lake, name, io.BytesIO(sink.getvalue()), len(sink.getvalue()))


def _left(client: sf.Mesh, population: str) -> list[int]:
    """What is left in every scope of a population, in picos of ρ."""
    return [each.remaining.rho_picos for each in client.budget() if each.population == population]


def test_parquet_from_a_bucket_is_answered_and_charged(mesh: ProductionMesh) -> None:
    client = mesh.connect("ada")
    rows = client.dataset("weights")
    question = (
        rows.filter(sf.col("y") >= 10)
        .group_by("species")
        .agg(n=sf.count(), mean=sf.mean("x"), top=sf.quantile("x", 0.9), shape=sf.histogram("y", edges=[10, 50, 100]))
    )
    before = _left(client, "weights")
    quote = question.quote(rho=20.0)
    assert _left(client, "weights") == before, "a quote is free"
    answer = question.run(rho=20.0)
    assert [a - b for a, b in zip(before, _left(client, "weights"), strict=True)] == [answer.charge.rho_picos] * 2
    assert answer.charge.rho_picos == quote.charge.rho_picos
    kept = WEIGHTS.filter(pl.col("y") >= 10)
    for row in answer.rows():
        exact = kept.filter(pl.col("species") == row["species"])
        assert abs(row["n"] - exact.height) <= 15
        assert row["n.lower"] <= row["n"] <= row["n.upper"]
        assert row["mean"] == pytest.approx(exact["x"].mean(), abs=2)
        assert abs(row["top"] - (exact["x"].quantile(0.9) or 0)) <= 5
        low = exact.filter(pl.col("y") < 50).height
        assert all(abs(a - b) <= 20 for a, b in zip(row["shape"], (low, exact.height - low), strict=True))


def test_csv_with_persons_is_bounded_and_finds_keys(mesh: ProductionMesh) -> None:
    visits = mesh.connect("ada", gateway=1).dataset("visits")
    [row] = visits.agg(n=sf.count(), units=sf.count_units()).run(rho=20.0).rows()
    assert abs(row["units"] - 60) <= 6
    assert abs(row["n"] - 60 * 4) <= 24  # each person is in one city: a group, four rows of it
    found = visits.group_by("city", threshold=True).agg(units=sf.count_units()).run(rho=20.0, delta=1e-6)
    assert [each["city"] for each in found.rows()] == ["city 0", "city 1", "city 2"]
    assert found.charge.delta_attos > 0


def test_sql_through_the_shell(mesh: ProductionMesh) -> None:
    statement = "SELECT species, COUNT(*) AS n, AVG(x) AS mean FROM weights WHERE x > 50 GROUP BY species"
    environment = {**os.environ, "SFUMATO_TARGET": mesh.gateways[1], "SFUMATO_TOKEN": mesh.token("ada")}
    program = str(Path(sys.executable).parent / "sfumato")
    command = [program, "sql", "weights", statement, "--rho", "5", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = {row["species"]: row for row in json.loads(done.stdout)["rows"]}
    for name in SPECIES:
        exact = WEIGHTS.filter((pl.col("species") == name) & (pl.col("x") > 50))
        assert abs(rows[name]["n"] - exact.height) <= 15
        assert rows[name]["mean"] == pytest.approx(exact["x"].mean(), abs=2)


def test_a_repeat_is_free_through_any_gateway_and_receipts_hold(mesh: ProductionMesh) -> None:
    one, two = mesh.connect("ada", gateway=0), mesh.connect("ada", gateway=1)
    first = one.dataset("weights").agg(n=sf.count(), total=sf.sum("x")).run(rho=0.31)
    before = _left(two, "weights")
    again = two.dataset("weights").agg(everything=sf.count(), kilos=sf.sum("x")).run(rho=0.31)
    assert again.is_free
    assert again.repeated
    assert _left(one, "weights") == before
    assert again.columns["everything"] == first.columns["n"]
    assert again.columns["kilos"] == first.columns["total"]
    for answer in (first, again):
        assert answer.receipt.verify().checks == ("signature", "place in the ledger", "question and charges")
    attached = two.query(first.query).answer()
    assert attached.columns == first.columns
    assert attached.receipt.to_proto() == first.receipt.to_proto()


def test_a_request_near_the_public_cap_passes_between_the_services(mesh: ProductionMesh) -> None:
    """Internal messages hold the request and more: their cap is above the public one."""
    visits = mesh.connect("ada").dataset("visits")
    keys = ["city 0", *(f"{i:05d} {'x' * 90}" for i in range(9_500))]
    question = visits.group_by("city", keys=keys).agg(units=sf.count_units())
    assert 0.95e6 < question.to_proto().ByteSize() < 1024 * 1024 - 1024
    answer = question.run(rho=1.0)
    assert answer.row_count == len(keys)
    units = dict(zip(answer.columns["city"], answer.columns["units"], strict=True))
    assert abs(units["city 0"] - 20) <= 8


def test_a_query_is_one_trace_and_neither_spans_nor_logs_hold_question_or_answer(
    mesh: ProductionMesh, traces: Collector
) -> None:
    question = mesh.connect("ada").dataset("weights").filter(sf.col("x") != 73.5703125).agg(zebra=sf.count())
    request = query_service_pb2.RunQueryRequest(
        question=question.to_proto(),
        payment=payment_pb2.Payment(rho=charge_pb2.RhoDelta(rho_picos=12_300_000_000)),
        request_id=str(uuid.uuid4()),
    )
    trace_id, parent_id = random.randbytes(16).hex(), random.randbytes(8).hex()
    metadata = (*mesh.metadata("ada"), ("traceparent", f"00-{trace_id}-{parent_id}-01"))
    with mesh.channel() as channel:
        events = [each.event for each in QueryServiceStub(channel).RunQuery(request, timeout=60, metadata=metadata)]
    assert events[-1].HasField("complete")
    attached = mesh.connect("ada").query(events[-1].complete.query.name).answer()
    spans = traces.settled(trace_id)
    services = Counter(each.service for each in spans)
    assert set(services) == {"sfumato-gateway", "sfumato-accountant", "sfumato-executor", "sfumato-worker"}, services
    _check_tree(spans, parent_id)
    names = {(each.service, each.span.name, each.span.kind) for each in spans}
    server, client, publishes, consumes = 2, 3, 4, 5
    assert {
        ("sfumato-gateway", "sfumato.v1.QueryService/RunQuery", server),
        ("sfumato-gateway", "sfumato_mesh.v1.AccountantService/ReserveQuery", client),
        ("sfumato-accountant", "sfumato_mesh.v1.AccountantService/ReserveQuery", server),
        ("sfumato-executor", "sfumato_mesh.v1.ExecutorService/Quote", server),
        ("sfumato-executor", "sfumato_mesh.v1.ExecutorService/Submit", server),
        ("sfumato-executor", "apply_async/sfumato.run_query", publishes),
        ("sfumato-worker", "run/sfumato.run_query", consumes),
        ("sfumato-worker", "sfumato_mesh.v1.AccountantService/CommitQuery", client),
        ("sfumato-accountant", "sfumato_mesh.v1.AccountantService/CommitQuery", server),
        ("sfumato-executor", "sfumato_mesh.v1.ExecutorService/ReadRelease", server),
    } <= names, names
    logs = [each.text() for each in mesh.processes.values()]
    told = "\n".join([*logs, *(json_format.MessageToJson(each.span) for each in traces.spans())])
    [answer] = attached.columns["zebra"]
    values = {each for column in attached.columns.values() for each in column}
    for secret in ("73.57", "zebra", "species", SPECIES[0], mesh.token("ada")[:20], *(f'"{v}"' for v in values)):
        assert secret not in told, f"{secret} is in a span or a log ({answer} was the answer)"


def _check_tree(spans: list[Exported], root_parent: str) -> None:
    """Every span's parent is in the trace, but for the first one's, which is the client's."""
    known = {each.span_id for each in spans}
    orphans = [each for each in spans if each.parent_id not in known]
    assert [(each.service, each.span.name) for each in orphans] == [
        ("sfumato-gateway", "sfumato.v1.QueryService/RunQuery")
    ]
    assert orphans[0].parent_id == root_parent


def test_sigterm_lets_running_calls_end(mesh: ProductionMesh) -> None:
    gateway, workers = mesh["gateway2"], [mesh["worker1"], mesh["worker2"]]
    question = mesh.connect("ada", gateway=1).dataset("weights").agg(n=sf.count())
    _signal(workers, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as pool:
        try:
            asked = pool.submit(question.run, rho=0.057, fresh=True, request_id=str(uuid.uuid4()), timeout=60)
            _until(lambda: bool(_open_queries(mesh)))
            ending = pool.submit(gateway.terminate)
            _until(lambda: not gateway.is_serving())
            assert gateway.is_running(), "a call is running"
        finally:
            _signal(workers, signal.SIGCONT)
        assert abs(asked.result(30).rows()[0]["n"] - WEIGHTS.height) < 60
        assert ending.result(30) == 0
    gateway.start()
    gateway.wait_until_serving()


def _signal(processes: list[Process], number: signal.Signals) -> None:
    for each in processes:
        os.killpg(each.pid, number)


def _open_queries(mesh: ProductionMesh) -> list[sf.Query]:
    return [each for each in mesh.connect("ada").history(limit=3) if each.state == "open"]


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_kill_nine_anywhere_loses_nothing_and_charges_once(mesh: ProductionMesh) -> None:
    asking, outcomes, spent_before = threading.Event(), [], spent(mesh)
    asking.set()
    unknown = mock.patch.object(Calls, "wait", autospec=True, side_effect=Calls.wait)
    with ThreadPoolExecutor(4) as pool, unknown as repeats:
        streams = [pool.submit(_ask_on, mesh, number, asking) for number in range(3)]
        try:
            for victim in ("child", "worker1", "accountant1", "gateway1", "front", "accountant2", "worker2"):
                time.sleep(0.7)
                _kill_and_start(mesh, victim)
            time.sleep(0.7)
        finally:
            asking.clear()
        for stream in streams:
            outcomes += stream.result(60)
    _until(lambda: not _open_queries(mesh), 30)
    print(f"{len(outcomes)} questions; {repeats.call_count} times a call broke and was repeated with its request_id")
    assert len(outcomes) > 20
    assert repeats.call_count, "the kills were not felt"
    check_books(mesh, outcomes, events_of(mesh, "weights"), spent_before)
    check_answers(mesh, outcomes)


def _ask_on(mesh: ProductionMesh, stream: int, asking: threading.Event) -> list[Outcome]:
    """Ask one question after the other; every fourth is an earlier one again."""
    clients = [mesh.connect("ada", gateway) for gateway in (0, 1)]
    outcomes: list[Outcome] = []
    while asking.is_set():
        number = len(outcomes)
        rho = outcomes[number - 3].rho if number % 4 == 3 else f"0.0{stream + 1}{number:04d}"
        outcomes.append(_answered(clients, Outcome(str(uuid.uuid4()), rho), number))
    return outcomes


def _answered(clients: list[sf.Mesh], outcome: Outcome, turn: int) -> Outcome:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        client = clients[(turn + outcome.repeats) % 2]
        try:
            question = client.question(STREAMED)
            answer = question.run(rho=outcome.rho, request_id=outcome.request_id, timeout=10)
        except sf.Unavailable:
            outcome.repeats += 1
            continue
        except sf.QueryFailed as failure:
            outcome.failed = failure.reason == "QUERY_FAILED"
            return outcome
        outcome.query, outcome.columns = answer.query, answer.columns
        return outcome
    raise AssertionError(f"{outcome.request_id} found no end")


def _kill_and_start(mesh: ProductionMesh, victim: str) -> None:
    if victim == "child":
        for child in mesh["worker2"].children():
            os.kill(child, signal.SIGKILL)
        return
    mesh[victim].kill()
    time.sleep(0.3)
    mesh[victim].start()
    if mesh[victim].health_port:
        mesh[victim].wait_until_serving()
