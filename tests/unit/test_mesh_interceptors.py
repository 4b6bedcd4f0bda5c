"""The public chain: tokens, the table, field paths, spans; and what handlers pass on to the calls they make."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from sfumato.v1 import identity_service_pb2_grpc, query_service_pb2_grpc
from sfumato.v1.identity_service_pb2 import GetCallerRequest, GetCallerResponse, GetMeshRequest, GetMeshResponse
from sfumato.v1.query_service_pb2 import GetQueryRequest, GetQueryResponse, ListQueriesRequest, RunQueryRequest
from sfumato_mesh import refusals
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.channels import MeshChannel
from sfumato_mesh.inbound import public_method
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import Rule, internal_interceptors, public_interceptors
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.keys import key_id
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.tokens import LocalIssuer, TokenClaims, TokenVerifier

ISSUER_KEY = Ed25519PrivateKey.generate()
GATEWAY_KEY = Ed25519PrivateKey.generate()
ISSUER = LocalIssuer("https://issuer", "sfumato", ISSUER_KEY)
QUERY = "queries/00000000-0000-0000-0000-000000000000"
IDENTITY = "/sfumato.v1.IdentityService"
Handle = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Do nothing more in a handler."""


async def resolve(claims: TokenClaims) -> Caller:
    if claims.subject != "ada":
        raise refusals.user_unknown()
    return Caller("gateway", "users/ada")


class Identity(identity_service_pb2_grpc.IdentityServiceServicer):
    def __init__(self, handle: Handle = nothing) -> None:
        self.callers: list[Caller] = []
        self._handle = handle

    async def GetMesh(self, request: GetMeshRequest, context: Any) -> GetMeshResponse:
        with pytest.raises(LookupError):
            current_caller()
        return GetMeshResponse(version="1")

    async def GetCaller(self, request: GetCallerRequest, context: Any) -> GetCallerResponse:
        self.callers.append(current_caller())
        await self._handle()
        return GetCallerResponse()


class Behind(query_service_pb2_grpc.QueryServiceServicer):
    """A service behind the gateway."""

    def __init__(self) -> None:
        self.remaining: list[float] = []

    async def GetQuery(self, request: GetQueryRequest, context: Any) -> GetQueryResponse:
        self.remaining.append(context.time_remaining())
        if request.name == QUERY:
            raise refusals.access_denied("datasets/secret_literal")
        return GetQueryResponse()


def gateway(servicer: Identity, provider: TracerProvider | None = None) -> Any:
    verifier = TokenVerifier("https://issuer", "sfumato", {key_id(ISSUER_KEY.public_key()): ISSUER_KEY.public_key()})
    rules = {f"{IDENTITY}/GetMesh": Rule(public=True), f"{IDENTITY}/GetCaller".lstrip("/"): Rule()}
    server = InProcessServer(public_interceptors("gateway", verifier, resolve, rules, tracer_provider=provider))
    identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(servicer, server)  # type: ignore[arg-type]
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(Behind(), server)  # type: ignore[abstract, arg-type]
    return server.channel()


def behind(servicer: Behind, provider: TracerProvider | None = None) -> Any:
    verifier = PrincipalVerifier("accountant", {"gateway": GATEWAY_KEY.public_key()})
    rules = {"/sfumato.v1.QueryService/GetQuery": Rule(user=False)}
    server = InProcessServer(internal_interceptors("accountant", verifier, rules, tracer_provider=provider))
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicer, server)  # type: ignore[arg-type]
    signer = PrincipalSigner("gateway", GATEWAY_KEY)
    channel = MeshChannel(server.channel(), signer, "accountant", unary_cap=7.0, tracer_provider=provider)
    return query_service_pb2_grpc.QueryServiceStub(channel)


def bearer(subject: str = "ada", *, scheme: str = "Bearer", minutes: float = 5) -> tuple[tuple[str, str], ...]:
    start = datetime.now(UTC) - timedelta(minutes=1)
    token = ISSUER.issue(subject, timedelta(minutes=1 + minutes), start)
    return (("authorization", f"{scheme} {token}"),)


async def reason(call: Awaitable[object]) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refusal = Refusal.from_rpc_error(caught.value)
    assert refusal is not None, caught.value
    return refusal.code, refusal.reason, refusal.metadata.get("rule", "")


