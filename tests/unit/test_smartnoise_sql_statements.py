"""Statements to SmartNoise-SQL: what is refused before anything is paid, and what the library gets of the rest."""

import pytest

from sfumato.v1.expression_pb2 import Literal
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP
from sfumato.v1.question_pb2 import Question
from sfumato_executor.engines.library.adapter import Asked
from sfumato_mesh.refusal import Refusal

pytest.importorskip("snsql")
pytest.importorskip("sqlglot")

from sfumato_executor.engines.smartnoise_sql import statistics
from sfumato_executor.engines.smartnoise_sql.job import query
from tests.unit.smartnoise_sql_scene import ADAPTER, MADE, compiled, payment

SECRET = "do-not-tell-4711"
REJECTED = {
    "": "unsupported",
    "SELECT 1": "other_table",
    "SELECT COUNT(*) AS n FROM other": "other_table",
    "SELECT COUNT(*) AS n FROM a.@": "other_table",
    "SELECT COUNT(*) AS n FROM read_csv('/etc/passwd')": "other_table",
    "SELECT COUNT(*) AS n FROM @; DROP TABLE x": "several_statements",
    "DELETE FROM @": "unsupported",
    "SELECT * FROM @": "not_aggregate",
    "SELECT species FROM @ GROUP BY species": "not_aggregate",
    "SELECT mass, COUNT(*) AS n FROM @": "not_aggregate",
    "SELECT MAX(mass) AS m FROM @": "not_aggregate",
    "SELECT COUNT(*) FROM @": "unsupported",
    "SELECT COUNT(DISTINCT who) AS n FROM @": "unsupported",
    "SELECT SUM(DISTINCT age) AS n FROM @": "unsupported",
    "SELECT SUM(mass * mass) AS m FROM @": "unsupported",
    "SELECT SUM(species) AS m FROM @": "unsupported",
    "SELECT mass, COUNT(*) AS n FROM @ GROUP BY mass": "unsupported",
    "SELECT huge, COUNT(*) AS n FROM @ GROUP BY huge": "unsupported",
    "SELECT zip, ok, species, age, COUNT(*) AS n FROM @ GROUP BY zip, ok, species, age": "unsupported",
    "SELECT COUNT(*) AS n FROM (SELECT mass FROM @)": "unsupported",
    "SELECT COUNT(*) AS n FROM @ JOIN b ON a = b": "unsupported",
    "SELECT COUNT(*) AS n FROM @, b": "unsupported",
    "SELECT COUNT(*) AS n FROM @ HAVING COUNT(*) > 3": "unsupported",
    "SELECT COUNT(*) OVER () AS n FROM @": "unsupported",
    "SELECT DISTINCT COUNT(*) AS n FROM @": "unsupported",
    "SELECT COUNT(*) AS n FROM @ WHERE CAST(age AS INT) > 2": "unsupported",
    "SELECT COUNT(*) AS n FROM @ WHERE age > :missing": "unsupported",
    "SELECT COUNT(*) AS n, COUNT(*) AS n FROM @": "unsupported",
    f"SELECT COUNT(*) AS n FROM @ WHERE note = '{SECRET}": "syntax",
    f"SELECT COUNT(*) AS n FROM @ WHERE note LIKE '{SECRET}'": "unsupported",
    f"SELECT COUNT(*) AS n FROM @ WHERE note = '{SECRET}' '{SECRET}'": "unsupported",
}
LARGE = {
    "columns": "SELECT " + ", ".join(f"SUM(mass) AS s{place}" for place in range(10_000)) + " FROM @",
    "fewer columns": "SELECT " + ", ".join(f"SUM(mass) AS s{place}" for place in range(101)) + " FROM @",
    "list": f"SELECT COUNT(*) AS n FROM @ WHERE age IN ({', '.join(['1'] * 600)})",
    "brackets": f"SELECT COUNT(*) AS n FROM @ WHERE {'(' * 500}ok{')' * 500}",
    "prefixes": f"SELECT COUNT(*) AS n FROM @ WHERE {'NOT ' * 500}ok",
    "comparisons": f"SELECT COUNT(*) AS n FROM @ WHERE {' = '.join(['age'] * 900)}",
    "words": f"SELECT COUNT(*) AS n FROM @ WHERE {' AND '.join(['age > 1'] * 5000)}",
}


