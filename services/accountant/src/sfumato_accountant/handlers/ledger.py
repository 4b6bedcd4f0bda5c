"""LedgerService: the chain as it is, for those who may see it."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import ledger_pb2, ledger_service_pb2_grpc, receipt_pb2
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato_accountant.catalog.access import may_audit
from sfumato_accountant.catalog.pages import page_number, page_size, page_token
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.entries import entry_to_proto
from sfumato_accountant.ledger.events import Charged, Committed, Event, Genesis, read_event
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.stores.ports import LedgerStore, StoredEntry
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusals import access_denied
from sfumato_mesh.server import ServerLike

_PAGE_BYTES: Final = 4 * 1024 * 1024


class LedgerHandlers(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Shows chains."""

    def __init__(self, catalogue: Catalogue, chains: Chains, store: LedgerStore) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._store = store

    def register(self, server: ServerLike) -> None:
        """Serve LedgerService."""
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(self, server)

    async def ListLedgerEntries(
        self, request: pb.ListLedgerEntriesRequest, context: Any
    ) -> pb.ListLedgerEntriesResponse:
        """Page through a chain; what the caller may not see is there as a digest."""
        caller = current_caller()
        chain, audits = await self._readable(caller, request.parent)
        conditions = f"entries {caller.user} {request.parent} {request.start_sequence}"
        start = page_number(conditions, request.page_token)
        size = page_size(request.page_size)
        first = request.start_sequence if start is None else start + 1
        entries = await self._store.read(chain.population, first, size)
        fold = await chain.refresh()
        shown: list[ledger_pb2.LedgerEntry] = []
        total = 0
        for entry in entries:
            message = entry_to_proto(entry, _visible(entry, fold, caller, audits=audits))
            total += message.ByteSize()
            if shown and total > _PAGE_BYTES:
                break
            shown.append(message)
        more = bool(shown) and shown[-1].sequence < fold.head.sequence
        token = page_token(conditions, str(shown[-1].sequence)) if more else ""
        return pb.ListLedgerEntriesResponse(ledger_entries=shown, next_page_token=token)

    async def GetLedgerHead(self, request: pb.GetLedgerHeadRequest, context: Any) -> pb.GetLedgerHeadResponse:
        """Return the signed head and the keys."""
        chain, _ = await self._readable(current_caller(), request.population)
        await chain.ensure_begun()
        fold = chain.fold
        key_id, signature = fold.signature
        head = ledger_pb2.LedgerHead(
            population=request.population,
            sequence=fold.head.sequence,
            entry_hash=fold.head.entry_hash,
            signature=receipt_pb2.Signature(key_id=key_id, ed25519=signature),
        )
        start_time = Timestamp()
        start_time.FromDatetime(fold.start_time)
        key = receipt_pb2.SigningKey(
            key_id=sha256(fold.public_key).hex()[:16], public_key=fold.public_key, start_time=start_time
        )
        return pb.GetLedgerHeadResponse(head=head, keys=[key])

    async def _readable(self, caller: Caller, name: str) -> tuple[Chain, bool]:
        """Return a chain that the caller may read, and whether all of it.

        Those who may spend from a population read its digests and their own events; others learn nothing of it.
        """
        population = await self._catalogue.population(name)
        if population is None:
            raise access_denied(name)
        chain = self._chains.chain(name)
        fold = await chain.refresh()
        if may_audit(caller, population):
            return chain, True
        if not any(_names(scope.analyst, scope.project, caller) for scope in fold.grants):
            raise access_denied(name)
        return chain, False


def _names(analyst: str, project: str, caller: Caller) -> bool:
    return (analyst == caller.user and bool(analyst)) or project in caller.projects


def _visible(entry: StoredEntry, fold: Fold, caller: Caller, *, audits: bool) -> list[bool]:
    if audits:
        return [True] * len(entry.records)
    return [_is_own(read_event(record.payload), fold, caller) for record in entry.records]


def _is_own(event: Event, fold: Fold, caller: Caller) -> bool:
    """Whether an event is the caller's: caused by it, the end of its query, or the beginning with the public key."""
    if isinstance(event.fact, Genesis) or event.user == caller.user:
        return True
    if isinstance(event.fact, Committed | Charged):
        query = fold.queries.get(event.fact.query_id)
        return query is not None and query.analyst == caller.user
    return False
