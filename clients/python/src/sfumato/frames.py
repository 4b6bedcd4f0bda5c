"""Frame: a table that came over the wire, for Python as it is and for the libraries that people work with."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from sfumato._core.decoding import rows_of
from sfumato._core.streams import TableReader
from sfumato.errors import MissingExtra

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Frame:
    """A table. `rows()` and `columns` need nothing more; `to_polars()` and its like need their extra.

    Attributes:
        row_count: rows.
    """

    def __init__(self, reader: TableReader) -> None:
        self._table = reader.table()
        self.row_count = reader.rows

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """Values by column."""
        return self._table.columns()

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict a row."""
        return rows_of(self.columns)

    def to_ipc(self) -> bytes:
        """Return the table as one Arrow IPC stream."""
        return self._table.to_ipc()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the table to any library that speaks Arrow's PyCapsule interface."""
        return self._table.stream().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> "pyarrow.Table":
        """Return a pyarrow table (extra `pyarrow`).

        Raises:
            MissingExtra: it is not installed.
        """
        try:
            import pyarrow
        except ImportError:
            raise MissingExtra("to_arrow()", "pyarrow") from None
        return pyarrow.ipc.open_stream(self.to_ipc()).read_all()

    def to_polars(self) -> "polars.DataFrame":
        """Return a Polars frame (extra `polars`).

        Raises:
            MissingExtra: it is not installed.
        """
        try:
            import polars
        except ImportError:
            raise MissingExtra("to_polars()", "polars") from None
        return polars.DataFrame(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a pandas frame (extra `pandas`).

        Raises:
            MissingExtra: it, or pyarrow, is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra("to_pandas()", "pandas") from None
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame

    def __len__(self) -> int:
        return self.row_count
