"""Jobs of libraries in the embedded mesh: one after another, in a thread beside the worker's own.

A job lasts minutes, and the embedded worker has few threads: a task of the library's queue only hands the query over.
What is handed over and lost with the process stays open, and the settler of the next start queues it again.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class LibraryThread:
    """Runs queries by their ids. Threads share it."""

    def __init__(self, run: Callable[[str], None]) -> None:
        self._run = run
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sfumato-library")
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def submit(self, query_id: str) -> None:
        """Run a query when those before it have ended; nothing if it waits or runs already."""
        with self._lock:
            if query_id in self._waiting:
                return
            self._waiting.add(query_id)
        self._pool.submit(self._one, query_id)

    def _one(self, query_id: str) -> None:
        try:
            self._run(query_id)
        finally:
            with self._lock:
                self._waiting.discard(query_id)

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._pool.shutdown(cancel_futures=True)
