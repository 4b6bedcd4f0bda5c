"""Runs a library's job in a confined process of its own, and takes one table from it.

The process gets the rows and the job, and nothing else: no variables, no open files, no arguments that say what is
asked. What it writes is held for hostile: it is bounded, read as plain Arrow and checked. It is killed when its time is
over, whatever it does.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa

from sfumato_executor.engines.library import child
from sfumato_executor.engines.library.confinement import is_confinable
from sfumato_executor.engines.library.program import Job
from sfumato_executor.engines.library.results import BadResultError, read_result

_CHUNK: Final = 1 << 20
_LOOK_SECONDS: Final = 0.1
"""How often a wait looks whether it shall stop."""
_WRITER_SECONDS: Final = 10.0
"""How long the writer may take to notice that nobody reads any more."""


class Cause(Enum):
    """Why there is no table. For operators: analysts only hear that the query failed."""

    TIMEOUT = "timeout"
    CPU = "cpu"
    MEMORY = "memory"
    RESULT_TOO_LARGE = "result too large"
    NOT_A_TABLE = "not a table"
    JOB_FAILED = "job failed"
    KILLED = "killed"
    STOPPED = "stopped"
    UNCONFINABLE = "unconfinable"
    NOT_STARTED = "not started"


class EngineFailedError(Exception):
    """The process gave no table. Nothing that it wrote is in here."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(f"the library's process gave no table: {cause.value}")
        self.cause = cause


@dataclass(frozen=True)
class Limits:
    """What a library's process may take."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    """Of address space. What is imported alone maps 2 GB of it."""
    result_bytes: int
    """Of the result's Arrow stream, and of each file that it may write meanwhile."""
    threads: int
    """Of each of the thread pools that libraries open."""


def run_isolated(
    engine: str,
    job: Job,
    rows: pa.Table,
    limits: Limits,
    *,
    stopping: threading.Event | None = None,
    command: Sequence[str] | None = None,
) -> pa.Table:
    """Run a job, and return its table. Threads may call it at once.

    Args:
        engine: name of the library engine.
        job: what it shall do; goes to the process as JSON.
        rows: the selected rows.
        limits: of the process.
        stopping: ends the job early when it is set.
        command: starts another process than the engines'; gets the same two arguments.

    Raises:
        EngineFailedError: it failed, broke a limit, or gave something else.
    """
    if not is_confinable():
        raise EngineFailedError(Cause.UNCONFINABLE)
    metadata = {child.JOB_METADATA: json.dumps(job, allow_nan=False).encode()}
    sent = rows.replace_schema_metadata(metadata)
    with tempfile.TemporaryDirectory(prefix="sfumato-library-", ignore_cleanup_errors=True) as scratch:
        process = _start(engine, limits, Path(scratch), command)
        try:
            written = _collect(process, sent, limits, stopping)
        finally:
            _kill(process)
    try:
        return read_result(written, limits.result_bytes)
    except BadResultError:
        raise EngineFailedError(Cause.NOT_A_TABLE) from None


def _start(engine: str, limits: Limits, scratch: Path, command: Sequence[str] | None) -> "subprocess.Popen[bytes]":
    ceilings = {
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.result_bytes,
    }
    started = command or (sys.executable, "-I", "-B", "-m", child.__name__)
    try:
        return subprocess.Popen(  # noqa: S603  (no shell; the arguments are ours)
            [*started, engine, json.dumps(ceilings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=_environment(scratch, limits.threads),
            close_fds=True,
            start_new_session=True,
        )
    except OSError:
        raise EngineFailedError(Cause.NOT_STARTED) from None


def _environment(scratch: Path, threads: int) -> dict[str, str]:
    """Return all variables of the process. None is inherited: the worker's hold credentials."""
    pools = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON")
    return {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "MPLCONFIGDIR": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "JAX_PLATFORMS": "cpu",
        "NPROC": str(threads),  # of XLA's pool
        "POLARS_MAX_THREADS": str(threads),
        "MALLOC_ARENA_MAX": "2",  # each arena maps 64 MB of the address space that is limited
        "JOBLIB_MULTIPROCESSING": "0",  # it could start no process
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
    }


def _collect(
    process: "subprocess.Popen[bytes]", rows: pa.Table, limits: Limits, stopping: threading.Event | None
) -> bytes:
    """Feed the process, and return what it wrote until it ended well."""
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + limits.wall_seconds
    writer = threading.Thread(target=_feed, args=(process.stdin, rows), name="sfumato-library-rows", daemon=True)
    writer.start()
    try:
        written = _read(process.stdout.fileno(), limits.result_bytes, deadline, stopping)
        _await_end(process.pid, deadline, stopping)
    finally:
        _kill(process)
        writer.join(_WRITER_SECONDS)
    if process.returncode != 0:
        raise EngineFailedError(_cause(process.returncode))
    return written


def _feed(pipe: BinaryIO, rows: pa.Table) -> None:
    try:
        with pipe, pa.PythonFile(pipe, mode="w") as sink, pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
    except (OSError, ValueError, pa.ArrowException):
        return  # the process ended or was killed, and its end says why; it cannot have read all of a broken stream


def _read(pipe: int, most: int, deadline: float, stopping: threading.Event | None) -> bytes:
    written = bytearray()
    while True:
        _await(pipe, deadline, stopping)
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return bytes(written)
        written += chunk
        if len(written) > most:
            raise EngineFailedError(Cause.RESULT_TOO_LARGE)


def _await(descriptor: int, deadline: float, stopping: threading.Event | None) -> None:
    """Wait until a pipe has something or is closed, or a process has ended.

    Raises:
        EngineFailedError: the time is over.
    """
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    while not waiting.poll(1000 * min(_time_left(deadline, stopping), _LOOK_SECONDS)):
        pass


def _time_left(deadline: float, stopping: threading.Event | None) -> float:
    if stopping is not None and stopping.is_set():
        raise EngineFailedError(Cause.STOPPED)
    left = deadline - time.monotonic()
    if left <= 0:
        raise EngineFailedError(Cause.TIMEOUT)
    return left


def _await_end(pid: int, deadline: float, stopping: threading.Event | None) -> None:
    """Wait until a process that closed its output has ended. Its number stays taken (pidfd_open(2))."""
    descriptor = os.pidfd_open(pid)
    try:
        _await(descriptor, deadline, stopping)
    finally:
        os.close(descriptor)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group; nothing if that is done.

    The group bears the number of the process, which the kernel gives to nobody else before the process is waited for.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _cause(code: int) -> Cause:
    known = {
        child.FAILED: Cause.JOB_FAILED,
        child.OUT_OF_MEMORY: Cause.MEMORY,
        child.UNCONFINABLE: Cause.UNCONFINABLE,
        -signal.SIGXCPU: Cause.CPU,
    }
    return known.get(code, Cause.KILLED if code < 0 else Cause.JOB_FAILED)
