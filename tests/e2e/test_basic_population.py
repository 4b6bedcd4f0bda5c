"""A population that adds up ε and δ, the whole way: declared, granted, asked, charged, shown, exhausted, reported."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sfumato as sf
from tests.mesh_scene import MeshScene

COLUMNS = {
    "city": {"type": "text"},
    "group": {"type": "category", "values": ["a", "b"]},
    "x": {"type": "integer", "bounds": [0, 100]},
}
ROWS: list[dict[str, Any]] = [{"city": f"city {i % 3}", "group": "ab"[i % 2], "x": i % 101} for i in range(900)]
LIMIT = {"epsilon": 50, "delta": 1e-3}


def declare(scene: MeshScene, name: str, limit: Mapping[str, Any], **dataset: Any) -> str:
    scope = {"population": name}
    scene.write(name, ROWS, list(COLUMNS))
    scene.apply(
        {"kind": "Population", "name": name, "unit": "row", "accounting": "basic"},
        {"kind": "Grant", "scope": scope, "limit": dict(limit)},
        {"kind": "Grant", "scope": {**scope, "analyst": "analyst"}, "limit": dict(limit)},
        {
            "kind": "Dataset",
            "name": name,
            "population": name,
            "source": {"path": f"{name}.csv"},
            "unit": "row",
            "columns": COLUMNS,
            **dataset,
        },
    )
    scene.admin("publish", name)
    return name


@pytest.fixture(scope="module")
def towns(scene: MeshScene) -> str:
    return declare(scene, "towns", LIMIT)


def test_epsilon_is_quoted_paid_and_shown_alone(scene: MeshScene, towns: str) -> None:
    mesh = scene.connect()
    question = mesh.dataset(towns).group_by("group").agg(n=sf.count(), m=sf.mean("x"), q=sf.median("x"))
    before = [each for each in mesh.budget(towns) if each.population == towns]
    quote = question.quote(epsilon=3)
    assert (quote.charge.rho_picos, quote.charge.delta_attos) == (0, 0)
    assert quote.charge.epsilon_picos is not None
    assert 2.99e12 < quote.charge.epsilon_picos <= 3e12
    assert quote.affordable
    answer = question.run(epsilon=3)
    assert answer.charge == quote.charge
    assert [row["group"] for row in answer.rows()] == ["a", "b"]
    assert all(abs(row["n"] - 450) <= 40 for row in answer.rows())
    assert answer.receipt.verify().population == f"populations/{towns}"
    assert question.run(epsilon=3).repeated
    budgets = [each for each in mesh.budget(towns) if each.population == towns]
    assert len(budgets) == len(before) == 2
    for was, budget in zip(before, budgets, strict=True):
        assert budget.spent.rho_picos == 0
        assert (budget.spent.epsilon_picos or 0) - (was.spent.epsilon_picos or 0) == quote.charge.epsilon_picos
        assert budget.limit.epsilon_picos == 50 * 10**12
        assert budget.remaining.epsilon_picos == 50 * 10**12 - (budget.spent.epsilon_picos or 0)
    shown = [repr(quote), repr(answer), repr(mesh.budget(towns)), repr(mesh.dataset(towns)), repr(mesh.history(towns))]
    shown += [repr(answer.receipt), *(line for line in repr(mesh.datasets()).splitlines() if towns in line)]
    assert [each for each in shown if "ρ" in each] == []
    assert [each for each in shown if "ε" not in each] == []


def test_the_delta_of_thresholds_is_added_up(scene: MeshScene, towns: str) -> None:
    mesh = scene.connect()
    question = mesh.dataset(towns).group_by("city", threshold=True).agg(n=sf.count_units())
    answer = question.run(epsilon=4, delta=1e-5)
    assert [row["city"] for row in answer.rows()] == ["city 0", "city 1", "city 2"]
    assert 0 < answer.charge.delta_attos <= 10**13
    assert answer.charge.rho_picos == 0
    assert all(line.remaining.delta_attos == 10**15 - answer.charge.delta_attos for line in answer.remaining)


def test_rho_and_gaussian_noise_are_refused_with_a_way_out(scene: MeshScene, towns: str) -> None:
    rows = scene.connect().dataset(towns)
    with pytest.raises(sf.SfumatoError) as caught:
        rows.agg(n=sf.count()).run(rho=0.1)
    assert caught.value.reason == "ACCOUNTING_MISMATCH"
    assert "epsilon" in caught.value.hint
    with pytest.raises(sf.SfumatoError) as caught:
        rows.agg(n=sf.count(noise="gaussian")).quote(epsilon=0.1)
    assert caught.value.reason == "PLAN_REJECTED"


def test_what_is_left_is_told_in_epsilon(scene: MeshScene) -> None:
    name = declare(scene, "hamlets", {"epsilon": 1, "delta": 1e-6})
    rows = scene.connect().dataset(name)
    rows.agg(n=sf.count()).run(epsilon=0.75)
    with pytest.raises(sf.BudgetExhausted) as caught:
        rows.agg(n=sf.count()).run(epsilon=0.5)
    assert "ρ" not in str(caught.value)
    assert "ε 0.25" in str(caught.value)
    left = int(caught.value.metadata["would_pass"])
    assert 0 <= left - 250 * 10**9 <= 10  # a price may end a unit below what is offered
    answer = rows.agg(n=sf.count()).run(epsilon="0.25")
    assert answer.charge.epsilon_picos in range(250 * 10**9 - 10, 250 * 10**9 + 1)


@pytest.mark.parametrize("place", ["grant", "policy"])
def test_limits_in_rho_are_refused(
    scene: MeshScene, towns: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = {"kind": "Grant", "scope": {"population": towns}, "limit": {"rho": 1}}
    if place == "policy":
        document = {
            "kind": "Dataset",
            "name": "towns-again",
            "population": towns,
            "source": {"path": f"{towns}.csv"},
            "unit": "row",
            "columns": COLUMNS,
            "policy": {"max_charge": {"rho": 1}},
        }
    with pytest.raises(AssertionError, match="exit status 2"):
        scene.apply(document)
    assert "ACCOUNTING_MISMATCH" in capsys.readouterr().err


def test_the_most_of_one_question_is_said_in_epsilon(scene: MeshScene) -> None:
    name = declare(scene, "farms", LIMIT, policy={"max_charge": {"epsilon": 1}})
    rows = scene.connect().dataset(name)
    with pytest.raises(sf.SfumatoError) as caught:
        rows.agg(n=sf.count()).run(epsilon=1.5)
    assert caught.value.reason == "PRICE_ABOVE_POLICY"
    assert "ρ" not in str(caught.value)
    assert rows.agg(n=sf.count()).run(epsilon=1).charge.epsilon_picos == 10**12


def test_its_ledger_is_reported(scene: MeshScene, towns: str, tmp_path: Path) -> None:
    connection = scene.running.connection
    environment = os.environ | {"SFUMATO_TARGET": connection.target, "SFUMATO_TOKEN": connection.admin_token}
    command = [sys.executable, "-c", "from sfumato.cli.main import run; run()", "report", towns, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["accounting"] == "ACCOUNTING_BASIC"
    whole = document["scopes"][0]
    assert whole["scope"] == {"dataset": "", "project": "", "analyst": ""}
    assert whole["spent"]["rho_picos"] == "0"
    assert int(whole["spent"]["epsilon_picos"]) > 0
    assert all(each["rho"] is None for each in whole["epsilons"])
