"""A library's process, from its first step to its last: confined, it reads one job, runs it, and writes one table.

Started as `python -I -B -m sfumato_executor.engines.library.child ENGINE CEILINGS` in its scratch folder. Standard
input is an Arrow stream of the rows, whose schema says the job; standard output the stream of the result. It says
nothing else: its exit code is one of those below, or what a signal left.
"""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from sfumato_executor.engines.library.confinement import Ceilings, UnconfinableError, confine

JOB_METADATA: Final = b"sfumato.job"
"""Key of the schema metadata that holds the job, as JSON."""

FAILED: Final = 70
"""Exit code: the job raised, or gave no table."""
OUT_OF_MEMORY: Final = 71
UNCONFINABLE: Final = 69
"""Exit code: the process could not be confined, and imported nothing."""

_JOBS: Final = {
    engine: f"sfumato_executor.engines.{engine}.job" for engine in ("smartnoise_synth", "smartnoise_sql", "diffprivlib")
}


def serve(jobs: Mapping[str, str], arguments: list[str]) -> int:
    """Run one job of an engine, and return the exit code.

    Args:
        jobs: module of each engine's job. It has `run(job, rows)`, and is imported after the process is confined.
        arguments: name of the engine, and the ceilings as JSON.
    """
    try:
        engine, ceilings = arguments
        module, limits = jobs[engine], Ceilings(**json.loads(ceilings))
        result = _private_output()
        confine(limits, Path.cwd())
    except (KeyError, TypeError, ValueError, OSError, UnconfinableError):
        return UNCONFINABLE
    try:
        _run(module, result)
    except MemoryError:
        return OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001  (of any kind, and its text may be data: nothing of it leaves the process)
        return FAILED
    return 0


def _private_output() -> BinaryIO:
    """Return standard output, and leave in its place a file that swallows what libraries print."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def _run(module: str, output: BinaryIO) -> None:
    import pyarrow as pa

    received = sys.stdin.buffer.read()
    source = pa.BufferReader(received)
    rows = pa.ipc.open_stream(source).read_all()
    if source.tell() != len(received):
        raise ValueError("something follows the rows")
    job = json.loads((rows.schema.metadata or {})[JOB_METADATA])
    del received, source
    result = importlib.import_module(module).run(job, rows.replace_schema_metadata(None))
    if not isinstance(result, pa.Table):
        raise TypeError("the job gave no table")
    with output, pa.ipc.new_stream(output, result.schema) as stream:
        stream.write_table(result)


def _end(code: int) -> None:
    """End at once: threads that a library left behind hold nothing up."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(serve(_JOBS, sys.argv[1:]))
