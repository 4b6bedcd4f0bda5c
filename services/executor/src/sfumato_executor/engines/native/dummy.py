"""Made-up rows of the right shape, from the schema alone: the same preparation, compiler, engine and rendering as data.

Nothing here has met data: values are uniform over the declared domains, nulls as often as declared, and a unit has as
many rows as its contribution bound suggests. The same seed gives the same rows and the same noise.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from sfumato.v1 import dataset_pb2
from sfumato_executor.engines.native.seeded_noise import SeededNoise
from sfumato_executor.plan.expressions import Kind
from sfumato_executor.preparation.columns import ColumnDomain, domains
from sfumato_executor.preparation.preparing import PreparedRows
from sfumato_executor.preparation.spilling import RowSpool
from sfumato_executor.preparation.table import PreparedTable

ROWS_MAX = 1_000_000
_BATCH_ROWS = 1 << 16
_ROWS_PER_UNIT_MAX = 1_000
_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "juniper")


def dummy_table(dataset: dataset_pb2.Dataset, row_count: int, seed: int) -> PreparedTable:
    """A made-up table, prepared in memory.

    Args:
        dataset: schema and privacy unit; its source is not read.
        row_count: rows wanted, 0 to ROWS_MAX.
        seed: equal seeds give equal rows, in equal order.

    Raises:
        ValueError: more rows than ROWS_MAX, or fewer than none.
    """
    if not 0 <= row_count <= ROWS_MAX:
        raise ValueError(f"made-up tables have 0 to {ROWS_MAX} rows")
    key = hashlib.blake2b(b"rows" + _seed_bytes(seed), digest_size=32).digest()
    rows = PreparedRows(dataset, key=key, random=np.random.default_rng(int.from_bytes(key, "little")))
    with tempfile.TemporaryDirectory() as folder:
        spool = RowSpool(Path(folder), held_rows=ROWS_MAX, held_bytes=1 << 40)
        parts = [partition for partition, _ in rows.partitions(_batches(dataset, row_count, key), spool)]
    return PreparedTable(rows.unit, key, rows.columns(), parts, made_up=True)


def dummy_noise(seed: int) -> SeededNoise:
    """Noise of a rehearsal; independent of the rows that have the same seed."""
    digest = hashlib.blake2b(b"noise" + _seed_bytes(seed), digest_size=32).digest()
    return SeededNoise(int.from_bytes(digest, "little"))


def _seed_bytes(seed: int) -> bytes:
    return seed.to_bytes(16, "little", signed=True)


def _batches(dataset: dataset_pb2.Dataset, row_count: int, key: bytes) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng([int.from_bytes(key, "little"), 1])
    columns = domains(dataset.schema)
    unit = dataset.privacy_unit
    each = unit.max_rows or max(unit.max_groups, 1) * max(unit.max_rows_per_group, 1)
    units = max(1, row_count // min(2 * each, _ROWS_PER_UNIT_MAX))
    for begin in range(0, row_count, _BATCH_ROWS):
        count = min(_BATCH_ROWS, row_count - begin)
        arrays = [
            _units(column, random, units, count) if column.name == unit.column else _values(column, random, count)
            for column in columns
        ]
        yield pa.record_batch(arrays, names=[column.name for column in columns])


def _units(column: ColumnDomain, random: np.random.Generator, units: int, count: int) -> pa.Array:
    """Units that repeat: some often, many seldom."""
    chosen = (random.beta(1.0, 2.0, count) * units).astype(np.int64)
    if column.kind is Kind.CATEGORY:
        return pa.array(np.array(column.categories)[chosen % len(column.categories)].tolist(), type=pa.string())
    if column.kind is Kind.TEXT:
        return pa.array([f"unit-{number}" for number in chosen], type=pa.string())
    return pa.array(chosen, type=pa.int64() if column.kind is Kind.INTEGER else pa.int32()).cast(_ARROW[column.kind])


def _values(column: ColumnDomain, random: np.random.Generator, count: int) -> pa.Array:
    missing = random.random(count) < (column.null_share if column.nullable else 0.0)
    if column.kind is Kind.BOOLEAN:
        return pa.array(random.integers(0, 2, count).astype(np.bool_), mask=missing)
    if column.kind is Kind.CATEGORY:
        places = random.integers(0, len(column.categories), count)
        return pa.array(np.array(column.categories, dtype=object)[places], type=pa.string(), mask=missing)
    if column.kind is Kind.TEXT:
        words = np.array([word[: column.max_length] for word in _WORDS], dtype=object)
        return pa.array(words[random.integers(0, len(words), count)], type=pa.string(), mask=missing)
    assert column.lower is not None
    assert column.upper is not None
    if column.kind is Kind.REAL:
        share = random.random(count)
        return pa.array(column.lower * (1.0 - share) + column.upper * share, mask=missing)
    whole = random.integers(int(column.lower), int(column.upper), count, endpoint=True)
    if column.kind is Kind.DATE:
        return pa.array(whole.astype(np.int32), mask=missing).cast(pa.date32())
    return pa.array(whole, type=pa.int64(), mask=missing).cast(_ARROW[column.kind])


_ARROW = {Kind.INTEGER: pa.int64(), Kind.DATE: pa.date32(), Kind.TIMESTAMP: pa.timestamp("us")}
