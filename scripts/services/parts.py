"""The parts, and for each the ways to have it, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from signal import SIGTERM, Signals
from threading import Lock
from typing import TypeVar

from . import docker, document_store, documentdb, message_broker, object_store, redis_server
from .docker import ComposeService
from .errors import ServiceError
from .ports import LOOPBACK
from .process import recorded, stop
from .wire import accepts_connections, amqp_opens_vhost, minio_is_ready, mongodb_lists_databases, redis_answers
from .workplace import Running, Workplace, locked

# Two cores gain nothing from two builds at once, and apt and dpkg hold a lock of their own.
_BUILDING = Lock()
Built = TypeVar("Built")
_DOCKER_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Way:
    """One way to have a part: its name, and how to start it, which returns the URL."""

    name: str
    start: Callable[[], str]


@dataclass(frozen=True)
class Part:
    """A server that the suites talk to."""

    name: str
    variable: str
    """The environment variable that names a server of this kind."""
    default_port: int
    service: ComposeService
    docker_url: Callable[[int, str], str]
    """The URL of the containerised server, from its port and secret."""
    programs_missing: str
    """What to install so that the program is found on the PATH."""
    processes: dict[str, Signals]
    """Pid files that a start may leave, in the order of stopping, each with the signal that ends it in order."""
    is_healthy: Callable[[int], bool]
    native_ways: Callable[[Workplace], tuple[list[Way], str | None]]
    """The open ways without Docker, and what is missing for the last of them."""
    can_skip_fsync: bool = False
    """Whether it runs faster and forgetful unless asked to be durable."""


def given(part: Part, workplace: Workplace) -> str | None:
    """The server that the environment names, unless it is the one that an earlier run started here."""
    url = workplace.environment.get(part.variable, "")
    own = workplace.running(part.name)
    return None if not url or (own is not None and own.url == url) else url


def open_ways(part: Part, workplace: Workplace) -> list[Way]:
    """The ways that are open on this machine, the preferred first.

    Raises:
        ServiceError: None is; the text says what to install.
    """
    ways, missing = part.native_ways(workplace)
    if docker.engine_answers(workplace):
        ways.insert(0, Way("docker", partial(_start_in_docker, part, workplace)))
    if not ways:
        raise ServiceError(
            f"no way is open. Install one of: Docker with its compose plugin; {part.programs_missing}; or {missing}. "
            f"Or name a server in {part.variable}."
        )
    return ways


def bring_up(part: Part, workplace: Workplace, say: Callable[[str], None]) -> str:
    """Have the part running and healthy, and return its URL.

    Raises:
        ServiceError: No way is open, every open way failed, or the named server cannot be reached.
    """
    url = given(part, workplace)
    if url is not None:
        if not accepts_connections(url, part.default_port):
            raise ServiceError(f"{part.variable} names a server that takes no connection; correct or unset it")
        say(f"uses the server that {part.variable} names")
        return url
    own = workplace.running(part.name)
    if own is not None and is_up(part, workplace) and (own.durable or not workplace.durable):
        say(f"already runs ({own.way})")
        return own.url
    take_down(part, workplace)
    return _start_first(part, workplace, say)


def _start_first(part: Part, workplace: Workplace, say: Callable[[str], None]) -> str:
    failures: list[str] = []
    for way in open_ways(part, workplace):
        say(f"starts ({way.name})")
        try:
            url = way.start()
        except ServiceError as failure:
            stop_processes(part, workplace)
            failures.append(f"{way.name}: {failure}")
            say(f"failed ({way.name})")
            continue
        workplace.remember(part.name, Running(way.name, url, workplace.durable or not part.can_skip_fsync))
        return url
    raise ServiceError("\n".join(failures))


def is_up(part: Part, workplace: Workplace) -> bool:
    """Whether what this program started still runs and answers in its protocol."""
    own = workplace.running(part.name)
    if own is None:
        return False
    room = workplace.room(part.name)
    processes = [found for name in part.processes if (found := recorded(name, room)) is not None]
    return all(process.is_alive for process in processes) and part.is_healthy(_port(own.url))


def take_down(part: Part, workplace: Workplace) -> bool:
    """Stop what this program started; return whether there was anything."""
    own = workplace.running(part.name)
    if own is not None and own.way == "docker":
        docker.remove_service(workplace, part.name, part.service)
    stopped = stop_processes(part, workplace)
    workplace.forget(part.name)
    return stopped or own is not None


def stop_processes(part: Part, workplace: Workplace) -> bool:
    """Stop every process that a pid file of the part names; return whether there was any."""
    room = workplace.room(part.name)
    running = [name for name in part.processes if recorded(name, room) is not None]
    for name in running:
        stop(name, room, part.processes[name])
    return bool(running)


def _start_in_docker(part: Part, workplace: Workplace) -> str:
    secret = workplace.secret(part.name)
    port = docker.start_service(workplace, part.name, part.service, secret)
    try:
        docker.wait_until_healthy(part.service, lambda: part.is_healthy(port), _DOCKER_PATIENCE_S)
    except ServiceError:
        docker.remove_service(workplace, part.name, part.service)
        raise
    return part.docker_url(port, secret)


def _port(url: str) -> int:
    return int(url.rpartition("@")[2].rpartition(":")[2].partition("/")[0])


def _object_store_ways(workplace: Workplace) -> tuple[list[Way], str | None]:
    ways = []
    found = object_store.on_path(workplace)
    if found is not None:
        ways.append(Way("PATH", partial(object_store.start_minio, workplace, found)))
    missing = object_store.MINIO.missing(workplace)
    if missing is None:
        ways.append(
            Way("build", lambda: object_store.start_minio(workplace, _built(object_store.MINIO.install, workplace)))
        )
    return ways, missing


def _document_store_ways(workplace: Workplace) -> tuple[list[Way], str | None]:
    ways = []
    found = document_store.on_path(workplace)
    if found is not None:
        ways.append(Way("PATH", partial(document_store.start_mongod, workplace, found)))
    missing = document_store.missing(workplace)
    if missing is None:
        ways.append(
            Way("build", lambda: document_store.start_ferretdb(workplace, _built(document_store.install, workplace)))
        )
    return ways, missing


def _message_broker_ways(workplace: Workplace) -> tuple[list[Way], str | None]:
    ways = []
    found = message_broker.on_path(workplace)
    if found is not None:
        ways.append(Way("PATH", partial(message_broker.start_rabbitmq, workplace, found)))
    missing = message_broker.missing(workplace)
    if missing is None:
        ways.append(
            Way("build", lambda: message_broker.start_rabbitmq(workplace, _built(message_broker.install, workplace)))
        )
    return ways, missing


def _redis_ways(workplace: Workplace) -> tuple[list[Way], str | None]:
    ways = []
    found = redis_server.on_path(workplace)
    if found is not None:
        ways.append(Way("PATH", partial(redis_server.start_redis, workplace, found)))
    missing = redis_server.missing(workplace)
    if missing is None:
        ways.append(Way("build", lambda: redis_server.start_redis(workplace, _built(redis_server.install, workplace))))
    return ways, missing


def _built(install: Callable[[Workplace], Built], workplace: Workplace) -> Built:
    """Install under the build locks of this process and of the machine's cache."""
    with _BUILDING, locked(workplace.cache / "lock"):
        return install(workplace)


