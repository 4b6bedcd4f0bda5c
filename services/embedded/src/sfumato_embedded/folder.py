"""Where an embedded mesh keeps its state: one folder, one process at a time."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class FolderInUseError(Exception):
    """Another process runs a mesh on the same folder."""


def default_folder() -> Path:
    """`$XDG_DATA_HOME/sfumato`, by default `~/.local/share/sfumato`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "sfumato"


def connection_file() -> Path:
    """The file by which the SDK and the CLI find the running mesh: `$XDG_CONFIG_HOME/sfumato/connection.json`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sfumato" / "connection.json"


@dataclass(frozen=True)
class DataFolder:
    """Paths below the folder. Everything in it but `data/` is the mesh's own and readable by its user alone."""

    root: Path

    @property
    def ledger(self) -> Path:
        """Catalogue and ledger: the only register of what was paid."""
        return self.root / "accountant.sqlite"

    @property
    def keys(self) -> Path:
        """Signing keys of ledger, issuer and services."""
        return self.root / "keys"

    @property
    def releases(self) -> Path:
        """Sealed releases, marks and prepared data."""
        return self.root / "releases"

    @property
    def snapshots(self) -> Path:
        """What the ledger says, for a quick start; may be deleted while the mesh is down."""
        return self.root / "snapshots"

    @property
    def cache(self) -> Path:
        """Prepared data as workers map them; may be deleted while the mesh is down."""
        return self.root / "cache"

    @property
    def data(self) -> Path:
        """The root of `source: {path: …}`: put tables here."""
        return self.root / "data"

    @property
    def credentials(self) -> Path:
        """Named credentials of object stores, one file each."""
        return self.root / "credentials"

    def create(self) -> None:
        """Make what is missing, for this user alone."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (self.keys, self.releases, self.cache, self.data, self.credentials):
            path.mkdir(exist_ok=True, mode=0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the lock ends with the process, however it ends.

        Raises FolderInUseError if another process holds it.
        """
        self.create()
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUseError(f"a mesh already runs on {self.root}") from None
            yield


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only this user may read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    draft.replace(path)
