"""The custodian's part of the demo, by the same commands that a custodian types."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

import sfumato as sf
from sfumato_embedded.demo.tables import declarations, lay_tables
from sfumato_embedded.identities import Connection

_TIMEOUT = 120.0


def set_up(connection: Connection, console: Console) -> None:
    """Register both tables, grant the analyst a budget, and publish the data.

    Raises subprocess.CalledProcessError if a command refuses.
    """
    console.rule("a custodian registers two tables and says how much may be learned about them")
    files = [argument for path in declarations() for argument in ("-f", str(path))]
    shown = " ".join(f"-f {path.name}" for path in declarations())
    _run(connection, ["admin", "apply", *files], f"sfumato admin apply {shown}", console)
    for dataset in ("penguins", "flights"):
        _run(connection, ["admin", "publish", dataset], f"sfumato admin publish {dataset}", console)


def ensure_tables(data_root: Path, connection: Connection, console: Console | None = None) -> None:
    """Register and publish the demo's tables on a running mesh, unless the analyst sees them already.

    Args:
        data_root: where the mesh's workers look for files.
        connection: of analyst and administrator.
        console: is told of each step; None: nobody is.
    """
    with sf.connect(connection.target, connection.token) as mesh:
        if {"penguins", "flights"} <= {each.name for each in mesh.datasets() if each.version}:
            return
    lay_tables(data_root)
    set_up(connection, console or Console(quiet=True))


def _run(connection: Connection, arguments: list[str], shown: str, console: Console) -> None:
    console.print(f"[bold]$[/bold] {shown}")
    environment = {**os.environ, "SFUMATO_TARGET": connection.target, "SFUMATO_TOKEN": connection.admin_token}
    command = [sys.executable, "-c", "from sfumato.cli.main import run; run()", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT)  # noqa: S603
    console.print(done.stdout.rstrip(), style="dim")
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
