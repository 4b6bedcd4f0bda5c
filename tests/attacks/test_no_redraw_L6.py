"""Hole L6, attack: make an answer look odd, so that it is drawn again and the better draw is told for one charge.

SmartNoise-SQL answers once: whatever the group holds, each statistic of each group is released by one call of its
mechanism, and what cannot be said (a mean of nothing) is null and stays null.
"""

from collections import Counter
from typing import Any

import pytest

pytest.importorskip("snsql")
pytest.importorskip("sqlglot")

from sfumato_executor.engines.smartnoise_sql import job
from tests.unit.smartnoise_sql_scene import ADAPTER, compiled, people, rows_of

STATEMENT = "SELECT species, ok, AVG(mass) AS m, STDDEV(mass) AS d, SUM(age) AS a FROM @ GROUP BY species, ok"
GROUPS = 6
"""Two species, and true, false and null."""


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often noise was drawn. The noise is replaced by one that leaves every count of nothing below 1."""
    from snsql.sql._mechanisms.laplace import Laplace

    counted: Counter[str] = Counter()

    def release(self: Any, values: list[float]) -> list[float]:
        del self
        counted["values"] += len(values)
        return [float(value) - 0.5 for value in values]

    monkeypatch.setattr(Laplace, "release", release)
    return counted


def test_a_null_is_answered_and_never_drawn_again(draws: Counter[str]) -> None:
    program = compiled(STATEMENT)
    columns = people(10, rows=3)
    columns["mass"] = [None] * 30
    release = job.run(program.job, rows_of(program, columns))
    answer = ADAPTER.render(program, release, 0.95)
    drawn: Any = program.job["statistics"]
    assert draws["values"] == GROUPS * len(drawn)
    assert answer.num_rows == GROUPS
    assert answer.column("m").null_count == GROUPS
    assert answer.column("d").null_count == GROUPS


def test_rendering_again_tells_the_same(draws: Counter[str]) -> None:
    program = compiled(STATEMENT)
    release = job.run(program.job, rows_of(program, people(10, rows=3)))
    before = draws["values"]
    assert ADAPTER.render(program, release, 0.95).equals(ADAPTER.render(program, release, 0.5))
    assert draws["values"] == before


def test_a_job_that_fails_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from snsql.sql.private_reader import PrivateReader

    called = []

    def fails(self: Any, *arguments: Any, **named: Any) -> None:
        del self, arguments, named
        called.append(1)
        raise ValueError("no answer")

    monkeypatch.setattr(PrivateReader, "execute", fails)
    program = compiled(STATEMENT)
    with pytest.raises(ValueError, match="no answer"):
        job.run(program.job, rows_of(program, people(4)))
    assert called == [1]
