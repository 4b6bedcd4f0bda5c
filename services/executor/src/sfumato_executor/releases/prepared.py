"""Prepared data: a folder of files for each preparation, published whole and never changed.

Several workers may prepare one preparation at once (queues repeat tasks). Each draws its own secret hash key and row
order, so folders are never mixed: the first that is published is the one, the others are dropped.
"""

import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sfumato_executor.releases.directory_objects import DirectoryObjects, sync_files, unavailable
from sfumato_executor.releases.objects import ObjectStore, StoreUnavailableError

_PREFIX: Final = "prepared/"
_MANIFEST: Final = "manifest.json"


class PreparedData(Protocol):
    """Where prepared data lie. Every method raises StoreUnavailableError where the store is away."""

    def new_folder(self) -> Path:
        """Return the path of a folder that does not exist yet, for one preparation to fill."""
        ...

    def publish(self, preparation_id: str, folder: Path) -> bool:
        """Publish a filled and synced folder, which is gone afterwards; False: another was published before."""
        ...

    def fetch(self, preparation_id: str) -> Path | None:
        """Return a local folder with the published files; None: nothing is published. Nobody may change it."""
        ...

    def list_preparations(self) -> Iterator[str]:
        """Yield the ids of preparations of which anything is stored."""
        ...

    def delete(self, preparation_id: str) -> None:
        """Delete all that is stored of a preparation. For the sweeper alone."""
        ...

    def sweep_leftovers(self, before: datetime) -> None:
        """Delete what workers that died left behind before an instant."""
        ...


class DirectoryPrepared:
    """Prepared data in the directory of releases; workers map the files in place."""

    def __init__(self, objects: DirectoryObjects) -> None:
        self._objects = objects
        self._root = objects.root / "prepared"
        with unavailable():
            self._root.mkdir(exist_ok=True)

    def new_folder(self) -> Path:
        """Return the path of a folder that does not exist yet, in the same file system."""
        return self._objects.new_staging()

    def publish(self, preparation_id: str, folder: Path) -> bool:
        """Publish a folder by renaming it; False: another was published before."""
        published = self._objects.move_folder(folder, self._folder(preparation_id))
        if not published:
            shutil.rmtree(folder)
        return published

    def fetch(self, preparation_id: str) -> Path | None:
        """Return the published folder itself; None: nothing is published."""
        folder = self._folder(preparation_id)
        return folder if folder.is_dir() else None

    def list_preparations(self) -> Iterator[str]:
        """Yield the ids of preparations of which anything is stored."""
        with unavailable():
            yield from sorted(each.name for each in self._root.iterdir() if each.is_dir())

    def delete(self, preparation_id: str) -> None:
        """Delete a published folder: first its name, then its files, so that nobody opens half of it."""
        doomed = self._objects.new_staging()
        with unavailable():
            try:
                self._folder(preparation_id).rename(doomed)
            except FileNotFoundError:
                return
            shutil.rmtree(doomed)

    def sweep_leftovers(self, before: datetime) -> None:
        """Delete what workers that died left behind before an instant."""
        self._objects.sweep_staging(before)

    def _folder(self, preparation_id: str) -> Path:
        return self._root / str(uuid.UUID(preparation_id))


