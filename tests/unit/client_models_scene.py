"""A gateway on a loopback socket that fits, keeps and samples models by script."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import pyarrow as pa
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from sfumato._core.connection import Connection
from sfumato._core.crc32c import crc32c
from sfumato._transport.calls import Calls
from sfumato._transport.channel import open_channel
from sfumato._transport.session import Session
from sfumato.datasets import Dataset
from sfumato.mesh import Mesh
from sfumato.v1 import (
    charge_pb2,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    model_spec_pb2,
    operation_service_pb2,
    operation_service_pb2_grpc,
    query_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
    quote_pb2,
)

ID = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
MODEL, OPERATION, QUERY = f"models/{ID}", f"operations/{ID}", f"queries/{ID}"
TABLE = pa.table({"species": ["Adelie", None, "Gentoo"], "mass": [3700.5, 4100.0, 5000.25]})
Step: TypeAlias = Message | grpc.StatusCode | status_pb2.Status


def refusal(code: int, reason: str) -> status_pb2.Status:
    packed = Packed()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="sfumato", metadata={"hint": "less"}))
    return status_pb2.Status(code=code, message="no.", details=[packed])


def schema(table: pa.Table = TABLE) -> dict[str, Any]:
    return {"serialized_schema": table.schema.serialize().to_pybytes()}


def batch(start: int, stop: int, table: pa.Table = TABLE) -> dict[str, Any]:
    data = table.slice(start, stop - start).combine_chunks().to_batches()[0].serialize().to_pybytes()
    head = {"start_offset": start, "row_count": stop - start, "crc32c": crc32c(data)}
    return {**head, "serialized_record_batch": data}


def drawn(**kind: Any) -> model_service_pb2.SampleModelResponse:
    return model_service_pb2.SampleModelResponse(**kind)


def model(spec: model_spec_pb2.ModelSpec | None = None, name: str = MODEL) -> model_pb2.Model:
    made = model_pb2.Model(name=name, spec=spec or model_spec_pb2.ModelSpec(), query=QUERY if name else "")
    if name:
        made.receipt.statement.query = QUERY
        made.receipt.statement.charge.CopyFrom(charge_pb2.Charge(rho_picos=10**11))
        made.data_versions.add(dataset="datasets/penguins", version=3)
        made.create_time.FromSeconds(1_790_000_000)
    return made


def operation(result: Message | status_pb2.Status | None = None, **metadata: Any) -> operations_pb2.Operation:
    """Return an operation: running, or ended with a model or an error."""
    told = operation_service_pb2.OperationMetadata(**{"target": MODEL, "query": QUERY, **metadata})
    told.create_time.FromSeconds(1_790_000_000)
    made = operations_pb2.Operation(name=OPERATION)
    made.metadata.Pack(told)
    if isinstance(result, status_pb2.Status):
        made.done = True
        made.error.CopyFrom(result)
    elif result is not None:
        made.done = True
        made.response.Pack(result)
    return made


@dataclass
class Gateway(
    model_service_pb2_grpc.ModelServiceServicer,
    operation_service_pb2_grpc.OperationServiceServicer,
    operations_pb2_grpc.OperationsServicer,  # type: ignore[misc]  # Google's stubs have no types
    query_service_pb2_grpc.QueryServiceServicer,
    dataset_service_pb2_grpc.DatasetServiceServicer,
):
    """Plays one script a call of a method; the last one again and again."""

    scripts: dict[str, list[list[Step]]]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def requests(self, method: str) -> list[Any]:
        return [request for name, request in self.asked if name == method]

    def play(self, method: str, request: Any, context: Any) -> Iterator[Any]:
        self.asked.append((method, request))
        scripts = self.scripts[method]
        for step in scripts.pop(0) if len(scripts) > 1 else scripts[0]:
            if isinstance(step, grpc.StatusCode):
                context.abort(step, "cut")
            elif isinstance(step, status_pb2.Status):
                context.abort_with_status(rpc_status.to_status(step))
            else:
                yield step

    def one(self, method: str, request: Any, context: Any) -> Any:
        return next(self.play(method, request, context))

    def CreateModel(self, request: Any, context: Any) -> Any:
        return self.one("CreateModel", request, context)

    def GetModel(self, request: Any, context: Any) -> Any:
        return model_service_pb2.GetModelResponse(model=self.one("GetModel", request, context))

    def ListModels(self, request: Any, context: Any) -> Any:
        return self.one("ListModels", request, context)

    def SampleModel(self, request: Any, context: Any) -> Any:
        return self.play("SampleModel", request, context)

    def RunDummyModel(self, request: Any, context: Any) -> Any:
        return self.play("RunDummyModel", request, context)

    def WatchOperation(self, request: Any, context: Any) -> Any:
        for each in self.play("WatchOperation", request, context):
            yield operation_service_pb2.WatchOperationResponse(operation=each)

    def GetOperation(self, request: Any, context: Any) -> Any:
        return self.one("GetOperation", request, context)

    def CancelOperation(self, request: Any, context: Any) -> Any:
        self.asked.append(("CancelOperation", request))
        return Empty()

    def QuoteQuery(self, request: Any, context: Any) -> Any:
        self.asked.append(("QuoteQuery", request))
        quote = quote_pb2.Quote(engine="smartnoise_synth", affordable=True, charge=charge_pb2.Charge(rho_picos=10**11))
        return query_service_pb2.QuoteQueryResponse(quote=quote)

    def GetQuery(self, request: Any, context: Any) -> Any:
        self.asked.append(("GetQuery", request))
        return query_service_pb2.GetQueryResponse(query=query_pb2.Query(name=request.name))

    def GetDataset(self, request: Any, context: Any) -> Any:
        return dataset_service_pb2.GetDatasetResponse(dataset=dataset_pb2.Dataset(name=request.name))


@dataclass
class Wire:
    """The gateway, and a mesh, a session and a dataset before it."""

    gateway: Gateway
    session: Session
    mesh: Mesh
    penguins: Dataset
    slept: list[float]


@contextmanager
def wired(**scripts: list[list[Step]]) -> Iterator[Wire]:
    """Serve scripts by method."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    gateway = Gateway(scripts)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(gateway, server)
    operation_service_pb2_grpc.add_OperationServiceServicer_to_server(gateway, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(gateway, server)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(gateway, server)
    dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(gateway, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    connection = Connection(f"127.0.0.1:{port}", "t-0")
    slept: list[float] = []
    session = Session(Calls(connection, open_channel(connection), sleep=slept.append, jitter=lambda: 0.0))
    penguins = Dataset(session, dataset_pb2.Dataset(name="datasets/penguins"), None, [])
    try:
        yield Wire(gateway, session, Mesh(session), penguins, slept)
    finally:
        session.close()
        server.stop(None).wait()
