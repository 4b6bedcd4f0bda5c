"""Calls between processes of the model: the handlers of generated services, over a network that loses and delays.

A message is serialised and parsed on its way, so that nothing is shared; a refusal is what it is on the wire.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import grpc

from sfumato_accountant.stores.ports import StoreUnavailable
from sfumato_mesh.caller import Caller, current_caller, enter_call
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import service_unavailable
from tests.model.stepping import OK, PROCESS, Process, Stepper, seen, wait

REQUEST_LOST: Final = "request lost"
REPLY_LOST: Final = "reply lost"
ARRIVES_LATE: Final = "arrives late"
NETWORK: Final = (OK, REQUEST_LOST, REPLY_LOST, ARRIVES_LATE)


class Registry:
    """The methods of one process, registered as on a server."""

    def __init__(self, process: Process, handlers: Sequence[Any]) -> None:
        self.process = process
        self.methods: dict[str, Any] = {}
        for each in handlers:
            each.register(self)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        for name, handler in method_handlers.items():
            self.methods[f"/{service_name}/{name}"] = handler

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Generated code registers every method twice."""


FAULTS_OF_SERVICES: contextvars.ContextVar[list[BaseException]] = contextvars.ContextVar("faults_of_services")
"""What handlers raised that no handler should: a server would hide it behind UNAVAILABLE."""

Find = Callable[[], Registry]
"""Which replica takes the next call."""
Speak = Callable[[], Caller]
"""For whom the caller speaks."""


def as_gateway() -> Caller:
    """The gateway speaks for the user of the running call."""
    user = current_caller()
    return Caller("gateway", user.user, user.roles, user.projects)


def as_executor() -> Caller:
    return Caller("executor", "")


class Channel(grpc.aio.Channel):
    """An asynchronous channel; `network` says whether calls wait for the schedule, and may be lost."""

    def __init__(self, stepper: Stepper, find: Find, speak: Speak, *, network: bool) -> None:
        self._stepper = stepper
        self._find = find
        self._speak = speak
        self._network = network

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *_: Any, **__: Any
    ) -> Any:
        def call(request: Any, **_: Any) -> Any:
            return asyncio.ensure_future(self.ask(method, request, response_deserializer))

        return call

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *_: Any, **__: Any
    ) -> Any:
        def call(request: Any, **_: Any) -> Any:
            return Stream(self.stream(method, request, response_deserializer))

        return call

    async def ask(self, method: str, request: Any, parse: Any) -> Any:
        """Make one call and return its response."""
        name = method.rpartition("/")[2]
        outcome = await self._stepper.pause(f"call {name}", NETWORK) if self._network else OK
        if outcome == REQUEST_LOST:
            raise unavailable()
        registry = self._find()
        handler = registry.methods[method]
        running = self._begin(
            registry.process, _unary(handler, handler.request_deserializer(request.SerializeToString()))
        )
        if outcome == ARRIVES_LATE:
            running.add_done_callback(seen)
            raise unavailable()
        response = await _of_callee(running, registry.process)
        if outcome == REPLY_LOST:
            raise unavailable()
        return parse(response.SerializeToString())

    async def stream(self, method: str, request: Any, parse: Any) -> AsyncIterator[Any]:
        """Make one call and yield its responses."""
        registry = self._find()
        handler = registry.methods[method]
        responses: asyncio.Queue[Any] = asyncio.Queue(1)
        running = self._begin(
            registry.process, _pumped(handler, handler.request_deserializer(request.SerializeToString()), responses)
        )
        try:
            while True:
                taking = asyncio.ensure_future(responses.get())
                await asyncio.wait((taking, running), return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    yield parse(taking.result().SerializeToString())
                    continue
                taking.cancel()
                await _of_callee(running, registry.process)
                while not responses.empty():
                    yield parse(responses.get_nowait().SerializeToString())
                return
        finally:
            running.cancel()

    def _begin(self, callee: Process, work: Any) -> "asyncio.Task[Any]":
        """Run a handler as a task of the called process, for the caller that speaks."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, callee)
        context.run(enter_call, self._speak())
        return asyncio.get_running_loop().create_task(work, context=context)

    # What a channel has beside.

    def stream_unary(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def stream_stream(self, *_: Any, **__: Any) -> Any:
        return None

    async def close(self, grace: float | None = None) -> None:
        """Nothing is held."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await asyncio.Event().wait()

    async def channel_ready(self) -> None:
        """It is."""

    async def __aenter__(self) -> "Channel":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""


class Stream:
    """A call with a stream of responses, as generated stubs return it."""

    def __init__(self, responses: AsyncIterator[Any]) -> None:
        self._responses: Any = responses
        self._reading: asyncio.Task[Any] | None = None

    async def read(self) -> Any:
        self._reading = asyncio.ensure_future(anext(self._responses, grpc.aio.EOF))
        return await self._reading

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self.read()) is not grpc.aio.EOF:
            yield response

    def cancel(self) -> bool:
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
        else:
            asyncio.ensure_future(self._responses.aclose())  # noqa: RUF006  (it ends with the walk at the latest)
        return True


class BlockingChannel:
    """The same for blocking code in greenlets."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *_: Any, **__: Any
    ) -> Any:
        def call(request: Any, **_: Any) -> Any:
            return wait(self._channel.ask(method, request, response_deserializer))

        return call

    def unary_stream(self, *_: Any, **__: Any) -> Any:
        return None

    stream_unary = stream_stream = unary_stream


def unavailable() -> grpc.RpcError:
    """What a caller sees that does not know what became of its call."""
    return _rpc_error(service_unavailable("network"))


def _rpc_error(refusal: Refusal) -> grpc.RpcError:
    details = refusal.to_status().SerializeToString()
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", details))
    return grpc.aio.AioRpcError(refusal.code, grpc.aio.Metadata(), trailing, details=refusal.message)


async def _of_callee(running: "asyncio.Task[Any]", callee: Process) -> Any:
    """Return what a handler returned; whatever it raised is what a server makes of it."""
    try:
        await asyncio.wait((running,))
    finally:
        if not running.done():
            running.cancel()  # the caller went away: the call is cancelled
    if running.cancelled() or not callee.alive:
        raise unavailable()
    error = running.exception()
    if error is None:
        return running.result()
    if isinstance(error, Refusal):
        raise _rpc_error(error)
    if not isinstance(error, StoreUnavailable | grpc.RpcError):
        FAULTS_OF_SERVICES.get().append(error)
    raise unavailable()


def _unary(handler: Any, request: Any) -> Any:
    return handler.unary_unary(request, None)


async def _pumped(handler: Any, request: Any, responses: "asyncio.Queue[Any]") -> None:
    async for response in handler.unary_stream(request, None):
        await responses.put(response)
