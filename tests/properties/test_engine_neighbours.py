"""Random plans on neighbouring tables: the exact vectors never differ by more than the compiler declared.

Neighbours differ by one privacy unit with all its rows, under one secret key and one stored order: for every fixed draw
of those the bound must hold. Tables hold NaN, infinities, nulls, extremes, null units, a unit with most of the rows,
and units whose keys come interleaved (A, B, A, B). Hash collisions of units and of keys are planted.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from sfumato.v1 import dataset_pb2, expression_pb2, function_pb2, measure_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.engines.native import bounding
from sfumato_executor.engines.native.engine import ExactVectors, exact_vectors, execute
from sfumato_executor.engines.native.noise import scores
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Bounding, DrawKind, KeyDomain, Program, VectorKind
from sfumato_executor.preparation.columns import UNIT_ORDINAL
from sfumato_executor.preparation.preparing import PreparedRows
from sfumato_executor.preparation.spilling import RowSpool
from sfumato_executor.preparation.table import Partition, PreparedTable
from sfumato_mesh.refusal import Refusal

f = function_pb2
NAN, INF = float("nan"), float("inf")
E = expression_pb2.Expression
LETTERS = ["A", "B", "C", "D"]


def dataset(unit: dict[str, int] | None) -> dataset_pb2.Dataset:
    made = dataset_pb2.Dataset(name="datasets/fuzz")
    made.schema.columns.add(name="who", nullable=True).text.SetInParent()
    made.schema.columns.add(name="c", nullable=True).category.values.extend(LETTERS)
    made.schema.columns.add(name="k").category.values.extend(LETTERS)
    column = made.schema.columns.add(name="i", nullable=True)
    column.integer.lower, column.integer.upper = -3, 4
    column = made.schema.columns.add(name="r", nullable=True)
    column.real.lower, column.real.upper = -10.0, 31.0
    column = made.schema.columns.add(name="w")
    column.real.lower, column.real.upper = 1e16, 1e16 + 2
    made.schema.columns.add(name="b").boolean.SetInParent()
    made.schema.columns.add(name="t", nullable=True).text.SetInParent()
    if unit is not None:
        made.privacy_unit.column = "who"
        for name, value in unit.items():
            setattr(made.privacy_unit, name, value)
    return made


def batches(chance: random.Random) -> Iterator[pa.RecordBatch]:
    people = [None, "", "loud", *(f"u{number}" for number in range(9))]
    for _ in range(chance.randint(0, 3)):
        count = chance.randint(0, 60)
        who = [chance.choice(people) if chance.random() < 0.5 else "loud" for _ in range(count)]
        yield pa.record_batch(
            {
                "who": pa.array(who, type=pa.string()),
                "c": pa.array([chance.choice([*LETTERS, None, "?"]) for _ in who], type=pa.string()),
                "k": pa.array([LETTERS[index % 2] for index in range(count)], type=pa.string()),
                "i": pa.array([chance.choice([-(2**63), -3, 0, 1, 4, 2**63 - 1, None]) for _ in who], type=pa.int64()),
                "r": pa.array(
                    [chance.choice([NAN, INF, -INF, -10.0, 0.5, 31.0, 1e308, None]) for _ in who], type=pa.float64()
                ),
                "w": pa.array([chance.choice([NAN, 1e16, 1e16 + 2, 0.0]) for _ in who], type=pa.float64()),
                "b": pa.array([chance.choice([True, False, None]) for _ in who], type=pa.bool_()),
                "t": pa.array([chance.choice(["x", "y", "", "é", None]) for _ in who], type=pa.string()),
            }
        )


def prepared(made: dataset_pb2.Dataset, chance: random.Random, folder: Path) -> PreparedTable:
    rows = PreparedRows(made, key=chance.randbytes(32), random=np.random.default_rng(chance.randrange(2**32)))
    spool = RowSpool(folder, held_rows=chance.choice([20, 10_000]), group_rows=30)
    parts = [partition for partition, _ in rows.partitions(batches(chance), spool)]
    return PreparedTable(rows.unit, rows.key, rows.columns(), parts, made_up=True)


def neighbours(table: PreparedTable) -> Iterator[PreparedTable]:
    """The table without each of its units in turn."""
    for number, part in enumerate(table.sources):
        assert isinstance(part, Partition)
        if table.unit is None:
            shorter = [
                part.rows.slice(0, place).vstack(part.rows.slice(place + 1)) for place in range(part.rows.height)
            ]
        else:
            ordinals = part.rows[UNIT_ORDINAL].unique().to_list()
            shorter = [part.rows.filter(pl.col(UNIT_ORDINAL) != ordinal) for ordinal in ordinals]
        for rows in shorter:
            others = list(table.sources)
            others[number] = Partition(rows, part.unit_hashes)
            yield replace(table, sources=others)


# --- random plans -----------------------------------------------------------------------------------------------------


def column(name: str) -> expression_pb2.Expression:
    return E(column=name)


def call(function: Any, *arguments: expression_pb2.Expression) -> expression_pb2.Expression:
    return E(call=expression_pb2.Call(function=function, arguments=arguments))


def binned(name: str) -> expression_pb2.Expression:
    return E(bin=expression_pb2.Bin(value=column(name), edges=[-10.0, 0.0, 0.5, 31.0]))


def number(chance: random.Random) -> expression_pb2.Expression:
    divided = call(f.FUNCTION_DIVIDE, column("r"), column("i"))
    divided.call.otherwise.real = 1.0
    cut = call(
        f.FUNCTION_CLIP,
        divided,
        E(literal=expression_pb2.Literal(integer=-5)),
        E(literal=expression_pb2.Literal(integer=5)),
    )
    product = call(f.FUNCTION_MULTIPLY, column("i"), column("r"))
    return chance.choice([column("i"), column("r"), column("w"), cut, product, call(f.FUNCTION_ABS, column("i"))])


def measure(chance: random.Random, alias: str) -> measure_pb2.Measure:
    made = measure_pb2.Measure(alias=alias, weight=chance.randint(0, 3))
    pick = chance.randint(0, 6)
    if pick == 0:
        made.count.SetInParent()
    elif pick == 1:
        made.count.value.CopyFrom(chance.choice([column("r"), column("t"), column("c")]))
    elif pick == 2:
        made.count_units.SetInParent()
    elif pick == 3:
        made.histogram.bins.CopyFrom(chance.choice([column("c"), column("b"), binned("r"), column("i")]))
    elif pick == 4:
        made.quantile.value.CopyFrom(number(chance))
        made.quantile.level = chance.choice([0.0, 0.25, 0.5, 0.9, 1.0])
        made.quantile.candidate_count = chance.choice([0, 1, 7])
    else:
        target = made.sum if pick == 5 else made.mean
        target.value.CopyFrom(number(chance))
        if chance.random() < 0.4:
            target.bounds.lower, target.bounds.upper = chance.choice([(-1.5, 2.0), (0.0, 0.7), (-100.0, 3.0)])
    return made


def predicate(chance: random.Random) -> expression_pb2.Expression:
    bound = E(literal=expression_pb2.Literal(integer=chance.choice([-1, 0, 2])))
    compared = call(chance.choice([f.FUNCTION_GREATER, f.FUNCTION_LESS]), column(chance.choice(["i", "r"])), bound)
    return chance.choice([compared, call(f.FUNCTION_NOT, compared), column("b"), call(f.FUNCTION_IS_NULL, column("t"))])


def plan(chance: random.Random) -> plan_pb2.Plan:
    made = plan_pb2.Plan()
    source = made.source
    if chance.random() < 0.5:
        source.filter.predicate.CopyFrom(predicate(chance))
        source = source.filter.input
    source.scan.dataset = "datasets/fuzz"
    pick = chance.randint(0, 7)
    keys = [[], ["c"], ["k"], ["c", "k"], ["b", "c"], ["i"], ["t"], ["t", "c"]][pick]
    for place, name in enumerate(keys):
        made.group_by.keys.add(alias=f"key{place}", expression=column(name))
    if pick == 1 and chance.random() < 0.5:  # some of the declared values only
        for letter in ("A", "C"):
            made.group_by.public_keys.keys.add().values.add(text=letter)
    if pick == 3 and chance.random() < 0.5:
        made.group_by.keys[1].expression.CopyFrom(binned("r"))
    if pick == 6 and chance.random() < 0.5:
        for text in ("y", "absent", ""):
            made.group_by.public_keys.keys.add().values.add(text=text)
    elif pick >= 6:
        made.group_by.threshold_keys.weight = 1
    made.measures.extend(measure(chance, f"m{place}") for place in range(chance.randint(1, 3)))
    return made


def compiled(chance: random.Random, made: dataset_pb2.Dataset) -> Program:
    while True:
        payment = payment_pb2.Payment()
        if chance.random() < 0.8:
            payment.rho.rho_picos, payment.rho.delta_attos = 2 * 10**12, 10**15
        else:
            payment.epsilon.epsilon_picos, payment.epsilon.delta_attos = 4 * 10**12, 10**15
        try:
            return compile_plan(plan(chance), payment, made, population_pb2.ACCOUNTING_ZCDP)
        except Refusal:
            continue


# --- what must hold ---------------------------------------------------------------------------------------------------


def aligned(program: Program, first: ExactVectors, second: ExactVectors, index: int) -> tuple[Any, Any]:
    """Both vectors over one list of keys; a key that a table does not have is all zero."""
    if program.domain is not KeyDomain.THRESHOLD:
        assert list(first.keys) == list(second.keys)
        return first.vectors[index], second.vectors[index]
    keys = sorted({*first.keys, *second.keys}, key=repr)
    shape = first.vectors[index].shape[1:]
    found = []
    for exact in (first, second):
        rows = dict(zip(exact.keys, exact.vectors[index], strict=True))
        found.append(np.array([rows.get(key, np.zeros(shape, dtype=np.int64)) for key in keys], dtype=np.int64))
    return found[0].reshape(len(keys), *shape), found[1].reshape(len(keys), *shape)


def check(program: Program, first: ExactVectors, second: ExactVectors) -> None:
    for index, vector in enumerate(program.vectors):
        one, other = aligned(program, first, second, index)
        moved = np.abs(one.astype(object) - other.astype(object)).ravel()
        bound = vector.sensitivity
        assert np.count_nonzero(moved) <= bound.l0, (vector, "L0")
        assert sum(moved) <= bound.l1, (vector, "L1")
        assert sum(value**2 for value in moved) <= bound.l2**2 * (1 + 1e-12), (vector, "L2")
        assert max(moved, default=0) <= bound.linf, (vector, "L∞")
    for draw in program.draws:
        if draw.kind is not DrawKind.NOISY_MAX:
            continue
        one, other = aligned(program, first, second, draw.vector)
        changes = [np.abs(scores(a, draw.level) - scores(b, draw.level)).max() for a, b in zip(one, other, strict=True)]
        assert max(changes, default=0) <= draw.sensitivity.linf
        if program.bounding.kind is Bounding.Kind.ROWS:  # losses of Δ²: one key that takes all costs the most
            assert sum(changes) <= draw.sensitivity.linf * draw.keys_per_unit
        else:
            assert np.count_nonzero(changes) <= draw.keys_per_unit


UNITS: list[dict[str, int] | None] = [
    None,
    {"max_groups": 1, "max_rows_per_group": 1},
    {"max_groups": 2, "max_rows_per_group": 3},
    {"max_groups": 3, "max_rows_per_group": 1},
    {"max_rows": 3},
    {"max_rows": 5, "max_groups": 2},
]


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_vectors_move_no_more_than_declared(unit: dict[str, int] | None, seed: int, tmp_path: Path) -> None:
    chance = random.Random(f"{unit}{seed}")
    made = dataset(unit)
    for number_of_table in range(4):
        table = prepared(made, chance, tmp_path / str(number_of_table))
        for _ in range(6):
            program = compiled(chance, made)
            whole = exact_vectors(program, table)
            others = list(neighbours(table))
            for neighbour in chance.sample(others, min(12, len(others))):
                check(program, whole, exact_vectors(program, neighbour))


@pytest.mark.parametrize("seed", range(4))
def test_planted_collisions_move_no_more(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys of a unit share one hash, or one of two: order is then the keys' own, and nothing is merged."""
    chance = random.Random(seed)

    def colliding(units: Any, keys: Any, *_: Any) -> Any:
        return units.astype(np.uint64) << np.uint64(32) | (keys.astype(np.uint64) & np.uint64(seed % 2))

    monkeypatch.setattr(bounding, "order_hash", colliding)
    made = dataset({"max_groups": 2, "max_rows_per_group": 2})
    for number_of_table in range(3):
        table = prepared(made, chance, tmp_path / str(number_of_table))
        for _ in range(8):
            program = compiled(chance, made)
            whole = exact_vectors(program, table)
            for neighbour in neighbours(table):
                check(program, whole, exact_vectors(program, neighbour))


