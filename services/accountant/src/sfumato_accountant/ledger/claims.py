"""Claims: what a query id is bound to before anything is paid. Put if absent, never changed.

The first claim of a query binds its id to the digest of its body for ever. Where it was not paid (a refusal, a crash)
and is asked again after a publication or a rolling update, the same body may compile to another plan: then an amended
claim is put under its own digest, and the reservation names that digest. Its body digest and salt are the first one's.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.fold import ClaimFacts, PaidQuery
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusals import request_id_reused
from sfumato_mesh.v1 import reservation_pb2

_CACHED: Final = 2048
_CACHED_BYTES_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """A claim and the bytes that its digest is of."""

    claim: reservation_pb2.Claim
    body: bytes
    digest: bytes
    """SHA-256 of body."""

    @classmethod
    def of(cls, claim: reservation_pb2.Claim) -> "ClaimRecord":
        """Return the record of a new claim."""
        body = claim.SerializeToString(deterministic=True)
        return cls(claim, body, sha256(body))

    @classmethod
    def read(cls, body: bytes) -> "ClaimRecord":
        """Return the record of stored bytes."""
        return cls(reservation_pb2.Claim.FromString(body), body, sha256(body))

    @property
    def facts(self) -> ClaimFacts:
        """What a fold must know of it."""
        claim = self.claim
        return ClaimFacts(claim.plan_digest, claim.project, tuple(sorted(claim.labels.items())), claim.family_digest)


class Claims:
    """The claims of all populations."""

    def __init__(self, store: LedgerStore, salt: Callable[[], bytes] = lambda: secrets.token_bytes(16)) -> None:
        self._store = store
        self._salt = salt
        self._cache: OrderedDict[str, ClaimRecord] = OrderedDict()

    async def put(self, claim: reservation_pb2.Claim) -> ClaimRecord:
        """Bind a query id to a claim (without salt: it is given here); return the claim that is to be paid.

        Raises:
            Refusal: REQUEST_ID_REUSED, the id is bound to another body.
        """
        salted = reservation_pb2.Claim()
        salted.CopyFrom(claim)
        salted.salt = self._salt()
        record = ClaimRecord.of(salted)
        first = self._cache.get(claim.query_id)
        if first is None:
            there = await self._store.put_side(Side(SideKind.CLAIM, claim.query_id, record.body))
            first = record if there is None else ClaimRecord.read(there)
            self._keep(first)
        bound = first.claim
        if (bound.body_digest, bound.analyst, bound.population) != (claim.body_digest, claim.analyst, claim.population):
            raise request_id_reused()
        same = (bound.plan_digest, bound.family_digest) == (claim.plan_digest, claim.family_digest)
        if same and bound.task == claim.task:
            return first
        salted.salt = first.claim.salt
        amended = ClaimRecord.of(salted)
        await self._store.put_side(Side(SideKind.AMENDED_CLAIM, amended.digest.hex(), amended.body))
        return amended

    async def get(self, query_id: str) -> ClaimRecord | None:
        """Return the first claim of a query; None: there is none."""
        cached = self._cache.get(query_id)
        if cached is not None:
            self._cache.move_to_end(query_id)
            return cached
        found = await self._store.get_sides(SideKind.CLAIM, [query_id])
        if query_id not in found:
            return None
        record = ClaimRecord.read(found[query_id])
        self._keep(record)
        return record

    async def paid(self, queries: Mapping[str, bytes]) -> Mapping[str, ClaimRecord]:
        """Return the claims that the chain names, by query id.

        Args:
            queries: claim digest by query id.

        Raises:
            LedgerBroken: one is missing, or is not what was hashed.
        """
        known = {query_id: self._cache[query_id] for query_id in queries if query_id in self._cache}
        missing = [query_id for query_id in queries if query_id not in known]
        bodies = await self._store.get_sides(SideKind.CLAIM, missing)
        known.update((query_id, ClaimRecord.read(body)) for query_id, body in bodies.items())
        others = [
            digest.hex()
            for query_id, digest in queries.items()
            if query_id not in known or known[query_id].digest != digest
        ]
        amended = await self._store.get_sides(SideKind.AMENDED_CLAIM, others)
        result: dict[str, ClaimRecord] = {}
        for query_id, digest in queries.items():
            record = known.get(query_id)
            if record is None or record.digest != digest:
                body = amended.get(digest.hex())
                record = None if body is None else ClaimRecord.read(body)
            if record is None or record.digest != digest:
                raise LedgerBroken(f"the claim of query {query_id} is missing or is not what was hashed")
            result[query_id] = record
        return result

    async def of(self, queries: Iterable[PaidQuery]) -> Mapping[str, ClaimRecord]:
        """Return the claims of paid queries, by query id.

        Raises:
            LedgerBroken: one is missing, is not what was hashed, or is not what the fold was told of it.
        """
        wanted = {query.query_id: query for query in queries}
        records = await self.paid({query.query_id: query.claim_digest for query in wanted.values()})
        for query_id, record in records.items():
            if record.facts != wanted[query_id].claim:
                raise LedgerBroken(f"the facts beside the entry that pays query {query_id} are not those of its claim")
        return records

    def _keep(self, record: ClaimRecord) -> None:
        if len(record.body) <= _CACHED_BYTES_MAX:
            self._cache[record.claim.query_id] = record
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
