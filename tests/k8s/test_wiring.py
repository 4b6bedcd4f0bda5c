"""What no schema can see: selectors, ports, credentials, settings, probes, and who may speak to whom."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfumato_accountant.settings import AccountantSettings
from sfumato_executor.settings import ExecutorSettings
from sfumato_gateway.settings import GatewaySettings
from sfumato_mesh.settings import MeshSettings
from tests.k8s.rendering import Manifests, containers, secrets_of, unhashed

pytestmark = pytest.mark.cluster

NAME = "app.kubernetes.io/name"
SETTINGS: Mapping[str, type[MeshSettings]] = {
    "gateway": GatewaySettings,
    "accountant": AccountantSettings,
    "migration": AccountantSettings,
    "executor-front": ExecutorSettings,
    "executor-worker": ExecutorSettings,
    "executor-library": ExecutorSettings,
}
IMAGES = ("sfumato/gateway", "sfumato/accountant", "sfumato/executor", "sfumato/executor-library")
SECRETS = {
    "gateway": {"gateway-key", "gateway-tls"},
    "accountant": {"ledger-key", "ledger-store"},
    "migration": {"ledger-key", "ledger-store"},
    "executor-front": {"executor-key", "queue", "releases-front"},
    "executor-worker": {"executor-key", "queue", "releases-worker", "sources"},
    "executor-library": {"executor-key", "queue", "releases-worker", "sources"},
    "notebook": {"gateway-tls"},
    "mongodb": {"server-passwords"},
    "s3": {"server-passwords"},
    "rabbitmq": {"server-passwords"},
    "buckets": {"server-passwords"},
}
"""Which pods get which secrets: nobody else does."""
EDGES = {
    ("gateway", "accountant", 7402),
    ("gateway", "executor-front", 7403),
    ("executor-front", "accountant", 7402),
    ("executor-worker", "accountant", 7402),
    ("executor-library", "accountant", 7402),
}
SERVER_EDGES = {
    "dev": {
        ("notebook", "gateway", 7443),
        ("accountant", "mongodb", 27017),
        ("migration", "mongodb", 27017),
        ("executor-front", "s3", 9000),
        ("executor-worker", "s3", 9000),
        ("executor-library", "s3", 9000),
        ("buckets", "s3", 9000),
        ("executor-front", "rabbitmq", 5672),
        ("executor-worker", "rabbitmq", 5672),
        ("executor-library", "rabbitmq", 5672),
    },
    "production": {
        ("accountant", "192.0.2.0/28", 27017),
        ("migration", "192.0.2.0/28", 27017),
        ("executor-front", "192.0.2.16/28", 443),
        ("executor-worker", "192.0.2.16/28", 443),
        ("executor-library", "192.0.2.16/28", 443),
        ("executor-front", "192.0.2.32/28", 5671),
        ("executor-worker", "192.0.2.32/28", 5671),
        ("executor-library", "192.0.2.32/28", 5671),
        ("executor-worker", "192.0.2.48/28", 443),
        ("executor-library", "192.0.2.48/28", 443),
    },
}


def labels_of(manifests: Manifests) -> dict[str, Mapping[str, str]]:
    return {name: template["metadata"]["labels"] for name, template in manifests.pods}


def selected(manifests: Manifests, selector: Mapping[str, Any]) -> set[str]:
    """Names of what a selector selects."""
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    lists = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in lists)
    return {
        name
        for name, labels in labels_of(manifests).items()
        if wanted.items() <= labels.items() and all(labels.get(each["key"]) in each["values"] for each in lists)
    }


def test_every_selector_selects_its_own_pods_alone(manifests: Manifests) -> None:
    for each in manifests.of_kind("Deployment", "StatefulSet"):
        assert selected(manifests, each["spec"]["selector"]) == {each["metadata"]["name"]}
    for each in manifests.of_kind("PodDisruptionBudget"):
        assert selected(manifests, each["spec"]["selector"]) == {each["metadata"]["name"]}
    for name, template in manifests.pods:
        for constraint in template["spec"].get("topologySpreadConstraints", ()):
            assert selected(manifests, constraint["labelSelector"]) == {name}
    for each in manifests.of_kind("HorizontalPodAutoscaler"):
        assert "replicas" not in manifests.named("Deployment", each["spec"]["scaleTargetRef"]["name"])["spec"]


def test_every_port_is_named_once_and_every_service_leads_to_one(manifests: Manifests) -> None:
    ports = {}
    for name, template in manifests.pods:
        declared = [port for container in containers(template) for port in container.get("ports", ())]
        assert len({port["name"] for port in declared}) == len(declared), name
        assert len({port["containerPort"] for port in declared}) == len(declared), name
        ports[name] = {port["name"] for port in declared}
    for each in manifests.of_kind("Service"):
        (pod,) = selected(manifests, {"matchLabels": each["spec"]["selector"]})
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= ports[pod]
    for each in manifests.of_kind("StatefulSet"):
        assert manifests.named("Service", each["spec"]["serviceName"])


def test_probes_ask_ports_that_the_container_has(manifests: Manifests) -> None:
    probed = set()
    for name, template in manifests.pods:
        for container in containers(template):
            numbers = {port["containerPort"] for port in container.get("ports", ())}
            names = {port["name"] for port in container.get("ports", ())}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(kind, {})
                if "grpc" in probe:
                    health = _variable(container, "SFUMATO_HEALTH_ADDRESS").rpartition(":")[2]
                    assert probe["grpc"]["port"] == int(health)
                    assert probe["grpc"]["port"] in numbers
                    assert probe["grpc"].get("service", "") in ("", "liveness")
                    assert (probe["grpc"].get("service") == "liveness") == (kind != "readinessProbe")
                    probed.add(name)
                for how in ("tcpSocket", "httpGet"):
                    if how in probe:
                        assert probe[how]["port"] in numbers | names
    assert probed == {"gateway", "accountant", "executor-front"}


def test_no_credential_but_where_it_belongs(manifests: Manifests) -> None:
    found = {name: secrets_of(template) for name, template in manifests.pods}
    assert found == {name: SECRETS[name] for name in found}
    made = {unhashed(each["metadata"]["name"]) for each in manifests.of_kind("Secret")}
    assert not made or made == set().union(*found.values())
    for each in manifests.of_kind("ConfigMap"):
        assert not any("PRIVATE KEY" in text or ("://" in text and "@" in text) for text in each["data"].values())


def test_every_variable_is_a_setting_and_every_needed_one_is_set(manifests: Manifests) -> None:
    (config,) = [each for each in manifests.of_kind("ConfigMap") if unhashed(each["metadata"]["name"]) == "mesh"]
    shared = tomllib.loads(config["data"]["mesh.toml"])
    everywhere = {name for kind in SETTINGS.values() for name in kind.model_fields}
    assert set(shared) <= everywhere
    for name, template in manifests.pods:
        kind = SETTINGS.get(name)
        if kind is None:
            continue
        container = next(each for each in containers(template) if each["image"].rpartition(":")[0].endswith(IMAGES))
        told = {each["name"] for each in container["env"]}
        settings = {each.removeprefix("SFUMATO_").lower() for each in told - {"SFUMATO_CONFIG"}}
        assert settings <= set(kind.model_fields), name
        required = {field for field, info in kind.model_fields.items() if info.is_required()}
        assert required <= settings | set(shared), name
        assert _variable(container, "SFUMATO_CONFIG") == "/etc/sfumato/mesh/mesh.toml"
        folders = {mount["mountPath"] for mount in container["volumeMounts"]}
        for variable in ("SFUMATO_SIGNING_KEY", "SFUMATO_LEDGER_KEY_FILE"):
            if variable in told:
                assert _variable(container, variable).rpartition("/")[0] in folders
        if "drain_seconds" in settings:
            drain = float(_variable(container, "SFUMATO_DRAIN_SECONDS"))
            before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert template["spec"]["terminationGracePeriodSeconds"] >= drain + before + 10


def test_every_queue_is_taken_and_each_kind_of_worker_scaled_by_its_own(manifests: Manifests) -> None:
    taken = {}
    for name, template in manifests.pods:
        (container, *_) = containers(template)
        if container.get("args") == ["sfumato-executor", "worker"]:
            taken[name] = set(_variable(container, "SFUMATO_WORKER_QUEUES").split(","))
    assert set.union(*taken.values()) == set(ExecutorSettings.model_fields["worker_queues"].default.split(","))
    assert sum(map(len, taken.values())) == len(set.union(*taken.values()))
    scaled = {}
    for each in manifests.of_kind("ScaledObject"):
        queues = [trigger["metadata"]["queueName"] for trigger in each["spec"]["triggers"]]
        scaled[each["spec"]["scaleTargetRef"]["name"]] = {queue.removeprefix("sfumato.") for queue in queues}
    assert scaled == (taken if manifests.overlay == "production" else {})


def test_libraries_run_where_they_are_installed_and_have_memory(manifests: Manifests) -> None:
    """A front sells what it has, and rehearses it; a pod is not killed before the limit of a job's own is met."""
    for name in ("executor-front", "executor-library"):
        (container,) = containers(manifests.named("Deployment", name)["spec"]["template"])
        assert container["image"].rpartition(":")[0].endswith("sfumato/executor-library")
        assert int(_variable(container, "SFUMATO_LIBRARY_MEMORY_BYTES")) <= 4 * 1024**3


