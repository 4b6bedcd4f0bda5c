"""Streams of LedgerService: a whole chain for a verifier, and a chain as it grows. One page is in memory at a time."""

from collections.abc import AsyncGenerator
from typing import Final

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato_accountant.handlers.ledger_sight import Sight
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.signing_keys import signing_keys
from sfumato_accountant.stores.ports import LedgerStore, StoredEntry

FORMAT_VERSION: Final = 1
_EXPORT_PAGE: Final = 256
_WATCH_PAGE: Final = 1000
_MESSAGE_BYTES: Final = 2 * 1024 * 1024


async def export(chain: Chain, store: LedgerStore, sight: Sight) -> AsyncGenerator[pb.ExportLedgerResponse, None]:
    """Yield a chain as it stands: header, entries, head.

    A chain that the accountant itself has stopped at is exported to its end: a verifier is to see why.
    """
    fold = chain.fold
    end = None if chain.is_broken else fold.head.sequence
    header = pb.ExportHeader(format_version=FORMAT_VERSION, population=chain.population, keys=signing_keys(fold))
    yield pb.ExportLedgerResponse(header=header)
    last: StoredEntry | None = None
    while end is None or last is None or last.sequence < end:
        start = 0 if last is None else last.sequence + 1
        page = await store.read(chain.population, start, _EXPORT_PAGE)
        for entry in page:
            if end is None or entry.sequence <= end:
                yield pb.ExportLedgerResponse(entry=sight.shown(entry, fold, parsed=False))
                last = entry
        if not page:
            break
    if last is not None:
        yield pb.ExportLedgerResponse(head=_head_of(last))


async def watch(
    chain: Chain, store: LedgerStore, sight: Sight, start_sequence: int
) -> AsyncGenerator[pb.WatchLedgerResponse, None]:
    """Yield entries from a position on, and then new ones, until the call ends.

    The next page is read when the one before was taken: a slow reader holds up nobody, and nothing is kept for it.
    """
    position = start_sequence
    while True:
        await chain.grown(position)
        known = chain.fold.head.sequence
        shown: list[ledger_pb2.LedgerEntry] = []
        size = 0
        for entry in await store.read(chain.population, position, _WATCH_PAGE):
            if entry.sequence > known:
                break
            message = sight.shown(entry, chain.fold)
            if shown and size + message.ByteSize() > _MESSAGE_BYTES:
                break
            shown.append(message)
            size += message.ByteSize()
        if shown:
            yield pb.WatchLedgerResponse(ledger_entries=shown)
            position = shown[-1].sequence + 1


def _head_of(entry: StoredEntry) -> ledger_pb2.LedgerHead:
    return ledger_pb2.LedgerHead(
        population=entry.population,
        sequence=entry.sequence,
        entry_hash=entry.entry_hash,
        signature=receipt_pb2.Signature(key_id=entry.key_id, ed25519=entry.signature),
    )
