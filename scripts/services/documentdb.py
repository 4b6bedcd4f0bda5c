"""DocumentDB on PostgreSQL 18, the engine below FerretDB, in a chroot.

Debian has the extension in testing only, whose C library is newer than that of a released Debian. So a minimal
testing system is made once, kept as a tarball in the cache, and unpacked there as a template that no server writes
to. A server runs in a mount namespace of its own: its data directory, /proc and /dev are mounted over the template
there and nowhere else, and vanish with the process. Nothing is ever mounted in the machine's own namespace.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ServiceError
from .install import debian_packages_missing, install_debian_packages, which
from .ports import LOOPBACK
from .process import run, start, wait_until_healthy
from .workplace import Workplace, remove_tree

_SUITE = "forky"
_PACKAGE = "postgresql-18-documentdb"
# Raise the last number when the recipe changes: caches of the old one are then left alone.
_KEY = f"documentdb-pg18-{_SUITE}-{platform.machine()}-1"
_BIN = "/usr/lib/postgresql/18/bin"
_DATA = "/srv"  # where the data directory appears inside
_DEFAULT_MIRROR = "http://deb.debian.org/debian"

_ENTER = """set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/srv"
root=$1; shift 2
exec chroot --userspec=postgres:postgres "$root" "$@"
"""


@dataclass(frozen=True)
class Engine:
    """An unpacked template, ready to run servers."""

    root: Path

    def inside(self, data: Path, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in the chroot as the user postgres, `data` mounted at /srv.

        Every step ends in exec: the pid of the started process is the command's own.
        """
        enter = ["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", _ENTER, "sh"]
        return [*enter, str(self.root), str(data), *command]

    def owner(self) -> tuple[int, int]:
        """User and group number of postgres inside, which may be anybody's outside."""
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, user, group, *_ = line.split(":")
            if name == "postgres":
                return int(user), int(group)
        raise ServiceError(f"{self.root} is not whole: remove it, and it is unpacked again")


def missing(workplace: Workplace) -> str | None:
    """What stands in the way of running the engine; None when nothing."""
    if os.geteuid() != 0:
        return "root's rights, to run DocumentDB in a chroot"
    if which("unshare", workplace) is None or which("chroot", workplace) is None:
        return "util-linux and coreutils (unshare, chroot)"
    return None if _tarball(workplace).exists() else debian_packages_missing(workplace)


def install(workplace: Workplace) -> Engine:
    """Have the template in the cache: build the tarball if there is none, unpack it if it is not."""
    root = workplace.cache / _KEY
    if not root.exists():
        install_debian_packages(workplace, "zstd")
        if not _tarball(workplace).exists():
            _build(workplace)
        draft = root.with_name(f"{root.name}.draft")
        remove_tree(draft)
        draft.mkdir(parents=True)
        unpack = ["tar", "--zstd", "--numeric-owner", "-C", str(draft), "-xf", str(_tarball(workplace))]
        run(unpack, workplace.state / "unpack-documentdb.log")
        draft.chmod(0o755)  # the user postgres enters it
        draft.replace(root)
    return Engine(root)


def _tarball(workplace: Workplace) -> Path:
    return workplace.cache / f"{_KEY}.tar.zst"


def _build(workplace: Workplace) -> None:
    install_debian_packages(workplace, "mmdebstrap", "debian-archive-keyring")
    workplace.cache.mkdir(parents=True, exist_ok=True)
    draft = workplace.cache / f"{_KEY}.draft.tar.zst"
    options = [
        "--mode=root",
        "--variant=apt",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/lib/postgresql/18/lib/bitcode/*",
        f"--include={_PACKAGE}",
    ]
    source = f"deb {_mirror()} {_SUITE} main"
    run(["mmdebstrap", *options, _SUITE, str(draft), source], workplace.state / "build-documentdb.log")
    draft.replace(_tarball(workplace))


def _mirror() -> str:
    """The mirror that this Debian machine is set to use."""
    lists = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
    for file in lists:
        if file.exists():
            found = re.search(
                r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(https?://\S*/debian/?)(?:\s|$)", file.read_text(), re.MULTILINE
            )
            if found is not None:
                return found.group(1)
    return _DEFAULT_MIRROR


def start_engine(workplace: Workplace, engine: Engine, room: Path, data: Path, port: int) -> str:
    """Start PostgreSQL with the extension on an empty directory and return its URL."""
    user, group = engine.owner()
    data.chmod(0o700)
    os.chown(data, user, group)
    log = room / "initdb.log"
    initdb = [f"{_BIN}/initdb", "-D", _DATA, "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    run(engine.inside(data, initdb), log, _inner_environment(workplace))
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(_configuration(port, workplace.durable))
    argv = engine.inside(data, [f"{_BIN}/postgres", "-D", _DATA])
    process = start("postgres", argv, room, _inner_environment(workplace))

    def psql(statement: str) -> list[str]:
        command = [f"{_BIN}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(port), "-U", "postgres"]
        return engine.inside(data, [*command, "-c", statement, "postgres"])

    def is_healthy() -> bool:
        environment = _inner_environment(workplace)
        return subprocess.run(psql("SELECT 1"), capture_output=True, env=environment).returncode == 0

    wait_until_healthy("postgres", room, process, is_healthy, patience_s=60)
    run(psql("CREATE EXTENSION IF NOT EXISTS documentdb CASCADE"), log, _inner_environment(workplace))
    return f"postgres://postgres@{LOOPBACK}:{port}/postgres"


# A fast shutdown: PostgreSQL ends its sessions and writes its checkpoint. SIGTERM would wait for clients to leave.
STOP_SIGNAL = signal.SIGINT


def _inner_environment(workplace: Workplace) -> dict[str, str]:
    return {"PATH": workplace.environment.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def _configuration(port: int, durable: bool) -> str:
    lines = [
        "shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'",
        "cron.database_name = 'postgres'",
        f"cron.host = '{LOOPBACK}'",
        f"listen_addresses = '{LOOPBACK}'",
        "unix_socket_directories = ''",
        f"port = {port}",
        "max_connections = 300",
    ]
    if not durable:
        lines += ["fsync = off", "full_page_writes = off"]
    return "\n".join(["", *lines, ""])
