"""Reservations as messages: a claim, what the fold says of it, and its receipt."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from sfumato.v1 import query_pb2, receipt_pb2, scope_pb2
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import ClaimRecord, Claims
from sfumato_accountant.ledger.fold import PaidQuery, QueryState
from sfumato_accountant.ledger.receipts import Receipts
from sfumato_accountant.ledger.settling import data_versions
from sfumato_mesh.v1 import reservation_pb2

Reservation = reservation_pb2.Reservation

_KEPT: Final = 256

_STATES: Final = {
    QueryState.OPEN: Reservation.STATE_OPEN,
    QueryState.COMMITTED: Reservation.STATE_COMMITTED,
    QueryState.CHARGED: Reservation.STATE_CHARGED,
    QueryState.SHARED: Reservation.STATE_SHARED,
}
_ORIGINS: Final = {
    QueryState.COMMITTED: query_pb2.Query.ORIGIN_DRAWN,
    QueryState.SHARED: query_pb2.Query.ORIGIN_REPEATED,
}


class View(Enum):
    """How much of a reservation a reader sees."""

    WHOLE = "whole"
    """The mesh itself, and the analyst."""
    NO_ANSWER = "no answer"
    """Custodians, auditors, administrators: neither which attempt answers, nor whether a failed one was cancelled."""


class Reservations:
    """Puts reservations together."""

    def __init__(self, claims: Claims, receipts: Receipts) -> None:
        self._claims = claims
        self._receipts = receipts
        self._latest: OrderedDict[tuple[str, View], tuple[PaidQuery, reservation_pb2.Reservation]] = OrderedDict()

    async def one(self, chain: Chain, query: PaidQuery, view: View = View.WHOLE) -> reservation_pb2.Reservation:
        """Return one reservation, not to be changed.

        Several calls ask for a query in one state while it is answered: the last messages are kept, each for as long as
        the fold holds the very same state.
        """
        kept = self._latest.get((query.query_id, view))
        if kept is not None and kept[0] is query:
            return kept[1]
        reservation = (await self.several(chain, [(query, view)]))[0]
        self._latest[query.query_id, view] = query, reservation
        if len(self._latest) > _KEPT:
            self._latest.popitem(last=False)
        return reservation

    async def several(
        self, chain: Chain, queries: Iterable[tuple[PaidQuery, View]]
    ) -> list[reservation_pb2.Reservation]:
        """Return reservations of one chain, with few reads for all of them."""
        wanted = list(queries)
        claims = await self._claims.paid({query.query_id: query.claim_digest for query, _ in wanted})
        receipts = await self._receipts.make(chain.population, chain.fold, [query for query, _ in wanted], claims)
        return [_reservation(chain.population, query, view, claims, receipts) for query, view in wanted]


def _reservation(
    population: str,
    query: PaidQuery,
    view: View,
    claims: Mapping[str, ClaimRecord],
    receipts: Mapping[str, receipt_pb2.Receipt],
) -> reservation_pb2.Reservation:
    reservation = Reservation(
        claim=claims[query.query_id].claim,
        state=_STATES[query.state],
        data_versions=data_versions(query.versions),
        charge=query.charge.to_proto(),
        scopes=[
            scope_pb2.ScopeCharge(scope=scope.to_proto(population), charge=loss.to_proto())
            for scope, loss in query.scopes
        ],
        reserved_sequence=query.reserved_sequence,
        terminal_sequence=query.terminal_sequence,
        origin=_ORIGINS.get(query.state, query_pb2.Query.ORIGIN_UNSPECIFIED),
        receipt=receipts.get(query.query_id),
    )
    reservation.create_time.FromDatetime(query.reserved_at)
    reservation.give_up_time.FromDatetime(query.give_up_time)
    if view is View.WHOLE:
        reservation.attempt = query.attempt
        reservation.release_digest = query.release_digest
        reservation.release_query_id = query.release_query_id
        reservation.cancelled = query.cancelled
    return reservation
