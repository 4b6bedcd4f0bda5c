"""What the custodian sees and an analyst never does: answers without noise, on the very rows that count."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sfumato.v1 import payment_pb2, question_pb2
from sfumato_executor.engines.native.engine import execute, render
from sfumato_executor.plan.program import Draw
from sfumato_executor.plan.quoting import compile_task
from sfumato_executor.preparation.table import PreparedTable
from sfumato_gateway.questions import understand
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task

Integers = npt.NDArray[np.int64]
CustodianView: TypeAlias = Callable[[str], tuple[DatasetRecord, Path]]
"""Dataset → its record, and a folder of its prepared rows."""


class _NoNoise:
    """In place of noise: what a mechanism would have moved stays as it is."""

    seeded = False

    def add(self, draw: Draw, values: Integers) -> Integers:
        """The integers themselves."""
        del draw
        return values

    def release_keys(self, draw: Draw, counts: Integers) -> list[tuple[int, int]]:
        """Every key that occurs."""
        del draw
        return [(int(place), int(counts[place])) for place in np.flatnonzero(counts > 0)]

    def choose(self, draw: Draw, scores: Integers) -> Integers:
        """The best candidate of each key."""
        del draw
        best: Integers = np.argmax(scores, axis=1).astype(np.int64)
        return best


def exact_answer(
    question: question_pb2.Question, payment: payment_pb2.Payment, record: DatasetRecord, folder: Path
) -> list[dict[str, Any]]:
    """Rows of the answer after clamping and contribution bounding, without noise.

    Args:
        question: as the analyst asked it.
        payment: what was paid: steps and clamps of sums depend on it.
        record: of the dataset.
        folder: its prepared rows.
    """
    task = Task(question=question, plan=understand(question).plan, payment=payment, confidence=0.95)
    program = compile_task(task, record)
    release = execute(program, PreparedTable.open(folder), noise=_NoNoise())
    rows: list[dict[str, Any]] = render(program, release, task.confidence).to_pylist()
    return rows
