# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""QueryService: prices questions, pays for them once, streams their answers."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from uuid import uuid4

import grpc

from sfumato.v1 import query_service_pb2 as contract
from sfumato.v1.charge_pb2 import LossLimit
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.query_service_pb2_grpc import QueryServiceServicer, add_QueryServiceServicer_to_server
from sfumato.v1.quote_pb2 import Quote
from sfumato_gateway.answers import Answers, Paid
from sfumato_gateway.identifiers import id_of, query_id
from sfumato_gateway.marks import Marks
from sfumato_gateway.pricing import Asked, Pricing, with_present_version
from sfumato_gateway.reservations import answered_from, query_of
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.digests import request_digest
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied, request_id_reused
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1.accountant_service_pb2 import (
    ChargeQueryRequest,
    PreviewQueryRequest,
    PreviewQueryResponse,
    ReserveQueryRequest,
)
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.executor_service_pb2 import RunDummyRequest, SubmitRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2 import GetReservationRequest, ListReservationsRequest
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

_SUBMIT_SECONDS: Final = 2.0
"""A task that is not queued by then is queued by the settler."""


class QueryHandlers(QueryServiceServicer):
    """The methods. Nothing of a query is kept here: any replica goes on where another stopped."""

    def __init__(
        self,
        accountant: grpc.aio.Channel,
        executor: grpc.aio.Channel,
        pricing: Pricing,
        answers: Answers,
        marks: Marks,
    ) -> None:
        self._accountant = AccountantServiceStub(accountant)
        self._reservations = ReservationServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._pricing = pricing
        self._answers = answers
        self._marks = marks

    def register(self, server: ServerLike) -> None:
        """Serve QueryService."""
        add_QueryServiceServicer_to_server(self, server)

    async def QuoteQuery(self, request: contract.QuoteQueryRequest, context: Any) -> contract.QuoteQueryResponse:
        """Tell price and error; reads no data."""
        asked = Asked(
            request.question, request.payment, request.project, request.confidence, tuple(request.group_sizes)
        )
        return contract.QuoteQueryResponse(quote=await with_present_version(lambda: self._quoted(asked)))

    async def _quoted(self, asked: Asked) -> Quote:
        priced = await self._pricing.quote(asked)
        request = PreviewQueryRequest(query=priced.query_price(str(uuid4())), project=asked.project)
        preview = await self._previewed(request)
        quote = priced.quote
        if preview.base_query_ids:
            base = await self._pricing.find_base(priced, preview, asked.group_sizes)
            if base.query_id:
                request.base_query_id = base.query_id
                preview = await self._previewed(request)
            if preview.derived:
                del quote.measures[:]
                quote.measures.extend(base.measures)
        quote.scopes.extend(preview.scopes)
        quote.affordable = preview.affordable
        if preview.release_query_id:
            quote.release_query = f"queries/{preview.release_query_id}"
            quote.notes.append(answered_from(preview))
        return quote

    async def _previewed(self, request: PreviewQueryRequest) -> PreviewQueryResponse:
        with asking("accountant"):
            preview: PreviewQueryResponse = await self._accountant.PreviewQuery(request, timeout=CALL_SECONDS)
        return preview

    async def RunQuery(
        self, request: contract.RunQueryRequest, context: Any
    ) -> AsyncIterator[contract.RunQueryResponse]:
        """Pay and stream the answer; with a request_id that was used before, attach to its query."""
        paid = await self._reserved(request)
        if paid.reservation.state == Reservation.STATE_OPEN:
            await self._submit(paid.reservation.claim.query_id)
        async with aclosing(self._answers.stream(paid)) as events:
            async for event in events:
                response = contract.RunQueryResponse()
                response.event.CopyFrom(event)
                yield response

    async def _reserved(self, request: contract.RunQueryRequest) -> Paid:
        """Return the reservation that pays a request, made now or before.

        A query that was paid goes on whatever changed since: schema, policy, access, whether tasks are taken. So a
        refusal on the way to the payment stands only where the chain knows no payment under this request_id.
        """
        name = query_id(current_caller().user, request.request_id)
        body_digest = request_digest(request)
        try:
            return await with_present_version(lambda: self._reserve(request, name, body_digest))
        except Refusal as refusal:
            paid = await self._paid(name)
            if paid is None:
                raise
            if paid.reservation.claim.body_digest != body_digest:
                raise request_id_reused() from refusal
            return paid

    async def _reserve(self, request: contract.RunQueryRequest, name: str, body_digest: bytes) -> Paid:
        asked = Asked(request.question, request.payment, request.project, request.confidence)
        priced = await self._pricing.quote_accepted(asked)
        reserve = ReserveQueryRequest(
            query=priced.query_price(name, fresh=request.fresh),
            body_digest=body_digest,
            project=request.project,
            limit=request.limit if request.HasField("limit") else _limit_of(request.payment),
            labels=request.labels,
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
            return await self._reservation(name)
        except Refusal:
            return None

    async def _reservation(self, name: str) -> Paid:
        with asking("accountant", f"queries/{name}"):
            response = await self._reservations.GetReservation(
                GetReservationRequest(query_id=name, with_left=True), timeout=CALL_SECONDS
            )
        return Paid(response.reservation, response.left)

    async def _submit(self, name: str) -> None:
        try:
            with asking("executor"):
                await self._executor.Submit(SubmitRequest(query_id=name), timeout=_SUBMIT_SECONDS)
        except Refusal:
            return  # the settler queues what is open, again and again

    async def RunDummyQuery(
        self, request: contract.RunDummyQueryRequest, context: Any
    ) -> AsyncIterator[contract.RunDummyQueryResponse]:
        """Rehearse a question on made-up rows."""
        asked = Asked(request.question, request.payment, confidence=request.confidence)
        task, record = await self._pricing.task(asked)
        run = RunDummyRequest(task=task, record=record, row_count=request.row_count, seed=request.seed)
        with asking("executor"):
            events = self._executor.RunDummy(run)
            try:
                async for each in events:
                    yield contract.RunDummyQueryResponse(event=each.event)
            finally:
                events.cancel()

    async def AttachQuery(
        self, request: contract.AttachQueryRequest, context: Any
    ) -> AsyncIterator[contract.AttachQueryResponse]:
        """Join a query's stream. For its analyst: custodians and auditors see no answers."""
        paid = await self._reservation(id_of(request.name))
        if paid.reservation.claim.analyst != current_caller().user:
            raise access_denied(request.name)
        async with aclosing(self._answers.stream(paid, request.start_row)) as events:
            async for event in events:
                response = contract.AttachQueryResponse()
                response.event.CopyFrom(event)
                yield response

    async def GetQuery(self, request: contract.GetQueryRequest, context: Any) -> contract.GetQueryResponse:
        """Return state, charges and receipt."""
        reservation = (await self._reservation(id_of(request.name))).reservation
        await self._marks.raise_for((reservation,))
        return contract.GetQueryResponse(query=query_of(reservation, current_caller().user))

    async def ListQueries(self, request: contract.ListQueriesRequest, context: Any) -> contract.ListQueriesResponse:
        """List queries that the caller may see."""
        conditions = ListReservationsRequest.FromString(request.SerializeToString())  # field for field the same
        with asking("accountant"):
            page = await self._reservations.ListReservations(conditions, timeout=CALL_SECONDS)
        await self._marks.raise_for(page.reservations)
        user = current_caller().user
        return contract.ListQueriesResponse(
            queries=[query_of(each, user) for each in page.reservations], next_page_token=page.next_page_token
        )

    async def CancelQuery(self, request: contract.CancelQueryRequest, context: Any) -> contract.CancelQueryResponse:
        """Give a query up, unless it has ended."""
        charge = ChargeQueryRequest(query_id=id_of(request.name), cancelled=True)
        with asking("accountant", request.name):
            response = await self._accountant.ChargeQuery(charge, timeout=CALL_SECONDS)
        await self._marks.raise_for((response.reservation,))
        return contract.CancelQueryResponse(query=query_of(response.reservation, current_caller().user))


def _limit_of(payment: Payment) -> LossLimit:
    """Return what a payment says as a limit: no price above it passes, whoever computed the price."""
    if payment.WhichOneof("kind") == "rho":
        return LossLimit(rho=payment.rho)
    return LossLimit(epsilon=payment.epsilon)
