"""`sfumato admin ledger`: the ledger of a population, as the mesh shows it to whoever asks."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from sfumato._core.amounts import refused
from sfumato.charges import Charge
from sfumato.cli import context, output
from sfumato.cli.exits import WRONG, guarded
from sfumato.cli.options import AsJson
from sfumato.errors import SfumatoError
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1.ledger_pb2 import LedgerHead

app = typer.Typer(no_args_is_help=True, help="Ledgers: their heads and keys, exports, verification.")

Population = Annotated[str, typer.Argument(metavar="POPULATION", help="Id of a population.")]


@app.command("head")
@guarded
def head(population: Population, as_json: AsJson = False) -> None:
    """Show the signed end of a ledger, and the public keys: keep them, and compare."""
    with context.ledger() as ledger:
        found = ledger.head(population)

    def view() -> str:
        lines = [f"position {found.head.sequence}, {found.head.entry_hash.hex()}"]
        for key in found.keys:
            end = f" until {key.end_time.ToJsonString()}" if key.HasField("end_time") else ""
            lines.append(f"key {key.key_id}  {key.public_key.hex()}  from {key.start_time.ToJsonString()}{end}")
        return "\n".join(lines)

    output.show(as_json, lambda: output.proto(found), view)


@app.command("export")
@guarded
def export(
    population: Population,
    form: Annotated[str, typer.Option("--format", help="jsonl (one entry a line) or arrow.")] = "jsonl",
    to: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Instead of stdout.")] = None,
) -> None:
    """Write a whole ledger with its keys and its signed head: what `sfumato verify` reads.

    With -o, position and hash of the head are told on stderr.

    Custodians and auditors get every event; analysts their own, and digests of the rest.
    """
    if form not in ("jsonl", "arrow"):
        raise refused("--format", f"{form!r} is no format of exports", "jsonl or arrow")
    if form == "arrow" and to is None:
        raise refused("--output", "an Arrow file is not for a terminal", f"-o {population}.arrow")
    with context.ledger() as ledger:
        parts = ledger.export(population)
        if to is None:
            _write(parts, form, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        ends: list[LedgerHead] = []
        with _replaced(to) as stream:
            _write(_noting(parts, ends), form, stream)
    for end in ends:  # to keep, and to compare
        sys.stderr.write(f"position {end.sequence}, {end.entry_hash.hex()}\n")


def _noting(parts: Iterator[pb.ExportLedgerResponse], ends: list[LedgerHead]) -> Iterator[pb.ExportLedgerResponse]:
    """Pass an export on, and note where it ends."""
    for part in parts:
        if part.HasField("head"):
            ends.append(part.head)
        yield part


def _write(parts: Iterator[pb.ExportLedgerResponse], form: str, stream: IO[bytes]) -> None:
    if form == "arrow":
        from sfumato.verification import arrow_files

        arrow_files.write(parts, stream)
    else:
        from sfumato.verification import json_lines

        stream.writelines(json_lines.lines(parts))


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` once it is whole: half an export is none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as stream:
            yield stream
        draft.replace(path)
    except OSError as error:
        raise refused("--output", f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)


@app.command("verify")
@guarded
def verify(population: Population, as_json: AsJson = False) -> None:
    """Let the accountant verify its own ledger; exit status 1 names the first bad entry.

    For proof that does not rest on the accountant: export, and `sfumato verify FILE`.
    """
    last: pb.VerifyLedgerResponse | None = None
    with context.ledger() as ledger:
        for last in ledger.verify(population):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{last.verified_entries:,} of {last.total_entries:,} entries")
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[2K")
    if last is None or last.WhichOneof("verdict") is None:
        raise SfumatoError("the verification ended without a verdict.", hint="call it again")
    output.show(as_json, lambda: output.proto(last), lambda: _verdict(population, last))
    if last.HasField("defect"):
        raise typer.Exit(WRONG)


@app.command("rotate-key")
@guarded
def rotate_key(population: Population, as_json: AsJson = False) -> None:
    """Let the accountant's next key sign from the next entry on. The key before signs that it follows."""
    with context.ledger() as ledger:
        key = ledger.rotate_key(population)
    output.show(
        as_json, lambda: output.proto(key), lambda: f"{population}: key {key.key_id}  {key.public_key.hex()} signs now"
    )


def _verdict(population: str, last: pb.VerifyLedgerResponse) -> str:
    if last.HasField("defect"):
        defect = last.defect
        return f"{population}: position {defect.sequence} breaks the rule “{defect.rule}”: {defect.description}"
    found = last.verified
    return (
        f"{population}: verified, {last.verified_entries:,} entries to position {found.head.sequence}, "
        f"{found.head.entry_hash.hex()}\n  spent in all: {Charge.of(found.population_spent).described()}"
    )
