"""`sfumato demo` and `sfumato up` as somebody types them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SFUMATO = Path(sys.executable).parent / "sfumato"


def test_the_demo_asks_ten_questions_within_its_minute() -> None:
    started = time.monotonic()
    done = subprocess.run([SFUMATO, "demo"], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-2000:]
    for number in range(1, 11):
        assert re.search(rf"─ {number}\. ", done.stdout), f"question {number} is missing"
    assert "the same numbers: yes · drawn anew: no" in done.stdout
    assert "PlanRejected: body_mass_gg is not a column" in done.stdout
    assert "exact, bounded" in done.stdout
    assert "place in the ledger" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert time.monotonic() - started < 60


def test_up_tells_where_it_is_prints_tokens_once_and_finds_its_state_again(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}
    for name in ("SFUMATO_TARGET", "SFUMATO_TOKEN"):
        environment.pop(name, None)
    connection = tmp_path / "config" / "sfumato" / "connection.json"
    folder = tmp_path / "state"
    printed = []
    for number in range(2):
        told = tmp_path / f"told-{number}"  # a file: a pipe's reader would lose what it has read ahead
        with told.open("w") as output:
            up = subprocess.Popen([SFUMATO, "up", "--data", folder, "--port", "0"], env=environment, stdout=output)
        try:
            end = time.monotonic() + 60
            while not _answers_at(connection, told.read_text()):
                assert up.poll() is None
                assert time.monotonic() < end, told.read_text()
                time.sleep(0.05)
            assert connection.stat().st_mode & 0o077 == 0
            listed = subprocess.run([SFUMATO, "datasets", "--json"], env=environment, capture_output=True, timeout=60)
            assert listed.returncode == 0
            second = subprocess.run(
                [SFUMATO, "up", "--data", folder, "--port", "0"], env=environment, capture_output=True, timeout=60
            )
            assert second.returncode == 1
            assert b"already runs" in second.stderr
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(60)
        assert up.returncode == 0
        printed.append("tokens, printed this once" in told.read_text())
    assert printed == [True, False]


def _answers_at(connection: Path, told: str) -> bool:
    """Whether the mesh that said so has written the connection file, and said all that it says at its start."""
    return connection.exists() and json.loads(connection.read_text())["target"] in told and "login:" in told
