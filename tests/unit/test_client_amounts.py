"""Losses as people write them become exact integers, or a typed refusal before anything is sent."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfumato as sf
from sfumato._core.amounts import attos, limit_of, loss, picos


@pytest.mark.parametrize(
    ("written", "units"),
    [
        (0.02, 20_000_000_000),
        (0.1, 100_000_000_000),
        ("0.02", 20_000_000_000),
        (Decimal("1e-12"), 1),
        (1, 10**12),
        (1000, 10**15),
        (0.1 + 0.2, 300_000_000_000),
        (Decimal("0.0000000000019999999999999999999999999999999999"), 1),
    ],
)
def test_written_losses_are_exact_and_cut_towards_zero(written: float, units: int) -> None:
    assert picos(written, "rho") == units


@pytest.mark.parametrize(
    "written",
    [
        math.nan,
        math.inf,
        -math.inf,
        0,
        0.0,
        -0.0,
        -0.01,
        1e-13,
        5e-324,
        1e308,
        1000.1,
        10**400,
        True,
        None,
        "x",
        "1" * 99,
    ],
)
def test_what_is_no_loss_is_refused(written: object) -> None:
    with pytest.raises(sf.InvalidRequest) as caught:
        picos(written, "rho")  # type: ignore[arg-type]
    assert caught.value.reason == "REQUEST_INVALID"
    assert caught.value.fields[0].field == "rho"


@pytest.mark.parametrize("written", [math.nan, math.inf, -1e-9, 1, 1.5, 1e-19])
def test_what_is_no_delta_is_refused(written: float) -> None:
    with pytest.raises(sf.InvalidRequest):
        attos(written)


def test_delta_is_exact() -> None:
    assert (attos(1e-6), attos(0), attos("1e-18")) == (10**12, 0, 1)


def test_exactly_one_loss_is_stated() -> None:
    for rho, epsilon in ((None, None), (0.1, 0.5)):
        with pytest.raises(sf.InvalidRequest, match="exactly one"):
            loss(rho, epsilon, None)
    assert loss(0.02, None, 1e-8).to_payment().rho.delta_attos == 10**10
    assert loss(None, 0.5, None).to_payment().epsilon.epsilon_picos == 5 * 10**11


def test_a_limit_is_said_in_what_is_paid() -> None:
    assert limit_of(0.05, loss(0.02, None, 1e-8)).rho.rho_picos == 5 * 10**10
    assert limit_of(0.7, loss(None, 0.5, 1e-6)).epsilon.delta_attos == 10**12


@given(st.floats(min_value=1e-12, max_value=1000))
def test_never_more_is_paid_than_was_written(value: float) -> None:
    units = picos(value, "rho")
    assert Decimal(units) <= Decimal(repr(value)) * 10**12 < units + 1
