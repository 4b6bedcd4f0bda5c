"""What a library engine must be: the part of it that knows the library, behind one protocol.

An adapter is a folder of its own. It compiles a question without the library, and its `job` module alone, which runs in
the confined process, imports it.
"""

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.question_pb2 import Question
from sfumato_executor.engines.library.program import LibraryProgram


@dataclass(frozen=True)
class Asked:
    """A question, what it pays, and the public facts by which it is priced."""

    question: Question
    payment: Payment
    dataset: Dataset
    """Schema, privacy unit and policy, as they were published."""
    accounting: int
    """Number of `sfumato.v1.Accounting` of the dataset's population."""
    confidence: float
    """Of intervals; above 0, below 1."""


class LibraryAdapter(Protocol):
    """One library. Threads share it."""

    name: str
    """Of the engine, as policies write it."""

    def is_installed(self) -> bool:
        """Return whether this process could start the library. Does not import it."""
        ...

    def compile(self, asked: Asked) -> LibraryProgram:
        """Check and price a question.

        Raises:
            Refusal: it cannot be asked.
        """
        ...

    def answer_schema(self, program: LibraryProgram) -> pa.Schema:
        """Return the columns of the answer, before anything ran."""
        ...

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns for a release that the program drew.

        Raises:
            UnreadableReleaseError: it holds something else.
        """
        ...
