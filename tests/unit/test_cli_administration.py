"""`sfumato admin` with a fake mesh: files, what `get` prints, publishing, freezing."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import sfumato as sf
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.v1 import budget_service_pb2, dataset_pb2, grant_pb2, project_pb2, scope_pb2

PROJECT = "kind: Project\nname: birds\nmembers: [ada]\n"


class Administration:
    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Any] = {}
        self.scopes: list[tuple[scope_pb2.Scope, str]] = []
        self.published: list[tuple[str, bool]] = []

    def get(self, kind: str, name: str) -> Any:
        return self.records.get((kind, name))

    def list(self, kind: str) -> Iterator[Any]:
        yield from (record for (found, _), record in self.records.items() if found == kind)

    def update(self, kind: str, record: Any, *, validate_only: bool) -> Any:
        if not validate_only:
            self.records[kind, record.name.rpartition("/")[2]] = record
        return record

    def freeze(self, scope: scope_pb2.Scope, why: str) -> budget_service_pb2.Budget:
        self.scopes.append((scope, why))
        return budget_service_pb2.Budget(scope=scope, frozen=True)

    def unfreeze(self, scope: scope_pb2.Scope, why: str) -> budget_service_pb2.Budget:
        self.scopes.append((scope, why))
        return budget_service_pb2.Budget(scope=scope, frozen=False)

    def publish(self, dataset: str, *, validate_only: bool, waiting: Callable[[], None]) -> Any:
        self.published.append((dataset, validate_only))
        waiting()
        if dataset == "empty":
            problem = sf.FieldProblem("columns.mass", "it is not in the file")
            raise sf.PreconditionFailed(
                "the data cannot be published.", reason="DATA_NOT_PUBLISHABLE", fields=[problem]
            )
        active = dataset_pb2.DatasetVersion.STATE_ACTIVE
        return dataset_pb2.DatasetVersion(
            name=f"datasets/{dataset}/versions/3", state=active, problems=["2 values of mass were moved to a bound"]
        )


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Administration:
    fake = Administration()

    @contextmanager
    def opened() -> Iterator[Administration]:
        yield fake

    monkeypatch.setattr(context, "administration", opened)
    return fake


def call(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(app, ["admin", *arguments], input=text)


def test_apply_diff_and_get(mesh: Administration, tmp_path: Path) -> None:
    file = tmp_path / "birds.yaml"
    file.write_text(PROJECT)
    assert call("diff", "-f", str(file)).stdout == "Project birds: would be created\n"
    assert call("apply", "-f", str(file), "--dry-run").stdout == "Project birds: would be created\n"
    assert mesh.records == {}
    assert call("apply", "-f", str(file)).stdout == "Project birds: created\n"
    assert call("apply", "-f", str(file)).stdout == "Project birds: unchanged\n"
    file.write_text(PROJECT + "datasets: [penguins]\n")
    told = json.loads(call("diff", "-f", str(file), "--json").stdout)
    assert told["documents"][0]["outcome"] == "changed"
    assert told["documents"][0]["changes"] == ["datasets: ['penguins'] is added"]
    printed = call("get", "project", "birds").stdout
    assert yaml.safe_load(printed) == {"kind": "Project", "name": "birds", "members": ["ada"]}
    assert call("apply", "-f", "-", text=printed).stdout == "Project birds: unchanged\n"
    assert json.loads(call("get", "projects", "-o", "json").stdout) == {"projects": [yaml.safe_load(printed)]}


def test_what_is_wrong_in_a_file_is_named_and_nothing_is_sent(mesh: Administration, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(PROJECT + "---\n" + PROJECT.replace("members", "membres").replace("birds", "more"))
    done = call("apply", "-f", str(file))
    assert done.exit_code == 2
    assert "wrong.yaml, document 2: Project more.membres: there is no such key." in done.stderr
    assert "did you mean members?" in done.stderr
    assert mesh.records == {}
    assert call("apply", "-f", str(tmp_path / "none.yaml")).exit_code == 2
    assert call("apply", "-f", "-", text="# nothing\n").exit_code == 2


def test_get_refuses_what_is_not_there(mesh: Administration) -> None:
    assert call("get", "project", "none").exit_code == 2
    done = call("get", "projct")
    assert done.exit_code == 2
    assert "did you mean project" in done.stderr


def test_grants_are_printed_as_apply_takes_them(mesh: Administration) -> None:
    scope = scope_pb2.Scope(population="populations/palmer", analyst="users/ada")
    grant = grant_pb2.Grant(name="populations/palmer/grants/analyst-ada", scope=scope)
    grant.limit.rho.rho_picos = 10**11
    mesh.records["Grant", "palmer/analyst-ada"] = grant
    mesh.records["Project", "birds"] = project_pb2.Project(name="projects/birds")
    shown = yaml.safe_load(call("get", "grants").stdout)
    assert shown == {"kind": "Grant", "scope": {"population": "palmer", "analyst": "ada"}, "limit": {"rho": 0.1}}


def test_publish_prints_what_was_mended_and_what_is_wrong(mesh: Administration) -> None:
    done = call("publish", "penguins")
    assert done.stdout.startswith("datasets/penguins/versions/3: active\n  mended: 2 values of mass")
    assert json.loads(call("publish", "penguins", "--check", "--json").stdout)["state"] == "active"
    assert mesh.published == [("penguins", False), ("penguins", True)]
    failed = call("publish", "empty")
    assert failed.exit_code == 2
    assert "columns.mass it is not in the file" in failed.stderr


def test_freeze_and_unfreeze_name_a_scope_and_say_why(mesh: Administration) -> None:
    why = "an audit is under way"
    assert call("freeze", "palmer", "--analyst", "ada", "--why", why).stdout == "palmer, ada: frozen\n"
    assert call("unfreeze", "palmer", "--why", why).stdout == "palmer, population palmer: open\n"
    assert [(each.population, each.analyst, said) for each, said in mesh.scopes] == [
        ("populations/palmer", "users/ada", why),
        ("populations/palmer", "", why),
    ]
    assert call("freeze", "palmer").exit_code == 2
    assert call("freeze", "Palmer!", "--why", why).exit_code == 2
