"""The builder makes exactly the plan that it reads like."""

import datetime
from typing import Any

import pytest
from google.protobuf import text_format

import sfumato as sf
from sfumato._core.plans import relation_text
from sfumato.questions import Question, Rows
from sfumato.v1 import expression_pb2, function_pb2, measure_pb2, question_pb2, relation_pb2


def rows() -> Rows:
    scan = relation_pb2.Relation(scan=relation_pb2.Scan(dataset="datasets/penguins"))
    return Rows(None, scan)  # type: ignore[arg-type]  # nothing is asked here


def plan_of(question: Question) -> Any:
    return question.to_proto().plan


def test_a_question_is_the_plan_it_reads_like() -> None:
    question = (
        rows()
        .filter(sf.col("body_mass_g") > 3000)
        .group_by("species")
        .agg(n=sf.count(), mass=sf.mean("body_mass_g"), top=sf.quantile("flipper_length_mm", 0.9))
    )
    expected = text_format.Parse(
        """
        plan {
          source { filter {
            input { scan { dataset: "datasets/penguins" } }
            predicate { call { function: FUNCTION_GREATER
              arguments { column: "body_mass_g" } arguments { literal { integer: 3000 } } } }
          } }
          group_by { keys { alias: "species" expression { column: "species" } } }
          measures { alias: "n" count { } }
          measures { alias: "mass" mean { value { column: "body_mass_g" } } }
          measures { alias: "top" quantile { value { column: "flipper_length_mm" } level: 0.9 } }
        }
        """,
        question_pb2.Question(),
    )
    assert question.to_proto() == expected
    assert "penguins\n .filter(body_mass_g > 3000)\n .group_by(species)" in repr(question)


def test_steps_leave_what_they_start_from_as_it_was() -> None:
    start = rows()
    first = start.filter(sf.col("a") > 1)
    first.filter(sf.col("b") > 2)
    assert relation_text(start._relation) == "penguins"
    assert relation_text(first._relation) == "penguins\n .filter(a > 1)"


def test_filters_that_follow_one_another_are_one() -> None:
    source = rows().filter(sf.col("a") > 1).filter(sf.col("b") > 2, sf.col("c") > 3)._relation
    assert source.filter.input.WhichOneof("kind") == "scan"
    assert len(source.filter.predicate.call.arguments) == 3


