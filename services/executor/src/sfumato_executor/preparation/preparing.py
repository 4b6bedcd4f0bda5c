"""From a source's record batches to a prepared folder: streamed, in bounded memory, nothing learnt from a query."""

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from sfumato.v1 import dataset_pb2
from sfumato_executor.preparation.columns import (
    ColumnDomain,
    StoredDomain,
    capacity,
    domain_named,
    domains,
    stored_name,
)
from sfumato_executor.preparation.grouping import EXACT_UNIT, UNIT_HASH, grouped, shuffled
from sfumato_executor.preparation.mending import NOT_CONVERTED, mend, plain
from sfumato_executor.preparation.report import PreparationRefusedError, PreparationReport, ProblemCounter
from sfumato_executor.preparation.spilling import BUCKET, BUCKETS, RowSpool
from sfumato_executor.preparation.table import MANIFEST, Partition, manifest
from sfumato_executor.preparation.units import KEY_BYTES, UNIT_KINDS, UnitHash, exact_units
from sfumato_executor.sources.refusal import SourceRefusedError


def prepare(dataset: dataset_pb2.Dataset, batches: Iterable[pa.RecordBatch], folder: Path) -> PreparationReport:
    """Write a data version as mapped Arrow files, partitioned by privacy unit.

    The folder appears whole or not at all: files are written beside it, synced, and renamed.

    Args:
        dataset: the record whose schema and privacy unit are enforced.
        batches: the source's rows, read once.
        folder: where the version goes; must not exist.

    Returns:
        What was mended, for the custodian only.

    Raises:
        PreparationRefusedError: the source cannot be read, a declared column is missing, the table is above its
            capacity, or the privacy unit's type is not one that can be compared exactly.
        FileExistsError: the folder exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder.name} is already prepared")
    partial = folder.with_name(f"{folder.name}.partial-{secrets.token_hex(8)}")
    partial.mkdir(parents=True)
    try:
        rows = PreparedRows(dataset)
        written, units = _write(rows, rows.partitions(batches, RowSpool(partial / "spool")), partial)
        rows.check_types()
        shutil.rmtree(partial / "spool", ignore_errors=True)
        _sync(partial)
        partial.rename(folder)
        _sync(folder.parent)
    except SourceRefusedError as refused:
        raise PreparationRefusedError([refused.problem]) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return PreparationReport(rows.problems.sentences(), rows.source_rows, written, units)


@dataclass
class PreparedRows:
    """Mends batches and groups them into partitions; the one path for real and for made-up rows.

    `random` orders rows within a unit: seeded by the operating system, but for made-up rows.
    """

    dataset: dataset_pb2.Dataset
    key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES))
    random: np.random.Generator = field(
        default_factory=lambda: np.random.default_rng(int.from_bytes(os.urandom(32), "little"))
    )
    problems: ProblemCounter = field(default_factory=ProblemCounter)
    source_rows: int = 0
    values_read: Counter[str] = field(default_factory=Counter)
    """Values of each column that the source had (not null)."""

    def check_types(self) -> None:
        """Refuse a table of which a column had values, and none that its declared type can hold."""
        wrong = [
            f"{column.name}: none of its {read} values is of the declared type {column.kind.value}: mend the schema"
            for column in domains(self.dataset.schema)
            if (read := self.values_read[column.name]) and self.problems.rows(column.name, NOT_CONVERTED) == read
        ]
        if wrong:
            raise PreparationRefusedError(wrong)

    @property
    def unit(self) -> str | None:
        """Name of the privacy unit's column, None where a row is a unit."""
        return self.dataset.privacy_unit.column or None

    def columns(self) -> dict[str, StoredDomain]:
        """What is enforced on each askable column."""
        return {c.name: StoredDomain.of(c) for c in domains(self.dataset.schema) if c.name != self.unit}

    def partitions(
        self, batches: Iterable[pa.RecordBatch], spool: RowSpool
    ) -> Iterator[tuple[Partition, pl.DataFrame]]:
        """Partitions with their units (EXACT_UNIT and UNIT_HASH; empty where a row is a unit); at least one."""
        columns = domains(self.dataset.schema)
        unit = self._unit_domain(columns)
        for batch in batches:
            self.source_rows += batch.num_rows
            if self.source_rows > capacity(self.dataset.schema):
                raise PreparationRefusedError([f"the table has more than {capacity(self.dataset.schema)} rows"])
            spool.add(self._mended(pl.DataFrame(batch), columns, unit))
        empty = True
        for group in spool.groups():
            empty = False
            yield self._partition(group)
        if empty:
            yield self._partition(self._mended(_no_rows(columns), columns, unit).drop(BUCKET))

    def _unit_domain(self, columns: tuple[ColumnDomain, ...]) -> ColumnDomain | None:
        if self.unit is None:
            return None
        try:
            domain = domain_named(columns, self.unit)
        except KeyError:
            raise PreparationRefusedError([f"the privacy unit's column {self.unit} is not in the schema"]) from None
        if domain.kind not in UNIT_KINDS:
            kinds = ", ".join(kind.value for kind in UNIT_KINDS)
            raise PreparationRefusedError([f"the privacy unit's column {self.unit} must be one of: {kinds}"])
        return domain

    def _mended(
        self, source: pl.DataFrame, columns: tuple[ColumnDomain, ...], unit: ColumnDomain | None
    ) -> pl.DataFrame:
        missing = [column.name for column in columns if column.name not in source.columns]
        if missing:
            raise PreparationRefusedError([f"the source has no column {name}" for name in missing])
        asked = [column for column in columns if unit is None or column.name != unit.name]
        for column in asked:
            self.values_read[column.name] += source.height - plain(source[column.name]).null_count()
        kept = {stored_name(c.name): mend(source[c.name], c, self.problems) for c in asked}
        rows = pl.DataFrame(kept)
        if unit is None:
            buckets = self.random.integers(0, BUCKETS, source.height, dtype=np.uint32)
            return rows.with_columns(pl.Series(BUCKET, buckets))
        exact = exact_units(source[unit.name], unit)
        self.problems(unit.name, "rows without a privacy unit were left out", exact.null_count())
        hashes = UnitHash(self.key)(exact)
        rows = rows.with_columns(
            exact.alias(EXACT_UNIT),
            hashes.alias(UNIT_HASH),
            (hashes % BUCKETS).cast(pl.UInt32).alias(BUCKET),
        )
        return rows.filter(pl.col(EXACT_UNIT).is_not_null())

    def _partition(self, rows: pl.DataFrame) -> tuple[Partition, pl.DataFrame]:
        if self.unit is None:
            return Partition(shuffled(rows, self.random), None), pl.DataFrame()
        ordered, units = grouped(rows, self.random)
        return Partition(ordered, units[UNIT_HASH].to_numpy()), units


