"""What SmartNoise-SQL answers, what that costs beside its own account, and how it moves between neighbours."""

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("snsql")
pytest.importorskip("sqlglot")

from sfumato.v1.population_pb2 import ACCOUNTING_BASIC
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.native.dummy import dummy_table
from sfumato_executor.engines.smartnoise_sql import job
from sfumato_executor.plan.program import Loss
from tests.unit.smartnoise_sql_scene import ADAPTER, MADE, MAX_ROWS, TABLE, answer, compiled, payment, people, rows_of

STATEMENTS = [
    "SELECT COUNT(*) AS n FROM @",
    "SELECT COUNT(mass) AS n, SUM(age) AS a FROM @",
    "SELECT species, AVG(mass) AS m, SUM(mass) AS s, COUNT(mass) AS c FROM @ GROUP BY species",
    "SELECT species, ok, VARIANCE(age) AS v, STDDEV(age) AS d, COUNT(*) AS n FROM @ GROUP BY species, ok",
    "SELECT zip, COUNT(*) AS n, SUM(tiny) AS t FROM @ GROUP BY zip",
    "SELECT SUM(mass) AS m FROM @ GROUP BY zip",
]


THRESHOLDED = "SELECT zip, COUNT(*) AS n FROM @ GROUP BY zip"


def library_reader(program: LibraryProgram, columns: dict[str, list[Any]]) -> Any:
    from snsql import Privacy
    from snsql.sql.private_reader import PrivateReader

    privacy = Privacy(epsilon=program.job["epsilon"], delta=program.job["delta"])
    frame = job.frame(program.job, rows_of(program, columns))
    return PrivateReader.from_connection(frame, metadata=job.metadata(program.job), privacy=privacy, engine="pandas")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_price_covers_what_the_library_says_for_every_row_of_a_unit(statement: str) -> None:
    program = compiled(statement, delta=1e-6)
    drawn = len(program.job["statistics"])  # type: ignore[arg-type]
    epsilons = [
        cost[0] for cost in library_reader(program, people(4))._get_mechanism_costs(job.query(program.job)) if cost
    ]
    assert len(epsilons) == drawn
    assert program.loss.epsilon_picos is not None
    assert sum(epsilons) * MAX_ROWS <= program.loss.epsilon_picos / 1e12
    assert sum(measure.charge.rho_picos for measure in program.measures) == program.loss.rho_picos
    assert sum(measure.charge.epsilon_picos for measure in program.measures) == program.loss.epsilon_picos
    assert sum(measure.charge.delta_attos for measure in program.measures) == program.loss.delta_attos


def test_noise_has_the_scale_of_the_quote() -> None:
    """The sum of |x|/b of n draws is Gamma(n, 1): for n = 2,000 it leaves (1 ± 0.14)n below 1e-7, Chernoff."""
    program = compiled("SELECT species, SUM(mass) AS m FROM @ GROUP BY species", 3.0)
    scale = program.measures[0].mechanisms[0].scale
    assert scale == pytest.approx(100.0 / (3.0 / MAX_ROWS), rel=1e-4)
    reader = library_reader(program, people(0))
    [mechanism] = [s.mechanism for s in reader._rewrite(job.query(program.job))[0]._select_symbols if s.mechanism]
    assert scale / (1 + 2e-6) <= mechanism.scale <= scale
    noise = np.abs(mechanism.release([0.0] * 2_000))
    assert 0.86 < noise.mean() / scale < 1.14


