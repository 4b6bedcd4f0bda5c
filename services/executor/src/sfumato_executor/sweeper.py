"""The sweeper: deletes releases that lost or whose life is over, and data that nobody reads; nobody else deletes.

A release that lost is deleted only when the ledger shows its query's terminal and another attempt, or none, as the
winner: a terminal never changes. One that won goes when the accountant says that its life is over, for which there is
no way back: query, receipt and charge stay. Workers may seal late, so the sweeper goes round again and again. Nothing
is deleted on the word of a chain that lacks its mark: a restored copy may have another winner than was told.
"""

import asyncio
import itertools
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.data_sweeper import DataSweeper
from sfumato_executor.releases.marks import MarkUnreadableError
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.opening import Stores
from sfumato_executor.releases.store import SealedAttempt
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Reservation

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 500
"""Attempts of one round: a large store is gone through in several."""
_ASKED_AGAIN: Final = timedelta(hours=1)
"""How often the ledger is asked for a winner: the shortest life of a release is an hour."""
_GRACE: Final = timedelta(minutes=1)
"""Between the end of a release's life, from which it is not read, and its deletion: clocks differ, readings last."""
_REMEMBERED: Final = 100_000
_ENDED: Final = (Reservation.STATE_COMMITTED, Reservation.STATE_CHARGED, Reservation.STATE_SHARED)


class Sweeper:
    """Goes round the stores. For one event loop."""

    def __init__(self, accountant: FrontAccountant, stores: Stores, clock: Clock, interval: timedelta) -> None:
        self._accountant = accountant
        self._stores = stores
        self._clock = clock
        self._interval = interval
        self._position = ""
        self._winners: dict[str, datetime] = {}  # positions known to stay, and when the ledger is asked again for them
        self._data = DataSweeper(accountant, stores.prepared, clock)

    async def run(self) -> None:
        """Sweep at every interval, until cancelled."""
        while True:
            await asyncio.sleep(self._interval.total_seconds())
            try:
                await self.sweep()
            except Refusal as refusal:
                _LOG.warning("sweeping is put off: %s", refusal.reason)
            except StoreUnavailableError:
                _LOG.warning("sweeping is put off: the store is away")
            except Exception as error:  # noqa: BLE001  (the next round may pass)
                _LOG.error("sweeping failed: %s", type(error).__name__)

    async def sweep(self) -> int:
        """Go through the next part of the releases and through the preparations; return how much was deleted.

        Raises:
            Refusal: the accountant does not answer.
            StoreUnavailableError: the store does not.
        """
        attempts = await asyncio.to_thread(self._next_attempts)
        deleted = 0
        for sealed in attempts:
            if self._is_due(sealed) and await self._may_go(sealed):
                await asyncio.to_thread(self._stores.releases.delete, sealed.query_id, sealed.attempt)
                deleted += 1
            self._position = sealed.position
        if len(attempts) < _BATCH:
            self._position = ""
        return deleted + await self._data.sweep()

    def _next_attempts(self) -> list[SealedAttempt]:
        return list(itertools.islice(self._stores.releases.list_attempts(after=self._position), _BATCH))

    def _is_due(self, sealed: SealedAttempt) -> bool:
        asked_again = self._winners.get(sealed.position)
        return asked_again is None or self._clock.now() >= asked_again

    async def _may_go(self, sealed: SealedAttempt) -> bool:
        """Return whether an attempt lost, or its life is over."""
        try:
            reservation = await self._accountant.reservation(sealed.query_id)
        except Refusal as refusal:
            if refusal.reason == "RESERVATION_UNKNOWN":  # perhaps the ledger is an old copy: nothing is decided
                return False
            raise
        if reservation.state not in _ENDED:
            return False
        if reservation.state == Reservation.STATE_COMMITTED and reservation.attempt == sealed.attempt:
            end = reservation.expire_time.ToDatetime(UTC) if reservation.HasField("expire_time") else None
            if end is None or self._clock.now() < end + _GRACE:
                self._remember(sealed.position, end)
                return False
        return await self._has_its_mark(reservation.claim.population)

    def _remember(self, position: str, end: datetime | None) -> None:
        """Leave a winner alone until its end, but no longer than policy may take to change unseen."""
        if len(self._winners) >= _REMEMBERED:
            self._winners.clear()
        later = self._clock.now() + _ASKED_AGAIN
        self._winners[position] = later if end is None else min(later, end + _GRACE)

    async def _has_its_mark(self, population: str) -> bool:
        try:
            mark = await asyncio.to_thread(self._stores.marks.get, population)
        except MarkUnreadableError:
            return False
        if mark is None:
            return True
        head = LedgerHead(population=population, sequence=mark.sequence, entry_hash=mark.entry_hash)
        return await self._accountant.contains(head)
