"""The MongoDB wire protocol: mongod where it is installed, else FerretDB on DocumentDB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import documentdb
from .install import GoProgram, which
from .ports import LOOPBACK, free_ports
from .process import start, wait_until_healthy
from .wire import mongodb_lists_databases
from .workplace import Workplace

PART = "mongodb"

FERRETDB = GoProgram("ferretdb", "github.com/FerretDB/FerretDB/v2/cmd/ferretdb", "v2.7.0", needs_go="1.25")


@dataclass(frozen=True)
class FerretDB:
    """The two programs of the built document store."""

    front: Path
    engine: documentdb.Engine


def on_path(workplace: Workplace) -> Path | None:
    """The mongod on the PATH."""
    found = which("mongod", workplace)
    return None if found is None else Path(found)


def missing(workplace: Workplace) -> str | None:
    """What stands in the way of building FerretDB and its engine; None when nothing."""
    return documentdb.missing(workplace) or FERRETDB.missing(workplace)


def install(workplace: Workplace) -> FerretDB:
    """Have FerretDB and its engine in the cache."""
    engine = documentdb.install(workplace)
    return FerretDB(FERRETDB.install(workplace), engine)


def start_mongod(workplace: Workplace, binary: Path) -> str:
    """Start mongod on an empty directory and return its URL."""
    (port,) = free_ports(1)
    room = workplace.room(PART)
    data = workplace.fresh_data(PART)
    argv = [str(binary), "--dbpath", str(data), "--bind_ip", LOOPBACK, "--port", str(port), "--nounixsocket"]
    process = start("mongod", argv, room)
    wait_until_healthy("mongod", room, process, lambda: mongodb_lists_databases(port), patience_s=60)
    return f"mongodb://{LOOPBACK}:{port}/"


def start_ferretdb(workplace: Workplace, programs: FerretDB) -> str:
    """Start the engine, then FerretDB without authentication: both listen on loopback only."""
    port, debug_port, engine_port = free_ports(3)
    room = workplace.room(PART)
    data = workplace.fresh_data(PART)
    engine_url = documentdb.start_engine(workplace, programs.engine, room, data, engine_port)
    state = room / "ferretdb"
    state.mkdir(exist_ok=True)
    argv = [
        str(programs.front),
        f"--listen-addr={LOOPBACK}:{port}",
        f"--debug-addr={LOOPBACK}:{debug_port}",
        f"--postgresql-url={engine_url}",
        f"--state-dir={state}",
        "--no-auth",
        "--telemetry=disable",
        "--log-level=warn",
    ]
    process = start("ferretdb", argv, room)
    wait_until_healthy("ferretdb", room, process, lambda: mongodb_lists_databases(port), patience_s=60)
    return f"mongodb://{LOOPBACK}:{port}/"
