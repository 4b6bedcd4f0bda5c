"""A gateway's questions before a mesh that is made up: every answer of it can be set."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import query_pb2, query_service_pb2, receipt_pb2
from sfumato.v1.arrow_pb2 import ArrowBatch, ArrowSchema
from sfumato.v1.charge_pb2 import Charge, RhoDelta
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.fitted_model_pb2 import FittedEstimator
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import Population
from sfumato.v1.query_pb2 import Query
from sfumato.v1.query_service_pb2_grpc import QueryServiceStub
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy, Quote
from sfumato.v1.scope_pb2 import Scope, ScopeCharge, ScopePrice
from sfumato_gateway.answers import Answers
from sfumato_gateway.fits import Fits
from sfumato_gateway.identifiers import query_id
from sfumato_gateway.marks import Marks
from sfumato_gateway.models import ModelHandlers
from sfumato_gateway.operations import OperationHandlers, OperationsHandlers
from sfumato_gateway.preparations import Preparations
from sfumato_gateway.pricing import Pricing
from sfumato_gateway.queries import QueryHandlers
from sfumato_gateway.running import Running
from sfumato_mesh import refusals
from sfumato_mesh.caller import Caller, enter_call
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import CallInterceptor, GuardInterceptor, RefusalInterceptor
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.v1 import accountant_service_pb2, catalog_service_pb2, executor_service_pb2, reservation_service_pb2
from sfumato_mesh.v1.accountant_service_pb2_grpc import (
    AccountantServiceServicer,
    add_AccountantServiceServicer_to_server,
)
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceServicer, add_CatalogServiceServicer_to_server
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceServicer, add_ExecutorServiceServicer_to_server
from sfumato_mesh.v1.reservation_pb2 import Claim, Reservation
from sfumato_mesh.v1.reservation_service_pb2_grpc import (
    ReservationServiceServicer,
    add_ReservationServiceServicer_to_server,
)

ADA = Caller("gateway", "users/ada")
BOB = Caller("gateway", "users/bob")
POPULATION = "populations/palmer"
SQL = Question(sql=SqlQuery(statement="SELECT species, COUNT(*) AS n FROM penguins GROUP BY species"))
RHO = Payment(rho=RhoDelta(rho_picos=20_000_000_000))
BASE, OTHER = "5c5f6b6e-6f0f-4a7e-9d8b-0a4a3b1b8a01", "5c5f6b6e-6f0f-4a7e-9d8b-0a4a3b1b8a02"
SCOPE = Scope(population=POPULATION, analyst="users/ada")
UNAVAILABLE = refusals.service_unavailable("accountant")
VERSION_CHANGED = Refusal(grpc.StatusCode.ABORTED, "DATASET_VERSION_CHANGED", "published again", domain=MESH_DOMAIN)


def mesh_refusal(reason: str, code: grpc.StatusCode = grpc.StatusCode.NOT_FOUND) -> Refusal:
    return Refusal(code, reason, "between services", metadata={"query": "q"}, domain=MESH_DOMAIN)


class MadeUpMesh(
    AccountantServiceServicer,
    ReservationServiceServicer,
    CatalogServiceServicer,
    ExecutorServiceServicer,
):
    """Accountant and executor in one: keeps what it was asked, and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.requests: dict[str, Any] = {}
        self.refuse: dict[str, list[Refusal]] = {}
        self.reservations: dict[str, Reservation] = {}
        self.ended = asyncio.Event()
        self.outcome = Reservation.STATE_COMMITTED
        self.cancelled = False
        self.unit = PrivacyUnit()
        self.rows = 5
        self.version = 1
        self.bases: list[str] = []
        """Queries that may answer a narrower question."""
        self.base = ""
        """The one that does."""

    def _ask(self, name: str, request: Any) -> None:
        self.asked.append(name)
        self.requests[name] = request
        waiting = self.refuse.get(name)
        if waiting:
            raise waiting.pop(0)

    # --- accountant

    async def GetDatasetRecord(self, request: Any, context: Any) -> Any:
        self._ask("GetDatasetRecord", request)
        dataset = Dataset(name=request.name, population=POPULATION, privacy_unit=self.unit, version=self.version)
        dataset.policy.accuracy.default_confidence = 0.9
        published = dataset if self.version else None
        record = catalog_service_pb2.DatasetRecord(
            dataset=dataset, population=Population(name=POPULATION), published=published
        )
        return catalog_service_pb2.GetDatasetRecordResponse(record=record)

    async def PreviewQuery(self, request: Any, context: Any) -> Any:
        self._ask("PreviewQuery", request)
        line = ScopePrice(scope=SCOPE, charge=request.query.charge, affordable=True)
        if self.bases:
            base = request.base_query_id
            told = [] if base else self.bases
            return accountant_service_pb2.PreviewQueryResponse(
                scopes=[line], affordable=True, release_query_id=base, derived=bool(base), base_query_ids=told
            )
        return accountant_service_pb2.PreviewQueryResponse(scopes=[line], affordable=True, release_query_id="r-1")

    async def ReserveQuery(self, request: Any, context: Any) -> Any:
        self._ask("ReserveQuery", request)
        name = request.query.query_id
        if self.bases and not request.bases_checked and name not in self.reservations:
            return accountant_service_pb2.ReserveQueryResponse(base_query_ids=self.bases, free_base_count=1)
        if name not in self.reservations:
            claim = Claim(
                query_id=name,
                body_digest=request.body_digest,
                population=POPULATION,
                task=request.query.task,
                plan_digest=request.query.plan_digest,
                analyst="users/ada",
                labels=request.labels,
            )
            self.reservations[name] = Reservation(
                claim=claim,
                state=Reservation.STATE_OPEN,
                data_versions=[DataVersion(dataset="datasets/penguins", version=1)],
                charge=request.query.charge,
                scopes=[ScopeCharge(scope=SCOPE, charge=request.query.charge)],
                give_up_time=Timestamp(seconds=1_000),
            )
        return accountant_service_pb2.ReserveQueryResponse(reservation=self.reservations[name], left=self.left(name))

    async def ChargeQuery(self, request: Any, context: Any) -> Any:
        self._ask("ChargeQuery", request)
        reservation = self.reservations[request.query_id]
        reservation.state, reservation.cancelled = Reservation.STATE_CHARGED, request.cancelled
        return accountant_service_pb2.ChargeQueryResponse(reservation=reservation)

    def end(self, name: str) -> None:
        reservation = self.reservations[name]
        reservation.state = self.outcome
        reservation.cancelled = self.cancelled
        if self.outcome != Reservation.STATE_CHARGED:
            reservation.origin = Query.ORIGIN_DRAWN
            statement = receipt_pb2.ReceiptStatement(
                query=f"queries/{name}", population=POPULATION, sequence=7, entry_hash=b"\x07" * 32
            )
            reservation.receipt.CopyFrom(receipt_pb2.Receipt(signed_statement="{}", statement=statement))

    async def GetReservation(self, request: Any, context: Any) -> Any:
        self._ask("GetReservation", request)
        if request.query_id not in self.reservations:
            raise refusals.access_denied(f"queries/{request.query_id}")
        return reservation_service_pb2.GetReservationResponse(
            reservation=self.reservations[request.query_id],
            left=self.left(request.query_id) if request.with_left else [],
        )

    async def WatchReservation(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._ask("WatchReservation", request)
        assert request.known_open
        await self.ended.wait()
        self.end(request.query_id)
        yield reservation_service_pb2.WatchReservationResponse(
            reservation=self.reservations[request.query_id], left=self.left(request.query_id)
        )

    def left(self, name: str) -> list[ScopePrice]:
        """Nothing while a query is open, as the accountant tells it."""
        if self.reservations[name].state == Reservation.STATE_OPEN:
            return []
        return [ScopePrice(scope=SCOPE, charge=self.reservations[name].charge, remaining=Charge(rho_picos=4))]

    async def ListReservations(self, request: Any, context: Any) -> Any:
        self._ask("ListReservations", request)
        found = list(self.reservations.values())
        return reservation_service_pb2.ListReservationsResponse(reservations=found, next_page_token="next")

    # --- executor

    async def Quote(self, request: Any, context: Any) -> Any:
        self._ask("Quote", request)
        if request.accepting:
            self._ask("accepting", request)
        quote = Quote(
            charge=Charge(rho_picos=20_000_000_000),
            plan_digest=b"\x01" * 32,
            engine="native",
            data_versions=[DataVersion(dataset="datasets/penguins", version=self.version)],
            give_up_after=Duration(seconds=60),
        )
        return executor_service_pb2.QuoteResponse(
            quote=quote,
            population=POPULATION,
            datasets=["datasets/penguins"],
            family_digest=b"f" * 32,
            derivable=True,
        )

    async def FindBase(self, request: Any, context: Any) -> Any:
        self._ask("FindBase", request)
        measures = [MeasureAccuracy(alias="derived")] if self.base else []
        return executor_service_pb2.FindBaseResponse(base_query_id=self.base, measures=measures)

    async def Submit(self, request: Any, context: Any) -> Any:
        self._ask("Submit", request)
        return executor_service_pb2.SubmitResponse()

    async def RaiseMark(self, request: Any, context: Any) -> Any:
        self._ask("RaiseMark", request)
        return executor_service_pb2.RaiseMarkResponse(mark=request.head)

    async def ReadRelease(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._ask("ReadRelease", request)
        yield executor_service_pb2.ReadReleaseResponse(schema=ArrowSchema(serialized_schema=b"schema"))
        batch = ArrowBatch(row_count=self.rows - request.start_row, start_offset=request.start_row)
        yield executor_service_pb2.ReadReleaseResponse(batch=batch)
        yield executor_service_pb2.ReadReleaseResponse(row_count=self.rows)

    async def RunDummy(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._ask("RunDummy", request)
        event = query_pb2.QueryEvent(complete=query_pb2.Complete(row_count=request.row_count))
        yield executor_service_pb2.RunDummyResponse(event=event)

    async def ReadModel(self, request: Any, context: Any) -> Any:
        self._ask("ReadModel", request)
        return executor_service_pb2.ReadModelResponse(fitted_estimator=FittedEstimator(library="diffprivlib 0.6.6"))

    async def SampleModel(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._ask("SampleModel", request)
        yield executor_service_pb2.SampleModelResponse(schema=ArrowSchema(serialized_schema=b"schema"))
        yield executor_service_pb2.SampleModelResponse(batch=ArrowBatch(row_count=request.row_count))

    async def FitDummyModel(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._ask("FitDummyModel", request)
        yield executor_service_pb2.FitDummyModelResponse(fitted_estimator=FittedEstimator())
        yield executor_service_pb2.FitDummyModelResponse(schema=ArrowSchema(serialized_schema=b"schema"))
        yield executor_service_pb2.FitDummyModelResponse(batch=ArrowBatch(row_count=request.row_count))

    # --- preparations: there are none

    async def GetPreparation(self, request: Any, context: Any) -> Any:
        raise mesh_refusal("PREPARATION_UNKNOWN")

    async def DeletePreparation(self, request: Any, context: Any) -> Any:
        raise mesh_refusal("PREPARATION_UNKNOWN")

    async def ListPreparations(self, request: Any, context: Any) -> Any:
        return catalog_service_pb2.ListPreparationsResponse()


class CallingAs(CallInterceptor):
    """Stands for authentication."""

    def __init__(self) -> None:
        super().__init__()
        self.caller = ADA

    def around(self, method: str, proceed: Any) -> Any:
        async def called(request: Any, context: Any) -> Any:
            enter_call(self.caller)
            return await proceed(request, context)

        return called


class Scene:
    """A gateway with made-up neighbours."""

    def __init__(self) -> None:
        self.mesh = MadeUpMesh()  # type: ignore[abstract]  # methods that no test calls
        neighbours = InProcessServer([RefusalInterceptor("accountant"), GuardInterceptor()])
        adds: tuple[Any, ...] = (
            add_AccountantServiceServicer_to_server,
            add_ReservationServiceServicer_to_server,
            add_CatalogServiceServicer_to_server,
            add_ExecutorServiceServicer_to_server,
        )
        for add in adds:
            add(self.mesh, neighbours)
        self.authentication = CallingAs()
        self.now = 0.0
        """Clock of what the gateway remembers of marks."""
        gateway: Any = InProcessServer([RefusalInterceptor("gateway"), self.authentication, GuardInterceptor()])
        channel = neighbours.channel()
        marks = Marks(channel, channel, monotonic=lambda: self.now)
        answers = Answers(channel, channel, marks, heartbeat=0.02)
        pricing = Pricing(channel, channel)
        fits = Fits(channel, marks)
        running = Running(Preparations(channel, channel), fits)
        handlers = (
            QueryHandlers(channel, channel, pricing, answers, marks),
            ModelHandlers(channel, channel, pricing, marks, fits),
            OperationHandlers(running),
            OperationsHandlers(running),
        )
        for each in handlers:
            each.register(gateway)
        self.channel: Any = gateway.channel()
        self.stub: Any = QueryServiceStub(self.channel)

    def call_as(self, caller: Caller) -> None:
        self.authentication.caller = caller

    async def run(self, request: query_service_pb2.RunQueryRequest) -> list[query_pb2.QueryEvent]:
        return [response.event async for response in self.stub.RunQuery(request)]

    async def attach(self, name: str, start_row: int = 0) -> list[query_pb2.QueryEvent]:
        request = query_service_pb2.AttachQueryRequest(name=name, start_row=start_row)
        return [response.event async for response in self.stub.AttachQuery(request)]


def request(**fields: Any) -> query_service_pb2.RunQueryRequest:
    return query_service_pb2.RunQueryRequest(
        **{"question": SQL, "payment": RHO, "request_id": "0b5e6f0e-0000-4000-8000-000000000001", **fields}
    )


NAME = query_id("users/ada", request().request_id)


def kinds(events: list[query_pb2.QueryEvent]) -> list[str]:
    return [str(event.WhichOneof("kind")) for event in events]


async def read_into(seen: list[query_pb2.QueryEvent], scene: Scene) -> None:
    """Keep the events that come before a refusal."""
    call = scene.stub.RunQuery(request())
    while (response := await call.read()) is not grpc.aio.EOF:
        seen.append(response.event)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    refusal = Refusal.from_rpc_error(caught.value)
    assert refusal is not None
    return refusal
