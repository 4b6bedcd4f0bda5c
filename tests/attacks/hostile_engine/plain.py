"""A library that does as it is told, once the process is confined."""

from typing import Any

import pyarrow as pa

from .files import scratch


def run(job: Any, rows: Any) -> Any:
    scratch(job, rows)
    return pa.table({"told": [job["told"]], "count": [rows.num_rows], "left": [len(rows.schema.metadata or {})]})
