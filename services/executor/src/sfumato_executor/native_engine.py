"""The engine `native` behind the executor's ports.

Polars and OpenDP are imported when they are first needed, never with this module: a worker's parent process forks, and
a fork of a process in which Polars has run hangs.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_executor.engine import DerivedMeasures, Family, UnreadableReleaseError
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation_worker import NotPublishableError
from sfumato_executor.releases.sealing import Unsealed
from sfumato_executor.settings import ExecutorSettings
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task

if TYPE_CHECKING:
    from sfumato_executor.preparation.table import PreparedTable

_TABLES: Final = 8


class NativeEngine:
    """Prices, draws, renders and rehearses. Threads share it."""

    def __init__(self) -> None:
        self._tables = _OpenTables()

    def table(self, folder: Path) -> "PreparedTable":
        """Return prepared data, mapped into memory once."""
        return self._tables.get(folder)

    def warm_up(self) -> None:
        """Import what the first task would wait for."""
        import sfumato_executor.engines.native.engine
        import sfumato_executor.plan.quoting  # noqa: F401

    def price(self, task: Task, record: DatasetRecord) -> Program:
        """Compile a task against a published dataset.

        Whether the policy allows the engine is decided when a task is sold: one that was changed since must not fail
        what is paid, nor hide what was answered.

        Raises:
            Refusal: it cannot be asked.
        """
        from sfumato_executor.plan.compiler import ENGINE, compile_plan
        from sfumato_executor.plan.quoting import asked_dataset

        dataset = asked_dataset(record)  # as it was quoted, so that the compiler's cache knows the program
        if dataset.policy.engines and ENGINE not in dataset.policy.engines:
            allowed = Dataset()
            allowed.CopyFrom(dataset)
            allowed.policy.ClearField("engines")
            dataset = allowed
        return compile_plan(task.plan, task.payment, dataset, record.population.accounting)

    def measures(self, program: Program, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        """Return mechanisms and intervals of a program, at the task's confidence and the policy's group sizes."""
        from sfumato_executor.plan.accuracy import measure_accuracies
        from sfumato_executor.plan.quoting import asked_dataset

        sizes = tuple(asked_dataset(record).policy.accuracy.group_sizes)
        return measure_accuracies(program, task.confidence, sizes)

    def draw(self, program: Program, folder: Path) -> pa.Table:
        """Run a program on prepared data and draw its noise once: the canonical release, which says what it holds."""
        from sfumato_executor.engines.native.engine import execute
        from sfumato_executor.engines.native.rereading import with_description

        return with_description(execute(program, self._tables.get(folder)), program)

    def quote(self, task: Task, record: DatasetRecord, group_sizes: Sequence[int]) -> Quote:
        """Price a task: all of a quote that does not depend on scopes.

        Raises:
            Refusal: it cannot be asked.
        """
        from sfumato_executor.plan.quoting import quote

        return quote(task, record, group_sizes)

    def render(self, program: Program, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns for a canonical release."""
        from sfumato_executor.engines.native.engine import render

        return render(program, release, confidence)

    def family(self, task: Task, record: DatasetRecord) -> Family:
        """Return the family of a task.

        Raises:
            Refusal: it cannot be asked.
        """
        from sfumato_executor.plan.compiler import ENGINE
        from sfumato_executor.plan.family import family_digest
        from sfumato_executor.plan.narrowing import can_be_base, can_be_derived

        program = self.price(task, record)
        return Family(family_digest(ENGINE, program), can_be_base(program), can_be_derived(program))

    def derived_measures(
        self, drawn: Task, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> DerivedMeasures | None:
        """Return how exactly the release of another task answers one; None: less exactly than it asks, or not at all.

        Raises:
            Refusal: one of them cannot be asked.
        """
        from sfumato_executor.engines.native.deriving import derived_accuracies
        from sfumato_executor.plan.narrowing import derivation, looseness
        from sfumato_executor.plan.quoting import told_sizes

        base, narrow = self.price(drawn, record), self.price(asked, record)
        how = derivation(base, narrow)
        loose = None if how is None else looseness(base, narrow, how, asked.confidence)
        if how is None or loose is None or loose > 1.0:
            return None
        sizes = told_sizes(group_sizes, record)
        return DerivedMeasures(derived_accuracies(base, narrow, how, asked.confidence, sizes), loose)

    def reread(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of an equal one, whichever compiler drew it.

        Raises:
            UnreadableReleaseError: it cannot be read as that.
        """
        from sfumato_executor.engines.native.rendering import render
        from sfumato_executor.engines.native.rereading import NotReadableError, read_again, sealed_program

        try:
            described = sealed_program(sealed.release, sealed.plan_digest)
            if drawn == asked:
                return render(described, sealed.release, asked.confidence)
            programs = self.price(drawn, record), self.price(asked, record)
            return read_again(described, sealed.release, *programs, asked.confidence)
        except (NotReadableError, Refusal) as error:
            raise UnreadableReleaseError from error

    def derive(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of a wider one.

        Raises:
            UnreadableReleaseError: it cannot be read as that, or the other question is not proved to be wider.
        """
        from sfumato_executor.engines.native.rereading import NotReadableError, read_derived, sealed_program

        try:
            described = sealed_program(sealed.release, sealed.plan_digest)
            programs = self.price(drawn, record), self.price(asked, record)
            return read_derived(described, sealed.release, *programs, asked.confidence)
        except (NotReadableError, Refusal) as error:
            raise UnreadableReleaseError from error

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        """Answer a task on made-up rows with seeded noise.

        Raises:
            Refusal: it cannot be asked.
        """
        from sfumato_executor.engines.native.dummy import dummy_noise, dummy_table
        from sfumato_executor.engines.native.engine import execute, render
        from sfumato_executor.plan.quoting import asked_dataset, compile_task

        program = compile_task(task, record)
        release = execute(program, dummy_table(asked_dataset(record), row_count, seed), noise=dummy_noise(seed))
        return render(program, release, task.confidence)


class NativePreparer:
    """Reads a dataset's source and writes what the engine maps."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings

    def prepare(self, dataset: Dataset, folder: Path) -> Sequence[str]:
        """Fill a new folder, synced; return what was mended, in words.

        Raises:
            NotPublishableError: the source cannot be read, or its data do not fit the schema.
        """
        from sfumato_executor.preparation.preparing import prepare
        from sfumato_executor.preparation.report import PreparationRefusedError

        try:
            return prepare(dataset, self._batches(dataset), folder).problems
        except PreparationRefusedError as refused:
            raise NotPublishableError(refused.problems) from None

    def _batches(self, dataset: Dataset) -> Iterator[pa.RecordBatch]:
        from sfumato_executor.sources.opening import open_source

        return open_source(dataset, self._settings)


class _OpenTables:
    """Prepared tables that were asked last, mapped into memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, PreparedTable] = OrderedDict()

    def get(self, folder: Path) -> "PreparedTable":
        from sfumato_executor.preparation.table import PreparedTable

        with self._lock:
            table = self._open.get(folder)
            if table is None:
                table = self._open[folder] = PreparedTable.open(folder)
                if len(self._open) > _TABLES:
                    self._open.popitem(last=False)
            self._open.move_to_end(folder)
            return table