@dataclass(frozen=True)
class _Manifest:
    """Which of the stored copies is the published one, and its files."""

    copy: str
    files: tuple[str, ...]

    def encode(self) -> bytes:
        return json.dumps({"copy": self.copy, "files": self.files}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "_Manifest":
        fields = json.loads(data)
        return cls(fields["copy"], tuple(fields["files"]))


class BucketPrepared:
    """Prepared data in a bucket; workers keep copies in a cache folder.

    Files are put under a name that only their worker knows; then the manifest, put if absent, says which copy is
    published. Files lie flat: a prepared folder has no folders in it.
    """

    def __init__(self, objects: ObjectStore, cache: Path) -> None:
        self._objects = objects
        self._cache = cache
        self._fetching = threading.Lock()
        with unavailable():
            (cache / ".staging").mkdir(parents=True, exist_ok=True)

    def new_folder(self) -> Path:
        """Return the path of a folder that does not exist yet, beside the cached ones."""
        return self._cache / ".staging" / uuid.uuid4().hex

    def publish(self, preparation_id: str, folder: Path) -> bool:
        """Publish a folder by copying its files, then naming them; False: another was published before."""
        preparation_id = str(uuid.UUID(preparation_id))
        copy = uuid.uuid4().hex
        files = tuple(sorted(each.name for each in folder.iterdir()))
        for name in files:
            self._objects.put_file(f"{_PREFIX}{preparation_id}/{copy}/{name}", folder / name)
        manifest = _Manifest(copy, files).encode()
        key = f"{_PREFIX}{preparation_id}/{_MANIFEST}"
        won = self._objects.put_if_absent(key, manifest)
        if not won:  # perhaps to our own first request, whose answer was lost
            stored = self._objects.read(key)
            won = stored is not None and stored.data == manifest
        shutil.rmtree(folder)
        if not won:
            for name in files:
                self._objects.delete(f"{_PREFIX}{preparation_id}/{copy}/{name}")
        return won

    def fetch(self, preparation_id: str) -> Path | None:
        """Return a cached folder, copied first if it is not there; None: nothing is published."""
        preparation_id = str(uuid.UUID(preparation_id))
        cached = self._cache / preparation_id
        with self._fetching:  # one copy at a time in this process; two processes may both copy, one rename wins
            if cached.is_dir():
                return cached
            stored = self._objects.read(f"{_PREFIX}{preparation_id}/{_MANIFEST}")
            if stored is None:
                return None
            manifest = _Manifest.decode(stored.data)
            folder = self.new_folder()
            folder.mkdir()
            for name in manifest.files:
                if not self._objects.get_file(f"{_PREFIX}{preparation_id}/{manifest.copy}/{name}", folder / name):
                    shutil.rmtree(folder)
                    raise StoreUnavailableError("a file of prepared data is missing")
            try:
                sync_files(folder)  # a copy that a power cut emptied would be read as data
                folder.rename(cached)
            except OSError:
                shutil.rmtree(folder)
                if not cached.is_dir():
                    raise StoreUnavailableError("the cache of prepared data cannot be used") from None
            self._drop_copies_of_deleted(cached)
        return cached

    def _drop_copies_of_deleted(self, newest: Path) -> None:
        """Remove copies whose preparation was deleted from the bucket; whoever has mapped one keeps it."""
        for copy in [each for each in self._cache.iterdir() if each != newest and not each.name.startswith(".")]:
            if self._objects.read(f"{_PREFIX}{copy.name}/{_MANIFEST}") is None:
                shutil.rmtree(copy, ignore_errors=True)

    def list_preparations(self) -> Iterator[str]:
        """Yield the ids of preparations of which anything is stored."""
        last = ""
        for stored in self._objects.keys(_PREFIX):
            preparation_id = stored.key.split("/")[1]
            if preparation_id != last:
                last = preparation_id
                yield preparation_id

    def delete(self, preparation_id: str) -> None:
        """Delete all that is stored of a preparation, its manifest first."""
        preparation_id = str(uuid.UUID(preparation_id))
        self._objects.delete(f"{_PREFIX}{preparation_id}/{_MANIFEST}")
        for stored in list(self._objects.keys(f"{_PREFIX}{preparation_id}/")):
            self._objects.delete(stored.key)
        shutil.rmtree(self._cache / preparation_id, ignore_errors=True)

    def sweep_leftovers(self, before: datetime) -> None:
        """Delete copies that no manifest names and that were put before an instant."""
        manifests: dict[str, str | None] = {}
        for stored in list(self._objects.keys(_PREFIX)):
            parts = stored.key.split("/")
            if len(parts) != 4 or stored.modified >= before:
                continue
            preparation_id, copy = parts[1], parts[2]
            if preparation_id not in manifests:
                manifest = self._objects.read(f"{_PREFIX}{preparation_id}/{_MANIFEST}")
                manifests[preparation_id] = None if manifest is None else _Manifest.decode(manifest.data).copy
            if copy != manifests[preparation_id]:
                self._objects.delete(stored.key)
