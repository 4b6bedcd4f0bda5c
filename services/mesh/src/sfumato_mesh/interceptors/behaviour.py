"""The form that all interceptors share: a coroutine around a coroutine.

Response streams become coroutines too: the innermost layer iterates the servicer's generator and writes to the context.
So a cancelled call closes the generator at once, in its own task and context (grpc.aio leaves a cancelled generator to
the garbage collector), and no layer is paid for each message.
"""

import abc
import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

Behaviour: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
"""(request, context) → response; for response streams None, when all messages are written."""
if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
else:  # at run time the class takes no parameters
    Handler = grpc.RpcMethodHandler


class CallInterceptor(grpc.aio.ServerInterceptor, abc.ABC):
    """Wraps every method with a unary request, once for each method. Other methods (reflection) pass as they are.

    Contexts are asked only for what grpc.aio and the in-process server both offer.
    """

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    @abc.abstractmethod
    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return what runs in place of `proceed`. `method` is the full name: "/package.Service/Method"."""

    def deserializer(self, parse: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
        """Return what parses requests in place of `parse`."""
        return parse

    def request_stream(self, method: str, handler: Handler) -> Handler:
        """Return what serves a method whose requests are a stream."""
        del method
        return handler

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the wrapped handler; None for unknown methods, to which the server answers UNIMPLEMENTED."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        known = self._wrapped.get(method)
        if known is not None and known[0] is handler:
            return known[1]
        wrapped = self._wrap(method, handler)
        self._wrapped[method] = (handler, wrapped)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        if handler.request_streaming:
            return self.request_stream(method, handler)
        parse, serialise = self.deserializer(handler.request_deserializer), handler.response_serializer
        if handler.response_streaming:
            stream: Any = self.around(method, written(handler.unary_stream))
            return grpc.unary_stream_rpc_method_handler(stream, parse, serialise)
        unary: Any = handler.unary_unary
        around: Any = self.around(method, unary)
        return grpc.unary_unary_rpc_method_handler(around, parse, serialise)


def written(stream: Any) -> Behaviour:
    """Return a response stream as a coroutine that writes each message; what is one already passes."""
    if not inspect.isasyncgenfunction(stream):
        behaviour: Behaviour = stream
        return behaviour

    async def write_all(request: Any, context: Any) -> None:
        async with aclosing(stream(request, context)) as messages:
            async for message in messages:
                await context.write(message)

    return write_all