def test_settings_of_the_overlay_are_accepted(manifests: Manifests, tmp_path: Any, monkeypatch: Any) -> None:
    (config,) = [each for each in manifests.of_kind("ConfigMap") if unhashed(each["metadata"]["name"]) == "mesh"]
    file = tmp_path / "mesh.toml"
    file.write_text(config["data"]["mesh.toml"])
    monkeypatch.setenv("SFUMATO_CONFIG", str(file))
    settings = GatewaySettings()
    assert set(settings.principal_public_keys()) == {"gateway", "executor"}
    assert settings.token_public_keys()
    assert AccountantSettings(store_url="mongodb://x/y", ledger_key_file=Path("k")).administrator_subject


def test_targets_name_services_of_the_mesh(manifests: Manifests) -> None:
    ports = {
        each["metadata"]["name"]: {port["port"] for port in each["spec"]["ports"]}
        for each in manifests.of_kind("Service")
    }
    seen = 0
    for _, template in manifests.pods:
        for container in containers(template):
            for variable in container.get("env", ()):
                if variable["name"] in ("SFUMATO_ACCOUNTANT_TARGET", "SFUMATO_EXECUTOR_TARGET", "SFUMATO_TARGET"):
                    name, _, port = variable["value"].removeprefix("dns:///").partition(":")
                    assert int(port) in ports[name]
                    seen += 1
    assert seen >= 4


