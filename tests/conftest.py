"""Fixtures that several suites share."""

import os
from collections.abc import Iterator

import pytest

from tests.mesh_scene import MeshScene, mesh_scene, scene_elsewhere


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshScene]:
    """One mesh for the whole run, embedded unless SFUMATO_TARGET names one; tests use datasets of their own names."""
    folder = tmp_path_factory.mktemp("mesh")
    with scene_elsewhere(os.environ, folder) if os.environ.get("SFUMATO_TARGET") else mesh_scene(folder) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what shares `scene` last: stopping one embedded worker, as the queue suite does, stops all in the process."""
    items.sort(key=lambda item: bool({"attacks", "e2e"} & set(item.path.parts)))
