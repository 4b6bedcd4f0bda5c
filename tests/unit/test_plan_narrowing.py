"""Which questions a wider one answers, case by case."""

import pytest

from sfumato_executor.plan.family import family_digest
from sfumato_executor.plan.narrowing import can_be_base, can_be_derived, derivation, is_as_exact, looseness
from tests.properties.narrowing_scene import compiled, epsilon, rho, with_delta

BY_WARD = "SELECT ward, COUNT(*) AS n, SUM(days) AS total, AVG(mass) AS mass FROM d GROUP BY ward"
BY_ALL = "SELECT ward, sex, year, COUNT(*) AS n FROM d GROUP BY ward, sex, year"


def answers(base: str, narrow: str, unit: str = "row") -> bool:
    return derivation(compiled(base, unit), compiled(narrow, unit)) is not None


@pytest.mark.parametrize(
    "narrow",
    [
        "SELECT COUNT(*) AS n FROM d WHERE ward = 'east'",
        "SELECT COUNT(*) AS n FROM d WHERE ward IS NULL",
        "SELECT COUNT(*) AS n FROM d WHERE ward IS NOT NULL",
        "SELECT COUNT(*) AS n FROM d WHERE ward <> 'east'",
        "SELECT COUNT(*) AS n, SUM(days) AS t FROM d WHERE ward IN ('north', 'south')",
        "SELECT AVG(mass) AS m FROM d",
        "SELECT COUNT(*) AS n FROM d",
        "SELECT ward, COUNT(*) AS n FROM d WHERE ward <> 'east' GROUP BY ward",
        "SELECT ward, AVG(mass) AS m FROM d WHERE ward IN ('east', 'north') GROUP BY ward",
    ],
)
def test_whole_keys_of_one_column(narrow: str) -> None:
    assert answers(BY_WARD, narrow)


@pytest.mark.parametrize(
    "narrow",
    [
        "SELECT COUNT(*) AS n FROM d WHERE mass > 10",  # not whole keys
        "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' AND sex = 'f'",
        "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' OR sex = 'f'",
        "SELECT sex, COUNT(*) AS n FROM d GROUP BY sex",
        "SELECT COUNT(days) AS n FROM d WHERE ward = 'east'",  # other counts
        "SELECT AVG(days) AS m FROM d WHERE ward = 'east'",
        "SELECT SUM(mass) AS m FROM d WHERE ward = 'east'",
        "SELECT COUNT_UNITS() AS n FROM d WHERE ward = 'east'",
        "SELECT MEDIAN(mass) AS m FROM d WHERE ward = 'east'",
        "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' AND ward = 'north'",  # no key at all
        "SELECT SUM(least(days, 5)) AS t FROM d WHERE ward = 'east'",
    ],
)
def test_what_one_column_does_not_answer(narrow: str) -> None:
    assert not answers(BY_WARD, narrow)


def test_keys_of_several_columns_in_any_order_and_choice() -> None:
    assert answers(BY_ALL, "SELECT year, ward, COUNT(*) AS n FROM d GROUP BY year, ward")
    assert answers(BY_ALL, "SELECT year, COUNT(*) AS n FROM d WHERE sex = 'f' GROUP BY year")
    assert answers(BY_ALL, "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' OR (sex = 'm' AND year > 2008)")
    assert answers(BY_ALL, "SELECT COUNT(*) AS n FROM d WHERE year BETWEEN 2008 AND 2009")
    assert not answers(BY_ALL, "SELECT COUNT(*) AS n FROM d WHERE year BETWEEN 2008 AND 2009 AND days > 3")


def test_both_filters_count() -> None:
    heavy = "SELECT ward, COUNT(*) AS n FROM d WHERE mass > 10 GROUP BY ward"
    assert answers(heavy, "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' AND mass > 10")
    assert not answers(heavy, "SELECT COUNT(*) AS n FROM d WHERE ward = 'east'")
    assert not answers(heavy, "SELECT COUNT(*) AS n FROM d WHERE ward = 'east' AND mass > 11")
    some = "SELECT ward, sex, COUNT(*) AS n FROM d WHERE NOT ward = 'east' GROUP BY ward, sex"
    assert answers(some, "SELECT COUNT(*) AS n FROM d WHERE ward = 'north'")
    assert not answers(some, "SELECT COUNT(*) AS n FROM d WHERE ward = 'east'")
    assert not answers(some, "SELECT COUNT(*) AS n FROM d WHERE sex = 'f'")  # the base has left out the east