def _no_rows(columns: tuple[ColumnDomain, ...]) -> pl.DataFrame:
    return pl.DataFrame({column.name: pl.Series([], dtype=pl.String) for column in columns})


def _write(rows: PreparedRows, partitions: Iterator[tuple[Partition, pl.DataFrame]], folder: Path) -> tuple[int, int]:
    """Write the partitions and the manifest; returns (rows, units)."""
    listed = []
    row_count = unit_count = 0
    for number, (partition, units) in enumerate(partitions):
        names = {"rows": f"part-{number:05}.arrow", "units": f"part-{number:05}.units.arrow" if rows.unit else ""}
        _write_ipc(partition.rows, folder / names["rows"])
        if rows.unit:
            _write_ipc(units, folder / names["units"])
        listed.append(names)
        row_count += partition.rows.height
        unit_count += units.height if rows.unit else partition.rows.height
    (folder / MANIFEST).touch(0o600)
    (folder / MANIFEST).write_text(manifest(rows.unit, rows.key, rows.columns(), listed))
    return row_count, unit_count


def _write_ipc(frame: pl.DataFrame, path: Path) -> None:
    """One uncompressed record batch, so that a column is one piece of mapped memory."""
    frame.rechunk().write_ipc(path, compression="uncompressed", compat_level=pl.CompatLevel.newest())
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
