"""SELECT to Plan: what is understood, and as what."""

import pytest
from google.protobuf import text_format
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from sfumato.v1.expression_pb2 import Bin, Call, CaseBranch, CaseWhen, Cast, Expression, Literal
from sfumato.v1.function_pb2 import DATA_TYPE_INTEGER, DATA_TYPE_REAL
from sfumato.v1.plan_pb2 import Plan
from sfumato_gateway.sql.select import translate


def plan_of(statement: str, dataset: str = "", **parameters: Literal) -> Plan:
    return translate(statement, parameters, dataset).plan


def text(statement: str) -> str:
    return text_format.MessageToString(plan_of(statement), as_one_line=True)


def plan(written: str) -> Plan:
    return text_format.Parse(written, Plan())


def test_the_issue_s_question() -> None:
    made = plan_of(
        "SELECT species, COUNT(*) AS n, AVG(body_mass_g) AS mass FROM penguins "
        "WHERE body_mass_g > 3000 GROUP BY species"
    )

    assert made == plan(
        """
        source { filter {
          input { scan { dataset: "datasets/penguins" } }
          predicate { call { function: FUNCTION_GREATER
            arguments { column: "body_mass_g" } arguments { literal { integer: 3000 } } } } } }
        group_by { keys { alias: "species" expression { column: "species" } } }
        measures { alias: "n" count { } }
        measures { alias: "mass" mean { value { column: "body_mass_g" } } }
        """
    )


@pytest.mark.parametrize(
    ("aggregate", "measure"),
    [
        ("COUNT(*)", 'alias: "count" count { }'),
        ("COUNT(1)", 'alias: "count" count { }'),
        ("COUNT(x)", 'alias: "count_x" count { value { column: "x" } }'),
        ("COUNT_UNITS()", 'alias: "count_units" count_units { }'),
        ("count(DISTINCT tailnum)", 'alias: "count_tailnum" count_units { }'),
        ("SUM(x)", 'alias: "sum_x" sum { value { column: "x" } }'),
        ("AVG(t.x)", 'alias: "avg_x" mean { value { column: "x" } }'),
        ("MEDIAN(x)", 'alias: "median_x" quantile { value { column: "x" } level: 0.5 }'),
        ("QUANTILE(x, 0.9)", 'alias: "quantile_x" quantile { value { column: "x" } level: 0.9 }'),
        ("QUANTILE_CONT(x, 0.9)", 'alias: "quantile_x" quantile { value { column: "x" } level: 0.9 }'),
        ("APPROX_QUANTILE(x, 0.9)", 'alias: "quantile_x" quantile { value { column: "x" } level: 0.9 }'),
        (
            "PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x)",
            'alias: "quantile_x" quantile { value { column: "x" } level: 0.9 }',
        ),
        (
            "PERCENTILE_DISC(0.9) WITHIN GROUP (ORDER BY x DESC)",
            'alias: "quantile_x" quantile { value { column: "x" } level: 0.1 }',
        ),
        ("HISTOGRAM(species)", 'alias: "histogram_species" histogram { bins { column: "species" } }'),
        (
            "HISTOGRAM(x, [0, 10.5, 20])",
            'alias: "histogram_x" histogram { bins { bin { value { column: "x" } edges: 0 edges: 10.5 edges: 20 } } }',
        ),
        (
            "COUNT(*) FILTER (WHERE x IS NULL)",
            'alias: "count" count { value { case_when { branches { condition { call { function: FUNCTION_IS_NULL '
            'arguments { column: "x" } } } value { literal { boolean: true } } } } } }',
        ),
        (
            "COUNT_IF(x = 1)",
            'alias: "count_if" count { value { case_when { branches { condition { call { function: FUNCTION_EQUAL '
            'arguments { column: "x" } arguments { literal { integer: 1 } } } } '
            "value { literal { boolean: true } } } } } }",
        ),
    ],
)
def test_aggregates(aggregate: str, measure: str) -> None:
    assert text(f"SELECT {aggregate} FROM t") == text_format.MessageToString(
        plan(f'source {{ scan {{ dataset: "datasets/t" }} }} measures {{ {measure} }}'), as_one_line=True
    )


