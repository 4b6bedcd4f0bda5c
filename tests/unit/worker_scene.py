"""A worker before an accountant, stores and an engine that are made up."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy
from sfumato_executor.engine import AnyProgram
from sfumato_executor.plan.program import Bounding, KeyDomain, Loss, Program
from sfumato_executor.releases.directory_objects import DirectoryObjects
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.worker import QueryWorker
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.accountant_service_pb2 import CommitQueryResponse
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.task_pb2 import Task

QUERY = "11111111-1111-4111-8111-111111111111"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LITERAL = "a-literal-of-the-question"
WON, LOST, PENDING = (
    CommitQueryResponse.OUTCOME_WON,
    CommitQueryResponse.OUTCOME_LOST,
    CommitQueryResponse.OUTCOME_PENDING,
)
AWAY = Refusal(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "away")
UNKNOWN = Refusal(grpc.StatusCode.NOT_FOUND, "RESERVATION_UNKNOWN", "unknown")
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
    loss=Loss(20_000_000_000, None, 0),
    digest=bytes(range(32)),
    notes=(),
    max_rows=1 << 36,
)


def reservation(state: "Reservation.State" = Reservation.STATE_OPEN) -> Reservation:
    paid = Reservation(
        state=state,
        data_versions=[DataVersion(dataset="datasets/penguins", version=3)],
        charge=Charge(rho_picos=20_000_000_000),
    )
    paid.claim.query_id = QUERY
    paid.claim.population = "populations/palmer"
    paid.give_up_time.FromDatetime(NOW + timedelta(seconds=60))
    return paid


@dataclass
class HeldClock:
    """A clock that moves when told, and a little at every look, so that no wait lasts for ever."""

    time: datetime = NOW
    step: timedelta = timedelta(0)

    def now(self) -> datetime:
        self.time += self.step
        return self.time


@dataclass
class Accountant:
    """Answers in turn from lists; the last answer is repeated. Exceptions are raised."""

    reservations: list[Reservation | Exception] = field(default_factory=lambda: [reservation()])
    outcomes: list["int | Exception"] = field(default_factory=lambda: [WON])
    records: list[DatasetRecord | Exception] = field(
        default_factory=lambda: [DatasetRecord(preparation_id=str(uuid.uuid4()))]
    )
    commits: list[tuple[str, str, bytes, list[DataVersion]]] = field(default_factory=list)
    marks: list[LedgerHead | None] = field(default_factory=list)

    def reservation(self, query_id: str) -> Reservation:
        assert query_id == QUERY
        answer: Reservation = _next(self.reservations)
        return answer

    def dataset_record(self, name: str, version: int) -> DatasetRecord:
        assert (name, version) == ("datasets/penguins", 3)
        answer: DatasetRecord = _next(self.records)
        return answer

    def commit(
        self,
        query_id: str,
        attempt: str,
        release_digest: bytes,
        data_versions: Sequence[DataVersion],
        measures: Sequence[MeasureAccuracy],
        mark: LedgerHead | None,
    ) -> "CommitQueryResponse.Outcome":
        self.marks.append(mark)
        assert [each.alias for each in measures] == ["n"]
        self.commits.append((query_id, attempt, release_digest, list(data_versions)))
        outcome: CommitQueryResponse.Outcome = _next(self.outcomes)
        return outcome

    def preparation(self, preparation_id: str) -> Preparation:
        raise NotImplementedError

    def end_preparation(self, preparation_id: str, state: "Preparation.State", problems: Sequence[str]) -> Preparation:
        raise NotImplementedError


def _next(answers: list) -> Any:  # type: ignore[type-arg]
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class Engine:
    """Draws a counter, so that two draws are never equal."""

    program: Program = PROGRAM
    refusal: Refusal | None = None
    failure: Exception | None = None
    draws: int = 0

    def price(self, task: Task, record: DatasetRecord) -> Program:
        if self.refusal is not None:
            raise self.refusal
        return self.program

    def measures(self, program: AnyProgram, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        return [MeasureAccuracy(alias="n")]

    def draw(self, program: AnyProgram, folder: Path) -> pa.Table:
        assert (folder / "table").read_text() == "rows"
        self.draws += 1
        if self.failure is not None:
            raise self.failure
        return pa.table({"draw_0": [self.draws]})


class Prepared:
    """One prepared folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def fetch(self, preparation_id: str) -> Path | None:
        return self._folder


class FaultyObjects(DirectoryObjects):
    """A directory whose writes and reads fail, or lie, so many times."""

    put_failures = 0
    put_then_fail = 0
    read_failures = 0
    spoilt = False

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if self.put_failures:
            self.put_failures -= 1
            raise StoreUnavailableError("away")
        done = super().put_if_absent(key, data[:-1] if self.spoilt else data)
        if self.put_then_fail:
            self.put_then_fail -= 1
            raise StoreUnavailableError("the answer is lost")
        return done

    def read(self, key: str):  # type: ignore[no-untyped-def]
        if self.read_failures:
            self.read_failures -= 1
            raise StoreUnavailableError("away")
        return super().read(key)


@dataclass
class Bench:
    """A worker over fakes, and what it left behind."""

    worker: QueryWorker
    accountant: Accountant
    engine: Engine
    objects: FaultyObjects
    clock: HeldClock

    def sealed(self) -> list[bytes]:
        store = ReleaseStore(self.objects)
        found = [store.get(each.query_id, each.attempt) for each in store.list_attempts()]
        return [each for each in found if each is not None]
