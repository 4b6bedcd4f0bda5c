"""An executor's front before an accountant, a queue and stores that are made up."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy, Quote
from sfumato_executor.accepting import Acceptance
from sfumato_executor.basing import BaseFinder
from sfumato_executor.engine import AnyProgram, DerivedMeasures, Family, UnreadableReleaseError
from sfumato_executor.executor_service import ExecutorHandlers
from sfumato_executor.model_handlers import ModelReader
from sfumato_executor.plan.program import Bounding, KeyDomain, Loss, Program
from sfumato_executor.queue import QueueUnavailableError
from sfumato_executor.quoted_records import QuotedRecords
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.releases.opening import Stores
from sfumato_executor.releases.sealing import digest_of, seal
from sfumato_executor.telling import MarkRaiser
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import executor_service_pb2 as contract
from sfumato_mesh.v1.accountant_service_pb2 import CheckMarkResponse
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.reservation_pb2 import Reservation

POPULATION = "populations/palmer"
HASH = bytes(range(32))
QUERY, ATTEMPT = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
PROGRAM = Program(
    dataset="datasets/penguins",
    filter=None,
    keys=(),
    domain=KeyDomain.NONE,
    public_keys=(),
    bounding=Bounding(Bounding.Kind.ROW, 1, 1, None),
    vectors=(),
    draws=(),
    outputs=(),
    loss=Loss(1, None, 0),
    digest=HASH,
    notes=(),
    max_rows=1 << 36,
)


@dataclass
class Accountant:
    """One reservation and one chain."""

    present: Reservation = field(default_factory=Reservation)
    contained: bool = True
    checks: list[LedgerHead] = field(default_factory=list)
    given_up: list[LedgerHead] = field(default_factory=list)
    """Marks that the chain has lost, and goes on without."""
    head: LedgerHead = field(default_factory=LedgerHead)
    others: dict[str, Reservation] = field(default_factory=dict)

    async def reservation(self, query_id: str) -> Reservation:
        if query_id in self.others:
            return self.others[query_id]
        assert query_id == QUERY
        return self.present

    async def dataset_record(self, name: str, version: int) -> DatasetRecord:
        assert (name, version) == ("datasets/penguins", 3)
        return DatasetRecord()

    async def check_mark(self, mark: LedgerHead) -> CheckMarkResponse:
        self.checks.append(mark)
        if mark in self.given_up:
            return CheckMarkResponse(contained=True, superseded_by=self.head)
        return CheckMarkResponse(contained=self.contained)


class Engine:
    """Renders the first draw as a measure."""

    program = PROGRAM
    readable = False
    """Whether releases say what they hold."""
    wider: Mapping[str, float] = {}
    """Statements that answer any other question, and how loosely."""

    def price(self, task: Any, record: Any) -> Program:
        return self.program

    def render(self, program: AnyProgram, release: pa.Table, confidence: float) -> pa.Table:
        return pa.table({"n": release["draw_0"], "n.lower": [confidence] * release.num_rows})

    def quote(self, task: Any, record: DatasetRecord, group_sizes: tuple[int, ...]) -> Quote:
        return Quote(data_versions=[DataVersion(dataset="datasets/penguins", version=3)], notes=[str(group_sizes)])

    def family(self, task: Any, record: DatasetRecord) -> Family:
        return Family(b"f" * 32, is_base=True, is_derivable=False)

    def derived_measures(self, drawn: Any, asked: Any, record: Any, group_sizes: Any) -> Any:
        statement = drawn.question.sql.statement
        return DerivedMeasures([MeasureAccuracy(alias="n")], self.wider[statement]) if statement in self.wider else None

    def reread(self, sealed: Any, drawn: Any, asked: Any, record: Any) -> pa.Table:
        return self._read("again", drawn)

    def derive(self, sealed: Any, drawn: Any, asked: Any, record: Any) -> pa.Table:
        return self._read("derived", drawn)

    def _read(self, how: str, drawn: Any) -> pa.Table:
        if not self.readable:
            raise UnreadableReleaseError
        return pa.table({how: [drawn.confidence]})

    def dummy(self, task: Any, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        return pa.table({"n": [row_count, int(seed)]})


@dataclass
class Queue:
    volatile = False

    away: bool = False
    submitted: list[str] = field(default_factory=list)
    checks: int = 0

    def check_reachable(self) -> None:
        self.checks += 1
        if self.away:
            raise QueueUnavailableError("away")

    def submit_query(self, query_id: str, engine: str = "native") -> None:
        self.check_reachable()
        self.submitted.append(query_id)


@dataclass
class Front:
    """The handlers over fakes and a real directory."""

    stores: Stores
    accountant: Any = field(default_factory=Accountant)
    engine: Any = field(default_factory=Engine)
    queue: Any = field(default_factory=Queue)
    time: float = 0.0

    def __post_init__(self) -> None:
        self.marks = MarkRaiser(self.stores.marks, self.accountant, lambda: self.time)
        self.acceptance = Acceptance(self.queue, self.stores.releases, self.marks, lambda: self.time)
        reader = ReleaseReader(self.accountant, self.stores.releases, self.marks, self.engine)
        bases, records = BaseFinder(self.accountant, self.engine), QuotedRecords(self.accountant)
        parts = self.acceptance, self.queue, reader, self.marks, bases, records
        self.handlers = ExecutorHandlers(self.engine, *parts, ModelReader(reader))

    async def read(self, start_row: int = 0, terminal: LedgerHead | None = None) -> list[contract.ReadReleaseResponse]:
        request = contract.ReadReleaseRequest(query_id=QUERY, start_row=start_row, terminal=terminal)
        context: Any = None
        return [each async for each in self.handlers.ReadRelease(request, context)]

    def commit(self, rows: int = 3, **changes: Any) -> bytes:
        """Seal a release and let the ledger say that it was committed."""
        sealed = seal(pa.table({"draw_0": pa.array(range(rows), pa.int64())}), HASH)
        self.stores.releases.put_if_absent(QUERY, ATTEMPT, sealed)
        present = Reservation(
            state=Reservation.STATE_COMMITTED,
            attempt=ATTEMPT,
            release_query_id=QUERY,
            release_digest=digest_of(sealed),
            terminal_sequence=7,
            data_versions=[DataVersion(dataset="datasets/penguins", version=3)],
        )
        present.claim.query_id = QUERY
        present.claim.population = POPULATION
        present.claim.task.confidence = 0.95
        present.receipt.statement.entry_hash = HASH
        present.MergeFrom(Reservation(**changes))
        self.accountant.present = present
        return sealed


async def refused(call: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call()
    return caught.value
