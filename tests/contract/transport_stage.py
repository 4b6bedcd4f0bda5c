"""A servicer behind every transport: over a loopback socket and inside the process, aio and sync."""

import asyncio
import contextvars
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import query_service_pb2_grpc
from sfumato.v1.arrow_pb2 import ArrowBatch
from sfumato.v1.query_pb2 import Query, QueryEvent
from sfumato.v1.query_service_pb2 import (
    AttachQueryRequest,
    AttachQueryResponse,
    CancelQueryRequest,
    CancelQueryResponse,
    GetQueryRequest,
    GetQueryResponse,
)
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.channels import MeshChannel, aio_channel, sync_channel
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import Rule, internal_interceptors
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.server import start_server
from sfumato_mesh.settings import MeshSettings

GET = "/sfumato.v1.QueryService/GetQuery"
ATTACH = "/sfumato.v1.QueryService/AttachQuery"
CANCEL = "/sfumato.v1.QueryService/CancelQuery"
RULES = {
    GET: Rule(services=frozenset({"gateway"}), user=False),
    ATTACH: Rule(services=frozenset({"gateway"}), user=False),
    CANCEL: Rule(services=frozenset({"executor"}), user=False),
}
ADA = Caller("gateway", "users/ada", ((1, ""), (2, "datasets/penguins")), ("projects/birds",))
KEYS = {"gateway": Ed25519PrivateKey.generate(), "executor": Ed25519PrivateKey.generate()}
MIB = 1024 * 1024
MAX_REQUEST = MIB

WELL, REFUSED, BROKEN, SLOW, LOST, WIDE, LARGE = (f"queries/{n:08x}-0000-0000-0000-000000000000" for n in range(7))
REFUSAL = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    "BUDGET_EXHAUSTED",
    "ρ 0.0500 is asked, 0.0213 is left.",
    metadata={"scope": "users/ada", "hint": "rho=0.0213"},
    fields=[FieldViolation("payment.rho", "at most 0.0213")],
    quota=("users/ada", "0.0213 left"),
    precondition=("OPEN", "populations/palmer", "it is open"),
    retry_after=1.5,
)
leaked: contextvars.ContextVar[str] = contextvars.ContextVar("leaked", default="")


@dataclass
class Seen:
    """What the servicer saw."""

    callers: list[Caller] = field(default_factory=list)
    remaining: list[float | None] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    sent: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Servicer(query_service_pb2_grpc.QueryServiceServicer):
    """Answers by the query's name."""

    def __init__(self) -> None:
        self.seen = Seen()

    async def GetQuery(self, request: GetQueryRequest, context: Any) -> GetQueryResponse:
        self.seen.callers.append(current_caller())
        self.seen.remaining.append(context.time_remaining())
        self.seen.leaks.append(leaked.get())
        await self._behave(request.name)
        return GetQueryResponse(query=Query(name=request.name))

    async def AttachQuery(self, request: AttachQueryRequest, context: Any) -> AsyncIterator[AttachQueryResponse]:
        try:
            for row in itertools.count() if request.name == WIDE else range(3):
                await asyncio.sleep(0)
                payload = b"x" * MIB if request.name == WIDE else b""
                batch = ArrowBatch(start_offset=row, serialized_record_batch=payload)
                yield AttachQueryResponse(event=QueryEvent(batch=batch))
                self.seen.sent += 1
            await self._behave(request.name)
        finally:
            self.seen.ended.set()

    async def CancelQuery(self, request: CancelQueryRequest, context: Any) -> CancelQueryResponse:
        raise AssertionError("the table lets nobody here in")

    async def _behave(self, name: str) -> None:
        if name == REFUSED:
            raise REFUSAL
        if name == LARGE:
            raise plan_rejected("unknown_column", "ρ" * 99_999, "ε" * 99_999, hint="σ" * 99_999, columns="x" * 99_999)
        if name == BROKEN:
            raise ValueError("the secret is a nightingale")
        if name == LOST:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        if name == SLOW:
            try:
                await asyncio.sleep(30)
            finally:
                self.seen.ended.set()


