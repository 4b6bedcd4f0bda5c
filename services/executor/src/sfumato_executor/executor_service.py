# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""ExecutorService: prices, takes tasks, reads releases, rehearses. Holds no data credentials."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pyarrow as pa

from sfumato.v1 import ledger_pb2, query_pb2
from sfumato.v1.fitted_model_pb2 import FittedEstimator
from sfumato_executor.accepting import Acceptance
from sfumato_executor.basing import BaseFinder
from sfumato_executor.engine import FrontEngine
from sfumato_executor.engines.library.isolation import EngineFailedError
from sfumato_executor.model_handlers import ModelReader
from sfumato_executor.queue import QueueUnavailableError, TaskQueue
from sfumato_executor.quoted_records import QuotedRecords
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.refusals import ledger_behind, query_failed, row_out_of_range
from sfumato_executor.releases.marks import Mark, MarkConflictError, MarkUnreadableError
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.streaming import schema_message, schema_of, table_batches
from sfumato_executor.telling import MarkRaiser
from sfumato_mesh.engine_names import LIBRARIES, engine_of
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1 import executor_service_pb2 as contract
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceServicer, add_ExecutorServiceServicer_to_server
from sfumato_mesh.v1.task_pb2 import Task

_KEPT_QUOTES: Final = 512
_KEPT_QUOTE_BYTES: Final = 32 * 1024
_DUMMIES: Final = 2
"""Dummy runs at once: each may hold a million rows. Those of libraries last longer, and have as many of their own."""


