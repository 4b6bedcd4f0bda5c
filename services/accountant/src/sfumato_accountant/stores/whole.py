"""Ports of those who copy a store as a whole, or ask whether it is empty."""

from typing import Protocol

from sfumato_accountant.stores.ports import LedgerStore, RecordStore, Side, SideKind


class WholeLedgerStore(LedgerStore, Protocol):
    """A LedgerStore whose side records can be listed with what they hold."""

    async def list_sides(self, kind: SideKind, *, after: str = "", limit: int) -> list[Side]:
        """Return up to `limit` side records of a kind whose id lies behind `after`, by id, ascending."""
        ...


class WholeRecordStore(RecordStore, Protocol):
    """A RecordStore that knows its kinds."""

    async def kinds(self) -> tuple[str, ...]:
        """Return the kinds of which there are documents, ascending."""
        ...


class WholeStores(Protocol):
    """Both on one database."""

    @property
    def ledger(self) -> WholeLedgerStore:
        """Chains and side records."""
        ...

    @property
    def records(self) -> WholeRecordStore:
        """Documents of the catalogue."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
