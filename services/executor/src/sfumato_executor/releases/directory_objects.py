"""Objects as files of one directory: what the embedded profile and a shared POSIX volume use."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sfumato_executor.releases.objects import StoredKey, StoredObject, StoreUnavailableError, checked_key

_STAGING: Final = ".staging"  # bytes on their way; never listed, since no key begins with a dot
_LOCKS: Final = ".locks"


class DirectoryObjects:
    """An ObjectStore in a directory.

    An object appears whole or not at all: its bytes are written and synced under another name, then linked (which
    fails where the name is taken) or renamed into place, and the directory that names it is synced. Conditional
    replacement holds an advisory lock, which all processes of one machine, or of a volume with POSIX locks, respect.
    """

    def __init__(self, root: Path) -> None:
        """Open the store; the directory is made if it is missing.

        Raises:
            StoreUnavailableError: it cannot be made.
        """
        self.root = root
        with unavailable():
            for folder in (root, root / _STAGING, root / _LOCKS):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(root)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Put the bytes durably unless the key is taken; return whether they were put."""
        path = self._path(key)
        with unavailable():
            staged = self._stage(data)
            try:
                self._make_parent(path)
                try:
                    os.link(staged, path)
                except FileExistsError:
                    return False
            finally:
                staged.unlink()
            _sync_folder(path.parent)
        return True

    def read(self, key: str) -> StoredObject | None:
        """Return the object; None: there is none."""
        path = self._path(key)
        with unavailable():
            try:
                data = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return StoredObject(data, _version(data))

    def read_at_once(self, key: str, most: int) -> bytes | None:
        """Return the bytes of a small object; None: there is none, or a larger one."""
        with unavailable():
            try:
                with self._path(key).open("rb", buffering=0) as file:
                    data = file.read(most + 1)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return data if len(data) <= most else None

    def replace(self, key: str, data: bytes, version: str | None) -> bool:
        """Put the bytes durably if the present version is this one; return whether it was."""
        path = self._path(key)
        with self._locked(key), unavailable():
            present = self.read(key)
            if (None if present is None else present.version) != version:
                return False
            staged = self._stage(data)
            self._make_parent(path)
            staged.replace(path)
            _sync_folder(path.parent)
        return True

    def keys(self, prefix: str, *, after: str = "") -> Iterator[StoredKey]:
        """Yield the objects under a prefix and after a key, in the order of keys."""
        with unavailable():
            yield from self._walk(self.root, "", prefix, after)

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens if there is none."""
        path = self._path(key)
        with unavailable():
            path.unlink(missing_ok=True)

    def put_file(self, key: str, path: Path) -> None:
        """Put a file's bytes durably, whatever was there."""
        target = self._path(key)
        with unavailable():
            staged = self.new_staging()
            shutil.copyfile(path, staged)
            _sync_file(staged)
            self._make_parent(target)
            staged.replace(target)
            _sync_folder(target.parent)

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object's bytes to a new file; return False if there is none."""
        source = self._path(key)
        with unavailable():
            try:
                shutil.copyfile(source, path)
            except FileNotFoundError:
                return False
        return True

    def check_writable(self) -> None:
        """Return if an object can be put now; else raise StoreUnavailableError."""
        with unavailable():
            self._stage(b"sfumato").unlink()

    def new_staging(self) -> Path:
        """Return a name in the same file system that nobody uses and no listing shows."""
        return self.root / _STAGING / uuid.uuid4().hex

    def move_folder(self, folder: Path, target: Path) -> bool:
        """Rename a staged folder, whose files are synced, into place; False: the name is taken."""
        with unavailable():
            _sync_folder(folder)
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    return False
                raise
            _sync_folder(target.parent)
        return True

    def sweep_staging(self, before: datetime) -> None:
        """Remove what writers that died left behind before an instant."""
        with unavailable():
            for path in (self.root / _STAGING).iterdir():
                with contextlib.suppress(FileNotFoundError):  # its writer may just have moved it into place
                    if _modified(path) < before:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _stage(self, data: bytes) -> Path:
        staged = self.new_staging()
        with staged.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return staged

    def _make_parent(self, path: Path) -> None:
        if path.parent.is_dir():
            return
        missing = [folder for folder in path.parents if folder.is_relative_to(self.root) and not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with unavailable():
            lock = (self.root / _LOCKS / key.replace("/", "~")).open("ab")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _walk(self, folder: Path, folder_key: str, prefix: str, after: str) -> Iterator[StoredKey]:
        """Yield a folder's objects; folders that cannot hold a wanted key are not read."""
        try:
            with os.scandir(folder) as scan:
                # A folder sorts with its slash, so that the order is that of whole keys, as a bucket has it.
                names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in scan)
        except FileNotFoundError:
            return
        for name in names:
            key = folder_key + name
            if name.startswith("."):
                continue
            if name.endswith("/"):
                within = key.startswith(prefix) or prefix.startswith(key)
                if within and (key > after or after.startswith(key)):
                    yield from self._walk(folder / name, key, prefix, after)
            elif key.startswith(prefix) and key > after:
                with contextlib.suppress(FileNotFoundError):  # deleted since the folder was read
                    yield StoredKey(key, _modified(folder / name))


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sync_files(folder: Path) -> None:
    """Make a folder and the files in it durable."""
    for path in folder.iterdir():
        _sync_file(path)
    _sync_folder(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def unavailable() -> Iterator[None]:
    """Turn errors of the file system into StoreUnavailableError."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError("the directory of releases cannot be used") from error
