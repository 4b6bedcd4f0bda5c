"""Declarative files: YAML ↔ messages, what is wrong and where, and applying them twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

import sfumato as sf
from sfumato.admin.changes import apply, limit_text
from sfumato.admin.documents import Document, in_order, read_documents, to_plain, write_documents
from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_service_pb2,
    charge_pb2,
    dataset_pb2,
    grant_pb2,
    policy_pb2,
    population_pb2,
    user_pb2,
)

FLIGHTS = """
kind: Dataset
name: flights
population: us-aircraft-2013
source: {s3: {bucket: lake, key: flights/*.parquet, credentials: lake-reader}}
unit: {column: tailnum, max_groups: 2, max_rows_per_group: 100}
columns:
  carrier:   {type: category, values: [AA, AS, B6, DL, 9E, "NO"]}
  dep_delay: {type: integer, bounds: [-60, 600], unit: min, nullable: true}
  distance:  {type: real, bounds: [0, 5e3]}
  tailnum:   text
  day:       {type: date, bounds: [2013-01-01, 2013-12-31]}
  hour:      {type: timestamp, bounds: [2013-01-01 00:00:00, "2013-12-31T23:59:59+01:00"]}
  on_time:   boolean
max_rows: 1000000
policy:
  engines: [native]
  max_charge: {rho: 0.1}
  accuracy: {default_confidence: 0.9, group_sizes: [100]}
  shared_releases: everyone
custodians: [carla]
---
kind: Grant
scope: {population: us-aircraft-2013, analyst: ada}
limit: {rho: 0.1, delta: 1e-6}
justification: a pilot project of ada's
---
kind: Population
name: us-aircraft-2013
unit: identifier
identifier_space: tail number
---
kind: User
name: ada
issuer: https://id.example.org
subject: "123"
roles: [{role: analyst, resource: datasets/flights}, auditor]
---
kind: Project
name: delays
members: [ada]
datasets: [flights]
"""


def read(text: str) -> list[Document]:
    return read_documents(text, "a.yaml")


def test_the_files_of_the_guide_are_read() -> None:
    flights, grant, population, user, project = (each.message for each in read(FLIGHTS))
    assert isinstance(flights, dataset_pb2.Dataset)
    assert flights.population == "populations/us-aircraft-2013"
    assert flights.source.s3.key == "flights/*.parquet"
    assert (flights.privacy_unit.column, flights.privacy_unit.max_rows_per_group) == ("tailnum", 100)
    columns = {each.name: each for each in flights.schema.columns}
    assert list(columns["carrier"].category.values) == ["AA", "AS", "B6", "DL", "9E", "NO"]
    assert (columns["dep_delay"].integer.lower, columns["dep_delay"].nullable) == (-60, True)
    assert columns["distance"].real.upper == 5000
    assert columns["day"].date.upper.month == 12
    assert columns["hour"].timestamp.upper.ToJsonString() == "2013-12-31T22:59:59Z"
    assert columns["tailnum"].WhichOneof("type") == "text"
    assert flights.policy.max_charge.rho.rho_picos == 10**11
    assert flights.policy.shared_releases == policy_pb2.Policy.SHARED_RELEASES_EVERYONE
    assert list(flights.custodians) == ["users/carla"]
    assert isinstance(grant, grant_pb2.Grant)
    assert (grant.limit.rho.delta_attos, grant.scope.analyst) == (10**12, "users/ada")
    assert isinstance(population, population_pb2.Population)
    assert population.accounting == population_pb2.ACCOUNTING_ZCDP
    assert isinstance(user, user_pb2.User)
    assert [each.role for each in user.roles] == [user_pb2.ROLE_ANALYST, user_pb2.ROLE_AUDITOR]
    assert user.roles[0].resource == "datasets/flights"
    assert project.members == ["users/ada"]  # type: ignore[attr-defined]


def test_what_is_printed_is_what_is_read() -> None:
    documents = read(FLIGHTS)
    text = write_documents(to_plain(each.kind, each.message) for each in documents)
    assert [each.message for each in read(text)] == [each.message for each in documents]


def test_they_are_applied_in_the_order_of_what_needs_what() -> None:
    kinds = [each.kind for each in in_order(read(FLIGHTS))]
    assert kinds == ["Population", "User", "Project", "Dataset", "Grant"]
    with pytest.raises(sf.InvalidRequest, match="declared in"):
        in_order([*read(FLIGHTS), *read(FLIGHTS)])


def test_a_limit_says_what_thresholds_may_spend() -> None:
    text = GRANT + "limit: {epsilon: 1, delta: 1e-6, threshold_delta: 5e-7}"
    (document,) = read(text)
    assert isinstance(document.message, grant_pb2.Grant)
    limit = document.message.limit
    assert (limit.epsilon.delta_attos, limit.threshold_delta_attos) == (10**12, 5 * 10**11)
    (again,) = read(write_documents([to_plain(document.kind, document.message)]))
    assert again.message == document.message
    assert limit_text(limit) == "ε 1.00 and δ 1e-6, of it 5e-7 for thresholds"


GRANT = "kind: Grant\nscope: {population: p}\n"
DATASET = "kind: Dataset\nname: f\npopulation: p\nsource: f.csv\nunit: row\n"


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("kind: Datset", "kind", "did you mean Dataset?"),
        ("name: x", "kind", "Population"),
        ("kind: User\nname: Ada\nissuer: i\nsubject: s", "User: name", "lower case"),
        ("kind: User\nname: ada\nissuer: i", "User ada.subject", ""),
        ("kind: Dataset\nname: f\npopulation: p\nsource: f.csv", "Dataset f.unit", "unit: row"),
        ("kind: Dataset\nname: f\npopulation: p\nsource: f.csv\nunit:", "Dataset f.unit", "max_rows: 100}"),
        (DATASET.replace("row", "identifier"), "Dataset f.unit", "unit: {column: patient"),
        (DATASET.replace("row", "{max_rows: 3}"), "Dataset f.unit.column", "unit: {column: patient"),
        ("kind: Population\nname: p", "Population p.unit", "unit: identifier"),
        (DATASET + "policy: {shared_releases: [none]}", "policy.shared_releases", ""),
        (DATASET + "colums: {}", "Dataset f.colums", "did you mean columns?"),
        (DATASET + "columns: {x: {type: integr}}", "columns.x.type", "did you mean integer?"),
        (DATASET + "columns: {x: {type: integer}}", "columns.x.bounds", ""),
        (DATASET + "columns: {x: {type: integer, boundz: [1, 2]}}", "columns.x.boundz", "did you mean bounds?"),
        (DATASET + "columns: {x: {type: integer, bounds: [1]}}", "columns.x.bounds", "[lower, upper]"),
        (DATASET + "columns: {x: {type: integer, bounds: [1.5, 2]}}", "columns.x.bounds[0]", ""),
        (DATASET + "columns: {x: {type: real, bounds: [.nan, 2]}}", "columns.x.bounds[0]", ""),
        (DATASET + "columns: {x: {type: category, values: [NO, YES]}}", "columns.x.values[0]", "quotes"),
        (DATASET + "columns: {x: {type: boolean, bounds: [0, 1]}}", "columns.x.bounds", ""),
        (DATASET + "policy: {shared_releases: friends}", "policy.shared_releases", ""),
        (DATASET + "policy: {public_row_count: -1}", "policy.public_row_count", ""),
        (DATASET + "policy: {max_charge: {rho: -1}}", "policy.max_charge.rho", ""),
        (DATASET + "policy: {max_charge: {rho: 1, epsilon: 1}}", "policy.max_charge", ""),
        (GRANT + "limit: {rho: 1, threshold_delta: 1e-8}", "limit.threshold_delta", "delta"),
        (GRANT + "limit: {epsilon: 1, delta: 1e-6, threshold_delta: 1e-6}", "limit.threshold_delta", "5.0e-7"),
        (GRANT + "limit: {epsilon: 1, delta: 1e-6, threshold_delta: -1}", "limit.threshold_delta", ""),
        ("kind: Dataset\nname: f\npopulation: p\nsource: {path: a, s3: {}}\nunit: row", "source", ""),
        ("kind: Grant\nscope: {analyst: ada}\nlimit: {rho: 1}", "Grant.scope.population", ""),
        ("kind: Grant\nscope: {population: p}\nlimit: {rho: 1}\njustification: short", "Grant.justification", ""),
        ("a: [", "a.yaml, line 1", ""),
        ("kind: User\nkind: User", "a.yaml, line 2", ""),
        ("- 1", "a.yaml", ""),
        ("!!python/object/apply:os.system [true]", "a.yaml, line 1", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_path(text: str, place: str, hint: str) -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        read(text)
    assert caught.value.fields[0].field.endswith(place)
    assert hint in caught.value.hint


@pytest.mark.parametrize("start", ["2026-01-01", '"2026-01-01"', "2026-01-01 00:00:00", "2026-01-01T01:00:00+01:00"])
def test_a_bare_date_is_midnight_utc(start: str) -> None:
    grant = read(f"{GRANT}limit: {{rho: 1}}\nwindow: {{length: 30d, limit: {{rho: 0.1}}, start: {start}}}")[0].message
    assert isinstance(grant, grant_pb2.Grant)
    assert grant.window.anchor_time.ToJsonString() == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("length: 30d, start: [2026-01-01]", "start: [2026-01-01] is no instant."),
        ("length: 30d, start: true", "start: true is no instant."),
        ("length: 2026-01-01", "length: 2026-01-01 is no length of time."),
        ("length: 30d, start: {a: 2026-01-01}", "start: {a: 2026-01-01} is no instant."),
    ],
)
def test_a_value_is_shown_as_the_file_writes_it(text: str, said: str) -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        read(f"{GRANT}limit: {{rho: 1}}\nwindow: {{limit: {{rho: 0.1}}, {text}}}")
    assert caught.value.message.endswith(said)


def test_a_word_that_is_none_of_the_few() -> None:
    with pytest.raises(sf.InvalidRequest, match=r"'all' is not one of: none, project, everyone\."):
        read(DATASET + "policy: {shared_releases: all}")


def test_a_document_says_which_it_is() -> None:
    with pytest.raises(sf.InvalidRequest, match=r"a\.yaml, document 2: Population p\.unt"):
        read("kind: Project\nname: x\n---\nkind: Population\nname: p\nunt: row")


class Mesh:
    """A catalogue that behaves as the contract says."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Any] = {}
        self.limits: dict[str, charge_pb2.LossLimit] = {}
        self.writes: list[str] = []
        self.tag = 0

    def get(self, kind: str, name: str) -> Message | None:
        return self.records.get((kind, name))

    def update(self, kind: str, record: Any, *, validate_only: bool) -> Message:
        name = record.name.rpartition("/")[2]
        if kind == "Dataset" and ("Population", record.population.rpartition("/")[2]) not in self.records:
            raise sf.AccessDenied("no such population.", reason="ACCESS_DENIED")
        present = self.records.get((kind, name))
        assert not record.etag or (present is not None and record.etag == present.etag)
        after = type(record)()
        after.CopyFrom(record)
        after.etag = f"e{self.tag + 1}"
        if not validate_only:
            self.tag += 1
            self.records[kind, name] = after
            self.writes.append(f"{kind} {name}")
        return after  # type: ignore[no-any-return]

    def grant(
        self, grant: grant_pb2.Grant, justification: str, *, validate_only: bool
    ) -> budget_admin_service_pb2.GrantBudgetResponse:
        assert len(justification) >= 10
        key = str(grant.scope)
        response = budget_admin_service_pb2.GrantBudgetResponse(after=self._budget(grant.limit))
        if key in self.limits:
            response.before.CopyFrom(self._budget(self.limits[key]))
        if not validate_only:
            self.limits[key] = grant.limit
            self.writes.append("Grant")
        return response

    def _budget(self, limit: charge_pb2.LossLimit) -> budget_service_pb2.Budget:
        spent = 3 * 10**10
        left = max(0, limit.rho.rho_picos - spent)
        return budget_service_pb2.Budget(
            grant=grant_pb2.Grant(limit=limit),
            limit=charge_pb2.Charge(rho_picos=limit.rho.rho_picos),
            spent=charge_pb2.Charge(rho_picos=spent),
            remaining=charge_pb2.Charge(rho_picos=left),
        )


def outcomes(mesh: Mesh, text: str, *, dry_run: bool = False) -> dict[str, tuple[str, tuple[str, ...]]]:
    changes: Iterator[Any] = apply(mesh, in_order(read(text)), dry_run=dry_run)
    return {each.document.title: (each.outcome, each.lines) for each in changes}


def test_applying_twice_changes_nothing() -> None:
    mesh = Mesh()
    assert {outcome for outcome, _ in outcomes(mesh, FLIGHTS).values()} == {"created"}
    assert len(mesh.writes) == 5
    assert {outcome for outcome, _ in outcomes(mesh, FLIGHTS).values()} == {"unchanged"}
    assert len(mesh.writes) == 5


def test_a_dry_run_writes_nothing_and_says_what_it_could_not_check() -> None:
    mesh = Mesh()
    told = outcomes(mesh, FLIGHTS, dry_run=True)
    assert told["Population us-aircraft-2013"][0] == "created"
    assert told["Dataset flights"][0] == "not checked"
    assert mesh.writes == []
    with pytest.raises(sf.AccessDenied):
        outcomes(mesh, FLIGHTS.split("---")[0], dry_run=True)


class Picky(Mesh):
    """Refuses datasets as a mesh refuses a request: by its fields, not by the file's."""

    def update(self, kind: str, record: Any, *, validate_only: bool) -> Message:
        if kind == "Dataset":
            raise sf.InvalidRequest("dataset.policy is refused.", reason="REQUEST_INVALID")
        return super().update(kind, record, validate_only=validate_only)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_refused_document_is_named(dry_run: bool) -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        outcomes(Picky(), DATASET, dry_run=dry_run)
    assert str(caught.value) == "a.yaml: Dataset f: dataset.policy is refused."


def test_changes_are_told_in_words() -> None:
    mesh = Mesh()
    outcomes(mesh, FLIGHTS)
    changed = FLIGHTS.replace("[-60, 600]", "[-60, 300]").replace("max_charge: {rho: 0.1}", "max_charge: {rho: 0.2}")
    outcome, lines = outcomes(mesh, changed, dry_run=True)["Dataset flights"]
    assert outcome == "changed"
    assert "columns.dep_delay.bounds: [-60, 600] → [-60, 300]" in lines
    assert "policy.max_charge.rho: 0.1 → 0.2" in lines
    assert lines[-1] == "it takes effect with the next published version; budgets stay as they are"


def test_engines_and_a_public_row_count_are_declared_printed_and_told() -> None:
    policy = "engines: [native, smartnoise_synth]\n  public_row_count: 344"
    said = FLIGHTS.replace("engines: [native]", policy)
    flights = read(said)[0].message
    assert isinstance(flights, dataset_pb2.Dataset)
    assert list(flights.policy.engines) == ["native", "smartnoise_synth"]
    assert flights.policy.public_row_count == 344
    printed = to_plain("Dataset", flights)
    assert printed["policy"]["public_row_count"] == 344
    assert read(write_documents([printed]))[0].message == flights
    mesh = Mesh()
    outcomes(mesh, FLIGHTS)
    _, lines = outcomes(mesh, said)["Dataset flights"]
    assert [each.partition(":")[0] for each in lines] == ["policy.engines", "policy.public_row_count"]
    assert "smartnoise_synth" in lines[0]
    assert "344" in lines[1]
    assert outcomes(mesh, said)["Dataset flights"][0] == "unchanged"
    _, lines = outcomes(mesh, FLIGHTS)["Dataset flights"]
    assert any(each.startswith("policy.public_row_count") for each in lines)


def test_a_grant_says_what_it_does_to_the_budget() -> None:
    mesh = Mesh()
    outcomes(mesh, FLIGHTS)
    raised = FLIGHTS.replace("limit: {rho: 0.1, delta: 1e-6}", "limit: {rho: 0.2}")
    outcome, lines = outcomes(mesh, raised)["Grant us-aircraft-2013/analyst-ada"]
    assert (outcome, lines[0]) == ("changed", "limit ρ 0.10 and δ 1e-6 → ρ 0.20")
    assert lines[1] == "ρ 0.03 is spent, ρ 0.17 is left to spend"
    lowered = FLIGHTS.replace("limit: {rho: 0.1, delta: 1e-6}", "limit: {rho: 0.01}")
    _, lines = outcomes(mesh, lowered, dry_run=True)["Grant us-aircraft-2013/analyst-ada"]
    assert "below what is spent" in lines[-1]


def test_a_limit_that_no_float_holds_is_printed_exactly() -> None:
    limit = charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=999_999_999_999_999, delta_attos=1))
    grant = grant_pb2.Grant(scope={"population": "populations/p"}, limit=limit)
    text = write_documents([to_plain("Grant", grant)])
    assert read(text)[0].message == grant
    zero = read("kind: Grant\nscope: {population: p}\nlimit: {rho: 0}")[0].message
    assert isinstance(zero, grant_pb2.Grant)
    assert zero.limit.rho.rho_picos == 0
