"""Canonical forms of predicates say what was said, for every row, nulls included; and meet where they should."""

import random
from typing import Any

import pytest

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import TRUE_TYPE, constant
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Column, Expression, Kind, Member, ValueType
from sfumato_executor.plan.key_filters import key_test, members
from sfumato_executor.plan.logic import COMPLEMENTS, all_of, any_of, comparison, is_null, negation
from tests.properties.expression_semantics import evaluate
from tests.properties.narrowing_scene import compiled

COLUMNS = (
    Column("i", ValueType(Kind.INTEGER, True, -3, 4)),
    Column("j", ValueType(Kind.INTEGER, False, -3, 4)),
    Column("r", ValueType(Kind.REAL, True, -3.0, 4.0)),
    Column("c", ValueType(Kind.CATEGORY, True, categories=("x", "y", "z"))),
    Column("b", ValueType(Kind.BOOLEAN, True)),
)
VALUES: dict[str, list[Any]] = {
    "i": [None, *range(-3, 5)],
    "j": list(range(-3, 5)),
    "r": [None, -3.0, -0.5, 0.0, 1.0, 2.5, 4.0],
    "c": [None, "x", "y", "z"],
    "b": [None, False, True],
}
ROWS = [
    {name: chance.choice(values) for name, values in VALUES.items()}
    for chance in [random.Random(5)]
    for _ in range(150)
]
Said = tuple[Expression, Any]
"""A predicate as it is built, and what it says of each row by its own words."""


def said_of(row: dict[str, Any], function: int, name: str, value: Any) -> bool:
    return bool(evaluate(Apply(function, (_column(name), _constant(name, value)), TRUE_TYPE), row))


def _column(name: str) -> Column:
    return next(column for column in COLUMNS if column.name == name)


def _constant(name: str, value: Any) -> Any:
    column = _column(name)
    return constant(column.type.kind, value, column.type.categories)


def atom(chance: random.Random) -> Said:
    """A comparison, a list, a test for null or a boolean column, with its truth by row."""
    column = chance.choice(COLUMNS)
    name = column.name
    known = [value for value in VALUES[name] if value is not None]
    kind = chance.choice(["compare", "compare", "list", "null"])
    if name == "b" and kind != "null":
        return column, [row["b"] is True for row in ROWS]
    if kind == "null":
        return is_null(column), [row[name] is None for row in ROWS]
    if kind == "list":
        items = sorted(chance.sample(known, chance.randint(2, 3)))
        return Member(column, tuple(items), TRUE_TYPE), [row[name] in items for row in ROWS]
    functions = (f.FUNCTION_EQUAL, f.FUNCTION_NOT_EQUAL) if name == "c" else tuple(COMPLEMENTS)
    function, value = chance.choice(functions), chance.choice(known)
    truth = [said_of(row, function, name, value) for row in ROWS]
    return comparison(function, column, _constant(name, value)), truth


def tree(chance: random.Random, depth: int) -> Said:
    if depth == 0 or chance.random() < 0.2:
        return atom(chance)
    kind = chance.choice(["and", "or", "not"])
    if kind == "not":
        inner, truth = tree(chance, depth - 1)
        return negation(inner), [not value for value in truth]
    parts = [tree(chance, depth - 1) for _ in range(chance.randint(1, 4))]
    join, built = (all, all_of) if kind == "and" else (any, any_of)
    truths = [join(values) for values in zip(*(truth for _, truth in parts), strict=True)]
    return built(part for part, _ in parts), truths


@pytest.mark.parametrize("seed", range(40))
def test_what_is_said_stays(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        built, truth = tree(chance, 3)
        assert [evaluate(built, row) is True for row in ROWS] == truth, encode(built)


@pytest.mark.parametrize("seed", range(20))
def test_tests_of_keys_say_of_a_key_what_they_say_of_its_rows(seed: int) -> None:
    chance = random.Random(seed)
    columns = [column for column in COLUMNS if column.type.kind is not Kind.REAL]
    places = {encode(column): index for index, column in enumerate(columns)}
    met = 0
    for _ in range(50):
        built, _ = tree(chance, 2)
        for member in members(built):
            test = key_test(member, places)
            if test is None:
                assert '"r"' in encode(member)
                continue
            met += 1
            assert {columns[place].name for place in test.columns} <= set(VALUES)
            for row in ROWS:
                assert test.holds([row[column.name] for column in columns]) == (evaluate(member, row) is True)
    assert met > 20


EQUAL = [
    ("year BETWEEN 2008 AND 2009", "year >= 2008 AND year <= 2009"),
    ("year > 2007 AND year < 2010", "2009 >= year AND 2008 <= year"),
    ("year >= 2008.5", "year > 2008"),
    ("year = 2008.0", "year = 2008"),
    ("mass > 3", "mass > 3.0"),
    ("ward IN ('east', 'south')", "ward = 'south' OR ward = 'east'"),
    ("ward IN ('east', 'south', 'east')", "ward = 'south' OR ward IN ('east')"),
    ("ward NOT IN ('east', 'south')", "ward <> 'east' AND ward <> 'south'"),
    ("NOT ward = 'east'", "ward <> 'east'"),
    ("NOT mass > 3", "mass <= 3"),
    ("NOT days > 3", "days <= 3"),
    ("NOT (days > 3 OR mass < 2)", "days <= 3 AND mass >= 2"),
    ("NOT (year = 2008 AND sex = 'f')", "sex <> 'f' OR year <> 2008"),
    ("days > 3 AND days IS NOT NULL", "days > 3"),
    ("sex = 'f' AND mass > 3 AND ward = 'east'", "(ward = 'east' AND sex = 'f') AND 3 < mass"),
    ("year + 1 > 2009", "1 + year > 2009"),
    ("days BETWEEN 1 AND 5 AND ward IN ('east')", "ward = 'east' AND NOT (days < 1 OR days > 5)"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_the_same_question_in_other_words(one: str, other: str) -> None:
    first, second = (
        compiled(f"SELECT COUNT(*) AS {name} FROM d WHERE {where}") for name, where in (("n", one), ("m", other))
    )
    assert first.filter == second.filter
    assert first.digest == second.digest
    assert first.draws == second.draws


DIFFERENT = [
    ("days > 3", "days > 4"),
    ("days <= 3", "days <= 3 OR days IS NULL"),
    ("mass >= 3", "mass > 3"),
    ("ward <> 'east'", "ward <> 'east' OR ward IS NULL"),
    ("ward IN ('east')", "ward IN ('east', 'north')"),
    ("year < 2009", "year <= 2009"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_question_stays_another(one: str, other: str) -> None:
    first, second = (compiled(f"SELECT COUNT(*) AS n FROM d WHERE {where}") for where in (one, other))
    assert first.digest != second.digest
