"""The sweeper: deletes releases that lost and data of preparations that came to nothing; nobody else deletes.

A release is deleted only when the ledger shows its query's terminal and another attempt, or none, as the winner: a
terminal never changes. Workers may seal late, so it goes round again and again.
"""

import asyncio
import itertools
import logging
from datetime import timedelta
from typing import Final

from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.opening import Stores
from sfumato_executor.releases.store import SealedAttempt
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import Preparation
from sfumato_mesh.v1.reservation_pb2 import Reservation

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 500
"""Attempts of one round: a large store is gone through in several."""
_LEFTOVER_AGE: Final = timedelta(days=1)
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
        self._winners: set[str] = set()  # positions known to stay; the ledger is not asked again for them
        self._kept: set[str] = set()  # preparations known to stay

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
            if sealed.position not in self._winners and await self._is_loser(sealed):
                await asyncio.to_thread(self._stores.releases.delete, sealed.query_id, sealed.attempt)
                deleted += 1
            self._position = sealed.position
        if len(attempts) < _BATCH:
            self._position = ""
        return deleted + await self._sweep_preparations()

    def _next_attempts(self) -> list[SealedAttempt]:
        return list(itertools.islice(self._stores.releases.list_attempts(after=self._position), _BATCH))

    async def _is_loser(self, sealed: SealedAttempt) -> bool:
        try:
            reservation = await self._accountant.reservation(sealed.query_id)
        except Refusal as refusal:
            if refusal.reason == "RESERVATION_UNKNOWN":  # perhaps the ledger is an old copy: nothing is decided
                return False
            raise
        if reservation.state not in _ENDED:
            return False
        if reservation.state == Reservation.STATE_COMMITTED and reservation.attempt == sealed.attempt:
            if len(self._winners) >= _REMEMBERED:
                self._winners.clear()
            self._winners.add(sealed.position)
            return False
        return True

    async def _sweep_preparations(self) -> int:
        prepared = self._stores.prepared
        deleted = 0
        for preparation_id in await asyncio.to_thread(lambda: list(prepared.list_preparations())):
            if preparation_id not in self._kept and await self._came_to_nothing(preparation_id):
                await asyncio.to_thread(prepared.delete, preparation_id)
                deleted += 1
        await asyncio.to_thread(prepared.sweep_leftovers, self._clock.now() - _LEFTOVER_AGE)
        return deleted

    async def _came_to_nothing(self, preparation_id: str) -> bool:
        try:
            preparation = await self._accountant.preparation(preparation_id)
        except Refusal as refusal:
            if refusal.reason == "PREPARATION_UNKNOWN":  # forgotten, and its version may be read still
                return False
            raise
        if preparation.state == Preparation.STATE_READY and not preparation.validate_only:
            self._kept.add(preparation_id)
            return False
        return preparation.state != Preparation.STATE_OPEN
