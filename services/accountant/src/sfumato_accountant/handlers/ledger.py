"""LedgerService: the chain as it is, for those who may see it."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from sfumato.v1 import ledger_pb2, ledger_service_pb2_grpc
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato_accountant.catalog.access import may_audit
from sfumato_accountant.catalog.pages import page_number, page_size, page_token
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.handlers.ledger_sight import Sight
from sfumato_accountant.handlers.ledger_streams import export, watch
from sfumato_accountant.handlers.ledger_verification import verify
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.signing_keys import signing_keys
from sfumato_accountant.ledger.succession import head_of
from sfumato_accountant.stores.ports import LedgerStore
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusals import access_denied
from sfumato_mesh.server import ServerLike

_PAGE_BYTES: Final = 4 * 1024 * 1024


class LedgerHandlers(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Shows chains."""

    def __init__(self, catalogue: Catalogue, chains: Chains, claims: Claims, store: LedgerStore) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._claims = claims
        self._store = store

    def register(self, server: ServerLike) -> None:
        """Serve LedgerService."""
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(self, server)

    async def ListLedgerEntries(
        self, request: pb.ListLedgerEntriesRequest, context: Any
    ) -> pb.ListLedgerEntriesResponse:
        """Page through a chain; what the caller may not see is there as a digest."""
        caller = current_caller()
        chain, sight = await self._readable(caller, request.parent)
        conditions = f"entries {caller.user} {request.parent} {request.start_sequence}"
        start = page_number(conditions, request.page_token)
        size = page_size(request.page_size)
        first = request.start_sequence if start is None else start + 1
        entries = await self._store.read(chain.population, first, size)
        fold = await chain.refresh()
        shown: list[ledger_pb2.LedgerEntry] = []
        total = 0
        for entry in entries:
            message = sight.shown(entry, fold)
            total += message.ByteSize()
            if shown and total > _PAGE_BYTES:
                break
            shown.append(message)
        more = bool(shown) and shown[-1].sequence < fold.head.sequence
        token = page_token(conditions, str(shown[-1].sequence)) if more else ""
        return pb.ListLedgerEntriesResponse(ledger_entries=shown, next_page_token=token)

    async def WatchLedger(self, request: pb.WatchLedgerRequest, context: Any) -> AsyncIterator[pb.WatchLedgerResponse]:
        """Stream entries from a position on, and go on with new ones until the call ends."""
        chain, sight = await self._readable(current_caller(), request.population)
        async with aclosing(watch(chain, self._store, sight, request.start_sequence)) as responses:
            async for response in responses:
                yield response

    async def ExportLedger(
        self, request: pb.ExportLedgerRequest, context: Any
    ) -> AsyncIterator[pb.ExportLedgerResponse]:
        """Stream a whole chain with its keys and its head."""
        chain, sight = await self._readable(current_caller(), request.population, broken=True)
        async with aclosing(export(chain, self._store, sight)) as parts:
            async for part in parts:
                yield part

    async def VerifyLedger(
        self, request: pb.VerifyLedgerRequest, context: Any
    ) -> AsyncIterator[pb.VerifyLedgerResponse]:
        """Check a whole chain, and stream how far it is."""
        chain, sight = await self._readable(current_caller(), request.population, broken=True)
        if not sight.audits:
            raise access_denied(request.population)
        async with aclosing(verify(chain, self._store, self._claims)) as responses:
            async for response in responses:
                yield response

    async def GetLedgerHead(self, request: pb.GetLedgerHeadRequest, context: Any) -> pb.GetLedgerHeadResponse:
        """Return the signed head and the keys."""
        chain, _ = await self._readable(current_caller(), request.population)
        await chain.ensure_begun()
        return pb.GetLedgerHeadResponse(head=head_of(chain.population, chain.fold), keys=signing_keys(chain.fold))

    async def _readable(self, caller: Caller, name: str, *, broken: bool = False) -> tuple[Chain, Sight]:
        """Return a chain that the caller may read, and how much of it.

        Those who may spend from a population read its digests and their own events; others learn nothing of it.

        Args:
            caller: who asks.
            name: populations/{population}.
            broken: whether who may read all of it may do so where the chain has stopped, too.
        """
        population = await self._catalogue.population(name)
        if population is None:
            raise access_denied(name)
        chain = self._chains.chain(name)
        audits = may_audit(caller, population)
        try:
            fold = await chain.refresh()
        except LedgerBroken:
            if not (broken and audits):
                raise
        else:
            if not audits and not any(_names(scope.analyst, scope.project, caller) for scope in fold.grants):
                raise access_denied(name)
        return chain, Sight(caller, audits)


def _names(analyst: str, project: str, caller: Caller) -> bool:
    return (analyst == caller.user and bool(analyst)) or project in caller.projects
