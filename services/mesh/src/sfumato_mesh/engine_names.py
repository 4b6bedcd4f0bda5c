"""Engines by name, as policies, quotes and receipts write them, and which of them answers a question."""

from typing import Final

from sfumato.v1.question_pb2 import Question

NATIVE: Final = "native"
SMARTNOISE_SQL: Final = "smartnoise_sql"
SMARTNOISE_SYNTH: Final = "smartnoise_synth"
DIFFPRIVLIB: Final = "diffprivlib"
LIBRARIES: Final = frozenset({SMARTNOISE_SQL, SMARTNOISE_SYNTH, DIFFPRIVLIB})
"""Engines that run a third party's library, in a process of its own."""

_OF_MODELS: Final = {"synthesizer": SMARTNOISE_SYNTH, "estimator": DIFFPRIVLIB}


def engine_of(question: Question) -> str:
    """Return the engine that a question names, or the one that is meant where it names none."""
    if question.engine:
        return question.engine
    if question.WhichOneof("form") == "model":
        return _OF_MODELS.get(question.model.WhichOneof("kind") or "", NATIVE)
    return NATIVE
