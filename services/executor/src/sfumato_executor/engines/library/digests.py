"""The digest of a question to a library engine: what it is, with its noise, whatever its form."""

import hashlib
import json
from typing import Final

from sfumato_executor.engines.library.program import Job, RowSelection
from sfumato_executor.plan.encoding import Structure, dump, structure

_FORM: Final = "sfumato.library.1"


def library_digest(engine: str, dataset: str, rows: RowSelection, job: Job) -> bytes:
    """Return the SHA-256 over engine, dataset, rows and job; 32 bytes. The job holds every amount of noise."""
    selection: Structure = [
        structure(rows.filter),
        [[column.name, structure(column.value)] for column in rows.columns],
        rows.unit_column,
        rows.rows_per_unit,
        rows.drop_nulls,
        rows.row_count,
    ]
    told = json.dumps(job, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    content: Structure = [_FORM, engine, dataset, selection, told]
    return hashlib.sha256(dump(content).encode("ascii")).digest()
