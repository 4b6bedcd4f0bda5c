"""Group keys, candidates and bins: what is public, in which order, and what the schema implies."""

import pytest
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.keys import key_rank
from sfumato_executor.plan.program import KeyDomain, Program
from sfumato_mesh.refusal import Refusal

DATASET = text_format.Parse(
    """
    name: "datasets/d" schema {
      columns { name: "species" category { values: ["Gentoo", "Adelie"] } }
      columns { name: "island" category { values: ["Biscoe", "Dream"] } nullable: true }
      columns { name: "stars" integer { lower: 1 upper: 3 } }
      columns { name: "mass" integer { lower: 2500 upper: 6500 } nullable: true }
      columns { name: "length" real { lower: 150 upper: 250 } }
      columns { name: "alive" boolean {} }
      columns { name: "name" text {} }
      columns { name: "day" date { lower { year: 2013 month: 1 day: 30 } upper { year: 2013 month: 3 day: 2 } } }
      columns { name: "time" timestamp { lower { seconds: 1356998400 } upper { seconds: 1359676801 } } }
      columns { name: "code" category { values: ["b", "a"] } }
    }
    """,
    dataset_pb2.Dataset(),
)


def compiled(rest: str) -> Program:
    text = f'source {{ scan {{ dataset: "datasets/d" }} }} {rest}'
    payment = text_format.Parse("rho { rho_picos: 20000000000 }", payment_pb2.Payment())
    return compile_plan(text_format.Parse(text, plan_pb2.Plan()), payment, DATASET, population_pb2.ACCOUNTING_ZCDP)


def keyed(*expressions: str, domain: str = "") -> Program:
    keys = " ".join(f'keys {{ alias: "k{i}" expression {{ {text} }} }}' for i, text in enumerate(expressions))
    return compiled(f'group_by {{ {keys} {domain} }} measures {{ alias: "n" count {{}} }}')


def call(function: str, argument: str, rest: str = "") -> str:
    return f"call {{ function: FUNCTION_{function} arguments {{ {argument} }} {rest} }}"


def days(year: int, month: int, day: int) -> int:
    import datetime as dt

    return (dt.date(year, month, day) - dt.date(1970, 1, 1)).days


def test_declared_values_are_keys_in_order_with_null_last() -> None:
    program = keyed('column: "island"', 'column: "species"')
    assert program.domain is KeyDomain.PUBLIC
    assert program.public_keys == (
        ("Biscoe", "Adelie"),
        ("Biscoe", "Gentoo"),
        ("Dream", "Adelie"),
        ("Dream", "Gentoo"),
        (None, "Adelie"),
        (None, "Gentoo"),
    )
    assert list(program.public_keys) == sorted(program.public_keys, key=key_rank)
    assert any("null is a key too" in note for note in program.notes)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('column: "alive"', [False, True]),
        ('column: "stars"', [1, 2, 3]),
        ('bin { value { column: "length" } edges: [150, 200, 250] }', [0, 1]),
        (call("IS_NULL", 'column: "mass"'), [False, True]),
        (call("EXTRACT", 'column: "day"', "time_unit: TIME_UNIT_QUARTER"), [1, 2, 3, 4]),
        ('column: "day"', list(range(days(2013, 1, 30), days(2013, 3, 2) + 1))),
        (
            call("TRUNCATE_TIME", 'column: "day"', "time_unit: TIME_UNIT_MONTH"),
            [days(2013, 1, 1), days(2013, 2, 1), days(2013, 3, 1)],
        ),
        (
            call("TRUNCATE_TIME", 'column: "time"', "time_unit: TIME_UNIT_MONTH"),
            [days(2013, 1, 1) * 86_400_000_000, days(2013, 2, 1) * 86_400_000_000],
        ),
        (
            'case_when { branches { condition { column: "alive" } value { literal { text: "yes" } } } '
            'otherwise { literal { text: "no" } } }',
            ["no", "yes"],
        ),
    ],
)
def test_implied_keys(expression: str, expected: list[object]) -> None:
    assert [row[0] for row in keyed(expression).public_keys] == expected