class Wire:
    """Calls by full method name, over one kind of channel."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    async def unary(self, path: str, request: Any, *, within: float = 5) -> Any:
        raise NotImplementedError

    async def stream(self, path: str, request: Any, *, within: float = 5, take: int | None = None) -> list[Any]:
        """Read all, or cancel after `take` messages; what was read before an error is in its attribute `read`."""
        raise NotImplementedError

    async def stalled(self, request: Any, seconds: float) -> int:
        """Read one message, then none for a while, then cancel."""
        raise NotImplementedError

    def method(self, kind: str, path: str, request: Any) -> Any:
        serialise: Callable[[Any], bytes] = bytes if isinstance(request, bytes) else lambda r: r.SerializeToString()
        parse = AttachQueryResponse.FromString if kind == "unary_stream" else GetQueryResponse.FromString
        return getattr(self.channel, kind)(path, request_serializer=serialise, response_deserializer=parse)


class AioWire(Wire):
    async def unary(self, path: str, request: Any, *, within: float = 5) -> Any:
        return await self.method("unary_unary", path, request)(request, timeout=within)

    async def stream(self, path: str, request: Any, *, within: float = 5, take: int | None = None) -> list[Any]:
        call = self.method("unary_stream", path, request)(request, timeout=within)
        read: list[Any] = []
        try:
            async for message in call:
                read.append(message)
                if len(read) == take:
                    call.cancel()
                    break
        except grpc.aio.AioRpcError as error:
            error.read = read  # type: ignore[attr-defined]
            raise
        return read

    async def stalled(self, request: Any, seconds: float) -> int:
        call = self.method("unary_stream", ATTACH, request)(request, timeout=20)
        await call.read()
        await asyncio.sleep(seconds)
        call.cancel()
        return 1


class SyncWire(Wire):
    async def unary(self, path: str, request: Any, *, within: float = 5) -> Any:
        return await asyncio.to_thread(self.method("unary_unary", path, request), request, timeout=within)

    async def stream(self, path: str, request: Any, *, within: float = 5, take: int | None = None) -> list[Any]:
        def run() -> list[Any]:
            call = self.method("unary_stream", path, request)(request, timeout=within)
            read: list[Any] = []
            try:
                for message in call:
                    read.append(message)
                    if len(read) == take:
                        call.cancel()
                        break
            except grpc.RpcError as error:
                error.read = read  # type: ignore[attr-defined]
                raise
            return read

        return await asyncio.to_thread(run)

    async def stalled(self, request: Any, seconds: float) -> int:
        def run() -> int:
            call = self.method("unary_stream", ATTACH, request)(request, timeout=20)
            next(call)
            time.sleep(seconds)
            call.cancel()
            return 1

        return await asyncio.to_thread(run)


@dataclass
class Stage:
    """A running server, and a wire to it as a service speaks; `bare` sends no principal."""

    servicer: Servicer
    wire: Wire
    bare: Wire
    stop: Callable[[], Any]

    @property
    def seen(self) -> Seen:
        return self.servicer.seen


TRANSPORTS = ("socket-aio", "socket-sync", "inprocess-aio", "inprocess-sync")


@asynccontextmanager
async def staged(transport: str, service: str = "gateway") -> AsyncIterator[Stage]:
    servicer = Servicer()  # type: ignore[abstract]  # the rest is not served

    class Registered:
        def register(self, server: Any) -> None:
            query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicer, server)

    verifier = PrincipalVerifier("accountant", {name: key.public_key() for name, key in KEYS.items()})
    interceptors = internal_interceptors("accountant", verifier, RULES)
    wire_of = AioWire if transport.endswith("aio") else SyncWire
    inner: Any
    stop: Callable[[], Any]
    if transport.startswith("socket"):
        running = await start_server(MeshSettings(max_message_bytes=MAX_REQUEST), [Registered()], interceptors)
        target = f"127.0.0.1:{running.port}"
        inner = aio_channel(target) if wire_of is AioWire else sync_channel(target)

        async def stop_socket() -> None:
            await running.drain(0)

        stop = stop_socket
    else:
        server = InProcessServer(interceptors, max_received_bytes=MAX_REQUEST)
        Registered().register(server)
        inner = server.channel() if wire_of is AioWire else server.sync_channel(asyncio.get_running_loop())
        stop = server.stop
    channel = MeshChannel(inner, PrincipalSigner(service, KEYS[service]), "accountant")
    try:
        yield Stage(servicer, wire_of(channel), wire_of(inner), stop)
    finally:
        if wire_of is AioWire:
            await inner.close()
        else:
            inner.close()
        await stop()


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    refusal = Refusal.from_rpc_error(caught.value)
    assert refusal is not None, caught.value
    assert refusal.code is caught.value.code()
    return refusal


async def failed(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    assert Refusal.from_rpc_error(caught.value) is None
    return caught.value.code(), caught.value.details() or ""
