"""Views of answers, quotes, datasets and budgets; libraries that are missing."""

import builtins
import datetime
import html.parser
from typing import Any

import pyarrow as pa
import pytest

import sfumato as sf
from sfumato._core.numbers import sig, significant
from sfumato._core.streams import AnswerReader
from sfumato.answers import Answer
from sfumato.budgets import Budget, spendable
from sfumato.charges import Charge
from sfumato.v1 import (
    budget_service_pb2,
    dataset_pb2,
    population_pb2,
    query_pb2,
    question_pb2,
    quote_pb2,
    schema_pb2,
    scope_pb2,
)

RHO = 10**12


def made(message: Any, **fields: Any) -> Any:
    """A message with mappings for its inner messages."""
    return message(**fields)


def answer_of(table: pa.Table, query: query_pb2.Query | None = None, scopes: Any = (), dummy: bool = False) -> Answer:
    reader = AnswerReader(query=query or made(query_pb2.Query, name="queries/1"))
    reader._schema = table.schema.serialize().to_pybytes()
    reader._batches = [each.serialize().to_pybytes() for each in table.to_batches()]
    reader.rows = table.num_rows
    reader.complete = query_pb2.Complete(row_count=table.num_rows, scopes=scopes)
    return Answer(reader, is_dummy=dummy)


def measured(name: str, values: list[Any], half: list[Any], kind: pa.DataType) -> dict[str, pa.Array]:
    low = [None if h is None else v - h for v, h in zip(values, half, strict=True)]
    high = [None if h is None else v + h for v, h in zip(values, half, strict=True)]
    return {name: pa.array(values, kind), f"{name}.lower": pa.array(low, kind), f"{name}.upper": pa.array(high, kind)}


TABLE = pa.table(
    {
        "species": ["Adelie", "Chinstrap", "Gentoo"],
        **measured("n", [151, 68, -3], [18, 18, 18], pa.int64()),
        **measured("mass", [3700.662, 3733.09, 5076.0], [43.1, 60.0, 430.0], pa.float64()),
    }
)


def test_an_answer_shows_its_error_where_it_matters() -> None:
    text = repr(answer_of(TABLE))
    lines = [[cell.strip() for cell in line.split("│")] for line in text.splitlines()]
    assert lines[0] == ["species", "n ± 18", "mass"]
    assert lines[2] == ["Adelie", "151", "3,701 ± 43"]
    assert lines[4] == ["Gentoo", "-3", "5,076 ± 430"]


@pytest.mark.parametrize("rows", [1, 2])
def test_an_interval_that_met_a_bound_is_shown_though_all_are_as_wide(rows: int) -> None:
    ends: dict[str, list[Any]] = {"n": [100] * rows, "n.lower": [0] * rows, "n.upper": [1300] * rows}
    ends |= {"m": [100.0] * rows, "m.lower": [50.0] * rows, "m.upper": [150.0] * rows}
    bins = {"h": [[3, 100]] * rows, "h.lower": [[0, 95]] * rows, "h.upper": [[10, 105]] * rows}
    lines = [[cell.strip() for cell in line.split("│")] for line in repr(answer_of(pa.table(ends | bins))).splitlines()]
    assert lines[0] == ["n", "m ± 50", "h"]
    assert lines[1 + rows] == ["100 (0 to 1,300)", "100", "3 (0 to 10) 100 ± 5"]


def test_one_sided_intervals_missing_ones_and_lists() -> None:
    bins = pa.list_(pa.int64(), 3)
    table = pa.table(
        {
            "m": pa.array([10.0, None]),
            "m.lower": pa.array([9.0, None]),
            "m.upper": pa.array([10.0, None]),
            "h": pa.array([[1, 2, 3], [4, 5, 6]], bins),
            "h.lower": pa.array([[0, 1, 2], [3, 4, 5]], bins),
            "h.upper": pa.array([[2, 3, 4], [5, 6, 7]], bins),
        }
    )
    text = repr(answer_of(table))
    assert "h ± 1" in text
    assert "1 2 3" in text
    assert "10.00 (9.00 to 10.00)" in text
    assert "null" in text


