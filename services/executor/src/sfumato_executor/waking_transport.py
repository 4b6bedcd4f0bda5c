"""kombu's memory transport, whose readers sleep until there is something to read.

kombu's own looks into its queues again and again (by default every second): each millisecond costs a core a few per
cent while nothing happens, and every look takes the interpreter's lock from those who work. Here a reader waits for a
bell that each message rings, and each acknowledgement, since that may let a reader with a full window go on.
"""

import threading
import time
from queue import Empty
from typing import Any, Final

import kombu.transport
from kombu.transport import memory

SCHEME: Final = "waking-memory"
"""Scheme of its broker URLs, once `register` was called."""


class _Bell:
    """Counts what happened, and wakes who waits for more."""

    def __init__(self) -> None:
        self._rung = 0
        self._changed = threading.Condition()

    def ring(self) -> None:
        with self._changed:
            self._rung += 1
            self._changed.notify_all()

    def rung(self) -> int:
        return self._rung

    def wait_beyond(self, rung: int, seconds: float | None) -> bool:
        """Return True when it has rung more often than that; False after so many seconds (None: never)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._rung > rung, seconds)


_BELL: Final = _Bell()  # kombu's memory queues are the process's too


class Channel(memory.Channel):
    """A channel that rings."""

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        super()._put(queue, message, **options)  # type: ignore[no-untyped-call]
        _BELL.ring()

    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        """Acknowledge a message."""
        super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]
        _BELL.ring()

    def basic_reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """Reject a message."""
        super().basic_reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        _BELL.ring()


class Transport(memory.Transport):
    """The transport."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Deliver one message.

        Raises:
            TimeoutError: none came in so many seconds.
        """
        del connection
        assert self.cycle is not None
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            rung = _BELL.rung()  # before looking: what comes while nobody waits is not missed
            try:
                self.cycle.get(self._deliver, timeout=timeout)  # type: ignore[no-untyped-call]
                return
            except Empty:
                left = None if end is None else end - time.monotonic()
                if not _BELL.wait_beyond(rung, left):
                    raise TimeoutError from None


def register() -> None:
    """Make the scheme known to kombu. May be called again."""
    kombu.transport.TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{Transport.__name__}"
