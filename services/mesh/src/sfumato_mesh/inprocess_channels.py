"""The client's side of calls inside the process, as generated aio stubs use it on the server's own loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Final, Protocol

import grpc

from sfumato_mesh.exchange import Exchange, Metadata, Outcome, as_metadata

_GARBAGE: Final = "Cancelled upon garbage collection!"


class Opens(Protocol):
    """What starts calls: the in-process server."""

    def open(self, method: str, request: bytes, metadata: Metadata, timeout: float | None) -> Exchange:
        """Start a call on the loop of the server."""
        ...


class _Call:
    """What unary and streaming calls share (grpc.aio.Call)."""

    def __init__(self, exchange: Exchange, parse: Callable[[bytes], Any] | None) -> None:
        self._exchange = exchange
        self._parse = parse
        self._loop = asyncio.get_running_loop()
        self._cancelled = False

    def __del__(self) -> None:
        """Cancel a call that nobody can read any more, as a channel on a socket does."""
        exchange = getattr(self, "_exchange", None)
        if exchange is not None and not exchange.done() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(exchange.cancel, _GARBAGE)

    def cancel(self) -> bool:
        """Cancel the call; False if it had ended."""
        cancelled = self._exchange.cancel()
        self._cancelled = self._cancelled or cancelled
        return cancelled

    def cancelled(self) -> bool:
        """Return whether this side cancelled the call."""
        return self._cancelled

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self._exchange.done()

    def outcome(self) -> Outcome | None:
        """Return how the call ended, without waiting; None: it has not."""
        return self._exchange.outcome

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline; None: no deadline."""
        remaining: float | None = self._exchange.time_remaining()
        return remaining

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this call when it has ended."""
        self._exchange.add_done_callback(lambda _: callback(self))

    async def wait_for_connection(self) -> None:
        """Return at once: there is nothing to connect."""

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Return the initial metadata, when the server has begun to answer."""
        while self._exchange.initial is None and not self._exchange.done():
            await self._news()
        return _aio_metadata(self._exchange.initial)

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Return the trailing metadata, when the call has ended."""
        await self._end()
        assert self._exchange.outcome is not None
        return _aio_metadata(self._exchange.outcome.trailing)

    async def code(self) -> grpc.StatusCode:
        """Return the status code, when the call has ended."""
        await self._end()
        assert self._exchange.outcome is not None
        return self._exchange.outcome.code

    async def details(self) -> str:
        """Return the status text, when the call has ended."""
        await self._end()
        assert self._exchange.outcome is not None
        return self._exchange.outcome.details

    async def _end(self) -> None:
        while not self._exchange.done():
            await self._news()

    async def _news(self) -> None:
        """Wait for a message or the end. Whoever is cancelled while it waits cancels the call."""
        waiting = self._loop.create_future()
        self._exchange.on_news(lambda: None if waiting.done() else waiting.set_result(None))
        try:
            await waiting
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _raise_unless_ok(self) -> None:
        outcome = self._exchange.outcome
        assert outcome is not None
        if self._cancelled:
            raise asyncio.CancelledError
        if outcome.code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                outcome.code,
                _aio_metadata(self._exchange.initial),
                _aio_metadata(outcome.trailing),
                details=outcome.details,
            )

    def _parsed(self, message: bytes) -> Any:
        return message if self._parse is None else self._parse(message)


class InProcessUnaryCall(_Call, grpc.aio.UnaryUnaryCall[Any, Any]):
    """A call with one response: awaited as often as one likes."""

    _response: Any = None
    _received = False

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        await self._end()
        self._raise_unless_ok()
        if not self._received:
            message = self._exchange.take()
            self._received = True
            self._response = None if message is None else self._parsed(message)
        return self._response


class InProcessStreamCall(_Call, grpc.aio.UnaryStreamCall[Any, Any]):
    """A call with a stream of responses."""

    async def read(self) -> Any:
        """Return the next response; grpc.aio.EOF after the last."""
        while True:
            message = self._exchange.take()
            if message is not None:
                return self._parsed(message)
            if self._exchange.done():
                self._raise_unless_ok()
                return grpc.aio.EOF
            await self._news()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self.read()) is not grpc.aio.EOF:
            yield response


class _Method:
    """One method of the server, as generated stubs call it."""

    def __init__(
        self,
        server: Opens,
        path: str,
        kind: Callable[[Exchange, Callable[[bytes], Any] | None], Any],
        serialise: Callable[[Any], bytes] | None,
        parse: Callable[[bytes], Any] | None,
    ) -> None:
        self._server = server
        self._path = path
        self._kind = kind
        self._serialise = serialise
        self._parse = parse

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        """Start the call. Credentials, readiness and compression mean nothing inside a process."""
        del credentials, wait_for_ready, compression
        data = request if self._serialise is None else self._serialise(request)
        return self._kind(self._server.open(self._path, data, as_metadata(metadata), timeout), self._parse)


class InProcessChannel(grpc.aio.Channel):
    """A channel to an in-process server. Closing it leaves the server as it is."""

    def __init__(self, server: Opens) -> None:
        """Take the server."""
        self._server = server

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Return the callable of a method with one response."""
        return _Method(self._server, method, InProcessUnaryCall, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Return the callable of a method with a stream of responses."""
        return _Method(self._server, method, InProcessStreamCall, request_serializer, response_deserializer)

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Any:
        """Return a callable that says that no request is a stream."""
        return _no_request_stream(method)

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Any:
        """Return a callable that says that no request is a stream."""
        return _no_request_stream(method)

    async def close(self, grace: float | None = None) -> None:
        """Do nothing: calls end with the server."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return READY."""
        del try_to_connect
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Return at once if the state seen last was another than READY, else never: the state does not change."""
        if last_observed_state is grpc.ChannelConnectivity.READY:
            await asyncio.Event().wait()

    async def channel_ready(self) -> None:
        """Return at once."""

    async def __aenter__(self) -> "InProcessChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _aio_metadata(metadata: Metadata | None) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(*((each.key, each.value) for each in metadata or ()))


def _no_request_stream(method: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"{method}: streams of requests are not served inside the process")

    return refuse
