"""`python -m tests.bench [GROUP…]`: numbers of this machine as a table and as build/bench.json."""

import argparse
import os
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tests.bench import (
    bench_accounting,
    bench_engine,
    bench_estimators,
    bench_footprint,
    bench_large,
    bench_ledger,
    bench_production,
    bench_queries,
    bench_smartnoise_sql,
    bench_stream,
    bench_synthesizers,
    bench_verification,
)
from tests.bench.lines import Line, write
from tests.mesh_process import REPOSITORY

OUTPUT = REPOSITORY / "build" / "bench.json"


def _engine() -> list[Line]:
    lines = []
    for row in bench_engine.rows():
        target = row.get("target")
        lines.append(
            Line(
                row["name"],
                row["value"],
                row["unit"],
                row["beside"],
                "plain Polars",
                "" if target is None else f"≤ {target:,.6g} {row['unit']}",
                None if target is None else row["value"] <= target,
            )
        )
    return lines


def _libraries() -> list[Line]:
    return [*bench_synthesizers.lines(), *bench_estimators.lines(), *bench_smartnoise_sql.lines()]


GROUPS: dict[str, Callable[[], list[Line]]] = {
    "queries": bench_queries.rows,
    "production": bench_production.rows,
    "large": bench_large.rows,
    "engine": _engine,
    "accounting": bench_accounting.rows,
    "ledger": bench_ledger.rows,
    "verification": bench_verification.rows,
    "stream": bench_stream.rows,
    "libraries": _libraries,
    "footprint": bench_footprint.rows,
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="what to measure; everything if unset")
    wanted = parser.parse_args().group or list(GROUPS)
    console = Console(width=None if sys.stdout.isatty() else 160)
    lines: list[Line] = []
    for name in wanted:
        console.print(f"[dim]{name} …[/dim]")
        lines += GROUPS[name]()
    console.print(_table(lines))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    console.print(f"{os.cpu_count()} processors, load {load}; {OUTPUT.relative_to(REPOSITORY)}")
    write(lines, OUTPUT)


def _table(lines: list[Line]) -> Table:
    table = Table("what", "value", "beside", "ratio", "target", "", box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    for each in lines:
        beside = (
            "" if each.beside is None else f"{_number(each.beside)} ({each.of})" if each.of else _number(each.beside)
        )
        mark = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: ""}[each.met]
        ratio = "" if each.ratio is None else f"{each.ratio:.2f} ×"
        table.add_row(each.name, f"{_number(each.value)} {each.unit}", beside, ratio, each.target, mark)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


if __name__ == "__main__":
    main()
