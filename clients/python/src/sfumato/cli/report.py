"""The command `report`: what every scope spent, and ε by tighter accountants than the one that admits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from sfumato._core.amounts import attos, refused
from sfumato.cli import context, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson
from sfumato.reporting.receipts import read_receipts
from sfumato.reporting.report import reported
from sfumato.reporting.spending import read_spending
from sfumato.verification.exports import Export
from sfumato.verification.json_lines import JsonLinesExport, lines
from sfumato.verification.opening import opened

_DELTAS = ["1e-6", "1e-9"]


@guarded
def report(
    ledger: Annotated[str, typer.Argument(metavar="FILE|POPULATION", help="An export, or a population to export now.")],
    receipts: Annotated[
        Path | None, typer.Option("--receipts", help="Folder of receipts (JSON): noise that they tell counts exactly.")
    ] = None,
    delta: Annotated[list[str] | None, typer.Option("--delta", help="δ at which ε is told; repeatable.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Time for the distributions of a scope.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Report what every scope of a ledger has spent: Σρ, Σε, δ, and ε by several accountants.

    The numbers describe; they decide nothing. `sfumato verify` proves that the export is whole.
    """
    deltas = [attos(each) for each in delta or _DELTAS]
    if not all(deltas):
        raise refused("--delta", "ε is told at δ above zero", "--delta 1e-6")
    with _export(ledger) as export:
        header = export.header
        known = read_receipts(receipts, header.population, header.keys) if receipts is not None else {}
        spending = read_spending(export, known)
    found = reported(spending, deltas, seconds=seconds)
    output.show(as_json, found.document, lambda: str(found))


@contextmanager
def _export(ledger: str) -> Iterator[Export]:
    """Open an export file, or export a population into a file without a name. What looks like a path is one."""
    path = Path(ledger)
    if path.exists() or "." in ledger or "/" in ledger.removeprefix("populations/"):
        with opened(path) as export:
            yield export
        return
    with TemporaryFile() as file:
        with context.ledger() as calls:
            file.writelines(lines(calls.export(ledger.removeprefix("populations/"))))
        file.seek(0)
        yield JsonLinesExport(file, ledger)
