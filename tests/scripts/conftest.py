"""The clients, and one embedded mesh in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services.errors import ServiceError
from scripts.services.grpcurl import have_grpcurl
from scripts.services.workplace import Workplace, cache_directory
from tests.mesh_process import MeshProcess
from tests.scripts.shell import REPOSITORY, Shell

SFUMATO = Path(sys.executable).with_name("sfumato")


@pytest.fixture(scope="session")
def clients() -> dict[str, Path]:
    """Where grpcurl and buf are: the one built as the servers of the tests are, the other of the generators."""
    environment = dict(os.environ)
    workplace = Workplace(REPOSITORY / "build" / "services", cache_directory(environment), environment)
    try:
        grpcurl = have_grpcurl(workplace)
    except ServiceError as failure:
        pytest.fail(str(failure))
    uv = shutil.which("uv") or str(REPOSITORY / "build/tools/bin/uv")
    project = REPOSITORY / "scripts" / "proto"
    subprocess.run([uv, "sync", "--quiet", "--locked", "--project", project], check=True)
    return {"grpcurl": grpcurl, "buf": project / ".venv/bin/buf"}


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    running = MeshProcess(tmp_path_factory.mktemp("admin"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(params=["grpcurl", "buf"])
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def shell(mesh: MeshProcess, clients: dict[str, Path], client: str, tmp_path: Path) -> Shell:
    """A machine with one client, and the administrator's token in the environment."""
    connection = {"SFUMATO_TARGET": mesh.target, "SFUMATO_TOKEN": mesh.token(administrator=True)}
    return Shell(tmp_path / "machine", {client: clients[client], "sfumato": SFUMATO}, connection)
