"""Each overlay is rendered once."""

import subprocess
from pathlib import Path

import pytest

from tests.k8s.rendering import OVERLAYS, REPOSITORY, Manifests, render


@pytest.fixture(scope="session", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    return render(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def checks() -> Path:
    """Programs of the locked project that checks manifests."""
    project = REPOSITORY / "scripts" / "cluster"
    subprocess.run(["uv", "sync", "--quiet", "--locked", "--project", str(project)], check=True)
    return project / ".venv" / "bin"
