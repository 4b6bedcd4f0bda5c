"""ReservationService: what was paid for, as the chains say."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sfumato.v1 import query_pb2, scope_pb2
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.handlers.instants import instant
from sfumato_accountant.handlers.visibility import Visibility
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.fold import PaidQuery, QueryState
from sfumato_accountant.ledger.left import left_after
from sfumato_accountant.ledger.reservations import Reservations, View
from sfumato_accountant.ledger.settling import reservation_unknown
from sfumato_mesh.caller import current_caller
from sfumato_mesh.digests import message_json
from sfumato_mesh.refusals import access_denied
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1 import reservation_pb2, reservation_service_pb2_grpc
from sfumato_mesh.v1 import reservation_service_pb2 as pb

_PAGE_BYTES: Final = 4 * 1024 * 1024

_STATES: Final = {
    QueryState.OPEN: query_pb2.Query.STATE_OPEN,
    QueryState.COMMITTED: query_pb2.Query.STATE_SUCCEEDED,
    QueryState.SHARED: query_pb2.Query.STATE_SUCCEEDED,
    QueryState.CHARGED: query_pb2.Query.STATE_FAILED,
}


class ReservationHandlers(reservation_service_pb2_grpc.ReservationServiceServicer):
    """Reads reservations."""

    def __init__(self, catalogue: Catalogue, chains: Chains, reservations: Reservations) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._reservations = reservations

    def register(self, server: ServerLike) -> None:
        """Serve ReservationService."""
        reservation_service_pb2_grpc.add_ReservationServiceServicer_to_server(self, server)

    async def GetReservation(self, request: pb.GetReservationRequest, context: Any) -> pb.GetReservationResponse:
        """Return one reservation."""
        chain, query, view = await self._visible(request.query_id)
        return pb.GetReservationResponse(
            reservation=await self._reservations.one(chain, query, view),
            left=self._left(chain, query, view) if request.with_left else (),
        )

    async def WatchReservation(
        self, request: pb.WatchReservationRequest, context: Any
    ) -> AsyncIterator[pb.WatchReservationResponse]:
        """Send the reservation, and again when it has its terminal."""
        chain, query, view = await self._visible(request.query_id)
        if query.state is not QueryState.OPEN or not request.known_open:
            yield await self._told(chain, query, view)
        if query.state is QueryState.OPEN:
            await chain.ended(query.query_id)
            query = chain.query(query.query_id)
            yield await self._told(chain, query, view)

    async def _told(self, chain: Chain, query: PaidQuery, view: View) -> pb.WatchReservationResponse:
        reservation = await self._reservations.one(chain, query, view)
        return pb.WatchReservationResponse(reservation=reservation, left=self._left(chain, query, view))

    def _left(self, chain: Chain, query: PaidQuery, view: View) -> Sequence[scope_pb2.ScopePrice]:
        """Return what is left in the scopes that paid an answered query: nothing for who does not see its answer."""
        if view is not View.WHOLE:
            return ()
        return left_after(chain.population, chain.fold, query, self._chains.now(chain.population))

    async def ListOpenReservations(
        self, request: pb.ListOpenReservationsRequest, context: Any
    ) -> pb.ListOpenReservationsResponse:
        """List what has no terminal yet, oldest first."""
        before = (
            instant(request.create_before_time, "create_before_time")
            if request.HasField("create_before_time")
            else None
        )
        conditions = f"open {request.create_before_time.seconds}.{request.create_before_time.nanos}"
        start = page_start(conditions, request.page_token)
        found = []
        for population in await self._chains.populations():
            chain = self._chains.chain(population)
            fold = await chain.refresh()
            queries = fold.open_queries()
            found += [
                (_place(query), chain, query) for query in queries if before is None or query.reserved_at < before
            ]
        size = page_size(request.page_size)
        found = sorted((each for each in found if each[0] > start), key=lambda each: each[0])
        page = found[:size]
        reservations = _cut(await self._several([(chain, query, View.WHOLE) for _, chain, query in page]))
        last = len(reservations)
        token = page_token(conditions, page[last - 1][0]) if len(found) > last else ""
        return pb.ListOpenReservationsResponse(reservations=reservations, next_page_token=token)

    async def ListReservations(self, request: pb.ListReservationsRequest, context: Any) -> pb.ListReservationsResponse:
        """List what the caller may see, newest first."""
        caller = current_caller()
        conditions = _conditions(caller.user, request)
        start = page_start(conditions, request.page_token)
        size = page_size(request.page_size)
        visibility = Visibility(self._catalogue, caller)
        datasets = [dataset.name for dataset in await self._catalogue.visible_datasets(caller)] if caller.user else []
        found: list[tuple[str, Chain, PaidQuery, View]] = []
        for population in await self._chains.populations():
            chain = self._chains.chain(population)
            await chain.refresh()
            names = _asked_names(request) or await visibility.names(population, datasets)
            found += await _newest(chain, request, visibility, names, start, size + 1)
        found.sort(key=lambda each: each[0], reverse=True)
        page = found[:size]
        reservations = _cut(await self._several([(chain, query, view) for _, chain, query, view in page]))
        last = len(reservations)
        token = page_token(conditions, page[last - 1][0]) if len(found) > last else ""
        return pb.ListReservationsResponse(reservations=reservations, next_page_token=token)

    async def _visible(self, query_id: str) -> tuple[Chain, PaidQuery, View]:
        """Return a query that the caller may see; one that is not there is refused alike."""
        caller = current_caller()
        found = await self._chains.find(query_id)
        if found is not None:
            chain, query = found
            view = await Visibility(self._catalogue, caller).view(chain.population, query)
            if view is not None:
                return chain, chain.query(query_id), view
        if caller.user:
            raise access_denied(f"queries/{query_id}")
        raise reservation_unknown(query_id)

    async def _several(self, page: list[tuple[Chain, PaidQuery, View]]) -> list[reservation_pb2.Reservation]:
        """Return reservations of several chains in the order of the page."""
        by_chain: dict[str, list[tuple[Chain, PaidQuery, View]]] = {}
        for item in page:
            by_chain.setdefault(item[0].population, []).append(item)
        made: dict[str, reservation_pb2.Reservation] = {}
        for items in by_chain.values():
            several = await self._reservations.several(items[0][0], [(query, view) for _, query, view in items])
            made.update((each.claim.query_id, each) for each in several)
        return [made[query.query_id] for _, query, _ in page]


def _cut(reservations: list[reservation_pb2.Reservation]) -> list[reservation_pb2.Reservation]:
    """Return as many as fit a message, and at least one: a plan may be large."""
    size = 0
    for count, reservation in enumerate(reservations):
        size += reservation.ByteSize()
        if size > _PAGE_BYTES and count:
            return reservations[:count]
    return reservations


async def _newest(
    chain: Chain,
    request: pb.ListReservationsRequest,
    visibility: Visibility,
    names: Collection[str] | None,
    start: str,
    limit: int,
) -> list[tuple[str, Chain, PaidQuery, View]]:
    """Return the newest queries of a chain behind a place that fulfil the conditions and may be seen.

    Queries of one instant are ordered by id, so the last instant is taken whole.
    """
    found: list[tuple[str, Chain, PaidQuery, View]] = []
    wanted = _filter(request)
    for query in _behind(chain, start, names):
        if len(found) >= limit and query.reserved_at < found[-1][2].reserved_at:
            break
        view = await visibility.view(chain.population, query) if wanted(query) else None
        if view is not None and _in_states(query, view, request):
            found.append((_place(query), chain, query, view))
    return found


def _behind(chain: Chain, start: str, names: Collection[str] | None) -> Iterator[PaidQuery]:
    until = datetime.fromisoformat(start.partition(" ")[0]) if start else None
    for query in chain.fold.queries_newest_first(names=names, until=until):
        if not start or _place(query) < start:
            yield query


def _asked_names(request: pb.ListReservationsRequest) -> Collection[str]:
    """Return a name that every query asked for has, if the request says one."""
    return {next(filter(None, (request.analyst, request.project, request.dataset)), "")} - {""}


def _filter(request: pb.ListReservationsRequest) -> Callable[[PaidQuery], bool]:
    since = instant(request.start_time, "start_time") if request.HasField("start_time") else None
    until = instant(request.end_time, "end_time") if request.HasField("end_time") else None
    labels = set(request.labels.items())

    def wanted(query: PaidQuery) -> bool:
        return (
            (not request.dataset or request.dataset in query.datasets)
            and (not request.project or request.project == query.project)
            and (not request.analyst or request.analyst == query.analyst)
            and (since is None or query.reserved_at >= since)
            and (until is None or query.reserved_at < until)
            and labels.issubset(query.claim.labels)
        )

    return wanted


def _in_states(query: PaidQuery, view: View, request: pb.ListReservationsRequest) -> bool:
    """Return whether a query is in one of the states asked for, as this reader is told its state."""
    state = _STATES[query.state]
    if query.cancelled and view is View.WHOLE:
        state = query_pb2.Query.STATE_CANCELLED
    return not request.states or state in request.states


def _place(query: PaidQuery) -> str:
    """Return what sorts as the time of payment, then the query id; for page tokens too."""
    return f"{query.reserved_at.isoformat(timespec='microseconds')} {query.query_id}"


def _conditions(user: str, request: pb.ListReservationsRequest) -> str:
    conditions = pb.ListReservationsRequest()
    conditions.CopyFrom(request)
    conditions.ClearField("page_token")
    conditions.ClearField("page_size")
    return f"reservations {user} {message_json(conditions)}"
