"""Whether this replica may append now: its clock against the tail's and the database's, and its key.

`at` never decreases, so that one clock that runs ahead would end every lease of the chain: a replica whose clock is
off by more than the skew allowed appends nothing and says so in the log.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

import grpc

from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.stores.ports import LedgerStore
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal

SKEW_MAX: Final = timedelta(seconds=2)
_COMPARED_EVERY: Final = timedelta(seconds=10)

_log = logging.getLogger(__name__)


def cannot_append(skew: str) -> Refusal:
    """This replica's clock or key is not fit to append."""
    return Refusal(
        grpc.StatusCode.UNAVAILABLE,
        "CANNOT_APPEND",
        "this accountant may not append to the ledger now",
        metadata={"skew": skew},
        retry_after=1.0,
        domain=MESH_DOMAIN,
    )


class Timekeeper:
    """Gives entries their time."""

    def __init__(self, clock: Clock, store: LedgerStore, skew_max: timedelta = SKEW_MAX) -> None:
        self._clock = clock
        self._store = store
        self._skew_max = skew_max
        self._compared_at: datetime | None = None
        self._skew = timedelta(0)

    def now(self, tail: datetime) -> datetime:
        """Return the time of an entry behind one of time `tail`: now, but never before it."""
        return max(self._clock.now(), tail)

    async def obstacle(self, fold: Fold, key: LedgerKey | None) -> Refusal | None:
        """Return why nothing may be appended behind this fold; None: it may.

        Args:
            fold: the chain so far.
            key: held for its next entry; None: this accountant has not got it.

        Raises:
            StoreUnavailable: the database did not tell its time.
        """
        if key is None or fold.public_key not in (b"", key.public_key):
            _log.error("nothing is appended: the chain is signed by another key than this accountant's")
            return cannot_append("key")
        now = self._clock.now()
        lag = fold.head.at - now
        if fold.head.sequence >= 0 and lag > self._skew_max:
            _log.error("nothing is appended: the clock lags the ledger by %.3f s", lag.total_seconds())
            return cannot_append(f"{lag.total_seconds():.3f}")
        await self._compare(now)
        if abs(self._skew) > self._skew_max:
            _log.error(
                "nothing is appended: the clock differs from the database's by %.3f s", self._skew.total_seconds()
            )
            return cannot_append(f"{self._skew.total_seconds():.3f}")
        return None

    async def is_fit(self) -> bool:
        """Return whether this clock is near enough to the database's to append by it; asks the database.

        Raises:
            StoreUnavailable: the database did not tell its time.
        """
        theirs = await self._store.now()
        return theirs is None or abs(theirs - self._clock.now()) <= self._skew_max

    async def _compare(self, now: datetime) -> None:
        if self._compared_at is not None and timedelta(0) <= now - self._compared_at < _COMPARED_EVERY:
            return
        theirs = await self._store.now()
        self._skew = timedelta(0) if theirs is None else theirs - self._clock.now()
        self._compared_at = now
