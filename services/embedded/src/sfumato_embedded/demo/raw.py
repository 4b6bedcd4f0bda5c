"""The same questions on the raw tables: no clamping, no contribution bounds, no noise."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from sfumato_embedded.demo.tables import FLIGHTS, PENGUINS

Rows = list[dict[str, Any]]


class RawTables:
    """Both CSV files, as they are."""

    def __init__(self, folder: Path) -> None:
        self.penguins = pl.read_csv(folder / PENGUINS, null_values=["NA"])
        self.flights = pl.read_csv(folder / FLIGHTS, null_values=["NA"], infer_schema_length=10_000)


def _grouped(rows: pl.DataFrame, key: str, *measures: pl.Expr) -> Rows:
    return rows.group_by(key).agg(*measures).sort(key).to_dicts()


def _histogram(rows: pl.DataFrame, column: str, edges: list[int]) -> Rows:
    values = rows[column].drop_nulls()
    last = len(edges) - 2
    inside = [
        int(((values >= low) & ((values <= high) if i == last else (values < high))).sum())
        for i, (low, high) in enumerate(pairwise(edges))
    ]
    return [{"mass": inside}]


def _quantiles(rows: pl.DataFrame, column: str) -> Rows:
    values = rows[column].drop_nulls()
    return [{name: values.quantile(q, "lower") for name, q in (("low", 0.1), ("mid", 0.5), ("high", 0.9))}]


RAW: tuple[Callable[[RawTables], Rows], ...] = (
    lambda t: [{"n": t.penguins.height}],
    lambda t: _grouped(t.penguins, "species", pl.len().alias("n"), pl.col("body_mass_g").mean().alias("mass")),
    lambda t: _quantiles(t.penguins, "flipper_length_mm"),
    lambda t: _histogram(t.penguins, "body_mass_g", [2500, 3500, 4500, 5500, 6500]),
    lambda t: _grouped(
        t.penguins.filter(pl.col("body_mass_g") > 4000),
        "island",
        pl.len().alias("n"),
        pl.col("bill_length_mm").mean().alias("bill"),
    ),
    lambda t: _grouped(
        t.flights, "carrier", pl.len().alias("flights"), pl.col("tailnum").drop_nulls().n_unique().alias("aircraft")
    ),
    lambda t: _grouped(t.flights, "dest", pl.col("tailnum").drop_nulls().n_unique().alias("aircraft")),
)
"""In the order of `questions.PAID`."""
