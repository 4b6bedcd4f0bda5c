"""The proxy that ends TLS before a gateway: the real one, with the configuration that the manifests carry."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from scripts.cluster_secrets import make_secrets
from sfumato.v1 import dataset_service_pb2, dataset_service_pb2_grpc, identity_service_pb2, identity_service_pb2_grpc
from tests.k8s.rendering import REPOSITORY
from tests.mesh_process import free_port
from tests.mesh_scene import MeshScene

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_secrets(folder)
    return folder


@pytest.fixture(scope="module")
def proxied(
    scene: MeshScene, certificates: Path, checks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Port of a proxy before the gateway of `scene`."""
    folder = tmp_path_factory.mktemp("envoy")
    port = free_port()
    base = REPOSITORY / "k8s" / "base"
    gateway = scene.target.rpartition(":")[2]
    text = (base / "envoy.yaml").read_text()
    for declared, here in (
        ("0.0.0.0", "127.0.0.1"),
        ("port_value: 7443", f"port_value: {port}"),
        ("port_value: 7400", f"port_value: {gateway}"),
        ("/etc/envoy/certificate.yaml", str(folder / "certificate.yaml")),
        ("/etc/tls", str(certificates)),
        ("@sfumato-envoy", f"@sfumato-envoy-{port}"),
    ):
        assert declared in text
        text = text.replace(declared, here)
    (folder / "envoy.yaml").write_text(text)
    (folder / "certificate.yaml").write_text(
        (base / "certificate.yaml").read_text().replace("/etc/tls", str(certificates))
    )
    log = (folder / "log").open("wb")
    command = [str(checks / "envoy"), "--config-path", str(folder / "envoy.yaml"), "--log-level", "warn"]
    process = subprocess.Popen([*command, "--concurrency", "1", "--base-id", str(port)], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(port, certificates, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def test_a_question_is_asked_over_tls(proxied: int, certificates: Path, scene: MeshScene) -> None:
    with _channel(proxied, certificates) as channel:
        stub = dataset_service_pb2_grpc.DatasetServiceStub(channel)
        answer = stub.ListDatasets(dataset_service_pb2.ListDatasetsRequest(), metadata=scene.metadata(), timeout=30)
        assert isinstance(answer, dataset_service_pb2.ListDatasetsResponse)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListDatasets(dataset_service_pb2.ListDatasetsRequest(), timeout=30)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED  # refusals pass whole, details and all
        trailing: Any = refused.value.trailing_metadata()
        assert "grpc-status-details-bin" in {each.key for each in trailing}


def test_a_stranger_s_certificate_is_not_trusted(proxied: int, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    with _channel(proxied, tmp_path) as channel, pytest.raises(grpc.RpcError) as refused:
        identity_service_pb2_grpc.IdentityServiceStub(channel).GetMesh(
            identity_service_pb2.GetMeshRequest(), timeout=10
        )
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_plain_text_is_not_taken(proxied: int) -> None:
    with grpc.insecure_channel(f"localhost:{proxied}") as channel, pytest.raises(grpc.RpcError) as refused:
        identity_service_pb2_grpc.IdentityServiceStub(channel).GetMesh(
            identity_service_pb2.GetMeshRequest(), timeout=10
        )
    assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def _channel(port: int, certificates: Path) -> grpc.Channel:
    return grpc.secure_channel(
        f"localhost:{port}", grpc.ssl_channel_credentials((certificates / "ca.crt").read_bytes())
    )


def _wait_until_it_answers(port: int, certificates: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with _channel(port, certificates) as channel:
                identity_service_pb2_grpc.IdentityServiceStub(channel).GetMesh(
                    identity_service_pb2.GetMeshRequest(), timeout=5
                )
            return
        except grpc.RpcError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
