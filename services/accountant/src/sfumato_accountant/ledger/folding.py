"""How each kind of event changes a fold, and what makes it contradict the chain before it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sfumato_accountant.accounting.scopes import POPULATION, ScopeKey
from sfumato_accountant.ledger import events
from sfumato_accountant.ledger.events import Event, LedgerBroken
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.paid_queries import ClaimFacts, QueryState
from sfumato_accountant.ledger.query_folding import charge, commit, require_payable, reserve, share
from sfumato_accountant.ledger.state import Act, GrantFacts, KeyFacts

Claims = Mapping[str, ClaimFacts]

PARENTS_MAX: Final = 64
"""Longest chain of lent grants that is followed; far beyond what admission allows."""


def apply(fold: Fold, event: Event, claims: Claims, sequence: int, at: datetime) -> None:
    """Take up one event of the entry at `sequence`. Its claim, if it has one, must be among `claims`.

    Raises:
        LedgerBroken: the event contradicts the chain before it.
    """
    kind = type(event.fact)
    _FOLDS[kind](fold, event.fact, event, claims, sequence, at)
    if kind not in _OF_QUERIES:
        fold.tell(event.text, sequence, at)


def _genesis(fold: Fold, fact: events.Genesis, _: Event, __: Claims, sequence: int, at: datetime) -> None:
    if sequence != 0 or fold.signers:
        raise LedgerBroken(f"a second genesis at position {sequence}")
    fold.start_time = at
    fold.accounting = fact.accounting
    fold.predecessors = fact.predecessors
    fold.carried = fact.spent
    fold.put(fold.signers, 0, KeyFacts(fact.public_key, 0, at))
    fold.pay(fact.spent, at)


def _reserved(fold: Fold, fact: events.Reserved, event: Event, claims: Claims, sequence: int, at: datetime) -> None:
    claim = _claim(claims, fact.query_id, sequence)
    require_payable(fold, fact.query_id, claim, fact.project, sequence)
    reserve(fold, fact.query_id, event.text, claim, fact.versions, fact.scopes, sequence, at)


def _committed(fold: Fold, fact: events.Committed, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    commit(fold, fact.query_id, event.text, fact.versions, sequence, at)


def _charged(fold: Fold, fact: events.Charged, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    charge(fold, fact.query_id, event.text, sequence, at)


def _shared(fold: Fold, fact: events.Shared, event: Event, claims: Claims, sequence: int, at: datetime) -> None:
    claim = _claim(claims, fact.query_id, sequence)
    require_payable(fold, fact.query_id, claim, fact.project, sequence)
    share(fold, fact, event.text, claim, sequence, at)


def _granted(fold: Fold, fact: events.Granted, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    _require_open(fold, sequence)
    parent = _parent(fold, fact, sequence) if fact.parent else None
    before = fold.grants.get(fact.scope)
    history = () if before is None else before.history
    if before is None or before.limit != fact.limit:
        history = (*history, (at, fact.limit))
    fold.put(fold.grants, fact.scope, GrantFacts(fact.limit, sequence, at, fact.window, parent, history))
    fold.put(fold.acts, event.salt, Act(fact.scope, sequence))


def _parent(fold: Fold, fact: events.Granted, sequence: int) -> ScopeKey:
    """Return the scope that a grant is lent from: one that has a grant, and is not lent from this one."""
    parent = next((scope for scope in fold.grants if scope.grant_name("") == _suffix(fact.parent)), None)
    if parent is None:
        raise LedgerBroken(f"position {sequence} lends from a grant that does not exist")
    above: ScopeKey | None = parent
    for _ in range(PARENTS_MAX):
        if above is None:
            return parent
        if above == fact.scope:
            break
        above = fold.grants[above].parent
    raise LedgerBroken(f"position {sequence} lends a grant from itself")


def _suffix(grant: str) -> str:
    return grant[grant.find("/grants/") :]


def _frozen(fold: Fold, fact: events.Frozen, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    if fact.frozen:
        fold.put(fold.frozen, fact.scope, sequence)
    else:
        fold.remove(fold.frozen, fact.scope)
    grant = fold.grants.get(fact.scope)
    if grant is not None:
        fold.put(fold.grants, fact.scope, replace(grant, sequence=sequence, at=at))
    fold.put(fold.acts, event.salt, Act(fact.scope, sequence))


def _withheld(fold: Fold, fact: events.Withheld, event: Event, _: Claims, sequence: int, __: datetime) -> None:
    query = fold.query(fact.query_id)
    if query is None or query.state is not QueryState.COMMITTED:
        raise LedgerBroken(f"position {sequence} withholds a release that is not committed")
    if fact.withheld:
        fold.put(fold.withheld, fact.query_id, sequence)
    else:
        fold.remove(fold.withheld, fact.query_id)
    fold.put(fold.acts, event.salt, Act(POPULATION, sequence))


def _key_rotated(fold: Fold, fact: events.KeyRotated, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    if sequence == 0:
        raise LedgerBroken("a key changes before there is one")
    if any(key.public_key == fact.public_key for key in fold.signers.values()):
        raise LedgerBroken(f"position {sequence} goes back to a key that was used before")
    fold.put(fold.signers, sequence + 1, KeyFacts(fact.public_key, sequence + 1, at))
    fold.put(fold.acts, event.salt, Act(POPULATION, sequence))


def _reopened(fold: Fold, fact: events.Reopened, event: Event, _: Claims, sequence: int, at: datetime) -> None:
    lost = (fact.lost_sequence, fact.lost_hash)
    if fold.contains(*lost):
        raise LedgerBroken(f"position {sequence} gives up an entry that the chain contains")
    fold.put(fold.lost, lost, (sequence, at))
    for query_id in fact.queries:
        fold.put(fold.receipted, query_id, sequence)
    fold.pay(fact.charged, at)
    fold.put(fold.acts, event.salt, Act(POPULATION, sequence))


def _closed(fold: Fold, fact: events.Closed, event: Event, _: Claims, sequence: int, __: datetime) -> None:
    _require_open(fold, sequence)
    for successor in fact.successors:
        fold.put(fold.successors, successor, sequence)
    fold.put(fold.acts, event.salt, Act(POPULATION, sequence))


def _require_open(fold: Fold, sequence: int) -> None:
    if fold.successors:
        raise LedgerBroken(f"position {sequence} pays or grants in a chain that is closed")


def _claim(claims: Claims, query_id: str, sequence: int) -> ClaimFacts:
    claim = claims.get(query_id)
    if claim is None:
        raise LedgerBroken(f"the claim of a query paid at position {sequence} is missing or another")
    return claim


_OF_QUERIES: Final = frozenset((events.Reserved, events.Committed, events.Charged, events.Shared))
_FOLDS: Final[dict[type, Callable[[Fold, Any, Event, Claims, int, datetime], None]]] = {
    events.Genesis: _genesis,
    events.Reserved: _reserved,
    events.Committed: _committed,
    events.Charged: _charged,
    events.Shared: _shared,
    events.Granted: _granted,
    events.Frozen: _frozen,
    events.Withheld: _withheld,
    events.KeyRotated: _key_rotated,
    events.Reopened: _reopened,
    events.Closed: _closed,
}
