"""A Celery worker inside the process that queues: threads over memory://, for the embedded profile and for tests."""

import threading
from typing import Any, Final

from celery import Celery
from celery.app.trace import reset_worker_optimizations, setup_worker_optimizations
from celery.worker import WorkController, state

from sfumato_executor.queue import WAKE

CONCURRENCY: Final = 2
_START_SECONDS: Final = 10.0
_HOSTNAME: Final = "embedded"


class EmbeddedWorker:
    """A running worker; `stop` ends it. One at a time in a process: Celery's stop flag is global."""

    def __init__(self, app: Celery, concurrency: int) -> None:
        self._ready = threading.Event()
        self._app = app
        # The pool's threads find their tasks by Celery's process-wide default application: this one, from here on.
        setup_worker_optimizations(app, _HOSTNAME)
        self._controller = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=concurrency,
            queues=[queue.name for queue in app.conf.task_queues],
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            hostname=_HOSTNAME,
            ready_callback=self._on_ready,
        )
        self._thread = threading.Thread(target=self._controller.start, name="sfumato-worker", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the embedded worker did not start")

    def stop(self, timeout: float = 10.0) -> bool:
        """Take no more tasks, let the running ones end, and return whether the thread ended in so many seconds.

        Tasks that were queued and not begun are lost: the settler of the next start queues them again.
        """
        state.should_stop = 0  # an exit status, checked by the worker's loop
        for _ in range(2):  # the loop waits up to 2 s for a message, and once more after it has seen the flag
            self._app.send_task(WAKE, ignore_result=True)
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        state.should_stop = None
        reset_worker_optimizations(self._app)
        return True

    def _on_ready(self, _consumer: Any) -> None:
        self._ready.set()


def start_in_thread(app: Celery, *, concurrency: int = CONCURRENCY) -> EmbeddedWorker:
    """Start a worker in a thread and return when it takes tasks.

    Args:
        app: an application over memory:// whose tasks are registered.
        concurrency: tasks that run at once.
    """
    return EmbeddedWorker(app, concurrency)
