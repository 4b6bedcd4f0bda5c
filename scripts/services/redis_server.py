"""Redis: the other broker that the queue runs on."""

from __future__ import annotations

from pathlib import Path

from .install import debian_packages_missing, disable_units, install_debian_packages, which
from .ports import LOOPBACK, free_ports
from .process import start, wait_until_healthy
from .wire import redis_answers
from .workplace import Workplace

PART = "redis"

_DEBIAN_PROGRAM = Path("/usr/bin/redis-server")


def on_path(workplace: Workplace) -> Path | None:
    """The redis-server on the PATH."""
    found = which("redis-server", workplace)
    return None if found is None else Path(found)


def missing(workplace: Workplace) -> str | None:
    """What stands in the way of installing Redis; None when nothing."""
    return None if _DEBIAN_PROGRAM.exists() else debian_packages_missing(workplace)


def install(workplace: Workplace) -> Path:
    """Have Debian's Redis, and no service of it, and return its program."""
    if not _DEBIAN_PROGRAM.exists():
        install_debian_packages(workplace, "redis-server")
        disable_units(workplace, "redis-server.service")
    return _DEBIAN_PROGRAM


def start_redis(workplace: Workplace, program: Path) -> str:
    """Start Redis on an empty directory, kept in memory alone: a queue of this mesh may lose what it holds."""
    (port,) = free_ports(1)
    room = workplace.room(PART)
    data = workplace.fresh_data(PART)
    options = ["--bind", LOOPBACK, "--port", str(port), "--dir", str(data), "--save", "", "--appendonly", "no"]
    environment = {"PATH": workplace.environment.get("PATH", ""), "HOME": str(room)}
    process = start("redis", [str(program), *options], room, environment)
    wait_until_healthy("redis", room, process, lambda: redis_answers(port), patience_s=30)
    return f"redis://{LOOPBACK}:{port}/0"
