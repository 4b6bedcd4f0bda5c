"""Calls with deadlines and repetition."""

import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, Protocol, TypeVar

import grpc
from google.protobuf.message import DecodeError, EncodeError, Message
from google.rpc import code_pb2, status_pb2

from sfumato._core.connection import Connection
from sfumato._core.retries import RetryPolicy
from sfumato._core.statuses import Refusal, read_status, to_exception
from sfumato._transport.channel import REQUEST_CAP, call_metadata
from sfumato.errors import InvalidRequest, RequestTooLarge, SfumatoError

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ResponseT_co = TypeVar("ResponseT_co", covariant=True)
StubT = TypeVar("StubT")

DEADLINE: Final = 30.0
"""Seconds for one attempt of a call that answers once."""
_STATUS_KEY: Final = "grpc-status-details-bin"
_UNREACHABLE: Final = "no mesh answers at {target}."


class Stream(Protocol[ResponseT_co]):
    """The responses of a running call."""

    def __iter__(self) -> Iterator[ResponseT_co]: ...

    def cancel(self) -> object:
        """Stop reading; what the mesh does for it goes on or ends there."""


def end_stream(stream: Stream[object]) -> None:
    """Stop a stream. In a program that traces its calls it is a generator, which drops its call when it is closed."""
    if isinstance(stream, Generator):
        stream.close()
    else:
        stream.cancel()


def read_error(error: grpc.RpcError, target: str) -> Refusal:
    """Return what a failed call says."""
    said = error.trailing_metadata() if isinstance(error, grpc.Call) else None
    trailing: Sequence[tuple[str, str | bytes]] = tuple(said or ())
    for key, value in trailing:
        if key == _STATUS_KEY and isinstance(value, bytes):
            try:
                return read_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    code = error.code().value[0] if isinstance(error, grpc.Call) and error.code() is not None else code_pb2.UNKNOWN
    details = (error.details() if isinstance(error, grpc.Call) else "") or ""
    if code == code_pb2.CANCELLED or (code == code_pb2.INTERNAL and "RST_STREAM" in details):
        return Refusal(code_pb2.UNAVAILABLE, "the connection was cut.")
    if code == code_pb2.UNAVAILABLE:
        return Refusal(code, _UNREACHABLE.format(target=target))
    if code == code_pb2.DEADLINE_EXCEEDED:
        return Refusal(code, f"{target} did not answer in time.")
    if code == code_pb2.RESOURCE_EXHAUSTED:
        return Refusal(code, "a message is above what the transport takes.")
    return Refusal(code, f"{target} answered {code_pb2.Code.Name(code)}.")


class Calls:
    """One connection: every call has a deadline, and only unknown outcomes are repeated."""

    def __init__(
        self,
        connection: Connection,
        channel: grpc.Channel,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connection = connection
        self.channel = channel
        self.policy = policy or RetryPolicy()
        self.clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._known = False
        self._closed = False
        self._stubs: dict[type[object], object] = {}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return call_metadata(self.connection)

    def stub(self, kind: Callable[[grpc.Channel], StubT]) -> StubT:
        """Return the stub of a service, made once.

        Raises:
            SfumatoError: the connection was closed.
        """
        if self._closed:
            raise SfumatoError("the connection is closed.", hint="sf.connect()")
        assert isinstance(kind, type)
        stub = self._stubs.get(kind)
        if stub is None:
            stub = self._stubs[kind] = kind(self.channel)
        return stub  # type: ignore[return-value]

    def unary(
        self,
        method: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        *,
        deadline: float = DEADLINE,
    ) -> ResponseT:
        """Call once or, where the outcome is unknown, a few times.

        Args:
            method: of a stub.
            request: repeated as it is, request_id included.
            deadline: seconds for each attempt.

        Raises:
            SfumatoError: as the mesh says, or Unavailable.
        """
        check_size(request)
        failed = 0
        while True:
            try:
                response = method(request, timeout=deadline, metadata=self.metadata)
            except grpc.RpcError as error:
                refusal = read_error(error, self.connection.target)
            else:
                self.answered()
                return response
            failed += 1
            self.wait(refusal, failed)

    def pages(
        self,
        method: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
    ) -> Iterator[ResponseT]:
        """Call for page after page until there is none."""
        while True:
            response = self.unary(method, request)
            yield response
            token = response.next_page_token  # type: ignore[attr-defined]
            if not token:
                return
            request.page_token = token  # type: ignore[attr-defined]

    def answered(self) -> None:
        """Note that the mesh answers."""
        self._known = True

    def wait(self, refusal: Refusal, failed: int) -> None:
        """Sleep before the next attempt.

        Raises:
            SfumatoError: there is to be no other attempt.
        """
        if refusal.reason:
            self._known = True
        delay = self.policy.wait(refusal, failed, known=self._known, random=self._jitter())
        if delay is None:
            raise to_exception(refusal) from None
        self._sleep(delay)

    def close(self) -> None:
        """Close the channel; doing it twice changes nothing."""
        self._closed = True
        self.channel.close()


def check_size(request: Message) -> None:
    """Refuse a request that a mesh would not take, before it is sent.

    Raises:
        RequestTooLarge: above 1 MiB.
        InvalidRequest: it cannot be written down.
    """
    try:
        size = request.ByteSize()
    except (EncodeError, ValueError):
        raise InvalidRequest("the request cannot be encoded.", reason="REQUEST_INVALID") from None
    if size > REQUEST_CAP:
        raise RequestTooLarge(
            f"the request has {size:,} bytes; a mesh takes {REQUEST_CAP:,}.",
            reason="REQUEST_INVALID",
            hint="fewer keys, candidates or characters",
        )
