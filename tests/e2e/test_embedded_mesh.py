"""The main job on the embedded mesh, as a data scientist sees it."""

import math
from typing import Any

import pytest

import sfumato as sf
from tests.mesh_scene import MeshScene

COLUMNS = {
    "group": {"type": "category", "values": ["a", "b", "c"]},
    "x": {"type": "integer", "bounds": [0, 100], "unit": "kg", "nullable": True},
}
ROWS: list[dict[str, Any]] = [{"group": "ab"[i % 2], "x": i % 101 if i % 7 else None} for i in range(1000)]


@pytest.fixture(scope="module")
def weights(scene: MeshScene) -> str:
    return scene.publish("weights", ROWS, COLUMNS)


def test_answers_are_near_the_truth_and_intervals_say_how_near(scene: MeshScene) -> None:
    mesh = scene.connect()  # of a dataset of its own: so exact an answer would answer narrower questions too
    question = (
        mesh.dataset(scene.publish("exactly", ROWS, COLUMNS))
        .group_by("group")
        .agg(n=sf.count(), total=sf.sum("x"), mean=sf.mean("x"))
    )
    answer = question.run(rho=20.0)
    rows = {row["group"]: row for row in answer.rows()}
    assert list(rows) == ["a", "b", "c"]
    for key, number in (("a", 500), ("b", 500), ("c", 0)):
        assert abs(rows[key]["n"] - number) <= 5
        assert rows[key]["n.lower"] <= rows[key]["n"] <= rows[key]["n.upper"]
    truth = [row["x"] for row in ROWS if row["group"] == "a" and row["x"] is not None]
    assert rows["a"]["mean"] == pytest.approx(sum(truth) / len(truth), abs=1.0)
    assert rows["a"]["total"] == pytest.approx(sum(truth), abs=200)
    assert answer.charge.rho <= 20.0


def test_a_quote_is_free_and_what_it_says_is_what_is_paid(scene: MeshScene, weights: str) -> None:
    mesh = scene.connect()
    question = mesh.dataset(weights).agg(n=sf.count())
    before = [line.remaining.rho for line in question.quote(rho=0.25).scopes]
    quote = question.quote(rho=0.25)
    assert [line.remaining.rho for line in quote.scopes] == before
    answer = question.run(rho=0.25)
    assert answer.charge.rho == quote.charge.rho
    after = [line.remaining.rho for line in question.quote(rho=0.5).scopes]
    assert [a - b for a, b in zip(before, after, strict=True)] == pytest.approx([0.25, 0.25], abs=1e-9)


def test_the_same_question_again_is_the_same_answer_and_free(scene: MeshScene, weights: str) -> None:
    mesh = scene.connect()
    rows = mesh.dataset(weights)
    first = rows.group_by("group").agg(n=sf.count(), m=sf.mean("x")).run(rho=0.3)
    spent = [line.remaining.rho for line in first.remaining]
    again = rows.group_by("group").agg(average=sf.mean("x"), rows=sf.count()).run(rho=0.3)
    assert again.repeated
    assert [row["rows"] for row in again.rows()] == [row["n"] for row in first.rows()]
    assert [row["average"] for row in again.rows()] == [row["m"] for row in first.rows()]
    assert [line.remaining.rho for line in rows.agg(n=sf.count()).quote(rho=0.01).scopes] == spent
    assert "free" in repr(again)
    fresh = rows.group_by("group").agg(n=sf.count(), m=sf.mean("x")).run(rho=0.3, fresh=True)
    assert not fresh.repeated


def test_a_receipt_verifies_and_a_forged_one_does_not(scene: MeshScene, weights: str) -> None:
    receipt = scene.connect().dataset(weights).agg(n=sf.count()).run(rho=0.07).receipt
    assert receipt.verify().sequence > 0
    forged = receipt.to_proto()
    forged.signed_statement = forged.signed_statement.replace("rho_picos", "rho_pico2")
    with pytest.raises(sf.SfumatoError):
        sf.Receipt(forged, receipt._query, receipt._evidence).verify()


