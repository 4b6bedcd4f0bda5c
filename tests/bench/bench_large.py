"""A million rows: group-by with count and mean, first and next, and what the mesh needs for it."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

import sfumato as sf
from tests.bench.bench_queries import documents
from tests.bench.lines import Line, at_most, memory, milliseconds, typical
from tests.mesh_process import MeshProcess

_ROWS = 1_000_000
_KEYS = [f"key-{number:03}" for number in range(100)]
_TIMES = 15


def rows() -> list[Line]:
    """Measured lines."""
    with TemporaryDirectory() as folder:
        mesh = MeshProcess(Path(folder), settings={})
        mesh.start()
        try:
            source = _publish(mesh)
            preparing = memory(_pid(mesh), "VmHWM")
            mesh.stop()
            mesh.start()  # so that the peak is that of answering
            return [*_ask(mesh, source), Line("preparing 1 M rows: peak memory of the mesh", preparing, "MiB")]
        finally:
            mesh.stop()


def _publish(mesh: MeshProcess) -> Path:
    random = np.random.default_rng(2026)
    keys = pl.Series(_KEYS)[random.integers(0, len(_KEYS), _ROWS)]
    source = mesh.folder / "data" / "large.parquet"
    source.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"key": keys, "x": random.integers(0, 10_000, _ROWS)}).write_parquet(source)
    columns = {
        "key": {"type": "category", "values": _KEYS},
        "x": {"type": "integer", "bounds": [0, 10_000]},
    }
    mesh.apply(documents("large", "large.parquet", columns))
    mesh.admin("publish", "large")
    return source


def _ask(mesh: MeshProcess, source: Path) -> list[Line]:
    def aggregate(frame: pl.LazyFrame) -> pl.DataFrame:
        return frame.group_by("key").agg(pl.len(), pl.col("x").mean()).collect()

    raw_first = milliseconds(lambda: aggregate(pl.scan_parquet(source)))
    in_memory = pl.read_parquet(source).with_columns(pl.col("key").cast(pl.Enum(_KEYS)))
    raw_next = typical(lambda: aggregate(in_memory.lazy()), _TIMES)
    with sf.connect(mesh.target, mesh.token()) as client:
        question = client.dataset("large").group_by("key").agg(n=sf.count(), m=sf.mean("x"))
        ask = partial(question.run, rho=0.5, fresh=True)
        first = milliseconds(ask)
        following = typical(ask, _TIMES, warm_up=2)
    peak = memory(_pid(mesh), "VmHWM")
    return [
        at_most("group-by count + mean, 1 M rows: first", first, "ms", 350, raw_first, "plain Polars from Parquet"),
        at_most("group-by count + mean, 1 M rows: next", following, "ms", 50, raw_next, "plain Polars in memory"),
        at_most("group-by count + mean, 1 M rows: peak memory of the mesh", peak, "MiB", 512),
    ]


def _pid(mesh: MeshProcess) -> int:
    assert mesh.process is not None
    return mesh.process.pid
