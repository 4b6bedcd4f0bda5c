"""Receipts: the signed proof of a release, made from entry, claim and what the winning worker said of its intervals.

Nothing of it is stored: every replica makes the same bytes (Ed25519 is deterministic), and keeps the latest in memory.
The key valid at the terminal's position signs, whenever that is; once it is no longer held, the present one does. A
verifier takes the key of that position or a later one, never an earlier.
The measures of a repeated release are those that were stored with it: at the confidence, and under the aliases, of the
question that drew it. Those of a derived answer are its own.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from sfumato.v1 import question_pb2, quote_pb2, receipt_pb2, scope_pb2
from sfumato_accountant.ledger.claims import ClaimRecord
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.fold import Fold, PaidQuery, QueryState
from sfumato_accountant.ledger.settling import data_versions
from sfumato_accountant.ledger.signatures import LedgerKey, Signers
from sfumato_accountant.ledger.timekeeping import cannot_append
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind
from sfumato_mesh.digests import message_json
from sfumato_mesh.engine_names import NATIVE, engine_of
from sfumato_mesh.v1 import accountant_service_pb2

_CACHED: Final = 1024


def measures_side(request: accountant_service_pb2.CommitQueryRequest) -> Side:
    """Return what a worker says of its intervals, as it is kept for the receipt."""
    return Side(SideKind.MEASURES, f"{request.query_id}/{request.attempt}", measures_body(request.measures))


def measures_body(measures: Iterable[quote_pb2.MeasureAccuracy]) -> bytes:
    """Return what is kept of mechanisms and intervals."""
    return receipt_pb2.ReceiptStatement(measures=measures).SerializeToString(deterministic=True)


def derived_side(query_id: str, attempt: str, body: bytes) -> Side:
    """Return what is kept for the receipt of an answer that is derived from an attempt of a wider question."""
    return Side(SideKind.MEASURES, f"{query_id}/{attempt}", body)


class Receipts:
    """Makes receipts of one chain after another."""

    def __init__(self, store: LedgerStore, keys: Signers) -> None:
        self._store = store
        self._keys = keys
        self._made: OrderedDict[str, receipt_pb2.Receipt] = OrderedDict()

    async def make(
        self, population: str, fold: Fold, queries: Iterable[PaidQuery], claims: Mapping[str, ClaimRecord]
    ) -> Mapping[str, receipt_pb2.Receipt]:
        """Return the receipts of those queries that have a release, by query id.

        Raises:
            LedgerBroken: what the winning worker said is missing.
            Refusal: CANNOT_APPEND, this accountant holds no key by which they could be signed.
        """
        answered = [each for each in queries if each.state in (QueryState.COMMITTED, QueryState.SHARED)]
        receipts = {each.query_id: self._made[each.query_id] for each in answered if each.query_id in self._made}
        wanted = {each.query_id: _measures_id(each) for each in answered if each.query_id not in receipts}
        bodies = await self._store.get_sides(SideKind.MEASURES, sorted(set(wanted.values())))
        for query in answered:
            if query.query_id in receipts:
                continue
            body = bodies.get(wanted[query.query_id])
            if body is None:
                raise LedgerBroken(f"the measures of query {query.query_id} are missing")
            measures = receipt_pb2.ReceiptStatement.FromString(body)
            receipt = self._sign(population, fold, query, claims[query.query_id], measures)
            receipts[query.query_id] = receipt
            self._keep(query.query_id, receipt)
        return receipts

    def _sign(
        self,
        population: str,
        fold: Fold,
        query: PaidQuery,
        claim: ClaimRecord,
        measures: receipt_pb2.ReceiptStatement,
    ) -> receipt_pb2.Receipt:
        statement = _statement(population, fold, query, claim)
        statement.measures.extend(measures.measures)
        text = message_json(statement)
        signature = self._signer(fold, query.terminal_sequence).sign_receipt(text)
        return receipt_pb2.Receipt(signed_statement=text, signature=signature, statement=statement)

    def _signer(self, fold: Fold, sequence: int) -> LedgerKey:
        valid = fold.key_at(sequence)
        held = None if valid is None else self._keys.holding(valid.public_key)
        held = held or self._keys.holding(fold.public_key)
        if held is None:
            raise cannot_append("key")
        return held

    def _keep(self, query_id: str, receipt: receipt_pb2.Receipt) -> None:
        self._made[query_id] = receipt
        if len(self._made) > _CACHED:
            self._made.popitem(last=False)


def _statement(population: str, fold: Fold, query: PaidQuery, claim: ClaimRecord) -> receipt_pb2.ReceiptStatement:
    engine = engine_of(claim.claim.task.question)
    hardened = engine == NATIVE
    statement = receipt_pb2.ReceiptStatement(
        query=f"queries/{query.query_id}",
        population=population,
        sequence=query.terminal_sequence,
        entry_hash=fold.hash_at(query.terminal_sequence),
        plan_digest=query.claim.plan_digest,
        engine=engine,
        assurance=question_pb2.ASSURANCE_HARDENED if hardened else question_pb2.ASSURANCE_LIBRARY,
        data_versions=data_versions(query.versions),
        charge=query.charge.to_proto(),
        scopes=[
            scope_pb2.ScopeCharge(scope=scope.to_proto(population), charge=loss.to_proto())
            for scope, loss in query.scopes
        ],
        release_digest=query.release_digest,
        claim_digest=query.claim_digest,
        derived=query.derived,
    )
    if query.state is QueryState.SHARED:
        statement.release_query = f"queries/{query.release_query_id}"
    assert query.terminal_at is not None
    statement.release_time.FromDatetime(query.terminal_at)
    return statement


def _measures_id(query: PaidQuery) -> str:
    drawn = query.query_id if query.derived else query.release_query_id
    return f"{drawn}/{query.attempt}"
