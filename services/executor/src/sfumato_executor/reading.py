"""Reading a release: what was committed, or nothing."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Final

import pyarrow as pa

from sfumato.v1.query_pb2 import Query
from sfumato.v1.question_pb2 import Question
from sfumato_executor.accountant import FrontAccountant
from sfumato_executor.engine import FrontEngine, UnreadableReleaseError
from sfumato_executor.refusals import (
    ledger_behind,
    query_failed,
    query_still_open,
    release_expired,
    release_store_unavailable,
    release_tampered,
    release_withheld,
)
from sfumato_executor.releases.marks import Mark, MarkConflictError, MarkUnreadableError
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.sealing import ReleaseUnreadableError, Unsealed, digest_of, opened
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.telling import MarkRaiser
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Reservation

_LOG: Final = logging.getLogger(__name__)
_READABLE: Final = (Reservation.STATE_COMMITTED, Reservation.STATE_SHARED)


@dataclass(frozen=True)
class ReadAnswer:
    """What was asked, and the answer's columns."""

    question: Question
    table: pa.Table


class ReleaseReader:
    """Turns a committed or shared query into its answer. For one event loop."""

    def __init__(
        self,
        accountant: FrontAccountant,
        releases: ReleaseStore,
        marks: MarkRaiser,
        engine: FrontEngine,
        clock: Clock | None = None,
    ) -> None:
        self._accountant = accountant
        self._releases = releases
        self._marks = marks
        self._raising: set[asyncio.Future[Mark]] = set()
        self._engine = engine
        self._clock = clock or SystemClock()

    async def read(self, query_id: str, terminal: Mark | None = None) -> pa.Table:
        """Return a query's answer; see `read_answer`."""
        return (await self.read_answer(query_id, terminal)).table

    async def read_answer(self, query_id: str, terminal: Mark | None = None) -> ReadAnswer:
        """Return what a query asked and its answer, after its ledger position is marked as told.

        Args:
            query_id: a committed or shared query.
            terminal: where its terminal is, if the caller knows: then the mark need not wait for the reservation.

        Raises:
            Refusal: QUERY_FAILED for a charged query, RELEASE_WITHHELD, RELEASE_EXPIRED, RELEASE_TAMPERED,
                RELEASE_STORE_UNAVAILABLE, LEDGER_BEHIND.
        """
        read_at = self._marks.now()
        if terminal is not None:
            self._raise_early(terminal)
        reservation = await self._accountant.reservation(query_id)
        if reservation.state not in _READABLE:
            if reservation.state == Reservation.STATE_CHARGED:
                raise query_failed()
            raise query_still_open(query_id)
        if reservation.withheld:
            raise release_withheld(reservation.release_query_id)
        if reservation.HasField("expire_time") and self._clock.now() >= reservation.expire_time.ToDatetime(UTC):
            raise release_expired(query_id, reservation.expire_time)
        version = reservation.data_versions[0]
        record = await self._accountant.dataset_record(version.dataset, version.version)
        # Both before anything leaves. A mark of an answer that cannot be read is harmless: marks are only ever raised.
        table, _ = await asyncio.gather(self._answer(reservation, record), self._mark(reservation, read_at))
        return ReadAnswer(reservation.claim.task.question, table)

    async def _answer(self, reservation: Reservation, record: DatasetRecord) -> pa.Table:
        """Return the answer's columns.

        A release that was drawn for this question, or an equal one, by the compiler of today is read by the question's
        own program. Else the question that drew it says what its columns are, with what was sealed beside them.
        """
        derived = reservation.origin == Query.ORIGIN_DERIVED
        known = None if derived else record
        read = self._small(reservation, known)
        if read is None:
            read = await asyncio.to_thread(self._large, reservation, known)
        sealed, table = read
        if table is not None:
            return table
        drawn = reservation
        if reservation.release_query_id != reservation.claim.query_id:
            drawn = await self._accountant.reservation(reservation.release_query_id)
        decode = self._engine.derive if derived else self._engine.reread
        try:
            return await asyncio.to_thread(decode, sealed, drawn.claim.task, reservation.claim.task, record)
        except UnreadableReleaseError:
            query_id = reservation.claim.query_id
            _LOG.critical("query %s: the committed release does not hold what the question asks", query_id)
            raise release_tampered(query_id) from None

    def _small(self, reservation: Reservation, record: DatasetRecord | None) -> tuple[Unsealed, pa.Table | None] | None:
        """Return what `_large` does, where that is done sooner than handed to a thread; else None."""
        sealed = self._got(self._releases.get_at_once, reservation)
        return None if sealed is None else self._read(reservation, record, sealed)

    def _large(self, reservation: Reservation, record: DatasetRecord | None) -> tuple[Unsealed, pa.Table | None]:
        """Return the release; with a record also the answer, if the question's own program drew it."""
        return self._read(reservation, record, self._got(self._releases.get, reservation))

    def _got(self, get: Callable[[str, str], bytes | None], reservation: Reservation) -> bytes | None:
        try:
            return get(reservation.release_query_id, reservation.attempt)
        except StoreUnavailableError:
            raise release_store_unavailable(reservation.claim.query_id) from None

    def _read(
        self, reservation: Reservation, record: DatasetRecord | None, sealed: bytes | None
    ) -> tuple[Unsealed, pa.Table | None]:
        found = self._opened(reservation, sealed)
        return found, None if record is None else self._rendered(reservation, record, found)

    def _opened(self, reservation: Reservation, sealed: bytes | None) -> Unsealed:
        query_id = reservation.claim.query_id
        if sealed is None or digest_of(sealed) != reservation.release_digest:
            _LOG.critical("query %s: the stored release is missing or not the committed one", query_id)
            raise release_tampered(query_id)
        try:
            return opened(sealed)
        except ReleaseUnreadableError:
            _LOG.critical("query %s: the committed release cannot be read", query_id)
            raise release_tampered(query_id) from None

    def _rendered(self, reservation: Reservation, record: DatasetRecord, sealed: Unsealed) -> pa.Table | None:
        """Return the answer if the question's own program drew the release; None: another one did."""
        task = reservation.claim.task
        try:
            program = self._engine.price(task, record)
        except Refusal:
            return None
        if program.digest != sealed.plan_digest:
            return None
        return self._engine.render(program, sealed.release, task.confidence)

    def _raise_early(self, terminal: Mark) -> None:
        """Begin to raise a mark. Nothing rests on it: `_mark` waits for it, or raises the mark itself."""
        raising = asyncio.ensure_future(self._marks.raise_to(terminal))
        self._raising.add(raising)  # the loop holds its tasks weakly
        raising.add_done_callback(self._raised)

    def _raised(self, raising: "asyncio.Future[Mark]") -> None:
        self._raising.discard(raising)
        if not raising.cancelled():
            raising.exception()

    async def _mark(self, reservation: Reservation, read_at: float) -> None:
        """Raise the mark to the terminal: from here on somebody may hold the receipt that names it."""
        population = reservation.claim.population
        position = Mark(population, reservation.terminal_sequence, reservation.receipt.statement.entry_hash)
        try:
            await self._marks.raise_to(position, read_at)
        except StoreUnavailableError:
            raise release_store_unavailable(reservation.claim.query_id) from None
        except (MarkConflictError, MarkUnreadableError):
            _LOG.critical("population %s: its mark and its chain differ", population)
            raise ledger_behind(population) from None