def test_a_rehearsal_costs_nothing_and_repeats(scene: MeshScene, weights: str) -> None:
    question = scene.connect().dataset(weights).group_by("group").agg(n=sf.count(), m=sf.mean("x"))
    before = [line.remaining.rho for line in question.quote(rho=0.1).scopes]
    first, second = question.dummy(rho=0.1, seed=3), question.dummy(rho=0.1, seed=3)
    assert first.columns == second.columns
    assert first.columns != question.dummy(rho=0.1, seed=4).columns
    assert [line.remaining.rho for line in question.quote(rho=0.1).scopes] == before


def test_quantiles_and_histograms(scene: MeshScene, weights: str) -> None:
    rows = scene.connect().dataset(weights)
    answer = rows.agg(mid=sf.median("x"), h=sf.histogram("x", edges=[0, 25, 50, 75, 100])).run(rho=10.0)
    [row] = answer.rows()
    values = sorted(r["x"] for r in ROWS if r["x"] is not None)
    assert abs(row["mid"] - values[len(values) // 2]) <= 5
    exact = [
        sum(low <= v < high or (high == 100 and v == 100) for v in values)
        for low, high in ((0, 25), (25, 50), (50, 75), (75, 100))
    ]
    assert all(abs(a - b) <= 12 for a, b in zip(row["h"], exact, strict=True))


def test_units_are_persons_where_a_column_names_them(scene: MeshScene) -> None:
    rows = [{"person": f"p{i % 50}", "visits": i % 10, "city": f"city {i % 3}"} for i in range(5000)]
    columns = {
        "person": {"type": "text"},
        "visits": {"type": "integer", "bounds": [0, 10]},
        "city": {"type": "text"},
    }
    unit = {"column": "person", "max_groups": 2, "max_rows_per_group": 4}
    name = scene.publish("persons-visits", rows, columns, unit=unit)
    dataset = scene.connect().dataset(name)
    [row] = dataset.agg(n=sf.count(), units=sf.count_units()).run(rho=50.0).rows()
    assert abs(row["units"] - 50) <= 3
    assert abs(row["n"] - 200) <= 12  # 50 persons, one group, four rows each
    keys = dataset.group_by("city", threshold=True).agg(units=sf.count_units()).run(rho=50.0, delta=1e-6).rows()
    assert [row["city"] for row in keys] == ["city 0", "city 1", "city 2"]
    assert abs(sum(row["units"] for row in keys) - 100) <= 9  # two cities of each person


def test_state_outlives_the_process(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Run in a process of its own: Celery allows one embedded worker at a time."""
    import subprocess
    import sys

    script = """
import sys
from pathlib import Path
import sfumato as sf
from tests.mesh_scene import mesh_scene
root = Path(sys.argv[1])
with mesh_scene(root) as scene:
    scene.publish("kept", [{"x": 1}] * 20, {"x": {"type": "integer", "bounds": [0, 3]}}, limit={"rho": 1})
    first = scene.connect().dataset("kept").agg(n=sf.count()).run(rho=0.4).rows()
with mesh_scene(root) as scene:
    mesh = scene.connect()
    again = mesh.dataset("kept").agg(n=sf.count()).run(rho=0.4)
    assert again.repeated and again.rows() == first, (again.rows(), first)
    try:
        mesh.dataset("kept").agg(n=sf.count()).run(rho=0.7)
    except sf.BudgetExhausted as refusal:
        assert refusal.reason == "BUDGET_EXHAUSTED"
    else:
        raise SystemExit("the restart forgot what was spent")
"""
    command = [sys.executable, "-c", script, str(tmp_path_factory.mktemp("kept"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_noise_is_drawn_anew_for_every_release(scene: MeshScene, weights: str) -> None:
    question = scene.connect().dataset(weights).agg(n=sf.count())
    answers = {question.run(rho=0.0005, fresh=True).rows()[0]["n"] for _ in range(8)}
    assert len(answers) > 3  # σ is about 32: eight equal draws would be a wonder
    assert all(math.isfinite(value) for value in answers)
