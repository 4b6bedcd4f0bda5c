"""Payments: a question becomes a paid query, once under one request_id, and is queued."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from sfumato.v1.charge_pb2 import LossLimit
from sfumato.v1.payment_pb2 import Payment
from sfumato_gateway.answers import Paid
from sfumato_gateway.identifiers import query_id
from sfumato_gateway.pricing import Asked, Pricing, with_present_version
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.engine_names import engine_of
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import request_id_reused
from sfumato_mesh.v1.accountant_service_pb2 import ReserveQueryRequest
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.executor_service_pb2 import SubmitRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import GetReservationRequest
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

_SUBMIT_SECONDS: Final = 2.0
"""A task that is not queued by then is queued by the settler."""


@dataclass(frozen=True)
class Order:
    """What is to be paid, and under which name."""

    asked: Asked
    request_id: str
    """The caller's name of the payment, a UUID."""
    body_digest: bytes
    """SHA-256 of the request and what kind it is: another body or method under the same request_id is refused."""
    limit: LossLimit | None
    """None: what the payment says."""
    labels: Mapping[str, str]
    fresh: bool


class Payments:
    """Pays for the caller of the running call. Nothing of a query is kept here."""

    def __init__(self, accountant: grpc.aio.Channel, executor: grpc.aio.Channel, pricing: Pricing) -> None:
        self._accountant = AccountantServiceStub(accountant)
        self._reservations = ReservationServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._pricing = pricing

    async def pay(self, order: Order) -> Paid:
        """Return the reservation that pays an order, made now or before; what is open is queued.

        Raises:
            Refusal: nothing was paid.
        """
        paid = await self._reserved(order)
        if paid.reservation.state == Reservation.STATE_OPEN:
            await self._submit(paid.reservation.claim.query_id, engine_of(order.asked.question))
        return paid

    async def read(self, name: str) -> Paid:
        """Return the reservation of a query that the caller may see.

        Raises:
            Refusal: ACCESS_DENIED, also where there is none; SERVICE_UNAVAILABLE.
        """
        with asking("accountant", f"queries/{name}"):
            response = await self._reservations.GetReservation(
                GetReservationRequest(query_id=name, with_left=True), timeout=CALL_SECONDS
            )
        return Paid(response.reservation, response.left)

    async def _reserved(self, order: Order) -> Paid:
        """Return the reservation that pays an order, made now or before.

        A query that was paid goes on whatever changed since: schema, policy, access, whether tasks are taken. So a
        refusal on the way to the payment stands only where the chain knows no payment under this request_id.
        """
        name = query_id(current_caller().user, order.request_id)
        try:
            return await with_present_version(lambda: self._reserve(order, name))
        except Refusal as refusal:
            paid = await self._paid(name)
            if paid is None:
                raise
            if paid.reservation.claim.body_digest != order.body_digest:
                raise request_id_reused() from refusal
            return paid

    async def _reserve(self, order: Order, name: str) -> Paid:
        asked = order.asked
        priced = await self._pricing.quote_accepted(asked)
        reserve = ReserveQueryRequest(
            query=priced.query_price(name, fresh=order.fresh),
            body_digest=order.body_digest,
            project=asked.project,
            limit=_limit_of(asked.payment) if order.limit is None else order.limit,
            labels=order.labels,
        )
        with asking("accountant"):
            response = await self._accountant.ReserveQuery(reserve, timeout=CALL_SECONDS)
        if response.base_query_ids:
            base = await self._pricing.find_base(priced, response)
            reserve.bases_checked = True
            reserve.base_query_id = base.query_id
            reserve.derived_measures.extend(base.measures)
            with asking("accountant"):
                response = await self._accountant.ReserveQuery(reserve, timeout=CALL_SECONDS)
        return Paid(response.reservation, response.left)

    async def _paid(self, name: str) -> Paid | None:
        """Return the reservation under a query's id; None where there is none, or none can be read now."""
        try:
            return await self.read(name)
        except Refusal:
            return None

    async def _submit(self, name: str, engine: str) -> None:
        try:
            with asking("executor"):
                await self._executor.Submit(SubmitRequest(query_id=name, engine=engine), timeout=_SUBMIT_SECONDS)
        except Refusal:
            return  # the settler queues what is open, again and again


def _limit_of(payment: Payment) -> LossLimit:
    """Return what a payment says as a limit: no price above it passes, whoever computed the price."""
    if payment.WhichOneof("kind") == "rho":
        return LossLimit(rho=payment.rho)
    return LossLimit(epsilon=payment.epsilon)
