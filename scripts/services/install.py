"""Programs had from the package registries: Debian packages, and Go programs built into the cache."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import ServiceError
from .process import run
from .workplace import Workplace, remove_tree

_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class GoProgram:
    """A program that `go install` builds, at one version."""

    name: str
    package: str
    version: str
    needs_go: str
    """The Go release that the module's go.mod asks for."""

    def cached(self, workplace: Workplace) -> Path:
        """Where the binary lies once built: one directory a version and a machine type."""
        return workplace.cache / f"{self.name}-{self.version}-{platform.machine()}" / self.name

    def missing(self, workplace: Workplace) -> str | None:
        """What must be installed before it can be built; None when nothing."""
        if self.cached(workplace).exists() or which("go", workplace) is not None:
            return None
        return f"Go {self.needs_go} or later (go.dev/dl), to build {self.name}"

    def install(self, workplace: Workplace) -> Path:
        """Build it unless the cache has it, and return the binary's path."""
        binary = self.cached(workplace)
        if binary.exists():
            return binary
        draft = binary.parent.with_name(f"{binary.parent.name}.draft")
        remove_tree(draft)
        go = which("go", workplace) or "go"
        environment = {**workplace.environment, "GOBIN": str(draft), "CGO_ENABLED": "0"}
        run([go, "install", f"{self.package}@{self.version}"], workplace.state / f"build-{self.name}.log", environment)
        remove_tree(binary.parent)
        draft.replace(binary.parent)
        return binary


def which(program: str, workplace: Workplace) -> str | None:
    """Where the PATH that this run was asked with has a program."""
    return shutil.which(program, path=workplace.environment.get("PATH", ""))


def debian_packages_missing(workplace: Workplace) -> str | None:
    """Why Debian packages cannot be installed here; None when they can."""
    if which("apt-get", workplace) is None:
        return "a Debian machine (apt-get)"
    return None if os.geteuid() == 0 else "root's rights, for apt-get"


def install_debian_packages(workplace: Workplace, *packages: str) -> None:
    """Install packages without starting a service of theirs, now or at the next boot."""
    wanted = [package for package in packages if not _is_installed(package)]
    if not wanted:
        return
    log = workplace.state / "apt.log"
    environment = {**workplace.environment, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *wanted]
    lists_are_fresh = not all(_is_known(package) for package in wanted)
    if lists_are_fresh:
        run(["apt-get", "update"], log, environment)
    with _no_service_starts():
        try:
            run(install, log, environment)
        except ServiceError:
            if lists_are_fresh:
                raise
            # Old lists name versions that the mirror has since replaced.
            run(["apt-get", "update"], log, environment)
            run(install, log, environment)


def disable_units(workplace: Workplace, *units: str) -> None:
    """Keep systemd, where it runs, from starting what a package brought along."""
    if Path("/run/systemd/system").is_dir():
        run(["systemctl", "disable", "--now", *units], workplace.state / "apt.log")


def _is_installed(package: str) -> bool:
    answer = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True)
    return answer.stdout == "installed"


def _is_known(package: str) -> bool:
    answer = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
    return "Candidate:" in answer.stdout and "Candidate: (none)" not in answer.stdout


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Answer 101 (forbidden) to every package that asks invoke-rc.d to start its service; keep an existing policy."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
