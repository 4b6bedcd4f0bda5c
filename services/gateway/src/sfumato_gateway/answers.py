"""The stream of one query's answer, from wherever the query stands: any replica serves it, any number of times.

Order of events: query, progress*, query (when it ended), schema, batch+, complete. A client that goes away ends the
stream and nothing else: the query runs on.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import grpc

from sfumato.v1.budget_service_pb2 import ListBudgetsRequest
from sfumato.v1.budget_service_pb2_grpc import BudgetServiceStub
from sfumato.v1.query_pb2 import Complete, Progress, QueryEvent
from sfumato.v1.scope_pb2 import ScopePrice
from sfumato_gateway.marks import Marks, terminal_of
from sfumato_gateway.refusals import query_cancelled, query_failed
from sfumato_gateway.reservations import ANSWERED, query_of, was_cancelled_by
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.v1.executor_service_pb2 import ReadReleaseRequest, ReadReleaseResponse
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import WatchReservationRequest, WatchReservationResponse
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

HEARTBEAT_SECONDS: Final = 1.0
"""Between signs of life. The clock's, whatever the run does: progress must tell nothing of data."""
_MAX_SCOPES: Final = 1_000


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
        self._budgets = BudgetServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._marks = marks
        self._heartbeat = heartbeat

    async def stream(self, reservation: Reservation, start_row: int = 0) -> AsyncGenerator[QueryEvent]:
        """Yield the events of a query that the caller paid for, its rows from `start_row` on.

        Raises:
            Refusal: QUERY_FAILED, QUERY_CANCELLED; ROW_OUT_OF_RANGE; SERVICE_UNAVAILABLE, after which the client
                attaches again.
        """
        user = current_caller().user
        if reservation.state == Reservation.STATE_OPEN:
            yield QueryEvent(query=query_of(reservation, user))
            async with aclosing(self._until_ended(reservation)) as events:
                async for event in events:
                    if isinstance(event, Reservation):
                        reservation = event
                    else:
                        yield event
        if reservation.state not in ANSWERED:
            yield QueryEvent(query=query_of(reservation, user))
            raise query_cancelled() if was_cancelled_by(reservation, user) else query_failed()
        async with aclosing(self._release(reservation, start_row, user)) as table:
            async for event in table:
                yield event

    async def _until_ended(self, reservation: Reservation) -> AsyncGenerator[QueryEvent | Reservation]:
        """Yield signs of life until the query has its terminal, then the reservation with it."""
        alive = QueryEvent(progress=Progress(give_up_time=reservation.give_up_time))
        query_id = reservation.claim.query_id
        with asking("accountant", f"queries/{query_id}"):
            watch = self._reservations.WatchReservation(WatchReservationRequest(query_id=query_id))
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
                        yield message.reservation
                        return
                    following = asyncio.ensure_future(watch.read())
            finally:
                following.cancel()
                watch.cancel()

    async def _release(self, reservation: Reservation, start_row: int, user: str) -> AsyncGenerator[QueryEvent]:
        """Yield the query in its last state, then its release.

        The front raises the mark before its first message: only behind that the receipt, which names the position, may
        leave. A release that is missing or tampered with has shown nothing of success by then.
        """
        query = query_of(reservation, user)
        request = ReadReleaseRequest(query_id=reservation.claim.query_id, start_row=start_row)
        complete = None
        left = asyncio.create_task(self._left(reservation))  # beside the stream: what was paid is in the chain already
        with asking("executor"):
            parts = self._executor.ReadRelease(request)
            try:
                async for part in parts:
                    if complete is not None:
                        break
                    if part.WhichOneof("kind") == "schema":
                        self._marks.raised(terminal_of(reservation))
                        yield QueryEvent(query=query)
                    if part.WhichOneof("kind") == "row_count":
                        complete = Complete(query=query, row_count=part.row_count)
                    else:
                        yield _table_event(part)
                if complete is None:
                    raise service_unavailable("executor")
                complete.scopes.extend(await left)
            finally:
                parts.cancel()
                left.cancel()
                await asyncio.wait((left,))
        yield QueryEvent(complete=complete)

    async def _left(self, reservation: Reservation) -> list[ScopePrice]:
        """Return what is left in the scopes that paid: none where that cannot be told now; the answer is whole."""
        paid = {each.scope.SerializeToString(deterministic=True): each.charge for each in reservation.scopes}
        dataset = reservation.data_versions[0].dataset if reservation.data_versions else ""
        request = ListBudgetsRequest(dataset=dataset, population=reservation.claim.population, page_size=_MAX_SCOPES)
        try:
            with asking("accountant"):
                response = await self._budgets.ListBudgets(request, timeout=CALL_SECONDS)
        except Refusal:
            return []
        lines = []
        for budget in response.budgets:
            charge = paid.get(budget.scope.SerializeToString(deterministic=True))
            if charge is not None:
                lines.append(
                    ScopePrice(
                        scope=budget.scope,
                        charge=charge,
                        limit=budget.limit,
                        remaining=budget.remaining,
                        remaining_after=budget.remaining,
                        affordable=True,
                    )
                )
        return lines


def _table_event(part: ReadReleaseResponse) -> QueryEvent:
    if part.WhichOneof("kind") == "schema":
        return QueryEvent(schema=part.schema)
    return QueryEvent(batch=part.batch)
