"""The ledger's proof from end to end: a mesh runs, its ledger is exported by the commands, and verified without it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sfumato as sf
from sfumato.v1.receipt_pb2 import SigningKey
from tests.mesh_scene import MeshScene

ROWS: list[dict[str, Any]] = [{"x": i % 50} for i in range(500)]


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from sfumato.cli.main import run; run()"
    known = {name: value for name, value in os.environ.items() if not name.startswith("SFUMATO_")}
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=110, env={**known, **environment}
    )


@pytest.fixture(scope="module")
def proved(scene: MeshScene) -> str:
    return scene.publish("proved", ROWS, {"x": {"type": "integer", "bounds": [0, 50]}})


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_export_verify_and_find_a_receipt(scene: MeshScene, proved: str, tmp_path: Path, form: str) -> None:
    answer = scene.connect().dataset(proved).agg(n=sf.count()).run(rho=0.1, fresh=True)
    file, receipt = tmp_path / f"proved.{form}", tmp_path / "receipt.json"
    mesh = {"SFUMATO_TARGET": scene.target, "SFUMATO_TOKEN": scene.running.connection.admin_token}
    head = json.loads(command("admin", "ledger", "head", proved, "--json", **mesh).stdout)
    exported = command("admin", "ledger", "export", proved, "--format", form, "-o", str(file), **mesh)
    assert exported.returncode == 0, exported.stderr
    analyst = {"SFUMATO_TARGET": scene.target, "SFUMATO_TOKEN": scene.token("analyst")}
    receipt.write_text(command("receipt", answer.query, "--json", **analyst).stdout)
    key = SigningKey()
    from google.protobuf.json_format import ParseDict

    ParseDict(head["keys"][0], key)
    result = command("verify", str(file), "--receipt", str(receipt), "--key", key.public_key.hex(), "--json")
    found, place = json.loads(result.stdout)["findings"]
    assert (result.returncode, found["verdict"], place["verdict"]) == (0, "verified", "verified"), result.stderr
    assert int(found["head"]["sequence"]) >= int(head["head"]["sequence"])
    assert answer.receipt.verify(export=file).sequence == answer.receipt.sequence
    assert command("admin", "ledger", "verify", proved, **mesh).returncode == 0

    theirs = tmp_path / f"theirs.{form}"
    assert command("admin", "ledger", "export", proved, "--format", form, "-o", str(theirs), **analyst).returncode == 0
    partly = command("verify", str(theirs), "--receipt", str(receipt), "--trust-first-key")
    assert (partly.returncode, "are hidden" in partly.stdout) == (0, True), partly.stderr
    assert command("admin", "ledger", "verify", proved, **analyst).returncode == 2


def test_a_key_is_rotated_in_a_running_mesh(scene: MeshScene, proved: str, tmp_path: Path) -> None:
    mesh = {"SFUMATO_TARGET": scene.target, "SFUMATO_TOKEN": scene.running.connection.admin_token}
    name = scene.publish("rotated", ROWS, {"x": {"type": "integer", "bounds": [0, 50]}})
    question = scene.connect().dataset(name).agg(n=sf.count())
    before = question.run(rho=0.1)
    assert command("admin", "ledger", "rotate-key", name, **mesh).returncode == 0
    after = question.run(rho=0.1, fresh=True)
    assert before.receipt.key_id != after.receipt.key_id
    for answer in (before, after):
        assert answer.receipt.verify().checks
    file = tmp_path / "rotated.jsonl"
    assert command("admin", "ledger", "export", name, "-o", str(file), **mesh).returncode == 0
    shown = command("verify", str(file), "--trust-first-key")
    assert (shown.returncode, shown.stdout.count("  key ")) == (0, 2)
    assert command("admin", "ledger", "rotate-key", name, **mesh).returncode == 2
