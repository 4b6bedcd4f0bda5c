"""A library that looks for credentials and data, and leaves something behind."""

import os
import site
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .attempts import passed


def writes(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    path.unlink()


def empties(path: Path, way: int) -> None:
    """Landlock before Linux 6.2 does not see that a file is emptied by opening it."""
    os.close(os.open(path, os.O_TRUNC | way))


def finds_open(mark: bytes) -> None:
    for descriptor in range(3, 256):
        try:
            if mark in os.pread(descriptor, 1000, 0):
                return
        except OSError:
            continue
    raise FileNotFoundError


def reads_through_link(secret: Path) -> None:
    Path("link").symlink_to(secret)
    Path("link").read_text()


def run(job: Any, rows: Any) -> Any:
    secret, outside, other = Path(job["secret"]), Path(job["outside"]), job["parent"]
    library = Path(site.__file__).parent
    read: dict[str, Callable[[], object]] = {
        "secret": secret.read_text,
        "secret by link": lambda: reads_through_link(secret),
        "secret by hard link": lambda: os.link(secret, "hard"),
        "inherited": lambda: finds_open(secret.name.encode()),
        "folder": lambda: os.listdir(outside),
        "users": Path("/etc/passwd").read_text,
        "parent's variables": Path(f"/proc/{other}/environ").read_bytes,
        "parent's arguments": Path(f"/proc/{other}/cmdline").read_bytes,
        "parent's memory": lambda: os.close(os.open(f"/proc/{other}/mem", os.O_RDONLY)),
        "parent's files": lambda: os.listdir(f"/proc/{other}/fd"),
        "processes": lambda: os.listdir("/proc"),
        "variable": lambda: next(name for name, value in os.environ.items() if secret.name in value),
    }
    written: dict[str, Callable[[], object]] = {
        "mode": lambda: secret.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IROTH),
        "owner": lambda: os.chown(secret, os.getuid(), os.getgid()),
        "times": lambda: os.utime(secret),
        "beside": lambda: writes(outside / "left"),
        "parent folder": lambda: writes(Path("..") / f"left-{os.getpid()}"),
        "system's folder": lambda: writes(Path("/var/tmp") / f"left-{os.getpid()}"),
        "shared memory": lambda: writes(Path("/dev/shm") / f"left-{os.getpid()}"),
        "libraries": lambda: writes(library / f"left-{os.getpid()}"),
        "rename": lambda: os.rename(secret, f"{secret}-renamed"),
        "by reading and emptying": lambda: empties(secret, os.O_RDONLY),
        "by opening for nothing and emptying": lambda: empties(secret, 3),
        "by emptying": lambda: os.truncate(secret, 0),
        "by writing": lambda: secret.write_text("x"),
        "removal": secret.unlink,
    }
    return passed({**read, **written})


def scratch(job: Any, rows: Any) -> Any:
    """What stays allowed."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    Path("folder").mkdir()
    Path("folder/file").write_text("x")
    Path("folder/file").rename("file")
    Path("file").write_text("")
    Path("file").unlink()
