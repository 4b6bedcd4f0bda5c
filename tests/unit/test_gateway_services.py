"""What the gateway passes on, who a caller is, and operations: over an accountant and an executor that are made up."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_service_pb2,
    dataset_admin_service_pb2,
    dataset_service_pb2,
    identity_service_pb2,
    ledger_service_pb2,
    operation_service_pb2,
)
from sfumato.v1.budget_admin_service_pb2_grpc import (
    BudgetAdminServiceStub,
)
from sfumato.v1.budget_service_pb2_grpc import (
    BudgetServiceStub,
)
from sfumato.v1.charge_pb2 import LossLimit, RhoDelta
from sfumato.v1.dataset_admin_service_pb2_grpc import DatasetAdminServiceStub
from sfumato.v1.dataset_pb2 import DatasetVersion
from sfumato.v1.dataset_service_pb2_grpc import (
    DatasetServiceStub,
)
from sfumato.v1.identity_service_pb2_grpc import IdentityServiceStub
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.ledger_service_pb2_grpc import (
    LedgerServiceStub,
)
from sfumato.v1.operation_service_pb2_grpc import OperationServiceStub
from sfumato.v1.user_pb2 import ROLE_ANALYST
from sfumato_gateway.authentication import UserResolver
from sfumato_gateway.forward import FORWARDED, TELLING
from sfumato_gateway.service import METHOD_RULES, SERVICE_NAMES
from sfumato_mesh import refusals
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.tokens import TokenClaims
from sfumato_mesh.v1.catalog_service_pb2 import Preparation
from tests.unit.gateway_services_scene import HASH, POPULATION, SCOPE, Scene, refused


@pytest.fixture
async def scene() -> Scene:
    return await Scene().open()


def test_every_public_method_has_a_rule_and_one_alone_needs_no_token() -> None:
    public = [name for name, rule in METHOD_RULES.items() if rule.public]

    assert public == ["/sfumato.v1.IdentityService/GetMesh"]
    assert all(rule.user and not rule.services for rule in METHOD_RULES.values() if not rule.public)
    assert len(SERVICE_NAMES) == 13
    assert {name.split("/")[1] for name in METHOD_RULES} == set(SERVICE_NAMES)


def test_methods_that_name_positions_exist_and_no_other_message_names_one() -> None:
    names = {method.full_name: method for service in FORWARDED for method in service.methods}
    assert set(TELLING) <= set(names)
    naming = {
        name for name, method in names.items() if _mentions(method.output_type, {"Grant", "LedgerEntry", "LedgerHead"})
    }
    by_number = {name for name, method in names.items() if "sequence" in method.output_type.fields_by_name}
    own = {"sfumato.v1.PopulationAdminService.ReopenPopulation"}  # which raises the mark itself
    assert (naming | by_number) - own == set(TELLING)


def _mentions(descriptor: Any, wanted: set[str], seen: frozenset[str] = frozenset()) -> bool:
    if descriptor.name in wanted:
        return True
    if descriptor.full_name in seen:
        return False
    inner = (field.message_type for field in descriptor.fields if field.message_type is not None)
    return any(_mentions(each, wanted, seen | {descriptor.full_name}) for each in inner)


async def test_all_services_are_served(scene: Scene) -> None:
    for name in METHOD_RULES:
        call = scene.channel.unary_unary(name, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\xff", metadata=scene.token)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, name


# --- forwarding


async def test_messages_and_refusals_pass_unchanged(scene: Scene) -> None:
    stub: Any = DatasetServiceStub(scene.channel)
    request = dataset_service_pb2.GetDatasetRequest(name="datasets/penguins")

    assert (await stub.GetDataset(request, metadata=scene.token)).dataset.name == "datasets/penguins"
    scene.mesh.refuse["GetDataset"] = refusals.access_denied("datasets/penguins")
    assert (await refused(stub.GetDataset(request, metadata=scene.token))).reason == "ACCESS_DENIED"
    scene.mesh.refuse["GetDataset"] = Refusal(grpc.StatusCode.UNAVAILABLE, "CANNOT_APPEND", "x", domain=MESH_DOMAIN)
    caught = await refused(stub.GetDataset(request, metadata=scene.token))
    assert (caught.reason, caught.domain, caught.metadata["service"]) == (
        "SERVICE_UNAVAILABLE",
        "sfumato",
        "accountant",
    )


async def test_entries_leave_behind_the_mark(scene: Scene) -> None:
    stub: Any = LedgerServiceStub(scene.channel)
    await stub.ListLedgerEntries(ledger_service_pb2.ListLedgerEntriesRequest(parent=POPULATION), metadata=scene.token)

    head = scene.mesh.requests["RaiseMark"].head
    assert head == LedgerHead(population=POPULATION, sequence=4, entry_hash=b"\x04" * 32)


async def test_heads_leave_behind_the_mark(scene: Scene) -> None:
    stub: Any = LedgerServiceStub(scene.channel)
    request = ledger_service_pb2.GetLedgerHeadRequest(population=POPULATION)
    scene.mesh.refuse["RaiseMark"] = refusals.service_unavailable("executor")

    assert (await refused(stub.GetLedgerHead(request, metadata=scene.token))).reason == "SERVICE_UNAVAILABLE"
    del scene.mesh.refuse["RaiseMark"]
    assert (await stub.GetLedgerHead(request, metadata=scene.token)).head.sequence == 12


async def test_grants_leave_behind_the_mark_of_their_chain_s_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfumato_gateway.marks.KNOWN_SECONDS", 3600.0)
    stub: Any = BudgetAdminServiceStub(scene.channel)
    request = budget_admin_service_pb2.GrantBudgetRequest(
        scope=SCOPE,
        limit=LossLimit(rho=RhoDelta(rho_picos=1)),
        justification="for the summer school",
        request_id=str(uuid4()),
    )
    await stub.GrantBudget(request, metadata=scene.token)
    await stub.GrantBudget(request, metadata=scene.token)

    assert scene.mesh.requests["RaiseMark"].head == LedgerHead(population=POPULATION, sequence=12, entry_hash=HASH)
    assert scene.mesh.asked.count("RaiseMark") == 1


async def test_a_position_whose_chain_may_not_be_read_is_not_told(scene: Scene) -> None:
    stub: Any = BudgetServiceStub(scene.channel)
    scene.mesh.refuse["GetLedgerHead"] = refusals.access_denied(POPULATION)

    response = await stub.ListBudgets(budget_service_pb2.ListBudgetsRequest(), metadata=scene.token)

    assert response.budgets[0].scope == SCOPE
    assert response.budgets[0].grant.sequence == 0
    assert "RaiseMark" not in scene.mesh.asked


# --- who calls


async def test_anybody_may_ask_what_the_mesh_is(scene: Scene) -> None:
    stub: Any = IdentityServiceStub(scene.channel)
    response = await stub.GetMesh(identity_service_pb2.GetMeshRequest())

    assert (response.version, response.login.issuer, response.login.audience) == ("0.1.0", "", "sfumato")
    assert abs(response.server_time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_caller_behind_a_token(scene: Scene) -> None:
    stub: Any = IdentityServiceStub(scene.channel)
    request = identity_service_pb2.GetCallerRequest()

    response = await stub.GetCaller(request, metadata=scene.token)

    assert response.user == scene.mesh.user
    assert [project.name for project in response.projects] == ["projects/p"]
    assert response.token_expire_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)
    asked = scene.mesh.requests["ResolveUser"]
    assert (asked.issuer, asked.subject) == ("https://issuer.test", "ada")
    assert (await refused(stub.GetCaller(request))).reason == "TOKEN_MISSING"


async def test_a_user_is_asked_for_once_a_second(scene: Scene) -> None:
    now = 0.0
    resolve = UserResolver(scene.neighbours, monotonic=lambda: now)
    claims = TokenClaims("https://issuer.test", "ada", datetime.now(UTC))

    caller = await resolve(claims)
    assert (caller.user, caller.projects) == ("users/ada", ("projects/p",))
    assert caller.has_role(ROLE_ANALYST, "datasets/penguins")
    now = 0.9
    await resolve(claims)
    assert scene.mesh.asked == ["ResolveUser"]

    scene.mesh.user.disabled = True
    now = 1.1
    with pytest.raises(Refusal, match="USER_UNKNOWN"):
        await resolve(claims)


# --- operations


async def publish(scene: Scene, request_id: str = "", *, validate_only: bool = False) -> operations_pb2.Operation:
    stub: Any = DatasetAdminServiceStub(scene.channel)
    request = dataset_admin_service_pb2.PublishDatasetVersionRequest(
        dataset="datasets/penguins", request_id=request_id or str(uuid4()), validate_only=validate_only
    )
    operation: operations_pb2.Operation = await stub.PublishDatasetVersion(request, metadata=scene.token)
    return operation


async def test_publishing_is_an_operation(scene: Scene) -> None:
    request_id = str(uuid4())
    operation = await publish(scene, request_id)

    metadata = operation_service_pb2.OperationMetadata()
    assert operation.metadata.Unpack(metadata)
    assert (operation.done, metadata.target) == (False, "datasets/penguins")
    assert operation.name == f"operations/{scene.mesh.requests['PrepareVersion'].preparation_id}"
    assert (await publish(scene, request_id)).name == operation.name
    assert (await publish(scene)).name != operation.name


async def test_publishing_does_not_need_the_queue(scene: Scene) -> None:
    scene.mesh.refuse["PrepareVersion"] = refusals.service_unavailable("executor")

    assert not (await publish(scene)).done


async def test_waiting_for_an_operation(scene: Scene) -> None:
    name = (await publish(scene)).name
    request = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(nanos=20_000_000))
    assert not (await scene.operations().WaitOperation(request, metadata=scene.token)).done

    scene.mesh.ends_after = 3
    operation = await scene.operations().WaitOperation(
        operations_pb2.WaitOperationRequest(name=name), metadata=scene.token
    )

    version = DatasetVersion()
    assert operation.done
    assert operation.response.Unpack(version)
    assert version.name == "datasets/penguins/versions/1"
    assert list(version.problems) == ["3 values were outside their bounds"]


async def test_watching_an_operation(scene: Scene) -> None:
    name = (await publish(scene, validate_only=True)).name
    scene.mesh.ends_after = 2
    stub: Any = OperationServiceStub(scene.channel)
    request = operation_service_pb2.WatchOperationRequest(name=name)

    seen = [each.operation async for each in stub.WatchOperation(request, metadata=scene.token)]

    assert [operation.done for operation in seen] == [False, True]
    version = DatasetVersion()
    assert seen[1].response.Unpack(version)
    assert version.state == DatasetVersion.STATE_CHECKED


async def test_data_that_cannot_be_published(scene: Scene) -> None:
    name = (await publish(scene)).name
    preparation = scene.mesh.preparations[name.removeprefix("operations/")]
    preparation.state = Preparation.STATE_REFUSED
    preparation.problems.extend(["no column body_mass_g", "no file"])

    get = operations_pb2.GetOperationRequest(name=name)
    operation = await scene.operations().GetOperation(get, metadata=scene.token)

    assert operation.done
    assert operation.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert operation.error.details[0].Unpack(info)
    assert operation.error.details[1].Unpack(wrong)
    assert info.reason == "DATA_NOT_PUBLISHABLE"
    assert [each.description for each in wrong.field_violations] == ["no column body_mass_g", "no file"]


async def test_cancelling_listing_and_forgetting(scene: Scene) -> None:
    name = (await publish(scene)).name
    operations = scene.operations()

    await operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name), metadata=scene.token)
    page = await operations.ListOperations(operations_pb2.ListOperationsRequest(page_size=5), metadata=scene.token)
    assert page.next_page_token == "next"
    assert [(each.name, each.error.code) for each in page.operations] == [(name, 1)]
    assert scene.mesh.requests["ListPreparations"].page_size == 5

    await operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=name), metadata=scene.token)
    get = operations.GetOperation(operations_pb2.GetOperationRequest(name=name), metadata=scene.token)
    assert (await refused(get)).reason == "ACCESS_DENIED"


STRANGE = "b4c9bd72-895f-404f-b7a2-e2356fe05d56"


@pytest.mark.parametrize(
    "name",
    ["", "operations/x", "queries/1", f"operations/{STRANGE}", "operations/" + "0" * 36],
)
async def test_operations_that_are_not_there(scene: Scene, name: str) -> None:
    operations = scene.operations()
    for call in (
        operations.GetOperation(operations_pb2.GetOperationRequest(name=name), metadata=scene.token),
        operations.WaitOperation(operations_pb2.WaitOperationRequest(name=name), metadata=scene.token),
        operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name), metadata=scene.token),
    ):
        assert (await refused(call)).reason == "ACCESS_DENIED"


@pytest.mark.parametrize(
    ("field", "value"), [("filter", "done=true"), ("name", "datasets/penguins"), ("page_size", -1)]
)
async def test_lists_of_operations_know_no_filters(scene: Scene, field: str, value: Any) -> None:
    request = operations_pb2.ListOperationsRequest(**{field: value})

    caught = await refused(scene.operations().ListOperations(request, metadata=scene.token))

    assert (caught.reason, caught.fields[0].field) == ("REQUEST_INVALID", field)
