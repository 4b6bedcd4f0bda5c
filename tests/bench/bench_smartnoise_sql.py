"""Our SmartNoise-SQL engine beside the bare library, on the same rows: count, mean and sum by species.

Both run in one process, in turns, and medians are compared. Ours is all that one question costs once the dataset is
prepared: compiling, selecting at most three rows of each person, the library's job, and rendering. The bare library
gets the rows as a frame, and is asked AVG. Run as a script it prints the lines; `lines` returns them.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.smartnoise_sql import job
from tests.attacks.tables import table
from tests.bench.lines import Line
from tests.unit.smartnoise_sql_scene import ADAPTER, MADE, compiled

ROWS = 100_000
TURNS = 5
STATEMENT = "SELECT species, COUNT(*) AS n, AVG(mass) AS m, SUM(age) AS a FROM @ GROUP BY species"
BARE = "SELECT species, COUNT(*) AS n, AVG(mass) AS m, SUM(age) AS a FROM sfumato.measured GROUP BY species"


def people() -> dict[str, Any]:
    """Three rows of each person."""
    drawn = np.random.default_rng(7)
    return {
        "who": np.arange(ROWS) // 3,
        "mass": drawn.uniform(-3, 100, ROWS),
        "tiny": np.zeros(ROWS),
        "age": drawn.integers(0, 120, ROWS),
        "zip": drawn.integers(0, 99_999, ROWS),
        "huge": np.zeros(ROWS, dtype=np.int64),
        "ok": drawn.integers(0, 2, ROWS).astype(bool),
        "species": np.where(drawn.integers(0, 2, ROWS) == 0, "Adelie", "Gentoo"),
        "note": np.full(ROWS, "said"),
    }


def bare(frame: Any) -> None:
    """Ask the library as its own documentation does."""
    from snsql import Privacy
    from snsql.metadata import Float, Int, Metadata, String, Table
    from snsql.sql.private_reader import PrivateReader

    columns = [String("species", card=2), Float("mass", lower=-3.0, upper=100.0), Int("age", lower=0, upper=120)]
    made = Table("sfumato", "measured", columns, row_privacy=True, censor_dims=False)
    metadata = Metadata([made], engine="pandas")
    PrivateReader.from_connection(frame, metadata=metadata, privacy=Privacy(epsilon=1.0), engine="pandas").execute(BARE)


def lines() -> list[Line]:
    """Measure both, in turns."""
    import pandas as pd

    columns = people()
    prepared = table(MADE, columns)
    frame = pd.DataFrame({name: columns[name] for name in ("species", "mass", "age")})

    def ours() -> None:
        program = compiled(STATEMENT)
        ADAPTER.render(program, job.run(program.job, select_rows(program.rows, prepared)), 0.95)

    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(TURNS + 1):
        for name, run in (("ours", ours), ("bare", lambda: bare(frame))):
            seconds = _seconds(run)
            if turn:  # the first turn imports
                taken[name].append(seconds)
    value, beside = (1_000 * median(taken[name]) for name in ("ours", "bare"))
    name = f"smartnoise_sql: count, mean and sum by species, {ROWS:,} rows"
    return [Line(name, value, "ms", beside, "the bare library on the same rows")]


def _seconds(run: Callable[[], None]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for line in lines():
        print(f"{line.name}: {line.value:.0f} {line.unit}, {line.of} {line.beside:.0f}, ratio {line.ratio:.2f}")