def test_listed_keys_answer_only_what_they_cover() -> None:
    listed = "SELECT town, COUNT(*) AS n FROM d WHERE town IN ('a', 'b', 'c') GROUP BY town"
    assert len(compiled(listed).public_keys) == 3
    assert answers(listed, "SELECT COUNT(*) AS n FROM d WHERE town = 'a'")
    assert answers(listed, "SELECT COUNT(*) AS n FROM d WHERE town IN ('b', 'c')")
    assert not answers(listed, "SELECT COUNT(*) AS n FROM d WHERE town IN ('b', 'x')")
    assert not answers(listed, "SELECT COUNT(*) AS n FROM d")
    assert not answers(listed, "SELECT COUNT(*) AS n FROM d WHERE town > 'a'")


def test_bounds_of_a_unit_decide() -> None:
    one, pair = "SELECT COUNT(*) AS n FROM d WHERE ward = 'east'", "SELECT COUNT(*) AS n FROM d WHERE ward <> 'east'"
    assert not answers(BY_WARD, one, "one group")
    assert answers(BY_WARD, one, "many groups")
    assert not answers(BY_WARD, pair, "many groups")  # its own bound would count fewer rows of a unit in two wards
    assert not answers(BY_WARD, one, "rows in all")
    assert answers(BY_WARD, "SELECT COUNT(*) AS n FROM d", "rows in all")
    assert not answers(BY_WARD, "SELECT COUNT(*) AS n FROM d", "many groups")


def test_which_questions_take_part() -> None:
    assert can_be_base(compiled(BY_WARD))
    assert not can_be_base(compiled("SELECT COUNT(*) AS n FROM d"))
    assert can_be_base(compiled("SELECT COUNT(*) AS n, SUM(days) AS t FROM d"))
    assert not can_be_base(compiled("SELECT ward, COUNT_UNITS() AS n FROM d GROUP BY ward"))
    thresholded = compiled(
        "SELECT town, COUNT(*) AS n FROM d GROUP BY THRESHOLD(town)", payment=with_delta(rho(10**11))
    )
    assert not can_be_base(thresholded)
    assert not can_be_derived(thresholded)
    assert family_digest("native", thresholded) == b""
    assert can_be_derived(compiled("SELECT COUNT(*) AS n FROM d"))
    assert not can_be_derived(compiled("SELECT COUNT(*) AS n, COUNT_UNITS() AS u FROM d"))


def test_families_differ_where_nothing_can_answer() -> None:
    base = family_digest("native", compiled(BY_WARD))
    assert family_digest("native", compiled("SELECT COUNT(*) AS n FROM d WHERE ward = 'east'")) == base
    assert family_digest("native", compiled("SELECT COUNT(*) AS n FROM d WHERE mass > 3")) != base
    assert family_digest("other", compiled(BY_WARD)) != base
    assert family_digest("native", compiled(BY_WARD, "one group")) != base


def test_only_what_is_as_exact_answers() -> None:
    base, east = compiled(BY_WARD), "SELECT COUNT(*) AS n FROM d WHERE ward = 'east'"
    for picos, enough in ((10**9, True), (10**12, False)):
        narrow = compiled(east, payment=rho(picos))
        how = derivation(base, narrow)
        assert how is not None
        assert is_as_exact(base, narrow, how, 0.95) is enough
    same = compiled("SELECT ward, COUNT(*) AS n FROM d GROUP BY ward")
    narrow = compiled(east)
    how = derivation(same, narrow)
    assert how is not None
    assert is_as_exact(same, narrow, how, 0.95)
    several = compiled("SELECT COUNT(*) AS n FROM d WHERE ward <> 'east'")
    how = derivation(same, several)
    assert how is not None
    assert not is_as_exact(same, several, how, 0.95)  # two noisy numbers add up


def test_the_measure_that_is_loosest_says_how_exact_a_base_is() -> None:
    narrow = compiled("SELECT COUNT(*) AS n, AVG(days) AS m FROM d WHERE ward = 'east'", payment=rho(10**9))

    def loose(measures: str, picos: int) -> float:
        base = compiled(f"SELECT ward, {measures} FROM d GROUP BY ward", payment=rho(picos))
        how = derivation(base, narrow)
        assert how is not None
        return looseness(base, narrow, how, 0.95)

    both = "COUNT(*) AS n, AVG(days) AS m"
    assert 0 < loose(both, 10**12) < loose(both, 10**11) < loose(both, 10**10) <= 1
    assert loose(both, 10**8) > 1
    assert loose(both, 10**11) < loose(f"{both}, SUM(mass) AS t", 10**11)  # the same ρ for more


def test_noise_of_either_family_is_compared_at_the_confidence_asked() -> None:
    base = compiled("SELECT ward, COUNT(*) AS n FROM d GROUP BY ward", payment=epsilon(10**12))
    narrow = compiled("SELECT COUNT(*) AS n FROM d WHERE ward = 'east'", payment=rho(3 * 10**11))
    how = derivation(base, narrow)
    assert how is not None
    verdicts = {is_as_exact(base, narrow, how, confidence) for confidence in (0.5, 0.9, 0.99, 0.99999)}
    assert verdicts == {True, False}  # Laplace noise has the thicker tail
