"""The engine as front and workers need it: what prices a task, draws its release, renders and rehearses it.

Only `WorkerEngine.draw` sees data. All else is a function of the task and of public metadata, or of a release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import pyarrow as pa

from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.plan.program import Program
from sfumato_executor.releases.sealing import Unsealed
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task

AnyProgram: TypeAlias = Program | LibraryProgram
"""What a task was compiled to; the engine that compiled it runs and renders it."""


@dataclass(frozen=True)
class Family:
    """What a question shares with those that it may answer, or that may answer it."""

    digest: bytes
    """32 bytes; empty: it shares nothing."""
    is_base: bool
    """Whether its release may answer narrower questions."""
    is_derivable: bool
    """Whether the release of a wider question may answer it."""


@dataclass(frozen=True)
class DerivedMeasures:
    """What an answer from the release of a wider question is worth."""

    measures: Sequence[MeasureAccuracy]
    """Mechanisms and intervals, in the order of the question."""
    looseness: float
    """Largest ratio of a half-width to the one that the question would pay for; 0 to 1."""


class UnreadableReleaseError(Exception):
    """A release does not hold what a question asks."""


class Pricing(Protocol):
    """Compiling a task: the same for front and workers, or a worker would drop what the front has sold."""

    def price(self, task: Task, record: DatasetRecord) -> AnyProgram:
        """Compile a task against a published dataset.

        Raises:
            Refusal: it cannot be asked.
        """
        ...


class WorkerEngine(Pricing, Protocol):
    """What a worker runs. Threads share it."""

    def measures(self, program: AnyProgram, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        """Return mechanisms and intervals of a program, at the task's confidence and the policy's group sizes."""
        ...

    def draw(self, program: AnyProgram, folder: Path) -> pa.Table:
        """Run a program on prepared data and draw its noise once: the canonical release."""
        ...


class FrontEngine(Pricing, Protocol):
    """What the front needs of an engine. Threads share it."""

    def quote(self, task: Task, record: DatasetRecord, group_sizes: Sequence[int]) -> Quote:
        """Price a task: all of a quote that does not depend on scopes.

        Raises:
            Refusal: it cannot be asked.
        """
        ...

    def render(self, program: AnyProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns for a canonical release."""
        ...

    def family(self, task: Task, record: DatasetRecord) -> Family:
        """Return the family of a task.

        Raises:
            Refusal: it cannot be asked.
        """
        ...

    def derived_measures(
        self, drawn: Task, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]
    ) -> DerivedMeasures | None:
        """Return how exactly the release of another task answers one; None: less exactly than it asks, or not at all.

        Raises:
            Refusal: one of them cannot be asked.
        """
        ...

    def reread(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of an equal one, whichever compiler drew it.

        Raises:
            UnreadableReleaseError: it cannot be read as that.
        """
        ...

    def derive(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        """Return the answer to a task from the release of a wider one.

        Raises:
            UnreadableReleaseError: it cannot be read as that, or the other question is not proved to be wider.
        """
        ...

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        """Answer a task on made-up rows with seeded noise.

        Raises:
            Refusal: it cannot be asked.
        """
        ...