async def test_a_token_names_the_caller() -> None:
    servicer = Identity()
    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(servicer))
    await stub.GetCaller(GetCallerRequest(), metadata=bearer())
    await stub.GetCaller(GetCallerRequest(), metadata=bearer(scheme="bearer"))
    assert servicer.callers == [Caller("gateway", "users/ada")] * 2


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING", "")),
        ((("authorization", ""),), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING", "")),
        ((("authorization", "Basic YTpi"),), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING", "")),
        ((("authorization", "Bearer a.b.c"),), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID", "malformed")),
        ((("authorization", "Bearer " + "x" * 9000),), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID", "too_large")),
        (bearer(minutes=600) + bearer(minutes=600), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID", "malformed")),
        (bearer(minutes=-0.5), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", "")),
        (bearer("eve", minutes=600), (grpc.StatusCode.PERMISSION_DENIED, "USER_UNKNOWN", "")),
    ],
)
async def test_without_a_good_token_nothing_but_public_methods(metadata: Any, expected: object) -> None:
    servicer = Identity()
    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(servicer))
    assert await reason(stub.GetCaller(GetCallerRequest(), metadata=metadata)) == expected
    assert (await stub.GetMesh(GetMeshRequest(), metadata=metadata)).version == "1"
    assert servicer.callers == []


async def test_a_method_in_no_table_is_refused_before_its_request_is_read() -> None:
    stub = query_service_pb2_grpc.QueryServiceStub(gateway(Identity()))
    call = stub.GetQuery(GetQueryRequest(name="not a name"), metadata=bearer())
    assert await reason(call) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED", "")


def test_field_paths_name_elements_and_keys() -> None:
    request = RunQueryRequest(request_id="no uuid", labels={"Bad Key": "x" * 300})
    request.question.plan.measures.add().alias = "not an alias!" * 40
    request.question.plan.measures.add()
    with pytest.raises(Refusal) as caught:
        check(request)
    paths = [violation.field for violation in caught.value.fields]
    assert "payment" in paths
    assert "request_id" in paths
    assert 'labels["Bad Key"]' in paths
    assert any(path.startswith("question.plan.measures[0]") for path in paths), paths
    assert caught.value.metadata["hint"]


def test_repeated_scalars_have_their_index() -> None:
    with pytest.raises(Refusal) as caught:
        check(ListQueriesRequest(states=[1, 99]))  # type: ignore[list-item]
    assert [violation.field for violation in caught.value.fields] == ["states[1]"]


async def test_outgoing_calls_end_before_the_inbound_one() -> None:
    servicer = Behind()  # type: ignore[abstract]  # the rest is not served
    inner = behind(servicer)
    methods: list[str] = []

    async def handle() -> None:
        methods.append(public_method())
        await inner.GetQuery(GetQueryRequest(name=QUERY.replace("0", "1")))
        await inner.GetQuery(GetQueryRequest(name=QUERY.replace("0", "1")), timeout=0.5)

    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(Identity(handle)))
    await stub.GetCaller(GetCallerRequest(), metadata=bearer(), timeout=2)
    await stub.GetCaller(GetCallerRequest(), metadata=bearer())
    inherited, asked, capped, again = servicer.remaining
    assert 1 < inherited <= 1.95
    assert 0 < asked <= 0.5
    assert 6 < capped <= 7.0
    assert 0 < again <= 0.5
    assert methods == [f"{IDENTITY}/GetCaller"] * 2


async def test_a_call_without_time_left_fails_at_once() -> None:
    servicer = Behind()  # type: ignore[abstract]  # the rest is not served
    inner = behind(servicer)

    async def handle() -> None:
        await inner.GetQuery(GetQueryRequest(name=QUERY.replace("0", "1")))

    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(Identity(handle)))
    call = stub.GetCaller(GetCallerRequest(), metadata=bearer(), timeout=0.04)
    assert await reason(call) == (grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "")
    assert servicer.remaining == []


async def finished(exporter: InMemorySpanExporter, count: int) -> list[ReadableSpan]:
    for _ in range(200):
        if len(exporter.get_finished_spans()) >= count:
            break
        await asyncio.sleep(0.005)
    return list(exporter.get_finished_spans())


async def test_one_trace_runs_through_and_tells_codes_but_no_texts() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    inner = behind(Behind(), provider)  # type: ignore[abstract]

    async def handle() -> None:
        try:
            await inner.GetQuery(GetQueryRequest(name=QUERY))
        except grpc.RpcError as error:
            raise refusals.from_peer(error, "accountant") from None

    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(Identity(handle), provider))
    headers = (
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("user-agent", "secret_agent"),
    )
    call = stub.GetCaller(GetCallerRequest(), metadata=(*bearer(), *headers))
    assert (await reason(call))[1] == "ACCESS_DENIED"
    spans = await finished(exporter, 3)
    assert sorted(span.kind.name for span in spans) == ["CLIENT", "SERVER", "SERVER"]
    by_id = {span.context.span_id: span for span in spans if span.context is not None}
    outer = next(span for span in spans if span.name == "sfumato.v1.IdentityService/GetCaller")
    assert outer.parent is not None
    assert outer.parent.span_id == 0xB7AD6B7169203331
    inmost = next(s for s in spans if s.kind is SpanKind.SERVER and s is not outer)
    assert inmost.parent is not None
    client = by_id[inmost.parent.span_id]
    assert client.kind is SpanKind.CLIENT
    assert client.parent is not None
    assert by_id[client.parent.span_id] is outer
    for span in spans:
        assert span.context is not None
        assert span.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
        assert span.attributes is not None
        assert span.attributes["rpc.grpc.status_code"] == grpc.StatusCode.PERMISSION_DENIED.value[0]
        text = span.to_json()
        for secret in ("secret_literal", "secret_agent", "Bearer", "users/ada", QUERY):
            assert secret not in text


async def test_a_servers_fault_is_an_error_and_its_trace_id_reaches_the_caller() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def handle() -> None:
        raise ValueError("secret_literal")

    stub = identity_service_pb2_grpc.IdentityServiceStub(gateway(Identity(handle), provider))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetCaller(GetCallerRequest(), metadata=bearer())
    refusal = Refusal.from_rpc_error(caught.value)
    (span,) = await finished(exporter, 1)
    assert refusal is not None
    assert span.context is not None
    assert refusal.metadata["trace_id"] == f"{span.context.trace_id:032x}"
    assert span.status.status_code is StatusCode.ERROR
    assert "secret_literal" not in span.to_json()
