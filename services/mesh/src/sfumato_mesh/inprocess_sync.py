"""Calls into the process's loop from other threads, as generated sync stubs make them (the Celery worker's thread)."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError as FutureCancelledError
from typing import Any, Final, NoReturn

import grpc

from sfumato_mesh.exchange import Exchange, Metadata, Outcome, as_metadata
from sfumato_mesh.inprocess_channels import InProcessStreamCall, Opens

_DEADLINE: Final = Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
_GONE: Final = Outcome(grpc.StatusCode.UNAVAILABLE, "The loop of the server is closed.")
_CANCELLED: Final = Outcome(grpc.StatusCode.CANCELLED, "Locally cancelled by application!")


class InProcessRpcError(grpc.RpcError, grpc.Call):
    """A call that failed: what a sync channel on a socket raises, by the same methods."""

    def __init__(self, outcome: Outcome, initial: Metadata) -> None:
        super().__init__(f"{outcome.code.name}: {outcome.details}")
        self._ended = _Ended(outcome, initial)

    def code(self) -> grpc.StatusCode:
        """Return the status code."""
        return self._ended.code()

    def details(self) -> str:
        """Return the status text."""
        return self._ended.details()

    def initial_metadata(self) -> Any:
        """Return the initial metadata."""
        return self._ended.initial_metadata()

    def trailing_metadata(self) -> Any:
        """Return the trailing metadata."""
        return self._ended.trailing_metadata()

    def is_active(self) -> bool:
        """Return False: it has ended."""
        return False

    def time_remaining(self) -> Any:
        """Return None: it has ended."""
        return None

    def cancel(self) -> Any:
        """Return False: it has ended."""
        return False

    def add_callback(self, callback: Callable[[], None]) -> Any:
        """Return False, never to call back: it has ended."""
        del callback
        return False


class _Ended(grpc.Call):
    """A unary call that has ended."""

    def __init__(self, outcome: Outcome, initial: Metadata) -> None:
        self._outcome = outcome
        self._initial = initial

    def code(self) -> grpc.StatusCode:
        return self._outcome.code

    def details(self) -> str:
        return self._outcome.details

    def initial_metadata(self) -> Any:
        return self._initial

    def trailing_metadata(self) -> Any:
        return self._outcome.trailing

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> Any:
        return None

    def cancel(self) -> Any:
        return False

    def add_callback(self, callback: Callable[[], None]) -> Any:
        del callback
        return False


class _UnaryMethod:
    """A method with one response. The calling thread sleeps until the loop wakes it once."""

    def __init__(self, server: Opens, loop: asyncio.AbstractEventLoop, path: str, serialise: Any, parse: Any) -> None:
        self._server = server
        self._loop = loop
        self._path = path
        self._serialise = serialise
        self._parse = parse

    def __call__(self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        """Call and return the response."""
        return self.with_call(request, timeout, metadata, **options)[0]

    def with_call(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any
    ) -> tuple[Any, grpc.Call]:
        """Call and return the response and the ended call.

        Raises:
            InProcessRpcError: the call failed.
        """
        del options  # credentials, readiness and compression mean nothing inside a process
        _refuse_own_thread(self._loop)
        data = request if self._serialise is None else self._serialise(request)
        sent = as_metadata(metadata)
        opened: list[Exchange] = []
        ended = threading.Lock()
        ended.acquire()

        def look() -> None:
            if opened[0].done():
                ended.release()
            else:
                opened[0].on_news(look)

        def begin() -> None:
            opened.append(self._server.open(self._path, data, sent, timeout))
            look()

        _post(self._loop, begin)
        try:
            in_time = ended.acquire(timeout=-1 if timeout is None else max(timeout, 0) + 0.05)
        except BaseException:
            _post(self._loop, lambda: opened[0].cancel())
            raise
        if not in_time:  # the loop is busy or blocked: the deadline holds all the same
            _post(self._loop, lambda: opened[0].cancel())
            raise InProcessRpcError(_DEADLINE, ())
        return self._answer(opened[0])

    def _answer(self, exchange: Exchange) -> tuple[Any, grpc.Call]:
        outcome, initial = exchange.outcome, exchange.initial or ()
        assert outcome is not None
        if outcome.code is not grpc.StatusCode.OK:
            raise InProcessRpcError(outcome, initial)
        message = exchange.take()
        response = message if self._parse is None or message is None else self._parse(message)
        return response, _Ended(outcome, initial)


class InProcessStream(grpc.Call):
    """An iterator over a stream of responses, and its call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: InProcessStreamCall) -> None:
        self._loop = loop
        self._call = call
        remaining = call.time_remaining()
        self._deadline = None if remaining is None else time.monotonic() + remaining

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            response = self._wait(self._call.read())
        except grpc.aio.AioRpcError as error:
            _raise(error)
        except (asyncio.CancelledError, FutureCancelledError):
            raise InProcessRpcError(_CANCELLED, ()) from None
        except TimeoutError:
            raise InProcessRpcError(_DEADLINE, ()) from None
        if response is grpc.aio.EOF:
            raise StopIteration
        return response

    def code(self) -> grpc.StatusCode:
        """Return the status code, when the call has ended."""
        return self._outcome().code

    def details(self) -> str:
        """Return the status text, when the call has ended."""
        return self._outcome().details

    def initial_metadata(self) -> Any:
        """Return the initial metadata, when the server has begun to answer."""
        return as_metadata(self._wait(self._call.initial_metadata()))

    def trailing_metadata(self) -> Any:
        """Return the trailing metadata, when the call has ended."""
        return self._outcome().trailing

    def is_active(self) -> bool:
        """Return whether the call has not ended."""
        return not self._call.done()

    def time_remaining(self) -> Any:
        """Return the seconds until the deadline; None: no deadline."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def cancel(self) -> Any:
        """Cancel the call."""
        _post(self._loop, self._call.cancel)
        return True

    def add_callback(self, callback: Callable[[], None]) -> Any:
        """Call back, on the loop's thread, when the call has ended; False if it has."""
        if self._call.done():
            return False
        _post(self._loop, lambda: self._call.add_done_callback(lambda _: callback()))
        return True

    def _outcome(self) -> Outcome:
        ended = self._call.outcome()
        if ended is None:  # never so in callbacks, which run on the loop's thread and must not wait for it
            self._wait(self._call.code())
            ended = self._call.outcome()
        assert ended is not None
        return ended

    def _wait(self, step: Coroutine[Any, Any, Any]) -> Any:
        timeout = None if self._deadline is None else self.time_remaining() + 0.05
        return _on_loop(self._loop, step, timeout)


