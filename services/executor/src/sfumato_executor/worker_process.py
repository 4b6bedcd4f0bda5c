"""A worker's own process: Celery's prefork pool, whose children hold channel, stores and engine.

The parent forks, so it holds none of them: a channel, or a Polars query, from before the fork would break or hang the
child. Whatever a child needs it opens when its first task comes, or when Celery says that the child has begun.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from sfumato_executor.queue import instrument, make_app, register_tasks
from sfumato_executor.service import WorkerParts

_POOL: Final = "prefork"


@dataclass
class ProcessParts:
    """A worker's parts, opened once in each process that asks for them."""

    open_parts: Callable[[], WorkerParts]
    close: Callable[[], None] = lambda: None
    """Called when a process that has opened its parts ends."""
    _parts: WorkerParts | None = None
    _process: int = 0
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> WorkerParts:
        """Return this process's parts."""
        with self._opening:
            if self._parts is None or self._process != os.getpid():
                self._parts = self.open_parts()
                self._process = os.getpid()
            return self._parts

    def end(self) -> None:
        """Cut waits short, and close what was opened in this process."""
        if self._parts is not None and self._process == os.getpid():
            self._parts.stopping.set()
            self.close()

    def run_query(self, query_id: str) -> None:
        """Make one attempt at a query."""
        self.get().run_query(query_id)

    def prepare(self, preparation_id: str) -> None:
        """Make a preparation ready, or end it as refused."""
        self.get().prepare(preparation_id)


def make_worker_app(broker_url: str, prefix: str, parts: ProcessParts) -> Celery:
    """Return the application of a worker's process, its tasks bound to the parts of whichever child runs them."""
    app = make_app(broker_url, prefix)
    register_tasks(app, parts.run_query, parts.prepare)

    def begin(**_: Any) -> None:
        parts.get()  # sets traces up, without which nothing would be instrumented
        instrument()

    def end(**_: Any) -> None:
        parts.end()

    worker_process_init.connect(begin, weak=False)
    worker_process_shutdown.connect(end, weak=False)
    setup_logging.connect(_keep_logging, weak=False)
    logging.getLogger("kombu.transport.native_delayed_delivery").setLevel(logging.ERROR)  # no task has an ETA
    return app


def _keep_logging(**_: Any) -> None:
    """Leave logging as it is: Celery sets up its own unless somebody answers this signal."""


def run_worker(app: Celery, concurrency: int, queues: Collection[str]) -> int:
    """Take tasks until SIGTERM (running ones end first) or SIGQUIT; return the exit status.

    Args:
        app: of `make_worker_app`.
        concurrency: tasks at once, each in a process of its own.
        queues: which tasks: the last parts of their queues' names.

    A child that is killed has its task given back to the broker, late acknowledgement being on. A child whose task ends
    as the signal comes may stay 30 s longer (billiard waits for an answer of the parent): give the process a minute.
    """
    worker = app.Worker(
        pool=_POOL,
        concurrency=concurrency,
        queues=[queue.name for queue in app.conf.task_queues if queue.name.rpartition(".")[2] in queues],
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        loglevel=None,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
