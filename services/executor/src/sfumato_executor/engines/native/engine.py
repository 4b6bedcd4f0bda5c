"""Runs a program on a prepared table: exact integers, then noise, once.

`exact_vectors` is the private half. What it returns leaves only through `execute`, or to those who own the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sfumato_executor.engines.native.aggregation import Aggregation, columns_read, projected
from sfumato_executor.engines.native.keys import (
    KeyRow,
    found_key_hashes,
    found_keys,
    key_space,
    public_key_hashes,
)
from sfumato_executor.engines.native.lowering import lower
from sfumato_executor.engines.native.noise import Noise, OpenDPNoise, scores
from sfumato_executor.engines.native.rendering import draw_name, render
from sfumato_executor.plan.answer import answer_schema
from sfumato_executor.plan.program import Bounding, Draw, DrawKind, KeyDomain, Program
from sfumato_executor.preparation.table import PreparedTable

Integers = npt.NDArray[np.int64]

__all__ = ["ExactVectors", "ForeignTableError", "exact_vectors", "execute", "render"]


@dataclass(frozen=True)
class ExactVectors:
    """Integers without noise, one vector for each of the program's, over `keys`. Custodians and tests only.

    With THRESHOLD keys, `keys` are all keys of the data: secret until the threshold has released them.
    """

    keys: Sequence[KeyRow]
    vectors: Sequence[Integers]


class ForeignTableError(Exception):
    """A program's proofs do not hold for this table: it was prepared under another schema or privacy unit."""


def exact_vectors(program: Program, table: PreparedTable) -> ExactVectors:
    """The exact integers of a program.

    Raises:
        ForeignTableError: the table's privacy unit or columns are not those that the program was proved for.
    """
    _check(program, table)
    if program.domain is KeyDomain.THRESHOLD:
        keys = _found_keys(program, table)
        space = key_space(program.keys, keys)
        hashes = found_key_hashes(space, keys, table.key)
    else:
        keys = list(program.public_keys) if program.keys else [()]
        space = key_space(program.keys, keys)
        hashes = public_key_hashes(space, table.key)
    aggregation = Aggregation.of(program, space, hashes)
    vectors: list[Integers] | None = None
    for partition in table.partitions():
        found = aggregation.vectors(partition)
        vectors = found if vectors is None else [a + b for a, b in zip(vectors, found, strict=True)]
    assert vectors is not None
    return ExactVectors(keys, vectors)


def execute(program: Program, table: PreparedTable, *, noise: Noise | None = None) -> pa.Table:
    """Draw a program's noise once and return the canonical release.

    Args:
        program: what was paid for.
        table: the prepared data version.
        noise: the operating system's if None. Seeded noise is for made-up rows.

    Returns:
        Key columns in program order, sorted (null last, texts by code point), then `draw_<i>` for each draw: Int64
        noisy integers, a fixed-size list of them over bins, or the index of the chosen candidate.

    Raises:
        ValueError: seeded noise for rows that are not made up.
        ForeignTableError: the table is not one that the program was proved for.
        OverpricedDrawError: a draw costs more than its price; nothing was released.
    """
    source = noise or OpenDPNoise()
    if source.seeded and not table.made_up:
        raise ValueError("seeded noise serves made-up rows only")
    exact = exact_vectors(program, table)
    keys, vectors = list(exact.keys), list(exact.vectors)
    drawn: list[pa.Array] = []
    if program.domain is KeyDomain.THRESHOLD:
        first = program.draws[0]
        released = source.release_keys(first, vectors[first.vector])
        places = np.array([place for place, _ in released], dtype=np.int64)
        keys = [keys[place] for place in places]
        vectors = [vector[places] for vector in vectors]
        drawn.append(pa.array([noisy for _, noisy in released], type=pa.int64()))
    drawn += [_drawn(source, draw, vectors[draw.vector]) for draw in program.draws[len(drawn) :]]
    types = [field.type for field in answer_schema(program)][: len(program.keys)]
    columns = [
        pa.array([row[index] for row in keys], type=_storage(key_type)).cast(key_type)
        for index, key_type in enumerate(types)
    ]
    names = [key.alias for key in program.keys] + [draw_name(index) for index in range(len(drawn))]
    return pa.Table.from_arrays(columns + drawn, names=names)


def _check(program: Program, table: PreparedTable) -> None:
    """What the compiler proved rests on the schema and the unit: preparation must have enforced the same."""
    row = program.bounding.kind is Bounding.Kind.ROW
    if program.bounding.column != table.unit or row != (table.unit is None):
        raise ForeignTableError("the program bounds another privacy unit than the table has")
    for column in set(columns_read(program)):
        stored = table.columns.get(column.name)
        if stored is None or not stored.within(column.type):
            raise ForeignTableError(f"column {column.name} was prepared under another schema")


def _found_keys(program: Program, table: PreparedTable) -> list[KeyRow]:
    """Keys that rows have, whether or not bounding keeps them: no row uses up a contribution unseen."""
    names = [f"key:{index}" for index in range(len(program.keys))]
    values = [lower(key.value).alias(name) for key, name in zip(program.keys, names, strict=True)]
    frames = []
    for partition in table.partitions():
        rows = projected(program, partition)
        if program.filter is not None:
            rows = rows.filter(lower(program.filter).fill_null(False))
        frames.append(rows.with_columns(values).select(names).unique().collect())
    return found_keys(program.keys, frames)


def _drawn(source: Noise, draw: Draw, vector: Integers) -> pa.Array:
    if draw.kind is DrawKind.NOISY_MAX:
        return pa.array(source.choose(draw, scores(vector, draw.level)), type=pa.int64())
    noisy = source.add(draw, vector)
    flat = pa.array(noisy.ravel(), type=pa.int64())
    return flat if noisy.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, noisy.shape[1])


def _storage(key_type: pa.DataType) -> pa.DataType:
    """Arrow type in which key constants are numbers: days and microseconds."""
    if pa.types.is_date32(key_type):
        return pa.int32()
    return pa.int64() if pa.types.is_timestamp(key_type) else key_type
