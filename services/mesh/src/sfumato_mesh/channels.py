"""Channels between services: balanced, kept alive, signed, traced, and never longer than the call they serve."""

import json
from collections.abc import Sequence
from typing import Any, Final, overload

import grpc
import grpc.aio
from opentelemetry import trace

from sfumato_mesh import client_spans
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.inbound import outgoing_timeout, public_method
from sfumato_mesh.principal import METADATA_KEY, PrincipalSigner
from sfumato_mesh.trace_ids import is_untraced

UNARY_CAP: Final = 30.0
"""Seconds that a call with one response may last."""
STREAM_CAP: Final = 3600.0
"""Seconds that a stream of responses may last; long waits are watched again."""
MAX_RECEIVED_BYTES: Final = 8 * 1024 * 1024
"""Largest response message that a client takes."""

_SERVICE_CONFIG: Final = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
# A time-out in the service config is broken in Python (grpc/grpc #40633): every call gets its own.
_OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVED_BYTES),
    ("grpc.max_send_message_length", MAX_RECEIVED_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def aio_channel(target: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.aio.Channel:
    """Return an insecure channel for the loop's coroutines. `dns:///name:port` balances over all addresses."""
    return grpc.aio.insecure_channel(target, options=[*_OPTIONS, *options])


def sync_channel(target: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """Return an insecure channel for threads. Make it after a fork, never before."""
    return grpc.insecure_channel(target, options=[*_OPTIONS, *options])


class _Outgoing:
    """What aio and sync channels share."""

    def __init__(
        self,
        inner: grpc.aio.Channel | grpc.Channel,
        signer: PrincipalSigner,
        audience: str,
        *,
        unary_cap: float = UNARY_CAP,
        stream_cap: float = STREAM_CAP,
        tracer_provider: trace.TracerProvider | None = None,
    ) -> None:
        """Take the channel, what signs principals, and the service at the other end.

        Args:
            inner: an aio, sync or in-process channel; closing this one closes it.
            signer: signs with this service's key.
            audience: "accountant" or "executor".
            unary_cap: longest call with one response, in seconds.
            stream_cap: longest stream, in seconds.
            tracer_provider: what makes spans; None: the process-wide one.
        """
        self._inner: Any = inner
        self._signer = signer
        self._audience = audience
        self._itself = Caller(signer.service, "")
        self._unary_cap = unary_cap
        self._stream_cap = stream_cap
        self.tracer = trace.get_tracer("sfumato_mesh", tracer_provider=tracer_provider)
        self.is_idle = tracer_provider is None and is_untraced()
        """Whether no call has a span of its own here."""

    def principal_metadata(self) -> tuple[str, bytes]:
        """Return the metadata entry that says for whom the call is."""
        try:
            caller = current_caller()
        except LookupError:
            caller = self._itself
        return METADATA_KEY, self._signer.sign(caller, self._audience, public_method())

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a method with one response."""
        inner = self._inner.unary_unary(method, *args, **kwargs)
        kind = _AioMethod if isinstance(self, AioMeshChannel) else _SyncUnaryMethod
        return kind(self, method, inner, self._unary_cap)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a method with a stream of responses."""
        inner = self._inner.unary_stream(method, *args, **kwargs)
        kind = _AioMethod if isinstance(self, AioMeshChannel) else _SyncStreamMethod
        return kind(self, method, inner, self._stream_cap)

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Any:
        """Refuse: no request of the mesh is a stream."""
        raise NotImplementedError(f"{method}: no request of the mesh is a stream")

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Any:
        """Refuse: no request of the mesh is a stream."""
        raise NotImplementedError(f"{method}: no request of the mesh is a stream")


class MeshChannel(_Outgoing):
    """A channel to another service, for generated stubs: `XStub(MeshChannel(inner, signer, audience))`.

    Every call carries the principal of the current caller (a service other than the gateway, or a task without caller,
    speaks for itself), the trace, and a time-out: the least of the cap, what the call asks, and what the inbound call
    has left less 50 ms. Made on an aio channel it is one, made on a sync channel it is one; in-process channels too.
    """

    @overload
    def __new__(
        cls,
        inner: grpc.aio.Channel,
        signer: PrincipalSigner,
        audience: str,
        *,
        unary_cap: float = ...,
        stream_cap: float = ...,
        tracer_provider: trace.TracerProvider | None = ...,
    ) -> "AioMeshChannel": ...

    @overload
    def __new__(
        cls,
        inner: grpc.Channel,
        signer: PrincipalSigner,
        audience: str,
        *,
        unary_cap: float = ...,
        stream_cap: float = ...,
        tracer_provider: trace.TracerProvider | None = ...,
    ) -> "SyncMeshChannel": ...

    def __new__(cls, inner: grpc.aio.Channel | grpc.Channel, *_: object, **__: object) -> "MeshChannel":
        """Choose by the kind of the inner channel."""
        kind: type[MeshChannel] = AioMeshChannel if isinstance(inner, grpc.aio.Channel) else SyncMeshChannel
        return super().__new__(kind)


class AioMeshChannel(MeshChannel, grpc.aio.Channel):
    """A MeshChannel for coroutines."""

    async def close(self, grace: float | None = None) -> None:
        """Close the inner channel."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the inner channel's state."""
        state: grpc.ChannelConnectivity = self._inner.get_state(try_to_connect)
        return state

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the inner channel's state is another."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the inner channel is connected."""
        await self._inner.channel_ready()

    async def __aenter__(self) -> "AioMeshChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class SyncMeshChannel(MeshChannel, grpc.Channel):
    """A MeshChannel for threads."""

    def close(self) -> None:
        """Close the inner channel."""
        self._inner.close()

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        """Call back with the inner channel's states."""
        self._inner.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """Stop calling back."""
        self._inner.unsubscribe(callback)

    def __enter__(self) -> "SyncMeshChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    """One method at the other end."""

    def __init__(self, channel: _Outgoing, path: str, inner: Any, cap: float) -> None:
        self._channel = channel
        self._path = path
        self._inner = inner
        self._cap = cap

    def _prepared(self, timeout: float | None, metadata: Any) -> tuple[trace.Span, float, list[tuple[str, Any]]]:
        principal = self._channel.principal_metadata()
        if self._channel.is_idle and trace.get_current_span() is trace.INVALID_SPAN:
            return trace.INVALID_SPAN, outgoing_timeout(self._cap, timeout), [*(metadata or ()), principal]
        span, headers = client_spans.begin(self._channel.tracer, self._path)
        return span, outgoing_timeout(self._cap, timeout), [*(metadata or ()), principal, *headers]


class _AioMethod(_Method):
    def __call__(self, request: Any, *, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        span, seconds, entries = self._prepared(timeout, metadata)
        call = self._inner(request, timeout=seconds, metadata=entries, **options)
        client_spans.end_with(span, call)
        return call


class _SyncUnaryMethod(_Method):
    def __call__(self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        return self.with_call(request, timeout, metadata, **options)[0]

    def with_call(self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        span, seconds, entries = self._prepared(timeout, metadata)
        code = grpc.StatusCode.UNKNOWN
        try:
            answer = self._inner.with_call(request, timeout=seconds, metadata=entries, **options)
            code = grpc.StatusCode.OK
            return answer
        except grpc.RpcError as error:
            code = client_spans.code_of(error)
            raise
        finally:
            client_spans.end(span, code)


class _SyncStreamMethod(_Method):
    def __call__(self, request: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        span, seconds, entries = self._prepared(timeout, metadata)
        call = self._inner(request, timeout=seconds, metadata=entries, **options)
        if not call.add_callback(lambda: client_spans.end(span, call.code())):
            client_spans.end(span, call.code())
        return call
