"""Scopes as their users see them, on the embedded mesh: windows, loans, withheld answers, merged populations."""

import json
import uuid
from typing import Any

import pytest

import sfumato as sf
from tests.mesh_scene import MeshScene

COLUMNS = {"x": {"type": "integer", "bounds": [0, 9]}}
ROWS: list[dict[str, Any]] = [{"x": number % 10} for number in range(200)]
WHY = ("--why", "agreed with the data owner")


def published(scene: MeshScene, prefix: str, **parts: Any) -> str:
    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    return scene.publish(name, ROWS, COLUMNS, **parts)


def count(mesh: sf.Mesh, dataset: str, rho: float, **parts: Any) -> sf.Answer:
    return mesh.dataset(dataset).agg(n=sf.count()).run(rho=rho, fresh=True, **parts)


def budget(mesh: sf.Mesh, population: str, analyst: str) -> Any:
    return next(each for each in mesh.budget() if each.population == population and each.analyst == analyst)


def test_a_window_of_a_grant(scene: MeshScene, capsys: pytest.CaptureFixture[str]) -> None:
    name = published(scene, "windowed")
    grant = {
        "kind": "Grant",
        "scope": {"population": name, "analyst": "analyst"},
        "limit": {"rho": 100, "delta": 1e-3},
        "window": {"length": "30d", "limit": {"rho": 0.5}},
    }
    scene.apply(grant)
    assert "window none → ρ 0.50 every 30d" in capsys.readouterr().out
    scene.apply(grant)
    assert "unchanged" in capsys.readouterr().out
    mesh = scene.connect()
    count(mesh, name, 0.3)
    with pytest.raises(sf.BudgetExhausted, match="in the window that ends at") as caught:
        count(mesh, name, 0.3)
    assert "wait until" in caught.value.hint
    shown = budget(mesh, name, "analyst")
    assert shown.window.spent.rho == pytest.approx(0.3)
    assert shown.remaining.rho == pytest.approx(0.2)
    assert "in the window until" in repr(mesh.budget())
    scene.admin("get", "grant", f"{name}/analyst-analyst")
    assert "length: 30d" in capsys.readouterr().out


def test_a_loan_and_what_comes_back(scene: MeshScene) -> None:
    name = published(scene, "lent", analyst_limit={"rho": 1})
    borrower = scene.user(f"b{uuid.uuid4().hex[:8]}")
    who = str(borrower._session.caller().user.name).removeprefix("users/")
    mesh = scene.connect()
    with pytest.raises(sf.GrantMissing):
        count(borrower, name, 0.1)
    left = mesh.delegate(who, rho=0.4, population=name)
    assert (left.remaining.rho, left.delegated.rho) == pytest.approx((0.6, 0.4))
    count(borrower, name, 0.3)
    with pytest.raises(sf.BudgetExhausted):
        count(borrower, name, 0.2)
    assert budget(borrower, name, who).lender == "analyst"
    assert "lent by analyst" in repr(borrower.budget())
    with pytest.raises(sf.PreconditionFailed, match="more is not left"):
        mesh.delegate(who, rho=0.7, population=name)
    assert mesh.reclaim(who, population=name).rho == pytest.approx(0.1)
    assert budget(mesh, name, "analyst").remaining.rho == pytest.approx(0.7)
    with pytest.raises(sf.InvalidRequest, match="nothing is lent"):
        mesh.reclaim("nobody", population=name)


def test_a_withheld_answer(scene: MeshScene) -> None:
    name = published(scene, "withheld")
    mesh = scene.connect()
    answer = count(mesh, name, 0.1)
    scene.admin("withhold", answer.query, *WHY)
    with pytest.raises(sf.PreconditionFailed, match="withheld") as caught:
        mesh.query(answer.query).answer()
    assert caught.value.reason == "RELEASE_WITHHELD"
    assert mesh.query(answer.query).receipt.verify().sequence > 0
    scene.admin("allow", answer.query, *WHY)
    assert mesh.query(answer.query).answer().rows() == answer.rows()


def test_two_populations_become_one(scene: MeshScene, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = published(scene, "north"), published(scene, "south")
    mesh = scene.connect()
    old = count(mesh, first, 0.3)
    count(mesh, second, 0.2)
    merged = f"poles-{uuid.uuid4().hex[:8]}"
    capsys.readouterr()
    scene.admin("merge", first, second, "--into", merged, *WHY, "--json")
    assert json.loads(capsys.readouterr().out)["state"] == "STATE_ACTIVE"
    with pytest.raises(sf.GrantMissing):
        count(mesh, first, 0.1)
    for analyst in ({}, {"analyst": "analyst"}):
        scene.apply({"kind": "Grant", "scope": {"population": merged, **analyst}, "limit": {"rho": 0.6}})
    with pytest.raises(sf.BudgetExhausted):
        count(mesh, second, 0.2)
    new = count(mesh, second, 0.1)
    assert new.receipt.to_proto().statement.population == f"populations/{merged}"
    assert mesh.query(old.query).answer().rows() == old.rows()
    assert old.receipt.verify().sequence > 0
    scene.admin("split", merged, "--part", f"x{merged}={first}", "--part", f"y{merged}={second}", *WHY)
    assert budget(mesh, f"x{merged}", "analyst").spent.rho == pytest.approx(0.6)
    with pytest.raises(sf.BudgetExhausted):
        count(mesh, first, 0.1)
