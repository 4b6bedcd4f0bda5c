"""In the confined process: one SELECT of SmartNoise-SQL over rows in memory.

Its paths used here: `PandasReader` copies the frame into SQLite in memory; `Rewriter` makes clamped exact aggregates;
`PrivateReader._execute_ast` puts noise on each, sets a null to 0 before (an empty sum), and filters by threshold. It
draws once: there is no retry in it, and none here. `postprocess` converts counts and sums of whole numbers with `int`,
towards zero.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from sfumato_executor.engines.library.program import MODEL_METADATA

_TABLE: Final = "sfumato.measured"
_ROW: Final = "r0"
"""1 in every row of data and null in made-up rows: what COUNT(r0) counts is rows of data."""


def run(job: Mapping[str, Any], rows: pa.Table) -> pa.Table:
    """Return the noisy statistics of each group: codes of its keys, and one column for each statistic."""
    from snsql import Privacy
    from snsql.sql.private_reader import PrivateReader

    privacy = Privacy(epsilon=job["epsilon"], delta=job["delta"])
    reader = PrivateReader.from_connection(frame(job, rows), metadata=metadata(job), privacy=privacy, engine="pandas")
    header, *answers = reader.execute(query(job))
    if list(header) != [field.name for field in _schema(job)]:
        raise ValueError("other columns than asked")
    columns = list(zip(*answers, strict=True)) if answers else [()] * len(header)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, _schema(job), strict=True)],
        schema=_schema(job),
    ).sort_by([(field.name, "ascending") for field in _schema(job)][: len(job["keys"])] or "s0")


def query(job: Mapping[str, Any]) -> str:
    """Return the statement that the library gets: of our names alone."""
    keys = [key["name"] for key in job["keys"]]
    selected = [*keys, *(f"{_aggregate(each, job)} AS {each['name']}" for each in job["statistics"])]
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join(selected)} FROM {_TABLE}{grouped}"  # noqa: S608  (of names made here)


def _aggregate(statistic: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    match statistic["what"]:
        case "rows":
            return "COUNT(*)" if job["thresholded"] else f"COUNT({_ROW})"
        case "count":
            return f"COUNT({statistic['column']})"
        case _:
            return f"SUM({statistic['column']})"


def metadata(job: Mapping[str, Any]) -> Any:
    """Return what the library knows of the table: types and public bounds."""
    from snsql.metadata import Float, Int, Metadata, Table

    columns = [Int(key["name"], lower=0, upper=key["size"] - 1) for key in job["keys"]]
    columns.append(Int(_ROW, lower=0, upper=1))
    for column in job["columns"]:
        kind = Int if column["whole"] else Float
        bound = int if column["whole"] else float
        columns.append(kind(column["name"], lower=bound(column["lower"]), upper=bound(column["upper"])))
    schema, name = _TABLE.split(".")
    table = Table(
        schema, name, columns, row_privacy=True, max_ids=1, sample_max_ids=False, clamp_counts=False,
        clamp_columns=True, use_dpsu=False, censor_dims=job["thresholded"],
    )  # fmt: skip
    return Metadata([table], engine="pandas")


def frame(job: Mapping[str, Any], rows: pa.Table) -> Any:
    """Return the rows as the library gets them, with one row for each public key where keys pass no threshold.

    Made-up rows are the same for every data set, and null but for their keys: they move no count and no sum.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    for key in job["keys"]:
        columns[key["name"]] = _codes(key, rows.column(key["name"]).combine_chunks())
    columns[_ROW] = pd.array(np.ones(rows.num_rows, dtype=np.int64), dtype="Int64")
    for column in job["columns"]:
        columns[column["name"]] = _values(column, rows)
    made = pd.DataFrame(columns)
    if job["thresholded"] or not job["keys"]:
        return made
    sizes = [key["size"] for key in job["keys"]]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    present = pd.DataFrame({key["name"]: codes for key, codes in zip(job["keys"], grid, strict=True)})
    return pd.concat([made, present.reindex(columns=made.columns).astype(made.dtypes)], ignore_index=True)


def _codes(key: Mapping[str, Any], values: pa.Array) -> Any:
    """A key's values counted from 0; null is the last."""
    import numpy as np

    found = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) - key.get("lower", 0)
    return np.where(values.is_null().to_numpy(zero_copy_only=False), key["size"] - 1, found)


def _values(column: Mapping[str, Any], rows: pa.Table) -> Any:
    import numpy as np
    import pandas as pd

    values = rows.column(column["source"]).combine_chunks()
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if column["what"] == "count":
        return pd.arrays.IntegerArray(np.zeros(len(values), dtype=np.int64), missing)
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
    if column["what"] == "squares":
        numbers = numbers * numbers
    if column["whole"]:
        return pd.arrays.IntegerArray(np.array(numbers, dtype=np.int64), missing)
    numbers = np.round(numbers / column["step"]) * column["step"]
    return np.where(missing, np.nan, numbers)


def _schema(job: Mapping[str, Any]) -> pa.Schema:
    keys = [(key["name"], pa.int64()) for key in job["keys"]]
    statistics = [(each["name"], pa.float64()) for each in job["statistics"]]
    told = {"keys": job["keys"], "statistics": job["statistics"], "outputs": job["outputs"]}
    return pa.schema([*keys, *statistics], metadata={MODEL_METADATA: json.dumps(told).encode()})
