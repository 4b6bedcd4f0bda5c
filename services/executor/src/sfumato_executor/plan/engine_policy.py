"""Which engines may answer: those that the dataset's policy names and the server has."""

from collections.abc import Collection
from typing import Final

import grpc

from sfumato.v1.dataset_pb2 import Dataset
from sfumato_mesh.engine_names import NATIVE
from sfumato_mesh.refusal import Refusal

_NATIVE_ALONE: Final = frozenset({NATIVE})


def check_engine(engine: str, dataset: Dataset, served: Collection[str] = _NATIVE_ALONE) -> None:
    """Return if an engine may answer questions about a dataset.

    Args:
        engine: its name.
        dataset: whose policy decides; one that names none allows "native" alone.
        served: engines that this server has.

    Raises:
        Refusal: ENGINE_NOT_ALLOWED.
    """
    allowed = list(dataset.policy.engines) or [NATIVE]
    if engine in allowed and engine in served:
        return
    usable = ", ".join(name for name in allowed if name in served)
    message = f"engine {engine[:64]} may not answer questions about {dataset.name}"
    if engine in allowed:
        message = f"engine {engine} may answer questions about {dataset.name}, and this mesh has not installed it"
    raise Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ENGINE_NOT_ALLOWED",
        message,
        metadata={"engine": engine[:64], "engines": usable, "hint": f"use {usable}" if usable else "ask the custodian"},
        precondition=("ENGINE", dataset.name, "the policy must name an engine that the server has"),
    )
