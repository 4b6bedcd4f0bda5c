"""When a call is tried again, and after how long. Decisions only: the transport sleeps. No I/O.

Only an unknown outcome is repeated, always with the same request_id: UNAVAILABLE, a passed deadline, or what carries
RetryInfo. A refusal never is.
"""

from dataclasses import dataclass
from typing import Final

from google.rpc import code_pb2

from sfumato._core.statuses import Refusal

_RETRYABLE: Final = frozenset({code_pb2.UNAVAILABLE, code_pb2.DEADLINE_EXCEEDED})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential waits with jitter."""

    first: float = 0.05
    """Seconds before the first repetition."""
    factor: float = 4.0
    """Each wait is so many times the one before."""
    cap: float = 10.0
    """Longest wait in seconds; a longer RetryInfo is not waited for."""
    attempts: int = 7
    """Calls in all, once the mesh has answered at least once."""
    first_contact_attempts: int = 4
    """Calls in all as long as the mesh has never answered: a wrong address is told within about a second."""

    def wait(self, refusal: Refusal, failed: int, *, known: bool, random: float) -> float | None:
        """Return seconds to wait before the next call; None: do not call again.

        Args:
            refusal: what the last call said.
            failed: calls that have failed in a row, from 1.
            known: whether this mesh has ever answered.
            random: from 0 to 1, for the jitter: a wait is shortened by up to a half.
        """
        if refusal.code not in _RETRYABLE and refusal.retry_after is None:
            return None
        if failed >= (self.attempts if known else self.first_contact_attempts):
            return None
        delay = min(self.cap, self.first * self.factor ** (failed - 1))
        if refusal.retry_after is not None:
            if refusal.retry_after > self.cap:
                return None
            delay = max(delay, refusal.retry_after)
            return delay + 0.1 * delay * random  # never before the time that the mesh names
        return delay * (1 - 0.5 * random)
