"""`sfumato admin merge`, `split`, `withhold`, `allow`, and windows in files, with a fake mesh."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from typer.testing import CliRunner

import sfumato as sf
from sfumato.admin.changes import apply
from sfumato.admin.codecs import Length
from sfumato.admin.documents import in_order, read_documents, to_plain
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.v1 import budget_admin_service_pb2, budget_service_pb2, grant_pb2, population_pb2

WHY = ["--why", "agreed with the data owner"]
GRANT = """
kind: Grant
scope: {population: palmer, analyst: ada}
limit: {rho: 0.1}
window: {length: 30d, limit: {rho: 0.02}, start: 2026-01-01T00:00:00Z}
"""


class Administration:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.grants: dict[str, grant_pb2.Grant] = {}

    def merge(self, sources: Sequence[str], population: str, why: str, request_id: str) -> population_pb2.Population:
        self.asked.append((list(sources), population, why, request_id))
        return population_pb2.Population(name=f"populations/{population}")

    def split(
        self, source: str, parts: Mapping[str, Sequence[str]], why: str, request_id: str
    ) -> list[population_pb2.Population]:
        self.asked.append((source, dict(parts), why, request_id))
        return [population_pb2.Population(name=f"populations/{name}") for name in parts]

    def withhold(self, query: str, why: str, *, withheld: bool) -> int:
        self.asked.append((query, why, withheld))
        return 7

    def grant(
        self, grant: grant_pb2.Grant, justification: str, *, validate_only: bool
    ) -> budget_admin_service_pb2.GrantBudgetResponse:
        after = budget_service_pb2.Budget(grant=grant)
        response = budget_admin_service_pb2.GrantBudgetResponse(grant=grant, after=after)
        present = self.grants.get(str(grant.scope))
        if present is not None:
            response.before.grant.CopyFrom(present)
        if not validate_only:
            self.grants[str(grant.scope)] = grant
        return response

    def get(self, kind: str, name: str) -> None:
        raise AssertionError("grants are asked for by rehearsal")

    def update(self, kind: str, record: Any, *, validate_only: bool) -> Any:
        raise AssertionError("there are grants only")


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Administration:
    fake = Administration()

    @contextmanager
    def opened() -> Iterator[Administration]:
        yield fake

    monkeypatch.setattr(context, "administration", opened)
    return fake


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["admin", *arguments])


def test_merge(mesh: Administration) -> None:
    same = str(uuid.uuid4())
    said = call("merge", "palmer", "arctic", "--into", "poles", *WHY, "--request-id", same)
    assert said.exit_code == 0
    assert "merged into poles: grant it a limit" in said.stdout
    assert mesh.asked == [(["palmer", "arctic"], "poles", WHY[1], same)]
    assert json.loads(call("merge", "a", "b", "--into", "c", *WHY, "--json").stdout)["name"] == "populations/c"


def test_split(mesh: Administration) -> None:
    said = call("split", "palmer", "--part", "north=seals,whales", "--part", "south=", *WHY)
    assert said.stdout == "palmer split into north, south\n"
    source, parts, _, request_id = mesh.asked[0]
    assert (source, parts) == ("palmer", {"north": ["seals", "whales"], "south": []})
    assert uuid.UUID(request_id)
    for wrong in (["--part", "north"], ["--part", "a=x", "--part", "a=y"]):
        assert call("split", "palmer", *wrong, *WHY).exit_code == 2
    assert len(mesh.asked) == 1


def test_withhold_and_allow(mesh: Administration) -> None:
    assert call("withhold", "queries/1", *WHY).stdout == "queries/1: withheld\n"
    assert json.loads(call("allow", "queries/1", *WHY, "--json").stdout) == {"withheld": False, "sequence": 7}
    assert [each[2] for each in mesh.asked] == [True, False]


def test_a_window_in_a_file(mesh: Administration) -> None:
    (document,) = in_order(read_documents(GRANT, "grant.yaml"))
    grant = document.message
    assert isinstance(grant, grant_pb2.Grant)
    assert (grant.window.length.seconds, grant.window.limit.rho.rho_picos) == (30 * 86400, 2 * 10**10)
    assert grant.window.anchor_time.ToJsonString() == "2026-01-01T00:00:00Z"
    assert to_plain("Grant", grant)["window"]["length"] == "30d"
    (first,) = apply(mesh, [document], dry_run=False)
    assert first.lines[:2] == ("limit ρ 0.10, where there was none", "window none → ρ 0.02 every 30d")
    (again,) = apply(mesh, [document], dry_run=False)
    assert again.outcome == "unchanged"
    (plain,) = in_order(read_documents(GRANT.partition("window:")[0], "grant.yaml"))
    (without,) = apply(mesh, [plain], dry_run=False)
    assert "window ρ 0.02 every 30d → none" in without.lines


def test_applying_over_a_loan_says_so(mesh: Administration) -> None:
    (document,) = in_order(read_documents(GRANT.partition("window:")[0], "grant.yaml"))
    lent = grant_pb2.Grant()
    assert isinstance(document.message, grant_pb2.Grant)
    lent.CopyFrom(document.message)
    lent.parent = "populations/palmer/grants/analyst-bob"
    mesh.grants[str(lent.scope)] = lent
    (change,) = apply(mesh, [document], dry_run=True)
    assert change.outcome == "changed"
    assert "it was lent by bob, and is a custodian's own from now on" in change.lines


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * 86400), ("12h", 12 * 3600), ("2w", 14 * 86400), ("90 m", 5400), ("45s", 45)]
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    length = Length().load(text, "length")
    assert length == Duration(seconds=seconds)
    assert Length().load(Length().dump(length), "length") == length


@pytest.mark.parametrize("wrong", ["0d", "d", "-1d", "1y", "1.5d", 30, None, "99999999999d"])
def test_no_length_of_time(wrong: Any) -> None:
    with pytest.raises(sf.InvalidRequest, match="no length of time"):
        Length().load(wrong, "length")
