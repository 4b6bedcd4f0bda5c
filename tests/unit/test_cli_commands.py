"""The command line with a fake session: documents, exit statuses, refusals on stderr."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import sfumato as sf
from sfumato._core.streams import AnswerReader
from sfumato.answers import Answer
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.cli.main import run
from sfumato.mesh import Mesh
from sfumato.quotes import Quote
from sfumato.v1 import (
    budget_service_pb2,
    charge_pb2,
    dataset_pb2,
    dataset_service_pb2,
    identity_service_pb2,
    ledger_pb2,
    ledger_service_pb2,
    query_pb2,
    quote_pb2,
    scope_pb2,
    user_pb2,
)

RHO = 10**12
SQL = "SELECT species, COUNT(*) AS n FROM penguins WHERE year = :year GROUP BY species"
TABLE = pa.table({"species": ["Adelie", None], "n": [151, 68], "n.lower": [133, 50], "n.upper": [169, 86]})
SCOPE = scope_pb2.Scope(population="populations/palmer")
CHARGE = charge_pb2.Charge(rho_picos=RHO // 50)
QUERY = query_pb2.Query(
    name="queries/00000000-0000-0000-0000-000000000001",
    state=query_pb2.Query.STATE_SUCCEEDED,
    charge=CHARGE,
    scopes=[scope_pb2.ScopeCharge(scope=SCOPE, charge=CHARGE)],
    data_versions=[quote_pb2.DataVersion(dataset="datasets/penguins", version=1)],
)
QUERY.receipt.statement.query = QUERY.name
PRICE = scope_pb2.ScopePrice(
    scope=SCOPE,
    charge=CHARGE,
    limit=charge_pb2.Charge(rho_picos=RHO // 2),
    remaining=charge_pb2.Charge(rho_picos=999_999_999_999_999_999),
    affordable=True,
)


class Session:
    """What a mesh would answer; remembers what was asked, or raises what it is told to."""

    target = "fake:1"

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None

    def _note(self, request: Any) -> None:
        self.asked.append(request)
        if self.error is not None:
            raise self.error

    def ask_price(self, request: Any) -> Quote:
        self._note(request)
        return Quote(quote_pb2.Quote(charge=CHARGE, scopes=[PRICE], affordable=True, engine="native"), request.question)

    def ask(self, request: Any, timeout: float | None) -> Answer:
        self._note(request)
        return self._answer(request_id=request.request_id)

    def rehearse(self, request: Any) -> Answer:
        self._note(request)
        return self._answer(is_dummy=True)

    def _answer(self, **more: Any) -> Answer:
        reader = AnswerReader(query=QUERY)
        reader._schema = TABLE.schema.serialize().to_pybytes()
        reader._batches = [each.serialize().to_pybytes() for each in TABLE.to_batches()]
        reader.rows = TABLE.num_rows
        reader.complete = query_pb2.Complete(row_count=TABLE.num_rows, scopes=[PRICE])
        return Answer(reader, **more)

    def caller(self) -> Any:
        self._note("caller")
        return identity_service_pb2.GetCallerResponse(user=user_pb2.User(name="users/ada"))

    def datasets(self) -> Iterator[Any]:
        yield dataset_pb2.Dataset(name="datasets/penguins", population="populations/palmer", version=1)

    def dataset(self, name: str) -> Any:
        self._note(name)
        record = dataset_pb2.Dataset(name="datasets/penguins", population="populations/palmer", version=1)
        return dataset_service_pb2.GetDatasetResponse(dataset=record)

    def budgets(self, **asked: Any) -> Iterator[Any]:
        self._note(asked)
        for scope in (SCOPE, scope_pb2.Scope(population="populations/palmer", analyst="users/ada")):
            yield budget_service_pb2.Budget(scope=scope, limit=PRICE.limit, spent=CHARGE, remaining=CHARGE)

    def queries(self, dataset: str, labels: Any, limit: int) -> list[Any]:
        self._note((dataset, limit))
        return [QUERY]

    def fetch_query(self, name: str) -> Any:
        self._note(name)
        return QUERY

    def evidence(self, population: str, sequence: int) -> Any:
        raise sf.ReceiptInvalid("the ledger has another entry at 7.")

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    fake = Session()

    @contextmanager
    def opened() -> Iterator[Mesh]:
        yield Mesh(fake)  # type: ignore[arg-type]

    monkeypatch.setattr(context, "mesh", opened)
    return fake


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def document(*arguments: str) -> Any:
    done = call(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


ASK = [
    ["quote", "penguins", SQL, "--rho", "0.02"],
    ["sql", "penguins", SQL, "--rho", "0.02"],
    ["dummy", "penguins", SQL, "--rho", "0.02"],
]
LOOK = [["datasets"], ["describe", "penguins"], ["budget", "penguins"], ["history"]]


@pytest.mark.parametrize("arguments", [*ASK, *LOOK, ["convert", "--rho", "0.5", "--delta", "1e-6"]])
def test_every_command_prints_one_json_document_or_a_view(session: Session, arguments: list[str]) -> None:
    document(*arguments)
    done = call(*arguments)
    assert done.exit_code == 0
    assert done.stdout.strip()
    assert done.stderr == ""


def test_an_answer_has_its_numbers_in_full(session: Session) -> None:
    answer = document("sql", "penguins", SQL, "--rho", "0.02", "--param", "year=2009", "--param", "name=Ada")
    assert answer["rows"] == [
        {"species": "Adelie", "n": 151, "n.lower": 133, "n.upper": 169},
        {"species": None, "n": 68, "n.lower": 50, "n.upper": 86},
    ]
    assert answer["charge"]["rho_picos"] == "20000000000"
    assert answer["charge"]["rho"] == 0.02
    assert answer["remaining"][0]["remaining"]["rho_picos"] == "999999999999999999"
    sent = session.asked[-1]
    assert sent.question.sql.dataset == "datasets/penguins"
    assert sent.question.sql.parameters["year"].integer == 2009
    assert sent.question.sql.parameters["name"].text == "Ada"
    assert sent.payment.rho.rho_picos == 20_000_000_000


def test_losses_are_read_as_text_and_stay_exact(session: Session) -> None:
    document("sql", "penguins", SQL, "--epsilon", "0.300000000001", "--delta", "1e-8", "--limit", "0.4")
    sent = session.asked[-1]
    assert sent.payment.epsilon.epsilon_picos == 300_000_000_001
    assert sent.payment.epsilon.delta_attos == 10**10
    assert sent.limit.epsilon.epsilon_picos == 4 * 10**11


def test_csv_and_arrow(session: Session, tmp_path: Path) -> None:
    done = call("sql", "penguins", SQL, "--rho", "0.02", "--csv")
    assert list(csv.reader(io.StringIO(done.stdout)))[1] == ["Adelie", "151", "133", "169"]
    file = tmp_path / "answer.arrow"
    assert call("sql", "penguins", SQL, "--rho", "0.02", "--arrow", str(file)).exit_code == 0
    assert pa.ipc.open_stream(file.read_bytes()).read_all().equals(TABLE)
    piped = call("sql", "penguins", SQL, "--rho", "0.02", "--arrow", "-")
    assert pa.ipc.open_stream(piped.stdout_bytes).read_all().equals(TABLE)
    asked = len(session.asked)
    for wrong in (["--csv", "--json"], ["--csv", "--arrow", "-"]):
        assert call("sql", "penguins", SQL, "--rho", "0.02", *wrong).exit_code == 2
    assert len(session.asked) == asked, "nothing is paid for an answer that cannot be printed"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (sf.BudgetExhausted("no.", reason="BUDGET_EXHAUSTED", hint="less"), 2),
        (sf.NotConfigured("no address."), 2),
        (sf.Unavailable("away.", reason="SERVICE_UNAVAILABLE"), 3),
        (sf.QueryFailed("failed.", reason="QUERY_FAILED"), 4),
        (sf.QueryCancelled("cancelled.", reason="QUERY_CANCELLED"), 4),
        (sf.CorruptAnswer("corrupt."), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_status_says_what_happened(session: Session, error: Exception, status: int) -> None:
    session.error = error
    done = call("sql", "penguins", SQL, "--rho", "0.02")
    assert (done.exit_code, done.stdout) == (status, "")


def test_a_refusal_is_on_stderr_with_reason_field_and_hint(session: Session) -> None:
    problem = sf.FieldProblem("question.sql.statement", "line 1")
    session.error = sf.SqlRejected("COUNT what?", reason="SQL_REJECTED", fields=[problem], hint="COUNT(*)")
    done = call("quote", "penguins", SQL, "--rho", "0.02")
    assert done.stdout == ""
    for part in ("SqlRejected: COUNT what?", "question.sql.statement line 1", "COUNT(*)", "SQL_REJECTED"):
        assert part in done.stderr
    told = json.loads(call("quote", "penguins", SQL, "--rho", "0.02", "--json").stderr)
    assert (told["error"], told["reason"], told["hint"]) == ("SqlRejected", "SQL_REJECTED", "COUNT(*)")
    assert told["fields"] == [{"field": "question.sql.statement", "description": "line 1"}]


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "penguins", SQL],
        ["sql", "penguins", SQL, "--rho", "nan"],
        ["sql", "penguins", SQL, "--rho", "-1"],
        ["sql", "penguins", SQL, "--rho", "0.1", "--epsilon", "1"],
        ["sql", "Penguins!", SQL, "--rho", "0.1"],
        ["sql", "penguins", " ", "--rho", "0.1"],
        ["sql", "penguins", SQL, "--rho", "0.1", "--param", "year"],
        ["sql", "penguins", SQL, "--rho", "0.1", "--request-id", "1"],
        ["quote", "penguins", SQL, "--rho", "0.1", "--confidence", "1.5"],
        ["dummy", "penguins", SQL, "--rho", "0.1", "--rows", "0"],
        ["convert", "--rho", "0.1"],
        ["convert", "--rho", "0.1", "--delta", "0"],
        ["convert", "--delta", "1e-6"],
        ["budget", "--delta", "2"],
        ["history", "--limit", "0"],
        ["nothing"],
        ["sql", "penguins"],
    ],
)
def test_wrong_usage_is_told_and_nothing_is_sent(session: Session, arguments: list[str]) -> None:
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.strip()
    assert session.asked == []


def test_an_export_into_a_file_tells_where_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    head = ledger_pb2.LedgerHead(population="populations/palmer", sequence=7, entry_hash=bytes(range(32)))

    class Ledger:
        def export(self, population: str) -> Iterator[Any]:
            header = ledger_service_pb2.ExportHeader(format_version=1, population=f"populations/{population}")
            yield ledger_service_pb2.ExportLedgerResponse(header=header)
            yield ledger_service_pb2.ExportLedgerResponse(head=head)

    @contextmanager
    def opened() -> Iterator[Ledger]:
        yield Ledger()

    monkeypatch.setattr(context, "ledger", opened)
    done = call("admin", "ledger", "export", "palmer", "-o", str(tmp_path / "palmer.jsonl"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"position 7, {bytes(range(32)).hex()}\n"
    done = call("admin", "ledger", "export", "palmer")
    assert done.stdout_bytes == (tmp_path / "palmer.jsonl").read_bytes()
    assert done.stderr == ""


def test_convert_prints_15_digits() -> None:
    done = call("convert", "--rho", "0.5", "--delta", "1e-6")
    assert done.stdout.strip() == f"{sf.epsilon_from_rho(0.5, 1e-6):.15g}"
    assert len(done.stdout.strip().replace(".", "")) == 15
    back = document("convert", "--epsilon", "5.22153444453017", "--delta", "1e-6")
    assert back["rho"] == pytest.approx(0.5, rel=1e-12)


def test_a_receipt_that_does_not_verify_is_no_answer(session: Session) -> None:
    done = call("receipt", QUERY.name)
    assert done.exit_code == 1
    assert "another" in done.stderr or "no statement" in done.stderr


def test_help_lists_every_command() -> None:
    text = call("--help").stdout
    for name in ("datasets", "describe", "quote", "sql", "dummy", "budget", "history", "receipt", "convert", "admin"):
        assert name in text
    text = call("admin", "--help").stdout
    for name in ("apply", "diff", "get", "publish", "freeze", "unfreeze"):
        assert name in text


def test_commands_of_other_packages_are_loaded_when_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    from sfumato.cli import plugins

    class Entry:
        name, value, loaded = "greet", "somewhere:greet", 0

        def load(self) -> Any:
            self.loaded += 1

            def greet(name: str, loud: bool = False) -> None:
                print(name.upper() if loud else name)

            return greet

    class Broken:
        name, value = "broken", "nowhere:broken"

        def load(self) -> Any:
            raise ImportError("No module named 'nowhere'")

    entry = Entry()
    monkeypatch.setattr(plugins, "found", lambda: {"greet": entry, "broken": Broken()})
    assert call("convert", "--rho", "1", "--delta", "1e-6").exit_code == 0
    assert entry.loaded == 0
    assert call("greet", "ada", "--loud").stdout == "ADA\n"
    done = call("broken")
    assert done.exit_code == 1
    assert "nowhere:broken cannot be loaded" in done.stderr
    assert "greet" in call("--help").stdout


def test_a_missing_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "typer":
            raise ModuleNotFoundError("No module named 'typer'", name="typer")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 1
    assert capsys.readouterr().err == "sfumato: typer is missing; the command line needs: pip install 'sfumato[cli]'\n"
