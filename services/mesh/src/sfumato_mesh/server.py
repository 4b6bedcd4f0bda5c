"""A service's gRPC server: main port, health on a port of its own, reflection, drain.

Health has its own server, since a second port of the main one would serve every method in plain text to probes.
"""

import asyncio
import logging
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection as grpc_reflection

from sfumato_mesh.settings import MeshSettings

LIVENESS: Final = "liveness"
"""Health name that is SERVING as long as the process lives; "" and the services' names end with the drain."""

_LOG: Final = logging.getLogger(__name__)
_MAX_METADATA_BYTES: Final = 32 * 1024  # a token of more than 8 KiB gets a refusal, not a broken connection


if TYPE_CHECKING:
    # Generated `add_XServicer_to_server` functions ask for a server by its type, and call these two methods alone.
    ServerLike: TypeAlias = grpc.aio.Server
else:

    class ServerLike(Protocol):
        """What handlers register with: a grpc.aio.Server, or an in-process one."""

        def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
            """Register a service's methods by name."""
            ...

        def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
            """Register handlers that choose by call details."""
            ...


class Handlers(Protocol):
    """One servicer of a service."""

    def register(self, server: ServerLike) -> None:
        """Call the generated `add_XServicer_to_server` with itself and the server."""
        ...


class RunningServer:
    """A server that answers, until it is drained."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        probed: grpc.aio.Server,
        health_port: int,
        health_of: "_Health",
        drain_seconds: float,
    ) -> None:
        self.port = port
        self.health_port = health_port
        self._drain_seconds = drain_seconds
        self._server = server
        self._probed = probed
        self._health_of = health_of
        self._draining = False

    async def set_serving(self, serving: bool) -> None:
        """Tell probes whether calls should come here, for as long as the server is not drained. Calls are answered."""
        if self._draining:
            return
        await (self._health_of.start_serving() if serving else self._health_of.stop_serving())

    async def drain(self, grace: float | None = None) -> None:
        """Say NOT_SERVING, refuse new calls, let running ones end for `grace` seconds (None: as set), and stop."""
        self._draining = True
        await self._health_of.stop_serving()
        await self._server.stop(self._drain_seconds if grace is None else grace)
        await self._probed.stop(0)

    async def run_until_signal(self, grace: float | None = None) -> None:
        """Serve until SIGTERM or SIGINT, then drain. For the main coroutine of a process."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await stopped.wait()
        _LOG.info("draining")
        await self.drain(grace)


class _Health:
    """What probes are told."""

    def __init__(self, services: Sequence[str]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._names = ["", *services]

    async def start_serving(self) -> None:
        await self.servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        for name in self._names:
            await self.servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop_serving(self) -> None:
        for name in self._names:
            await self.servicer.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)


class _Registry:
    """Passes registrations on and remembers the services' names.

    Generated code registers each method twice: in a generic handler, and by name. For each that is registered by name
    grpc.aio 1.85 keeps a pending call, and takes all of them up again at every call that comes: with fifty methods that
    is a third of a bare call's cost. The generic handlers serve alone.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.services: list[str] = []

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        del method_handlers
        self.services.append(service_name)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(generic_rpc_handlers)


async def start_server(
    settings: MeshSettings,
    handlers: Sequence[Handlers],
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    *,
    reflection: Sequence[str] = (),
) -> RunningServer:
    """Start a server and its health, and return both.

    Args:
        settings: addresses, message caps, concurrency, seconds for draining.
        handlers: the servicers.
        interceptors: outermost first.
        reflection: full names of the services that reflection lists, for grpcurl and buf curl; empty: no reflection.

    Raises:
        OSError: an address cannot be bound.
    """
    server = grpc.aio.server(
        interceptors=list(interceptors),
        options=_options(settings),
        maximum_concurrent_rpcs=settings.max_concurrent_calls,
    )
    registry = _Registry(server)
    for each in handlers:
        each.register(cast("ServerLike", registry))
    services = tuple(registry.services)
    if reflection:
        served: Any = registry
        grpc_reflection.enable_server_reflection([*reflection, grpc_reflection.SERVICE_NAME], served)
    probed = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_of = _Health(services)
    health_pb2_grpc.add_HealthServicer_to_server(health_of.servicer, probed)
    port = _bind(server, settings.listen_address)
    health_port = _bind(probed, settings.health_address)
    await server.start()
    await health_of.start_serving()
    await probed.start()
    return RunningServer(server, port, probed, health_port, health_of, settings.drain_seconds)


def _options(settings: MeshSettings) -> list[tuple[str, Any]]:
    return [
        ("grpc.so_reuseport", 0),  # 1, the default, lets a stale server share the port unseen
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_response_bytes),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", round(settings.max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(settings.max_connection_age_seconds * 1000)),
    ]


def _bind(server: grpc.aio.Server, address: str) -> int:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if port == 0:
        raise OSError(f"cannot listen on {address}: the address is taken, or not one of this machine")
    return port