S3 = Part(
    name=object_store.PART,
    variable="SFUMATO_TEST_S3_URL",
    default_port=80,
    service=ComposeService("s3", 9000),
    docker_url=lambda port, secret: f"http://{object_store.ACCESS_KEY}:{secret}@{LOOPBACK}:{port}",
    programs_missing="minio on the PATH",
    processes={"minio": SIGTERM},
    is_healthy=minio_is_ready,
    native_ways=_object_store_ways,
)
MONGODB = Part(
    name=document_store.PART,
    variable="SFUMATO_TEST_MONGODB_URL",
    default_port=27017,
    service=ComposeService("mongodb", 27017),
    docker_url=lambda port, _: f"mongodb://{LOOPBACK}:{port}/",
    programs_missing="mongod on the PATH",
    processes={"mongod": SIGTERM, "ferretdb": SIGTERM, "postgres": documentdb.STOP_SIGNAL},
    is_healthy=mongodb_lists_databases,
    native_ways=_document_store_ways,
    can_skip_fsync=True,
)
AMQP = Part(
    name=message_broker.PART,
    variable="SFUMATO_TEST_AMQP_URL",
    default_port=5672,
    service=ComposeService("amqp", 5672),
    docker_url=lambda port, _: f"amqp://guest:guest@{LOOPBACK}:{port}//",
    programs_missing="rabbitmq-server on the PATH",
    processes={"rabbitmq": SIGTERM, "epmd": SIGTERM},
    is_healthy=amqp_opens_vhost,
    native_ways=_message_broker_ways,
)
REDIS = Part(
    name=redis_server.PART,
    variable="SFUMATO_TEST_REDIS_URL",
    default_port=6379,
    service=ComposeService("redis", 6379),
    docker_url=lambda port, _: f"redis://{LOOPBACK}:{port}/0",
    programs_missing="redis-server on the PATH",
    processes={"redis": SIGTERM},
    is_healthy=redis_answers,
    native_ways=_redis_ways,
)
ALL = (S3, MONGODB, AMQP, REDIS)
