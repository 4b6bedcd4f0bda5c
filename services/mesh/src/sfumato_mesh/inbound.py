"""What a handler's outgoing calls inherit from the call that it serves: its deadline and its public method."""

import time
from contextvars import ContextVar
from typing import Final

MARGIN: Final = 0.05
"""Seconds by which an outgoing call must end before the inbound one, so that its outcome can still be told."""

_DEADLINE: ContextVar[float | None] = ContextVar("sfumato_inbound_deadline", default=None)
_PUBLIC_METHOD: ContextVar[str] = ContextVar("sfumato_public_method", default="")


def enter_deadline(seconds: float | None) -> None:
    """Bind the seconds that the served call has left to the present task, which ends with the call; None: no end."""
    _DEADLINE.set(None if seconds is None else time.monotonic() + seconds)


def enter_public_method(method: str) -> None:
    """Bind the full name of the public method that is served to the present task."""
    _PUBLIC_METHOD.set(method)


def public_method() -> str:
    """Return the full name of the public method that this task serves; empty: none."""
    return _PUBLIC_METHOD.get()


def outgoing_timeout(cap: float, asked: float | None = None) -> float:
    """Return the time-out in seconds for an outgoing call: the least of cap, what was asked for, and what is left.

    Zero or less when the inbound call is as good as over: the outgoing one then fails at once with DEADLINE_EXCEEDED.
    """
    timeout = cap if asked is None else min(cap, asked)
    deadline = _DEADLINE.get()
    return timeout if deadline is None else min(timeout, deadline - time.monotonic() - MARGIN)
