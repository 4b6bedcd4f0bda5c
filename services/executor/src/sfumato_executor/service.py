"""The executor's front and a worker's parts, put together from settings."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import grpc
from celery import Celery

from sfumato_executor.accepting import Acceptance
from sfumato_executor.accountant import ChannelAccountant, FrontAccountant
from sfumato_executor.basing import BaseFinder
from sfumato_executor.data_service import DataHandlers
from sfumato_executor.engine_choice import open_engines
from sfumato_executor.executor_service import ExecutorHandlers
from sfumato_executor.model_handlers import ModelReader
from sfumato_executor.native_engine import NativePreparer
from sfumato_executor.preparation_worker import PreparationWorker
from sfumato_executor.queue import TaskQueue, instrument, make_app
from sfumato_executor.quoted_records import QuotedRecords
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.releases.opening import Stores, open_stores
from sfumato_executor.settings import ExecutorSettings
from sfumato_executor.settler import Leases, Settler
from sfumato_executor.sweeper import Sweeper
from sfumato_executor.telling import MarkRaiser
from sfumato_executor.worker import QueryWorker
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.interceptors.rules import Rule
from sfumato_mesh.server import Handlers

_FOR_GATEWAY: Final = Rule(services=frozenset({"gateway"}), user=False)

METHOD_RULES: Final[Mapping[str, Rule]] = {
    f"/sfumato_mesh.v1.{method}": _FOR_GATEWAY
    for method in (
        "ExecutorService/Quote",
        "ExecutorService/FindBase",
        "ExecutorService/Submit",
        "ExecutorService/ReadRelease",
        "ExecutorService/RaiseMark",
        "ExecutorService/GetMark",
        "ExecutorService/RunDummy",
        "ExecutorService/ReadModel",
        "ExecutorService/SampleModel",
        "ExecutorService/FitDummyModel",
        "DataService/PrepareVersion",
    )
}
"""Who may call what: the gateway alone, for a user or for itself."""


@dataclass(frozen=True)
class Front:
    """A running front: what it serves, and what it does by itself."""

    handlers: Sequence[Handlers]
    app: Celery
    """The queue's application; an embedded worker takes its tasks from it."""
    background: Sequence[asyncio.Task[None]]
    queue: TaskQueue
    stopping: threading.Event
    """Ends rehearsals that run."""

    async def close(self) -> None:
        """End the settler and the sweeper and give up connections. What is open stays open for the next start."""
        self.stopping.set()
        for task in self.background:
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
        await asyncio.to_thread(self.queue.close)


async def open_front(
    settings: ExecutorSettings, accountant_channel: grpc.aio.Channel, *, clock: Clock | None = None
) -> Front:
    """Open the front and begin to settle.

    Args:
        settings: the executor's.
        accountant_channel: a MeshChannel on which the executor speaks for itself.
        clock: tells leases and give-up times.

    Raises:
        ValueError: the place of releases is malformed, or its credentials are missing.
        StoreUnavailableError: a directory of releases cannot be made.
    """
    clock = clock or SystemClock()
    stores = open_executor_stores(settings)
    accountant = FrontAccountant(accountant_channel)
    stopping = threading.Event()
    engine = open_engines(settings, stopping)
    instrument()
    app = make_app(settings.broker_url.get_secret_value(), settings.queue_prefix)
    queue = TaskQueue(app)
    marks = MarkRaiser(stores.marks, accountant)
    acceptance = Acceptance(queue, stores.releases, marks)
    reader = ReleaseReader(accountant, stores.releases, marks, engine, clock)
    bases, records = BaseFinder(accountant, engine), QuotedRecords(accountant)
    handlers = ExecutorHandlers(engine, acceptance, queue, reader, marks, bases, records, ModelReader(reader))
    settler = Settler(
        accountant,
        queue,
        clock,
        Leases(
            timedelta(seconds=settings.lease_seconds),
            timedelta(seconds=settings.preparation_lease_seconds),
            timedelta(seconds=settings.library_seconds + settings.lease_seconds),
        ),
        timedelta(seconds=settings.settle_interval_seconds),
    )
    sweeper = Sweeper(accountant, stores, clock, timedelta(seconds=settings.sweep_interval_seconds))
    return Front(
        handlers=(handlers, DataHandlers(queue)),
        app=app,
        background=(
            asyncio.create_task(settler.run(), name="settler"),
            asyncio.create_task(sweeper.run(), name="sweeper"),
        ),
        queue=queue,
        stopping=stopping,
    )


@dataclass(frozen=True)
class WorkerParts:
    """What a worker process does with tasks."""

    queries: QueryWorker
    preparations: PreparationWorker
    stopping: threading.Event
    """Set it to cut waits short: what is under way stays open for others."""

    def run_query(self, query_id: str) -> None:
        """Make one attempt at a query; never raises."""
        self.queries.run(query_id)

    def prepare(self, preparation_id: str) -> None:
        """Make a preparation ready, or end it as refused; never raises."""
        self.preparations.run(preparation_id)


def open_worker(
    settings: ExecutorSettings, accountant_channel: grpc.Channel, *, clock: Clock | None = None
) -> WorkerParts:
    """Open a worker's parts and import its engine. In a process that was forked: after the fork.

    Args:
        settings: the executor's.
        accountant_channel: a blocking MeshChannel on which the executor speaks for itself.
        clock: tells give-up times.
    """
    stores = open_executor_stores(settings)
    accountant = ChannelAccountant(accountant_channel)
    stopping = threading.Event()
    engine = open_engines(settings, stopping)
    engine.warm_up()
    return WorkerParts(
        QueryWorker(
            accountant, stores.releases, stores.marks, stores.prepared, engine, clock or SystemClock(), stopping
        ),
        PreparationWorker(accountant, stores.prepared, NativePreparer(settings), stopping),
        stopping,
    )


def open_executor_stores(settings: ExecutorSettings) -> Stores:
    """Return the stores that the settings name."""
    return open_stores(
        settings.releases,
        cache=settings.cache_dir,
        credentials=settings.credentials_dir,
        credentials_name=settings.releases_credentials,
    )