class _StreamMethod:
    """A method with a stream of responses."""

    def __init__(self, server: Opens, loop: asyncio.AbstractEventLoop, path: str, serialise: Any, parse: Any) -> None:
        self._server = server
        self._loop = loop
        self._path = path
        self._serialise = serialise
        self._parse = parse

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any
    ) -> InProcessStream:
        """Start the call and return its iterator."""
        del options
        _refuse_own_thread(self._loop)
        data = request if self._serialise is None else self._serialise(request)
        sent = as_metadata(metadata)

        async def begin() -> InProcessStreamCall:
            return InProcessStreamCall(self._server.open(self._path, data, sent, timeout), self._parse)

        return InProcessStream(self._loop, _on_loop(self._loop, begin(), timeout))


class InProcessSyncChannel(grpc.Channel):
    """A channel to an in-process server from other threads. Futures of calls are not offered."""

    def __init__(self, server: Opens, loop: asyncio.AbstractEventLoop) -> None:
        """Take the server and its loop."""
        self._server = server
        self._loop = loop

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Return the callable of a method with one response."""
        return _UnaryMethod(self._server, self._loop, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Return the callable of a method with a stream of responses."""
        return _StreamMethod(self._server, self._loop, method, request_serializer, response_deserializer)

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Any:
        """Refuse: no request is a stream."""
        raise NotImplementedError(f"{method}: streams of requests are not served inside the process")

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Any:
        """Refuse: no request is a stream."""
        raise NotImplementedError(f"{method}: streams of requests are not served inside the process")

    def subscribe(
        self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool | None = False
    ) -> None:
        """Call back once with READY: the state does not change."""
        del try_to_connect
        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        """Do nothing: there is no change to be told."""

    def close(self) -> None:
        """Do nothing: calls end with the server."""

    def __enter__(self) -> "InProcessSyncChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse_own_thread(loop: asyncio.AbstractEventLoop) -> None:
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return
    if running is loop:
        raise RuntimeError("a sync channel would block the loop that serves it: use it from another thread")


def _post(loop: asyncio.AbstractEventLoop, step: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(step)
    except RuntimeError:
        raise InProcessRpcError(_GONE, ()) from None


def _on_loop(loop: asyncio.AbstractEventLoop, step: Coroutine[Any, Any, Any], timeout: float | None) -> Any:
    try:
        future = asyncio.run_coroutine_threadsafe(step, loop)
    except RuntimeError:
        step.close()
        raise InProcessRpcError(_GONE, ()) from None
    try:
        return future.result(timeout)
    except BaseException:
        future.cancel()
        raise


def _raise(error: grpc.aio.AioRpcError) -> NoReturn:
    outcome = Outcome(error.code(), error.details() or "", as_metadata(error.trailing_metadata()))
    raise InProcessRpcError(outcome, as_metadata(error.initial_metadata())) from None
