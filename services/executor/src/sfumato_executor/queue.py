"""The queue between front and workers: Celery, and nothing of it outside this package.

A message holds the id of a query or of a preparation and nothing else; whatever else a worker needs it reads from the
accountant. Celery may lose a task or deliver it twice: the settler queues it again, and the first commit wins.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import kombu.exceptions
from amqp.exceptions import AMQPError  # type: ignore[import-untyped]
from celery import Celery
from kombu.entity import Exchange, Queue
from opentelemetry.instrumentation.celery import CeleryInstrumentor

from sfumato_executor import waking_transport
from sfumato_mesh.engine_names import LIBRARIES, NATIVE
from sfumato_mesh.trace_ids import is_untraced

RUN_QUERY: Final = "sfumato.run_query"
RUN_LIBRARY: Final = "sfumato.run_library"
"""The same for a query that a library's engine answers: minutes, not milliseconds, so it has a queue of its own."""
PREPARE: Final = "sfumato.prepare"
WAKE: Final = "sfumato.wake"
"""Does nothing: ends a worker's wait for a message, so that it sees that it shall stop."""

_MEMORY: Final = "memory://"
_WAKING: Final = f"{waking_transport.SCHEME}://localhost/"
"""The same, over the transport that wakes its readers; kombu warns of a URL without a host."""
_AMQP: Final = ("amqp://", "amqps://", "pyamqp://")
_REDIS: Final = ("redis://", "rediss://")
_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 5.0
"""How long Redis may take to answer. A worker's own wait for a message, of 1 s, must fit."""
_VISIBILITY_SECONDS: Final = 12 * 3600
"""When Redis gives a task that was taken and not acknowledged to another worker. Above the longest preparation, which
would else run twice; a task that was lost with its worker is queued again by the settler, after its own lease."""
_PUBLISH_POLICY: Final = {"max_retries": 2, "interval_start": 0.0, "interval_step": 0.1, "interval_max": 0.2}


class QueueUnavailableError(Exception):
    """The broker cannot be reached now. Carries no text of a library: it may hold a password."""


@dataclass(frozen=True)
class QueueNames:
    """The queues; a prefix keeps meshes apart that share a broker (or, with memory://, a process)."""

    queries: str
    preparations: str
    library: str

    @classmethod
    def of_prefix(cls, prefix: str) -> "QueueNames":
        """Return the names under a prefix."""
        return cls(f"{prefix}.queries", f"{prefix}.preparations", f"{prefix}.library")


def make_app(broker_url: str, prefix: str) -> Celery:
    """Return the Celery application for a broker: JSON only, no results, acknowledged late, one task ahead a slot.

    Over AMQP the queues are quorum queues and a publication returns when the broker has confirmed it. Over Redis the
    prefix begins every key, also those in which kombu keeps what is not acknowledged: meshes, and databases that hold
    other things, stay apart. Over memory:// front and worker share one process and one application.
    """
    if broker_url == _MEMORY:
        waking_transport.register()
        broker_url = _WAKING
    app = Celery("sfumato_executor", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        event_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry_policy=_PUBLISH_POLICY,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_timeout=_CONNECT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(broker_url, prefix),
        task_queues=_queues(QueueNames.of_prefix(prefix), quorum=broker_url.startswith(_AMQP)),
        task_default_queue=QueueNames.of_prefix(prefix).queries,
        task_default_exchange=prefix,
        task_routes={
            RUN_QUERY: {"queue": QueueNames.of_prefix(prefix).queries},
            RUN_LIBRARY: {"queue": QueueNames.of_prefix(prefix).library},
            PREPARE: {"queue": QueueNames.of_prefix(prefix).preparations},
        },
    )
    return app


def register_tasks(
    app: Celery,
    run_query: Callable[[str], None],
    prepare: Callable[[str], None],
    run_library: Callable[[str], None] | None = None,
) -> None:
    """Bind what workers do to the tasks' names. No function may raise: what went wrong is theirs to log.

    Args:
        app: the application.
        run_query: makes an attempt at a query, by its id.
        prepare: makes a preparation ready, by its id.
        run_library: makes an attempt at a query that a library answers; None: as `run_query`.
    """
    run_long = run_library or run_query
    # shared=False: else Celery would give these functions to every other application of the process

    def run_query_task(query_id: str) -> None:
        run_query(query_id)

    def prepare_task(preparation_id: str) -> None:
        prepare(preparation_id)

    def run_library_task(query_id: str) -> None:
        run_long(query_id)

    def wake_task() -> None:
        return None

    app.task(name=RUN_QUERY, shared=False)(run_query_task)
    app.task(name=RUN_LIBRARY, shared=False)(run_library_task)
    app.task(name=WAKE, shared=False)(wake_task)
    app.task(name=PREPARE, shared=False)(prepare_task)


