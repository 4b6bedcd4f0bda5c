"""`sfumato up`, `sfumato token` and `sfumato demo`: what the CLI finds by the entry-point group `sfumato.commands`."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sfumato_embedded.folder import DataFolder, FolderInUseError, connection_file, default_folder
from sfumato_embedded.identities import ADMINISTRATOR, ANALYST, ISSUER, Connection, issue
from sfumato_embedded.loop import run
from sfumato_embedded.mesh import EmbeddedMesh, local_issuer, run_mesh
from sfumato_embedded.people import ensure_analyst
from sfumato_executor.arrow_alone import keep_pandas_out

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the mesh's state; default: ~/.local/share/sfumato.")
]


def up(
    data: DataOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0: any free one.")] = 7400,
    demo_tables: Annotated[
        bool, typer.Option("--demo-tables", help="Register and publish the demo's penguins and flights, once.")
    ] = False,
) -> None:
    """Run the whole mesh in this process, on loopback, until Ctrl-C. A second start finds its state again."""
    keep_pandas_out()
    folder = DataFolder((data or default_folder()).expanduser().resolve())
    first = not folder.ledger.exists()
    try:
        with folder.locked():
            run(_serve(folder, port, first, demo_tables))
    except FolderInUseError as error:
        _fail(f"{error}: use it, or name another folder with --data")
    except OSError as error:
        _fail(f"cannot listen on 127.0.0.1:{port} ({error.strerror or error}): name another port with --port")


def token(
    subject: Annotated[str, typer.Argument(help="Subject of the user, as registered (issuer: the mesh's own).")],
    data: DataOption = None,
) -> None:
    """Print a token of the embedded mesh's own issuer, good for 30 days. Needs the mesh's folder, not the mesh."""
    folder = DataFolder((data or default_folder()).expanduser().resolve())
    if not (folder.keys / "issuer.pem").exists():
        _fail(f"no mesh has run on {folder.root} yet: start one with `sfumato up`")
    typer.echo(issue(local_issuer(folder), subject, datetime.now(UTC)))


def demo() -> None:
    """Ask ten questions about two real tables, and show prices, answers and receipts.

    On a fresh embedded mesh; or, where SFUMATO_TARGET names one, on a mesh that runs.
    """
    from sfumato_embedded.demo.run import run_demo

    sys.exit(run_demo(os.environ))


async def _serve(folder: DataFolder, port: int, first: bool, demo_tables: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with run_mesh(folder, port) as mesh:
        now = datetime.now(UTC)
        connection = Connection(mesh.target, mesh.token(ANALYST, now), mesh.token(ADMINISTRATOR, now), str(folder.root))
        await asyncio.to_thread(ensure_analyst, connection)
        if demo_tables:
            from sfumato_embedded.demo.setting_up import ensure_tables

            await asyncio.to_thread(ensure_tables, folder.data, connection)
        connection.save()
        _announce(mesh, connection, first)
        await stop.wait()
        typer.echo("stopping: open questions end at the next start", err=True)


def _announce(mesh: EmbeddedMesh, connection: Connection, first: bool) -> None:
    typer.echo(f"sfumato mesh on {mesh.target}   (health: {mesh.health_target})")
    typer.echo(f"state:   {mesh.folder.root}")
    typer.echo(f"tables:  {mesh.folder.data}   (paths in `source: {{path: …}}` start here)")
    typer.echo(f"login:   SDK and CLI on this machine find {connection_file()}")
    if first:
        typer.echo(f"issuer:  {ISSUER}")
        typer.echo("tokens, printed this once (more with `sfumato token SUBJECT`):")
        typer.echo(f"  {ADMINISTRATOR}   {connection.admin_token}")
        typer.echo(f"  {ANALYST} {connection.token}")
    sys.stdout.flush()


def _fail(message: str) -> None:
    typer.echo(f"sfumato: {message}", err=True)
    raise typer.Exit(1)
