"""Who a call is for, as the authentication interceptor found it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """A service, and the user for whom it speaks."""

    service: str
    """Service that signed the principal, "gateway" or "executor"; at the gateway itself: "gateway"."""
    user: str
    """users/{user}; empty: the service speaks for itself (settler, workers)."""
    roles: tuple[tuple[int, str], ...] = ()
    """(number of sfumato.v1.Role, resource); resource empty: everywhere."""
    projects: tuple[str, ...] = ()
    """projects/{project} that the user belongs to."""

    def has_role(self, role: int, *resources: str) -> bool:
        """Return whether the role is given everywhere or on one of the named resources."""
        return any(held == role and (not resource or resource in resources) for held, resource in self.roles)


_CALLER: ContextVar[Caller] = ContextVar("sfumato_caller")


def current_caller() -> Caller:
    """Return the caller of the running call.

    Raises:
        LookupError: no call is running, or its method is public.
    """
    return _CALLER.get()


def enter_call(caller: Caller) -> None:
    """Bind the caller to the present task: for the interceptor, whose task ends with the call."""
    _CALLER.set(caller)


@contextmanager
def calling_as(caller: Caller) -> Iterator[None]:
    """Bind the caller inside a with-block: for background work and for tests."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)