def column(name: str) -> Expression:
    return Expression(column=name)


def number(value: float) -> Expression:
    return Expression(literal=Literal(integer=value) if isinstance(value, int) else Literal(real=value))


def call(function: str, *arguments: Expression, unit: str = "UNSPECIFIED") -> Expression:
    return Expression(
        call=Call(
            function=f"FUNCTION_{function}",
            arguments=arguments,
            time_unit=f"TIME_UNIT_{unit}",
        )
    )


A, B, D, E = map(column, "abde")
MISSING = call("IS_NULL", A)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ABS(a)", call("ABS", A)),
        ("-5", number(-5)),
        ("- 9223372036854775808", number(-(2**63))),
        ("1.5e3", number(1500.0)),
        ("DATE '2013-01-31'", Expression(literal=Literal(date=Date(year=2013, month=1, day=31)))),
        ("TIMESTAMP '1970-01-01 01:00:00'", Expression(literal=Literal(timestamp=Timestamp(seconds=3600)))),
        (
            "CAST('1970-01-01T02:00:00+01:00' AS TIMESTAMPTZ)",
            Expression(literal=Literal(timestamp=Timestamp(seconds=3600))),
        ),
        ("a + b + 1", call("ADD", A, B, number(1))),
        ("a - b - 1", call("SUBTRACT", call("SUBTRACT", A, B), number(1))),
        ("a / b", call("DIVIDE", A, B)),
        ("a // b", call("FLOOR_DIVIDE", A, B)),
        ("ROUND(a)", call("ROUND", A, number(0))),
        ("ROUND(a, 2)", call("ROUND", A, number(2))),
        ("a ** 2", call("POWER", A, number(2))),
        ("LOG10(a)", call("LOG10", A)),
        ("CLIP(a, 0, 9.5)", call("CLIP", A, number(0), number(9.5))),
        ("GREATEST(a, b, 0)", call("GREATEST", A, B, number(0))),
        ("COALESCE(NULL, a, NULL)", A),
        ("IFNULL(a, 0)", call("COALESCE", A, number(0))),
        ("LEFT(a, 3)", call("PREFIX", A, number(3))),
        ("SUBSTRING(a, 1, 3)", call("PREFIX", A, number(3))),
        ("EXTRACT(ISODOW FROM d)", call("EXTRACT", D, unit="WEEKDAY")),
        ("MONTH(d)", call("EXTRACT", D, unit="MONTH")),
        ("DATE_TRUNC('month', d)", call("TRUNCATE_TIME", D, unit="MONTH")),
        ("TIME_DIFFERENCE('day', d, e)", call("TIME_DIFFERENCE", D, E, unit="DAY")),
        ("CAST(a AS DOUBLE)", Expression(cast=Cast(value=A, type=DATA_TYPE_REAL))),
        ("a::INT", Expression(cast=Cast(value=A, type=DATA_TYPE_INTEGER))),
        ('"bill length"', column("bill length")),
        ("BIN(a, [0, 1])", Expression(bin=Bin(value=A, edges=[0, 1]))),
        (
            "IF(a IS NULL, 1, 2)",
            Expression(
                case_when=CaseWhen(branches=[CaseBranch(condition=MISSING, value=number(1))], otherwise=number(2))
            ),
        ),
    ],
)
def test_expressions(expression: str, expected: Expression) -> None:
    assert plan_of(f"SELECT SUM({expression}) AS s FROM t").measures[0].sum.value == expected


def test_parameters_are_literals_wherever_a_constant_stands() -> None:
    made = plan_of(
        "SELECT QUANTILE(x, :level) AS q FROM t WHERE species = :species AND x IN (:a, 2)",
        level=Literal(real=0.25),
        species=Literal(text="'; DROP TABLE t --"),
        a=Literal(integer=1),
    )

    assert made.measures[0].quantile.level == 0.25
    both = made.source.filter.predicate.call.arguments
    assert both[0].call.arguments[1].literal.text == "'; DROP TABLE t --"
    assert [each.integer for each in both[1].in_list.items] == [1, 2]


