"""Which of some answered queries answers a narrower question most exactly."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from sfumato.v1.quote_pb2 import MeasureAccuracy
from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.engine import DerivedMeasures, FrontEngine
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
        self,
        asked: Task,
        record: DatasetRecord,
        candidates: Sequence[str],
        group_sizes: Sequence[int],
        *,
        free_count: int = 0,
    ) -> tuple[str, Sequence[MeasureAccuracy]]:
        """Return the query whose release answers a task most exactly, and how exactly; "" if none does.

        Args:
            asked: the task.
            record: the dataset that it reads.
            candidates: UUIDs of answered queries; of two that are as exact, the first answers.
            group_sizes: where errors that depend on the size are told; empty: the policy's.
            free_count: how many of the candidates, the first ones, cost the caller nothing: they go before the others.

        Raises:
            Refusal: the task cannot be asked.
        """
        claims = await asyncio.gather(*(self._claim(query_id) for query_id in candidates))
        for part in (claims[:free_count], claims[free_count:]):
            known = [claim for claim in part if claim is not None]
            found = await asyncio.to_thread(self._tightest, known, asked, record, group_sizes) if known else None
            if found is not None:
                return found
        return "", ()

    def _tightest(
        self, claims: Sequence[Claim], asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> tuple[str, Sequence[MeasureAccuracy]] | None:
        found = [(claim.query_id, self._derived(claim, asked, record, group_sizes)) for claim in claims]
        answering = [(query_id, derived) for query_id, derived in found if derived is not None]
        if not answering:
            return None
        query_id, derived = min(answering, key=lambda each: each[1].looseness)  # of equals, the first
        return query_id, derived.measures

    def _derived(
        self, claim: Claim, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> DerivedMeasures | None:
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
