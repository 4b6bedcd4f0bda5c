"""Rows that library engines get: filtered, bounded by unit, and of a fixed number where that is asked."""

from collections import Counter
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from sfumato.v1.dataset_pb2 import PrivacyUnit
from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato.v1.function_pb2 import FUNCTION_GREATER, FUNCTION_MULTIPLY
from sfumato.v1.relation_pb2 import Derive, Filter, Relation, Scan
from sfumato_executor.engines.library.digests import library_digest
from sfumato_executor.engines.library.program import RowColumn, RowSelection
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.library.source import read_source, rows_per_unit
from sfumato_executor.engines.native.engine import ForeignTableError
from sfumato_mesh.refusal import Refusal
from tests.attacks.tables import dataset, table

SCHEMA = """
columns { name: "who" nullable: false integer { lower: 0 upper: 1000000 } }
columns { name: "mass" nullable: true real { lower: 0 upper: 100 } }
columns { name: "species" category { values: "Adelie" values: "Gentoo" } }
"""
UNIT = 'column: "who" max_rows: 3'
"""At most three rows of one person."""


def column(name: str) -> Expression:
    return Expression(column=name)


def call(function: int, *arguments: Expression) -> Expression:
    expression = Expression()
    expression.call.function = function  # type: ignore[assignment]
    expression.call.arguments.extend(arguments)
    return expression


SCAN = Relation(scan=Scan(dataset="datasets/d"))


def selection(relation: Relation = SCAN, **fields: object) -> RowSelection:
    made = dataset(SCHEMA, UNIT)
    scanned = Relation()
    scanned.CopyFrom(relation)
    inner = scanned
    while inner.WhichOneof("kind") != "scan":
        inner = inner.filter.input if inner.WhichOneof("kind") == "filter" else inner.derive.input
    inner.scan.dataset = made.name
    rows = read_source(scanned, made)
    columns = tuple(RowColumn(name, rows.columns[name].expression) for name in rows.columns)
    base = RowSelection(rows.filter, columns, "who", rows_per_unit(made.privacy_unit))
    return replace(base, **fields)  # type: ignore[arg-type]


def people(rows: dict[int, int]) -> dict[str, Any]:
    """So many rows of each person; the mass is the person's number of the row."""
    who = [person for person, count in rows.items() for _ in range(count)]
    mass = [float(number) for count in rows.values() for number in range(count)]
    return {"who": who, "mass": mass, "species": ["Adelie"] * len(who)}


def test_values_outside_a_proved_range_are_moved_into_it() -> None:
    """No proof is known to be wrong; if one were, the sensitivity that was priced would still hold."""
    asked = selection(rows_per_unit=9)
    mass, species = asked.columns
    kind = replace(mass.value.type, lower=1.0, upper=2.0)
    narrow = replace(asked, columns=(RowColumn("mass", replace(mass.value, type=kind)), species))
    with mock.patch("sfumato_executor.engines.library.rows._check"):
        found = select_rows(narrow, table(dataset(SCHEMA, UNIT), people({1: 4})))
    assert sorted(found["mass"].to_pylist()) == [1.0, 1.0, 2.0, 2.0]


def test_a_unit_has_no_more_rows_than_declared() -> None:
    found = select_rows(selection(), table(dataset(SCHEMA, UNIT), people({1: 10, 2: 2, 3: 3})))

    assert found.num_rows == 3 + 2 + 3
    assert found.schema.names == ["mass", "species"]  # the unit's name is no column
    assert str(found.schema.field("species").type) == "uint32"


@pytest.mark.parametrize(
    ("unit", "rows"),
    [
        (PrivacyUnit(), 1),
        (PrivacyUnit(column="who"), 1),
        (PrivacyUnit(column="who", max_rows=7), 7),
        (PrivacyUnit(column="who", max_groups=4, max_rows_per_group=5), 20),
    ],
)
def test_how_many_rows_a_unit_has(unit: PrivacyUnit, rows: int) -> None:
    assert rows_per_unit(unit) == rows


def test_rows_are_filtered_before_they_are_bounded() -> None:
    above = call(FUNCTION_GREATER, column("mass"), Expression(literal=Literal(real=6.5)))
    filtered = Relation(filter=Filter(input=SCAN, predicate=above))

    found = select_rows(selection(filtered), table(dataset(SCHEMA, UNIT), people({1: 10})))

    assert sorted(found["mass"].to_pylist()) == [7.0, 8.0, 9.0]


