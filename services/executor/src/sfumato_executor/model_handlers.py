"""Fitted models as the front serves them: parameters decoded, rows drawn. Both are functions of a release alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
import pyarrow as pa

from sfumato.v1.arrow_pb2 import ArrowBatch
from sfumato.v1.expression_pb2 import Expression
from sfumato.v1.fitted_model_pb2 import FittedEstimator
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.refusals import release_tampered
from sfumato_executor.streaming import table_batches
from sfumato_mesh.refusal import Refusal

T = TypeVar("T")

_DRAWING: Final = 2
"""Threads that draw rows. Draws are free: they must not keep the threads that price questions and read answers."""


@dataclass(frozen=True)
class DrawnRows:
    """Rows of a synthesizer, drawn as they are taken."""

    schema: pa.Schema
    tables: Iterator[pa.Table]
    pool: Executor

    async def batches(self) -> AsyncIterator[ArrowBatch]:
        """Yield the rows; each table is drawn off the event loop, and none for a caller who has gone."""
        start, loop = 0, asyncio.get_running_loop()
        while (table := await loop.run_in_executor(self.pool, next, self.tables, None)) is not None:
            async for batch in table_batches(table, 0):
                batch.start_offset += start
                yield batch
            start += table.num_rows


class ModelReader:
    """Reads models. For one event loop."""

    def __init__(self, reader: ReleaseReader) -> None:
        self._reader = reader
        self._drawing = ThreadPoolExecutor(_DRAWING, thread_name_prefix="sfumato-drawing")

    async def parameters(self, query_id: str) -> FittedEstimator:
        """Return the parameters of a fitted estimator.

        Raises:
            Refusal: MODEL_KIND_MISMATCH; those of `ReleaseReader.read`.
        """
        kind, release = await self._read(query_id)
        if kind != "estimator":
            raise _mismatch(query_id, "a synthesizer has no parameters to read", "draw rows from it: SampleModel")
        return await asyncio.to_thread(_readable, query_id, self.decoded, release)

    async def sampled(self, query_id: str, row_count: int, seed: int, condition: Expression | None) -> DrawnRows:
        """Return rows of a synthesizer for which a condition holds.

        Raises:
            Refusal: MODEL_KIND_MISMATCH; PLAN_REJECTED, for the condition; those of `ReleaseReader.read`.
        """
        kind, release = await self._read(query_id)
        if kind != "synthesizer":
            raise _mismatch(query_id, "an estimator is not sampled", "read its parameters: GetModel")
        return await asyncio.to_thread(
            _readable, query_id, lambda table: self.drawn(table, row_count, seed, condition), release
        )

    def decoded(self, release: pa.Table) -> FittedEstimator:
        """Return the parameters in a release of an estimator.

        Raises:
            UnreadableReleaseError: there are none.
        """
        from sfumato_executor.engines.diffprivlib.decoding import fitted_estimator

        return fitted_estimator(release)

    def drawn(self, release: pa.Table, row_count: int, seed: int, condition: Expression | None = None) -> DrawnRows:
        """Return rows of the synthesizer in a release.

        Raises:
            UnreadableReleaseError: there is none.
            Refusal: PLAN_REJECTED, for the condition.
        """
        from sfumato_executor.engines.smartnoise_synth.condition import compile_condition
        from sfumato_executor.engines.smartnoise_synth.sampling import sample, sample_schema

        wanted = None if condition is None else compile_condition(condition, release)
        return DrawnRows(sample_schema(release), iter(sample(release, row_count, seed, wanted)), self._drawing)

    async def _read(self, query_id: str) -> tuple[str, pa.Table]:
        """Return the kind of a model and its release."""
        answer = await self._reader.read_answer(query_id)
        kind = answer.question.model.WhichOneof("kind") if answer.question.WhichOneof("form") == "model" else None
        if kind is None:
            raise _mismatch(query_id, "the query fitted no model", "read its answer: AttachQuery")
        return kind, answer.table


def _readable(query_id: str, decode: Callable[[pa.Table], T], release: pa.Table) -> T:
    try:
        return decode(release)
    except UnreadableReleaseError:
        raise release_tampered(query_id) from None


def _mismatch(query_id: str, message: str, hint: str) -> Refusal:
    name = f"models/{query_id}"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "MODEL_KIND_MISMATCH",
        message,
        metadata={"model": name, "hint": hint},
        precondition=("MODEL_KIND", name, hint),
    )
