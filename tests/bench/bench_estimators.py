"""Our estimators beside bare Diffprivlib, on the same rows: naive Bayes and a line.

Both run in one process, in turns, and medians are compared. Ours is all that one fit costs once the dataset is
prepared: compiling, selecting a fixed number of rows, and the library's job; the bare library gets the selected rows as
arrays, with the bounds that it needs. Run as a script it prints the lines; `lines` returns them.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from sfumato_executor.engines.diffprivlib import job
from sfumato_executor.engines.library.rows import select_rows
from tests.attacks.tables import table
from tests.bench.lines import Line
from tests.unit.estimator_scene import compiled, made, step

ROWS = 100_000
TURNS = 5
_FEATURES = ["mass", "length"]


def people() -> dict[str, Any]:
    """One row of each person."""
    drawn = np.random.default_rng(7)
    mass = drawn.uniform(0, 100, ROWS)
    return {
        "who": np.arange(ROWS),
        "mass": mass,
        "length": drawn.uniform(-10, 30, ROWS),
        "ok": drawn.integers(0, 2, ROWS).astype(bool),
        "species": np.where(mass + drawn.normal(0, 20, ROWS) > 50, "Gentoo", "Adelie"),
        "island": np.full(ROWS, "a"),
        "free": np.full(ROWS, "x"),
    }


def lines() -> list[Line]:
    """Return a line an estimator: seconds, beside those of the bare library."""
    from diffprivlib.models import GaussianNB, LinearRegression

    of, columns = made(ROWS), people()
    prepared = table(of, columns)
    inputs = np.column_stack([columns[name] for name in _FEATURES])
    bounds = (np.array([0.0, -10.0]), np.array([100.0, 30.0]))
    species = (columns["species"] == "Gentoo").astype(np.int64)

    def ours(kind: str, features: list[str], target: str) -> None:
        program = compiled(of, features, [step(kind)], target)
        job.run(program.job, select_rows(program.rows, prepared))

    def line() -> None:
        limits = {"bounds_X": (0.0, 100.0), "bounds_y": (-10.0, 30.0)}
        LinearRegression(epsilon=1.0, **limits).fit(inputs[:, :1], inputs[:, 1])

    taken = [
        _pair(
            "gaussian_naive_bayes",
            lambda: ours("gaussian_naive_bayes", _FEATURES, "species"),
            lambda: GaussianNB(epsilon=1.0, bounds=bounds).fit(inputs, species),
        ),
        _pair("linear_regression", lambda: ours("linear_regression", ["mass"], "length"), line),
    ]
    return [
        Line(f"diffprivlib: {name} of {ROWS:,} rows", own, "s", bare, "bare Diffprivlib") for name, own, bare in taken
    ]


def _pair(name: str, ours: Callable[[], Any], bare: Callable[[], Any]) -> tuple[str, float, float]:
    """Medians of both, in turns; the first turn warms up and is not counted."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS + 1):
        for run, seconds in zip((ours, bare), taken, strict=True):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
    return name, median(taken[0][1:]), median(taken[1][1:])


if __name__ == "__main__":
    for each in lines():
        print(f"{each.name}: {each.value:.3f} {each.unit}, {each.of} {each.beside:.3f} {each.unit}")
