"""A paid query as its entries say it, kept unread until somebody asks: most queries of a chain are never asked for."""

from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.ledger.claim_facts import decode_facts
from sfumato_accountant.ledger.events import (
    Charged,
    Committed,
    Event,
    LedgerBroken,
    Reserved,
    Shared,
    Versions,
    read_event,
)
from sfumato_accountant.ledger.paid_queries import ClaimFacts, PaidQuery, QueryState

Claim: TypeAlias = bytes | ClaimFacts
"""Facts of a claim, or the copy of them as it lay beside the entry."""

OpenTexts: TypeAlias = tuple[str, Claim, int, datetime, Versions]
"""Payload that paid a query, its claim, position and time, and what it reads. Bare tuples, here and below: the garbage
collector does not look into them."""

EndedTexts: TypeAlias = tuple[str, Claim, int, datetime, Loss | None, str, int, datetime]
"""Payload that paid it, its claim, position and time; price of the release, where it shares one; payload that ended it
(empty: the same), position and time."""

_CACHED = 4096


def claim_of(claim: Claim) -> ClaimFacts:
    """Return the facts. Raises LedgerBroken for a copy that cannot be read."""
    return decode_facts(claim) if isinstance(claim, bytes) else claim


@lru_cache(_CACHED)
def open_query(texts: OpenTexts) -> PaidQuery:
    """Read a query that has no terminal. Raises LedgerBroken."""
    text, claim, sequence, at, _ = texts
    event = read_event(text)
    if not isinstance(event.fact, Reserved):
        raise LedgerBroken(f"position {sequence} pays no query")
    facts = claim_of(claim)
    reserved = event.fact._replace(project=facts.project)
    return PaidQuery(*reserved, event.user, facts, sequence, at, QueryState.OPEN)


@lru_cache(_CACHED)
def ended_query(texts: EndedTexts) -> PaidQuery:
    """Read a query that has its terminal. Raises LedgerBroken."""
    text, claim, paid_sequence, paid_at, charge, terminal, sequence, at = texts
    if not terminal:
        return _shared(read_event(text), claim_of(claim), sequence, at, charge)
    query = open_query((text, claim, paid_sequence, paid_at, ()))
    fact = read_event(terminal).fact
    if isinstance(fact, Charged):
        state, cancelled = QueryState.CHARGED, fact.cancelled
        return query._replace(state=state, terminal_sequence=sequence, terminal_at=at, cancelled=cancelled)
    if not isinstance(fact, Committed):
        raise LedgerBroken(f"position {sequence} ends no query")
    return query._replace(
        state=QueryState.COMMITTED,
        terminal_sequence=sequence,
        terminal_at=at,
        attempt=fact.attempt,
        release_digest=fact.release_digest,
        release_query_id=fact.query_id,
    )


def _shared(event: Event, claim: ClaimFacts, sequence: int, at: datetime, charge: Loss | None) -> PaidQuery:
    fact = event.fact
    if charge is None or not isinstance(fact, Shared):
        raise LedgerBroken(f"position {sequence} shares no release")
    return PaidQuery(
        query_id=fact.query_id,
        claim_digest=fact.claim_digest,
        versions=fact.versions,
        charge=charge,
        scopes=fact.scopes,
        give_up_time=at,
        project=claim.project,
        analyst=event.user,
        claim=claim,
        reserved_sequence=sequence,
        reserved_at=at,
        state=QueryState.SHARED,
        terminal_sequence=sequence,
        terminal_at=at,
        attempt=fact.attempt,
        release_digest=fact.release_digest,
        release_query_id=fact.release_query_id,
        derived=fact.derived,
    )
