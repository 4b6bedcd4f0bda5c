"""Taking up entries that were read: the whole way from stored texts to the fold."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sfumato_accountant.ledger.claim_facts import decode_facts
from sfumato_accountant.ledger.entries import ONE_RECORD, check_entry, check_signature
from sfumato_accountant.ledger.events import Event, LedgerBroken, Reserved, Shared, read_event, read_time
from sfumato_accountant.ledger.fold import ClaimFacts, Fold, Position
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.plain_events import COMMITTED, RESERVED, NotPlain
from sfumato_accountant.ledger.query_folding import answer_plainly, pay_plainly
from sfumato_accountant.stores.ports import StoredEntry


def take_up(fold: Fold, entry: StoredEntry, events: Sequence[Event], claims: Mapping[str, ClaimFacts]) -> None:
    """Fold the events of the entry behind the head.

    Raises:
        LedgerBroken: it contradicts the chain before it.
    """
    at = read_time(entry.at)
    if at < fold.head.at:
        raise _redated(entry)
    for event in events:
        apply(fold, event, claims, entry.sequence, at)
    fold.advance(Position(entry.sequence, entry.entry_hash, at), (entry.key_id, entry.signature))


def take_up_read(
    fold: Fold, population: str, entries: Sequence[StoredEntry], claims: Mapping[str, ClaimFacts]
) -> Mapping[str, bytes]:
    """Check and fold entries that were read, but for those that this replica has appended meanwhile.

    Signatures: that of the last entry, which covers all before it by the chain of hashes, and those of entries that
    change the key, which the old key must have signed.

    Args:
        fold: is extended.
        population: whose chain it is.
        entries: in the order of the store.
        claims: those that were looked up.

    Returns:
        Digests by query id of claims that must be looked up before the rest can be folded: no copy of them lies beside
        the entries. None: all are folded.

    Raises:
        LedgerBroken: a gap, a wrong hash or signature, or an event that contradicts the chain before it.
    """
    sequence, previous, before = fold.head
    keys, hashes = len(fold.signers), fold.hashes
    for number, entry in enumerate(entries):
        if entry.sequence <= sequence:
            continue
        check_entry(entry, population, sequence + 1, previous)
        at = read_time(entry.at)
        if at < before:
            raise _redated(entry)
        if len(entry.proof) != ONE_RECORD or not _plainly(fold, entry.payloads, entry.facts[2:], sequence + 1, at):
            texts = _texts(entry)
            if _lacking(texts, claims):
                if number:
                    _move_head(fold, entries[number - 1], before)
                return _all_lacking(entries[number:], claims)
            for text, copy in texts:
                _take_up_text(fold, text, copy, claims, sequence + 1, at)
        sequence += 1
        previous, before = entry.proof[32:64], at
        hashes += previous
        if len(fold.signers) != keys:
            keys = len(fold.signers)
            _check_signature(fold, entry)
    _check_signature(fold, entries[-1])
    _move_head(fold, entries[-1], before)
    return {}


def _move_head(fold: Fold, entry: StoredEntry, at: datetime) -> None:
    """Move the head to an entry that was taken up, unless it was there before."""
    if entry.sequence > fold.head.sequence:
        fold.head = Position(entry.sequence, entry.entry_hash, at)
        fold.signature = entry.key_id, entry.signature


def _plainly(fold: Fold, text: str, copy: bytes, sequence: int, at: datetime) -> bool:
    """Fold a plain payment or answer; return False, and change nothing, for any other event."""
    try:
        if text.startswith(COMMITTED):
            answer_plainly(fold, text, sequence, at)
            return True
        if copy and text.startswith(RESERVED):
            pay_plainly(fold, text, copy, sequence, at)
            return True
    except NotPlain:
        pass  # not as plain as it looked
    return False


def _take_up_text(
    fold: Fold, text: str, copy: bytes, claims: Mapping[str, ClaimFacts], sequence: int, at: datetime
) -> None:
    if _plainly(fold, text, copy, sequence, at):
        return
    event = read_event(text)
    if copy and isinstance(event.fact, Reserved | Shared):
        claims = {event.fact.query_id: decode_facts(copy)}
    apply(fold, event, claims, sequence, at)


def _texts(entry: StoredEntry) -> Sequence[tuple[str, bytes]]:
    """Return the payloads of an entry, each with its copy of a claim's facts or with none."""
    if len(entry.proof) == ONE_RECORD:
        return ((entry.payloads, entry.facts[2:]),)
    texts = entry.payloads.split("\n")
    return tuple(zip(texts, entry.copies or (b"",) * len(texts), strict=True))


def _lacking(texts: Sequence[tuple[str, bytes]], claims: Mapping[str, ClaimFacts]) -> dict[str, bytes] | None:
    """Return the digests of claims that are paid, but neither in a copy nor among `claims`; None: there are none."""
    lacking: dict[str, bytes] | None = None
    for text, copy in texts:
        if not copy and not text.startswith(COMMITTED):
            fact = read_event(text).fact
            if isinstance(fact, Reserved | Shared) and fact.query_id not in claims:
                lacking = {**(lacking or {}), fact.query_id: fact.claim_digest}
    return lacking


def _all_lacking(entries: Sequence[StoredEntry], claims: Mapping[str, ClaimFacts]) -> dict[str, bytes]:
    found = [_lacking(_texts(entry), claims) or {} for entry in entries]
    return {query_id: digest for each in found for query_id, digest in each.items()}


def _check_signature(fold: Fold, entry: StoredEntry) -> None:
    key = fold.key_at(entry.sequence)
    check_signature(entry, b"" if key is None else key.public_key)


def _redated(entry: StoredEntry) -> LedgerBroken:
    return LedgerBroken(f"{entry.population}: position {entry.sequence} is dated before the one before it")
