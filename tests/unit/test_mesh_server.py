"""Server, health, reflection, drain, settings, logs."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import ValidationError

from sfumato.v1 import identity_service_pb2_grpc
from sfumato.v1.identity_service_pb2 import GetMeshRequest, GetMeshResponse
from sfumato_mesh.caller import Caller
from sfumato_mesh.channels import aio_channel
from sfumato_mesh.interceptors import AuthorisationInterceptor, Rule, TraceInterceptor, public_interceptors
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied
from sfumato_mesh.server import LIVENESS, RunningServer, start_server
from sfumato_mesh.settings import MeshSettings
from sfumato_mesh.telemetry import JsonFormatter
from sfumato_mesh.tokens import TokenClaims, TokenVerifier

SERVICE = "sfumato.v1.IdentityService"
RULES = {f"/{SERVICE}/GetMesh": Rule(public=True)}


class Identity(identity_service_pb2_grpc.IdentityServiceServicer):
    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()

    def register(self, server: Any) -> None:
        identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(self, server)

    async def GetMesh(self, request: GetMeshRequest, context: Any) -> GetMeshResponse:
        self.begun.set()
        await self.release.wait()
        return GetMeshResponse(version="1")


async def started(servicer: Identity, rules: dict[str, Rule] = RULES) -> RunningServer:
    interceptors = [TraceInterceptor(), AuthorisationInterceptor(rules, access_denied)]
    return await start_server(MeshSettings(), [servicer], interceptors, reflection=[SERVICE])


async def health_of(channel: grpc.aio.Channel, name: str) -> str:
    stub = health_pb2_grpc.HealthStub(channel)
    status = (await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)).status
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


async def test_draining_says_so_lets_calls_end_and_takes_no_more() -> None:
    servicer = Identity()  # type: ignore[abstract]  # GetCaller is not served
    running = await started(servicer)
    async with (
        aio_channel(f"127.0.0.1:{running.port}") as channel,
        aio_channel(f"127.0.0.1:{running.health_port}") as probe,
    ):
        stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        assert [await health_of(probe, name) for name in ("", SERVICE, LIVENESS)] == ["SERVING"] * 3
        call = asyncio.create_task(_answer(stub))
        await asyncio.wait_for(servicer.begun.wait(), 5)
        drained = asyncio.create_task(running.drain(10))
        while await health_of(probe, "") == "SERVING":  # noqa: ASYNC110  (a probe polls)
            await asyncio.sleep(0.01)
        assert await health_of(probe, LIVENESS) == "SERVING"
        assert await health_of(probe, SERVICE) == "NOT_SERVING"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetMesh(GetMeshRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        servicer.release.set()
        assert (await call).version == "1"
        await asyncio.wait_for(drained, 5)


async def _answer(stub: Any) -> GetMeshResponse:
    response: GetMeshResponse = await stub.GetMesh(GetMeshRequest(), timeout=20)
    return response


async def test_health_has_its_own_port_and_nothing_else() -> None:
    servicer = Identity()  # type: ignore[abstract]  # GetCaller is not served
    running = await started(servicer)
    async with aio_channel(f"127.0.0.1:{running.health_port}") as probe:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await identity_service_pb2_grpc.IdentityServiceStub(probe).GetMesh(GetMeshRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await running.drain(0)


async def test_reflection_lists_the_services_through_the_interceptors() -> None:
    running = await started(Identity())  # type: ignore[abstract]
    async with aio_channel(f"127.0.0.1:{running.port}") as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(timeout=5)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = (await call.read()).list_services_response.service
        assert SERVICE in [each.name for each in listed]
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
        assert (await call.read()).file_descriptor_response.file_descriptor_proto
        await call.done_writing()
    await running.drain(0)


async def test_streams_of_requests_are_refused_unless_public() -> None:
    servicer = Identity()  # type: ignore[abstract]  # GetCaller is not served
    interceptor = AuthorisationInterceptor({}, access_denied)
    interceptor._rules.clear()
    running = await start_server(MeshSettings(), [servicer], [interceptor], reflection=[SERVICE])
    async with aio_channel(f"127.0.0.1:{running.port}") as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await running.drain(0)


async def test_an_address_that_is_taken_is_an_error() -> None:
    running = await started(Identity())  # type: ignore[abstract]
    settings = MeshSettings(listen_address=f"127.0.0.1:{running.port}")
    with pytest.raises(OSError, match="cannot listen"):
        await start_server(settings, [], [])
    await running.drain(0)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_signals_drain(name: str) -> None:
    script = (
        "import asyncio\n"
        "from sfumato_mesh.server import start_server\n"
        "from sfumato_mesh.settings import MeshSettings\n"
        "async def main():\n"
        "    running = await start_server(MeshSettings(), [], [])\n"
        "    print(running.health_port, flush=True)\n"
        "    await running.run_until_signal(1)\n"
        "    print('drained', flush=True)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    port = int(await asyncio.wait_for(process.stdout.readline(), 30))
    async with aio_channel(f"127.0.0.1:{port}") as probe:
        assert await health_of(probe, "") == "SERVING"
    process.send_signal(getattr(__import__("signal"), name))
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"drained\n"
    assert await asyncio.wait_for(process.wait(), 20) == 0


def test_settings_come_from_constructor_environment_file_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sfumato.toml"
    key = "ab" * 32
    file.write_text(
        'issuer = "file"\naudience = "file"\nlog_level = "ERROR"\nof_another_service = 1\n'
        f'[principal_keys]\ngateway = "{key}"\n'
    )
    monkeypatch.setenv("SFUMATO_CONFIG", str(file))
    monkeypatch.setenv("SFUMATO_AUDIENCE", "environment")
    monkeypatch.setenv("SFUMATO_LOG_LEVEL", "WARNING")
    settings = MeshSettings(log_level="DEBUG")
    assert (settings.issuer, settings.audience, settings.log_level) == ("file", "environment", "DEBUG")
    assert settings.principal_keys == {"gateway": key}
    monkeypatch.setenv("SFUMATO_PRINCIPAL_KEYS__EXECUTOR", "cd" * 32)
    assert set(MeshSettings().principal_keys) == {"gateway", "executor"}
    with pytest.raises(ValidationError):
        settings.issuer = "other"


def test_settings_refuse_nonsense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in ({"max_message_bytes": 0}, {"drain_seconds": float("nan")}, {"principal_keys": {"gateway": "zz"}}):
        with pytest.raises(ValidationError):
            MeshSettings(**broken)
    monkeypatch.setenv("SFUMATO_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(FileNotFoundError, match="SFUMATO_CONFIG"):
        MeshSettings()


def test_log_lines_are_json_without_exception_texts() -> None:
    try:
        raise ValueError("secret nightingale")
    except ValueError:
        record = logging.LogRecord("sfumato", logging.ERROR, __file__, 1, "it failed: %s", ("q1",), sys.exc_info())
    line = JsonFormatter("gateway").format(record)
    said = json.loads(line)
    assert (said["level"], said["service"], said["message"]) == ("ERROR", "gateway", "it failed: q1")
    assert said["exception"] == "ValueError"
    assert "nightingale" not in line


async def test_an_oversized_token_gets_a_refusal_on_a_socket_too() -> None:
    async def resolve(claims: TokenClaims) -> Caller:
        raise AssertionError("no token is good here")

    servicer = Identity()  # type: ignore[abstract]  # GetCaller is not served
    chain = public_interceptors("gateway", TokenVerifier("https://issuer", "sfumato", {}), resolve, {})
    running = await start_server(MeshSettings(), [servicer], chain)
    async with aio_channel(f"127.0.0.1:{running.port}") as channel:
        stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        for length in (8193, 20_000):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.GetMesh(GetMeshRequest(), timeout=5, metadata=(("authorization", "Bearer " + "x" * length),))
            refusal = Refusal.from_rpc_error(caught.value)
            assert refusal is not None, caught.value
            assert (refusal.reason, refusal.metadata["rule"]) == ("TOKEN_INVALID", "too_large")
    await running.drain(0)
