"""The marks as the front raises them: before anything leaves that names a ledger position."""

import asyncio
from collections import defaultdict
from typing import Final

from sfumato_executor.releases.marks import Mark, MarkConflictError, Marks

_NOTHING: Final = -1


class MarkRaiser:
    """Raises marks, many callers of one population by one write. For one event loop."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._raised: dict[str, Mark] = {}  # what is durable, as far as this front knows
        self._wanted: dict[str, Mark] = {}
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def raise_to(self, mark: Mark) -> Mark:
        """Return once the population's mark is durably at least this one, with the mark as known then.

        Raises:
            StoreUnavailableError: the position may not be told now.
            MarkConflictError: another entry was told at this position.
            MarkUnreadableError: what is stored is no mark.
        """
        population = mark.population
        if mark.sequence > self._wanted.get(population, Mark(population, _NOTHING, b"")).sequence:
            self._wanted[population] = mark
        if (known := self._covering(mark)) is not None:
            return known
        async with self._writing[population]:
            if (known := self._covering(mark)) is not None:  # raised with an earlier caller's
                return known
            wanted = self._wanted[population]
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
