"""One measured line of the bench, and how numbers are taken."""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Line:
    """A number of this machine beside another of the same run."""

    name: str
    value: float
    unit: str
    beside: float | None = None
    """What it is held against, in the same unit."""
    of: str = ""
    """What that is."""
    target: str = ""
    """design §9, in words; empty: none."""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """The value over what is beside it."""
        return None if not self.beside else self.value / self.beside

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def at_most(name: str, value: float, unit: str, limit: float, beside: float | None = None, of: str = "") -> Line:
    """Return a line whose value should not be above a limit."""
    return Line(name, value, unit, beside, of, f"≤ {limit:,.6g} {unit}", value <= limit)


def at_least(name: str, value: float, unit: str, limit: float, beside: float | None = None, of: str = "") -> Line:
    """Return a line whose value should not be below a limit."""
    return Line(name, value, unit, beside, of, f"≥ {limit:,.6g} {unit}", value >= limit)


def milliseconds(run: Callable[[], object]) -> float:
    """Return how long one run takes."""
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1e3


def typical(run: Callable[[], object], times: int, warm_up: int = 10) -> float:
    """Return the median milliseconds of a run."""
    for _ in range(warm_up):
        run()
    return median(milliseconds(run) for _ in range(times))


def in_turns(times: int, *runs: Callable[[], object], warm_up: int = 10) -> list[float]:
    """Return the median milliseconds of each, all run once in every turn: a busy machine slows all of them."""
    for _ in range(warm_up):
        for run in runs:
            run()
    took: list[list[float]] = [[] for _ in runs]
    for _ in range(times):
        for index, run in enumerate(runs):
            took[index].append(milliseconds(run))
    return [median(each) for each in took]


def rate(runs: Sequence[Callable[[], object]], times: int) -> float:
    """Return runs a second, each of `runs` in a thread of its own, `times` in all."""

    def work(run: Callable[[], object]) -> None:
        for _ in range(times // len(runs)):
            run()

    threads = [Thread(target=work, args=(run,)) for run in runs]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times // len(runs) * len(runs) / (time.perf_counter() - begin)


def memory(pid: int, field: str) -> float:
    """Return VmRSS or VmHWM (the peak) of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def write(lines: Sequence[Line], path: Path) -> None:
    """Write the lines as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "rows": [each.to_json() for each in lines],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
