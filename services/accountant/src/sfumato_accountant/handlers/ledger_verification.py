"""VerifyLedger: a chain read from the store and judged entry by entry, beside the loop that serves others."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from sfumato.v1 import ledger_pb2, receipt_pb2, scope_pb2
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato_accountant.accounting.scopes import POPULATION
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.fold import ClaimFacts, Fold
from sfumato_accountant.ledger.verification import Defective, Verification, claims_of
from sfumato_accountant.stores.ports import LedgerStore, StoredEntry

_PAGE: Final = 200
"""Entries verified at once, in a thread: a few hundredths of a second."""


async def verify(chain: Chain, store: LedgerStore, claims: Claims) -> AsyncGenerator[pb.VerifyLedgerResponse, None]:
    """Yield how far it is after each page, and the verdict.

    Raises:
        StoreUnavailable: the store did not answer.
    """
    total = chain.fold.head.sequence + 1
    verification = Verification(chain.population)
    while True:
        page = await store.read(chain.population, verification.verified_entries, _PAGE)
        facts = await _facts(page, claims)
        try:
            await asyncio.to_thread(verification.take, page, facts)
        except Defective as defective:
            yield _progress(verification, total, defect=defective.defect)
            return
        if len(page) < _PAGE:
            break
        yield _progress(verification, total)
    yield _progress(verification, total, verified=_verified(verification))


async def _facts(page: Sequence[StoredEntry], claims: Claims) -> Mapping[str, ClaimFacts]:
    """Return what the claims of a page say, each checked against its digest; without those that are missing."""
    wanted = claims_of(page)
    try:
        return {query_id: record.facts for query_id, record in (await claims.paid(wanted)).items()}
    except LedgerBroken:
        found: dict[str, ClaimFacts] = {}
        for query_id, digest in wanted.items():
            try:
                found[query_id] = (await claims.paid({query_id: digest}))[query_id].facts
            except LedgerBroken:
                continue
        return found


def _progress(
    verification: Verification,
    total: int,
    *,
    verified: pb.LedgerVerified | None = None,
    defect: pb.LedgerDefect | None = None,
) -> pb.VerifyLedgerResponse:
    done = verification.verified_entries
    return pb.VerifyLedgerResponse(
        verified_entries=done, total_entries=max(done, total), verified=verified, defect=defect
    )


def _verified(verification: Verification) -> pb.LedgerVerified:
    fold, population = verification.fold, verification.population
    return pb.LedgerVerified(
        head=_head(population, fold),
        spent=[
            scope_pb2.ScopeCharge(scope=scope.to_proto(population), charge=loss.to_proto())
            for scope, loss in sorted(fold.spent.items())
        ],
        population_spent=fold.spent_in(POPULATION).to_proto(),
    )


def _head(population: str, fold: Fold) -> ledger_pb2.LedgerHead:
    key_id, signature = fold.signature
    return ledger_pb2.LedgerHead(
        population=population,
        sequence=fold.head.sequence,
        entry_hash=fold.head.entry_hash,
        signature=receipt_pb2.Signature(key_id=key_id, ed25519=signature),
    )
