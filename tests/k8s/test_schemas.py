"""Every object is one that Kubernetes knows, to the last field; those of others are checked by hand."""

import subprocess
from pathlib import Path

import pytest

from tests.k8s.rendering import Manifests

pytestmark = pytest.mark.cluster

_OF_OTHERS = {
    "ScaledObject": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "Certificate": "cert-manager.io/v1",
}


def test_every_object_is_of_a_known_schema(manifests: Manifests, checks: Path, tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(manifests.text)
    run = subprocess.run(
        [str(checks / "kubernetes-validate"), "-k", "1.34", "--strict", str(file)], capture_output=True, text=True
    )
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    unknown = [line for line in output.splitlines() if "Couldn't find schema" in line]
    assert len(unknown) == len(manifests.of_kind(*_OF_OTHERS)), output
    passed = [line for line in output.splitlines() if " passed for resource " in line]
    assert len(passed) + len(unknown) == len(manifests.objects)


def test_a_misspelt_field_is_found(checks: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {portz: []}\n")
    run = subprocess.run(
        [str(checks / "kubernetes-validate"), "-k", "1.34", "--strict", str(file)], capture_output=True
    )
    assert run.returncode != 0


def test_objects_of_others_say_what_they_must(manifests: Manifests) -> None:
    for each in manifests.of_kind(*_OF_OTHERS):
        assert each["apiVersion"] == _OF_OTHERS[each["kind"]]
    for each in manifests.of_kind("ScaledObject"):
        target = manifests.named("Deployment", each["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in target["spec"], "two would say how many there are"
        assert 1 <= each["spec"]["minReplicaCount"] <= each["spec"]["maxReplicaCount"]
        prefix = "sfumato"
        queues = {trigger["metadata"]["queueName"] for trigger in each["spec"]["triggers"]}
        assert queues <= {f"{prefix}.{task}" for task in ("queries", "preparations", "library")}
        assert f'queue_prefix = "{prefix}"' in _mesh_settings(manifests)
        names = {trigger["authenticationRef"]["name"] for trigger in each["spec"]["triggers"]}
        assert names == {found["metadata"]["name"] for found in manifests.of_kind("TriggerAuthentication")}
    for each in manifests.of_kind("TriggerAuthentication"):
        assert each["spec"]["secretTargetRef"] == [{"parameter": "host", "name": "queue", "key": "url"}]
    for each in manifests.of_kind("Certificate"):
        assert each["spec"]["secretName"] == "gateway-tls"
        assert each["spec"]["dnsNames"]


def _mesh_settings(manifests: Manifests) -> str:
    (found,) = [each for each in manifests.of_kind("ConfigMap") if each["metadata"]["name"].startswith("mesh-")]
    text: str = found["data"]["mesh.toml"]
    return text
