"""Windows of a grant: equal stretches of time, each with a limit of its own within the limit for life.

A matter of policy, not of privacy. A charge belongs to the stretch in which its reservation was appended.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sfumato.v1 import charge_pb2, grant_pb2

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches of `length` from `anchor` on, and before it."""

    length: timedelta
    """Positive, in whole microseconds."""
    anchor: datetime
    """Start of one of them."""
    limit: charge_pb2.LossLimit

    @classmethod
    def from_proto(cls, window: grant_pb2.BudgetWindow) -> "Window":
        """Return the window that a message says; parts of a microsecond are cut off.

        Raises:
            ValueError: it has no length or no limit.
        """
        length = timedelta(microseconds=window.length.ToMicroseconds())
        if length <= timedelta(0) or not window.HasField("limit"):
            raise ValueError("a window has a length and a limit")
        anchor = window.anchor_time.ToDatetime(tzinfo=UTC) if window.HasField("anchor_time") else EPOCH
        return cls(length, anchor, window.limit)

    def to_proto(self) -> grant_pb2.BudgetWindow:
        """Return it as a message; one that starts in 1970 names no anchor."""
        window = grant_pb2.BudgetWindow(limit=self.limit)
        window.length.FromMicroseconds(self.length // _MICROSECOND)
        if self.anchor != EPOCH:
            window.anchor_time.FromDatetime(self.anchor)
        return window

    def around(self, at: datetime) -> tuple[datetime, datetime]:
        """Return start and end of the stretch that holds an instant; the end is outside."""
        start = self.anchor + (at - self.anchor) // self.length * self.length
        return start, start + self.length
