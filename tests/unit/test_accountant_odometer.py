"""Running sums with a history: exact, whenever they are asked, and however much is asked at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.odometer import Odometer
from sfumato_accountant.ledger.windows import EPOCH
from sfumato_mesh.money import SUM_MAX

LOSSES = st.builds(Loss, st.integers(0, 9), st.none() | st.integers(0, 9), st.integers(0, 9))
PAYMENTS = st.lists(st.tuples(st.integers(0, 5), LOSSES), max_size=40)
"""Seconds since the payment before, and what is paid."""


def total(losses: list[Loss]) -> Loss:
    return sum(losses, NOTHING)


@given(PAYMENTS, st.lists(st.integers(0, 40)), st.integers(-1, 200), st.integers(0, 200))
def test_sums_are_those_of_the_payments(
    payments: list[tuple[int, Loss]], asked: list[int], start: int, length: int
) -> None:
    odometer, paid, second = Odometer(), [], 0
    for number, (pause, loss) in enumerate(payments):
        second += pause
        odometer.pay(EPOCH + timedelta(seconds=second), loss)
        paid.append((second, loss))
        if number in asked:
            assert odometer.total == total([loss for _, loss in paid])
    assert odometer.count == len(paid)
    first, end = EPOCH + timedelta(seconds=start), EPOCH + timedelta(seconds=start + length)
    assert odometer.until(end) == total([loss for at, loss in paid if at <= start + length])
    assert odometer.between(first, end) == total([loss for at, loss in paid if start <= at < start + length])


@given(PAYMENTS, st.data())
def test_what_is_taken_back_was_never_paid(payments: list[tuple[int, Loss]], data: st.DataObject) -> None:
    odometer = Odometer()
    kept = data.draw(st.integers(0, len(payments)))
    for number, (_, loss) in enumerate(payments):
        odometer.pay(EPOCH, loss)
        if data.draw(st.booleans()):
            assert odometer.count == number + 1
            assert odometer.total.rho_picos >= loss.rho_picos
    for _ in payments[kept:]:
        odometer.take_back()
    assert odometer.total == total([loss for _, loss in payments[:kept]])


@pytest.mark.parametrize("count", [2, 20])
def test_a_sum_beyond_64_bits_breaks_the_ledger(count: int) -> None:
    odometer = Odometer()
    for _ in range(count):
        odometer.pay(EPOCH, Loss(SUM_MAX // 2 + 1, None, 0))
    for _ in range(2):
        with pytest.raises(LedgerBroken, match="64 bits"):
            _ = odometer.total
