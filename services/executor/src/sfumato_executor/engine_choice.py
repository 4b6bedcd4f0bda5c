"""The engine of each question: `native`, or the library that it names, if the policy and the server have it."""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.question_pb2 import Question
from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_executor.engine import AnyProgram, DerivedMeasures, Family, UnreadableReleaseError
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.library_engine import LibraryEngine
from sfumato_executor.native_engine import NativeEngine
from sfumato_executor.plan.engine_policy import check_engine
from sfumato_executor.releases.sealing import Unsealed
from sfumato_executor.settings import ExecutorSettings
from sfumato_mesh.engine_names import DIFFPRIVLIB, LIBRARIES, NATIVE, SMARTNOISE_SQL, SMARTNOISE_SYNTH, engine_of
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task


class Engines:
    """All engines of one process behind the executor's ports. Threads share it."""

    def __init__(self, native: NativeEngine, libraries: Mapping[str, LibraryEngine]) -> None:
        self._native = native
        self._libraries = libraries

    def warm_up(self) -> None:
        """Import what the first native task would wait for; libraries are imported by their own processes."""
        self._native.warm_up()

    def price(self, task: Task, record: DatasetRecord) -> AnyProgram:
        """Compile a task against a published dataset.

        Raises:
            Refusal: it cannot be asked.
        """
        library = self._library(task, record)
        return self._native.price(task, record) if library is None else library.price(task, record)

    def measures(self, program: AnyProgram, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        """Return mechanisms and intervals of a program."""
        if isinstance(program, LibraryProgram):
            return self._libraries[program.engine].measures(program)
        return self._native.measures(program, task, record)

    def draw(self, program: AnyProgram, folder: Path) -> pa.Table:
        """Run a program on prepared data and draw its noise once: the canonical release.

        Raises:
            EngineFailedError: a library broke a limit, or gave no table.
        """
        if isinstance(program, LibraryProgram):
            return self._libraries[program.engine].draw(program, folder)
        return self._native.draw(program, folder)

    def quote(self, task: Task, record: DatasetRecord, group_sizes: Sequence[int]) -> Quote:
        """Price a task: all of a quote that does not depend on scopes.

        Raises:
            Refusal: it cannot be asked, or not of this engine.
        """
        library = self._sold(task, record)
        return self._native.quote(task, record, group_sizes) if library is None else library.quote(task, record)

    def render(self, program: AnyProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns for a canonical release."""
        if isinstance(program, LibraryProgram):
            return self._libraries[program.engine].render(program, release, confidence)
        return self._native.render(program, release, confidence)

    def family(self, task: Task, record: DatasetRecord) -> Family:
        """Return the family of a task.

        Raises:
            Refusal: it cannot be asked.
        """
        library = self._library(task, record)
        return self._native.family(task, record) if library is None else library.family(task, record)

    def derived_measures(
        self, drawn: Task, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> DerivedMeasures | None:
        """Return how exactly the release of another task answers one; None: less exactly than it asks, or not at all.

        Raises:
            Refusal: one of them cannot be asked.
        """
        if not (_is_native(drawn) and _is_native(asked)):
            return None
        return self._native.derived_measures(drawn, asked, record, group_sizes)

    def reread(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of an equal one, whichever compiler drew it.

        Raises:
            UnreadableReleaseError: it cannot be read as that.
        """
        library = self._libraries.get(engine_of(asked.question))
        if library is None:
            return self._native.reread(sealed, drawn, asked, record)
        if engine_of(drawn.question) != engine_of(asked.question):
            raise UnreadableReleaseError("another engine drew it")
        return library.reread(sealed, asked, record)

    def derive(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of a wider one.

        Raises:
            UnreadableReleaseError: it cannot be read as that, or the other question is not proved to be wider.
        """
        if not (_is_native(drawn) and _is_native(asked)):
            raise UnreadableReleaseError("nothing is derived from a library's release")
        return self._native.derive(sealed, drawn, asked, record)

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        """Answer a task on made-up rows.

        Raises:
            Refusal: it cannot be asked, or not of this engine.
            EngineFailedError: a library broke a limit, or gave no table.
        """
        library = self._sold(task, record)
        chosen: NativeEngine | LibraryEngine = self._native if library is None else library
        return chosen.dummy(task, record, row_count, seed)

    @cached_property
    def _served(self) -> frozenset[str]:
        return frozenset({NATIVE, *(name for name, each in self._libraries.items() if each.adapter.is_installed())})

    def _sold(self, task: Task, record: DatasetRecord) -> LibraryEngine | None:
        """Return the library of a task that is about to be sold; None: native."""
        check_engine(engine_of(task.question), _decided(record), self._served)
        return self._library(task, record)

    def _library(self, task: Task, record: DatasetRecord) -> LibraryEngine | None:
        """Return the library of a task; None: native."""
        engine = engine_of(task.question)
        form = task.question.WhichOneof("form") or ""
        if engine == NATIVE and form != "model":
            return None
        meant = engine_of(Question(model=task.question.model)) if form == "model" else engine
        if _FORMS.get(engine, "plan") != form or meant != engine:
            message = f"engine {engine[:64]} does not answer a question in the form of {_WORDS[form]}"
            hint = "leave the engine out, or ask in its form"
            raise plan_rejected("engine", "question.engine", message, hint=hint)
        if engine not in self._libraries:
            check_engine(engine, _decided(record), ())
        return self._libraries[engine]


def _decided(record: DatasetRecord) -> Dataset:
    """Return the record whose policy decides now."""
    return record.dataset if record.HasField("dataset") else record.published


_FORMS: Final = {SMARTNOISE_SQL: "sql", SMARTNOISE_SYNTH: "model", DIFFPRIVLIB: "model"}
_WORDS: Final = {"": "nothing", "plan": "a plan", "sql": "SQL", "model": "a model"}


def _is_native(task: Task) -> bool:
    return engine_of(task.question) not in LIBRARIES


def open_engines(settings: ExecutorSettings, stopping: threading.Event | None = None) -> Engines:
    """Return the engines of a process; none is imported yet.

    Args:
        settings: the executor's; how much a library's process may take.
        stopping: set when the process shall end.
    """
    from sfumato_executor.engines.diffprivlib.adapter import EstimatorAdapter
    from sfumato_executor.engines.library.adapter import LibraryAdapter
    from sfumato_executor.engines.library.isolation import Limits
    from sfumato_executor.engines.smartnoise_sql.adapter import SmartNoiseSqlAdapter
    from sfumato_executor.engines.smartnoise_synth.adapter import SynthesizerAdapter

    native = NativeEngine()
    limits = Limits(
        wall_seconds=settings.library_seconds,
        cpu_seconds=round(settings.library_seconds * settings.library_threads) + 1,
        memory_bytes=settings.library_memory_bytes,
        result_bytes=settings.library_result_bytes,
        threads=settings.library_threads,
    )
    adapters: tuple[LibraryAdapter, ...] = (SynthesizerAdapter(), SmartNoiseSqlAdapter(), EstimatorAdapter())
    return Engines(
        native, {adapter.name: LibraryEngine(adapter, limits, native.table, stopping) for adapter in adapters}
    )
