"""Calls about models: fits as long-running operations, their models, and rows drawn from them."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Protocol, TypeVar

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.rpc import code_pb2

from sfumato._core.model_specs import model_id
from sfumato._core.plans import resource
from sfumato._core.statuses import Refusal
from sfumato._core.streams import Damaged, TableReader
from sfumato._transport.calls import Calls, Stream, check_size, end_stream, read_error
from sfumato._transport.waiting import Waiting
from sfumato.errors import CorruptAnswer, Unavailable
from sfumato.v1 import (
    arrow_pb2,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    operation_service_pb2,
    operation_service_pb2_grpc,
)

ReadT = TypeVar("ReadT")

PAGE: Final = 1000
_WATCH_DEADLINE: Final = 120.0
"""Seconds for one stream of an operation; a fit that takes longer is watched again."""
_TABLE_DEADLINE: Final = 3600.0
"""Seconds for one stream of rows: of ten million, or a rehearsed fit before them."""
_LIVED: Final = 5.0
"""Seconds after which a stream that broke counts as one that worked."""


class TablePart(Protocol):
    """A response of a stream of rows."""

    @property
    def schema(self) -> arrow_pb2.ArrowSchema:
        """Columns."""

    @property
    def batch(self) -> arrow_pb2.ArrowBatch:
        """Rows."""


class ModelCalls:
    """Fits and models, one method a call."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    @property
    def _models(self) -> model_service_pb2_grpc.ModelServiceStub:
        return self.calls.stub(model_service_pb2_grpc.ModelServiceStub)

    @property
    def _operations(self) -> operations_pb2_grpc.OperationsStub:
        return self.calls.stub(operations_pb2_grpc.OperationsStub)

    def create_model(self, request: model_service_pb2.CreateModelRequest) -> operations_pb2.Operation:
        """Pay for a fit, and start it."""
        return self.calls.unary(self._models.CreateModel, request)

    def operation(self, model: str) -> operations_pb2.Operation:
        """Return the fit of a model as it is."""
        request = operations_pb2.GetOperationRequest(name=f"operations/{model_id(model)}")
        return self.calls.unary(self._operations.GetOperation, request)

    def cancel_operation(self, model: str) -> operations_pb2.Operation:
        """Give a fit up; return it as it is afterwards."""
        request = operations_pb2.CancelOperationRequest(name=f"operations/{model_id(model)}")
        self.calls.unary(self._operations.CancelOperation, request)
        return self.operation(model)

    def await_operation(self, operation: operations_pb2.Operation, timeout: float | None) -> operations_pb2.Operation:
        """Return a fit when it has ended.

        Raises:
            Unavailable: not in time, or the mesh does not answer.
        """
        with Waiting(operation) as waiting:
            try:
                return self._watched(operation, timeout, waiting)
            except KeyboardInterrupt:
                waiting.interrupted()
                raise

    def _watched(
        self, operation: operations_pb2.Operation, timeout: float | None, waiting: Waiting
    ) -> operations_pb2.Operation:
        watch = self.calls.stub(operation_service_pb2_grpc.OperationServiceStub).WatchOperation
        request = operation_service_pb2.WatchOperationRequest(name=operation.name)
        end = None if timeout is None else self.calls.clock() + timeout
        failed = 0
        while True:
            began = self.calls.clock()
            deadline = _WATCH_DEADLINE if end is None else min(_WATCH_DEADLINE, end - began)
            if deadline <= 0:
                found = f"mesh.model({model_id(operation.name)!r}) finds it"
                raise Unavailable("the model is not there in time; the fit goes on.", hint=found)
            stream = watch(request, timeout=deadline, metadata=self.calls.metadata)
            ended = self._read_operations(stream, waiting)
            if isinstance(ended, operations_pb2.Operation):
                return ended
            failed = 1 if self.calls.clock() - began > _LIVED else failed + 1
            if end is None or self.calls.clock() < end:
                self.calls.wait(ended, failed)

    def _read_operations(
        self, stream: Stream[operation_service_pb2.WatchOperationResponse], waiting: Waiting
    ) -> operations_pb2.Operation | Refusal:
        """Read one stream to the end of the fit, or say why it broke."""
        try:
            for response in stream:
                self.calls.answered()
                waiting.take(response.operation)
                if response.operation.done:
                    return response.operation
        except grpc.RpcError as error:
            return read_error(error, self.calls.connection.target)
        finally:
            end_stream(stream)
        return Refusal(code_pb2.UNAVAILABLE, "the stream was cut.")

    def fetch_model(self, model: str) -> model_pb2.Model:
        """Return a model; of an estimator with its parameters."""
        request = model_service_pb2.GetModelRequest(name=f"models/{model_id(model)}")
        return self.calls.unary(self._models.GetModel, request).model

    def models(self, dataset: str, limit: int) -> Iterator[model_pb2.Model]:
        """Yield the caller's models without parameters, newest first."""
        request = model_service_pb2.ListModelsRequest(page_size=min(limit, PAGE), dataset=resource("datasets", dataset))
        pages = self.calls.pages(self._models.ListModels, request)
        return islice((each for page in pages for each in page.models), limit)

    def draw(self, request: model_service_pb2.SampleModelRequest) -> TableReader:
        """Draw rows; a cut stream is begun anew: its rows are fixed by the seed."""
        check_size(request)

        def read() -> TableReader:
            reader = TableReader()
            sample = self._models.SampleModel
            for part in self._parts(sample(request, timeout=_TABLE_DEADLINE, metadata=self.calls.metadata)):
                _take(reader, part)
            return _whole(reader)

        return self._repeated(read)

    def rehearse_model(self, request: model_service_pb2.RunDummyModelRequest) -> tuple[model_pb2.Model, TableReader]:
        """Return a model of made-up rows, and rows drawn from it if it is a synthesizer; a cut stream is begun anew."""
        check_size(request)

        def read() -> tuple[model_pb2.Model, TableReader]:
            reader, model = TableReader(), None
            rehearse = self._models.RunDummyModel
            for part in self._parts(rehearse(request, timeout=_TABLE_DEADLINE, metadata=self.calls.metadata)):
                if part.WhichOneof("kind") == "model":
                    model = part.model
                else:
                    _take(reader, part)
            if model is None:
                raise Damaged("it ended without the model")
            return model, reader if request.spec.WhichOneof("kind") == "estimator" else _whole(reader)

        return self._repeated(read)

    def _parts(self, stream: Stream[ReadT]) -> Iterator[ReadT]:
        try:
            for part in stream:
                self.calls.answered()
                yield part
        finally:
            end_stream(stream)

    def _repeated(self, read: Callable[[], ReadT]) -> ReadT:
        """Read a stream, anew from nothing where it was cut or arrived damaged.

        Raises:
            SfumatoError: as the mesh says, CorruptAnswer, or Unavailable.
        """
        failed = 0
        while True:
            try:
                return read()
            except grpc.RpcError as error:
                refusal = read_error(error, self.calls.connection.target)
            except Damaged as damage:
                refusal = Refusal(code_pb2.UNAVAILABLE, f"the rows do not arrive whole: {damage}.")
            failed += 1
            self.calls.wait(refusal, failed)


def _take(reader: TableReader, part: TablePart) -> None:
    if part.WhichOneof("kind") == "schema":  # type: ignore[attr-defined]
        if reader.has_schema:
            raise CorruptAnswer("the columns came twice.")
        reader.take_schema(part.schema.serialized_schema)
    else:
        reader.take_batch(part.batch)


def _whole(reader: TableReader) -> TableReader:
    """Return a reader whose stream has ended well: with columns at least."""
    if not reader.has_schema:
        raise Damaged("they ended without their columns")
    return reader
