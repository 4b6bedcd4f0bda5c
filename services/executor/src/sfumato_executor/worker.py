"""One attempt at a query: fetch, price, draw, seal, commit.

Any number of workers may run one query at once, each with its own noise under its own attempt; the first commit wins.
What was never committed was never seen by anybody, so a fresh draw in a new attempt is sound. A worker that fails
leaves the query open: the settler queues it again until its time is over. Logs hold ids and types of errors only,
since texts of libraries may hold values of the data or literals of the question.
"""

import enum
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import tenacity

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_executor.accountant import WorkerAccountant, is_transient
from sfumato_executor.engine import AnyProgram, WorkerEngine
from sfumato_executor.plan.program import Loss
from sfumato_executor.releases.marks import Marks
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.prepared import PreparedData
from sfumato_executor.releases.sealing import digest_of, seal
from sfumato_executor.releases.store import ReleaseStore
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.accountant_service_pb2 import CommitQueryResponse
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Reservation

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)
_TRIES: Final = 4
_WAIT: Final = tenacity.wait_random_exponential(multiplier=0.02, max=1.0)


class Ended(enum.Enum):
    """How an attempt ended. Only WON put anything where anybody can see it."""

    WON = "won"
    LOST = "lost"  # another attempt is the answer, or the query was charged
    LATE = "late"  # no verdict until its time was over, or the worker stops
    DROPPED = "dropped"  # nothing to run: ended already, unknown, or its time is over
    UNDERPAID = "underpaid"  # the reservation holds less than the task costs, or the task cannot be asked
    FAILED = "failed"  # the query stays open


