"""The plan made of a WHERE keeps exactly the rows that SQLite keeps, whatever nulls, NOTs and CASEs are in it."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import protovalidate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.v1 import function_pb2 as f
from sfumato.v1.expression_pb2 import Call, Expression, Literal
from sfumato_gateway.sql.select import translate

Row = Mapping[str, Any]
NULL = None


# --- the meaning of the plan's expressions, as expression.proto and function.proto state it ---------------------------


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    return lambda a, b: a is not NULL and b is not NULL and compare(a, b)


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: NULL if any(each is NULL for each in arguments) else function(*arguments)


def _first(*values: Any) -> Any:
    return next((each for each in values if each is not NULL), NULL)


def _sum(*values: Any) -> Any:
    return sum(values)


def _product(*values: Any) -> Any:
    result = 1
    for each in values:
        result *= each
    return result


FUNCTIONS: dict[int, Callable[..., Any]] = {
    f.FUNCTION_EQUAL: _compared(lambda a, b: a == b),
    f.FUNCTION_NOT_EQUAL: _compared(lambda a, b: a != b),
    f.FUNCTION_LESS: _compared(lambda a, b: a < b),
    f.FUNCTION_LESS_OR_EQUAL: _compared(lambda a, b: a <= b),
    f.FUNCTION_GREATER: _compared(lambda a, b: a > b),
    f.FUNCTION_GREATER_OR_EQUAL: _compared(lambda a, b: a >= b),
    f.FUNCTION_IS_NULL: lambda a: a is NULL,
    f.FUNCTION_AND: lambda *all_of: all(all_of),
    f.FUNCTION_OR: lambda *any_of: any(any_of),
    f.FUNCTION_NOT: lambda a: not a,
    f.FUNCTION_ADD: _strict(_sum),
    f.FUNCTION_SUBTRACT: _strict(lambda a, b: a - b),
    f.FUNCTION_MULTIPLY: _strict(_product),
    f.FUNCTION_MODULO: _strict(lambda a, b: NULL if b == 0 else a - b * (a // b)),
    f.FUNCTION_NEGATE: _strict(lambda a: -a),
    f.FUNCTION_ABS: _strict(abs),
    f.FUNCTION_SIGN: _strict(lambda a: (a > 0) - (a < 0)),
    f.FUNCTION_COALESCE: _first,
    f.FUNCTION_LOWER: _strict(str.lower),
    f.FUNCTION_LENGTH: _strict(len),
    f.FUNCTION_STARTS_WITH: _compared(lambda a, b: a.startswith(b)),
    f.FUNCTION_ENDS_WITH: _compared(lambda a, b: a.endswith(b)),
    f.FUNCTION_CONTAINS: _compared(lambda a, b: b in a),
}


def _constant(literal: Literal) -> Any:
    return getattr(literal, literal.WhichOneof("value") or "")


def evaluate(expression: Expression, row: Row) -> Any:
    match expression.WhichOneof("kind"):
        case "column":
            return row[expression.column]
        case "literal":
            return _constant(expression.literal)
        case "call":
            return _apply(expression.call, row)
        case "case_when":
            chosen = next((b.value for b in expression.case_when.branches if evaluate(b.condition, row) is True), None)
            if chosen is not None:
                return evaluate(chosen, row)
            otherwise = expression.case_when.HasField("otherwise")
            return evaluate(expression.case_when.otherwise, row) if otherwise else NULL
        case "in_list":
            value = evaluate(expression.in_list.value, row)
            return value is not NULL and value in [_constant(each) for each in expression.in_list.items]
    raise AssertionError(expression)


def _apply(call: Call, row: Row) -> Any:
    return FUNCTIONS[call.function](*(evaluate(each, row) for each in call.arguments))


# --- random predicates, written so that both SQLs read them alike -----------------------------------------------------

INTEGERS = st.integers(-3, 3)
TEXTS = st.sampled_from(["", "a", "b", "ab", "aba", "abba", "ba", "Ab"])
PATTERNS = st.sampled_from(["a", "a%", "%a", "%b%", "ab%ba", "a%a", "%", "", "%%", "Ab%"])
COMPARISONS = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])


def _number() -> st.SearchStrategy[str]:
    leaves = st.one_of(st.sampled_from(["a", "b", "c"]), INTEGERS.map(str), st.just("a"))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "%"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            inner.map(lambda n: f"ABS({n})"),
            inner.map(lambda n: f"(- {n})"),
            st.tuples(inner, inner).map(lambda t: f"COALESCE({t[0]}, {t[1]})"),
            st.tuples(inner, inner).map(lambda t: f"NULLIF({t[0]}, {t[1]})"),
            st.tuples(st.sampled_from(["flag", "a > b", "NOT a = 1", "t LIKE 'a%'"]), inner, inner).map(
                lambda t: f"CASE WHEN {t[0]} THEN {t[1]} ELSE {t[2]} END"
            ),
            st.tuples(inner, INTEGERS, inner).map(lambda t: f"CASE {t[0]} WHEN {t[1]} THEN NULL ELSE {t[2]} END"),
        ),
        max_leaves=4,
    )


NUMBERS = _number()
LISTS = st.lists(st.one_of(INTEGERS.map(str), st.just("NULL")), min_size=1, max_size=4).map(", ".join)
NOTS = st.sampled_from(["", "NOT "])
ATOMS = st.one_of(
    st.tuples(NUMBERS, COMPARISONS, NUMBERS).map(" ".join),
    st.tuples(NUMBERS, COMPARISONS, st.just("NULL")).map(" ".join),
    st.tuples(NUMBERS, NOTS, NUMBERS, NUMBERS).map(lambda t: f"{t[0]} {t[1]}BETWEEN {t[2]} AND {t[3]}"),
    st.tuples(NUMBERS, NOTS, LISTS).map(lambda t: f"{t[0]} {t[1]}IN ({t[2]})"),
    st.tuples(NUMBERS, NOTS).map(lambda t: f"{t[0]} IS {t[1]}NULL"),
    st.tuples(NOTS, PATTERNS).map(lambda t: f"t {t[0]}LIKE '{t[1]}'"),
    st.tuples(COMPARISONS, TEXTS).map(lambda t: f"t {t[0]} '{t[1]}'"),
    st.tuples(NUMBERS, NOTS, NUMBERS).map(lambda t: f"{t[0]} IS {t[1]}DISTINCT FROM {t[2]}"),
    st.sampled_from(["flag", "TRUE", "FALSE", "flag IS NULL", "COALESCE(flag, TRUE)"]),
)
TESTS = st.sampled_from(["IS NULL", "IS NOT NULL", "IS TRUE", "IS FALSE", "IS NOT TRUE", "IS NOT FALSE"])
PREDICATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda p: f"NOT ({p})"),
        st.tuples(inner, TESTS).map(lambda t: f"({t[0]}) {t[1]}"),
        st.tuples(inner, st.sampled_from(["=", "<>"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"CASE WHEN {t[0]} THEN ({t[1]}) ELSE ({t[2]}) END"),
    ),
    max_leaves=6,
)


def _or_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a": _or_null(INTEGERS),
            "b": _or_null(INTEGERS),
            "c": INTEGERS,
            "t": _or_null(TEXTS),
            "flag": _or_null(st.booleans()),
        }
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute("CREATE TABLE penguins (id INTEGER, a INTEGER, b INTEGER, c INTEGER, t TEXT, flag INTEGER)")
    yield connection
    connection.close()


@settings(max_examples=600, deadline=None)
@given(predicate=PREDICATES, rows=ROWS)
def test_where_keeps_the_rows_that_sql_keeps(database: sqlite3.Connection, predicate: str, rows: list[Row]) -> None:
    database.execute("DELETE FROM penguins")
    database.executemany(
        "INSERT INTO penguins VALUES (:id, :a, :b, :c, :t, :flag)", [{**row, "id": i} for i, row in enumerate(rows)]
    )
    kept = {i for (i,) in database.execute(f"SELECT id FROM penguins WHERE {predicate}")}
    counted = {i for (i,) in database.execute(f"SELECT id FROM penguins WHERE ({predicate}) IS NOT NULL")}

    plan = translate(f"SELECT COUNT(*) AS n, COUNT({predicate}) AS known FROM penguins WHERE {predicate}", {}).plan

    protovalidate.validate(plan)
    where = plan.source.filter.predicate
    assert {i for i, row in enumerate(rows) if evaluate(where, row) is True} == kept
    assert all(isinstance(evaluate(where, row), bool) for row in rows), "a predicate is never null"
    value = plan.measures[1].count.value
    if plan.measures[1].count.HasField("value"):  # COUNT(TRUE) counts rows
        assert {i for i, row in enumerate(rows) if evaluate(value, row) is not NULL} == counted


@settings(max_examples=200, deadline=None)
@given(number=NUMBERS, rows=ROWS)
def test_values_are_those_of_sql(database: sqlite3.Connection, number: str, rows: list[Row]) -> None:
    database.execute("DELETE FROM penguins")
    database.executemany(
        "INSERT INTO penguins VALUES (:id, :a, :b, :c, :t, :flag)", [{**row, "id": i} for i, row in enumerate(rows)]
    )
    expected = [value for (value,) in database.execute(f"SELECT {number} FROM penguins ORDER BY id")]

    plan = translate(f"SELECT SUM({number}) AS s, SUM({number}) FILTER (WHERE flag) AS some FROM penguins", {}).plan

    whole, some = plan.measures[0].sum.value, plan.measures[1].sum.value
    assert [evaluate(whole, row) for row in rows] == expected
    assert [evaluate(some, row) for row in rows] == [
        value if row["flag"] else NULL for value, row in zip(expected, rows, strict=True)
    ]
