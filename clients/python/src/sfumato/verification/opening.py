"""Opening an export: JSON lines or Arrow, told apart by their first bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sfumato.verification.defects import ExportUnreadable
from sfumato.verification.exports import Export
from sfumato.verification.json_lines import JsonLinesExport

_ARROW: Final = b"ARROW1"


@contextmanager
def opened(path: Path) -> Iterator[Export]:
    """Open an export for one reading.

    Raises:
        ExportUnreadable: the file cannot be read, is no export, or is of another version.
        MissingExtra: it is an Arrow file, and `pyarrow` is not installed.
    """
    try:
        stream = path.open("rb")
        start = stream.read(len(_ARROW))
        stream.seek(0)
    except OSError as error:
        raise ExportUnreadable(f"{path} cannot be read: {error.strerror or error}.", reason="EXPORT_INVALID") from None
    with stream:
        if start == _ARROW:
            from sfumato.verification.arrow_files import ArrowExport

            yield ArrowExport(stream, path.name)
        else:
            yield JsonLinesExport(stream, path.name)
