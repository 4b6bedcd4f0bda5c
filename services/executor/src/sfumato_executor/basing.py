"""Which of some answered queries answers a narrower question."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from sfumato.v1.quote_pb2 import MeasureAccuracy
from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.engine import FrontEngine
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Claim
from sfumato_mesh.v1.task_pb2 import Task

_KEPT: Final = 1_024
_KEPT_BYTES: Final = 16 * 1024


class BaseFinder:
    """Compares programs, and reads claims once: they never change. For one event loop."""

    def __init__(self, accountant: FrontAccountant, engine: FrontEngine) -> None:
        self._accountant = accountant
        self._engine = engine
        self._claims: OrderedDict[str, Claim] = OrderedDict()

    async def find(
        self, asked: Task, record: DatasetRecord, candidates: Sequence[str], group_sizes: Sequence[int]
    ) -> tuple[str, Sequence[MeasureAccuracy]]:
        """Return the first query whose release answers a task, and how exactly; "" if none does.

        Raises:
            Refusal: the task cannot be asked.
        """
        claims = await asyncio.gather(*(self._claim(query_id) for query_id in candidates))
        known = [claim for claim in claims if claim is not None]
        return await asyncio.to_thread(self._first, known, asked, record, group_sizes)

    def _first(
        self, claims: Sequence[Claim], asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> tuple[str, Sequence[MeasureAccuracy]]:
        for claim in claims:
            measures = self._measures(claim, asked, record, group_sizes)
            if measures is not None:
                return claim.query_id, measures
        return "", ()

    def _measures(
        self, claim: Claim, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> Sequence[MeasureAccuracy] | None:
        """Return what the answer would be worth; None where it is none, or drawn by a compiler of another day.

        Under another compiler the same question may have other scales: how exact the release is, only the release says.
        """
        try:
            program = self._engine.price(claim.task, record)
        except Refusal:
            return None
        if program.digest != claim.plan_digest:
            return None
        return self._engine.derived_measures(claim.task, asked, record, group_sizes)

    async def _claim(self, query_id: str) -> Claim | None:
        known = self._claims.get(query_id)
        if known is not None:
            self._claims.move_to_end(query_id)
            return known
        try:
            claim = (await self._accountant.reservation(query_id)).claim
        except Refusal:
            return None
        if claim.ByteSize() <= _KEPT_BYTES:
            self._claims[query_id] = claim
            if len(self._claims) > _KEPT:
                self._claims.popitem(last=False)
        return claim
