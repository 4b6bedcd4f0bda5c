"""A gRPC server without a socket: the same handlers behind the same interceptors, for services in one process.

A call costs serialising, parsing and one task in place of two trips through the network stack, and behaves alike:
isolation of messages and context variables, metadata, statuses with details, deadlines, cancellation, back-pressure.
`tests/contract/test_mesh_transport.py` holds both to one suite.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import grpc
from grpc.aio import AbortError

from sfumato_mesh.exchange import Exchange, Metadata
from sfumato_mesh.inprocess_channels import InProcessChannel
from sfumato_mesh.inprocess_sync import InProcessSyncChannel
from sfumato_mesh.interceptors.behaviour import CallInterceptor, Handler

MAX_RECEIVED_BYTES: Final = 4 * 1024 * 1024
"""Largest request message between services; a public request of 1 MiB, wrapped, fits."""

_LOG: Final = logging.getLogger(__name__)
_Find = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


class _CallDetails(grpc.HandlerCallDetails):
    """What interceptors see of a call before its handler is chosen."""

    def __init__(self, method: str, metadata: Metadata) -> None:
        self.method = method
        self.invocation_metadata: Any = metadata


class InProcessServer:
    """Takes handlers as grpc.aio.Server does; its channels lead to them."""

    def __init__(
        self, interceptors: Sequence[grpc.aio.ServerInterceptor] = (), *, max_received_bytes: int = MAX_RECEIVED_BYTES
    ) -> None:
        """Take the interceptors, outermost first, and the largest request in bytes."""
        self._handlers: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._max_received_bytes = max_received_bytes
        self._running: set[Exchange] = set()
        self._stopping = False
        find: _Find = self._find
        for interceptor in reversed(interceptors):
            find = _intercepted(interceptor, find)
        self._find_intercepted = find
        # What a CallInterceptor makes of a handler depends on nothing but its method.
        self._lasting = all(isinstance(each, CallInterceptor) for each in interceptors)
        self._found: dict[str, Handler] = {}

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Register a service's methods, as generated code does."""
        for name, handler in method_handlers.items():
            self._handlers[f"/{service_name}/{name}"] = handler

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Register handlers that choose by call details, as generated code does."""
        self._generic.extend(generic_rpc_handlers)

    def channel(self) -> InProcessChannel:
        """Return a channel for generated aio stubs, to be used on the loop of the server."""
        return InProcessChannel(self)

    def sync_channel(self, loop: asyncio.AbstractEventLoop) -> InProcessSyncChannel:
        """Return a channel for generated sync stubs, for threads other than that of `loop`, the server's."""
        return InProcessSyncChannel(self, loop)

    async def stop(self, grace: float | None = None) -> None:
        """Refuse new calls with UNAVAILABLE; end running ones after `grace` seconds (None: at once)."""
        self._stopping = True
        tasks = [exchange.task for exchange in self._running if exchange.task is not None]
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace)
        for exchange in tuple(self._running):
            exchange.shut_down()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    def open(self, method: str, request: bytes, metadata: Metadata, timeout: float | None) -> Exchange:
        """Start a call on the server's loop and return its state."""
        exchange = Exchange(method, metadata, timeout, self._running.discard)
        if self._stopping:
            exchange.finish(grpc.StatusCode.UNAVAILABLE, "The server is stopped.")
        elif len(request) > self._max_received_bytes:
            exchange.finish(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"SERVER: Received message larger than max ({len(request)} vs. {self._max_received_bytes})",
            )
        else:
            self._running.add(exchange)
            exchange.start(self._serve(exchange, request))
        return exchange

    async def _find(self, details: grpc.HandlerCallDetails) -> Handler | None:
        handler = self._handlers.get(str(details.method))
        if handler is not None:
            return handler
        return next((found for each in self._generic if (found := each.service(details)) is not None), None)

    async def _serve(self, exchange: Exchange, request: bytes) -> None:
        try:
            await self._answer(exchange, request)
            exchange.finish()
        except AbortError:
            exchange.finish(grpc.StatusCode.UNKNOWN, "Aborted.")
        except asyncio.CancelledError:
            exchange.finish(grpc.StatusCode.CANCELLED, "The handler was cancelled.")
            raise
        except Exception as error:  # noqa: BLE001  (as grpc does; the refusal interceptor lets none through)
            _LOG.error("handler raised %s: method=%s", type(error).__qualname__, exchange.method)
            exchange.finish(grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}")

    async def _answer(self, exchange: Exchange, request: bytes) -> None:
        handler = self._found.get(exchange.method)
        if handler is None:
            handler = await self._find_intercepted(_CallDetails(exchange.method, exchange.invocation_metadata()))
            if handler is None:
                exchange.finish(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
                return
            if self._lasting:
                self._found[exchange.method] = handler
        if handler.request_streaming:
            exchange.finish(grpc.StatusCode.UNIMPLEMENTED, "Streams of requests are not served in the process.")
            return
        parse, serialise = handler.request_deserializer, handler.response_serializer
        message = request if parse is None else parse(request)
        exchange.serialise = serialise
        if not handler.response_streaming:
            unary: Any = handler.unary_unary
            response = await unary(message, exchange)
            exchange.send(response if serialise is None else serialise(response))
            return
        stream: Any = handler.unary_stream
        if not inspect.isasyncgenfunction(stream):
            await stream(message, exchange)
            return
        async with aclosing(stream(message, exchange)) as responses:
            async for response in responses:
                await exchange.write(response)


def _intercepted(interceptor: grpc.aio.ServerInterceptor, find: _Find) -> _Find:
    async def intercepted(details: grpc.HandlerCallDetails) -> Handler | None:
        handler: Handler | None = await interceptor.intercept_service(find, details)
        return handler

    return intercepted


__all__ = ["MAX_RECEIVED_BYTES", "InProcessChannel", "InProcessServer", "InProcessSyncChannel"]
