"""Time, as a port: services ask a clock, tests hold one."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time of day."""

    def now(self) -> datetime:
        """Return the present instant: UTC, time zone aware, microseconds."""
        ...


class SystemClock:
    """The machine's clock. It may step back: whoever needs order takes it from the ledger, never from here."""

    def now(self) -> datetime:
        """Return the present instant: UTC, time zone aware, microseconds."""
        return datetime.now(UTC)
