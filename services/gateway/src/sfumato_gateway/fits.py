"""Fits of models, as long-running operations and as models: both are a query's reservation, told in other words."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import grpc
from google.longrunning.operations_pb2 import Operation
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from sfumato.v1.model_pb2 import Model
from sfumato.v1.operation_service_pb2 import OperationMetadata
from sfumato.v1.query_pb2 import Progress
from sfumato_gateway.marks import Marks
from sfumato_gateway.refusals import query_cancelled, query_failed
from sfumato_gateway.reservations import ANSWERED, was_cancelled_by
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied, service_unavailable
from sfumato_mesh.v1.accountant_service_pb2 import ChargeQueryRequest
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import (
    GetReservationRequest,
    ListReservationsRequest,
    WatchReservationRequest,
    WatchReservationResponse,
)
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

FIT_LABEL: Final = {"sfumato.form": "model"}
"""Label that CreateModel puts beside the caller's: the ledger's fold knows labels, and so finds fits among queries."""


class Fits:
    """The caller's fits; of others', nothing: ACCESS_DENIED, as for what is not there."""

    def __init__(self, accountant: grpc.aio.Channel, marks: Marks) -> None:
        self._accountant = AccountantServiceStub(accountant)
        self._reservations = ReservationServiceStub(accountant)
        self._marks = marks

    async def get(self, query_id: str, name: str) -> Reservation:
        """Return one of the caller's fits, by the id of its query.

        Raises:
            Refusal: ACCESS_DENIED, naming `name`; SERVICE_UNAVAILABLE.
        """
        try:
            with asking("accountant", name):
                response = await self._reservations.GetReservation(
                    GetReservationRequest(query_id=query_id), timeout=CALL_SECONDS
                )
        except Refusal as refusal:
            # The accountant names the query: which kind of operation an id is not must not show.
            raise access_denied(name) if refusal.reason == "ACCESS_DENIED" else refusal from None
        reservation = response.reservation
        if not is_fit(reservation) or reservation.claim.analyst != current_caller().user:
            raise access_denied(name)
        return reservation

    async def answered(self, query_id: str, name: str) -> Reservation:
        """Return one of the caller's fits that has its model.

        Raises:
            Refusal: those of `get`; ACCESS_DENIED too while it has none yet; QUERY_FAILED, QUERY_CANCELLED.
        """
        reservation = await self.get(query_id, name)
        if reservation.state == Reservation.STATE_OPEN:
            raise access_denied(name)
        if reservation.state not in ANSWERED:
            raise _ended(reservation, current_caller().user)
        return reservation

    async def operation(self, query_id: str) -> Operation:
        """Return one of the caller's fits as an operation."""
        return await self._told(await self.get(query_id, f"operations/{query_id}"))

    async def _told(self, reservation: Reservation) -> Operation:
        """Return an operation after its receipt's position is marked as told."""
        await self._marks.raise_for((reservation,))
        return operation_of(reservation, current_caller().user)

    async def cancel(self, query_id: str) -> None:
        """Give one of the caller's fits up, unless it has ended. What was paid stays paid."""
        await self.get(query_id, f"operations/{query_id}")
        charge = ChargeQueryRequest(query_id=query_id, cancelled=True)
        with asking("accountant", f"operations/{query_id}"):
            await self._accountant.ChargeQuery(charge, timeout=CALL_SECONDS)

    async def page(self, size: int, token: str) -> tuple[list[Operation], str]:
        """Return a page of the caller's fits as operations, newest first, and the token of the next."""
        request = ListReservationsRequest(
            page_size=size, page_token=token, analyst=current_caller().user, labels=FIT_LABEL
        )
        with asking("accountant"):
            page = await self._reservations.ListReservations(request, timeout=CALL_SECONDS)
        fits = [each for each in page.reservations if is_fit(each)]
        await self._marks.raise_for(fits)
        user = current_caller().user
        return [operation_of(each, user) for each in fits], page.next_page_token

    async def changes(self, query_id: str) -> AsyncGenerator[Operation]:
        """Yield one of the caller's fits at once, and again when it has ended."""
        reservation = await self.get(query_id, f"operations/{query_id}")
        yield await self._told(reservation)
        while reservation.state == Reservation.STATE_OPEN:
            reservation = await self._following(query_id)
            if reservation.state != Reservation.STATE_OPEN:
                yield await self._told(reservation)

    async def _following(self, query_id: str) -> Reservation:
        """Return a fit that was open, when it has changed."""
        with asking("accountant", f"operations/{query_id}"):
            watch = self._reservations.WatchReservation(WatchReservationRequest(query_id=query_id, known_open=True))
            try:
                message = await watch.read()
            except asyncio.CancelledError:
                watch.cancel()
                raise
            if not isinstance(message, WatchReservationResponse):  # the accountant stops, another goes on
                raise service_unavailable("accountant")
            watch.cancel()
        return message.reservation


def is_fit(reservation: Reservation) -> bool:
    """Return whether a query fits a model: its label alone could be a caller's."""
    return bool(reservation.claim.task.question.WhichOneof("form") == "model")


def model_of(reservation: Reservation) -> Model:
    """Return an answered fit as a model, without parameters.

    Its receipt names a position of the ledger: raise the mark before the result leaves.
    """
    claim = reservation.claim
    model = Model(
        name=f"models/{claim.query_id}",
        spec=claim.task.question.model,
        query=f"queries/{claim.query_id}",
        data_versions=reservation.data_versions,
        create_time=reservation.create_time,
    )
    if reservation.HasField("receipt"):
        model.receipt.CopyFrom(reservation.receipt)
    if reservation.HasField("expire_time"):
        model.expire_time.CopyFrom(reservation.expire_time)
    return model


def operation_of(reservation: Reservation, user: str) -> Operation:
    """Return a fit as google.longrunning shows it: of a run nothing but when it is given up."""
    query_id = reservation.claim.query_id
    ended = reservation.state != Reservation.STATE_OPEN
    moved = reservation.create_time
    if reservation.HasField("receipt"):
        moved = reservation.receipt.statement.release_time
    metadata = OperationMetadata(
        progress=Progress(give_up_time=reservation.give_up_time),
        target=f"models/{query_id}",
        query=f"queries/{query_id}",
        create_time=reservation.create_time,
        update_time=moved,
        cancel_requested=was_cancelled_by(reservation, user),
    )
    operation = Operation(name=f"operations/{query_id}", metadata=_packed(metadata), done=ended)
    if reservation.state in ANSWERED:
        operation.response.CopyFrom(_packed(model_of(reservation)))
    elif ended:
        operation.error.CopyFrom(_ended(reservation, user).to_status())
    return operation


def _ended(reservation: Reservation, user: str) -> Refusal:
    return query_cancelled() if was_cancelled_by(reservation, user) else query_failed()


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