def test_operators() -> None:
    x, y = sf.col("x"), sf.col("y")
    for expression, name in (
        (x == y, "EQUAL"),
        (x != 1, "NOT_EQUAL"),
        (x < 1, "LESS"),
        (x <= 1, "LESS_OR_EQUAL"),
        (x > 1, "GREATER"),
        (x >= 1, "GREATER_OR_EQUAL"),
        (x & y, "AND"),
        (x | y, "OR"),
        (~x, "NOT"),
        (x + 1, "ADD"),
        (1 - x, "SUBTRACT"),
        (2 * x, "MULTIPLY"),
        (x / 2, "DIVIDE"),
        (x // 2, "FLOOR_DIVIDE"),
        (x % 2, "MODULO"),
        (x**2, "POWER"),
        (-x, "NEGATE"),
        (abs(x), "ABS"),
        (x.floor(), "FLOOR"),
        (x.clip(0, 9), "CLIP"),
        (x.is_null(), "IS_NULL"),
        (x.str.starts_with("A"), "STARTS_WITH"),
        (x.dt.month(), "EXTRACT"),
        (x.fill_null(0), "COALESCE"),
    ):
        assert expression.to_proto().call.function == function_pb2.Function.Value(f"FUNCTION_{name}"), name
    subtraction = (1 - x).to_proto().call.arguments
    assert subtraction[0].literal.integer == 1
    assert subtraction[1].column == "x"


def test_long_chains_stay_flat() -> None:
    chain = sf.col("x0") > 0
    for i in range(1, 60):
        chain = chain & (sf.col(f"x{i}") > 0)
    assert len(chain.to_proto().call.arguments) == 60


def test_too_deep_is_refused_when_it_is_built() -> None:
    expression, source = sf.col("x"), rows()
    for i in range(15):
        expression = -expression
        source = source.with_columns(**{f"c{i}": sf.col("x") + i})
    with pytest.raises(sf.PlanRejected, match="16 levels") as caught:
        expression.abs()
    assert caught.value.metadata["rule"] == "too_deep"
    with pytest.raises(sf.PlanRejected, match="16 steps"):
        source.with_columns(more=sf.col("x"))


@pytest.mark.parametrize(
    "use",
    [
        lambda x: bool(x > 1),
        lambda x: (x > 1) and (x < 2),
        lambda x: not x,
        lambda x: 0 < x < 3,
        lambda x: x == 1 if x > 2 else x,
        lambda x: 3 in x,
        lambda x: list(x),
    ],
)
def test_an_expression_has_no_truth_value(use: Any) -> None:
    with pytest.raises(TypeError, match=r"write & \| ~|iterated|is_in"):
        use(sf.col("x"))


def test_choices_and_cuts() -> None:
    band = sf.when(sf.col("x") > 3).then("big").when(sf.col("x") > 1).then("middle").otherwise("small")
    assert len(band.to_proto().case_when.branches) == 2
    assert band.to_proto().case_when.otherwise.literal.text == "small"
    edges = [datetime.date(1970, 1, 2), datetime.datetime(1970, 1, 3, tzinfo=datetime.UTC)]
    assert list(sf.cut("t", edges).to_proto().bin.edges) == [86400.0, 172800.0]
    for wrong in ([1], [2, 1], [1, 1], [1, float("nan")], [1, "x"], [0, 10**400]):
        with pytest.raises(sf.InvalidRequest):
            sf.cut("x", wrong)


@pytest.mark.parametrize(
    "value", [None, object(), 2**63, float("inf"), "x" * 1025, datetime.datetime(2020, 1, 1), b"x", "\ud800"]
)
def test_what_is_no_constant_is_refused(value: object) -> None:
    with pytest.raises(sf.InvalidRequest):
        sf.lit(value)


def test_constants() -> None:
    assert sf.lit(True).to_proto().literal.boolean
    assert sf.lit(datetime.date(2020, 2, 3)).to_proto().literal.date.day == 3
    zone = datetime.timezone(datetime.timedelta(hours=1))
    instant = sf.lit(datetime.datetime(1970, 1, 1, 1, tzinfo=zone)).to_proto().literal.timestamp
    assert instant.seconds == 0
    numpy = pytest.importorskip("numpy")
    assert sf.lit(numpy.float64(0.5)).to_proto().literal.real == 0.5
    assert sf.lit(numpy.int32(7)).to_proto().literal.integer == 7


def test_measures_carry_weight_noise_and_bounds() -> None:
    proto = sf.sum("x", bounds=(0, 10), weight=3, noise="laplace").to_proto("s")
    assert (proto.weight, proto.noise, proto.sum.bounds.upper) == (3, measure_pb2.NOISE_LAPLACE, 10)
    assert list(sf.quantile("x", 0.5, candidates=[1, 2]).to_proto("q").quantile.candidates) == [1, 2]
    assert sf.median("x", candidates=50).to_proto("q").quantile.candidate_count == 50
    assert sf.histogram("x", edges=[0, 1, 2]).to_proto("h").histogram.bins.WhichOneof("kind") == "bin"
    assert sf.histogram("c").to_proto("h").histogram.bins.column == "c"
    assert sf.count("x").to_proto("n").count.value.column == "x"
    assert sf.count_units().to_proto("n").WhichOneof("kind") == "count_units"


@pytest.mark.parametrize(
    "make",
    [
        lambda: sf.quantile("x", 1.5),
        lambda: sf.quantile("x", float("nan")),
        lambda: sf.mean("x", bounds=(3, 3)),
        lambda: sf.mean("x", bounds=(3, 1)),
        lambda: sf.sum("x", bounds=(0, float("inf"))),
        lambda: sf.count(weight=0),
        lambda: sf.count(noise="uniform"),  # type: ignore[arg-type]
        lambda: sf.mean(3),  # type: ignore[arg-type]
        lambda: sf.quantile("x", 0.5, candidates=[3, 1]),
        lambda: sf.col(""),
        lambda: rows().agg(),
        lambda: rows().agg(sf.count()),
        lambda: rows().group_by("a").agg(sf.count(), n=sf.count()),
        lambda: rows().agg(n=3),  # type: ignore[arg-type]
        lambda: rows().group_by("n").agg(n=sf.count()),
        lambda: rows().group_by("a b").agg(n=sf.count()),
        lambda: rows().group_by(sf.col("x") + 1),
        lambda: rows().group_by("a", keys=["x"], threshold=True),
        lambda: rows().group_by("a", "b", keys=["x"]),
        lambda: rows().group_by("a", keys=[]),
        lambda: rows().bound_contributions(max_groups=-1),
        lambda: sf.col("x").cast("date32"),
        lambda: sf.col("x").is_in("abc"),
        lambda: sf.col("x").dt.part("century"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_it_is_sent(make: Any) -> None:
    with pytest.raises(sf.InvalidRequest):
        make()


def test_keys() -> None:
    by = rows().group_by(sf.cut("x", [0, 1, 2]).alias("band"), "species", keys=[(0, "Adelie"), (1, "Gentoo")])
    group_by = plan_of(by.agg(n=sf.count())).group_by
    assert [each.alias for each in group_by.keys] == ["band", "species"]
    assert group_by.public_keys.keys[1].values[1].text == "Gentoo"
    found = plan_of(rows().group_by("tail", threshold=3).agg(n=sf.count())).group_by
    assert found.threshold_keys.weight == 3
    assert plan_of(rows().group_by("t", threshold=True).agg(n=sf.count())).group_by.HasField("threshold_keys")
    assert plan_of(rows().group_by("t").agg(n=sf.count())).group_by.WhichOneof("domain") is None


def test_a_copy_is_handed_out() -> None:
    expression = sf.col("x")
    expression.to_proto().column = "y"
    assert expression.to_proto() == expression_pb2.Expression(column="x")


@pytest.mark.parametrize("asked", ["quote", "run", "dummy"])
@pytest.mark.parametrize("unmeasured", [rows(), rows().group_by("species")])
def test_nothing_is_asked_before_something_is_measured(unmeasured: Any, asked: str) -> None:
    with pytest.raises(sf.InvalidRequest, match="nothing is measured yet") as caught:
        getattr(unmeasured, asked)(rho=0.1)
    assert caught.value.hint.startswith("call .agg(n=sf.count()) first")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"params": {"w": "north"}}, 'w="north", for :w'),
        ({"parameters": {"by": {"year": 2009}}}, "year=2009, for :year"),
        ({"params": {}}, 'w="north", for :w'),
    ],
)
def test_parameters_are_given_by_name(given: dict[str, Any], hint: str) -> None:
    mesh = sf.Mesh(None)  # type: ignore[arg-type]
    with pytest.raises(sf.InvalidRequest, match="a mapping is no value") as caught:
        mesh.sql("SELECT COUNT(*) AS n FROM penguins WHERE island = :w", **given)
    assert caught.value.hint == hint
