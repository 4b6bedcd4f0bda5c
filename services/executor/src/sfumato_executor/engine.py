"""The engine as front and workers need it: what prices a task, draws its release, renders and rehearses it.

Only `WorkerEngine.draw` sees data. All else is a function of the task and of public metadata, or of a release.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from sfumato.v1.quote_pb2 import MeasureAccuracy, Quote
from sfumato_executor.plan.program import Program
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task


class Pricing(Protocol):
    """Compiling a task: the same for front and workers, or a worker would drop what the front has sold."""

    def price(self, task: Task, record: DatasetRecord) -> Program:
        """Compile a task against a published dataset.

        Raises:
            Refusal: it cannot be asked.
        """
        ...


class WorkerEngine(Pricing, Protocol):
    """What a worker runs. Threads share it."""

    def measures(self, program: Program, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        """Return mechanisms and intervals of a program, at the task's confidence and the policy's group sizes."""
        ...

    def draw(self, program: Program, folder: Path) -> pa.Table:
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

    def render(self, program: Program, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns for a canonical release."""
        ...

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> pa.Table:
        """Answer a task on made-up rows with seeded noise.

        Raises:
            Refusal: it cannot be asked.
        """
        ...
