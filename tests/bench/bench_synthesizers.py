"""Our synthesizers beside bare SmartNoise-Synth, on the same rows; and what drawing and confining cost.

Ours is what one fit costs once the dataset is prepared: selecting rows, coding them over the schema's domain, the
library's job. The bare library gets the rows as a frame and learns its domain from them. Both run in one process, in
turns; the first turn imports and compiles, and is not counted.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from sfumato.v1.charge_pb2 import EpsilonDelta
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP
from sfumato.v1.question_pb2 import Question
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.synthesizer_pb2 import (
    MstSynthesizer,
    MwemSynthesizer,
    PacSynthesizer,
    Synthesizer,
    SynthesizerColumn,
)
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.isolation import Limits, run_isolated
from sfumato_executor.engines.library.program import MODEL_METADATA, LibraryProgram
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.smartnoise_synth import job
from sfumato_executor.engines.smartnoise_synth.adapter import SynthesizerAdapter
from sfumato_executor.engines.smartnoise_synth.sampling import sample
from tests.attacks.tables import NAME, dataset, table
from tests.bench.lines import Line

ROWS = 10_000
TURNS = 3
_DRAWN = 1_000_000
_SCHEMA = """
columns { name: "species" category { values: "0" values: "1" values: "2" } }
columns { name: "island" category { values: "0" values: "1" values: "2" values: "3" } }
columns { name: "year" integer { lower: 2000 upper: 2009 } }
columns { name: "size" integer { lower: 0 upper: 7 } }
"""
_PAYMENT = Payment(epsilon=EpsilonDelta(epsilon_picos=3 * 10**12, delta_attos=10**12))
_METHODS: dict[str, Any] = {
    "mst": {"mst": MstSynthesizer()},
    "mwem": {"mwem": MwemSynthesizer(iterations=20)},
    "pac": {"pac": PacSynthesizer(reporting_length=3)},
}
_LIMITS = Limits(wall_seconds=300.0, cpu_seconds=600, memory_bytes=6 << 30, result_bytes=1 << 28, threads=2)


def people() -> dict[str, Any]:
    """One row of each person."""
    drawn = np.random.default_rng(7)
    species = drawn.integers(0, 3, ROWS)
    return {
        "species": species.astype(str),
        "island": ((species + drawn.integers(0, 2, ROWS)) % 4).astype(str),
        "year": drawn.integers(2000, 2010, ROWS),
        "size": (species * 2 + drawn.integers(0, 3, ROWS)).astype(np.int64),
    }


def lines() -> list[Line]:
    """Return a line a method: seconds, beside those of the bare library; then confinement and drawing."""
    columns = people()
    prepared = table(dataset(_SCHEMA), columns)
    found = []
    for method in _METHODS:
        program = _compiled(method)
        fit = partial(_fit, program, prepared)
        own, bare = _pair(fit, partial(_bare, method, columns))
        found.append(Line(f"synthesizer {method}: {ROWS:,} rows, 4 columns", own, "s", bare, "the bare library"))
    program = _compiled("mwem")
    rows = select_rows(program.rows, prepared)
    confined = _seconds(lambda: run_isolated(program.engine, program.job, rows, _LIMITS))
    found.append(Line("synthesizer mwem, confined: its process too", confined, "s", found[1].value, "in this process"))
    release = _fit(_compiled("mst"), prepared).replace_schema_metadata({MODEL_METADATA: _described(_compiled("mst"))})
    drawn = _seconds(lambda: sum(each.num_rows for each in sample(release, _DRAWN, 1)))
    found.append(Line(f"rows drawn from a synthesizer, {_DRAWN:,}", _DRAWN / drawn, "/s"))
    return found


def _described(program: LibraryProgram) -> str:
    import json

    return json.dumps(program.model)


def _compiled(method: str) -> LibraryProgram:
    names = [SynthesizerColumn(name=name) for name in ("species", "island", "year", "size")]
    spec = ModelSpec(
        source=Relation(scan=Scan(dataset=NAME)), synthesizer=Synthesizer(columns=names, **_METHODS[method])
    )
    asked = Asked(Question(model=spec), _PAYMENT, dataset(_SCHEMA), ACCOUNTING_ZCDP, 0.95)
    return SynthesizerAdapter().compile(asked)


def _fit(program: LibraryProgram, prepared: Any) -> pa.Table:
    return job.run(program.job, select_rows(program.rows, prepared))


def _bare(method: str, columns: dict[str, Any]) -> None:
    import pandas as pd
    from snsynth import Synthesizer as Bare

    frame = pd.DataFrame(columns)
    extra: dict[str, Any] = {
        "mst": {"epsilon": 3.0, "delta": 1e-6},
        "mwem": {"epsilon": 3.0, "iterations": 20, "marginal_width": 2},
        "pac": {"epsilon": 3.0, "delta": 1e-6, "reporting_length": 3},
    }
    made = Bare.create("pacsynth" if method == "pac" else method, **extra[method])
    made.fit(frame, categorical_columns=list(columns), preprocessor_eps=0.0)


def _pair(ours: Callable[[], Any], bare: Callable[[], Any]) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS + 1):
        for run, seconds in zip((ours, bare), taken, strict=True):
            seconds.append(_seconds(run))
    return median(taken[0][1:]), median(taken[1][1:])


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