@dataclass(frozen=True)
class QueryWorker:
    """Runs attempts. Threads may share it."""

    accountant: WorkerAccountant
    releases: ReleaseStore
    marks: Marks
    prepared: PreparedData
    engine: WorkerEngine
    clock: Clock = field(default_factory=SystemClock)
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the worker shall end: waits are cut short."""
    new_attempt: Callable[[], str] = lambda: str(uuid.uuid4())

    def run(self, query_id: str) -> Ended:
        """Make one attempt at a query; never raises."""
        try:
            ended = self._run(query_id)
        except Exception as error:  # noqa: BLE001  (whatever happened, its text must not be told)
            _LOG.error("query %s: the attempt failed: %s", query_id, type(error).__name__)
            return Ended.FAILED
        _LOG.info("query %s: %s", query_id, ended.value)
        return ended

    def _run(self, query_id: str) -> Ended:
        reservation = self._fetch(query_id)
        if reservation is None:
            return Ended.DROPPED
        version = reservation.data_versions[0]  # one dataset a plan; the catalogue keeps the version while we are open
        record = self._trying(lambda: self.accountant.dataset_record(version.dataset, version.version))
        program = self._price(reservation, record)
        if program is None:
            return Ended.UNDERPAID
        attempt = self.new_attempt()
        digest = self._draw_and_seal(query_id, attempt, program, record.preparation_id)
        return self._commit(reservation, attempt, digest, program, record)

    def _mark(self, population: str) -> LedgerHead | None:
        """Return what was told of a population: a chain that lacks it may have lost the answer of this very query."""
        mark = self._trying(lambda: self.marks.get(population))
        if mark is None:
            return None
        return LedgerHead(population=population, sequence=mark.sequence, entry_hash=mark.entry_hash)

    def _fetch(self, query_id: str) -> Reservation | None:
        """Return the reservation if there is something to run."""
        try:
            reservation = self._trying(lambda: self.accountant.reservation(query_id))
        except Refusal as refusal:
            if refusal.reason == "RESERVATION_UNKNOWN":
                return None
            raise
        if reservation.state != Reservation.STATE_OPEN or self.clock.now() >= _give_up_time(reservation):
            return None
        return reservation

    def _price(self, reservation: Reservation, record: DatasetRecord) -> AnyProgram | None:
        """Return the program if what was paid covers it: whoever reserved may have lied about the price."""
        query_id = reservation.claim.query_id
        try:
            program = self.engine.price(reservation.claim.task, record)
        except Refusal as refusal:
            _LOG.error("query %s: paid for a task that is refused: %s", query_id, refusal.reason)
            return None
        if not covers(reservation.charge, program.loss):
            _LOG.error("query %s: paid less than its price", query_id)
            return None
        return program

    def _draw_and_seal(self, query_id: str, attempt: str, program: AnyProgram, preparation_id: str) -> bytes:
        """Run the program, draw once, and keep the release durably; return its digest as read back."""
        folder = self.prepared.fetch(preparation_id)
        if folder is None:
            raise StoreUnavailableError("prepared data are missing")
        sealed = seal(self.engine.draw(program, folder), program.digest)

        def put() -> None:
            self.releases.put_if_absent(query_id, attempt, sealed)
            # The digest that is offered is of what a reader will find, not of what was meant to be written.
            if self.releases.get(query_id, attempt) != sealed:
                raise StoreUnavailableError("a sealed release reads back differently")

        self._trying(put)
        return digest_of(sealed)

    def _commit(
        self,
        reservation: Reservation,
        attempt: str,
        digest: bytes,
        program: AnyProgram,
        record: DatasetRecord,
    ) -> Ended:
        """Offer the release until it has won or lost, or its time is over."""
        query_id = reservation.claim.query_id
        measures = self.engine.measures(program, reservation.claim.task, record)
        deadline = _give_up_time(reservation)

        def is_over(_: tenacity.RetryCallState) -> bool:
            return self.stopping.is_set() or self.clock.now() >= deadline

        versions = list(reservation.data_versions)

        def offer() -> "CommitQueryResponse.Outcome":
            # Read for every try: a backup may have been put in place since the last, and would take this commit.
            mark = self._mark(reservation.claim.population)
            return self.accountant.commit(query_id, attempt, digest, versions, list(measures), mark)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass)
            | tenacity.retry_if_result(lambda outcome: outcome == CommitQueryResponse.OUTCOME_PENDING),
            wait=_WAIT,
            stop=is_over,
            sleep=tenacity.sleep_using_event(self.stopping),
            retry_error_callback=lambda _: None,
        )
        try:
            outcome = offer()
        except (Refusal, StoreUnavailableError) as error:
            if not _may_pass(error):
                raise
            outcome = CommitQueryResponse.OUTCOME_PENDING
        if outcome == CommitQueryResponse.OUTCOME_PENDING:
            outcome = retrying(offer)
        return _VERDICTS.get(outcome, Ended.LATE)

    def _trying(self, call: Callable[[], T]) -> T:
        """Return what a call returns, repeated a few times where it may pass later.

        The first try is without ceremony: it passes, but for the rarest times, and ceremony costs a tenth of a query.
        """
        try:
            return call()
        except (Refusal, StoreUnavailableError) as error:
            if not _may_pass(error) or self.stopping.is_set():
                raise
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=_WAIT,
            stop=tenacity.stop_after_attempt(_TRIES - 1) | tenacity.stop_when_event_set(self.stopping),
            sleep=tenacity.sleep_using_event(self.stopping),
            reraise=True,
        )
        return retrying(call)


_VERDICTS: Final = {CommitQueryResponse.OUTCOME_WON: Ended.WON, CommitQueryResponse.OUTCOME_LOST: Ended.LOST}


def covers(charge: Charge, loss: Loss) -> bool:
    """Return whether a charge is at least a loss, in every field.

    A charge that claims a pure ε where the loss is known only by its ρ does not cover it: sums of ε would be too low.
    Nor does one without an ε where the loss has no ρ: sums of ε are all that is counted there.
    """
    if loss.rho_picos > charge.rho_picos or loss.delta_attos > charge.delta_attos:
        return False
    if not charge.HasField("epsilon_picos"):
        return loss.rho_picos > 0
    return loss.epsilon_picos is not None and loss.epsilon_picos <= charge.epsilon_picos


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, StoreUnavailableError) or is_transient(error)


def _give_up_time(reservation: Reservation) -> datetime:
    return reservation.give_up_time.ToDatetime(UTC)
