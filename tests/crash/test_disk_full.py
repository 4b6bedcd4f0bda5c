"""The disk of the release store is full when a release is to be sealed: nothing is lost, nor sold meanwhile."""

import contextlib
import os
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import sfumato as sf
from tests.crash.books import Auditor, agree, kinds
from tests.crash.driver import ask_until_known
from tests.crash.production_scene import until
from tests.crash.scene import POPULATION, Ask, set_up, uuid_of
from tests.mesh_process import SHORT_LEASES, MeshProcess

_HALTING: Final = Path(__file__).parent / "halting"
_CHUNK: Final = bytes(4096)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of 2 MiB of its own at a folder: only root can have one."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(_CHUNK)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_full_disk_puts_a_release_off_and_loses_nothing(tmp_path: Path) -> None:
    dice = random.Random(7)
    crash = tmp_path / "crash"
    crash.mkdir()
    settings = {**SHORT_LEASES, "PYTHONPATH": str(_HALTING), "CRASH_FOLDER": str(crash)}
    mesh = MeshProcess(tmp_path, settings=settings)
    auditor = Auditor.of(mesh, POPULATION)
    asked, refused = (Ask(uuid_of(dice), "analyst", "small", number, "count", 0.01) for number in (1, 2))
    answers: dict[str, list[sf.Answer]] = {}
    with _small_disk(mesh.folder / "releases"):
        filler = mesh.folder / "releases" / ".staging" / "filler"
        try:
            mesh.start()
            set_up(mesh)
            (crash / "armed").write_text("drawn")
            with sf.connect(mesh.target, mesh.token()) as client:
                asking = threading.Thread(
                    target=lambda: answers.setdefault(asked.request_id, []).append(ask_until_known(client, asked))
                )
                asking.start()
                until((crash / "halted").exists, "the draw was not reached")
                _fill(filler)
                (crash / "halted").unlink()
                until(lambda: "the attempt failed: StoreUnavailableError" in mesh.output.read_text(), "it was sealed")
                with pytest.raises(sf.Unavailable):
                    refused.run(client, timeout=1.0)
                filler.unlink()
                asking.join(60)
                answers[refused.request_id] = [ask_until_known(client, refused)]
                answers[asked.request_id].append(ask_until_known(client, asked))
            books = auditor.read_settled(30)
            agree(books, answers, auditor.spent())
            assert kinds(books) == {"committed": 2}
        finally:
            mesh.stop()
