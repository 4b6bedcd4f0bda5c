"""The plan digest: SHA-256 over the canonical content of a program.

In it: engine, dataset, filter, keys, where keys come from, bounding, vectors, draws with their noise scales, what is
read from them, capacity. Not in it: aliases, labels, units, weights (they are in the scales), confidence, order of
measures.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sfumato_executor.plan.encoding import Structure, dump, scalar, structure
from sfumato_executor.plan.expressions import Expression, Value
from sfumato_executor.plan.program import Bounding, Draw, Key, KeyDomain, Output, Vector

if TYPE_CHECKING:
    from sfumato_executor.plan.pricing import PricedDraws

_FORM: Final = "sfumato.plan.1"


def program_digest(
    engine: str,
    dataset: str,
    condition: Expression | None,
    keys: Sequence[Key],
    domain: tuple[KeyDomain, Sequence[tuple[Value, ...]]],
    rule: Bounding,
    priced: "PricedDraws",
    outputs: Sequence[Output],
    max_rows: int,
) -> bytes:
    """SHA-256 of the canonical form; 32 bytes."""
    kind, public = domain
    content: Structure = [
        _FORM,
        engine,
        dataset,
        structure(condition),
        [structure(key.value) for key in keys],
        kind.value,
        [[scalar(value) for value in row] for row in public],
        [rule.kind.value, rule.groups, rule.rows, rule.column],
        [_vector(vector) for vector in priced.vectors],
        [_draw(draw) for draw in priced.draws],
        [*sorted({dump(_output(output)) for output in outputs})],
        max_rows,
    ]
    return hashlib.sha256(dump(content).encode("ascii")).digest()


def _vector(vector: Vector) -> Structure:
    grid: Structure = [vector.offset.hex(), vector.step.hex(), vector.low, vector.high]
    return [vector.kind.value, structure(vector.value), grid, vector.bins]


def _draw(draw: Draw) -> Structure:
    """A noisy maximum draws other noise, at another price, where its loss is pure: kind and scale do not tell it."""
    choices: Structure = [candidate.hex() for candidate in draw.candidates]
    mechanism: Structure = [draw.kind.value, draw.loss.epsilon_picos is not None, draw.scale.hex(), draw.threshold]
    return [mechanism, draw.vector, choices, *draw.level, draw.keys_per_unit]


def _output(output: Output) -> Structure:
    return [output.kind.value, list(output.draws), output.type.kind.value, output.lower.hex(), output.upper.hex()]
