"""The sweeper of prepared data: deletes what no query reads any more.

That is what a preparation left that came to nothing; a version behind the present one, unless an open reservation names
it; and all versions of a deleted dataset, likewise. A version goes only when it has been out of use for a while: a
reservation that was priced just before the next version appeared may be appended just after.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.releases.prepared import PreparedData
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import Preparation

_LEFTOVER_AGE: Final = timedelta(days=1)
_RETIRED_AGE: Final = timedelta(hours=1)
"""How long a version must have been out of use. Beyond any reservation's way from its price to the chain."""

_Version = tuple[str, int]
"""datasets/{dataset}, and its number."""


class DataSweeper:
    """Goes round the prepared data. For one event loop."""

    def __init__(self, accountant: FrontAccountant, prepared: PreparedData, clock: Clock) -> None:
        self._accountant = accountant
        self._prepared = prepared
        self._clock = clock
        self._unused_since: dict[str, datetime] = {}  # when this sweeper first saw that a preparation's data are unused

    async def sweep(self) -> int:
        """Go through all preparations of which anything is stored; return of how many it was deleted.

        Raises:
            Refusal: the accountant does not answer.
            StoreUnavailableError: the store does not.
        """
        stored = await asyncio.to_thread(lambda: list(self._prepared.list_preparations()))
        unused: dict[str, datetime] = {}
        doomed = []
        for preparation_id in stored:
            verdict = await self._verdict(preparation_id)
            if verdict is _NOTHING:
                doomed.append(preparation_id)
            elif verdict is not None:
                unused[preparation_id] = self._unused_since.get(preparation_id, self._clock.now())
                if self._clock.now() - unused[preparation_id] >= _RETIRED_AGE and not await self._is_open(verdict):
                    doomed.append(preparation_id)
        self._unused_since = unused
        for preparation_id in doomed:
            await asyncio.to_thread(self._prepared.delete, preparation_id)
        await asyncio.to_thread(self._prepared.sweep_leftovers, self._clock.now() - _LEFTOVER_AGE)
        return len(doomed)

    async def _verdict(self, preparation_id: str) -> _Version | None:
        """Return the version of data that are out of use, or _NOTHING for what came to nothing; None: they stay."""
        try:
            preparation = await self._accountant.preparation(preparation_id)
        except Refusal as refusal:
            if refusal.reason == "PREPARATION_UNKNOWN":  # perhaps the catalogue is an old copy: nothing is decided
                return None
            raise
        if preparation.state == Preparation.STATE_OPEN:
            return None
        if preparation.state != Preparation.STATE_READY or preparation.validate_only:
            return _NOTHING
        version = _version_of(preparation.dataset_version.name)
        if version is None:
            return None
        record = await self._accountant.present_record(version[0])
        is_present = record.published.version == version[1] and not record.deleted
        return None if is_present or version[1] > record.published.version else version

    async def _is_open(self, version: _Version) -> bool:
        """Return whether an open query reads a version."""
        async for reservation in self._accountant.open_reservations():
            if any((each.dataset, each.version) == version for each in reservation.data_versions):
                return True
        return False


_NOTHING: Final[_Version] = ("", 0)


def _version_of(name: str) -> _Version | None:
    """Return the version that datasets/{dataset}/versions/{version} names; None: it names none."""
    dataset, versions, number = name.rpartition("/versions/")
    return (dataset, int(number)) if versions and number.isdigit() else None
