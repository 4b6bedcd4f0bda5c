"""Sealed releases read by another question, or by another compiler, than the one that they were drawn for.

What a release holds is said by the description that was sealed with it. Where a newer compiler numbers draws in another
way, the question that drew the release is compiled again beside the one that reads it: both by the same compiler, so
that their outputs can be compared, and outputs of the drawing question are found in the description by their names.
"""

from dataclasses import replace
from typing import Final

import pyarrow as pa

from sfumato_executor.engines.native.deriving import render_derived
from sfumato_executor.engines.native.rendering import render
from sfumato_executor.plan.description import DescriptionUnreadableError, describe, described_program
from sfumato_executor.plan.narrowing import Derivation, derivation
from sfumato_executor.plan.program import Key, Output, Program

_DESCRIPTION: Final = b"sfumato.description"


class NotReadableError(Exception):
    """The release does not say what it holds, or not what this question asks."""


def with_description(release: pa.Table, program: Program) -> pa.Table:
    """A canonical release that says what it holds."""
    return release.replace_schema_metadata({_DESCRIPTION: describe(program).encode("ascii")})


def sealed_program(release: pa.Table, digest: bytes) -> Program:
    """What renders a release. Raises NotReadableError for one that does not say what it holds."""
    text = (release.schema.metadata or {}).get(_DESCRIPTION)
    if text is None:
        raise NotReadableError("the release is not described")
    try:
        return described_program(text.decode("ascii", errors="replace"), digest)
    except DescriptionUnreadableError as error:
        raise NotReadableError("the description cannot be read") from error


def read_again(sealed: Program, release: pa.Table, drawn: Program, asked: Program, confidence: float) -> pa.Table:
    """The answer to a question that is equal to the one that drew the release, under its own names.

    Raises:
        NotReadableError: the questions differ, or the release is not one of the drawing question.
    """
    if drawn.digest != asked.digest or len(drawn.keys) != len(sealed.keys):
        raise NotReadableError("another question drew the release")
    names = {_content(output): output.alias for output in drawn.outputs}
    by_name = {output.alias: output for output in sealed.outputs}
    outputs = []
    for output in asked.outputs:
        found = by_name.get(names.get(_content(output), ""))
        if found is None or found.kind is not output.kind:
            raise NotReadableError("a measure is not in the release")
        outputs.append(replace(found, alias=output.alias))
    keys = tuple(Key(own.alias, there.value) for own, there in zip(asked.keys, sealed.keys, strict=True))
    return render(replace(sealed, keys=keys, outputs=tuple(outputs)), release, confidence)


def read_derived(sealed: Program, release: pa.Table, drawn: Program, asked: Program, confidence: float) -> pa.Table:
    """The answer to a narrower question than the one that drew the release.

    Raises:
        NotReadableError: it is not proved to be one, or the release is not one of the drawing question.
    """
    how = derivation(drawn, asked)
    if how is None or release.num_rows != max(1, len(drawn.public_keys)):
        raise NotReadableError("the question is not a narrower one")
    places = _places(drawn, sealed)
    moved = []
    for draws in how.draws:
        found = [places.get(index) for index in draws]
        moved.append(tuple(place for place in found if place is not None))
        if None in found:
            raise NotReadableError("a draw is not in the release")
    return render_derived(sealed, asked, Derivation(how.cells, tuple(moved)), release, confidence)


def _places(drawn: Program, sealed: Program) -> dict[int, int]:
    """Draws of a release by the number that the present compiler gives them."""
    if drawn.digest == sealed.digest:
        return {index: index for index in range(len(drawn.draws))}
    by_name = {output.alias: output for output in sealed.outputs}
    found: dict[int, int] = {}
    for output in drawn.outputs:
        there = by_name.get(output.alias)
        if there is not None and there.kind is output.kind and len(there.draws) == len(output.draws):
            found.update(zip(output.draws, there.draws, strict=True))
    return found


def _content(output: Output) -> tuple[object, ...]:
    return (output.kind, output.draws, output.type.kind, output.lower, output.upper)
