# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""ModelService: pays for fits, tells their models, draws from them."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
from google.longrunning.operations_pb2 import Operation

from sfumato.v1 import model_service_pb2 as contract
from sfumato.v1.model_pb2 import Model
from sfumato.v1.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.query_pb2 import Query
from sfumato.v1.question_pb2 import Question
from sfumato_gateway.fits import FIT_LABEL, Fits, is_fit, model_of, operation_of
from sfumato_gateway.identifiers import id_of
from sfumato_gateway.marks import Marks
from sfumato_gateway.payments import Order, Payments
from sfumato_gateway.pricing import Asked, Pricing
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.digests import request_digest
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1 import executor_service_pb2 as executor_contract
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_service_pb2 import ListReservationsRequest
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

_REHEARSAL_SECONDS: Final = 600.0
"""For a place among the few rehearsals that run at once, and then a minute; the caller's deadline cuts it shorter."""


class ModelHandlers(ModelServiceServicer):
    """The methods. A model is a query with another face: nothing of it is kept here."""

    def __init__(
        self, accountant: grpc.aio.Channel, executor: grpc.aio.Channel, pricing: Pricing, marks: Marks, fits: Fits
    ) -> None:
        self._reservations = ReservationServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._payments = Payments(accountant, executor, pricing)
        self._pricing = pricing
        self._marks = marks
        self._fits = fits

    def register(self, server: ServerLike) -> None:
        """Serve ModelService."""
        add_ModelServiceServicer_to_server(self, server)

    async def CreateModel(self, request: contract.CreateModelRequest, context: Any) -> Operation:
        """Pay for a fit and have it queued; with a request_id that was used before, return its operation."""
        order = Order(
            _asked(request.spec, request.payment, request.project),
            request.request_id,
            hashlib.sha256(b"CreateModel" + request_digest(request)).digest(),
            request.limit if request.HasField("limit") else None,
            {**request.labels, **FIT_LABEL},
            request.fresh,
        )
        reservation = (await self._payments.pay(order)).reservation
        await self._marks.raise_for((reservation,))
        return operation_of(reservation, current_caller().user)

    async def RunDummyModel(
        self, request: contract.RunDummyModelRequest, context: Any
    ) -> AsyncIterator[contract.RunDummyModelResponse]:
        """Rehearse a fit on made-up rows."""
        task, record = await self._pricing.task(_asked(request.spec, request.payment))
        fit = executor_contract.FitDummyModelRequest(
            task=task, record=record, row_count=request.row_count, seed=request.seed
        )
        with asking("executor"):
            parts = self._executor.FitDummyModel(fit, timeout=_REHEARSAL_SECONDS)
            try:
                async for part in parts:
                    yield _rehearsed(part, request.spec)
            finally:
                parts.cancel()

    async def GetModel(self, request: contract.GetModelRequest, context: Any) -> contract.GetModelResponse:
        """Return one of the caller's models; of an estimator also its parameters."""
        reservation = await self._fits.answered(id_of(request.name), request.name)
        model = model_of(reservation)
        if model.spec.WhichOneof("kind") == "estimator":
            read = executor_contract.ReadModelRequest(query_id=reservation.claim.query_id)
            with asking("executor"):
                found = await self._executor.ReadModel(read, timeout=CALL_SECONDS)
            model.fitted_estimator.CopyFrom(found.fitted_estimator)
        else:
            await self._marks.raise_for((reservation,))
        return contract.GetModelResponse(model=model)

    async def ListModels(self, request: contract.ListModelsRequest, context: Any) -> contract.ListModelsResponse:
        """List the caller's fitted models."""
        conditions = ListReservationsRequest(
            page_size=request.page_size,
            page_token=request.page_token,
            dataset=request.dataset,
            analyst=current_caller().user,
            states=[Query.STATE_SUCCEEDED],
            labels=FIT_LABEL,
        )
        with asking("accountant"):
            page = await self._reservations.ListReservations(conditions, timeout=CALL_SECONDS)
        fits = [each for each in page.reservations if is_fit(each)]
        await self._marks.raise_for(fits)
        return contract.ListModelsResponse(
            models=[model_of(each) for each in fits], next_page_token=page.next_page_token
        )

    async def SampleModel(
        self, request: contract.SampleModelRequest, context: Any
    ) -> AsyncIterator[contract.SampleModelResponse]:
        """Draw rows from one of the caller's synthesizers."""
        reservation = await self._fits.answered(id_of(request.name), request.name)
        sample = executor_contract.SampleModelRequest(
            query_id=reservation.claim.query_id, row_count=request.row_count, seed=request.seed
        )
        if request.HasField("condition"):
            sample.condition.CopyFrom(request.condition)
        with asking("executor"):
            parts = self._executor.SampleModel(sample)
            try:
                async for part in parts:
                    yield _sampled(part)
            finally:
                parts.cancel()


def _asked(spec: ModelSpec, payment: Payment, project: str = "") -> Asked:
    return Asked(Question(model=spec), payment, project)


def _sampled(part: executor_contract.SampleModelResponse) -> contract.SampleModelResponse:
    response = contract.SampleModelResponse()
    if part.WhichOneof("kind") == "schema":
        response.schema.CopyFrom(part.schema)
    else:
        response.batch.CopyFrom(part.batch)
    return response


def _rehearsed(part: executor_contract.FitDummyModelResponse, spec: ModelSpec) -> contract.RunDummyModelResponse:
    response = contract.RunDummyModelResponse()
    match part.WhichOneof("kind"):
        case "schema":
            response.schema.CopyFrom(part.schema)
        case "batch":
            response.batch.CopyFrom(part.batch)
        case _:
            model = Model(spec=spec)
            if spec.WhichOneof("kind") == "estimator":
                model.fitted_estimator.CopyFrom(part.fitted_estimator)
            response.model.CopyFrom(model)
    return response
