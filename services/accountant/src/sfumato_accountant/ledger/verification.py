"""Verification of a chain by the accountant itself: hashes, order, signatures, and every admission decided again.

It reads the store and believes nothing that is in memory: events are folded anew, claims are read again. The offline
verifier of the client does the same by another hand.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1 import population_pb2
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.ledger import events
from sfumato_accountant.ledger.claim_facts import decode_facts
from sfumato_accountant.ledger.entries import check_entry, check_signature
from sfumato_accountant.ledger.events import Event, LedgerBroken, read_event, read_time
from sfumato_accountant.ledger.fold import ClaimFacts, Fold, Position
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.readmission import Inadmissible, Readmission
from sfumato_accountant.stores.ports import StoredEntry

_RULES: Final[Mapping[type, str]] = {
    events.Genesis: "genesis",
    events.Reserved: "query",
    events.Committed: "terminal",
    events.Charged: "terminal",
    events.Shared: "shared",
    events.Granted: "delegation",
    events.Withheld: "withheld",
    events.KeyRotated: "key",
    events.Reopened: "reopened",
    events.Closed: "closed",
}
"""Which rule an event breaks that contradicts the chain before it."""
_NOT_AFTER_THE_END: Final = (events.Reserved, events.Shared, events.Granted, events.Closed)


class Defective(Exception):  # noqa: N818  (a state of the chain)
    """An entry breaks a rule."""

    def __init__(self, sequence: int, rule: str, description: str) -> None:
        super().__init__(description)
        self.defect = pb.LedgerDefect(sequence=sequence, rule=rule, description=description)


class Verification:
    """One walk over a chain."""

    def __init__(self, population: str) -> None:
        self.population = population
        self.fold = Fold()
        self._readmission: Readmission | None = None

    @property
    def verified_entries(self) -> int:
        """Entries found good so far."""
        return self.fold.head.sequence + 1

    def take(self, entries: Sequence[StoredEntry], claims: Mapping[str, ClaimFacts]) -> None:
        """Verify the next entries. Takes about a quarter of a millisecond each.

        Args:
            entries: in the order of the store.
            claims: of the queries that they pay; that one is missing is a defect.

        Raises:
            Defective: the first that breaks a rule.
        """
        for entry in entries:
            self._take(entry, claims)

    def _take(self, entry: StoredEntry, claims: Mapping[str, ClaimFacts]) -> None:
        head = self.fold.head
        position = head.sequence + 1
        if entry.sequence != position or entry.population != self.population:
            raise Defective(position, "gap", f"position {entry.sequence} stands in its place")
        try:
            check_entry(entry, self.population, position, head.entry_hash)
        except LedgerBroken as broken:
            raise Defective(position, "hash", str(broken)) from None
        at = read_time(entry.at)
        if at < head.at:
            raise Defective(position, "order", "it is dated before the entry before it")
        facts = [_read(record.payload, position) for record in entry.records]
        if position:
            self._check_signature(entry)
        for event in facts:
            self._apply(event, claims, Position(position, entry.entry_hash, at))
        self._check_copies(entry, facts, claims)
        if not position:
            self._check_signature(entry)
        self.fold.advance(Position(position, entry.entry_hash, at), (entry.key_id, entry.signature))

    def _check_copies(self, entry: StoredEntry, facts: Sequence[Event], claims: Mapping[str, ClaimFacts]) -> None:
        """Check the copies of what claims say that lie beside the entry, unhashed: folds believe them."""
        copies = entry.copies
        if copies and len(copies) != len(facts):
            raise Defective(entry.sequence, "claim", "there are not as many copies of claims as events beside it")
        for event, copy in zip(facts, copies, strict=False):
            if copy and not _is_copy(copy, claims.get(getattr(event.fact, "query_id", ""))):
                raise Defective(entry.sequence, "claim", "a copy beside it says something else than the claim")

    def _check_signature(self, entry: StoredEntry) -> None:
        key = self.fold.key_at(entry.sequence)
        try:
            check_signature(entry, b"" if key is None else key.public_key)
        except LedgerBroken as broken:
            raise Defective(entry.sequence, "signature", str(broken)) from None

    def _apply(self, event: Event, claims: Mapping[str, ClaimFacts], place: Position) -> None:
        fact, fold, position = event.fact, self.fold, place.sequence
        rule = "closed" if fold.closed and isinstance(fact, _NOT_AFTER_THE_END) else _RULES.get(type(fact), "form")
        if position == 0 and not fold.keys and not isinstance(fact, events.Genesis):
            raise Defective(position, "genesis", "a chain begins with genesis")
        project = ""
        if isinstance(fact, events.Reserved | events.Shared):
            if fact.query_id not in claims:
                raise Defective(position, "claim", f"the claim of queries/{fact.query_id} is missing or another")
            project = claims[fact.query_id].project
            if fold.query(fact.query_id) is not None or fact.query_id in fold.receipted:
                rule = "query"
        before = fold.grants.get(fact.scope) if isinstance(fact, events.Granted) else None
        try:
            if self._readmission is not None and rule != "closed":
                self._readmission.check(event, place.at, project)
            apply(fold, event, claims, position, place.at)
            if isinstance(fact, events.Genesis):
                self._begin(position)
            elif isinstance(fact, events.Granted) and self._readmission is not None:
                self._readmission.check_lent(fact, before, event.user)
        except Inadmissible as wrong:
            raise Defective(position, wrong.rule, wrong.description) from None
        except LedgerBroken as broken:
            raise Defective(position, rule, str(broken)) from None

    def _begin(self, position: int) -> None:
        accounting = accounting_of(self.fold.accounting or population_pb2.ACCOUNTING_ZCDP)
        if accounting is None:
            raise Defective(position, "unknown kind", "its accounting is one that this version does not know")
        self._readmission = Readmission(self.population, accounting, self.fold)


def claims_of(entries: Iterable[StoredEntry]) -> Mapping[str, bytes]:
    """Return the claim digests of the queries that entries pay, as far as entries can be read."""
    found: dict[str, bytes] = {}
    for entry in entries:
        for record in entry.records:
            try:
                fact = read_event(record.payload).fact
            except LedgerBroken:
                continue  # `Verification` names it
            if isinstance(fact, events.Reserved | events.Shared):
                found[fact.query_id] = fact.claim_digest
    return found


def _is_copy(copy: bytes, claim: ClaimFacts | None) -> bool:
    try:
        return decode_facts(copy) == claim
    except (LedgerBroken, ValueError):
        return False


def _read(payload: str, position: int) -> Event:
    try:
        return read_event(payload)
    except LedgerBroken as broken:
        raise Defective(position, _rule_of_unread(payload), str(broken)) from None


def _rule_of_unread(payload: str) -> str:
    """Return "unknown kind" for the event of a later version, "form" for what is no event."""
    try:
        kinds = set(json.loads(payload)) - {"salt", "user"}
    except (ValueError, TypeError):
        return "form"
    known = {field.name for field in pb.DESCRIPTOR.pool.FindMessageTypeByName("sfumato.v1.LedgerEvent").fields}
    return "form" if kinds & known else "unknown kind"
