"""`sfumato up` as a real child process that can be killed and started again on the same folder and port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
_START_SECONDS = 60.0
SHORT_LEASES = {
    "SFUMATO_LEASE_SECONDS": "1",
    "SFUMATO_SETTLE_INTERVAL_SECONDS": "0.2",
    "SFUMATO_SWEEP_INTERVAL_SECONDS": "0.5",
}
"""Settings under which what a crash left open is taken up again at once."""
_READY = "login:"  # the last line that `sfumato up` prints once it answers


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class MeshProcess:
    """One folder and port, and the process that serves them at the moment."""

    root: Path
    """Holds the mesh's folder, its connection file and its output."""
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    settings: Mapping[str, str] = field(default_factory=lambda: dict(SHORT_LEASES))
    """SFUMATO_… of the process."""

    @property
    def folder(self) -> Path:
        return self.root / "mesh"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.root / "output.txt"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings, "XDG_CONFIG_HOME": str(self.root / "config")}

    def token(self, *, administrator: bool = False) -> str:
        fields = json.loads((self.root / "config" / "sfumato" / "connection.json").read_text())
        return str(fields["admin_token" if administrator else "token"])

    def token_of(self, subject: str) -> str:
        """A token of another user, by `sfumato token`."""
        done = subprocess.run(
            [_sfumato(), "token", subject, "--data", str(self.folder)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def start(self, command: Sequence[str] | None = None) -> None:
        """Start a process and return when it answers.

        Args:
            command: what to run in place of `sfumato up`; takes the same folder and port.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        arguments = [*(command or [_sfumato(), "up"]), "--data", str(self.folder), "--port", str(self.port)]
        said = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                arguments, stdout=output, stderr=output, env=self.environment, cwd=REPOSITORY, start_new_session=True
            )
        self.starts += 1
        end = time.monotonic() + _START_SECONDS
        while _READY not in self.output.read_bytes()[said:].decode(errors="replace"):
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, "the mesh did not start"
            time.sleep(0.01)

    def kill(self) -> None:
        """End the process as a loss of power would: no handler of it runs."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def wait_for_death(self, seconds: float) -> int:
        """Return the exit status of a process that ends by itself."""
        assert self.process is not None
        status = self.process.wait(seconds)
        self.process = None
        return status

    def stop(self) -> None:
        """End the process as Ctrl-C would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            finally:
                if self.process.poll() is None:
                    self.kill()
            self.process = None

    def admin(self, *arguments: str) -> None:
        """Run `sfumato admin …`."""
        done = subprocess.run(
            [_sfumato(), "admin", *arguments], capture_output=True, text=True, env=self.environment, timeout=60
        )
        assert done.returncode == 0, done.stderr

    def apply(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Apply declarations."""
        path = self.root / "declarations.yaml"
        path.write_text(yaml.safe_dump_all([dict(document) for document in documents], allow_unicode=True))
        self.admin("apply", "-f", str(path))


def _sfumato() -> str:
    return str(Path(sys.executable).with_name("sfumato"))