@pytest.mark.parametrize(
    ("edges", "words"),
    [([2500, 3000, 3500], "h: 2 bins of 500 from 2,500"), ([0, 1, 10, 100], "h: 3 bins between 0, 1, 10, 100")],
)
def test_bins_stand_under_a_histogram(edges: list[float], words: str) -> None:
    measure = sf.histogram("x", edges=edges).to_proto("h")
    query = made(query_pb2.Query, name="queries/1", question={"plan": {"measures": [measure]}})
    assert words in repr(answer_of(TABLE, query))
    assert words in answer_of(TABLE, query)._repr_html_()


def test_a_long_answer_is_cut_and_says_so() -> None:
    long = pa.table(measured("n", list(range(30)), [1] * 30, pa.int64()))
    assert "… 10 more rows" in repr(answer_of(long))
    assert len(answer_of(long)) == 30


def test_what_was_paid_and_what_is_left_stand_under_it() -> None:
    scope = scope_pb2.Scope(population="populations/palmer")
    paid = made(scope_pb2.ScopeCharge, scope=scope, charge={"rho_picos": RHO // 50})
    query = made(query_pb2.Query, name="queries/1", charge={"rho_picos": RHO // 50}, scopes=[paid])
    line = made(scope_pb2.ScopePrice, scope=scope, remaining={"rho_picos": 29 * RHO // 100})
    answer = answer_of(TABLE, query, [line])
    assert repr(answer).splitlines()[-1] == " paid ρ 0.02 · left: population palmer 0.29 · queries/1"
    assert (answer.charge.rho, answer.remaining[0].remaining.rho) == (0.02, 0.29)
    query.scopes[0].charge.rho_picos = 0
    query.origin = query_pb2.Query.ORIGIN_REPEATED
    again = answer_of(TABLE, query, [line])
    assert again.repeated
    assert "the same answer as before, free" in repr(again)
    del query.scopes[:]
    assert "the same answer as before, free" in repr(answer_of(TABLE, query))
    query.origin = query_pb2.Query.ORIGIN_DRAWN
    assert "paid ρ 0.02" in repr(answer_of(TABLE, query))


def test_an_answer_from_another_question_says_from_which() -> None:
    scope = scope_pb2.Scope(population="populations/palmer", analyst="users/ada")
    query = made(query_pb2.Query, name="queries/2", charge={"rho_picos": RHO // 50})
    query.receipt.statement.release_query = "queries/1"
    query.origin = query_pb2.Query.ORIGIN_DERIVED
    free = answer_of(TABLE, query)
    assert (free.derived, free.repeated, free.is_free, free.answered_from) == (True, False, True, "queries/1")
    assert repr(free).splitlines()[-1] == " answered from queries/1, a wider question, free · queries/2"
    query.scopes.append(made(scope_pb2.ScopeCharge, scope=scope, charge={"rho_picos": RHO // 50}))
    assert "answered from queries/1, a wider question, paid ρ 0.02" in repr(answer_of(TABLE, query))
    query.origin = query_pb2.Query.ORIGIN_REPEATED
    assert "answered from queries/1, paid ρ 0.02" in repr(answer_of(TABLE, query))


def test_arrow_polars_pandas() -> None:
    answer = answer_of(TABLE)
    assert answer.to_arrow().equals(TABLE)
    assert answer.to_polars().to_dict(as_series=False) == TABLE.to_pydict()
    assert list(answer.to_pandas()["n"]) == [151, 68, -3]
    assert pa.table(answer).equals(TABLE)  # the PyCapsule interface


def test_all_types_decode_in_the_bare_client() -> None:
    stamp = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "day": pa.array([datetime.date(2013, 1, 1), None]),
            "at": pa.array([stamp, None], pa.timestamp("us", "UTC")),
            "flag": pa.array([True, None]),
            "real": pa.array([0.5, None]),
            "bins": pa.array([[1, 2], None], pa.list_(pa.int64())),
        }
    )
    answer = answer_of(table)
    expected = {"day": datetime.date(2013, 1, 1), "at": stamp, "flag": True, "real": 0.5, "bins": [1, 2]}
    assert answer.rows() == [expected, dict.fromkeys(expected)]


@pytest.mark.parametrize(
    ("method", "missing", "extra"),
    [("to_arrow", "pyarrow", "pyarrow"), ("to_polars", "polars", "polars"), ("to_pandas", "pandas", "pandas")],
)
def test_a_missing_library_is_named(monkeypatch: Any, method: str, missing: str, extra: str) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(sf.MissingExtra) as caught:
        getattr(answer_of(TABLE), method)()
    assert caught.value.extra == extra


def test_a_rehearsal_has_no_receipt() -> None:
    with pytest.raises(sf.SfumatoError, match="rehearsal has no receipt"):
        answer_of(TABLE, dummy=True).receipt  # noqa: B018


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)


def test_nothing_from_a_server_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    table = pa.table({evil: [evil], **measured("n", [1], [1], pa.int64())})
    answer = answer_of(table, made(query_pb2.Query, name=evil))
    parser = Tags()
    parser.feed(answer._repr_html_())
    assert "script" not in parser.found
    assert "\x1b" not in repr(answer)


def quote_proto() -> Any:
    gaussian = {"kind": quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN, "scale": 8.7, "step": 1.0}
    total = {**gaussian, "scale": 86_800.0, "step": 0.25}
    return made(
        quote_pb2.Quote,
        charge={"rho_picos": RHO // 50},
        affordable=True,
        measures=[
            {"alias": "n", "mechanisms": [gaussian], "intervals": [{"confidence": 0.95, "absolute": 17.6}]},
            {
                "alias": "mass",
                "unit": "g",
                "mechanisms": [total],
                "intervals": [
                    {"confidence": 0.95, "group_size": 100, "absolute": 430.2},
                    {"confidence": 0.95, "group_size": 1000, "absolute": 43.0},
                ],
            },
            {
                "alias": "top",
                "mechanisms": [{"kind": quote_pb2.Mechanism.KIND_NOISY_MAX, "candidate_count": 141}],
                "intervals": [{"confidence": 0.95, "group_size": 100, "level": 0.07}],
            },
        ],
        scopes=[
            {
                "scope": {"population": "populations/palmer"},
                "limit": {"rho_picos": RHO // 2},
                "remaining": {"rho_picos": 31 * RHO // 100},
                "remaining_after": {"rho_picos": 29 * RHO // 100},
            },
            {
                "scope": {"population": "populations/palmer", "analyst": "users/ada"},
                "limit": {"rho_picos": RHO // 10},
                "remaining": {"rho_picos": RHO // 100},
            },
        ],
        notes=["the count is shared"],
    )


def test_a_quote_reads_as_a_price_list() -> None:
    from sfumato.questions import Rows
    from sfumato.v1 import relation_pb2

    rows = Rows(None, relation_pb2.Relation(scan=relation_pb2.Scan(dataset="datasets/p")))  # type: ignore[arg-type]
    question = rows.agg(n=sf.count(), mass=sf.mean("body_mass_g"), top=sf.quantile("flipper_length_mm", 0.9))
    quote = sf.Quote(quote_proto(), question.to_proto())
    text = repr(quote)
    for part in (
        "95 % half-width",
        "count",
        "discrete Gaussian σ 8.7",
        "± 18",
        "mean body_mass_g [g]",
        "± 430 at 100 rows · ± 43 at 1,000",
        "90 % flipper_length_mm",
        "noisy max, 141 candidates",
        "± 0.07 in the level at 100 rows",
        "price ρ 0.02 (ε 0.9 at δ 1e-6)",
        "population palmer  0.31 of 0.50 left → 0.29",
        "ada                0.01 of 0.10 left → not enough",
        "the count is shared",
        "at=[…]",
    ):
        assert part in text, part
    assert quote["mass"].half_widths[1].absolute == 43.0
    assert quote["top"].half_widths[0].level == 0.07
    assert "<td" in quote._repr_html_()
    assert sf.Quote(quote_pb2.Quote(), question_pb2.Question()).measures == ()


def test_a_quote_says_what_stands_in_the_way() -> None:
    quote = quote_proto()
    for line in quote.scopes:
        line.affordable = True
    assert "not affordable" not in repr(sf.Quote(quote, question_pb2.Question()))
    quote.affordable = False
    above = "not affordable: above what the dataset's policy allows one question"
    assert above in repr(sf.Quote(quote, question_pb2.Question()))
    quote.scopes[1].affordable = False
    assert "not affordable: it would be refused" in repr(sf.Quote(quote, question_pb2.Question()))
    del quote.scopes[1]  # the population's alone pays nobody's question
    assert "not affordable: no budget is granted" in repr(sf.Quote(quote, question_pb2.Question()))


def test_a_dataset_shows_what_can_be_asked() -> None:
    columns = [
        made(schema_pb2.Column, name="species", category={"values": ["Adelie", "Gentoo"]}),
        made(schema_pb2.Column, name="mass", integer={"lower": 2000, "upper": 7000}, unit="g", nullable=True),
    ]
    proto = made(
        dataset_pb2.Dataset,
        name="datasets/penguins",
        population="populations/palmer",
        privacy_unit={"column": "bird", "max_groups": 2, "max_rows_per_group": 100},
        schema={"columns": columns},
        version=1,
    )
    population = population_pb2.Population(name="populations/palmer", identifier_space="ring number")
    budget = Budget.of(
        made(
            budget_service_pb2.Budget,
            scope={"population": "populations/palmer"},
            limit={"rho_picos": RHO // 2},
            remaining={"rho_picos": RHO // 4},
        )
    )
    dataset = sf.Dataset(None, proto, population, [budget])  # type: ignore[arg-type]
    text = repr(dataset)
    for part in (
        "bird (ring number): at most 2 groups, 100 rows in each",
        "mass [g]",
        "integer, null",
        "2000 to 7000",
        "Adelie, Gentoo",
        "█████░░░░░ 0.25 of ρ 0.50 left  population palmer",
    ):
        assert part in text, part
    assert dataset.columns["mass"].bounds == (2000, 7000)
    assert dataset.engines == ("native",)
    question = dataset.sql("SELECT COUNT(*) AS n FROM penguins WHERE mass > :m", m=3000).to_proto()
    assert question.sql.parameters["m"].integer == 3000
    assert question.sql.dataset == "datasets/penguins"
    assert "50.0%" in dataset._repr_html_()


def budget_of(left: int, dataset: str = "", project: str = "", analyst: str = "", frozen: bool = False) -> Budget:
    charge = Charge(left, None, 0)
    return Budget("p", dataset, project, analyst, charge, Charge(0, None, 0), charge, 0.0, frozen, "")


def left_of(*budgets: Budget) -> int | None:
    found = spendable(budgets, "p", "d", "ada")
    return None if found is None else found.rho_picos


def test_what_may_be_spent_is_the_least_of_the_scopes_that_pay() -> None:
    whole, mine = budget_of(50), budget_of(10, analyst="ada")
    assert left_of(whole, mine) == 10
    assert left_of(whole) is None
    assert left_of(mine) is None
    assert left_of(whole, budget_of(99, analyst="bob")) is None
    assert left_of(whole, mine, budget_of(3, dataset="d")) == 3
    assert left_of(whole, mine, budget_of(3, dataset="other")) == 10
    assert left_of(whole, budget_of(30, project="birds")) == 30
    assert left_of(whole, mine, budget_of(30, project="birds")) == 10
    assert left_of(whole, budget_of(10, analyst="ada", frozen=True)) == 0


def test_numbers_as_people_read_them() -> None:
    assert [sig(each) for each in (0.07, 8.7, 17.6, 430.2, 21_700, 1e-6, 0)] == [
        "0.07",
        "8.7",
        "18",
        "430",
        "22,000",
        "1e-6",
        "0",
    ]
    assert significant(3700.662, 43.1) == "3,701"
    assert significant(0.123456, 0.0021) == "0.1235"


def test_charges_in_words() -> None:
    assert Charge(RHO // 50, None, 0).described() == "ρ 0.02 (ε 0.9 at δ 1e-6)"
    assert Charge(RHO // 50, RHO // 5, 0).described() == "ρ 0.02 (ε 0.2 pure)"
    assert Charge(0, None, 0).described() == "nothing"
    assert str(Charge(RHO // 50, None, 10**10)) == "ρ 0.02 + δ 1e-8"
