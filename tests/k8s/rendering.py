"""The manifests as a cluster would get them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster_secrets import make_secrets
from scripts.services.install import GoProgram
from scripts.services.workplace import Workplace, cache_directory, prepare_state

REPOSITORY = Path(__file__).parents[2]
OVERLAYS = ("dev", "production")
POD_KINDS = ("Deployment", "StatefulSet", "Job")

Object = Mapping[str, Any]

_KUSTOMIZE = GoProgram("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.7.1", "1.24")


@dataclass(frozen=True)
class Manifests:
    """One overlay, rendered."""

    overlay: str
    text: str

    @cached_property
    def objects(self) -> list[Object]:
        return [each for each in yaml.safe_load_all(self.text) if each]

    def of_kind(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object:
        (found,) = [each for each in self.of_kind(kind) if each["metadata"]["name"] == name]
        return found

    @property
    def pods(self) -> Iterator[tuple[str, Object]]:
        """Name and template of everything that makes pods."""
        for each in self.of_kind(*POD_KINDS):
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(template: Object) -> list[Object]:
    """Containers of a pod, sidecars among them."""
    spec = template["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def secrets_of(template: Object) -> set[str]:
    """Names of the secrets that a pod gets, by volume or variable, without the hash of their content."""
    found: set[str] = set()
    for volume in template["spec"].get("volumes", ()):
        if "secret" in volume:
            found.add(volume["secret"]["secretName"])
        for source in volume.get("projected", {}).get("sources", ()):
            if "secret" in source:
                found.add(source["secret"]["name"])
    for container in containers(template):
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                found.add(reference["name"])
    return {unhashed(name) for name in found}


def unhashed(name: str) -> str:
    """The name of a generated secret or map as it was declared."""
    stem, _, tail = name.rpartition("-")
    return stem if len(tail) == 10 and tail.isalnum() and stem else name


def render(overlay: str, folder: Path) -> Manifests:
    """Render an overlay in a copy of the manifests, its secrets made for the occasion."""
    copy = folder / "k8s"
    shutil.copytree(REPOSITORY / "k8s", copy, ignore=shutil.ignore_patterns("secrets"))
    if overlay == "dev":
        (copy / "overlays" / "dev" / "secrets").mkdir(mode=0o700)
        make_secrets(copy / "overlays" / "dev" / "secrets")
    command = [*_kustomize(folder), str(copy / "overlays" / overlay)]
    return Manifests(overlay, subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _kustomize(folder: Path) -> list[str]:
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    workplace = Workplace(folder / "build", cache_directory(os.environ), dict(os.environ))
    prepare_state(workplace.state)
    missing = _KUSTOMIZE.missing(workplace)
    assert missing is None, f"the manifests cannot be rendered here. Install kubectl, kustomize, or {missing}."
    return [str(_KUSTOMIZE.install(workplace)), "build"]
