"""The mesh of the model: the code of every service as it is, put together as its own launcher does.

What is the model's own: the stores, the network, the queue, the engine, and the clock.
"""

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.service import Accountant
from sfumato_executor import service as executor_service
from sfumato_executor.accepting import Acceptance
from sfumato_executor.queue import QueueUnavailableError
from sfumato_executor.releases.opening import Stores, stores_of
from sfumato_executor.settings import ExecutorSettings
from sfumato_executor.telling import MarkRaiser
from sfumato_gateway import service as gateway_service
from sfumato_gateway.settings import GatewaySettings
from tests.model.calls import BlockingChannel, Channel, Registry, as_executor, as_gateway, unavailable
from tests.model.engine import ModelEngine
from tests.model.stepping import OK, PROCESS, BlockingEvent, Process, Schedule, Stepper, blocking, wait
from tests.model.stores import (
    AWAY,
    Books,
    Disk,
    MemoryLedger,
    MemoryObjects,
    MemoryRecords,
    MemoryStores,
    PreparedForAll,
)

START: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY: Final = LedgerKey(Ed25519PrivateKey.from_private_bytes(b"m" * 32))
SKEW_MAX: Final = timedelta(seconds=2)
LEASE_SECONDS: Final = 1.0
TAKEN_TWICE: Final = "taken twice"
TAKEN_LOST: Final = "taken and lost"


class VirtualClock:
    """The clock of the walk."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew: float = 0.0) -> None:
        self._loop = loop
        self.skew = skew

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() + self.skew)


@dataclass
class LossyQueue:
    """A TaskQueue that loses tasks and delivers some twice, and the other end of it."""

    stepper: Stepper
    volatile: bool = False
    tasks: deque[str] = field(default_factory=deque)
    _waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    def submit_query(self, query_id: str, engine: str = "native") -> None:
        outcome = wait(self.stepper.pause("submit", (OK, AWAY, "lost", "doubled")))
        if outcome == AWAY:
            raise QueueUnavailableError
        if outcome != "lost":
            for _ in range(2 if outcome == "doubled" else 1):
                self.put(query_id)

    def put(self, query_id: str) -> None:
        self.tasks.append(query_id)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    def submit_preparation(self, preparation_id: str) -> None:
        """Preparations are no part of the model."""

    def check_reachable(self) -> None:
        """It is, or `submit_query` says that it is not."""

    def close(self) -> None:
        """Nothing is held."""

    async def take(self) -> str:
        """Return a task; others may get the same, and one that is taken may be lost with its worker."""
        while True:
            while not self.tasks:
                waiting = asyncio.get_running_loop().create_future()
                self._waiting.append(waiting)
                await waiting
            outcome = await self.stepper.pause("take", (OK, TAKEN_TWICE, TAKEN_LOST))
            if not self.tasks:
                continue
            task = self.tasks.popleft()
            if outcome == TAKEN_TWICE:
                self.tasks.append(task)
            if outcome != TAKEN_LOST:
                return task


@dataclass(frozen=True)
class Layout:
    """How many there are of what, and what may go wrong."""

    accountants: int = 2
    gateways: int = 2
    workers: int = 2
    network: bool = False
    """Whether calls between processes wait for the schedule, and may be lost."""
    replies: bool = True
    """Whether the stores' replies take their time."""
    reads_fail: bool = True
    """Whether a read of the ledger may fail."""
    fronts: int = 1
    tears: bool = False
    """Whether the release store may tear a put."""
    at_hand: bool = False
    """Whether the release store is a directory, whose small objects are read at once."""
    give_up_seconds: int = 6
    skew_seconds: float = 0.0
    """How much the last accountant's clock lags."""


