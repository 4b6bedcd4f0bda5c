"""A fresh Debian system in a folder, in which services are installed and started as an image's build would."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.services.install import install_debian_packages
from scripts.services.workplace import Workplace, cache_directory, locked, prepare_state, remove_tree

REPOSITORY = Path(__file__).parents[2]
_KEY: Final = "debian-bookworm-python-1"
_INCLUDED: Final = "python3,python3-venv,ca-certificates"
_ENTER: Final = """set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for shared in /etc/resolv.conf /etc/hosts /etc/ssl/certs $SHARED; do
  [ -e "$shared" ] || continue
  if [ -d "$shared" ]; then mkdir -p "$root$shared"; else mkdir -p "$root$(dirname "$shared")"; : >> "$root$shared"; fi
  mount --bind "$shared" "$root$shared"
done
exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class DebianRoot:
    """A system of its own in a folder: nothing of this machine's programs is in it."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs a program in it, in a mount namespace that ends with the program."""
        enter = ["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", _ENTER, "sh"]
        return [*enter, str(self.folder), *arguments]

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Variables for a program in it: how the package indexes are reached, and what is given."""
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "SSL_CERT", "REQUESTS_CA"))
            or "proxy" in name.lower()
        }
        cache = _uv_cache()
        shared = [str(cache), *([os.environ["PIP_FIND_LINKS"]] if "PIP_FIND_LINKS" in os.environ else [])]
        base = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "UV_COMPILE_BYTECODE": "0",
            "UV_CACHE_DIR": str(cache),
        }
        return {**passed, **base, "SHARED": " ".join(shared), **more}

    def run(self, arguments: Sequence[str], more: Mapping[str, str] | None = None) -> str:
        """Run a program in it to its end and return what it printed."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment(more or {}), capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make_root(folder: Path) -> DebianRoot:
    """Unpack a fresh system, and the sources that an image is built from into its /src."""
    assert os.geteuid() == 0, "a fresh Debian root needs root's rights (and mmdebstrap): try `make test-embedded`"
    workplace = Workplace(folder / "build", cache_directory(os.environ), dict(os.environ))
    prepare_state(workplace.state)
    tarball = workplace.cache / f"{_KEY}.tar"
    workplace.cache.mkdir(parents=True, exist_ok=True)
    with locked(workplace.cache / "lock"):
        if not tarball.exists():
            install_debian_packages(workplace, "mmdebstrap")
            draft = tarball.with_suffix(".draft.tar")
            made = ["mmdebstrap", "--mode=root", "--variant=apt", f"--include={_INCLUDED}", "bookworm", str(draft)]
            subprocess.run([*made, *_mirror()], check=True, capture_output=True, timeout=600)
            draft.replace(tarball)
    root = folder / "root"
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "-xf", str(tarball), "--exclude=./dev/*"], check=True)
    _copy_sources(root / "src")
    return DebianRoot(root)


def take_away(root: DebianRoot) -> None:
    """Remove it."""
    remove_tree(root.folder)


def _copy_sources(target: Path) -> None:
    """What .dockerignore lets an image's build see."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    kept = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in listed:
        if any(name == each or name.startswith(f"{each}/") for each in kept) and (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def _mirror() -> list[str]:
    """The mirror that this machine is configured for, if one is said."""
    file = Path("/etc/apt/sources.list.d/debian.sources")
    if not file.exists():
        return []
    addresses = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("URIs:")]
    return [f"deb {addresses[0]} bookworm main"] if addresses else []


def _uv_cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("UV_CACHE_DIR") or base / "uv")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
