"""Options and printing of what is a table: an answer, or rows drawn from a model."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from sfumato._core.amounts import refused
from sfumato.cli import output
from sfumato.frames import Frame

Arrow: TypeAlias = Annotated[
    Path | None, typer.Option("--arrow", metavar="FILE", help="Write an Arrow IPC stream; - is stdout.")
]
Csv: TypeAlias = Annotated[bool, typer.Option("--csv", help="CSV on stdout, intervals beside their measures.")]


def one_form(as_json: bool, as_csv: bool, arrow: Path | None) -> None:
    """Refuse what would put two documents on stdout."""
    if as_json + as_csv + (arrow is not None and str(arrow) == "-") > 1:
        raise refused("--json", "stdout takes one of --json, --csv and --arrow -")


def write(
    frame: Frame, document: Callable[[], dict[str, Any]], as_json: bool, as_csv: bool, arrow: Path | None
) -> None:
    """Print a table in the form that was asked for, and write the Arrow file if one was."""
    if arrow is not None and str(arrow) == "-":
        sys.stdout.buffer.write(frame.to_ipc())
        return
    if arrow is not None:
        try:
            arrow.write_bytes(frame.to_ipc())
        except OSError as error:
            raise refused("--arrow", f"{arrow} cannot be written: {error.strerror}") from None
    if as_csv:
        sys.stdout.write(output.table_csv(frame))
    else:
        output.show(as_json, document, lambda: repr(frame))
