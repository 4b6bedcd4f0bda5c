"""Whether the executor takes tasks of a population: asked before anything is written or paid."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sfumato_executor.queue import QueueUnavailableError, TaskQueue
from sfumato_executor.refusals import ledger_behind
from sfumato_executor.releases.marks import MarkConflictError, MarkUnreadableError
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.telling import MarkRaiser
from sfumato_mesh.refusals import not_accepting

_LOG: Final = logging.getLogger(__name__)
_GOOD_SECONDS: Final = 1.0
"""How long a good answer is given again unasked. A bad one never is."""


class Acceptance:
    """Checks queue, release store and mark. For one event loop."""

    def __init__(
        self,
        queue: TaskQueue,
        releases: ReleaseStore,
        marks: MarkRaiser,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._releases = releases
        self._marks = marks
        self._monotonic = monotonic
        self._good_until: dict[str, float] = {}
        self._checking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, population: str) -> None:
        """Return if tasks of a population are taken.

        Raises:
            Refusal: NOT_ACCEPTING, or LEDGER_BEHIND until the population is reconciled.
        """
        if self._is_good(population):
            return
        async with self._checking[population]:
            if self._is_good(population):
                return
            asked = self._monotonic()
            try:
                await asyncio.gather(
                    asyncio.to_thread(self._queue.check_reachable),
                    asyncio.to_thread(self._releases.check_writable),
                )
                await self._marks.check_contained(population)
            except (QueueUnavailableError, StoreUnavailableError):
                raise not_accepting(population) from None
            except MarkUnreadableError:
                _LOG.critical("population %s is closed: its mark cannot be read", population)
                raise ledger_behind(population) from None
            except MarkConflictError:
                _LOG.critical("population %s is closed: its chain does not contain its mark", population)
                raise ledger_behind(population) from None
            self._good_until[population] = asked + _GOOD_SECONDS

    def forget(self, population: str) -> None:
        """Ask again before the next task is taken."""
        self._good_until.pop(population, None)
        self._marks.forget(population)

    def _is_good(self, population: str) -> bool:
        return self._monotonic() < self._good_until.get(population, 0.0)
