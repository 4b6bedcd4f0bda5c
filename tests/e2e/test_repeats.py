"""Releases that answer again: equal questions of others, and narrower ones, on the embedded mesh."""

from typing import Any

import pytest

import sfumato as sf
from tests.mesh_scene import MeshScene

COLUMNS = {
    "ward": {"type": "category", "values": ["east", "north", "south"]},
    "year": {"type": "integer", "bounds": [2007, 2009]},
    "days": {"type": "integer", "bounds": [0, 60], "unit": "d", "nullable": True},
    "mass": {"type": "real", "bounds": [0, 100]},
}
ROWS: list[dict[str, Any]] = [
    {
        "ward": ("east", "north", "south")[i % 3],
        "year": 2007 + i % 2,
        "days": i % 61 if i % 5 else None,
        "mass": float(i % 100),
    }
    for i in range(3000)
]


@pytest.fixture(scope="module")
def visits(scene: MeshScene) -> str:
    return scene.publish("wards", ROWS, COLUMNS)


def left(dataset: sf.Dataset, project: str = "") -> dict[str, float]:
    """What is left in every scope, by its name."""
    quote = dataset.agg(n=sf.count()).quote(rho=1e-6, project=project)
    return {line.name: line.remaining.rho for line in quote.scopes}


def paid(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was spent in each scope where something was."""
    spent = {name: round(before[name] - after[name], 9) for name in before}
    return {name: amount for name, amount in spent.items() if amount}


def test_one_key_of_a_grouped_answer_is_free_and_says_from_where(scene: MeshScene, visits: str) -> None:
    dataset = scene.connect().dataset(visits)
    wide = dataset.group_by("ward").agg(n=sf.count(), total=sf.sum("days"), mean=sf.mean("days")).run(rho=0.3)
    before = left(dataset)
    narrow = dataset.filter(sf.col("ward") == "north").agg(rows=sf.count(), average=sf.mean("days"))
    quote = narrow.quote(rho=0.1)
    assert quote.repeats == wide.query
    assert all(line.charge.is_zero for line in quote.scopes)
    assert any(note.startswith(f"answered from {wide.query}") for note in quote.notes)
    answer = narrow.run(rho=0.1)
    north = next(row for row in wide.rows() if row["ward"] == "north")
    [row] = answer.rows()
    assert answer.derived
    assert not answer.repeated
    assert answer.is_free
    assert answer.answered_from == wide.query
    assert row["rows"] == north["n"]
    assert row["average"] == north["mean"]
    assert left(dataset) == before
    assert f"answered from {wide.query}" in repr(answer)
    statement = answer.receipt.statement
    assert statement.derived
    assert statement.release_query == wide.query
    assert [each.alias for each in statement.measures] == ["rows", "average"]
    assert scene.connect().query(answer.query).answer().columns == answer.columns
    answer.receipt.verify()


def test_keys_add_up_and_parts_agree_with_the_whole(scene: MeshScene, visits: str) -> None:
    """No new noise: a question in parts cannot average it away."""
    dataset = scene.connect().dataset(visits)
    by_both = dataset.group_by("ward", "year").agg(n=sf.count(), mass=sf.sum("mass")).run(rho=0.4)
    before = left(dataset)
    by_ward = dataset.group_by("ward").agg(n=sf.count(), mass=sf.sum("mass")).run(rho=0.02)
    early = dataset.filter((sf.col("year") >= 2007) & (sf.col("year") <= 2008)).agg(n=sf.count()).run(rho=0.02)
    north = dataset.filter(sf.col("ward") == "north").agg(n=sf.count(), mass=sf.sum("mass")).run(rho=0.02)
    rows = by_both.rows()
    for answer in (by_ward, early, north):
        assert answer.derived
        assert answer.answered_from == by_both.query
    for row in by_ward.rows():
        parts = [each for each in rows if each["ward"] == row["ward"]]
        assert row["n"] == sum(each["n"] for each in parts)
        assert row["mass"] == pytest.approx(sum(each["mass"] for each in parts))
        assert row["n.upper"] - row["n"] < 2 * (parts[0]["n.upper"] - parts[0]["n"])  # √3 ×, not 3 ×
    assert early.rows()[0]["n"] == sum(row["n"] for row in rows if row["year"] < 2009)
    assert north.rows()[0]["n"] == next(row["n"] for row in by_ward.rows() if row["ward"] == "north")
    assert left(dataset) == before


def test_the_most_exact_of_several_answers_goes_before_the_latest(scene: MeshScene) -> None:
    dataset = scene.connect().dataset(scene.publish("tightest", ROWS, COLUMNS))
    exact = dataset.group_by("ward").agg(n=sf.count(), total=sf.sum("days")).run(rho=2.0)
    rough = dataset.group_by("ward").agg(n=sf.count(), mean=sf.mean("mass")).run(rho=0.02)
    assert not rough.derived
    before = left(dataset)
    for offered in (0.002, 0.5):
        question = dataset.group_by("ward").agg(n=sf.count())
        assert question.quote(rho=offered).repeats == exact.query
        answer = question.run(rho=offered)
        assert (answer.derived, answer.answered_from) == (True, exact.query)
        assert [row["n"] for row in answer.rows()] == [row["n"] for row in exact.rows()]
    assert left(dataset) == before
    mean = dataset.group_by("ward").agg(m=sf.mean("mass")).run(rho=0.002)  # only the other holds it
    assert mean.answered_from == rough.query


def test_front_ends_and_words_do_not_matter(scene: MeshScene, visits: str) -> None:
    mesh = scene.connect()
    built = (
        mesh.dataset(visits)
        .filter((sf.col("mass") > 3) & (sf.col("year") < 2009))
        .filter(sf.col("ward").is_in(["north", "east"]))
        .agg(n=sf.count(), days=sf.mean("days"))
        .run(rho=0.123)
    )
    words = (
        "SELECT AVG(days) AS average, COUNT(*) AS rows FROM wards "
        "WHERE (ward = 'east' OR ward = 'north') AND NOT 3.0 >= mass AND 2008 >= year"
    )
    told = mesh.sql(words, rho=0.123)
    assert told.repeated
    assert told.is_free
    assert told.rows()[0]["rows"] == built.rows()[0]["n"]
    assert told.rows()[0]["average"] == built.rows()[0]["days"]


def test_the_same_grouped_question_for_some_keys_is_free(scene: MeshScene, visits: str) -> None:
    dataset = scene.connect().dataset(visits)
    wide = dataset.group_by("year").agg(n=sf.count(), m=sf.mean("days")).run(rho=0.2)
    some = dataset.filter(sf.col("year") >= 2008).group_by("year").agg(n=sf.count(), m=sf.mean("days")).run(rho=0.2)
    assert some.derived
    known = {row["year"]: row for row in wide.rows()}
    told = {row["year"]: row for row in some.rows()}
    assert told[2008] == known[2008]
    assert told[2009] == known[2009]
    assert (told[2007]["n"], told[2007]["n.lower"], told[2007]["n.upper"]) == (0, 0, 0)  # the filter leaves no row
    assert (told[2007]["m.lower"], told[2007]["m.upper"]) == (0, 60)


def test_what_asks_for_more_is_drawn(scene: MeshScene, visits: str) -> None:
    dataset = scene.connect().dataset(visits)
    dataset.group_by("ward").agg(n=sf.count(), u=sf.count_units()).run(rho=0.11)
    north = dataset.filter(sf.col("ward") == "north")
    assert not north.agg(n=sf.count()).run(rho=2.0).derived  # more exact than any release there is
    assert not north.agg(u=sf.count_units()).run(rho=0.001).derived
    assert not north.filter(sf.col("mass") > 50).agg(n=sf.count()).run(rho=0.001).derived
    fresh = north.agg(n=sf.count()).run(rho=0.001, fresh=True)
    assert not fresh.derived
    assert fresh.charge.rho == pytest.approx(0.001)
    assert not fresh.is_free


def test_where_bounding_would_keep_other_rows_nothing_is_derived(scene: MeshScene) -> None:
    """A person counts in two of three wards: alone, a ward would count persons that the wider question left out."""
    rows = [{"person": f"p{i % 40}", "ward": ("east", "north", "south")[i % 3]} for i in range(600)]
    columns = {"person": {"type": "text"}, "ward": COLUMNS["ward"]}
    bounded = {"column": "person", "max_groups": 2, "max_rows_per_group": 3}
    dataset = scene.connect().dataset(scene.publish("bounded", rows, columns, unit=bounded))
    dataset.group_by("ward").agg(n=sf.count()).run(rho=10.0)
    assert not dataset.filter(sf.col("ward") == "east").agg(n=sf.count()).run(rho=0.001).derived
    roomy = {"column": "person", "max_groups": 3, "max_rows_per_group": 3}
    dataset = scene.connect().dataset(scene.publish("roomy", rows, columns, unit=roomy))
    wide = dataset.group_by("ward").agg(n=sf.count()).run(rho=10.0)
    east = dataset.filter(sf.col("ward") == "east").agg(n=sf.count()).run(rho=0.001)
    assert east.derived
    assert east.rows()[0]["n"] == wide.rows()[0]["n"]
    assert not dataset.agg(n=sf.count()).run(rho=0.001).derived  # three rows of a person in all, not in each ward
