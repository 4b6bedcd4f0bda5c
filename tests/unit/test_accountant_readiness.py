"""A replica whose clock is off is not ready, and is again when it is mended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.readiness import tell_readiness
from sfumato_accountant.stores.ports import StoreUnavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return NOW + self.ahead


class Store:
    def __init__(self) -> None:
        self.tells = True

    async def now(self) -> datetime:
        if not self.tells:
            raise StoreUnavailable("away")
        return NOW


class Ended(Exception):  # noqa: N818  (the walk is over)
    """Stops the loop."""


@pytest.mark.parametrize(("seconds", "fit"), [(0.0, True), (1.9, True), (2.1, False), (-2.1, False), (3600.0, False)])
async def test_a_clock_is_fit_within_the_skew(seconds: float, fit: bool) -> None:
    clock: Any = Clock()
    clock.ahead = timedelta(seconds=seconds)
    store: Any = Store()
    assert await Timekeeper(clock, store).is_fit() is fit


async def test_probes_are_told_when_it_changes() -> None:
    clock: Any = Clock()
    store: Any = Store()
    told: list[bool] = []
    steps = iter([60.0, 60.0, None, 0.0, 0.0])

    async def tell(serving: bool) -> None:
        told.append(serving)

    async def sleep(_: float) -> None:
        step = next(steps, "end")
        if step == "end":
            raise Ended
        store.tells = step is not None
        if step is not None:
            clock.ahead = timedelta(seconds=float(step))

    with pytest.raises(Ended):
        await tell_readiness(Timekeeper(clock, store).is_fit, tell, sleep)

    assert told == [False, True]  # while the database says nothing, nothing changes
