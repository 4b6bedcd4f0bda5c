"""Reading a release: what was committed, or nothing."""

import asyncio
import logging
from typing import Final

import pyarrow as pa

from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.engine import FrontEngine
from sfumato_executor.refusals import (
    ledger_behind,
    query_failed,
    query_still_open,
    release_store_unavailable,
    release_tampered,
)
from sfumato_executor.releases.marks import Mark, MarkConflictError, MarkUnreadableError
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.sealing import ReleaseUnreadableError, digest_of, unseal
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.telling import MarkRaiser
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Reservation

_LOG: Final = logging.getLogger(__name__)
_READABLE: Final = (Reservation.STATE_COMMITTED, Reservation.STATE_SHARED)


class ReleaseReader:
    """Turns a committed or shared query into its answer. For one event loop."""

    def __init__(
        self, accountant: FrontAccountant, releases: ReleaseStore, marks: MarkRaiser, engine: FrontEngine
    ) -> None:
        self._accountant = accountant
        self._releases = releases
        self._marks = marks
        self._engine = engine

    async def read(self, query_id: str) -> pa.Table:
        """Return a query's answer, after its ledger position is marked as told.

        Raises:
            Refusal: QUERY_FAILED for a charged query, RELEASE_TAMPERED, RELEASE_STORE_UNAVAILABLE, LEDGER_BEHIND.
        """
        reservation = await self._accountant.reservation(query_id)
        if reservation.state not in _READABLE:
            if reservation.state == Reservation.STATE_CHARGED:
                raise query_failed()
            raise query_still_open(query_id)
        version = reservation.data_versions[0]
        record = await self._accountant.dataset_record(version.dataset, version.version)
        # Both before anything leaves. A mark of an answer that cannot be read is harmless: marks are only ever raised.
        table, _ = await asyncio.gather(asyncio.to_thread(self._render, reservation, record), self._mark(reservation))
        return table

    def _render(self, reservation: Reservation, record: DatasetRecord) -> pa.Table:
        query_id = reservation.claim.query_id
        try:
            sealed = self._releases.get(reservation.release_query_id, reservation.attempt)
        except StoreUnavailableError:
            raise release_store_unavailable(query_id) from None
        if sealed is None or digest_of(sealed) != reservation.release_digest:
            _LOG.critical("query %s: the stored release is missing or not the committed one", query_id)
            raise release_tampered(query_id)
        task = reservation.claim.task
        program = self._engine.price(task, record)
        try:
            release = unseal(sealed, program.digest)
        except ReleaseUnreadableError:
            _LOG.critical("query %s: the committed release is not of this plan", query_id)
            raise release_tampered(query_id) from None
        return self._engine.render(program, release, task.confidence)

    async def _mark(self, reservation: Reservation) -> None:
        """Raise the mark to the terminal: from here on somebody may hold the receipt that names it."""
        population = reservation.claim.population
        position = Mark(population, reservation.terminal_sequence, reservation.receipt.statement.entry_hash)
        try:
            await self._marks.raise_to(position)
        except StoreUnavailableError:
            raise release_store_unavailable(reservation.claim.query_id) from None
        except (MarkConflictError, MarkUnreadableError):
            _LOG.critical("population %s: its mark and its chain differ", population)
            raise ledger_behind(population) from None
