"""An engine that runs a third party's library, behind the executor's ports.

The adapter knows the library; here is what all of them share: the policy's word, rows from prepared data, the confined
process, sealing and reading. A library's answer shares nothing with other questions but equal ones.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from google.protobuf.duration_pb2 import Duration

from sfumato.v1.arrow_pb2 import ArrowSchema
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.question_pb2 import ASSURANCE_LIBRARY
from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_executor.engine import Family, UnreadableReleaseError
from sfumato_executor.engines.library.adapter import Asked, LibraryAdapter
from sfumato_executor.engines.library.isolation import EngineFailedError, Limits, run_isolated
from sfumato_executor.engines.library.program import MODEL_METADATA, LibraryProgram
from sfumato_executor.releases.sealing import Unsealed
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task

if TYPE_CHECKING:
    from sfumato_executor.preparation.table import PreparedTable

_LOG: Final = logging.getLogger(__name__)
_ANY_CONFIDENCE: Final = 0.95
_GIVE_UP_BESIDE: Final = 60.0
"""Seconds."""
_DUMMY_SECONDS: Final = 60.0
"""How long a rehearsal may run: it is free, and few run at once."""


def give_up_after(limits: Limits) -> Duration:
    """Return how long a paid job waits for its answer: two whole runs, one of which may be lost, and a minute."""
    return Duration(seconds=round(2 * limits.wall_seconds + _GIVE_UP_BESIDE))


@dataclass(frozen=True)
class LibraryEngine:
    """One library. Threads share it."""

    adapter: LibraryAdapter
    limits: Limits
    tables: "Callable[[Path], PreparedTable]"
    stopping: threading.Event | None = None
    """Set when the process shall end: running jobs are killed, and their queries stay open for others."""

    def price(self, task: Task, record: DatasetRecord) -> LibraryProgram:
        """Compile a task. Whether the policy allows the engine was decided when it was sold.

        Raises:
            Refusal: it cannot be asked.
        """
        from sfumato_executor.plan.quoting import asked_dataset

        return self._compiled(task, asked_dataset(record), record.population.accounting)

    def _compiled(self, task: Task, dataset: Dataset, accounting: int) -> LibraryProgram:
        return self.adapter.compile(Asked(task.question, task.payment, dataset, accounting, task.confidence))

    def measures(self, program: LibraryProgram) -> Sequence[MeasureAccuracy]:
        """Return what the library does, with each step's part of the price."""
        return program.measures

    def draw(self, program: LibraryProgram, folder: Path) -> pa.Table:
        """Run the library once on prepared data, in a confined process.

        Raises:
            EngineFailedError: it broke a limit, or gave no table. The query stays open, and charged.
        """
        return self._run(program, self.tables(folder), self.limits)

    def _run(self, program: LibraryProgram, table: "PreparedTable", limits: Limits) -> pa.Table:
        from sfumato_executor.engines.library.rows import select_rows

        rows = select_rows(program.rows, table)
        try:
            release = run_isolated(program.engine, program.job, rows, limits, stopping=self.stopping)
        except EngineFailedError as error:
            _LOG.warning("engine %s gave no table: %s", program.engine, error.cause.value)
            raise
        if program.model is not None:
            release = release.replace_schema_metadata({MODEL_METADATA: json.dumps(program.model)})
        self.adapter.render(program, release, _ANY_CONFIDENCE)  # what cannot be read is not sealed
        return release

    def quote(self, task: Task, record: DatasetRecord) -> Quote:
        """Price a task: all of a quote that does not depend on scopes.

        Raises:
            Refusal: it cannot be asked.
        """
        program = self.price(task, record)
        quote = Quote(
            measures=program.measures,
            schema=ArrowSchema(serialized_schema=self.adapter.answer_schema(program).serialize().to_pybytes()),
            plan_digest=program.digest,
            engine=program.engine,
            assurance=ASSURANCE_LIBRARY,
            notes=program.notes,
            give_up_after=give_up_after(self.limits),
        )
        loss = program.loss
        quote.charge.rho_picos, quote.charge.delta_attos = loss.rho_picos, loss.delta_attos
        if loss.epsilon_picos is not None:
            quote.charge.epsilon_picos = loss.epsilon_picos
        if record.HasField("published"):
            version = record.published.version or record.dataset.version
            quote.data_versions.add(dataset=program.dataset, version=version)
        return quote

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns."""
        return self.adapter.render(program, release, confidence)

    def family(self, task: Task, record: DatasetRecord) -> Family:
        """Return no family: nothing but an equal question is answered by the release.

        Raises:
            Refusal: it cannot be asked.
        """
        self.price(task, record)
        return Family(b"", is_base=False, is_derivable=False)

    def reread(self, sealed: Unsealed, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of an equal one, whichever adapter drew it.

        Raises:
            UnreadableReleaseError: it cannot be read as that.
        """
        if MODEL_METADATA in (sealed.release.schema.metadata or {}):
            return sealed.release  # says itself what it holds
        try:
            return self.adapter.render(self.price(asked, record), sealed.release, asked.confidence)
        except Refusal as error:
            raise UnreadableReleaseError from error

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        """Answer a task on made-up rows. The rows are fixed by the seed, the library's noise is its own.

        Raises:
            Refusal: it cannot be asked.
            EngineFailedError: the library broke a limit, or gave no table.
        """
        from sfumato_executor.engines.native.dummy import dummy_table
        from sfumato_executor.plan.quoting import asked_dataset

        program = self.price(task, record)
        limits = replace(self.limits, wall_seconds=min(self.limits.wall_seconds, _DUMMY_SECONDS))
        release = self._run(program, dummy_table(asked_dataset(record), row_count, seed), limits)
        return self.adapter.render(program, release, task.confidence)
