"""Keys by threshold under grants in (ε, δ), the whole way: declared, refused with a way out, paid, shown, verified."""

from pathlib import Path

import pytest

import sfumato as sf
from sfumato.verification.json_lines import JsonLinesExport
from sfumato.verification.scopes import Scope
from sfumato.verification.verifier import verify
from tests.mesh_scene import MeshScene

COLUMNS = {"city": {"type": "text"}}
ROWS = [{"city": f"city {i % 3}"} for i in range(600)]
WHOLE = {"epsilon": 20, "delta": 1e-4}
SHARED = {**WHOLE, "threshold_delta": 2e-5}


def test_thresholds_spend_what_the_grant_gives_them(scene: MeshScene, tmp_path: Path) -> None:
    scene.publish("quays", ROWS, COLUMNS, limit=WHOLE, policy={"max_charge": {"epsilon": 8, "delta": 1e-5}})
    mesh = scene.connect()
    quays = mesh.dataset("quays")
    keys = quays.group_by("city", threshold=True).agg(n=sf.count_units())
    with pytest.raises(sf.BudgetExhausted) as caught:
        keys.run(epsilon=5, delta=1e-5)
    assert "threshold_delta" in caught.value.hint
    for scope in ({"population": "quays"}, {"population": "quays", "analyst": "analyst"}):
        scene.apply({"kind": "Grant", "scope": scope, "limit": SHARED})
    answer = keys.run(epsilon=5, delta=1e-5)
    assert [row["city"] for row in answer.rows()] == ["city 0", "city 1", "city 2"]
    assert 0 < answer.charge.delta_attos <= 5 * 10**12  # the other half of δ was the conversion's
    for budget in mesh.budget("quays"):
        assert budget.limit.delta_attos == 2 * 10**13
        assert budget.remaining.delta_attos == 2 * 10**13 - answer.charge.delta_attos
        assert budget.remaining.rho_picos == budget.limit.rho_picos - answer.charge.rho_picos
    quays.agg(n=sf.count()).run(epsilon=5, delta=1e-5)  # ρ has its own part of δ
    with pytest.raises(sf.SfumatoError) as above:
        keys.run(epsilon=9, delta=1e-5, fresh=True)
    assert above.value.reason == "PRICE_ABOVE_POLICY"
    export = tmp_path / "quays.jsonl"
    scene.admin("ledger", "export", "quays", "-o", str(export))
    scene.admin("ledger", "verify", "quays")
    with export.open("rb") as file:
        spent = verify(JsonLinesExport(file, export.name), None).spent
    assert spent[Scope()].delta == answer.charge.delta_attos
