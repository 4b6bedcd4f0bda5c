"""The state of a fold, and how every change of it can be taken back."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from sfumato.v1 import charge_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.events import ScopeLosses
from sfumato_accountant.ledger.odometer import Odometer
from sfumato_accountant.ledger.paid_texts import EndedTexts, OpenTexts
from sfumato_accountant.ledger.windows import Window

if TYPE_CHECKING:
    from sfumato_accountant.ledger.archive import Archive

K = TypeVar("K")
V = TypeVar("V")

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A scope's limit, and where the grant last changed: by a limit, or by a freeze."""

    limit: charge_pb2.LossLimit
    sequence: int
    at: datetime
    window: Window | None = None
    parent: ScopeKey | None = None
    """Scope that it is lent from."""
    history: tuple[tuple[datetime, charge_pb2.LossLimit], ...] = ()
    """All limits of the scope, each with the instant from which it held; the last is the present one."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A signing key and the first position that it signs."""

    public_key: bytes
    start_sequence: int
    at: datetime
    """Time of the entry that named it."""


@dataclass(frozen=True, slots=True)
class Act:
    """What the event of an act did: salt and scope, the population's where it is about none."""

    scope: ScopeKey
    sequence: int


class Position(NamedTuple):
    """A place in a chain."""

    sequence: int
    """−1: before genesis."""
    entry_hash: bytes
    at: datetime


class State:
    """What a fold keeps after the last entry. Changed by `folding` alone."""

    def __init__(self) -> None:
        self.head = Position(-1, bytes(32), BEGINNING)
        self.signature: tuple[str, bytes] = ("", b"")
        """Key id and signature of the head."""
        self.archive: Archive | None = None
        """What lies in a snapshot and is looked up there: ended queries, hashes, payments."""
        self.hashes = bytearray()
        """entry_hash of every position behind the archive, 32 bytes each."""
        self.start_time = BEGINNING
        self.accounting = 0
        """Kind of accounting that genesis names; 0 in chains that are older than the field."""
        self.predecessors: tuple[tuple[str, int, bytes], ...] = ()
        """Heads that genesis carries: population, sequence, hash."""
        self.carried: ScopeLosses = ()
        """What genesis brought along."""
        self.grants: dict[ScopeKey, GrantFacts] = {}
        self.frozen: dict[ScopeKey, int] = {}
        """Frozen scopes, granted or not; the position that froze each."""
        self.odometers: dict[ScopeKey, Odometer] = {}
        self.acts: dict[bytes, Act] = {}
        """Salt → what an event that pays and ends no query did."""
        self.withheld: dict[str, int] = {}
        """Queries whose release may not be read now → the position that says so."""
        self.lost: dict[tuple[int, bytes], tuple[int, datetime]] = {}
        """Position and hash of a lost head → position and time of the entry that gave it up."""
        self.receipted: dict[str, int] = {}
        """Queries that receipts of lost entries name → position of the entry that says so: never paid here again."""
        self.successors: dict[str, int] = {}
        """populations/{population} that follow a closed chain → the position that says so."""
        self.signers: dict[int, KeyFacts] = {}
        """Signing keys by the first position of each."""
        self.open: dict[str, OpenTexts] = {}
        """Queries without a terminal."""
        self.ended: dict[str, EndedTexts] = {}
        """Queries whose terminal lies behind the archive, in the order of their terminals."""
        self.answering: dict[bytes, tuple[str, ...]] = {}
        """Plan digest → those of them that are committed."""
        self.related: dict[bytes, tuple[str, ...]] = {}
        """Family digest → those of them that are committed."""
        self.sharers: dict[str, frozenset[ScopeKey]] = {}
        """Query that drew a release → scopes that paid for it later, by other queries; archived ones may lack."""
        self.told: list[tuple[str, int, datetime]] = []
        """Text, position and time of the events behind the archive that neither pay nor end a query."""
        self.undo: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = None
        """What takes back the changes of a tentative block, while there is one."""

    @contextmanager
    def tentative(self) -> Iterator[None]:
        """Take back every change of the block at its end. Nothing may be awaited inside."""
        self.undo = []
        kept = (self.start_time, self.accounting, self.predecessors, self.carried)
        try:
            yield
        finally:
            for restore, arguments in reversed(self.undo):
                restore(*arguments)
            self.undo = None
            self.start_time, self.accounting, self.predecessors, self.carried = kept

    def put(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        """Set an item of one of the mappings."""
        if self.undo is not None:
            self.undo.append((_restore, (mapping, key, mapping.get(key, _ABSENT))))
        mapping[key] = value

    def add(self, mapping: MutableMapping[K, tuple[V, ...]], key: K, value: V) -> None:
        """Add a value behind those that a mapping has under a key."""
        before = mapping.get(key)
        values = (value,) if before is None else (*before, value)
        if self.undo is None:
            mapping[key] = values
        else:
            self.put(mapping, key, values)

    def remove(self, mapping: MutableMapping[K, V], key: K) -> None:
        """Remove an item of one of the mappings, if it is there."""
        value = mapping.pop(key, _ABSENT)
        if self.undo is not None and value is not _ABSENT:
            self.undo.append((_restore, (mapping, key, value)))

    def tell(self, text: str, sequence: int, at: datetime) -> None:
        """Keep an event that neither pays nor ends a query, for the archive."""
        self.told.append((text, sequence, at))
        if self.undo is not None:
            self.undo.append((self._untell, ()))

    def _untell(self) -> None:
        del self.told[-1]

    def index(self, query_id: str, plan_digest: bytes, family_digest: bytes) -> None:
        """Let a committed query be found by its question."""
        self.add(self.answering, plan_digest, query_id)
        if family_digest:
            self.add(self.related, family_digest, query_id)

    def pay(self, scopes: ScopeLosses, at: datetime) -> None:
        """Count losses against scopes."""
        for scope, loss in scopes:
            odometer = self.odometers.get(scope)
            if odometer is None:
                odometer = Odometer()
                self.put(self.odometers, scope, odometer)
            odometer.noted.extend((at, loss))
            if self.undo is not None:
                self.undo.append((odometer.take_back, ()))


def spent_of(odometers: dict[ScopeKey, Odometer]) -> dict[ScopeKey, Loss]:
    """Return the whole spend of every scope that ever paid."""
    return {scope: odometer.total for scope, odometer in odometers.items() if odometer.count}


def _restore(mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
    if value is _ABSENT:
        del mapping[key]
    else:
        mapping[key] = value
