"""Row 29, attack: a population whose datasets protect different units: persons here, rows there.

A budget adds up losses of one unit. A second dataset with another kind of unit is refused; neither population nor unit
can be changed afterwards. (What identifies a person is told in words, which the server cannot check.)
"""

from typing import Any

import pytest

from tests.mesh_scene import MeshScene

COLUMNS = {"who": {"type": "text"}, "x": {"type": "integer", "bounds": [0, 3]}}


def document(name: str, population: str, unit: Any) -> dict[str, Any]:
    source = {"path": f"{name}.csv"}
    return {
        "kind": "Dataset",
        "name": name,
        "population": population,
        "source": source,
        "unit": unit,
        "columns": COLUMNS,
    }


@pytest.fixture(scope="module")
def populations(scene: MeshScene) -> None:
    persons = {"unit": "identifier", "identifier_space": "social security numbers"}
    scene.apply(
        {"kind": "Population", "name": "persons", **persons},
        {"kind": "Population", "name": "rows", "unit": "row"},
        document("by-person", "persons", {"column": "who", "max_rows": 2}),
        document("by-row", "rows", "row"),
    )


@pytest.mark.parametrize(
    ("name", "population", "unit"),
    [("mixed-a", "persons", "row"), ("mixed-b", "rows", {"column": "who", "max_rows": 2})],
)
def test_another_unit_is_refused(
    scene: MeshScene, populations: None, capsys: pytest.CaptureFixture[str], name: str, population: str, unit: Any
) -> None:
    with pytest.raises(AssertionError, match="exit status"):
        scene.apply(document(name, population, unit))
    told = capsys.readouterr()
    assert "privacy_unit" in told.out + told.err or "unit" in told.out + told.err


def test_a_dataset_of_the_same_unit_is_taken(scene: MeshScene, populations: None) -> None:
    scene.apply(document("by-person-too", "persons", {"column": "who", "max_rows": 5}))


@pytest.mark.parametrize(
    ("name", "population", "unit"),
    [
        ("by-person", "persons", "row"),
        ("by-person", "rows", {"column": "who", "max_rows": 2}),
        ("by-row", "persons", "row"),
    ],
)
def test_neither_unit_nor_population_changes_to_another_kind(
    scene: MeshScene, populations: None, name: str, population: str, unit: Any
) -> None:
    with pytest.raises(AssertionError, match="exit status"):
        scene.apply(document(name, population, unit))


def test_a_population_keeps_its_unit(scene: MeshScene, populations: None) -> None:
    with pytest.raises(AssertionError, match="exit status"):
        scene.apply({"kind": "Population", "name": "persons", "unit": "row"})
