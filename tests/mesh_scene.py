"""A running mesh as tests see it: datasets from rows, analysts with budgets, tokens, raw stubs."""

import csv
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import yaml

import sfumato as sf
from sfumato.cli.main import run as run_cli
from sfumato_embedded.folder import DataFolder
from sfumato_embedded.identities import AUDIENCE, ISSUER, Connection, issue
from sfumato_embedded.people import ensure_analyst
from sfumato_embedded.threaded import RunningMesh, running_mesh
from sfumato_mesh.keys import load_or_create_signing_key
from sfumato_mesh.tokens import LocalIssuer

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class MeshElsewhere:
    """A mesh that runs already (`make mesh-up`), as much of it as tests use of a RunningMesh."""

    connection: Connection
    issuer: LocalIssuer

    @property
    def mesh(self) -> "MeshElsewhere":
        return self

    def token(self, subject: str, now: datetime) -> str:
        return issue(self.issuer, subject, now)


@dataclass
class MeshScene:
    """One mesh for many tests. Every dataset gets a population of its own unless one is named."""

    running: RunningMesh | MeshElsewhere
    folder: DataFolder
    """Of a mesh elsewhere only what it reads tables from is there."""
    _clients: list[sf.Mesh] = field(default_factory=list)

    @property
    def target(self) -> str:
        """host:port of one gateway."""
        return self.running.connection.target.removeprefix("ipv4:").partition(",")[0]

    def token(self, subject: str) -> str:
        return self.running.mesh.token(subject, datetime.now(UTC))

    def connect(self, subject: str = "analyst") -> sf.Mesh:
        """A client of a registered user."""
        client = sf.connect(self.running.connection.target, self.token(subject))
        self._clients.append(client)
        return client

    def channel(self) -> grpc.Channel:
        """A bare channel, for raw stubs and raw bytes."""
        return grpc.insecure_channel(self.target)

    def metadata(self, subject: str = "analyst") -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token(subject)}"),)

    def admin(self, *arguments: str) -> None:
        """Run `sfumato admin …` as the administrator, in this process."""
        import os
        from unittest import mock

        connection = self.running.connection
        environment = {"SFUMATO_TARGET": connection.target, "SFUMATO_TOKEN": connection.admin_token}
        with mock.patch.dict(os.environ, environment), mock.patch("sys.argv", ["sfumato", "admin", *arguments]):
            status = None
            try:
                run_cli()
            except SystemExit as end:
                status = end.code
        assert not status, f"sfumato admin {' '.join(arguments)}: exit status {status}"

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply declarations."""
        path = self.folder.root / f"apply-{uuid.uuid4().hex}.yaml"
        path.write_text(yaml.safe_dump_all([dict(document) for document in documents], allow_unicode=True))
        self.admin("apply", "-f", str(path))

    def publish(self, name: str, rows: Rows, columns: Mapping[str, Any], **parts: Any) -> str:
        """Register a dataset (with its population and grants, unless `population` names one), and publish `rows`.

        Args:
            name: of the dataset.
            rows: its data, written as CSV; None is an empty field.
            columns: the YAML form of its schema.
            parts: further keys of the Dataset document: unit, policy, population; and `limit`, of population and
                analyst alike (default ρ 100, δ 1e-3).
        """
        limit = parts.pop("limit", {"rho": 100, "delta": 1e-3})
        analyst_limit = parts.pop("analyst_limit", limit)
        unit = parts.pop("unit", "row")
        documents: list[dict[str, Any]] = []
        population = parts.pop("population", None)
        if population is None:
            population = name
            kind = {"unit": "row"} if unit == "row" else {"unit": "identifier", "identifier_space": "test persons"}
            documents.append({"kind": "Population", "name": population, **kind})
            documents.append({"kind": "Grant", "scope": {"population": population}, "limit": limit})
            scope = {"population": population, "analyst": "analyst"}
            documents.append({"kind": "Grant", "scope": scope, "limit": analyst_limit})
        self.write(name, rows, list(columns))
        source = {"path": f"{name}.csv"}
        dataset = {"kind": "Dataset", "name": name, "population": population, "source": source, "unit": unit}
        documents.append({**dataset, "columns": dict(columns), **parts})
        self.apply(*documents)
        self.admin("publish", name)
        return name

    def write(self, name: str, rows: Rows, columns: Sequence[str]) -> Path:
        """Write the dataset's file; `publish` again makes a new version of it."""
        path = self.folder.data / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
        return path

    def user(self, name: str, *, population: str | None = None, limit: Mapping[str, Any] | None = None) -> sf.Mesh:
        """Register a user who may ask about everything, with a grant in a population; return its client."""
        roles = [{"role": "analyst"}]
        self.apply({"kind": "User", "name": name, "issuer": ISSUER, "subject": name, "roles": roles})
        if population is not None:
            scope = {"population": population, "analyst": name}
            self.apply({"kind": "Grant", "scope": scope, "limit": dict(limit or {"rho": 100})})
        return self.connect(name)

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def mesh_scene(root: Path) -> Iterator[MeshScene]:
    """Run a mesh on a folder until the block ends; its state stays, so that another can be started on it."""
    folder = DataFolder(root)
    folder.create()
    with running_mesh(folder) as running:
        ensure_analyst(running.connection)
        scene = MeshScene(running, folder)
        try:
            yield scene
        finally:
            scene.close()


@contextmanager
def scene_elsewhere(environment: Mapping[str, str], root: Path) -> Iterator[MeshScene]:
    """The mesh that SFUMATO_TARGET names, with what `make mesh-up` writes to its env file.

    Args:
        environment: variables; all of that file are needed.
        root: for files of the tests.
    """
    administrator = Path(environment["SFUMATO_ADMIN_TOKEN_FILE"]).read_text()
    data = Path(environment["SFUMATO_DATA_ROOT"])
    connection = Connection(environment["SFUMATO_TARGET"], environment["SFUMATO_TOKEN"], administrator, str(data))
    issuer = LocalIssuer(ISSUER, AUDIENCE, load_or_create_signing_key(Path(environment["SFUMATO_ISSUER_KEY_FILE"])))
    (root / "data").symlink_to(data)
    scene = MeshScene(MeshElsewhere(connection, issuer), DataFolder(root))
    try:
        yield scene
    finally:
        scene.close()
