"""What a custodian may get wrong, and how it is told."""

from pathlib import Path

import pytest

import sfumato as sf
from tests.mesh_scene import MeshScene

ROWS = [{"place": ["north", "south", "attic"][i % 3], "days": i % 5} for i in range(60)]


def test_nulls_of_a_column_that_is_not_nullable_are_said_to_count_as_something(
    scene: MeshScene, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {
        "place": {"type": "category", "values": ["south", "north"]},
        "days": {"type": "integer", "bounds": [0, 9]},
    }
    scene.publish("mistaken-nulls", ROWS, columns)
    printed = capsys.readouterr().out
    assert "place: 20 nulls now count as 'south': `nullable: true` would keep them apart" in printed


def test_a_column_of_another_type_is_refused(scene: MeshScene, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"place": {"type": "integer", "bounds": [0, 9]}}
    with pytest.raises(AssertionError, match="exit status"):
        scene.publish("mistaken-type", [{"place": row["place"]} for row in ROWS], columns)
    assert "none of its 60 values is of the declared type integer" in "".join(capsys.readouterr())


def test_a_question_about_unpublished_data_says_so(scene: MeshScene) -> None:
    scene.apply(
        {"kind": "Population", "name": "unpublished", "unit": "row"},
        {
            "kind": "Dataset",
            "name": "unpublished",
            "population": "unpublished",
            "unit": "row",
            "source": {"path": "unpublished.csv"},
            "columns": {"x": {"type": "integer", "bounds": [0, 1]}},
        },
    )
    question = scene.connect().dataset("unpublished").agg(n=sf.count())
    for ask in (question.quote, question.run):
        with pytest.raises(sf.RefusedError) as refused:
            ask(rho=0.1)
        assert refused.value.reason == "DATASET_NOT_PUBLISHED"
    assert question.dummy(rho=0.1, seed=1).row_count == 1


def test_a_project_that_is_not_there_is_named(scene: MeshScene) -> None:
    scene.publish("projected", [{"x": 1}], {"x": {"type": "integer", "bounds": [0, 1]}})
    question = scene.connect().dataset("projected").agg(n=sf.count())
    with pytest.raises(sf.AccessDenied, match="projects/ghost"):
        question.run(rho=0.1, project="ghost")


def test_a_limit_in_pure_epsilon_is_shown_in_epsilon(scene: MeshScene) -> None:
    columns = {"x": {"type": "integer", "bounds": [0, 1]}}
    scene.publish("pure", [{"x": 1}] * 9, columns, limit={"epsilon": 3})
    mesh = scene.connect()
    answer = mesh.dataset("pure").agg(n=sf.count()).run(epsilon=1)
    assert "ε 2.00" in repr(answer)
    assert "ε 2.00" in repr(mesh.budget("pure"))
    with pytest.raises(sf.BudgetExhausted):
        mesh.dataset("pure").agg(n=sf.count()).run(epsilon=2.5)


def test_the_address_is_host_and_port(tmp_path: Path) -> None:
    with pytest.raises(sf.InvalidRequest):
        sf.connect("http://127.0.0.1:7400", "token")
