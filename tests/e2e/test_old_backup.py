"""The day after a disk died: an old backup comes back, is noticed, and is reopened. And how a budget went."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sfumato as sf
from tests.mesh_process import MeshProcess

PROGRAMS = Path(sys.executable).parent
DOCUMENTS: list[dict[str, Any]] = [
    {"kind": "Population", "name": "birds", "unit": "row"},
    {
        "kind": "Dataset",
        "name": "birds",
        "population": "birds",
        "source": {"path": "birds.csv"},
        "unit": "row",
        "columns": {"kind": {"type": "category", "values": ["a", "b"]}, "x": {"type": "integer", "bounds": [0, 9]}},
    },
    {"kind": "Grant", "scope": {"population": "birds"}, "limit": {"rho": 10}},
    {"kind": "Grant", "scope": {"population": "birds", "analyst": "analyst"}, "limit": {"rho": 5}},
]


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[MeshProcess]:
    running = MeshProcess(tmp_path / "root")
    (running.folder / "data").mkdir(parents=True)
    lines = ["kind,x", *(f"{'ab'[i % 2]},{i % 10}" for i in range(200))]
    (running.folder / "data" / "birds.csv").write_text("\n".join(lines))
    running.start()
    try:
        running.apply(DOCUMENTS)
        running.admin("publish", "birds")
        yield running
    finally:
        running.stop()


def on_the_store(mesh: MeshProcess, *arguments: str) -> None:
    """Run `sfumato-accountant …` on the mesh's store."""
    settings = {
        "SFUMATO_STORE_URL": f"sqlite://{mesh.folder}/accountant.sqlite",
        "SFUMATO_LEDGER_KEY_FILE": str(mesh.folder / "keys" / "ledger.pem"),
    }
    command = [str(PROGRAMS / "sfumato-accountant"), *arguments]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def shell(mesh: MeshProcess, *arguments: str) -> str:
    """Run `sfumato …` as the analyst."""
    elsewhere = ("SFUMATO_TARGET", "SFUMATO_TOKEN")
    environment = {key: value for key, value in mesh.environment.items() if key not in elsewhere}
    command = [str(PROGRAMS / "sfumato"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def spent(client: sf.Mesh) -> dict[str, float]:
    return {each.analyst: each.spent.rho for each in client.budget("birds")}


def test_an_old_backup_is_closed_until_it_is_reopened(mesh: MeshProcess, tmp_path: Path) -> None:
    client = sf.connect(mesh.target, mesh.token())
    kept = client.dataset("birds").agg(n=sf.count()).run(rho=0.1)
    on_the_store(mesh, "backup", str(tmp_path / "monday.jsonl"))  # while it runs
    request_id = str(uuid.uuid4())
    told = client.dataset("birds").group_by("kind").agg(n=sf.count()).run(rho=0.2, request_id=request_id)
    receipt = tmp_path / "receipt.json"
    receipt.write_text(shell(mesh, "receipt", told.query, "--json"))
    client.dataset("birds").agg(s=sf.sum("x")).run(rho=0.3)
    mesh.stop()

    for file in mesh.folder.glob("accountant.sqlite*"):
        file.rename(tmp_path / f"dead-{file.name}")
    on_the_store(mesh, "restore", str(tmp_path / "monday.jsonl"))
    mesh.start()
    client = sf.connect(mesh.target, mesh.token())
    with pytest.raises(sf.SfumatoError) as closed:
        client.dataset("birds").agg(s=sf.sum("x")).run(rho=0.01)
    assert closed.value.reason == "LEDGER_BEHIND"
    with pytest.raises(sf.SfumatoError) as untold:
        client.query(kept.query).answer()
    assert untold.value.reason == "LEDGER_BEHIND"

    shell_admin(mesh, "reopen", "birds", "--why", "the disk died on Tuesday", "--receipt", str(receipt), "--rho", "0.3")
    assert spent(client) == pytest.approx({"": 0.6, "analyst": 0.3})
    again = client.dataset("birds").agg(n=sf.count()).run(rho=0.1)
    assert again.is_free
    assert again.columns == kept.columns
    assert kept.receipt.verify().query == kept.query
    with pytest.raises(sf.SfumatoError) as reused:
        client.dataset("birds").group_by("kind").agg(n=sf.count()).run(rho=0.2, request_id=request_id)
    assert reused.value.reason == "REQUEST_ID_REUSED"
    assert client.dataset("birds").agg(s=sf.sum("x")).run(rho=0.01).receipt.verify()

    export = tmp_path / "birds.jsonl"
    shell_admin(mesh, "ledger", "export", "birds", "-o", str(export))
    shell(mesh, "verify", str(export), "--trust-first-key", "--whole")
    shell_admin(mesh, "ledger", "verify", "birds")

    mesh.stop()
    mesh.start()
    client = sf.connect(mesh.target, mesh.token())
    assert client.dataset("birds").agg(n=sf.count()).run(rho=0.1).is_free
    assert spent(client) == pytest.approx({"": 0.61, "analyst": 0.31})


def shell_admin(mesh: MeshProcess, *arguments: str) -> str:
    return shell(mesh, "admin", *arguments)


def test_a_budget_over_time(mesh: MeshProcess) -> None:
    client = sf.connect(mesh.target, mesh.token())
    client.dataset("birds").agg(n=sf.count()).run(rho=0.1)
    mine = client.budget_timeline("birds")
    assert mine[0].spent.is_zero
    assert mine[-1].spent.rho == pytest.approx(0.1)
    assert mine[-1].limit is not None
    assert mine[-1].limit.rho == 5
    assert mine.counts_left is not None
    assert mine.counts_left > 1000
    assert "counts of ± 20 left" in repr(mine)
    assert "of 5.00" in shell(mesh, "timeline", "birds")
    whole = json.loads(shell_admin(mesh, "timeline", "birds", "--json", "--delta", "1e-9"))
    assert whole["scope"] == "population birds"
    assert whole["points"][-1]["spent"]["rho"] == pytest.approx(0.1)
    assert whole["points"][-1]["spent_epsilon"] > mine[-1].spent_epsilon
    with pytest.raises(sf.AccessDenied):
        client.budget_timeline("birds", analyst="")