@pytest.mark.parametrize("seed", range(3))
def test_release_has_the_same_shape_on_neighbours(seed: int, tmp_path: Path) -> None:
    """Keys, columns and types are functions of the program where keys are public."""
    chance = random.Random(seed)
    made = dataset({"max_groups": 2, "max_rows_per_group": 3})
    table = prepared(made, chance, tmp_path)
    for _ in range(10):
        program = compiled(chance, made)
        if program.domain is KeyDomain.THRESHOLD:
            continue
        whole = execute(program, table)
        for neighbour in list(neighbours(table))[:3]:
            other = execute(program, neighbour)
            assert whole.schema == other.schema
            names = [key.alias for key in program.keys]
            assert whole.select(names).equals(other.select(names))


# --- against a plain restatement of the bounding rule -----------------------------------------------------------------


def kept_by_hand(
    units: list[int], keys: list[int], order: dict[tuple[int, int], int], groups: int, rows: int
) -> set[int]:
    kept: set[int] = set()
    for unit in set(units):
        places = [place for place, owner in enumerate(units) if owner == unit]
        wanted = sorted({keys[place] for place in places}, key=lambda key: (order[unit, key], key))[:groups]
        for key in wanted:
            kept.update([place for place in places if keys[place] == key][:rows])
    return kept


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("bits", [0, 1, 32], ids=["collide", "two hashes", "hashes"])
def test_bounding_keeps_the_rows_of_the_rule(seed: int, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(bounding, "_CHUNK_ROWS", chance.choice([1, 7, 1 << 18]))
    units = sorted(chance.choice([0, 1, 1, 1, 2, 5, 9]) for _ in range(chance.randint(0, 60)))
    keys = [chance.randint(0, 4) for _ in units]
    order = {(unit, key): chance.getrandbits(32) & ((1 << bits) - 1) for unit in range(10) for key in range(5)}

    def planted(some_units: Any, some_keys: Any, *_: Any) -> Any:
        low = [order[int(u), int(k)] for u, k in zip(some_units, some_keys, strict=True)]
        return some_units.astype(np.uint64) << np.uint64(32) | np.array(low, dtype=np.uint64)

    monkeypatch.setattr(bounding, "order_hash", planted)
    groups, rows = chance.randint(1, 4), chance.randint(1, 5)
    ordinals, codes = np.array(units, dtype=np.uint32), np.array(keys, dtype=np.uint32)
    nothing = np.zeros(10, dtype=np.uint64)
    kept = bounding.first_groups(ordinals, codes, nothing, nothing, groups, rows)
    assert set(kept.places.tolist()) == kept_by_hand(units, keys, order, groups, rows)
    firsts = [(units[place], keys[place]) for place, first in zip(kept.places, kept.first, strict=True) if first]
    assert sorted(firsts) == sorted({(units[place], keys[place]) for place in kept.places})
    in_all = np.flatnonzero(bounding.first_rows(ordinals, rows))
    assert in_all.tolist() == [p for p in range(len(units)) if units[:p].count(units[p]) < rows]


def test_interleaved_keys_do_not_restart_a_run() -> None:
    """A, B, A, B at one row a key: two rows, not four (a position counted from each change kept all)."""
    units = np.zeros(4, dtype=np.uint32)
    keys = np.array([0, 1, 0, 1], dtype=np.uint32)
    hashes = np.array([3, 5], dtype=np.uint64)
    kept = bounding.first_groups(units, keys, np.array([9], dtype=np.uint64), hashes, 2, 1)
    assert sorted(kept.places.tolist()) == [0, 1]


def test_programs_of_every_rule_were_met() -> None:
    """The generator above reaches what it claims to test."""
    chance = random.Random(0)
    programs = [compiled(chance, dataset(unit)) for unit in UNITS for _ in range(25)]
    assert {program.bounding.kind for program in programs} == set(Bounding.Kind)
    assert {program.domain for program in programs} == set(KeyDomain)
    assert {vector.kind for program in programs for vector in program.vectors} == set(VectorKind)
    assert DrawKind.NOISY_MAX in {draw.kind for program in programs for draw in program.draws}
