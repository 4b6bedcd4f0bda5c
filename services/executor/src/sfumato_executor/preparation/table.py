"""A prepared data version: partitions of whole privacy units, mapped into memory."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sfumato_executor.plan.expressions import Kind
from sfumato_executor.preparation.columns import StoredDomain

MANIFEST = "table.json"
FORMAT = 1


@dataclass(frozen=True)
class Partition:
    """Some privacy units with all their rows: a bounding rule needs to look no further.

    `rows` holds the stored columns, rows of one unit next to each other in their random order; `unit_hashes` the keyed
    hash of each unit ordinal (None where a row is a unit).
    """

    rows: pl.DataFrame
    unit_hashes: npt.NDArray[np.uint64] | None


@dataclass(frozen=True)
class PartitionFiles:
    """Where a partition lies; `units` is empty where a row is a unit."""

    rows: Path
    units: Path | None

    def load(self) -> Partition:
        """Map the files; pages are read when they are touched."""
        rows = pl.read_ipc(self.rows, memory_map=True)
        if self.units is None:
            return Partition(rows, None)
        hashes = pl.read_ipc(self.units, columns=["hash"], memory_map=True)["hash"].to_numpy()
        return Partition(rows, hashes)


@dataclass(frozen=True)
class PreparedTable:
    """A data version as engines read it.

    `unit` names the privacy unit's column, None where a row is a unit. `columns` is what was enforced on each askable
    column: a program that assumes other domains must not run on it. `key` orders keys of a unit, together with its
    hash. `made_up` is true of dummy rows only: noise that is not from the operating system serves nothing else.
    """

    unit: str | None
    key: bytes
    columns: Mapping[str, StoredDomain]
    sources: Sequence[PartitionFiles | Partition]
    made_up: bool = False

    @classmethod
    def open(cls, folder: Path) -> "PreparedTable":
        """Open what `prepare` wrote. Raises ValueError if the folder is of another format."""
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest.get("format") != FORMAT:
            raise ValueError(f"the prepared folder has format {manifest.get('format')}, this engine reads {FORMAT}")
        sources = [
            PartitionFiles(folder / part["rows"], folder / part["units"] if part["units"] else None)
            for part in manifest["partitions"]
        ]
        columns = {name: _domain(stored) for name, stored in manifest["columns"].items()}
        return cls(manifest["unit"], bytes.fromhex(manifest["key"]), columns, sources)

    def partitions(self) -> Iterator[Partition]:
        """One partition after the other, so that one at a time is in use. At least one, perhaps without rows."""
        for source in self.sources:
            yield source.load() if isinstance(source, PartitionFiles) else source


def manifest(
    unit: str | None, key: bytes, columns: Mapping[str, StoredDomain], parts: Sequence[Mapping[str, str]]
) -> str:
    """Text of the manifest that `PreparedTable.open` reads. Holds the secret key."""
    stored = {
        name: [column.kind.value, column.nullable, column.lower, column.upper, column.categories]
        for name, column in columns.items()
    }
    return json.dumps({"format": FORMAT, "unit": unit, "key": key.hex(), "columns": stored, "partitions": list(parts)})


def _domain(stored: list[Any]) -> StoredDomain:
    kind, nullable, lower, upper, categories = stored
    return StoredDomain(Kind(kind), nullable, lower, upper, categories)
