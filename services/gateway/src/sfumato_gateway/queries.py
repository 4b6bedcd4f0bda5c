# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""QueryService: prices questions, pays for them once, streams their answers."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import grpc

from sfumato.v1 import query_service_pb2 as contract
from sfumato.v1.query_service_pb2_grpc import QueryServiceServicer, add_QueryServiceServicer_to_server
from sfumato.v1.quote_pb2 import Quote
from sfumato_gateway.answers import Answers
from sfumato_gateway.identifiers import id_of
from sfumato_gateway.marks import Marks
from sfumato_gateway.payments import Order, Payments
from sfumato_gateway.pricing import Asked, Pricing, with_present_version
from sfumato_gateway.reservations import answered_from, query_of
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.digests import request_digest
from sfumato_mesh.refusals import access_denied, plan_rejected
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1.accountant_service_pb2 import (
    ChargeQueryRequest,
    PreviewQueryRequest,
    PreviewQueryResponse,
)
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.executor_service_pb2 import RunDummyRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_service_pb2 import ListReservationsRequest
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub


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
        self._payments = Payments(accountant, executor, pricing)
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
        if request.question.WhichOneof("form") == "model":
            raise plan_rejected(
                "model",
                "question.model",
                "the fit of a model is no question that is answered at once",
                hint="pay it by ModelService.CreateModel; QuoteQuery tells its price",
            )
        asked = Asked(request.question, request.payment, request.project, request.confidence)
        order = Order(
            asked,
            request.request_id,
            request_digest(request),
            request.limit if request.HasField("limit") else None,
            request.labels,
            request.fresh,
        )
        paid = await self._payments.pay(order)
        async with aclosing(self._answers.stream(paid)) as events:
            async for event in events:
                response = contract.RunQueryResponse()
                response.event.CopyFrom(event)
                yield response

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
        paid = await self._payments.read(id_of(request.name))
        if paid.reservation.claim.analyst != current_caller().user:
            raise access_denied(request.name)
        async with aclosing(self._answers.stream(paid, request.start_row)) as events:
            async for event in events:
                response = contract.AttachQueryResponse()
                response.event.CopyFrom(event)
                yield response

    async def GetQuery(self, request: contract.GetQueryRequest, context: Any) -> contract.GetQueryResponse:
        """Return state, charges and receipt."""
        reservation = (await self._payments.read(id_of(request.name))).reservation
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
