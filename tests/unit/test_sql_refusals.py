"""What SQL is refused, by which rule, where, and within which time."""

import time
from collections.abc import Callable

import grpc
import pytest

from sfumato.v1.expression_pb2 import Literal
from sfumato_gateway.sql.select import translate
from sfumato_mesh.refusal import Refusal


def refused(statement: str, dataset: str = "") -> Refusal:
    with pytest.raises(Refusal) as caught:
        translate(statement, {}, dataset)
    refusal = caught.value
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "SQL_REJECTED"
    assert {"rule", "line", "column"} <= set(refusal.metadata)
    assert refusal.fields[0].field in ("question.sql.statement", "question.sql.parameters")
    return refusal


@pytest.mark.parametrize(
    ("statement", "rule", "said"),
    [
        ("", "syntax", "empty"),
        (" " * 60_000, "syntax", "empty"),
        ("-- nothing", "syntax", "empty"),
        ("SELECT COUNT(*)) FROM t", "syntax", "near"),
        ("SELECT COUNT(* FROM t", "syntax", "near FROM"),
        ("SELECT 'open", "syntax", "not closed"),
        ("SELECT COUNT(*) FROM t WHERE @", "syntax", "operand"),
        ("SELECT COUNT(*) FROM t; SELECT COUNT(*) FROM t", "several_statements", "one statement"),
        ("SELECT COUNT(*) FROM t; DROP TABLE t", "several_statements", "one statement"),
        ("DROP TABLE t", "unsupported", "SELECT"),
        ("SHOW TABLES", "unsupported", "SELECT"),
        ("COPY t TO '/tmp/x'", "unsupported", "SELECT"),
        ("FROM t SELECT COUNT(*)", "unsupported", "SELECT"),
        ("WITH q AS (SELECT 1) SELECT COUNT(*) FROM q", "unsupported", "WITH"),
        ("SELECT COUNT(*) FROM t UNION SELECT COUNT(*) FROM t", "unsupported", "UNION"),
        ("SELECT COUNT(*) FROM t ORDER BY 1", "unsupported", "ORDER BY"),
        ("SELECT COUNT(*) FROM t LIMIT 1", "unsupported", "LIMIT"),
        ("SELECT COUNT(*) FROM t OFFSET 1", "unsupported", "OFFSET"),
        ("SELECT COUNT(*) FROM t GROUP BY a HAVING COUNT(*) > 1", "unsupported", "HAVING"),
        ("SELECT COUNT(*) FROM t JOIN u USING (x)", "unsupported", "JOIN"),
        ("SELECT COUNT(*) FROM t, u", "unsupported", "JOINS"),
        ("SELECT DISTINCT a FROM t", "unsupported", "DISTINCT"),
        ("SELECT COUNT(*) FROM t GROUP BY ROLLUP (a)", "unsupported", ""),
        ("SELECT COUNT(*) FROM t GROUP BY (a, b)", "unsupported", "brackets"),
        ("SELECT SUM(x) OVER (PARTITION BY y) FROM t", "unsupported", "window"),
        ("SELECT COUNT(*) FROM t WHERE x IN (SELECT 1)", "unsupported", "SELECT within"),
        ("SELECT COUNT(*) FROM t WHERE x = ANY (y)", "unsupported", "ANY"),
        ("SELECT MIN(x) FROM t", "unsupported", "MIN"),
        ("SELECT MAX(x) FROM t", "unsupported", "MAX"),
        ("SELECT STDDEV(x) FROM t", "unsupported", "STDDEV"),
        ("SELECT SUM(DISTINCT x) FROM t", "unsupported", "DISTINCT"),
        ("SELECT COUNT(DISTINCT a, b) FROM t", "unsupported", "units"),
        ("SELECT COUNT(DISTINCT a + b) FROM t", "unsupported", "units"),
        ("SELECT STRING_AGG(x, ',') FROM t", "unsupported", "aggregate"),
        ("SELECT SUM(x) / COUNT(*) FROM t", "unsupported", "alone"),
        ("SELECT COUNT(*) FROM t WHERE COUNT(*) > 1", "unsupported", "alone"),
        ("SELECT SUM(COUNT(*)) FROM t", "unsupported", "alone"),
        ("SELECT QUANTILE(x, 1.5) FROM t", "unsupported", "level"),
        ("SELECT QUANTILE(x, y) FROM t", "unsupported", "level"),
        ("SELECT HISTOGRAM(x, [3, 2, 1]) FROM t", "unsupported", "increase"),
        ("SELECT HISTOGRAM(x, y) FROM t", "unsupported", "list"),
        ("SELECT COUNT(*) FROM t WHERE x LIKE 'a_'", "unsupported", "LIKE"),
        ("SELECT COUNT(*) FROM t WHERE x LIKE y", "unsupported", "LIKE"),
        ("SELECT COUNT(*) FROM t WHERE x ~ '^(a+)+$'", "unsupported", ""),
        ("SELECT COUNT(*) FROM t WHERE x LIKE 'a' ESCAPE '!'", "unsupported", "ESCAPE"),
        ("SELECT SUM(x || y) FROM t", "unsupported", "DPIPE"),
        ("SELECT SUM(CAST(x AS DECIMAL(3, 2))) FROM t", "unsupported", "CAST"),
        ("SELECT SUM(NULL) FROM t", "unsupported", "NULL"),
        ("SELECT SUM(x[1]) FROM t", "unsupported", "subscripts"),
        ("SELECT SUM(LIST_SUM(LIST_TRANSFORM(x, y -> y))) FROM t", "unsupported", "->"),
        ("SELECT COUNT(*) FROM t WHERE x = 99999999999999999999", "unsupported", "64 bits"),
        ("SELECT COUNT(*) FROM t WHERE x = 1e999", "unsupported", "finite"),
        ("SELECT COUNT(*) FROM t WHERE x > DATE '2013-02-30'", "unsupported", "ISO 8601"),
        ("SELECT COUNT(*) FROM t WHERE x = ?", "unsupported", ":name"),
        ("SELECT COUNT(*) FROM t WHERE x = $1", "unsupported", ":name"),
        ("SELECT COUNT(*) FROM t WHERE x = :gone", "unsupported", "no parameter gone"),
        ('SELECT COUNT(*) AS "two words" FROM t', "unsupported", "letters"),
        ("SELECT COUNT(*) AS n, SUM(x) AS n FROM t", "unsupported", "two columns"),
        ("SELECT FOO(x), COUNT(*) FROM t GROUP BY 1", "unsupported", "FOO"),
        ("SELECT COUNT(*) FROM t GROUP BY 2", "unsupported", "ordinals"),
        ("SELECT DATE_DIFF('day', a, b), COUNT(*) FROM t GROUP BY 1", "unsupported", "DATE_DIFF"),
        ("SELECT EXTRACT(DOW FROM d), COUNT(*) FROM t GROUP BY 1", "unsupported", "unit of time"),
        ("SELECT COUNT(*) FROM t WHERE " + "(" * 17 + "a = 1" + ")" * 17, "unsupported", "deep"),
        ("SELECT COUNT(*) FROM t WHERE " + "NOT " * 30_000 + "a", "unsupported", "words"),
        ("SELECT COUNT(*) FROM t WHERE " + "NOT " * 17 + "a", "unsupported", "deep"),
        ("SELECT * FROM t", "not_aggregate", "rows do not leave"),
        ("SELECT t.* FROM t", "not_aggregate", "rows do not leave"),
        ("SELECT name FROM t", "not_aggregate", "rows do not leave"),
        ("SELECT name, COUNT(*) FROM t GROUP BY species", "not_aggregate", "rows do not leave"),
        ("SELECT species FROM t GROUP BY species", "not_aggregate", "aggregates"),
        ("SELECT 1", "other_table", "one dataset"),
        ("SELECT COUNT(*)", "other_table", "one dataset"),
        ("SELECT COUNT(*) FROM read_csv('/etc/passwd')", "other_table", "one dataset"),
        ("SELECT COUNT(*) FROM '/etc/passwd'", "other_table", "id of a dataset"),
        ("SELECT COUNT(*) FROM main.t", "other_table", "schema"),
        ("SELECT COUNT(*) FROM sqlite_master", "other_table", "id of a dataset"),
        ("SELECT SUM(u.x) FROM t", "other_table", "not in FROM"),
    ],
)
def test_refusals(statement: str, rule: str, said: str) -> None:
    refusal = refused(statement)

    assert refusal.metadata["rule"] == rule
    assert said in refusal.message


