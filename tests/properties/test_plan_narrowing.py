"""A narrower question that is derived estimates what it would have estimated: exact integers are sums of the base's.

For random pairs of questions, every kind of privacy unit and random tables: wherever `derivation` says yes, the exact
vectors of the narrower question are the sums of the base's that it names. Where it says no, nothing is claimed.
"""

import random
from pathlib import Path

import pytest

from sfumato_executor.engines.native.engine import exact_vectors
from sfumato_executor.plan.family import family_digest
from sfumato_executor.plan.narrowing import Derivation, derivation
from sfumato_executor.plan.program import MeasureKind, Program, VectorKind
from sfumato_executor.preparation.table import PreparedTable
from sfumato_mesh.refusal import Refusal
from tests.properties.narrowing_scene import UNITS, compiled, pairs, prepared


def program(statement: str, unit: str) -> Program | None:
    try:
        return compiled(statement, unit)
    except Refusal:
        return None


def found(unit: str, seeds: range) -> list[tuple[Program, Program, Derivation]]:
    """Pairs of programs with a derivation."""
    result = []
    for seed in seeds:
        for wide, narrow in pairs(seed):
            base, asked = program(wide, unit), program(narrow, unit)
            how = None if base is None or asked is None else derivation(base, asked)
            if base is not None and asked is not None and how is not None:
                result.append((base, asked, how))
    return result


def check(base: Program, asked: Program, how: Derivation, table: PreparedTable) -> None:
    wide, own = exact_vectors(base, table), exact_vectors(asked, table)
    for output, draws in zip(asked.outputs, how.draws, strict=True):
        for mine, other in zip(output.draws, draws, strict=True):
            vector, base_vector = asked.vectors[asked.draws[mine].vector], base.vectors[base.draws[other].vector]
            exact = own.vectors[asked.draws[mine].vector]
            sums = [sum(wide.vectors[base.draws[other].vector][index] for index in cell) for cell in how.cells]
            for one, total in zip(exact, sums, strict=True):
                if vector.kind is VectorKind.SUM:  # each grid rounds each row to half a step at most
                    rounding = 90 * (vector.step + base_vector.step)
                    assert abs(one * vector.step - total * base_vector.step) <= rounding
                else:
                    assert (one == total) if not hasattr(one, "tolist") else (one - total == 0)


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_derived_is_what_was_asked(unit: str, tmp_path: Path) -> None:
    derived = found(unit, range(60))
    floor = {"row": 60, "one group": 0, "many groups": 20, "rows in all": 5, "groups and rows": 1}[unit]
    assert len(derived) >= floor
    tables = [prepared(unit, random.Random(seed), tmp_path / str(seed)) for seed in range(6)]
    for base, asked, how in derived:
        for table in tables:
            check(base, asked, how, table)


@pytest.mark.parametrize("unit", UNITS)
def test_whoever_answers_is_of_the_same_family(unit: str) -> None:
    for base, asked, _ in found(unit, range(60)):
        assert family_digest("native", base) == family_digest("native", asked) != b""


def test_counts_of_units_and_quantiles_are_never_derived() -> None:
    for unit in UNITS:
        for _, asked, _ in found(unit, range(60)):
            kinds = {output.kind for output in asked.outputs}
            assert not kinds & {MeasureKind.COUNT_UNITS, MeasureKind.QUANTILE}
