"""One call inside the process: the state between its client and its handler, and the context that the handler sees.

Everything here runs on the loop of the server. Messages are bytes: both sides parse their own copy.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, NamedTuple, NoReturn

import grpc
from grpc.aio import AbortError, UsageError

MAX_SENT_BYTES: Final = 8 * 1024 * 1024
"""Largest response message, as on a socket."""
WINDOW: Final = 4
"""Response messages that wait for a slow reader before the handler waits too."""

_NOW: Final = 0.0
_CANCELLED_LOCALLY: Final = "Locally cancelled by application!"


class Metadatum(NamedTuple):
    """One metadata entry; values of keys that end in "-bin" are bytes."""

    key: str
    value: str | bytes


Metadata = tuple[Metadatum, ...]


def as_metadata(entries: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
    """Return metadata of any accepted form as a tuple of named pairs."""
    return tuple(Metadatum(key, value) for key, value in entries or ())


class Outcome(NamedTuple):
    """How a call ended."""

    code: grpc.StatusCode
    details: str
    trailing: Metadata = ()


class Exchange(grpc.aio.ServicerContext[Any, Any]):
    """State of one call. Its handler runs in a task and a contextvars.Context of its own, as on a socket."""

    def __init__(
        self, method: str, metadata: Metadata, timeout: float | None, ended: Callable[["Exchange"], None]
    ) -> None:
        """Take the full method name, what the client sent, and the seconds until the deadline (None: no deadline).

        `ended` is called once, at the end of the call.
        """
        self.method = method
        self.task: asyncio.Task[None] | None = None
        self.outcome: Outcome | None = None
        self.initial: Metadata | None = None
        self.serialise: Callable[[Any], bytes] | None = None
        self._metadata = metadata
        self._loop = asyncio.get_running_loop()
        self._deadline = None if timeout is None else self._loop.time() + max(timeout, _NOW)
        self._messages: deque[bytes] = deque()
        self._room: asyncio.Future[None] | None = None
        self._news: list[Callable[[], None]] = []
        self._ended = ended
        self._timer: asyncio.TimerHandle | None = None
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: Metadata = ()
        self._done_callbacks: list[Callable[[Any], None]] = []
        self._cancelled = False

    # ── the client's side ────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, serve: Coroutine[Any, Any, None]) -> None:
        """Run the server's side; a deadline that is over ends the call before anything runs."""
        if self._deadline is not None:
            if self._deadline <= self._loop.time():
                serve.close()
                self._expire()
                return
            self._timer = self._loop.call_at(self._deadline, self._expire)
        self.task = self._loop.create_task(serve, context=contextvars.Context())

    def take(self) -> bytes | None:
        """Return the next message, if one is there."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return message

    def on_news(self, callback: Callable[[], None]) -> None:
        """Call back once, at the next message or at the end."""
        self._news.append(callback)

    def cancel(self, details: str = _CANCELLED_LOCALLY) -> bool:
        """End the call as the client's will, and cancel its handler. Returns False if it had ended."""
        return self._break_off(Outcome(grpc.StatusCode.CANCELLED, details))

    def _expire(self) -> None:
        self._break_off(Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))

    def shut_down(self) -> None:
        """End the call because the server stops."""
        self._break_off(Outcome(grpc.StatusCode.UNAVAILABLE, "The server is stopping."))

    def _break_off(self, outcome: Outcome) -> bool:
        if self.outcome is not None:
            return False
        self._cancelled = True
        self._messages.clear()
        if self.task is not None:
            self.task.cancel()
        self._end(outcome)
        return True

    # ── the server's side ────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self, code: grpc.StatusCode | None = None, details: str = "") -> None:
        """End the call with a code (default: what the handler set, else OK). Only the first end counts."""
        if self.outcome is None:
            chosen = code or self._code or grpc.StatusCode.OK
            self._end(Outcome(chosen, details or self._details, self._trailing))

    def send(self, message: bytes) -> None:
        """Hand a message over without waiting: for the one message of a unary call.

        Raises:
            AbortError: it is too large; the call has ended with RESOURCE_EXHAUSTED.
        """
        if len(message) > MAX_SENT_BYTES:
            self.finish(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"CLIENT: Received message larger than max ({len(message)} vs. {MAX_SENT_BYTES})",
            )
            raise AbortError("Locally aborted.")
        if self.outcome is None:
            self._messages.append(message)
            self._tell()

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if self._timer is not None:
            self._timer.cancel()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._ended(self)
        self._tell()
        for callback in self._done_callbacks:
            self._loop.call_soon(callback, self)

    def _tell(self) -> None:
        if self._news:
            waiting, self._news = self._news, []
            for callback in waiting:
                callback()

    # ── grpc.aio.ServicerContext ─────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> Any:
        """Not offered: requests are unary."""
        raise UsageError("the request of this method is no stream")

    async def write(self, message: Any) -> None:
        """Send one response message; wait while WINDOW messages are unread."""
        while len(self._messages) >= WINDOW and self.outcome is None:
            self._room = self._loop.create_future()
            await self._room
        self.send(message if self.serialise is None else self.serialise(message))

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send the initial metadata, once."""
        if self.initial is not None:
            raise UsageError("Send initial metadata failed: already sent")
        self.initial = as_metadata(initial_metadata)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with an error, and leave the handler."""
        if code is grpc.StatusCode.OK:
            raise UsageError("abort() needs a code other than OK")
        self._code, self._details = code, details
        if trailing_metadata:
            self._trailing = as_metadata(trailing_metadata)
        self.finish(code, details)
        raise AbortError("Locally aborted.")

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with a status, and leave the handler."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Set what goes out with the status."""
        self._trailing = as_metadata(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """Return what goes out with the status."""
        return self._trailing

    def invocation_metadata(self) -> Any:
        """Return what the client sent."""
        return self._metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status code for the end."""
        self._code = code

    def code(self) -> Any:
        """Return the status code that was set; None: none."""
        return self._code

    def set_details(self, details: str) -> None:
        """Set the status text for the end."""
        self._details = details

    def details(self) -> str:
        """Return the status text that was set."""
        return self._details

    def set_compression(self, compression: grpc.Compression) -> None:
        """Nothing to compress: no bytes leave the process."""

    def disable_next_message_compression(self) -> None:
        """Nothing to compress: no bytes leave the process."""

    def peer(self) -> str:
        """Return that the peer is this process."""
        return "inprocess:"

    def peer_identities(self) -> Iterable[bytes] | None:
        """Return none: principals travel in the metadata."""
        return None

    def peer_identity_key(self) -> str | None:
        """Return none: principals travel in the metadata."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return an empty context: principals travel in the metadata."""
        return {}

    def time_remaining(self) -> Any:
        """Return the seconds until the deadline, at least 0; None: no deadline."""
        return None if self._deadline is None else max(self._deadline - self._loop.time(), _NOW)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this context when the call has ended."""
        if self.outcome is None:
            self._done_callbacks.append(callback)
        else:
            self._loop.call_soon(callback, self)

    def cancelled(self) -> bool:
        """Return whether client, deadline or shutdown broke the call off."""
        return self._cancelled

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self.outcome is not None