@pytest.mark.parametrize(
    "grouped",
    [
        "SELECT UPPER(x) AS k, COUNT(*) AS n FROM t GROUP BY k",
        "SELECT UPPER(x) AS k, COUNT(*) AS n FROM t GROUP BY 1",
        "SELECT UPPER(x) AS k, COUNT(*) AS n FROM t GROUP BY UPPER(x)",
        "SELECT UPPER(t.x) AS k, COUNT(*) AS n FROM t GROUP BY ALL",
        "SELECT COUNT(*) AS n, (UPPER(x)) AS k FROM t AS t GROUP BY (UPPER(t.x))",
    ],
)
def test_ways_to_name_a_key(grouped: str) -> None:
    made = plan_of(grouped)

    assert [key.alias for key in made.group_by.keys] == ["k"]
    assert made.group_by.keys[0].expression.call.arguments[0].column == "x"
    assert [measure.alias for measure in made.measures] == ["n"]


def test_keys_need_not_be_selected_and_names_are_made_different() -> None:
    made = plan_of('SELECT COUNT(*), COUNT(*), SUM("a b") FROM t GROUP BY "a b", count, YEAR(d)')

    assert [key.alias for key in made.group_by.keys] == ["a_b", "count", "key"]
    assert [measure.alias for measure in made.measures] == ["count_2", "count_3", "sum_a_b"]


def test_where_can_list_the_keys() -> None:
    made = plan_of(
        "SELECT dest, COUNT(*) AS n FROM t WHERE dest IN ('LAX', 'SFO') AND (carrier = 'AA') GROUP BY dest, carrier"
    )

    keys = [[value.text for value in key.values] for key in made.group_by.public_keys.keys]
    assert keys == [["LAX", "AA"], ["SFO", "AA"]]


@pytest.mark.parametrize(
    "where",
    ["x > 1", "dest IN ('LAX') OR x > 1", "NOT dest IN ('LAX')", "dest <> 'LAX'", "UPPER(dest) = 'LAX'", "dest = x"],
)
def test_other_conditions_list_no_keys(where: str) -> None:
    assert plan_of(f"SELECT COUNT(*) FROM t WHERE {where} GROUP BY dest").group_by.WhichOneof("domain") is None


def test_keys_by_threshold() -> None:
    made = plan_of("SELECT dest, COUNT(*) AS n FROM t WHERE dest = 'LAX' GROUP BY THRESHOLD(dest, YEAR(d))")

    assert made.group_by.WhichOneof("domain") == "threshold_keys"
    assert len(made.group_by.keys) == 2


def test_units_are_told_for_the_dataset_to_confirm() -> None:
    translation = translate("SELECT COUNT(DISTINCT tailnum) AS n FROM t", {})

    assert [(each.name, each.position.column) for each in translation.unit_columns] == [("tailnum", 23)]


@pytest.mark.parametrize(
    ("statement", "dataset"),
    [
        ('SELECT COUNT(*) FROM "us-flights"', ""),
        ('SELECT COUNT(*) FROM "us-flights"', "datasets/us-flights"),
        ("SELECT COUNT(*) FROM us_flights", "datasets/us-flights"),
        ("SELECT COUNT(*) FROM US_FLIGHTS f WHERE f.x > 1", "datasets/us-flights"),
    ],
)
def test_names_of_the_table(statement: str, dataset: str) -> None:
    assert translate(statement, {}, dataset).dataset == "datasets/us-flights"


def test_a_long_chain_of_and_is_one_wide_predicate() -> None:
    predicate = plan_of(
        "SELECT COUNT(*) FROM t WHERE " + " AND ".join(f"a <> {i}" for i in range(200))
    ).source.filter.predicate

    assert [len(each.call.arguments) for each in predicate.call.arguments] == [64, 64, 64, 8]


def test_comments_closing_semicolon_and_lower_case() -> None:
    assert (
        plan_of("select /* how many */ count(*) as n -- rows\nfrom t where a between 1 and 2;").measures[0].alias == "n"
    )
