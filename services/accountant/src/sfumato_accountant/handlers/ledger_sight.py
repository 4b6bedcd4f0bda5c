"""What of a chain a reader may see: all of it, or digests and what is their own."""

from dataclasses import dataclass

from sfumato.v1 import ledger_pb2
from sfumato_accountant.ledger.entries import entry_to_proto
from sfumato_accountant.ledger.events import Charged, Closed, Committed, Event, Genesis, KeyRotated, read_event
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.stores.ports import StoredEntry
from sfumato_mesh.caller import Caller


@dataclass(frozen=True)
class Sight:
    """A reader of one chain."""

    caller: Caller
    audits: bool
    """Whether all of it is seen."""

    def shown(self, entry: StoredEntry, fold: Fold, *, parsed: bool = True) -> ledger_pb2.LedgerEntry:
        """Return an entry as the reader may see it.

        Args:
            entry: as it is stored.
            fold: the chain, the entry included.
            parsed: whether events stand beside their text.
        """
        return entry_to_proto(entry, self._visible(entry, fold), parsed=parsed)

    def _visible(self, entry: StoredEntry, fold: Fold) -> list[bool]:
        if self.audits:
            return [True] * len(entry.records)
        return [self._is_own(read_event(record.payload), fold) for record in entry.records]

    def _is_own(self, event: Event, fold: Fold) -> bool:
        """Whether an event is the reader's: caused by it, the end of its query, or what every verifier must know."""
        if isinstance(event.fact, Genesis | KeyRotated | Closed) or event.user == self.caller.user:
            return True
        if isinstance(event.fact, Committed | Charged):
            query = fold.query(event.fact.query_id)
            return query is not None and query.analyst == self.caller.user
        return False
