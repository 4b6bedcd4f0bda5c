"""The stream of one query's answer, from wherever the query stands: any replica serves it, any number of times.

Order of events: query, progress*, query (when it ended), schema, batch+, complete. A client that goes away ends the
stream and nothing else: the query runs on.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import grpc

from sfumato.v1.query_pb2 import Complete, Progress, QueryEvent
from sfumato.v1.scope_pb2 import ScopePrice
from sfumato_gateway.marks import Marks, terminal_of
from sfumato_gateway.refusals import query_cancelled, query_failed
from sfumato_gateway.reservations import ANSWERED, query_of, was_cancelled_by
from sfumato_gateway.upstream import asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.v1.executor_service_pb2 import ReadReleaseRequest, ReadReleaseResponse
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import WatchReservationRequest, WatchReservationResponse
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

HEARTBEAT_SECONDS: Final = 1.0
"""Between signs of life. The clock's, whatever the run does: progress must tell nothing of data."""


@dataclass(frozen=True)
class Paid:
    """A query that was paid for, and what is left in the scopes that paid once it has its answer."""

    reservation: Reservation
    left: Sequence[ScopePrice] = ()


class Answers:
    """Streams answers to the caller of the running call."""

    def __init__(
        self,
        accountant: grpc.aio.Channel,
        executor: grpc.aio.Channel,
        marks: Marks,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._reservations = ReservationServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._marks = marks
        self._heartbeat = heartbeat

    async def stream(self, paid: Paid, start_row: int = 0) -> AsyncGenerator[QueryEvent]:
        """Yield the events of a query that the caller paid for, its rows from `start_row` on.

        Raises:
            Refusal: QUERY_FAILED, QUERY_CANCELLED; ROW_OUT_OF_RANGE; SERVICE_UNAVAILABLE, after which the client
                attaches again.
        """
        user = current_caller().user
        reservation = paid.reservation
        if reservation.state == Reservation.STATE_OPEN:
            yield QueryEvent(query=query_of(reservation, user))
            async with aclosing(self._until_ended(reservation)) as events:
                async for event in events:
                    if isinstance(event, Paid):
                        paid, reservation = event, event.reservation
                    else:
                        yield event
        if reservation.state not in ANSWERED:
            yield QueryEvent(query=query_of(reservation, user))
            raise query_cancelled() if was_cancelled_by(reservation, user) else query_failed()
        async with aclosing(self._release(paid, start_row, user)) as table:
            async for event in table:
                yield event

    async def _until_ended(self, reservation: Reservation) -> AsyncGenerator[QueryEvent | Paid]:
        """Yield signs of life until the query has its terminal, then what it is with it."""
        alive = QueryEvent(progress=Progress(give_up_time=reservation.give_up_time))
        query_id = reservation.claim.query_id
        with asking("accountant", f"queries/{query_id}"):
            watch = self._reservations.WatchReservation(WatchReservationRequest(query_id=query_id, known_open=True))
            following = asyncio.ensure_future(watch.read())
            try:
                while True:
                    ended, _ = await asyncio.wait((following,), timeout=self._heartbeat)
                    if not ended:
                        yield alive
                        continue
                    message = following.result()
                    if not isinstance(message, WatchReservationResponse):  # the accountant stops, another goes on
                        raise service_unavailable("accountant")
                    if message.reservation.state != Reservation.STATE_OPEN:
                        yield Paid(message.reservation, message.left)
                        return
                    following = asyncio.ensure_future(watch.read())
            finally:
                following.cancel()
                watch.cancel()

    async def _release(self, paid: Paid, start_row: int, user: str) -> AsyncGenerator[QueryEvent]:
        """Yield the query in its last state, then its release.

        The front raises the mark before its first message: only behind that the receipt, which names the position, may
        leave. A release that is missing or tampered with has shown nothing of success by then.
        """
        reservation = paid.reservation
        query = query_of(reservation, user)
        terminal = terminal_of(reservation)
        request = ReadReleaseRequest(query_id=reservation.claim.query_id, start_row=start_row, terminal=terminal)
        complete = None
        with asking("executor"):
            parts = self._executor.ReadRelease(request)
            try:
                async for part in parts:
                    if complete is not None:
                        break
                    if part.WhichOneof("kind") == "schema":
                        self._marks.raised(terminal)
                        yield QueryEvent(query=query)
                    if part.WhichOneof("kind") == "row_count":
                        complete = Complete(query=query, row_count=part.row_count, scopes=paid.left)
                    else:
                        yield _table_event(part)
                if complete is None:
                    raise service_unavailable("executor")
            finally:
                parts.cancel()
        yield QueryEvent(complete=complete)


def _table_event(part: ReadReleaseResponse) -> QueryEvent:
    if part.WhichOneof("kind") == "schema":
        return QueryEvent(schema=part.schema)
    event = QueryEvent()
    event.batch.CopyFrom(part.batch)  # a constructor would copy it by way of its bytes, at three times the cost
    return event
