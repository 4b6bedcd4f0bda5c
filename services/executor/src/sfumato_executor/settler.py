"""The settler: no paid query and no preparation stays open because a task was lost.

Leases and clocks decide when something is queued again, never what becomes of it: that is the ledger's. Any number of
fronts may settle at once.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.queue import QueueUnavailableError, TaskQueue
from sfumato_mesh.clock import Clock
from sfumato_mesh.engine_names import LIBRARIES, engine_of
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Reservation

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leases:
    """How long a task may be under way before it is queued again."""

    query: timedelta
    preparation: timedelta
    library: timedelta
    """Of a query that a library's engine answers: above the time that its process may take."""


class Settler:
    """Queues again what lasts too long and charges what is given up. For one event loop."""

    def __init__(
        self, accountant: FrontAccountant, queue: TaskQueue, clock: Clock, leases: Leases, interval: timedelta
    ) -> None:
        self._accountant = accountant
        self._queue = queue
        self._clock = clock
        self._leases = leases
        self._interval = interval
        self._queued: dict[str, datetime] = {}  # when this front queued what is open

    async def run(self) -> None:
        """Settle now and at every interval, until cancelled.

        Where queued tasks die with the process, the first round queues everything that is open.
        """
        at_start = self._queue.volatile
        while True:
            try:
                await self.settle(at_start=at_start)
                at_start = False
            except Refusal as refusal:
                _LOG.warning("settling is put off: %s", refusal.reason)
            except Exception as error:  # noqa: BLE001  (a settler that ends leaves paid queries open)
                _LOG.error("settling failed: %s", type(error).__name__)
            await asyncio.sleep(self._interval.total_seconds())

    async def settle(self, *, at_start: bool = False) -> None:
        """Look once at everything that is open.

        Args:
            at_start: queue it whatever its lease.

        Raises:
            Refusal: the accountant does not answer.
        """
        seen: dict[str, datetime] = {}
        async for reservation in self._accountant.open_reservations():
            query_id = reservation.claim.query_id
            if self._clock.now() >= reservation.give_up_time.ToDatetime(UTC):
                await self._give_up(query_id)
                continue
            engine = engine_of(reservation.claim.task.question)
            lease = self._leases.library if engine in LIBRARIES else self._leases.query
            seen[query_id] = await self._requeue(
                query_id,
                reservation.create_time.ToDatetime(UTC),
                timedelta(0) if at_start else lease,
                partial(self._queue.submit_query, engine=engine),
            )
        async for preparation in self._accountant.open_preparations():
            lease = timedelta(0) if at_start else self._leases.preparation
            seen[preparation.preparation_id] = await self._requeue(
                preparation.preparation_id,
                preparation.create_time.ToDatetime(UTC),
                lease,
                self._queue.submit_preparation,
            )
        self._queued = seen

    async def _requeue(
        self, identifier: str, created: datetime, lease: timedelta, submit: Callable[[str], None]
    ) -> datetime:
        """Queue something whose lease is over; return when it was queued last, as far as is known."""
        last = self._queued.get(identifier, created)
        now = self._clock.now()
        if now - last < lease:
            return last
        try:
            await asyncio.to_thread(submit, identifier)
        except QueueUnavailableError:
            return last
        _LOG.info("%s is queued again", identifier)
        return now

    async def _give_up(self, query_id: str) -> None:
        try:
            reservation = await self._accountant.charge(query_id)
        except Refusal as refusal:
            if refusal.reason != "TOO_EARLY":  # the accountant's clock decides
                _LOG.warning("query %s is not given up yet: %s", query_id, refusal.reason)
            return
        if reservation.state == Reservation.STATE_CHARGED:
            _LOG.warning("query %s is given up", query_id)
