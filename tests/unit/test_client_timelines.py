"""Budgets over time, as the client shows them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

import sfumato as sf
from sfumato._core.charts import ChartColumn, chart
from sfumato.timelines import Timeline, moment
from sfumato.v1 import budget_service_pb2, scope_pb2

SCOPE = scope_pb2.Scope(population="populations/palmer", analyst="users/ada")
START = datetime(2026, 11, 1, tzinfo=UTC)
PICO = 10**12


def response(points: int = 101, *, hours: int = 6) -> budget_service_pb2.GetBudgetTimelineResponse:
    """0 to 0.3 ρ spent, of 0.5 and, from the middle on, of 0.4; a count costs 0.005."""
    made = budget_service_pb2.GetBudgetTimelineResponse()
    for number in range(points):
        point = made.points.add(spent_epsilon_picos=number * PICO // 10)
        point.time.FromDatetime(START + number * timedelta(hours=hours))
        point.spent.rho_picos = 3 * PICO // 10 * number // max(points - 1, 1)
        if number:
            point.limit.rho_picos = PICO // 2 if number < points // 2 else 2 * PICO // 5
    made.typical_count.rho_picos = PICO // 200
    return made


def test_points_are_plain_values() -> None:
    found = Timeline(SCOPE, response())
    assert (found.population, found.scope, found.delta) == ("palmer", "ada", 1e-6)
    assert len(found) == 101
    assert found[0].limit is None
    assert found[-1].time == START + timedelta(days=25)
    assert found[-1].spent_epsilon == pytest.approx(10.0)
    assert [each.spent.rho for each in found[1:3]] == pytest.approx([0.003, 0.006])
    assert found.counts_left == 20


def test_the_chart_rises_towards_the_limit() -> None:
    title, *lines, axis = repr(Timeline(SCOPE, response())).splitlines()
    assert title == " palmer, ada: ρ 0.30 spent of 0.40 · ε 10 at δ 1e-6 · 20 counts of ± 20 left"
    assert axis.split() == ["2026-11-01", "2026-11-26"]
    assert len(lines) == 8
    assert lines[0].startswith(" 0.5 ┤")
    assert lines[-1].startswith("   0 ┤")
    assert "─" in lines[0]
    full = [line.count("█") for line in lines]
    assert full == sorted(full)
    assert max(len(line) for line in lines) < 80


def test_few_points_and_none() -> None:
    assert "2026-11-01 00:00" in repr(Timeline(SCOPE, response(3)))
    assert repr(Timeline(SCOPE, response(0))) == " palmer, ada: nothing yet"
    assert "nothing yet" in Timeline(SCOPE, response(0))._repr_html_()
    single = budget_service_pb2.GetBudgetTimelineResponse()
    single.points.add().time.FromDatetime(START)
    assert "no limit" in repr(Timeline(SCOPE, single))
    assert Timeline(SCOPE, single).counts_left is None


def test_epsilon_is_shown_where_it_alone_is_counted() -> None:
    made = budget_service_pb2.GetBudgetTimelineResponse()
    point = made.points.add()
    point.time.FromDatetime(START)
    point.spent.epsilon_picos = PICO
    point.limit.epsilon_picos = 3 * PICO
    made.typical_count.epsilon_picos = PICO // 10
    assert "ε 1.00 spent of 3.00 · 20 counts of ± 20 left" in repr(Timeline(SCOPE, made))


def test_names_of_a_server_are_escaped() -> None:
    scope = scope_pb2.Scope(population="populations/<b>x</b>")
    assert "<b>" not in Timeline(scope, response())._repr_html_()


def test_bars_have_eighths() -> None:
    drawn = chart([ChartColumn(value / 16, 1.0) for value in range(17)], 2, ("a", "b")).splitlines()
    assert drawn[1].endswith("┤ ▁▂▃▄▅▆▇█████████")
    assert drawn[0].endswith("▁▂▃▄▅▆▇█")


def test_a_time_needs_its_zone() -> None:
    assert moment(datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=1))), "start_time") == START
    with pytest.raises(sf.InvalidRequest, match="time zone"):
        moment(datetime(2026, 11, 1), "start_time")
