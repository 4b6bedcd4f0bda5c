"""Reservations as messages: a claim, what the fold says of it, and its receipt."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, Protocol, TypeAlias

from sfumato.v1 import query_pb2, receipt_pb2, scope_pb2
from sfumato_accountant.catalog.retention import Retention
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claims import ClaimRecord, Claims
from sfumato_accountant.ledger.fold import PaidQuery, QueryState
from sfumato_accountant.ledger.receipts import Receipts
from sfumato_accountant.ledger.settling import data_versions
from sfumato_mesh.v1 import reservation_pb2

Reservation = reservation_pb2.Reservation

_KEPT: Final = 256
_Said: TypeAlias = tuple[PaidQuery, bool, datetime | None]
"""What a message depends on: the query, whether its release is withheld, when that expires."""

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


class Lives(Protocol):
    """How long releases live."""

    async def retention(self, datasets: Sequence[str]) -> Retention:
        """Return the rules of datasets/{dataset}, deleted ones too."""
        ...


class Reservations:
    """Puts reservations together."""

    def __init__(self, claims: Claims, receipts: Receipts, lives: Lives) -> None:
        self._claims = claims
        self._receipts = receipts
        self._lives = lives
        self._latest: OrderedDict[tuple[str, View], tuple[_Said, reservation_pb2.Reservation]] = OrderedDict()

    async def one(self, chain: Chain, query: PaidQuery, view: View = View.WHOLE) -> reservation_pb2.Reservation:
        """Return one reservation, not to be changed.

        Several calls ask for a query in one state while it is answered: the last messages are kept, each for as long as
        the fold says the same of it.
        """
        said = (query, query.release_query_id in chain.fold.withheld, await self._end(chain, query))
        kept = self._latest.get((query.query_id, view))
        if kept is not None and kept[0] == said:
            return kept[1]
        reservation = (await self.several(chain, [(query, view)]))[0]
        self._latest[query.query_id, view] = said, reservation
        if len(self._latest) > _KEPT:
            self._latest.popitem(last=False)
        return reservation

    async def several(
        self, chain: Chain, queries: Iterable[tuple[PaidQuery, View]]
    ) -> list[reservation_pb2.Reservation]:
        """Return reservations of one chain, with few reads for all of them.

        The claims of releases that others share are read too: that the question is theirs is believed here, not before.
        """
        wanted = list(queries)
        drawn = [chain.query(query.release_query_id) for query, _ in wanted if query.state is QueryState.SHARED]
        claims = await self._claims.of([*(query for query, _ in wanted), *drawn])
        receipts = await self._receipts.make(chain.population, chain.fold, [query for query, _ in wanted], claims)
        ends = [await self._end(chain, query) for query, _ in wanted]
        return [
            _reservation(chain, query, view, claims, receipts, end)
            for (query, view), end in zip(wanted, ends, strict=True)
        ]

    async def _end(self, chain: Chain, query: PaidQuery) -> datetime | None:
        """Return when the release of a query can no longer be read: that of who drew it, for those who share it."""
        if query.state not in (QueryState.COMMITTED, QueryState.SHARED):
            return None
        drawn = query if query.state is QueryState.COMMITTED else chain.query(query.release_query_id)
        return (await self._lives.retention(query.datasets)).end_of(drawn.terminal_at)


def _reservation(
    chain: Chain,
    query: PaidQuery,
    view: View,
    claims: Mapping[str, ClaimRecord],
    receipts: Mapping[str, receipt_pb2.Receipt],
    end: datetime | None,
) -> reservation_pb2.Reservation:
    population, withheld = chain.population, chain.fold.withheld
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
        origin=_origin(query),
        receipt=receipts.get(query.query_id),
        withheld=query.release_query_id in withheld,
    )
    reservation.create_time.FromDatetime(query.reserved_at)
    reservation.give_up_time.FromDatetime(query.give_up_time)
    if end is not None:
        reservation.expire_time.FromDatetime(end)
    if view is View.WHOLE:
        reservation.attempt = query.attempt
        reservation.release_digest = query.release_digest
        reservation.release_query_id = query.release_query_id
        reservation.cancelled = query.cancelled
    return reservation


def _origin(query: PaidQuery) -> "query_pb2.Query.Origin":
    if query.derived:
        return query_pb2.Query.ORIGIN_DERIVED
    return _ORIGINS.get(query.state, query_pb2.Query.ORIGIN_UNSPECIFIED)