def test_pods_have_the_least_rights(manifests: Manifests) -> None:
    for name, template in manifests.pods:
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(template):
            assert container["resources"]["requests"], name
            assert container["resources"]["limits"]["memory"], name
            image = container["image"]
            assert ":" in image.rpartition("/")[2], f"{image} is pinned to nothing"
            assert not image.endswith(":latest")
            if name in SETTINGS or name in ("notebook", "buckets"):
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False
                assert context["readOnlyRootFilesystem"] is True
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert spec["securityContext"]["runAsNonRoot"] is True


def test_who_may_speak_to_whom(manifests: Manifests) -> None:
    """An edge needs the consent of both ends; of one end where the other is outside."""
    policies = manifests.of_kind("NetworkPolicy")
    denies = manifests.named("NetworkPolicy", "default-deny")["spec"]
    assert denies == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    out: set[tuple[str, str, int]] = set()
    into: set[tuple[str, str, int]] = set()
    open_to_all = set()
    for policy in policies:
        if policy["metadata"]["name"] in ("default-deny", "names"):
            continue
        spec = policy["spec"]
        ends = selected(manifests, spec["podSelector"])
        assert ends, policy["metadata"]["name"]
        assert set(spec["policyTypes"]) == {each for each in ("Ingress", "Egress") if each.lower() in spec}
        for rule in spec.get("egress", ()):
            for far in _far_ends(manifests, rule["to"]):
                out |= {(near, far, port["port"]) for near in ends for port in rule["ports"]}
        for rule in spec.get("ingress", ()):
            if "from" not in rule:
                open_to_all |= {(near, port["port"]) for near in ends for port in rule["ports"]}
                continue
            for far in _far_ends(manifests, rule["from"]):
                into |= {(far, near, port["port"]) for near in ends for port in rule["ports"]}
    inside = {edge for edge in out if "/" not in edge[1]}
    assert {edge for edge in inside if (edge[1], edge[2]) not in open_to_all} == into
    assert out == EDGES | SERVER_EDGES[manifests.overlay]
    assert open_to_all == {("gateway", 7443)} | ({("notebook", 8888)} if manifests.overlay == "dev" else set())


def test_names_are_asked_of_the_cluster_alone(manifests: Manifests) -> None:
    (rule,) = manifests.named("NetworkPolicy", "names")["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {53}
    assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}


def _far_ends(manifests: Manifests, peers: list[Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for peer in peers:
        if "ipBlock" in peer:
            found.add(peer["ipBlock"]["cidr"])
        else:
            ends = selected(manifests, peer["podSelector"])
            assert ends
            found |= ends
    return found


def _variable(container: Mapping[str, Any], name: str) -> str:
    (value,) = [each["value"] for each in container["env"] if each["name"] == name]
    text: str = value
    return text
