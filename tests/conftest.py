"""Fixtures that several suites share."""

from collections.abc import Iterator

import pytest

from tests.mesh_scene import MeshScene, mesh_scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshScene]:
    """One embedded mesh for the whole run; tests use datasets of their own names."""
    with mesh_scene(tmp_path_factory.mktemp("mesh")) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what shares `scene` last: stopping one embedded worker, as the queue suite does, stops all in the process."""
    items.sort(key=lambda item: bool({"attacks", "e2e"} & set(item.path.parts)))
