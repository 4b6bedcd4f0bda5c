"""Where this program keeps things: what can be reused in a cache outside the tree, the rest in a state directory."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import ServiceError

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    """What is known of a part that this program started."""

    way: str
    url: str
    durable: bool


@dataclass(frozen=True)
class Workplace:
    """The directories of one set of servers, and the environment they were asked for in."""

    state: Path
    cache: Path
    environment: Mapping[str, str]
    durable: bool = False
    """Whether the document store must survive a power cut; tests go faster without, benchmarks must not."""

    def room(self, part: str) -> Path:
        """The state of one part: data, log, pid files, `running.json`."""
        return self.state / part

    def running(self, part: str) -> Running | None:
        """What an earlier run noted, whether it still runs or not."""
        try:
            return Running(**json.loads((self.room(part) / "running.json").read_text()))
        except FileNotFoundError:
            return None

    def remember(self, part: str, running: Running) -> None:
        """Note a part that has come up."""
        write_private(self.room(part) / "running.json", json.dumps(asdict(running)))

    def forget(self, part: str) -> None:
        """Drop the note of a part that was stopped."""
        (self.room(part) / "running.json").unlink(missing_ok=True)

    def fresh_data(self, part: str) -> Path:
        """An empty data directory: what an earlier run left is removed."""
        data = self.room(part) / "data"
        remove_tree(data)
        data.mkdir(parents=True)
        return data

    def secret(self, part: str) -> str:
        """A password of this state directory, made once."""
        file = self.room(part) / "secret"
        if not file.exists():
            write_private(file, secrets.token_hex(16))
        return file.read_text()


def prepare_state(state: Path) -> None:
    """Create the state directory, ignored by git whatever the repository's own rules say."""
    state.mkdir(parents=True, exist_ok=True)
    (state / ".gitignore").write_text("*\n")


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The cache, by the XDG rule that a relative XDG_CACHE_HOME is ignored."""
    base = environment.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path(environment.get("HOME", "/root")) / ".cache"
    return root / "sfumato-services"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock: two runs must not build or start the same thing at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    draft.replace(file)


def remove_tree(tree: Path) -> None:
    """Remove a directory, unless something is mounted in it: that would remove the mounted files too.

    Raises:
        ServiceError: A mount point lies in the directory.
    """
    mounts = Path("/proc/self/mountinfo")
    if mounts.exists():
        for line in mounts.read_text().splitlines():
            # The fifth field is the mount point, blanks and the like written as \\040.
            point = Path(line.split()[4].encode().decode("unicode_escape"))
            if point == tree or tree in point.parents:
                raise ServiceError(f"{tree} is not removed: {point} is mounted in it; unmount it first")
    if tree.exists():
        shutil.rmtree(tree)
