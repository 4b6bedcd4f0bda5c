"""Rows of any number, held in memory while few, spread over bucket files by keyed unit hash once they are many."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

BUCKETS = 128
"""Files that rows spread over; 100 million rows make buckets of 0.8 million."""
BUCKET = "bucket"


class RowSpool:
    """Collects rows; each privacy unit's rows lie in one bucket.

    Args:
        folder: where bucket files go; created when first needed, emptied by `groups`.
        held_rows, held_bytes: rows and bytes held in memory before they are spread.
        group_rows, group_bytes: about how much one group of buckets holds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        held_rows: int = 4_000_000,
        held_bytes: int = 256 << 20,
        group_rows: int = 2_500_000,
        group_bytes: int = 256 << 20,
    ) -> None:
        self._folder = folder
        self._held: list[pl.DataFrame] = []
        self._held_size = [0, 0]
        self._limit = (held_rows, held_bytes)
        self._group = (group_rows, group_bytes)
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}
        self._sizes = np.zeros((BUCKETS, 2), dtype=np.int64)

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows with a column BUCKET (UInt32, below BUCKETS)."""
        self._held.append(rows)
        self._held_size[0] += rows.height
        self._held_size[1] += int(rows.estimated_size())
        if self._held_size[0] > self._limit[0] or self._held_size[1] > self._limit[1]:
            self._spread()

    def groups(self) -> Iterator[pl.DataFrame]:
        """The rows again, group by group, without BUCKET; nothing if there were none."""
        if not self._writers:
            if self._held:
                yield pl.concat(self._held, rechunk=True).drop(BUCKET)
            self._held.clear()
            return
        if self._held:
            self._spread()
        for writer in self._writers.values():
            writer.close()
        for members in self._members():
            files = [self._folder / f"{bucket}.arrow" for bucket in members]
            yield pl.concat([pl.read_ipc_stream(file) for file in files], rechunk=True)
            for file in files:
                file.unlink()

    def _members(self) -> Iterator[list[int]]:
        """Buckets that together fill a group."""
        members: list[int] = []
        filled = np.zeros(2, dtype=np.int64)
        for bucket in sorted(self._writers):
            members.append(bucket)
            filled += self._sizes[bucket]
            if filled[0] >= self._group[0] or filled[1] >= self._group[1]:
                yield members
                members, filled = [], np.zeros(2, dtype=np.int64)
        if members:
            yield members

    def _spread(self) -> None:
        rows = pl.concat(self._held)
        self._held.clear()
        self._held_size = [0, 0]
        self._folder.mkdir(exist_ok=True)
        order = np.argsort(rows[BUCKET].to_numpy(), kind="stable")
        ends = np.cumsum(np.bincount(rows[BUCKET].to_numpy(), minlength=BUCKETS))
        rows = rows.drop(BUCKET)[order]
        row_bytes = rows.estimated_size() / max(rows.height, 1)
        begin = 0
        for bucket, end in enumerate(ends.tolist()):
            if end > begin:
                self._append(bucket, rows[begin:end])
                self._sizes[bucket] += (end - begin, int((end - begin) * row_bytes))
            begin = end

    def _append(self, bucket: int, rows: pl.DataFrame) -> None:
        table = rows.to_arrow(compat_level=pl.CompatLevel.newest())
        if bucket not in self._writers:
            self._writers[bucket] = pa.ipc.new_stream(self._folder / f"{bucket}.arrow", table.schema)
        self._writers[bucket].write_table(table)
