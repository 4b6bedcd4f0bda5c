"""Marks: before anything leaves that names a ledger position, the release store remembers that position.

A population whose restored chain does not contain its mark stays closed, so that nobody holds a receipt for an entry
that never was, and no restored backup gives budget back.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import grpc

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.ledger_service_pb2 import GetLedgerHeadRequest
from sfumato.v1.ledger_service_pb2_grpc import LedgerServiceStub
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.executor_service_pb2 import RaiseMarkRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation

_MAX_POPULATIONS: Final = 10_000
KNOWN_SECONDS: Final = 1.0
"""How long a mark is taken for one that the chain contains: a backup may be put in its place, as the front expects."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A mark as the executor told it."""

    sequence: int
    entry_hash: bytes
    until: float
    """From when on it is asked again."""


class Marks:
    """Raises marks; remembers for a second what it raised, so that few calls do for many. For one event loop."""

    def __init__(
        self,
        accountant: grpc.aio.Channel,
        executor: grpc.aio.Channel,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._ledger = LedgerServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._raised: dict[str, _Known] = {}

    async def raise_to(self, heads: Iterable[LedgerHead]) -> None:
        """Return once the mark of each population is durably at or above the highest of its heads.

        Raises:
            Refusal: LEDGER_BEHIND, or SERVICE_UNAVAILABLE: the positions must not be told now.
        """
        highest: dict[str, LedgerHead] = {}
        for head in heads:
            known = highest.get(head.population)
            if known is None or head.sequence > known.sequence:
                highest[head.population] = head
        for head in highest.values():
            if self._covers(head.population, head.sequence, head.entry_hash):
                continue
            with asking("executor"):
                response = await self._executor.RaiseMark(RaiseMarkRequest(head=head), timeout=CALL_SECONDS)
            self._remember(response.mark)

    async def raise_to_positions(self, positions: Iterable[tuple[str, int]]) -> frozenset[str]:
        """Do so for positions (population, sequence) whose hash is not known: up to the present end of their chain.

        Returns:
            Populations whose end the caller may not read: their positions must not be told.

        Raises:
            Refusal: as `raise_to`.
        """
        missing = {
            population for population, sequence in positions if not self._covers(population, sequence, entry_hash=None)
        }
        heads, untold = [], set()
        for population in sorted(missing):
            request = GetLedgerHeadRequest(population=population)
            try:
                with asking("accountant", population):
                    response = await self._ledger.GetLedgerHead(request, timeout=CALL_SECONDS)
            except Refusal as refusal:
                if refusal.reason != "ACCESS_DENIED":
                    raise
                untold.add(population)
            else:
                heads.append(response.head)
        await self.raise_to(heads)
        return frozenset(untold)

    async def raise_for(self, reservations: Iterable[Reservation]) -> None:
        """Do so for every position that the receipts of these queries name.

        Raises:
            Refusal: as `raise_to`.
        """
        await self.raise_to(terminal_of(each) for each in reservations if each.HasField("receipt"))

    def forget(self, population: str) -> None:
        """Ask the executor again for every position of a population: its chain has gone on without some."""
        self._raised.pop(population, None)

    def raised(self, head: LedgerHead) -> None:
        """Remember that a population's mark was found at or above a position just now."""
        if not self._covers(head.population, head.sequence, entry_hash=None):
            self._remember(head)

    def _remember(self, mark: LedgerHead) -> None:
        if len(self._raised) >= _MAX_POPULATIONS:
            self._raised.clear()
        until = self._monotonic() + KNOWN_SECONDS
        self._raised[mark.population] = _Known(mark.sequence, mark.entry_hash, until)

    def _covers(self, population: str, sequence: int, entry_hash: bytes | None) -> bool:
        known = self._raised.get(population)
        if known is None or known.sequence < sequence or self._monotonic() >= known.until:
            return False
        # The same position with another hash is another chain: the executor has to see it.
        return known.sequence > sequence or entry_hash is None or known.entry_hash == entry_hash


def terminal_of(reservation: Reservation) -> LedgerHead:
    """Return the position that the receipt of an answered query names."""
    statement = reservation.receipt.statement
    return LedgerHead(population=statement.population, sequence=statement.sequence, entry_hash=statement.entry_hash)