class World:
    """One mesh on one disk, at the beginning of a walk."""

    def __init__(self, schedule: Schedule, books: Books, layout: Layout, check: Callable[["World"], None]) -> None:
        self.layout = layout
        self.schedule = schedule
        self.stepper = Stepper(schedule, lambda: check(self), self.fingerprint)
        self.clock = VirtualClock(self.stepper.loop)
        self.disk = Disk(books)
        self.objects = MemoryObjects(self.stepper, layout.tears, layout.at_hand)
        self.queue = LossyQueue(self.stepper)
        self.engine = ModelEngine(layout.give_up_seconds)
        self.accountants: dict[str, tuple[Registry, Accountant]] = {}
        self.gateways: dict[str, Registry] = {}
        self.fronts: dict[str, Registry] = {}
        self.workers: dict[str, Process] = {}
        self._attempts = itertools.count(1)
        self.closed = False
        """Whether no accountant may be started."""

    @property
    def stores(self) -> Stores:
        return stores_of(self.objects, PreparedForAll())

    def fingerprint(self) -> object:
        """What is on the disks, but for salts, hashes and times."""
        entries = tuple(
            (name, tuple(_without_salts(record.payload) for entry in chain for record in entry.records))
            for name, chain in sorted(self.disk.books.entries.items())
        )
        return entries, tuple(sorted(self.objects.data)), tuple(self.queue.tasks)

    async def start(self) -> None:
        """Start every process."""
        for number in range(1, self.layout.accountants + 1):
            self.start_accountant(f"accountant{number}")
        for number in range(1, self.layout.fronts + 1):
            await self.start_front(f"front{number}")
        for number in range(1, self.layout.gateways + 1):
            await self.start_gateway(f"gateway{number}")
        for number in range(1, self.layout.workers + 1):
            self.start_worker(f"worker{number}")

    def start_accountant(self, name: str) -> None:
        stores = MemoryStores(
            MemoryLedger(self.disk, self.stepper, self.layout.replies, self.layout.reads_fail),
            MemoryRecords(self.disk, self.stepper),
        )
        lags = name.endswith(str(self.layout.accountants))
        clock = VirtualClock(self.stepper.loop, -self.layout.skew_seconds if lags else 0.0)
        accountant = Accountant(stores, KEY, clock, SKEW_MAX)
        self.accountants[name] = Registry(Process(name), accountant.handlers), accountant

    async def start_front(self, name: str) -> None:
        process = Process(name)
        with _as_process(process), _model_parts(self):
            front = await executor_service.open_front(
                _executor_settings(), self._to(self.accountant, as_executor), clock=self.clock
            )
        self.fronts[name] = Registry(process, front.handlers)

    async def start_gateway(self, name: str) -> None:
        process = Process(name)
        with _as_process(process):
            gateway = await gateway_service.open_gateway(
                _gateway_settings(), self._to(self.accountant, as_gateway), self._to(self.front, as_gateway)
            )
        wanted = [each for each in gateway.handlers if type(each).__name__ == "QueryHandlers"]
        self.gateways[name] = Registry(process, wanted)

    def start_worker(self, name: str) -> None:
        process = self.workers[name] = Process(name)
        with _as_process(process), _model_parts(self):
            channel: Any = BlockingChannel(self._to(self.accountant, as_executor))
            parts = executor_service.open_worker(_executor_settings(), channel, clock=self.clock)
            parts = replace(parts, queries=replace(parts.queries, new_attempt=self.new_attempt))
            self.stepper.loop.create_task(self._work(parts))

    def accountant(self) -> Registry:
        """Return the replica that takes the next call. Raises grpc.RpcError while all are away."""
        replicas = [each for each, _ in self.accountants.values() if each.process.alive]
        if not replicas:
            raise unavailable()
        return replicas[self.schedule.pick(len(replicas))]

    def front(self) -> Registry:
        replicas = list(self.fronts.values())
        return replicas[self.schedule.pick(len(replicas))]

    def new_attempt(self) -> str:
        """Return a UUID that nobody else makes, not in the order of attempts."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"attempt {next(self._attempts)}"))

    async def kill(self, name: str) -> None:
        """kill -9, and a new process under the same name."""
        if name in self.accountants:
            self.stepper.kill(self.accountants[name][0].process)
            if not self.closed:
                self.start_accountant(name)
        elif name in self.gateways:
            self.stepper.kill(self.gateways[name].process)
            await self.start_gateway(name)
        elif name in self.fronts:
            self.stepper.kill(self.fronts[name].process)
            await self.start_front(name)
        else:
            self.stepper.kill(self.workers[name])
            self.start_worker(name)

    def channel_to(self, registry: Registry, speak: Callable[[], Any]) -> Channel:
        """Return a channel of a client to one process, whose calls are never lost on the way."""
        return Channel(self.stepper, lambda: registry, speak, network=False)

    def _to(self, find: Callable[[], Registry], speak: Callable[[], Any]) -> Channel:
        return Channel(self.stepper, find, speak, network=self.layout.network)

    async def _work(self, parts: Any) -> None:
        while True:
            query_id = await self.queue.take()
            await blocking(lambda: parts.run_query(query_id))  # noqa: B023  (it is run at once)


@contextmanager
def _as_process(process: Process) -> Iterator[None]:
    token = PROCESS.set(process)
    try:
        yield
    finally:
        PROCESS.reset(token)


@contextmanager
def _model_parts(world: World) -> Iterator[None]:
    """Give the executor's launchers the stores, queue, engine and waits of the model."""
    loop = world.stepper.loop
    with ExitStack() as stack:
        parts = {
            "open_executor_stores": lambda _: world.stores,
            "open_engines": lambda *_: world.engine,
            "make_app": lambda *_: None,
            "TaskQueue": lambda _: world.queue,
            "instrument": lambda: None,
            "Acceptance": partial(Acceptance, monotonic=loop.time),
            "MarkRaiser": partial(MarkRaiser, monotonic=loop.time),
            "threading": SimpleNamespace(Event=BlockingEvent),
        }
        for name, part in parts.items():
            stack.enter_context(mock.patch.object(executor_service, name, part))
        yield


@cache
def _executor_settings() -> ExecutorSettings:
    return ExecutorSettings(lease_seconds=LEASE_SECONDS, settle_interval_seconds=1.0, sweep_interval_seconds=1.5)


@cache
def _gateway_settings() -> GatewaySettings:
    return GatewaySettings(issuer="https://issuer", audience="sfumato")


def _without_salts(payload: str) -> str:
    start = payload.find('"salt":"')
    return payload if start < 0 else payload[:start] + payload[payload.index('"', start + 8) :]
