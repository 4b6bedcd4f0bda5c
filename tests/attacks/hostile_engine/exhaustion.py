"""A library that takes all there is."""

import mmap
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from .attempts import passed


def sleeps() -> None:
    while True:
        time.sleep(60)


def spins() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def spins_on() -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    spins()


def eats() -> None:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def maps() -> None:
    """Memory that Python's allocator does not see."""
    held = []
    while True:
        try:
            held.append(mmap.mmap(-1, 1 << 26))
        except OSError:
            raise MemoryError from None  # as a library in C++ or Rust would


def dies() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def threads() -> pa.Table:
    """As many threads as there can be."""
    started, left_for_the_answer = 0, bytearray(1 << 27)
    try:
        while started < 20_000:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            started += 1
    except (RuntimeError, MemoryError):
        pass
    del left_for_the_answer
    return pa.table({"started": [started]})


def fills() -> pa.Table:
    """A file larger than the result may be."""
    return passed({"file": lambda: Path("large").write_bytes(bytes(1 << 25))})


def run(job: Any, rows: Any) -> Any:
    return globals()[job["way"]]()
