"""A settler and a sweeper before an accountant that is made up."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_executor.queue import QueueUnavailableError
from sfumato_executor.settler import Leases, Settler
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from sfumato_mesh.v1.reservation_pb2 import Reservation

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POPULATION = "populations/palmer"
SECOND = timedelta(seconds=1)
AWAY = Refusal(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "away")
LEASES = Leases(query=20 * SECOND, preparation=600 * SECOND, library=300 * SECOND)


def identifier(index: int) -> str:
    return str(uuid.UUID(int=index))


@dataclass
class HeldClock:
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


@dataclass
class Accountant:
    """Reservations and preparations by id; those that are open are listed."""

    reservations: dict[str, Reservation] = field(default_factory=dict)
    preparations: dict[str, Preparation] = field(default_factory=dict)
    charged: list[str] = field(default_factory=list)
    refusal: Refusal | None = None
    charge_refusal: Refusal | None = None
    asked: int = 0
    length: int = 10
    """Of the chain."""
    records: dict[str, DatasetRecord] = field(default_factory=dict)

    def add(
        self,
        index: int,
        state: "Reservation.State" = Reservation.STATE_OPEN,
        *,
        age: timedelta = timedelta(0),
        attempt: str = "",
    ) -> str:
        reservation = Reservation(state=state, attempt=attempt)
        reservation.claim.query_id = identifier(index)
        reservation.claim.population = POPULATION
        reservation.create_time.FromDatetime(NOW - age)
        reservation.give_up_time.FromDatetime(NOW - age + 60 * SECOND)
        self.reservations[identifier(index)] = reservation
        return identifier(index)

    async def open_reservations(self) -> AsyncIterator[Reservation]:
        if self.refusal is not None:
            raise self.refusal
        for reservation in list(self.reservations.values()):
            if reservation.state == Reservation.STATE_OPEN:
                yield reservation

    async def open_preparations(self) -> AsyncIterator[Preparation]:
        for preparation in list(self.preparations.values()):
            if preparation.state == Preparation.STATE_OPEN:
                yield preparation

    async def charge(self, query_id: str) -> Reservation:
        if self.charge_refusal is not None:
            raise self.charge_refusal
        self.charged.append(query_id)
        self.reservations[query_id].state = Reservation.STATE_CHARGED
        return self.reservations[query_id]

    async def contains(self, mark: LedgerHead) -> bool:
        return mark.sequence <= self.length

    async def reservation(self, query_id: str) -> Reservation:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        if query_id not in self.reservations:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "RESERVATION_UNKNOWN", "unknown")
        return self.reservations[query_id]

    async def present_record(self, name: str) -> DatasetRecord:
        return self.records[name]

    async def preparation(self, preparation_id: str) -> Preparation:
        if preparation_id not in self.preparations:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "PREPARATION_UNKNOWN", "unknown")
        return self.preparations[preparation_id]


@dataclass
class Queue:
    volatile: bool = False
    submitted: list[str] = field(default_factory=list)
    away: bool = False

    def submit_query(self, query_id: str, engine: str = "native") -> None:
        if self.away:
            raise QueueUnavailableError("away")
        self.submitted.append(query_id)

    submit_preparation = submit_query


@dataclass
class Bench:
    accountant: Any = field(default_factory=Accountant)
    queue: Any = field(default_factory=Queue)
    clock: HeldClock = field(default_factory=HeldClock)

    def __post_init__(self) -> None:
        self.settler = Settler(self.accountant, self.queue, self.clock, LEASES, SECOND / 100)
