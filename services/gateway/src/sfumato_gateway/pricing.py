"""Prices: a question against the catalogue, compiled and priced by the executor's front."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc

from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.question_pb2 import Question
from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_gateway.questions import check_unit, understand
from sfumato_gateway.refusals import dataset_not_published
from sfumato_gateway.upstream import CALL_SECONDS, DatasetVersionChanged, asking
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.v1.accountant_service_pb2 import PreviewQueryResponse, ReserveQueryResponse
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, GetDatasetRecordRequest
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from sfumato_mesh.v1.executor_service_pb2 import FindBaseRequest, QuoteRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub
from sfumato_mesh.v1.query_price_pb2 import QueryPrice
from sfumato_mesh.v1.task_pb2 import Task

DEFAULT_CONFIDENCE: Final = 0.95
"""Of intervals, where neither request nor policy says one."""
QUOTES: Final = 3
"""How often a question is quoted before a publication that crosses it counts as an outage."""

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    question: Question
    payment: Payment
    project: str = ""
    """projects/{project}; empty: none."""
    confidence: float = 0.0
    """0: the policy's."""
    group_sizes: tuple[int, ...] = ()
    """Empty: the policy's."""


@dataclass(frozen=True)
class Family:
    """Which questions may answer one another, as the executor says; see QueryPrice."""

    digest: bytes = b""
    is_derivable: bool = False
    is_base: bool = False


@dataclass(frozen=True)
class Base:
    """The query whose release answers a narrower question."""

    query_id: str = ""
    """UUID; empty: there is none."""
    measures: tuple[MeasureAccuracy, ...] = ()
    """Mechanisms and intervals of the derived answer."""


@dataclass(frozen=True)
class Priced:
    """A question with its price. The quote has no scopes yet: those are the accountant's."""

    task: Task
    quote: Quote
    datasets: tuple[str, ...]
    record: DatasetRecord
    """The dataset as it was priced."""
    family: Family = Family()

    def query_price(self, query_id: str, *, fresh: bool = False) -> QueryPrice:
        """Return what the accountant is asked to preview or reserve under an id."""
        return QueryPrice(
            query_id=query_id,
            task=self.task,
            plan_digest=self.quote.plan_digest,
            charge=self.quote.charge,
            datasets=self.datasets,
            fresh=fresh,
            give_up_after=self.quote.give_up_after,
            versions=[each.version for each in self.quote.data_versions],
            family_digest=self.family.digest,
            derivable=self.family.is_derivable,
            base=self.family.is_base,
        )


class Pricing:
    """Prices questions for the caller of the running call."""

    def __init__(self, accountant: grpc.aio.Channel, executor: grpc.aio.Channel) -> None:
        self._catalog = CatalogServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)

    async def task(self, asked: Asked, *, brief: bool = False) -> tuple[Task, DatasetRecord]:
        """Return the task that a question makes, and the record of the dataset that it reads; in brief: no schemas.

        Raises:
            Refusal: SQL_REJECTED; ACCESS_DENIED, for a dataset that is not there too; SERVICE_UNAVAILABLE.
        """
        question = understand(asked.question)
        request = GetDatasetRecordRequest(name=question.dataset, project=asked.project, brief=brief)
        with asking("accountant", question.dataset):
            response = await self._catalog.GetDatasetRecord(request, timeout=CALL_SECONDS)
        record = response.record
        check_unit(question, record)
        confidence = asked.confidence or record.dataset.policy.accuracy.default_confidence or DEFAULT_CONFIDENCE
        task = Task(question=asked.question, plan=question.plan, payment=asked.payment, confidence=confidence)
        return task, record

    async def quote(self, asked: Asked) -> Priced:
        """Return the price of a question.

        Raises:
            Refusal: as `task`, and what the compiler refuses.
        """
        task, record = await self.task(asked, brief=True)
        return await self._quote(task, record, asked.group_sizes)

    async def quote_accepted(self, asked: Asked) -> Priced:
        """Return the price of a question whose task would be taken now.

        Raises:
            Refusal: as `quote`, which goes before; NOT_ACCEPTING, LEDGER_BEHIND.
        """
        task, record = await self.task(asked, brief=True)
        return await self._quote(task, record, asked.group_sizes, accepting=True)

    async def _quote(
        self, task: Task, record: DatasetRecord, group_sizes: Sequence[int], *, accepting: bool = False
    ) -> Priced:
        if not record.HasField("published"):
            raise dataset_not_published(record.dataset.name)
        request = QuoteRequest(task=task, record=record, group_sizes=group_sizes, accepting=accepting)
        with asking("executor"):
            response = await self._executor.Quote(request, timeout=CALL_SECONDS)
        family = Family(response.family_digest, response.derivable, response.base)
        return Priced(task, response.quote, tuple(response.datasets), record, family)

    async def find_base(
        self, priced: Priced, told: PreviewQueryResponse | ReserveQueryResponse, group_sizes: Sequence[int] = ()
    ) -> Base:
        """Return which of the queries that the accountant told answers a question, if it is a narrower one.

        An executor that cannot say now costs noise, not the answer.
        """
        request = FindBaseRequest(
            task=priced.task,
            record=priced.record,
            base_query_ids=told.base_query_ids,
            free_base_count=told.free_base_count,
            group_sizes=group_sizes,
        )
        try:
            with asking("executor"):
                found = await self._executor.FindBase(request, timeout=CALL_SECONDS)
        except Refusal:
            return Base()
        return Base(found.base_query_id, tuple(found.measures))


async def with_present_version(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what an attempt returns; begin it again when a version was published between its quote and its use.

    Raises:
        Refusal: the attempt's; SERVICE_UNAVAILABLE if publications cross it again and again.
    """
    for _ in range(QUOTES):
        try:
            return await attempt()
        except DatasetVersionChanged:
            continue
    raise service_unavailable("accountant")