def test_answers_are_near_the_truth_and_every_public_key_is_there() -> None:
    """At ε = 83 a statistic and row, a count is off by more than 1 with probability e^-83; then it is cut."""
    statement = "SELECT species AS s, ok, COUNT(*) AS n, AVG(mass) AS m, STDDEV(mass) AS d FROM @ GROUP BY species, ok"
    found = {(row["s"], row["ok"]): row for row in answer(compiled(statement, 1000.0), people(200, rows=3))}
    assert set(found) == {(species, ok) for species in ("Adelie", "Gentoo") for ok in (True, False, None)}
    masses = [float(place % 50) for place in range(600) if place % 7 and (place // 3) % 2 == 0]
    told = found["Adelie", True]
    assert abs(told["n"] - 300) <= 2
    assert told["m"] == pytest.approx(np.mean(masses), abs=1.0)
    assert told["d"] == pytest.approx(np.std(masses), abs=3.0)
    assert found["Gentoo", None]["n"] in (-2, -1, 0, 1, 2)


def test_sorting_and_cutting_work_on_what_was_released() -> None:
    columns = people(60, rows=3)
    columns["species"] = ["Gentoo" if who < 50 else "Adelie" for who in columns["who"]]
    program = compiled("SELECT species, COUNT(*) AS n FROM @ GROUP BY species ORDER BY n DESC LIMIT 1", 1000.0)
    assert [row["species"] for row in answer(program, columns)] == ["Gentoo"]


@pytest.mark.parametrize("statement", STATEMENTS[:4])
def test_what_is_summed_moves_no_more_than_one_unit_may_move_it(statement: str) -> None:
    """One planted person with as many extreme rows as they like, NaN and null among them."""
    program = compiled(statement, delta=1e-6)
    one = people(20, rows=MAX_ROWS)  # which rows are kept of more is drawn anew in each preparation
    other = {name: list(values) for name, values in one.items()}
    for mass, age in [(math.inf, 10**9), (math.nan, -5), (None, None), (1e300, 120), (-1e300, 120), (100.0, 120)] * 3:
        for name, value in {"who": 900, "mass": mass, "age": age, "tiny": math.nan, "zip": 5, "huge": 3, "ok": None,
                            "species": "Adelie", "note": "x"}.items():  # fmt: skip
            other[name].append(value)
    moved = [abs(a - b) for a, b in zip(exact(program, one), exact(program, other), strict=True)]
    limits = [scale_of(program, index) * MAX_ROWS for index in range(len(program.job["statistics"]))]  # type: ignore[arg-type]
    per_statistic = np.array(moved).reshape(-1, len(limits)).sum(axis=0)
    assert all(np.isfinite(per_statistic))
    assert all(per_statistic <= np.array(limits) * (1 + 1e-9))
    assert per_statistic.max() > 0


def exact(program: LibraryProgram, columns: dict[str, list[Any]]) -> list[float]:
    """The numbers before noise, group after group, of the library's own rewriting."""
    reader = library_reader(program, columns)
    inner, _ = reader._rewrite(job.query(program.job))
    header, *groups = reader._get_reader(inner)._execute_ast(inner)
    keys = len(program.job["keys"])  # type: ignore[arg-type]
    assert len(header) == keys + len(program.job["statistics"])  # type: ignore[arg-type]
    return [float(value or 0) for group in sorted(groups) for value in group[keys:]]


def scale_of(program: LibraryProgram, index: int) -> float:
    """Sensitivity of a statistic to one row, from the job alone."""
    statistic: Any = program.job["statistics"][index]  # type: ignore[index]
    columns: Any = program.job["columns"]
    if statistic["what"] in ("rows", "count"):
        return 1.0
    column = next(each for each in columns if each["name"] == statistic["column"])
    return float(max(abs(column["lower"]), abs(column["upper"])))


def test_real_sums_do_not_depend_on_the_order_of_rows() -> None:
    program = compiled("SELECT SUM(mass) AS m, VARIANCE(mass) AS v FROM @")
    columns = people(40, rows=3)
    columns["mass"] = [value / 7 for value in np.random.default_rng(1).permutation(120).tolist()]
    turned = {name: values[::-1] for name, values in columns.items()}
    assert exact(program, columns) == exact(program, turned)


def test_a_key_of_one_unit_stays_below_the_threshold() -> None:
    """All rows of one person in a group of their own pass with δ at most, here 0.02.

    Of 20,000 draws 400 may pass; more than 520 do with probability below e^-16 = 1.2e-7 (Bernstein). With a threshold
    for one row instead of three they would be some 3,000.
    """
    program = compiled(THRESHOLDED, 3.0, 0.04)  # half of δ finds keys
    reader = library_reader(program, people(1))
    [mechanism] = [s.mechanism for s in reader._rewrite(job.query(program.job))[0]._select_symbols if s.mechanism]
    passed = sum(value > mechanism.threshold for value in mechanism.release([float(MAX_ROWS)] * 20_000))
    assert passed <= 520
    assert program.loss.delta_attos == 2 * 10**16


def test_the_delta_of_a_row_grows_to_that_of_a_unit() -> None:
    """m rows lose m·e^((m−1)·k·ε)·δ (Vadhan 2017, lemma 2.2): one row is told so much less."""
    program = compiled(THRESHOLDED, 6.0, 1e-3)
    told: Any = program.job
    of_row = len(told["statistics"]) * told["epsilon"]
    of_unit = MAX_ROWS * math.exp((MAX_ROWS - 1) * of_row) * told["delta"]
    assert of_unit <= program.loss.delta_attos / 1e18
    assert of_unit == pytest.approx(program.loss.delta_attos / 1e18)


def test_a_key_of_one_unit_is_not_in_the_answer() -> None:
    """It is with δ = 1e-9 at most in each run: in one of ten with 1e-8."""
    program = compiled(THRESHOLDED, 6.0, 1e-9)
    columns = people(100, rows=3)
    columns["zip"] = [7 if who == 0 else 1 for who in columns["who"]]
    reader = library_reader(program, columns)
    shown = {row[0] for _ in range(10) for row in reader.execute(job.query(program.job))[1:]}
    assert shown == {1}


def test_a_rehearsal_runs_on_made_up_rows() -> None:
    program = compiled(STATEMENTS[2])
    rows = select_rows(program.rows, dummy_table(MADE, 50, 1))
    assert ADAPTER.render(program, job.run(program.job, rows), 0.95).num_rows == 2


def test_a_basic_population_adds_up_epsilon_alone() -> None:
    question = Question(sql=SqlQuery(statement=f"SELECT COUNT(*) AS n FROM {TABLE}"), engine="smartnoise_sql")
    program = ADAPTER.compile(Asked(question, payment(2.0), MADE, ACCOUNTING_BASIC, 0.95))
    assert program.loss == Loss(0, 2 * 10**12, 0)


def test_nothing_is_shown_of_no_rows() -> None:
    assert answer(compiled("SELECT zip, COUNT(*) AS n FROM @ GROUP BY zip", 6.0, 1e-9), people(0)) == []
    assert len(answer(compiled("SELECT COUNT(*) AS n, SUM(age) AS a FROM @"), people(0))) == 1


def test_the_release_of_another_program_is_not_rendered() -> None:
    count = compiled("SELECT COUNT(*) AS n FROM @")
    release = job.run(count.job, rows_of(count, people(2)))
    with pytest.raises(UnreadableReleaseError):
        ADAPTER.render(compiled("SELECT AVG(age) AS n FROM @"), release, 0.95)