@pytest.mark.parametrize("statement", REJECTED)
def test_is_refused_with_its_rule_and_what_would_pass(statement: str) -> None:
    with pytest.raises(Refusal) as refused:
        compiled(statement)
    told = refused.value
    assert (told.reason, told.metadata["rule"]) == ("SQL_REJECTED", REJECTED[statement])
    assert told.metadata["hint"]
    assert int(told.metadata["line"]) >= 1
    assert int(told.metadata["column"]) >= 1
    assert SECRET not in str(told.to_status())


@pytest.mark.parametrize("what", LARGE)
def test_size_is_bounded_before_anything_recurses(what: str) -> None:
    with pytest.raises(Refusal, match="SQL_REJECTED"):
        compiled(LARGE[what])


@pytest.mark.parametrize(
    ("statement", "epsilon", "rule"),
    [
        ("SELECT SUM(who) AS n FROM @", 1.0, "unknown_column"),
        ("SELECT COUNT(*) AS n FROM @ WHERE who = 1", 1.0, "unit_column"),
        ("SELECT SUM(nowhere) AS n FROM @", 1.0, "unknown_column"),
        ("SELECT COUNT(*) AS n FROM @ WHERE mass > 'a'", 1.0, "type"),
        ("SELECT zip, COUNT(*) AS n FROM @ GROUP BY zip", 1.0, "delta_missing"),
        ("SELECT SUM(age) AS n FROM @", 1e-5, "loss_too_small"),
        ("SELECT SUM(huge) AS n FROM @", 1000.0, "loss_too_small"),
        ("SELECT VARIANCE(age) AS v FROM @", 0.01, "loss_too_small"),
    ],
)
def test_is_refused_for_its_columns_or_its_payment(statement: str, epsilon: float, rule: str) -> None:
    with pytest.raises(Refusal) as refused:
        compiled(statement, epsilon)
    assert (refused.value.reason, refused.value.metadata["rule"]) == ("PLAN_REJECTED", rule)


def test_takes_sql_alone() -> None:
    question = Question(plan=Plan(), engine="smartnoise_sql")
    with pytest.raises(Refusal, match="PLAN_REJECTED"):
        ADAPTER.compile(Asked(question, payment(1.0), MADE, ACCOUNTING_ZCDP, 0.95))


def test_nothing_of_the_statement_reaches_the_library() -> None:
    program = compiled(
        "select species as kind, avg(mass) as mean_mass from @ where note = 'told' and age between 2 and :top "
        "group by species order by mean_mass desc limit 3;",
        top=Literal(integer=40),
    )
    assert query(program.job) == "SELECT k0, SUM(c0) AS s0, COUNT(n0) AS s1 FROM sfumato.measured GROUP BY k0"
    assert program.rows.filter is not None
    assert ADAPTER.answer_schema(program).names == ["kind", "mean_mass"]


def test_noisy_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = "SELECT age, ok, species, COUNT(*) AS n, SUM(mass) AS s FROM @ GROUP BY age, ok, species"
    compiled(statement)
    monkeypatch.setattr(statistics, "MAX_NUMBERS", 2 * 732 - 1)
    with pytest.raises(Refusal, match="noisy numbers"):
        compiled(statement)


def test_unused_parameters_are_refused() -> None:
    with pytest.raises(Refusal, match="SQL_REJECTED"):
        compiled("SELECT COUNT(*) AS n FROM @", top=Literal(integer=40))


def test_the_digest_tells_questions_and_noise_apart() -> None:
    count = compiled("SELECT COUNT(*) AS n FROM @")
    assert count.digest == compiled("select count(*) as n from @").digest
    others = [
        compiled("SELECT COUNT(*) AS n FROM @", 29.0),
        compiled("SELECT COUNT(mass) AS n FROM @"),
        compiled("SELECT COUNT(*) AS n FROM @ WHERE ok"),
    ]
    assert len({program.digest for program in (count, *others)}) == 4
