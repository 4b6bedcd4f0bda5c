"""scripts/admin as an administrator's shell runs them: a PATH with one client, an address and a token."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts" / "admin"


@dataclass(frozen=True)
class Outcome:
    """What a script did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as the one JSON document that it has to be."""
        return json.loads(self.out)

    @property
    def refusal(self) -> Any:
        """The same of stderr."""
        return json.loads(self.err)


@dataclass(frozen=True)
class Shell:
    """A machine on which `programs` are installed, and a mesh to call. Every argv is noted."""

    root: Path
    programs: Mapping[str, Path]
    """By the name that is called: grpcurl, buf, sfumato."""
    connection: Mapping[str, str]
    """SFUMATO_TARGET, SFUMATO_TOKEN and the like."""
    home: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bin.mkdir(parents=True)
        for name, path in {"python3": Path(sys.executable), **self.programs}.items():
            wrapper = self.bin / name
            wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$0" "$@" >>"{self.log}"\nexec "{path}" "$@"\n')
            wrapper.chmod(0o755)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            self.home.setdefault(name, str(self.root / name))

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def log(self) -> Path:
        """Arguments of everything that was run, one a line."""
        return self.root / "argv"

    def run(self, script: str, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run a script.

        Args:
            script: its name.
            arguments: as a shell gives them.
            stdin: what it reads.
            variables: over those of the connection.
        """
        environment = {"PATH": f"{self.bin}:{os.defpath}", **self.home, **self.connection, **variables}
        done = subprocess.run(
            [SCRIPTS / script, *arguments], input=stdin, env=environment, capture_output=True, text=True, timeout=100
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def done(self, script: str, *arguments: str, **variables: str) -> Any:
        """Run a script that must get it done; return its document."""
        outcome = self.run(script, *arguments, "--json", **variables)
        assert outcome.status == 0, f"{script} {' '.join(arguments)}: {outcome.status}\n{outcome.err}"
        return outcome.document

    def refused(self, script: str, *arguments: str, **variables: str) -> Any:
        """Run a script that must be refused; return what it says of that."""
        outcome = self.run(script, *arguments, "--json", **variables)
        assert outcome.status == 2, f"{script} {' '.join(arguments)}: {outcome.status}\n{outcome.out}{outcome.err}"
        assert not outcome.out
        return outcome.refusal
