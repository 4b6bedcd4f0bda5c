"""The production mesh on this machine: every service a process of its own, two of each that may be several.

    python scripts/mesh up            start what does not run, wait until all works, say how to reach it
    python scripts/mesh status        what runs
    python scripts/mesh token NAME    print a token of the subject NAME, good for 30 days
    python scripts/mesh down          drain and stop: no new questions, running ones end, then SIGTERM to the rest
    python scripts/mesh erase         the same, and take away all that the mesh has kept

It stands on the servers of `make services` (SFUMATO_TEST_…_URL); the broker is RabbitMQ, or with --broker redis Redis.
Its state lies in build/mesh, and on the servers under names of its own, so that the next start finds it again.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from scripts.mesh.draining import open_queries, wait_until_none_is_open
from scripts.mesh.layout import WORKERS, Layout, Names, Policy, Servers, lay_out, port_names
from scripts.mesh.rooms import make_buckets, object_store, take_away
from scripts.mesh.supervision import end_all, is_current, is_working, launch, wait_until_working
from scripts.services.errors import ServiceError
from scripts.services.ports import free_ports
from scripts.services.process import recorded
from scripts.services.workplace import REPOSITORY, locked, prepare_state, write_private
from sfumato_embedded.identities import ADMINISTRATOR, ANALYST, ISSUER, LIFETIME, Connection
from sfumato_embedded.people import ensure_analyst

_BROKERS: Final = {"amqp": "SFUMATO_TEST_AMQP_URL", "redis": "SFUMATO_TEST_REDIS_URL"}
_POLICY: Final = Policy(ISSUER, ADMINISTRATOR)
_END_SECONDS: Final = 60.0
_STORES: Final = ("accountant1", "accountant2")


@dataclass(frozen=True)
class Place:
    """What a mesh of this machine keeps of itself between commands."""

    mark: str
    """Makes its names on the servers its own."""
    broker: str
    ports: Mapping[str, int]


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    parser = argparse.ArgumentParser(prog="mesh", description="The production mesh on this machine.")
    parser.add_argument("command", choices=["up", "down", "status", "token", "erase"])
    parser.add_argument("subject", nargs="?", default=ANALYST)
    parser.add_argument("--state-dir", type=Path, default=REPOSITORY / "build" / "mesh", metavar="DIR")
    parser.add_argument("--broker", choices=sorted(_BROKERS), help="of a new mesh; default: amqp")
    chosen = parser.parse_args(arguments)
    folder = chosen.state_dir.resolve()
    try:
        if chosen.command == "up":
            return _up(folder, chosen.broker)
        if chosen.command == "token":
            print(_layout(folder, _place(folder)).issuer.issue(chosen.subject, LIFETIME))
            return 0
        commands = {"down": _down, "status": _status, "erase": _erase}
        return commands[chosen.command](folder)
    except ServiceError as failure:
        print(f"mesh: {failure}", file=sys.stderr)
        return 1


def _up(folder: Path, broker: str | None) -> int:
    prepare_state(folder)
    with locked(folder / "lock"):
        place = _placed(folder, broker)
        layout = _layout(folder, place)
        room, settings = folder / "processes", (folder / "mesh.toml").read_text()
        names = Names.marked(place.mark)
        make_buckets(object_store(_servers(place).s3), names)
        wanting = [each for each in layout.processes if not is_current(each, room, settings)]
        end_all([each.name for each in wanting], room, _END_SECONDS)  # what runs and was told something else
        for each in wanting:
            launch(each, room, settings)
        wait_until_working(layout.processes, room)
        connection = _connection(folder, layout)
        ensure_analyst(connection)
        _write_access(folder, connection)
    print(f"mesh: {'runs already' if not wanting else 'started ' + ', '.join(each.name for each in wanting)}")
    print(f"  SFUMATO_TARGET={connection.target}")
    print(f"  tokens:  {folder / 'tokens'}/{{{ADMINISTRATOR},{ANALYST}}}, or: set -a; . {folder / 'env'}; set +a")
    print(f"  tables:  {folder / 'data'}   (paths in `source: {{path: …}}` start here)")
    print(f"  logs:    {room}/*.log")
    return 0


def _down(folder: Path) -> int:
    """Drain: gateways first, then what is open comes to its end, then everything else."""
    if not (folder / "mesh.json").exists():
        return 0
    with locked(folder / "lock"):
        return _stop(folder)


def _stop(folder: Path) -> int:
    room = folder / "processes"
    if not any((process := recorded(name, room)) and process.is_alive for name in _all_names()):
        print("mesh: nothing runs")
        return 0
    place = _place(folder)
    killed = end_all(("gateway1", "gateway2"), room, _END_SECONDS)
    settled = True
    if any(name not in killed and (found := recorded(name, room)) and found.is_alive for name in _STORES):
        settled = wait_until_none_is_open(folder / "keys" / "executor.pem", place.ports, _END_SECONDS)
    for names in (WORKERS, ("front",), _STORES):
        killed += end_all(names, room, _END_SECONDS)
    (folder / "env").unlink(missing_ok=True)
    if killed:
        print(f"mesh: {', '.join(killed)} did not end in {_END_SECONDS:.0f} s and had to be killed", file=sys.stderr)
    if not settled:
        print("mesh: some queries were open still; the next start ends them", file=sys.stderr)
    print("mesh: stopped")
    return 1 if killed else 0


def _status(folder: Path) -> int:
    """Say what runs. Exit status 0 only when everything does."""
    if not (folder / "mesh.json").exists():
        print("mesh: never started")
        return 1
    place = _place(folder)
    layout = _layout(folder, place)
    room = folder / "processes"
    working = {each.name: is_working(each, room) for each in layout.processes}
    for name, works in working.items():
        print(f"{name}: {'works' if works else 'does not work'}")
    if working["accountant1"] or working["accountant2"]:
        print(f"open queries: {open_queries(folder / 'keys' / 'executor.pem', place.ports)}")
    return 0 if all(working.values()) else 1


def _erase(folder: Path) -> int:
    if not (folder / "mesh.json").exists():
        return 0
    with locked(folder / "lock"):
        status = _stop(folder)
        place = _place(folder)
        take_away(_servers(place), Names.marked(place.mark))
    shutil.rmtree(folder)
    return status


def _all_names() -> list[str]:
    return [*WORKERS, *(name for name in port_names() if not name.endswith("-health"))]


def _placed(folder: Path, broker: str | None) -> Place:
    """Return where this mesh is, made up at its first start."""
    if (folder / "mesh.json").exists():
        place = _place(folder)
        if broker is not None and broker != place.broker:
            raise ServiceError(f"this mesh runs over {place.broker}; take it away first: python scripts/mesh erase")
        return place
    names = port_names()
    place = Place(secrets.token_hex(4), broker or "amqp", dict(zip(names, free_ports(len(names)), strict=True)))
    write_private(folder / "mesh.json", json.dumps(asdict(place)))
    return place


def _place(folder: Path) -> Place:
    try:
        return Place(**json.loads((folder / "mesh.json").read_text()))
    except FileNotFoundError:
        raise ServiceError(f"no mesh was ever started in {folder}: `make mesh-up`") from None


def _layout(folder: Path, place: Place) -> Layout:
    return lay_out(folder, _servers(place), Names.marked(place.mark), place.ports, _POLICY)


def _servers(place: Place) -> Servers:
    """Return the servers that the environment names, or those that `make services` has started."""
    known = {**_written(REPOSITORY / "build" / "services" / "env"), **os.environ}
    wanted = ("SFUMATO_TEST_MONGODB_URL", "SFUMATO_TEST_S3_URL", _BROKERS[place.broker])
    missing = [name for name in wanted if not known.get(name)]
    if missing:
        raise ServiceError(f"{', '.join(missing)} not set: `make services` starts the servers, or name your own")
    return Servers(*(known[name] for name in wanted))


def _written(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {name: value for name, _, value in (line.partition("=") for line in lines) if value}


def _connection(folder: Path, layout: Layout) -> Connection:
    analyst, administrator = (_token(folder, layout, subject) for subject in (ANALYST, ADMINISTRATOR))
    return Connection(layout.target, analyst, administrator, str(folder))


def _token(folder: Path, layout: Layout, subject: str) -> str:
    token = layout.issuer.issue(subject, LIFETIME + timedelta(minutes=1))
    write_private(folder / "tokens" / subject, token)
    return token


def _write_access(folder: Path, connection: Connection) -> None:
    lines = {
        "SFUMATO_TARGET": connection.target,
        "SFUMATO_TOKEN": connection.token,
        "SFUMATO_ADMIN_TOKEN_FILE": str(folder / "tokens" / ADMINISTRATOR),
        "SFUMATO_ISSUER_KEY_FILE": str(folder / "keys" / "issuer.pem"),
        "SFUMATO_DATA_ROOT": str(folder / "data"),
    }
    write_private(folder / "env", "".join(f"{name}={value}\n" for name, value in lines.items()))
