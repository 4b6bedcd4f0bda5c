"""A mesh beside a program of its own: the event loop in a thread, the program in the main one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sfumato_embedded import loop
from sfumato_embedded.folder import DataFolder
from sfumato_embedded.identities import ADMINISTRATOR, ANALYST, Connection
from sfumato_embedded.mesh import EmbeddedMesh, run_mesh
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord


@dataclass(frozen=True)
class RunningMesh:
    """A mesh whose event loop runs in another thread."""

    mesh: EmbeddedMesh
    loop: asyncio.AbstractEventLoop
    connection: Connection

    def custodian_view(self, dataset: str) -> tuple[DatasetRecord, Path]:
        """Record and prepared rows of a dataset."""
        return asyncio.run_coroutine_threadsafe(self.mesh.published(dataset), self.loop).result(30)


@contextmanager
def running_mesh(folder: DataFolder) -> Iterator[RunningMesh]:
    """Run a mesh on `folder` in a thread of its own until the block ends."""
    ready: threading.Event = threading.Event()
    stop = asyncio.Event()
    box: list[RunningMesh] = []
    failure: list[BaseException] = []

    async def serve() -> None:
        with folder.locked():
            async with run_mesh(folder) as mesh:
                now = datetime.now(UTC)
                connection = Connection(
                    mesh.target, mesh.token(ANALYST, now), mesh.token(ADMINISTRATOR, now), str(folder.root)
                )
                box.append(RunningMesh(mesh, asyncio.get_running_loop(), connection))
                ready.set()
                await stop.wait()

    def run() -> None:
        try:
            loop.run(serve())
        except BaseException as error:
            failure.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="sfumato-mesh", daemon=True)
    thread.start()
    ready.wait(60)
    if failure:
        raise RuntimeError("the mesh did not start") from failure[0]
    running = box[0]
    try:
        yield running
    finally:
        running.loop.call_soon_threadsafe(stop.set)
        thread.join(30)
