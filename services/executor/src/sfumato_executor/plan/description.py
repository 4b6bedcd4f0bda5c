"""What a release holds, in words of its own: enough to read it without the compiler that made it.

A release is sealed with the description of its program, so that it stays readable when a newer compiler gives the same
question another digest, other steps or scales, or refuses it. It holds no expression, no filter and no key: what the
columns of noisy integers are, never what was asked of the data.
"""

import json
from typing import Any, Final

from sfumato_executor.plan.expressions import Column, Kind, ValueType
from sfumato_executor.plan.program import (
    Bounding,
    Draw,
    DrawKind,
    Key,
    KeyDomain,
    Loss,
    MeasureKind,
    Output,
    Program,
    Sensitivity,
    Vector,
    VectorKind,
)

_FORM: Final = 1
_NO_LOSS: Final = Loss(0, None, 0)
_UNSAID: Final = Sensitivity(0, 0.0, 0.0, 0)


class DescriptionUnreadableError(Exception):
    """The text describes no release, or in a form of a later version."""


def describe(program: Program) -> str:
    """The description of a program's releases, as JSON; reals are hexadecimal."""
    content = {
        "form": _FORM,
        "keys": [[key.alias, key.value.type.kind.value] for key in program.keys],
        "domain": program.domain.value,
        "vectors": [[each.kind.value, each.offset.hex(), each.step.hex(), each.bins] for each in program.vectors],
        "draws": [_draw(draw) for draw in program.draws],
        "outputs": [_output(output) for output in program.outputs],
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True)


def described_program(text: str, digest: bytes) -> Program:
    """A program that renders releases of a description, and does nothing else.

    It has no filter, no public keys, no values, no sensitivities and no losses: those are not described.

    Raises:
        DescriptionUnreadableError: it is no description.
    """
    try:
        content: dict[str, Any] = json.loads(text)
        if content["form"] != _FORM:
            raise DescriptionUnreadableError("of a later form")
        return Program(
            dataset="",
            filter=None,
            keys=tuple(Key(alias, Column(alias, ValueType(Kind(kind), True))) for alias, kind in content["keys"]),
            domain=KeyDomain(content["domain"]),
            public_keys=(),
            bounding=Bounding(Bounding.Kind.ROW, 1, 1, None),
            vectors=tuple(_read_vector(*each) for each in content["vectors"]),
            draws=tuple(_read_draw(*each) for each in content["draws"]),
            outputs=tuple(_read_output(*each) for each in content["outputs"]),
            loss=_NO_LOSS,
            digest=digest,
            notes=(),
            max_rows=0,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DescriptionUnreadableError("not a description") from error


def _draw(draw: Draw) -> list[object]:
    candidates = [candidate.hex() for candidate in draw.candidates]
    return [draw.kind.value, draw.vector, draw.scale.hex(), draw.threshold, candidates, list(draw.level)]


def _read_draw(
    kind: str, vector: int, scale: str, threshold: int, candidates: list[str], level: tuple[int, int]
) -> Draw:
    numerator, denominator = level
    return Draw(
        DrawKind(kind),
        vector,
        float.fromhex(scale),
        _UNSAID,
        _NO_LOSS,
        threshold=threshold,
        candidates=tuple(float.fromhex(candidate) for candidate in candidates),
        level=(numerator, denominator),
    )


def _read_vector(kind: str, offset: str, step: str, bins: int) -> Vector:
    found = VectorKind(kind)
    return Vector(found, None, _UNSAID, offset=float.fromhex(offset), step=float.fromhex(step), bins=bins)


def _output(output: Output) -> list[object]:
    bounds = [output.lower.hex(), output.upper.hex()]
    kinds = [output.kind.value, output.type.kind.value]
    return [output.alias, *kinds, list(output.draws), *bounds, output.unit, list(output.bin_labels)]


def _read_output(
    alias: str, kind: str, type_kind: str, draws: list[int], lower: str, upper: str, unit: str, labels: list[str]
) -> Output:
    value_type = ValueType(Kind(type_kind), nullable=False)
    bounds = float.fromhex(lower), float.fromhex(upper)
    return Output(alias, MeasureKind(kind), tuple(draws), value_type, *bounds, unit, tuple(labels))
