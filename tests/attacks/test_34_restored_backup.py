"""Row 34, attack: restoring an old backup of the ledger rewinds what was spent.

The release store remembers the highest position of a population's chain that was ever told. A chain that does not
contain it stays closed: nothing is sold from it until somebody reconciles it.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import shutil, sys
from pathlib import Path
import sfumato as sf
from tests.attacks.wire import COUNT, Attacker, rho
from tests.mesh_scene import mesh_scene

root, backup = Path(sys.argv[1]), Path(sys.argv[2])
PLAN = 'source { scan { dataset: "datasets/kept" } } ' + COUNT
OTHER = 'source { scan { dataset: "datasets/untouched" } } ' + COUNT

def ledger_files():
    return sorted(root.rglob("ledger*.sqlite*")) or sorted(root.rglob("*.sqlite*"))

with mesh_scene(root) as scene:
    columns = {"x": {"type": "integer", "bounds": [0, 3]}}
    scene.publish("kept", [{"x": 1}] * 20, columns, limit={"rho": 1})
    scene.publish("untouched", [{"x": 1}] * 20, columns, limit={"rho": 1})
    attacker = Attacker(scene)
    assert attacker.run(PLAN, rho(10**11)).messages
    assert attacker.run(OTHER, rho(10**11)).messages
backup.mkdir()
for path in ledger_files():
    shutil.copy(path, backup / path.name)
with mesh_scene(root) as scene:
    attacker = Attacker(scene)
    assert attacker.run(PLAN, rho(8 * 10**11)).messages
    told = attacker.spent("kept")
    print("SPENT", told)
folder = ledger_files()[0].parent
for path in ledger_files():
    path.unlink()
for path in backup.iterdir():
    shutil.copy(path, folder / path.name)
with mesh_scene(root) as scene:
    attacker = Attacker(scene)
    refused = attacker.run(PLAN, rho(5 * 10**11))
    print("REFUSED", refused.code.name, refused.reason)
    again = attacker.run(PLAN, rho(5 * 10**11), fresh=True)
    print("FRESH", again.code.name, again.reason)
    quoted = attacker.quote(PLAN, rho(5 * 10**11))
    print("QUOTED", quoted.code.name, quoted.reason or quoted.messages[0].quote.affordable)
    other = attacker.run(OTHER, rho(10**10))
    print("OTHER", other.code.name, other.reason)
"""


@pytest.mark.slow
def test_a_restored_ledger_sells_nothing(tmp_path: Path) -> None:
    run = [sys.executable, "-c", SCRIPT, str(tmp_path / "mesh"), str(tmp_path / "backup")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.split(" ")[0].isupper())
    assert told["SPENT"] == str([10**11] * 2)
    for answer in ("REFUSED", "FRESH"):
        assert told[answer] == "FAILED_PRECONDITION LEDGER_BEHIND", done.stdout
    assert not told["QUOTED"].endswith("True"), done.stdout
    assert told["OTHER"] == "OK ", done.stdout