def instrument() -> None:
    """Let traces go with tasks: the caller's context travels in a header of the message. May be called again.

    Where nothing makes spans there is nothing to travel.
    """
    if is_untraced():
        return
    instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()


class TaskQueue:
    """The front's side of the queue. Blocking, unless it is volatile. Threads may share it."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.volatile = str(app.conf.broker_url) == _WAKING
        """Whether queued tasks die with this process."""
        transport = app.connection_for_write()
        self._away: tuple[type[Exception], ...] = (
            *_AWAY,
            *transport.connection_errors,
            *transport.channel_errors,
        )
        if self.volatile:
            self.check_reachable()

    def submit_query(self, query_id: str, engine: str = NATIVE) -> None:
        """Queue an open query, for the engine that answers it.

        Raises:
            QueueUnavailableError: it may or may not be queued.
        """
        self._send(RUN_LIBRARY if engine in LIBRARIES else RUN_QUERY, query_id)

    def submit_preparation(self, preparation_id: str) -> None:
        """Queue an open preparation.

        Raises:
            QueueUnavailableError: it may or may not be queued.
        """
        self._send(PREPARE, preparation_id)

    def check_reachable(self) -> None:
        """Return if the broker answers now and its queues are there; they are made if they are missing.

        Raises:
            QueueUnavailableError: it does not.
        """
        try:
            with self.app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT_SECONDS)
                with connection.channel() as channel:
                    for queue in self.app.conf.task_queues:
                        queue.bind(channel).declare()
        except self._away:
            raise QueueUnavailableError("the queue is away") from None

    def close(self) -> None:
        """Give up pooled connections."""
        self.app.close()

    def _send(self, name: str, identifier: str) -> None:
        try:
            # argsrepr: what the message's header, and with it Celery's own logs, show of the arguments.
            if self.volatile:
                self._send_within(name, identifier)
            else:
                self.app.send_task(name, args=(identifier,), argsrepr=identifier, ignore_result=True)
        except self._away:
            raise QueueUnavailableError("the queue is away") from None

    def _send_within(self, name: str, identifier: str) -> None:
        """Queue in this process's memory: the queues are there, nothing is connected to, and routes are known."""
        queues = self.app.amqp.queues
        queue = queues[self.app.conf.task_routes[name]["queue"]]
        message = self.app.amqp.create_task_message(
            str(uuid.uuid4()), name, (identifier,), {}, argsrepr=identifier, ignore_result=True
        )
        with self.app.producer_or_acquire() as producer:
            self.app.amqp.send_task_message(producer, name, message, queue=queue, declare=(), retry=False)


_AWAY: Final = (OSError, AMQPError, kombu.exceptions.KombuError)


def _queues(names: QueueNames, *, quorum: bool) -> list[Queue]:
    arguments = {"x-queue-type": "quorum"} if quorum else None
    return [_queue(name, arguments) for name in (names.queries, names.preparations, names.library)]


def _queue(name: str, arguments: dict[str, str] | None) -> Queue:
    exchange = Exchange(name, type="direct", durable=True)  # type: ignore[no-untyped-call]
    return Queue(name, exchange, routing_key=name, queue_arguments=arguments)  # type: ignore[no-untyped-call]


def _transport_options(broker_url: str, prefix: str) -> dict[str, Any]:
    if broker_url.startswith(_AMQP):
        return {"confirm_publish": True}
    if broker_url.startswith(_REDIS):
        return {
            "global_keyprefix": f"{prefix}.",
            "visibility_timeout": _VISIBILITY_SECONDS,
            "priority_steps": [0],  # no task goes before another: one list a queue, not four
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": _ANSWER_SECONDS,
            "socket_keepalive": True,
        }
    return {}
