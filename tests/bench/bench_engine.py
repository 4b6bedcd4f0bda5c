"""The native engine beside plain Polars: a group-by of 100 keys, count and mean, over two million generated rows.

Both run in one process, in turns, and medians are compared, so that a busy machine slows both. Ours is the whole of
`execute`: exact integers and the noise of 200 numbers. Run as a script it prints a table; `rows` returns it.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from google.protobuf import json_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.engines.native.engine import exact_vectors, execute
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation.preparing import prepare
from sfumato_executor.preparation.table import PreparedTable

ROWS = 2_000_000
PEOPLE = 100_000
KEYS = [f"key-{number:03}" for number in range(100)]
TURNS = 15
FILTER = {
    "call": {"function": "FUNCTION_GREATER", "arguments": [{"column": "x"}, {"literal": {"real": 20.0}}]},
}


@dataclass(frozen=True)
class Case:
    """A question, and the most that it may take beside plain Polars: `times` × raw + `plus` ms."""

    name: str
    unit: dict[str, Any]
    times: float
    plus: float
    filtered: bool = False


CASES = (
    Case("a row is a person", {}, 1.15, 5.0),
    Case("a row is a person, filtered", {}, 1.15, 5.0, filtered=True),
    Case("at most 5 rows of a person", {"maxRows": 5}, 3.0, 10.0),
    Case("at most 5 rows of a person, filtered", {"maxRows": 5}, 3.0, 10.0, filtered=True),
    Case("at most 2 keys, 3 rows in each", {"maxGroups": 2, "maxRowsPerGroup": 3}, 8.0, 0.0),
    Case("at most 10 keys, 3 rows in each", {"maxGroups": 10, "maxRowsPerGroup": 3}, 8.0, 0.0),
    Case("at most 10 keys, 3 rows in each, filtered", {"maxGroups": 10, "maxRowsPerGroup": 3}, 8.0, 0.0, filtered=True),
)


def rows(row_count: int = ROWS, turns: int = TURNS) -> list[dict[str, Any]]:
    """Measured lines: `value` is ours and `beside` plain Polars, in ms; `ratio` is ours over theirs."""
    random = np.random.default_rng(2026)
    source = pl.DataFrame(
        {
            "person": random.integers(0, PEOPLE, row_count),
            "key": pl.Series(KEYS)[random.integers(0, len(KEYS), row_count)],
            "x": random.uniform(0.0, 100.0, row_count),
        }
    )
    raw = source.with_columns(pl.col("key").cast(pl.Enum(KEYS)))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        tables = {}
        for by_person in (False, True):
            path = Path(folder) / str(by_person)
            begin = time.perf_counter()
            prepare(_dataset({"maxRows": 1} if by_person else {}), source.to_arrow().to_batches(), path)
            took = (time.perf_counter() - begin) * 1e3
            name = f"prepare {row_count:,} rows{', grouped by person' if by_person else ''}"
            found.append(_line(name, took, _timed(lambda: source.group_by("key").len())))
            tables[by_person] = PreparedTable.open(path)
        for case in CASES:
            table = tables[bool(case.unit)]
            program = _program(case)
            plain = _plain(raw, case.filtered)
            ours, theirs, exact = _in_turns(
                turns, partial(execute, program, table), plain, partial(exact_vectors, program, table)
            )
            found.append(
                _line(case.name, ours, theirs) | {"target": round(case.times * theirs + case.plus, 1), "exact": exact}
            )
    return found


def _line(name: str, value: float, beside: float) -> dict[str, Any]:
    ratio = round(value / beside, 2)
    return {
        "name": f"engine: {name}",
        "value": round(value, 1),
        "unit": "ms",
        "beside": round(beside, 1),
        "ratio": ratio,
    }


def _in_turns(turns: int, *runs: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each, all run once in every turn."""
    for run in runs:
        run()
    took: list[list[float]] = [[] for _ in runs]
    for _ in range(turns):
        for index, run in enumerate(runs):
            took[index].append(_timed(run))
    return [median(times) for times in took]


def _timed(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1e3


def _plain(raw: pl.DataFrame, filtered: bool) -> Callable[[], pl.DataFrame]:
    lazy = raw.lazy().filter(pl.col("x") > 20.0) if filtered else raw.lazy()
    asked = lazy.group_by("key").agg(pl.len(), pl.col("x").mean())
    return asked.collect


def _dataset(unit: dict[str, Any]) -> dataset_pb2.Dataset:
    columns = [
        {"name": "key", "category": {"values": KEYS}},
        {"name": "x", "real": {"lower": 0.0, "upper": 100.0}},
    ]
    if unit:
        columns.append({"name": "person", "integer": {"lower": "0", "upper": "1000000000"}})
        unit = {"column": "person", **unit}
    made = {"name": "datasets/bench", "schema": {"columns": columns}, "privacyUnit": unit}
    return json_format.ParseDict(made, dataset_pb2.Dataset())


def _program(case: Case) -> Program:
    source: dict[str, Any] = {"scan": {"dataset": "datasets/bench"}}
    if case.filtered:
        source = {"filter": {"input": source, "predicate": FILTER}}
    plan = {
        "source": source,
        "groupBy": {"keys": [{"alias": "key", "expression": {"column": "key"}}]},
        "measures": [{"alias": "n", "count": {}}, {"alias": "x", "mean": {"value": {"column": "x"}}}],
    }
    payment = payment_pb2.Payment()
    payment.rho.rho_picos = 20_000_000_000
    parsed = json_format.ParseDict(plan, plan_pb2.Plan())
    return compile_plan(parsed, payment, _dataset(case.unit), population_pb2.ACCOUNTING_ZCDP)


def main() -> None:
    """Print the table."""
    print(f"{'':52}{'ours':>8}{'exact':>8}{'Polars':>8}{'ratio':>7}{'target':>8}  [ms]")
    for line in rows():
        exact, target = (f"{line[name]:8.1f}" if name in line else " " * 8 for name in ("exact", "target"))
        print(f"{line['name']:52}{line['value']:8.1f}{exact}{line['beside']:8.1f}{line['ratio']:7.2f}{target}")


if __name__ == "__main__":
    main()
