"""How payments and terminals change a fold, and what makes them contradict the chain before them."""

from datetime import datetime

from sfumato_accountant.ledger.claim_facts import digests_of, project_of
from sfumato_accountant.ledger.events import LedgerBroken, ScopeLosses, Shared, Versions
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.paid_queries import PaidQuery, QueryState
from sfumato_accountant.ledger.paid_texts import Claim, OpenTexts
from sfumato_accountant.ledger.plain_events import plain_answer, plain_payment


def pay_plainly(fold: Fold, text: str, copy: bytes, sequence: int, at: datetime) -> None:
    """Take up a `reserved` by its text and the copy of its claim. Raises NotPlain, before anything is changed."""
    query_id, versions, project, charge, scopes = plain_payment(text)
    require_payable(fold, query_id, copy, project, sequence)
    if fold.undo is not None:
        fold.put(fold.open, query_id, (text, copy, sequence, at, versions))
        fold.pay(tuple((scope, charge) for scope in scopes), at)
        return
    fold.open[query_id] = (text, copy, sequence, at, versions)
    payment, odometers = (at, charge), fold.odometers
    for scope in scopes:
        odometer = odometers.get(scope)
        if odometer is None:
            fold.pay(((scope, charge),), at)
        else:
            odometer.noted.extend(payment)


def answer_plainly(fold: Fold, text: str, sequence: int, at: datetime) -> None:
    """Take up a `committed` by its text. Raises NotPlain, before anything is changed."""
    query_id, versions = plain_answer(text)
    commit(fold, query_id, text, versions, sequence, at)


def reserve(
    fold: Fold,
    query_id: str,
    text: str,
    claim: Claim,
    versions: Versions,
    scopes: ScopeLosses,
    sequence: int,
    at: datetime,
) -> None:
    """Pay a query. Whether it may be is for `require_payable`."""
    fold.put(fold.open, query_id, (text, claim, sequence, at, versions))
    fold.pay(scopes, at)


def commit(fold: Fold, query_id: str, text: str, versions: Versions, sequence: int, at: datetime) -> None:
    """End a query with an answer."""
    begun = _open(fold, query_id, sequence)
    if begun[4] != versions:
        raise LedgerBroken(f"position {sequence} commits a release of other versions than were reserved")
    if fold.lost and begun[2] < fold.reopened_at:
        raise LedgerBroken(f"position {sequence} answers a query that may have been answered in lost entries")
    _end(fold, query_id, begun, text, sequence, at)
    fold.index(query_id, *digests_of(begun[1]))


def charge(fold: Fold, query_id: str, text: str, sequence: int, at: datetime) -> None:
    """End a query without an answer."""
    _end(fold, query_id, _open(fold, query_id, sequence), text, sequence, at)


def share(fold: Fold, fact: Shared, text: str, claim: Claim, sequence: int, at: datetime) -> None:
    """Pay a query and answer it at once. Whether it may be paid is for `require_payable`."""
    source = fold.query(fact.release_query_id)
    if source is None or source.state is not QueryState.COMMITTED:
        raise LedgerBroken(f"position {sequence} shares a release that is not committed")
    _require_release_of(source, fact, claim, sequence)
    fold.put(fold.ended, fact.query_id, (text, claim, sequence, at, source.charge, "", sequence, at))
    fold.pay(fact.scopes, at)
    if fact.scopes:
        later = fold.sharers_of(source.query_id).union(scope for scope, _ in fact.scopes)
        fold.put(fold.sharers, source.query_id, later)


def require_payable(fold: Fold, query_id: str, claim: Claim, project: str, sequence: int) -> None:
    """Check that a query is paid for the first time, in an open chain, by the project that its claim names."""
    if fold.successors:
        raise LedgerBroken(f"position {sequence} pays in a chain that is closed")
    known = query_id in fold.open or query_id in fold.ended
    if known or (fold.archive is not None and fold.archive.knows(query_id)):
        raise LedgerBroken(f"position {sequence} pays a query twice")
    if query_id in fold.receipted:
        raise LedgerBroken(f"position {sequence} pays a query again that was paid in lost entries")
    if project_of(claim) != project and fold.accounting:  # chains without that field hold no projects
        raise LedgerBroken(f"position {sequence} is paid by another project than the claim names")


def _open(fold: Fold, query_id: str, sequence: int) -> OpenTexts:
    begun = fold.open.get(query_id)
    if begun is None:
        raise LedgerBroken(f"position {sequence} ends a query that is not open")
    return begun


def _end(fold: Fold, query_id: str, begun: OpenTexts, text: str, sequence: int, at: datetime) -> None:
    ended = (*begun[:4], None, text, sequence, at)
    if fold.undo is None:
        del fold.open[query_id]
        fold.ended[query_id] = ended
    else:
        fold.remove(fold.open, query_id)
        fold.put(fold.ended, query_id, ended)


def _require_release_of(source: PaidQuery, fact: Shared, claim: Claim, sequence: int) -> None:
    """Check that the release is the one that was committed, for this question, at its price."""
    release = (source.attempt, source.release_digest, source.versions, source.charge)
    if release != (fact.attempt, fact.release_digest, fact.versions, fact.charge or source.charge):
        raise LedgerBroken(f"position {sequence} shares another release than was committed, or at another price")
    plan, family = digests_of(claim)
    same = plan == source.claim.plan_digest
    if fact.derived:
        same = bool(family) and family == source.claim.family_digest
    if not same:
        raise LedgerBroken(f"position {sequence} shares the release of another question")
