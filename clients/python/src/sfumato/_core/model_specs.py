"""What is fitted: synthesizers and pipelines as the wire holds them, their names, and both in words. No I/O."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf.message import Message

from sfumato._core import nodes, plans
from sfumato._core.amounts import refused
from sfumato._core.tables import clean
from sfumato.v1 import estimator_pb2, model_spec_pb2, relation_pb2, synthesizer_pb2

METHODS: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {
    "aim": ("aim", {}),
    "mst": ("mst", {}),
    "mwem": ("mwem", {}),
    "pac": ("pac", {}),
}
"""Synthesizers by the name that people give them: field of the contract, and what the name fixes in it."""
_MOST_COLUMNS: Final = 128
_MOST_FEATURES: Final = 256
_MOST_STEPS: Final = 8
_MOST_ROWS: Final = 100_000_000
_LARGEST_PARAMETER: Final = 2**32 - 1
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLLECTIONS: Final = ("models/", "operations/", "queries/")


def model_id(name: str) -> str:
    """Return the id that a model, its operation and its query share, of the name of any of them.

    Raises:
        InvalidRequest: it is none.
    """
    text = name if isinstance(name, str) else ""
    for collection in _COLLECTIONS:
        text = text.removeprefix(collection)
    if not _UUID.fullmatch(text):
        raise refused("model", f"{name!r} is no model", "models/ and 36 characters, as in mesh.models()")
    return text


def synthesizer(
    columns: Sequence[tuple[str, int]], method: str, parameters: Mapping[str, int]
) -> synthesizer_pb2.Synthesizer:
    """Return a synthesizer.

    Args:
        columns: names, and bins; 0 bins: one a value.
        method: a name of `METHODS`.
        parameters: of the method, by their names in the contract; 0: as the library has it.

    Raises:
        InvalidRequest: no such method or parameter, or a column is named twice.
    """
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, 1)
        raise refused("method", f"{method!r} is no synthesizer", f"method={near[0]!r}" if near else _listed(METHODS))
    _once([name for name, _ in columns], "columns", _MOST_COLUMNS)
    field, fixed = METHODS[method]
    taken = [
        name for name in getattr(synthesizer_pb2.Synthesizer(), field).DESCRIPTOR.fields_by_name if name not in fixed
    ]
    for name, value in parameters.items():
        if name not in taken:
            raise refused(name, f"{method} has no such parameter", _listed(taken) if taken else "it has none")
        plans.whole(value, name, 0, _LARGEST_PARAMETER)
    learnt = [synthesizer_pb2.SynthesizerColumn(name=name, bin_count=bins) for name, bins in columns]
    values: Mapping[str, Any] = {field: {**fixed, **parameters}}
    return synthesizer_pb2.Synthesizer(columns=learnt, **values)


def estimator(
    features: Sequence[str], target: str, steps: Sequence[estimator_pb2.EstimatorStep], row_count: int
) -> estimator_pb2.Estimator:
    """Return a pipeline.

    Raises:
        InvalidRequest: no features or steps, too many, or one feature twice.
    """
    _once(features, "features", _MOST_FEATURES)
    if not 1 <= len(steps) <= _MOST_STEPS:
        raise refused("steps", f"a pipeline has 1 to {_MOST_STEPS} steps", "steps=[sf.logistic_regression()]")
    if target:
        nodes.column(target)
    return estimator_pb2.Estimator(
        features=features,
        target=target,
        steps=steps,
        row_count=plans.whole(row_count, "row_count", 0, _MOST_ROWS),
    )


def _once(names: Sequence[str], field: str, most: int) -> None:
    if isinstance(names, str) or not 1 <= len(names) <= most:
        raise refused(field, f"a list of 1 to {most} columns is needed", f'{field}=["species"]')
    for name in names:
        nodes.column(name)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refused(field, f"{clean(twice)} is named twice")


def _listed(words: Sequence[str] | Mapping[str, object]) -> str:
    return "one of " + ", ".join(words)


def kind_of(spec: model_spec_pb2.ModelSpec) -> str:
    """Return what is fitted, in a word or a few: "mst", "standard_scaler → logistic_regression"."""
    if spec.WhichOneof("kind") == "estimator":
        return " → ".join(each.WhichOneof("kind") or "?" for each in spec.estimator.steps)
    return spec.synthesizer.WhichOneof("method") or "?"


def spec_text(spec: model_spec_pb2.ModelSpec) -> str:
    """Return a fit as the builder writes it."""
    rows = plans.relation_text(spec.source)
    if spec.WhichOneof("kind") == "estimator":
        steps = ", ".join(step_text(each) for each in spec.estimator.steps)
        target = f", target={clean(spec.estimator.target)}" if spec.estimator.target else ""
        return f"{rows}\n .fit([{', '.join(clean(each) for each in spec.estimator.features)}]{target}, steps=[{steps}])"
    columns = ", ".join(
        f"bins({clean(each.name)}, {each.bin_count})" if each.bin_count else clean(each.name)
        for each in spec.synthesizer.columns
    )
    method = getattr(spec.synthesizer, spec.synthesizer.WhichOneof("method") or "mst")
    return f"{rows}\n .synthesize([{columns}], method={kind_of(spec)!r}{_parameters(method, ', ')})"


def step_text(step: estimator_pb2.EstimatorStep) -> str:
    """Return a step as the builder writes it: "k_means(cluster_count=3)"."""
    kind = step.WhichOneof("kind") or "standard_scaler"
    weight = f"weight={step.weight}" if step.weight else ""
    said = _parameters(getattr(step, kind)).removeprefix(", ")
    return f"{kind}({', '.join(part for part in (said, weight) if part)})"


def _parameters(message: Message, lead: str = "") -> str:
    said = [
        f"{field.name}={value:g}" if isinstance(value, float) else f"{field.name}={value}"
        for field, value in message.ListFields()
        if field.name != "architecture"
    ]
    return lead + ", ".join(said) if said else ""


def scanned(relation: relation_pb2.Relation) -> str:
    """Return the id of the dataset whose rows these are."""
    node = relation
    while node.WhichOneof("kind") in {"filter", "derive"}:
        node = node.filter.input if node.WhichOneof("kind") == "filter" else node.derive.input
    return node.scan.dataset.removeprefix("datasets/")