def test_derived_columns_stay_in_their_proved_range() -> None:
    doubled = Relation(derive=Derive(input=SCAN))
    doubled.derive.columns.add(
        alias="twice", expression=call(FUNCTION_MULTIPLY, column("mass"), Expression(literal=Literal(real=2.0)))
    )
    chosen = selection(doubled)
    twice = next(each for each in chosen.columns if each.name == "twice")

    found = select_rows(chosen, table(dataset(SCHEMA, UNIT), people({1: 3, 2: 1})))

    assert sorted(found["twice"].to_pylist()) == [0.0, 0.0, 2.0, 4.0]
    assert twice.value.type.upper == 200.0


def test_rows_with_a_null_are_left_out_before_they_are_bounded() -> None:
    data = people({1: 5})
    data["mass"] = [None, None, None, 1.0, 2.0]

    made = table(dataset(SCHEMA, UNIT), data)

    assert sorted(select_rows(selection(drop_nulls=True), made)["mass"].to_pylist()) == [1.0, 2.0]
    assert select_rows(selection(), made).num_rows == 3


def test_a_fixed_number_of_rows_is_filled_or_cut() -> None:
    made = table(dataset(SCHEMA, UNIT), people({1: 2, 2: 1}))

    filled = select_rows(selection(row_count=5), made)
    cut = select_rows(selection(row_count=2), made)

    assert Counter(filled["mass"].to_pylist()) == Counter([0.0, 1.0, 0.0, 50.0, 50.0])
    assert filled["species"].to_pylist() == [0] * 5
    assert cut.num_rows == 2


def test_one_unit_more_replaces_at_most_its_rows() -> None:
    """With every row kept or padded, multisets of neighbours of fixed size differ in at most m rows."""
    without = people(dict.fromkeys(range(2, 12), 1))
    data = people({1: 9, **dict.fromkeys(range(2, 12), 1)})
    one = Counter(select_rows(selection(row_count=20), table(dataset(SCHEMA, UNIT), without))["mass"].to_pylist())
    other = Counter(select_rows(selection(row_count=20), table(dataset(SCHEMA, UNIT), data))["mass"].to_pylist())

    assert (one - other).total() == (other - one).total() == 3


def test_which_rows_are_cut_is_drawn_anew() -> None:
    data = people(dict.fromkeys(range(100), 1))
    data["mass"] = [float(number) for number in range(100)]
    made = table(dataset(SCHEMA, UNIT), data)

    draws = {tuple(sorted(select_rows(selection(row_count=50), made)["mass"].to_pylist())) for _ in range(3)}

    assert len(draws) == 3  # equal with a probability of 3 / C(100, 50) < 1e-28


def test_a_table_of_another_schema_or_unit_is_refused() -> None:
    narrower = SCHEMA.replace("upper: 100 ", "upper: 1000 ")
    with pytest.raises(ForeignTableError, match="another schema"):
        select_rows(selection(), table(dataset(narrower, UNIT), people({1: 1})))
    with pytest.raises(ForeignTableError, match="another privacy unit"):
        select_rows(selection(unit_column=None), table(dataset(SCHEMA, UNIT), people({1: 1})))


def test_the_unit_is_no_column_to_read() -> None:
    made = dataset(SCHEMA, UNIT)
    above = call(FUNCTION_GREATER, column("who"), Expression(literal=Literal(integer=6)))
    scan = Relation(scan=Scan(dataset=made.name))
    with pytest.raises(Refusal) as refused:
        read_source(Relation(filter=Filter(input=scan, predicate=above)), made)
    assert refused.value.reason == "PLAN_REJECTED"


def test_the_digest_tells_rows_jobs_and_noise_apart() -> None:
    base = selection()
    digests = {
        library_digest("a", "datasets/d", base, {"epsilon": "1"}),
        library_digest("b", "datasets/d", base, {"epsilon": "1"}),
        library_digest("a", "datasets/e", base, {"epsilon": "1"}),
        library_digest("a", "datasets/d", base, {"epsilon": "2"}),
        library_digest("a", "datasets/d", replace(base, row_count=4), {"epsilon": "1"}),
        library_digest("a", "datasets/d", replace(base, columns=base.columns[:1]), {"epsilon": "1"}),
    }
    assert len(digests) == 6
    assert library_digest("a", "datasets/d", base, {"x": 1, "y": 2}) == library_digest(
        "a", "datasets/d", base, {"y": 2, "x": 1}
    )
