"""Sealed releases stay readable: by other names, from wider questions, and by a newer compiler."""

import hashlib
import random
from dataclasses import replace

import pyarrow as pa
import pytest

from sfumato_executor.engines.native.deriving import render_derived
from sfumato_executor.engines.native.engine import execute
from sfumato_executor.engines.native.rendering import render
from sfumato_executor.engines.native.rereading import (
    NotReadableError,
    read_again,
    read_derived,
    sealed_program,
    with_description,
)
from sfumato_executor.plan.description import DescriptionUnreadableError, describe, described_program
from sfumato_executor.plan.narrowing import derivation
from sfumato_executor.plan.program import Program
from sfumato_executor.releases.sealing import opened, seal
from tests.properties.narrowing_scene import compiled, prepared, rho, with_delta

WIDE = (
    "SELECT ward, COUNT(*) AS n, SUM(days) AS total, AVG(mass) AS mass, MEDIAN(days) AS mid, "
    "HISTOGRAM(mass, [0, 50, 100]) AS h FROM d GROUP BY ward"
)
RENAMED = (
    "SELECT ward AS w, HISTOGRAM(mass, [0, 50, 100]) AS shape, AVG(mass) AS average, MEDIAN(days) AS middle, "
    "COUNT(*) AS rows, SUM(days) AS days FROM d GROUP BY ward"
)
NARROW = (
    "SELECT AVG(mass) AS m, COUNT(*) AS c, HISTOGRAM(mass, [0, 50, 100]) AS h FROM d WHERE ward IN ('east', 'south')"
)
CONFIDENCE = 0.9


@pytest.fixture(scope="module")
def drawn() -> Program:
    return compiled(WIDE)


@pytest.fixture(scope="module")
def release(drawn: Program, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    table = prepared("row", random.Random(3), tmp_path_factory.mktemp("prepared") / "version")
    sealed = opened(seal(with_description(execute(drawn, table), drawn), drawn.digest))
    assert sealed.plan_digest == drawn.digest
    return sealed.release


def newer(program: Program) -> Program:
    """As another compiler would make it: draws in another order, other steps and scales, another digest."""
    last = len(program.draws) - 1
    draws = tuple(replace(draw, scale=draw.scale * 1.5) for draw in reversed(program.draws))
    outputs = tuple(replace(each, draws=tuple(last - index for index in each.draws)) for each in program.outputs)
    vectors = tuple(replace(vector, step=vector.step / 4) for vector in program.vectors)
    digest = hashlib.sha256(b"newer" + program.digest).digest()
    return replace(program, draws=draws, outputs=outputs, vectors=vectors, digest=digest)


def test_a_description_renders_what_the_program_renders(drawn: Program, release: pa.Table) -> None:
    again = described_program(describe(drawn), drawn.digest)
    assert render(again, release, CONFIDENCE).equals(render(drawn, release, CONFIDENCE))
    assert sealed_program(release, drawn.digest) == again
    assert "east" not in describe(drawn)


def test_a_description_holds_thresholds_and_dates_too() -> None:
    statement = "SELECT town, COUNT(*) AS n FROM d GROUP BY THRESHOLD(town)"
    program = compiled(statement, payment=with_delta(rho(10**11)))
    again = described_program(describe(program), program.digest)
    assert [draw.threshold for draw in again.draws] == [draw.threshold for draw in program.draws]
    assert again.domain is program.domain


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": 2}', '{"form": 1}', "null", '{"form": 1, "keys": [1]}'])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(DescriptionUnreadableError):
        described_program(text, bytes(32))


def test_a_release_without_description_is_not_guessed_at(release: pa.Table, drawn: Program) -> None:
    with pytest.raises(NotReadableError):
        sealed_program(release.replace_schema_metadata(None), drawn.digest)


def test_a_newer_compiler_reads_its_own_question_and_an_equal_one(drawn: Program, release: pa.Table) -> None:
    sealed = sealed_program(release, drawn.digest)
    asked = compiled(RENAMED)
    assert asked.digest == drawn.digest
    expected = render(asked, release, CONFIDENCE)
    for make in (newer, lambda program: program):
        assert read_again(sealed, release, make(drawn), make(asked), CONFIDENCE).equals(expected)
    assert expected.column_names[0] == "w"


def test_another_question_is_not_read(drawn: Program, release: pa.Table) -> None:
    sealed = sealed_program(release, drawn.digest)
    with pytest.raises(NotReadableError):
        read_again(sealed, release, drawn, compiled(WIDE, payment=rho(10**10)), CONFIDENCE)
    with pytest.raises(NotReadableError):
        read_derived(sealed, release, drawn, compiled("SELECT COUNT(days) AS n FROM d"), CONFIDENCE)
    with pytest.raises(NotReadableError):
        read_derived(sealed, release.slice(1), drawn, compiled(NARROW), CONFIDENCE)


def test_a_narrower_question_is_read_alike_by_every_compiler(drawn: Program, release: pa.Table) -> None:
    sealed, asked = sealed_program(release, drawn.digest), compiled(NARROW)
    how = derivation(drawn, asked)
    assert how is not None
    expected = render_derived(drawn, asked, how, release, CONFIDENCE)
    assert read_derived(sealed, release, drawn, asked, CONFIDENCE).equals(expected)
    assert read_derived(sealed, release, newer(drawn), newer(asked), CONFIDENCE).equals(expected)
    wide = {row["ward"]: row for row in render(drawn, release, CONFIDENCE).to_pylist()}
    [row] = expected.to_pylist()
    assert row["c"] == wide["east"]["n"] + wide["south"]["n"]
    assert row["h"] == [a + b for a, b in zip(wide["east"]["h"], wide["south"]["h"], strict=True)]
    assert row["c.lower"] < row["c"] < row["c.upper"]
    assert row["m.lower"] <= row["m"] <= row["m.upper"]
