"""Money of privacy loss: exact integers, costs up, limits down, nothing that is no amount."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato_mesh import money


@given(st.floats(0, 1e6, allow_subnormal=False))
def test_doubles_are_taken_exactly(value: float) -> None:
    exact = Fraction(abs(value)) * money.PICO
    assert money.picos_up(abs(value)) == math.ceil(exact)
    assert money.picos_down(abs(value)) == math.floor(exact)


@given(st.integers(0, money.AMOUNT_MAX))
def test_text_is_exact_both_ways(units: int) -> None:
    assert money.parse_picos(money.picos_text(units)) == units
    assert money.parse_attos(money.attos_text(units)) == units


def test_what_people_write_is_exact() -> None:
    assert 25 * money.parse_picos("0.02") == money.parse_picos("0.5")
    assert money.parse_attos("1e-6") == 10**12
    assert money.picos_text(money.parse_picos("0.02")) == "0.02"
    assert money.picos_up(Decimal("0.02")) == 2 * 10**10
    assert money.picos_up(0.02) == 2 * 10**10 + 1
    assert money.picos_up(1e-300) == 1
    assert money.picos_down(1e-300) == 0
    assert money.attos_up(1) == money.ATTO


BAD_NUMBERS = [math.nan, math.inf, -math.inf, -0.0, -1, -1e-300, 5e-324, 1e308, 2e6, True]
BAD_TEXTS = ["", "nan", "inf", "-1", "1e99999999999999", "0.0000000000001", "1_0e5x", "٣", "1" * 100]


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, Decimal("NaN"), Decimal("sNaN"), Decimal(-1)])
def test_what_is_no_amount_is_refused(bad: float | Decimal) -> None:
    for convert in (money.picos_up, money.picos_down, money.attos_up, money.attos_down):
        with pytest.raises(ValueError):
            convert(bad)


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_text_that_is_no_amount_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        money.parse_picos(bad)


def test_sums_do_not_wrap() -> None:
    assert money.total([money.AMOUNT_MAX] * 9) == 9 * money.AMOUNT_MAX
    with pytest.raises(OverflowError):
        money.total([money.AMOUNT_MAX] * 10)