def test_another_table_than_the_request_s_dataset() -> None:
    refusal = refused("SELECT COUNT(*) FROM flights", "datasets/penguins")

    assert refusal.metadata["rule"] == "other_table"
    assert refusal.metadata["nearest"] == 'FROM "penguins"'


def test_the_place_is_told() -> None:
    refusal = refused("SELECT COUNT(*) AS n\nFROM t\nWHERE  FOOR(x) = 1")

    assert (refusal.metadata["line"], refusal.metadata["column"]) == ("3", "8")
    assert refusal.metadata["nearest"] == "FLOOR"


def test_values_of_parameters_and_literals_are_not_in_refusals() -> None:
    with pytest.raises(Refusal) as caught:
        translate("SELECT FOO(:secret, 'hidden-literal') FROM t", {"secret": Literal(text="hidden-value")})

    assert "hidden" not in str(caught.value)
    assert not any("hidden" in value for value in caught.value.metadata.values())


def _nested(word: str) -> str:
    return "SELECT COUNT(*) FROM t WHERE " + f"{word}(" * 14 + "a" + ")" * 14 + " = 1"


HOSTILE = {
    "brackets": "SELECT COUNT(*) FROM t WHERE " + "(" * 32_000,
    "conjunctions": "SELECT COUNT(*) FROM t WHERE " + "a=1 AND " * 8_000 + "a=1",
    "long list": "SELECT COUNT(*) FROM t WHERE a IN (" + "1," * 30_000 + "1)",
    "columns": "SELECT " + "a," * 32_000 + "a FROM t",
    "comments": "SELECT " + "/**/" * 16_000 + "1",
    "open comments": "SELECT " + "/*" * 32_000,
    "quotes": "SELECT '" + "''" * 32_000,
    "semicolons": ";" * 65_000,
    "blanks": " " * 65_536,
    "lines": "\n" * 65_000 + "x",
    "nested types": _nested("DECIMAL"),
    "nested structs": _nested("STRUCT"),
    "nested dates": _nested("DATE"),
    "subscripts": "SELECT COUNT(*) FROM t WHERE a" + "[1]" * 900 + " = 1",
    "dots": "SELECT COUNT(*) FROM t WHERE a" + ".a" * 1_400 + " = 1",
    "nulls": "SELECT COUNT(*) FROM t WHERE a" + " IS NULL" * 1_400,
    "equalities": "SELECT COUNT(*) FROM t WHERE " + "(" * 12 + "a = 1" + ") = b" * 12,
    "quotients": "SELECT COUNT(*) FROM t WHERE " + " % ".join(["a"] * 1_400) + " = 1",
    "digits": "SELECT COUNT(*) FROM t WHERE a = " + "9" * 60_000,
    "pattern": "SELECT COUNT(*) FROM t WHERE a LIKE '" + "%" * 60_000 + "'",
    "counts": "SELECT " + "COUNT(*)," * 550 + "COUNT(*) FROM t",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_statements_are_refused_fast(name: str) -> None:
    refused(HOSTILE[name])  # warm
    assert min(_timed(lambda: refused(HOSTILE[name])) for _ in range(5)) < 0.05


def _timed(call: Callable[[], object]) -> float:
    """Return the processor seconds of a call: a busy machine does not make a statement hostile."""
    start = time.thread_time()
    call()
    return time.thread_time() - start
