"""What one scope has spent, and when: an exact running sum with its history."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final, Protocol

from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.windows import EPOCH
from sfumato_mesh.money import SUM_MAX

_MICROSECOND: Final = timedelta(microseconds=1)
SUMS: Final = 4
_FEW: Final = 8
"""Payments that are summed up one by one."""
_ZEROS: Final = (0,) * SUMS


def micros(at: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def instant(at_micros: int) -> datetime:
    """Return the instant that `micros` tells."""
    return EPOCH + at_micros * _MICROSECOND


class Before(Protocol):
    """Payments before those that an odometer holds: looked up, not loaded."""

    @property
    def count(self) -> int:
        """How many there were."""
        ...

    @property
    def sums(self) -> tuple[int, ...]:
        """Σρ, Σε of those that have one, number of those that have none, Σδ."""
        ...

    def until(self, at_micros: int) -> tuple[int, ...]:
        """Return the sums of those before an instant, or at it."""
        ...


class Odometer:
    """Only ever rises. Times are those of entries, which never decrease.

    Payments are noted as they come, and summed up when somebody asks: in bulk, which takes a tenth of the time.
    """

    __slots__ = ("_before", "_sums", "_times", "noted")

    def __init__(self, before: Before | None = None) -> None:
        self._before = before
        self.noted: list[Any] = []
        """Instant and loss, in turns, of payments that are not summed up yet: `pay` without its call."""
        self._times = array("q")
        """Of the payments before those, in microseconds since 1970."""
        self._sums = tuple(array("q") for _ in range(SUMS))
        """At each of these times, of all payments up to it: Σρ, Σε of charges that have one, number of those that have
        none, Σδ."""

    def pay(self, at: datetime, loss: Loss) -> None:
        """Add a loss."""
        self.noted.extend((at, loss))

    def take_back(self) -> None:
        """Take back the last payment."""
        if self.noted:
            del self.noted[-2:]
        else:
            for column in (self._times, *self._sums):
                column.pop()

    @property
    def total(self) -> Loss:
        """All that was spent. Raises LedgerBroken beyond 64 bits, as whatever is asked."""
        self._sum_up()
        return _difference(self._at(len(self._times) - 1), _ZEROS)

    @property
    def count(self) -> int:
        """How many payments there were."""
        before = 0 if self._before is None else self._before.count
        return before + len(self._times) + len(self.noted) // 2

    def until(self, at: datetime) -> Loss:
        """Return what was spent before an instant, or at it."""
        return _difference(self._until(micros(at)), _ZEROS)

    def between(self, start: datetime, end: datetime) -> Loss:
        """Return what was spent from `start` on and before `end`."""
        return _difference(self._until(micros(end) - 1), self._until(micros(start) - 1))

    def columns(self) -> "tuple[array[int], ...]":
        """Return a copy of times and sums of the payments that it holds."""
        self._sum_up()
        return tuple(column[:] for column in (self._times, *self._sums))

    def archive(self, before: Before, count: int) -> None:
        """Let go of the first `count` payments that it holds: they are among `before` now."""
        self._sum_up()
        self._before = before
        for column in (self._times, *self._sums):
            del column[:count]

    def _sum_up(self) -> None:
        times, losses = self.noted[::2], self.noted[1::2]
        if len(losses) > _FEW:
            self._sum_up_many(times, losses)
        else:
            for at, loss in zip(times, losses, strict=True):
                self._sum_up_one(at, loss)
        self.noted.clear()

    def _sum_up_one(self, at: datetime, loss: Loss) -> None:
        rho, known, unknown, delta = self._at(len(self._times) - 1)
        unknown += loss.epsilon_picos is None
        sums = (rho + loss.rho_picos, known + (loss.epsilon_picos or 0), unknown, delta + loss.delta_attos)
        if max(sums) > SUM_MAX:
            raise _overflow()
        self._times.append(micros(at))
        for column, each in zip(self._sums, sums, strict=True):
            column.append(each)

    def _sum_up_many(self, instants: Sequence[datetime], losses: Sequence[Loss]) -> None:
        epsilons = [loss.epsilon_picos for loss in losses]
        columns: tuple[Sequence[int], ...] = (
            [loss.rho_picos for loss in losses],
            [epsilon or 0 for epsilon in epsilons],
            [epsilon is None for epsilon in epsilons],
            [loss.delta_attos for loss in losses],
        )
        times = array("q", [micros(at) for at in instants])
        past = self._at(len(self._times) - 1)
        try:
            sums = [_summed(column, past[n]) for n, column in enumerate(columns)]
        except OverflowError as error:
            raise _overflow() from error
        for column, more in zip((self._times, *self._sums), (times, *sums), strict=True):
            column.extend(more)

    def _until(self, at_micros: int) -> tuple[int, ...]:
        self._sum_up()
        place = bisect_right(self._times, at_micros) - 1
        if place < 0 and self._before is not None:
            return self._before.until(at_micros)
        return self._at(place)

    def _at(self, place: int) -> tuple[int, ...]:
        """Return the sums up to a payment that it holds; −1: those before all of them."""
        if place < 0:
            return _ZEROS if self._before is None else self._before.sums
        return tuple(column[place] for column in self._sums)


def _overflow() -> LedgerBroken:
    return LedgerBroken("a sum of losses is beyond 64 bits")


def _summed(column: Sequence[int], before: int) -> "array[int]":
    sums = accumulate(column, initial=before)
    next(sums)
    return array("q", sums)


def _difference(later: tuple[int, ...], earlier: tuple[int, ...]) -> Loss:
    rho, known, unknown, delta = (after - before for after, before in zip(later, earlier, strict=True))
    if not (rho or known or unknown or delta):
        return NOTHING
    return Loss(rho, None if unknown else known, delta)
