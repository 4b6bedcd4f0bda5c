"""Arrow IPC messages of an answer → Python values, by nanoarrow alone. No I/O."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import nanoarrow
import nanoarrow.ipc

END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""What closes an Arrow IPC stream."""


@dataclass(frozen=True)
class ArrowTable:
    """The messages of one table as they came, in order."""

    schema: bytes
    batches: tuple[bytes, ...]

    def to_ipc(self) -> bytes:
        """Return the table as one Arrow IPC stream."""
        return b"".join((self.schema, *self.batches, END_OF_STREAM))

    def stream(self) -> nanoarrow.ArrayStream:
        """Return a fresh stream of its record batches."""
        return nanoarrow.ArrayStream(nanoarrow.ipc.InputStream.from_readable(io.BytesIO(self.to_ipc())))

    def columns(self) -> dict[str, list[Any]]:
        """Return the values by column name: null as None, lists as lists, times as datetime."""
        array = self.stream().read_all()
        names = [field.name for field in array.schema.fields]
        return {name: child.to_pylist() for name, child in zip(names, array.iter_children(), strict=True)}


def rows_of(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return one dict a row."""
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def measure_names(columns: Sequence[str]) -> list[str]:
    """Return the columns that are measures: those with their interval beside them."""
    known = set(columns)
    return [name for name in columns if f"{name}.lower" in known and f"{name}.upper" in known]
