"""The marks as the front raises them: before anything leaves that names a ledger position.

Nothing is told of a chain that does not contain its mark. It is a restored copy: what it lacks was told already, so a
query that is open there may have been answered, and a second draw of it would be a second answer for one payment. Nor
is the mark raised along such a chain, since the copy would pass for the original once it had grown past the mark.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.releases.marks import Mark, MarkConflictError, Marks

_NOTHING: Final = -1
_CONTAINED_SECONDS: Final = 1.0
"""How long a chain that contained its mark is taken to contain it still: putting a backup in place takes longer."""


class MarkRaiser:
    """Raises marks, many callers of one population by one write. For one event loop."""

    def __init__(
        self, marks: Marks, accountant: FrontAccountant, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._marks = marks
        self._accountant = accountant
        self._monotonic = monotonic
        self._contained_until: dict[str, float] = {}
        self._checking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._raised: dict[str, Mark] = {}  # what is durable, as far as this front knows
        self._wanted: dict[str, Mark] = {}
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check_contained(self, population: str) -> None:
        """Return if a population's chain contains its mark, as of the last second.

        Raises:
            StoreUnavailableError: nothing is known.
            MarkConflictError: it does not.
            MarkUnreadableError: what is stored is no mark.
            Refusal: the accountant does not answer.
        """
        if self._is_contained(population):
            return
        async with self._checking[population]:
            if self._is_contained(population):
                return
            asked = self._monotonic()
            mark = await asyncio.to_thread(self._marks.get, population)
            while mark is not None:
                verdict = await self._accountant.check_mark(_head(mark))
                if not verdict.contained:
                    raise MarkConflictError(population)
                if not verdict.HasField("superseded_by"):
                    break
                mark = await self._give_up(mark, verdict.superseded_by)
            self._contained_until[population] = asked + _CONTAINED_SECONDS

    async def _give_up(self, lost: Mark, head: LedgerHead) -> Mark:
        """Put the head of a chain that was reopened in the place of the mark that it had lost; return what is there.

        Nothing is told of such a chain before this: whoever would tell finds the lost mark, and comes here first.
        """
        by = Mark(lost.population, head.sequence, head.entry_hash)
        present = await asyncio.to_thread(self._marks.replace, lost, by)
        self._raised[lost.population] = self._wanted[lost.population] = present
        return present

    async def stored(self, population: str) -> Mark | None:
        """Return a population's mark as it is stored; None: nothing was ever told.

        Raises:
            StoreUnavailableError: nothing is known.
            MarkUnreadableError: what is stored is no mark.
        """
        return await asyncio.to_thread(self._marks.get, population)

    def _is_contained(self, population: str) -> bool:
        return self._monotonic() < self._contained_until.get(population, 0.0)

    def forget(self, population: str) -> None:
        """Ask again before anything else is told of a chain."""
        self._contained_until.pop(population, None)

    def now(self) -> float:
        """Return the time by which `raise_to` is told when a position was read: seconds, of no meaning elsewhere."""
        return self._monotonic()

    async def raise_to(self, mark: Mark, read_at: float | None = None) -> Mark:
        """Return once the population's mark is durably at least this one, with the mark as known then.

        Args:
            mark: the position that is to be told.
            read_at: when it was read, by `now`; None: just now. A caller that was slow may have read it from books that
                a backup has replaced since: then the chain is asked again.

        Raises:
            StoreUnavailableError: the position may not be told now.
            MarkConflictError: the chain does not contain its mark, or another entry was told at this position.
            MarkUnreadableError: what is stored is no mark.
            Refusal: the accountant does not answer.
        """
        read_at = self.now() if read_at is None else read_at
        await self.check_contained(mark.population)
        known = await self._raise(mark)
        if self.now() - read_at >= _CONTAINED_SECONDS:
            self.forget(mark.population)
        await self.check_contained(mark.population)
        return known

    async def _raise(self, mark: Mark) -> Mark:
        population = mark.population
        if (known := self._covering(mark)) is not None:
            return known
        if mark.sequence > self._wanted.get(population, Mark(population, _NOTHING, b"")).sequence:
            self._wanted[population] = mark
        async with self._writing[population]:
            if (known := self._covering(mark)) is not None:  # raised with an earlier caller's
                return known
            wanted = max(self._wanted.pop(population, mark), mark, key=lambda each: each.sequence)
            # What fails is forgotten with its caller: it must not be raised when another chain is in place.
            self._raised[population] = await asyncio.to_thread(self._marks.raise_to, wanted)
        known = self._covering(mark)
        assert known is not None
        return known

    def _covering(self, mark: Mark) -> Mark | None:
        known = self._raised.get(mark.population)
        if known is None or known.sequence < mark.sequence:
            return None
        if known.sequence == mark.sequence and known.entry_hash != mark.entry_hash:
            raise MarkConflictError(mark.population)
        return known


def _head(mark: Mark) -> LedgerHead:
    return LedgerHead(population=mark.population, sequence=mark.sequence, entry_hash=mark.entry_hash)
