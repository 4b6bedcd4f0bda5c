"""A release of 100,000 rows, read again and again: worker's file to client's memory."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import grpc

import sfumato as sf
from sfumato.v1 import query_service_pb2, query_service_pb2_grpc
from tests.bench.bench_queries import documents
from tests.bench.lines import Line, at_least, memory, typical
from tests.mesh_process import MeshProcess

_KEYS = 100_000
_TIMES = 8
_BARE = "bare gRPC stream"
_MESSAGE = bytes(1 << 20)
_COLUMNS = {
    "key": {"type": "integer", "bounds": [0, _KEYS - 1]},
    **{name: {"type": "integer", "bounds": [0, 100]} for name in ("a", "b", "c")},
}


def rows() -> list[Line]:
    """Measured lines."""
    with TemporaryDirectory() as folder:
        mesh = MeshProcess(Path(folder), settings={})
        mesh.start()
        try:
            data = mesh.folder / "data" / "wide.csv"
            data.parent.mkdir(parents=True, exist_ok=True)
            data.write_text("key,a,b,c\n" + "".join(f"{i},{i % 100},{i % 90},{i % 80}\n" for i in range(1000)))
            mesh.apply(documents("wide", "wide.csv", _COLUMNS))
            mesh.admin("publish", "wide")
            return _stream(mesh)
        finally:
            mesh.stop()


def _stream(mesh: MeshProcess) -> list[Line]:
    assert mesh.process is not None
    with sf.connect(mesh.target, mesh.token()) as client:
        grouped = client.dataset("wide").group_by("key")
        answer = grouped.agg(n=sf.count(), a=sf.sum("a"), b=sf.sum("b"), c=sf.sum("c")).run(rho=10)
        query = client.query(answer.query)
        size = len(answer.to_ipc())
        whole = typical(query.answer, _TIMES, warm_up=2) / 1e3
    flowing = [_flow(mesh, answer.query) for _ in range(_TIMES + 2)][2:]
    before = memory(mesh.process.pid, "VmRSS")
    flowing += [_flow(mesh, answer.query) for _ in range(_TIMES)]
    grown = memory(mesh.process.pid, "VmRSS") - before
    bare = _bare_stream(size)
    return [
        at_least(
            f"release stream, {size / 1e6:.0f} MB, from the first batch on", median(flowing), "GB/s", 0.5, bare, _BARE
        ),
        Line(f"release of {size / 1e6:.0f} MB, attached to and read", size / whole / 1e9, "GB/s", bare, _BARE),
        Line(f"release stream: growth of the mesh over {_TIMES} streams", grown, "MiB"),
    ]


def _flow(mesh: MeshProcess, query: str) -> float:
    """GB/s between the arrival of the schema, which goes before the first batch, and of the last batch."""
    metadata = (("authorization", f"Bearer {mesh.token()}"),)
    with grpc.insecure_channel(mesh.target, options=(("grpc.max_receive_message_length", 8 << 20),)) as channel:
        stub = query_service_pb2_grpc.QueryServiceStub(channel)
        request = query_service_pb2.AttachQueryRequest(name=query)
        size, begin, end = 0, 0.0, 0.0
        for response in stub.AttachQuery(request, metadata=metadata, timeout=60):
            now = time.perf_counter()
            match response.event.WhichOneof("kind"):
                case "schema":
                    begin = now
                case "batch":
                    size += len(response.event.batch.serialized_record_batch)
                    end = now
    return size / (end - begin) / 1e9


def _bare_stream(size: int) -> float:
    """GB/s of a sync gRPC server in this process that sends as many bytes in messages of 1 MiB."""

    def send(_request: bytes, _context: Any) -> Iterator[bytes]:
        for _ in range(-(-size // len(_MESSAGE))):
            yield _MESSAGE

    server = grpc.server(ThreadPoolExecutor(2))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(send)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", {"Send": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    seconds = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/bench/Send")
        for _ in range(_TIMES):
            begin = time.perf_counter()
            received = sum(len(message) for message in call(b""))
            seconds.append((time.perf_counter() - begin) / received)
    server.stop(0).wait()
    return 1 / median(seconds) / 1e9