class ExecutorHandlers(ExecutorServiceServicer):
    """The methods, over the parts that do the work. For one event loop."""

    def __init__(
        self,
        engine: FrontEngine,
        acceptance: Acceptance,
        queue: TaskQueue,
        reader: ReleaseReader,
        marks: MarkRaiser,
        bases: BaseFinder,
        records: QuotedRecords,
        models: ModelReader,
    ) -> None:
        self._engine = engine
        self._acceptance = acceptance
        self._queue = queue
        self._reader = reader
        self._marks = marks
        self._bases = bases
        self._records = records
        self._models = models
        self._quotes: OrderedDict[bytes, contract.QuoteResponse] = OrderedDict()
        self._dummies = ThreadPoolExecutor(_DUMMIES, thread_name_prefix="sfumato-dummy")
        self._library_dummies = ThreadPoolExecutor(_DUMMIES, thread_name_prefix="sfumato-library-dummy")

    def register(self, server: ServerLike) -> None:
        """Add the service to a server."""
        add_ExecutorServiceServicer_to_server(self, server)

    async def Quote(self, request: contract.QuoteRequest, context: Any) -> contract.QuoteResponse:
        """Price a task from what the request says of the dataset.

        A quote is a function of the request, and most questions are quoted twice: to be looked at, and to be paid.
        """
        key = _request_key(request)
        response = self._quotes.get(key)
        if response is not None:
            self._quotes.move_to_end(key)
        else:
            response = await asyncio.to_thread(self._quoted, request, await self._records.whole(request.record))
            if response.ByteSize() <= _KEPT_QUOTE_BYTES:
                self._quotes[key] = response
                if len(self._quotes) > _KEPT_QUOTES:
                    self._quotes.popitem(last=False)
        if request.accepting:
            await self._acceptance.check(request.record.population.name)
        return response

    def _quoted(self, request: contract.QuoteRequest, record: DatasetRecord) -> contract.QuoteResponse:
        quote = self._engine.quote(request.task, record, tuple(request.group_sizes))
        family = self._engine.family(request.task, record)
        return contract.QuoteResponse(
            quote=quote,
            population=record.population.name,
            datasets=[version.dataset for version in quote.data_versions],
            family_digest=family.digest,
            derivable=family.is_derivable,
            base=family.is_base,
        )

    async def FindBase(self, request: contract.FindBaseRequest, context: Any) -> contract.FindBaseResponse:
        """Tell which answered query answers a narrower question."""
        query_id, measures = await self._bases.find(
            request.task,
            await self._records.whole(request.record),
            request.base_query_ids,
            tuple(request.group_sizes),
            free_count=request.free_base_count,
        )
        return contract.FindBaseResponse(base_query_id=query_id, measures=measures)

    async def Submit(self, request: contract.SubmitRequest, context: Any) -> contract.SubmitResponse:
        """Queue an open query."""
        try:
            if self._queue.volatile:  # in this process's memory: done before a thread would begin
                self._queue.submit_query(request.query_id, request.engine)
            else:
                await asyncio.to_thread(self._queue.submit_query, request.query_id, request.engine)
        except QueueUnavailableError:
            raise service_unavailable("executor") from None
        return contract.SubmitResponse()

    async def ReadRelease(
        self, request: contract.ReadReleaseRequest, context: Any
    ) -> AsyncIterator[contract.ReadReleaseResponse]:
        """Stream an answer from a row on."""
        head = request.terminal
        terminal = Mark(head.population, head.sequence, head.entry_hash) if request.HasField("terminal") else None
        table = await self._reader.read(request.query_id, terminal)
        if request.start_row > table.num_rows:
            raise row_out_of_range(table.num_rows)
        yield contract.ReadReleaseResponse(schema=schema_message(table))
        async for batch in table_batches(table, request.start_row):
            part = contract.ReadReleaseResponse()
            part.batch.CopyFrom(batch)  # a constructor would copy it by way of its bytes, at three times the cost
            yield part
        yield contract.ReadReleaseResponse(row_count=table.num_rows)

    async def RaiseMark(self, request: contract.RaiseMarkRequest, context: Any) -> contract.RaiseMarkResponse:
        """Raise a population's mark."""
        head = request.head
        try:
            mark = await self._marks.raise_to(Mark(head.population, head.sequence, head.entry_hash))
        except StoreUnavailableError:
            raise service_unavailable("executor") from None
        except (MarkConflictError, MarkUnreadableError):
            self._acceptance.forget(head.population)
            raise ledger_behind(head.population) from None
        return contract.RaiseMarkResponse(
            mark=ledger_pb2.LedgerHead(population=mark.population, sequence=mark.sequence, entry_hash=mark.entry_hash)
        )

    async def GetMark(self, request: contract.GetMarkRequest, context: Any) -> contract.GetMarkResponse:
        """Tell a population's mark."""
        try:
            mark = await self._marks.stored(request.population)
        except StoreUnavailableError:
            raise service_unavailable("executor") from None
        except MarkUnreadableError:
            raise ledger_behind(request.population) from None
        if mark is None:
            return contract.GetMarkResponse()
        head = ledger_pb2.LedgerHead(population=mark.population, sequence=mark.sequence, entry_hash=mark.entry_hash)
        return contract.GetMarkResponse(mark=head)

    async def RunDummy(
        self, request: contract.RunDummyRequest, context: Any
    ) -> AsyncIterator[contract.RunDummyResponse]:
        """Rehearse a task on made-up rows."""
        table = await self._dummy(request.task, request.record, request.row_count, request.seed)
        yield _dummy_event(query_pb2.QueryEvent(schema=schema_message(table)))
        async for batch in table_batches(table, 0):
            yield _dummy_event(query_pb2.QueryEvent(batch=batch))
        query = query_pb2.Query(question=request.task.question)
        complete = query_pb2.Complete(query=query, row_count=table.num_rows)
        yield _dummy_event(query_pb2.QueryEvent(complete=complete))

    async def _dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        # A caller who goes leaves the thread at work, and its place taken, until the run has ended.
        pool = self._library_dummies if engine_of(task.question) in LIBRARIES else self._dummies
        run = asyncio.get_running_loop().run_in_executor
        try:
            return await run(pool, self._engine.dummy, task, record, row_count, seed)
        except EngineFailedError:
            raise query_failed() from None

    async def ReadModel(self, request: contract.ReadModelRequest, context: Any) -> contract.ReadModelResponse:
        """Return the parameters of an estimator."""
        return contract.ReadModelResponse(fitted_estimator=await self._models.parameters(request.query_id))

    async def SampleModel(
        self, request: contract.SampleModelRequest, context: Any
    ) -> AsyncIterator[contract.SampleModelResponse]:
        """Draw rows from a synthesizer."""
        condition = request.condition if request.HasField("condition") else None
        drawn = await self._models.sampled(request.query_id, request.row_count, request.seed, condition)
        yield contract.SampleModelResponse(schema=schema_of(drawn.schema))
        async for batch in drawn.batches():
            yield contract.SampleModelResponse(batch=batch)

    async def FitDummyModel(
        self, request: contract.FitDummyModelRequest, context: Any
    ) -> AsyncIterator[contract.FitDummyModelResponse]:
        """Rehearse a fit on made-up rows; of a synthesizer, draw as many rows from it."""
        release = await self._dummy(request.task, request.record, request.row_count, request.seed)
        if request.task.question.model.WhichOneof("kind") == "estimator":
            fitted = await asyncio.to_thread(self._models.decoded, release)
            yield contract.FitDummyModelResponse(fitted_estimator=fitted)
            return
        yield contract.FitDummyModelResponse(fitted_estimator=FittedEstimator())
        drawn = self._models.drawn(release, request.row_count, request.seed)
        yield contract.FitDummyModelResponse(schema=schema_of(drawn.schema))
        async for batch in drawn.batches():
            yield contract.FitDummyModelResponse(batch=batch)


def _request_key(request: contract.QuoteRequest) -> bytes:
    """Return what a quote depends on, as a digest."""
    digest = hashlib.sha256(repr(list(request.group_sizes)).encode())
    for part in (request.task, request.record):
        content = part.SerializeToString(deterministic=True)
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.digest()


def _dummy_event(event: query_pb2.QueryEvent) -> contract.RunDummyResponse:
    return contract.RunDummyResponse(event=event)