def test_listed_keys_are_sorted_unique_and_in_the_type_of_the_column() -> None:
    text, day = 'keys { values { text: "2013-02-01" } }', "keys { values { date { year: 2013 month: 1 day: 30 } } }"
    program = keyed('column: "day"', domain=f"public_keys {{ {text} {day} {text} }}")
    assert program.public_keys == ((days(2013, 1, 30),), (days(2013, 2, 1),))


def test_listing_all_declared_keys_is_the_same_question() -> None:
    listed = 'public_keys { keys { values { text: "Gentoo" } } keys { values { text: "Adelie" } } }'
    assert keyed('column: "species"').digest == keyed('column: "species"', domain=listed).digest
    fewer = 'public_keys { keys { values { text: "Gentoo" } } }'
    assert keyed('column: "species"').digest != keyed('column: "species"', domain=fewer).digest


def test_a_product_of_keys_is_capped() -> None:
    with pytest.raises(Refusal) as caught:
        keyed('column: "mass"', 'column: "day"')
    assert caught.value.metadata["rule"] == "too_many_keys"


def test_many_noisy_numbers_are_capped() -> None:
    bins = ", ".join(str(edge) for edge in range(1_000))
    with pytest.raises(Refusal) as caught:
        compiled(
            'group_by { keys { alias: "k" expression { column: "mass" } } } '
            'measures { alias: "h" histogram { bins { bin { value { column: "length" } '
            f"edges: [{bins}] }} }} }} }}"
        )
    assert caught.value.metadata["rule"] == "too_many_answers"


def candidates(rest: str, value: str = 'column: "mass"') -> tuple[float, ...]:
    program = compiled(f'measures {{ alias: "q" quantile {{ value {{ {value} }} level: 0.5 {rest} }} }}')
    return program.draws[0].candidates


def test_candidates_are_given_or_chosen() -> None:
    assert candidates("candidates: [3000, 4000.5]") == (3000.0, 4000.5)
    assert candidates("candidate_count: 3") == (2500.0, 4500.0, 6500.0)
    assert len(candidates("")) == 501
    assert candidates("", 'column: "stars"') == (1.0, 2.0, 3.0)
    assert candidates("candidate_count: 1", 'column: "length"') == (200.0,)
    spaced = candidates("", 'column: "length"')
    assert (len(spaced), spaced[0], spaced[-1]) == (501, 150.0, 250.0)
    assert all(value % 86_400 == 0 for value in candidates("", 'column: "day"'))
    assert candidates("candidates: [1359504001, 1359590400]", 'column: "day"') == (1_359_504_000.0, 1_359_590_400.0)


def test_candidate_bins_put_a_candidate_to_its_left() -> None:
    program = compiled(
        'measures { alias: "q" quantile { value { column: "length" } level: 0.5 candidates: [160, 170] } }'
    )
    (vector,) = program.vectors
    edges = vector.value.edges  # type: ignore[union-attr]
    assert len(edges) == vector.bins + 1 == 4
    inner = edges[1:-1]
    assert [sum(edge <= x for edge in inner) for x in (150.0, 160.0, 160.0000001, 170.0, 171.0)] == [0, 0, 1, 1, 2]


def test_levels_become_fractions() -> None:
    for level, expected in ((0.0, (0, 1)), (1.0, (1, 1)), (0.9, (9, 10)), (0.3333, (3333, 10_000)), (1 / 3, (1, 3))):
        program = compiled(f'measures {{ alias: "q" quantile {{ value {{ column: "stars" }} level: {level!r} }} }}')
        assert program.draws[0].level == expected
    odd = compiled('measures { alias: "q" quantile { value { column: "stars" } level: 0.123456789 } }')
    assert any("the level is taken as" in note for note in odd.notes)


def test_histogram_of_whole_numbers_starts_at_bin_0() -> None:
    program = compiled('measures { alias: "h" histogram { bins { column: "stars" } } }')
    (vector,) = program.vectors
    assert vector.value is not None
    assert (vector.bins, vector.value.type.lower, vector.value.type.upper) == (3, 0, 2)
    assert program.outputs[0].bin_labels == ("1", "2", "3")
