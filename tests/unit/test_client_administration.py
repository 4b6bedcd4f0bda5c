"""The calls of custodians and administrators, and listing, against services on a loopback socket."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import sfumato as sf
from sfumato._core.connection import Connection
from sfumato._transport.administration import Administration
from sfumato._transport.calls import Calls
from sfumato._transport.channel import open_channel
from sfumato._transport.session import Session
from sfumato.admin.kinds import SETTABLE
from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_admin_service_pb2_grpc,
    budget_service_pb2,
    dataset_admin_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    grant_pb2,
    project_admin_service_pb2,
    project_admin_service_pb2_grpc,
    project_pb2,
    scope_pb2,
)


def refusal(reason: str) -> status_pb2.Status:
    details = [Packed(), Packed()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason=reason, domain="sfumato"))
    violation = error_details_pb2.BadRequest.FieldViolation(field="columns.x", description="it is not in the file")
    details[1].Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="no.", details=details)


class Services:
    """Projects, datasets, budgets and operations; remembers requests."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.waits = 0
        self.ending: str = "active"

    def GetProject(self, request: Any, context: Any) -> Any:
        status = refusal("ACCESS_DENIED")
        status.code = code_pb2.PERMISSION_DENIED
        if request.name != "projects/birds":
            context.abort_with_status(rpc_status.to_status(status))
        return project_admin_service_pb2.GetProjectResponse(project=project_pb2.Project(name=request.name))

    def ListProjects(self, request: Any, context: Any) -> Any:
        page = int(request.page_token or 0)
        return project_admin_service_pb2.ListProjectsResponse(
            projects=[project_pb2.Project(name=f"projects/p{page}")], next_page_token=str(page + 1) if page < 2 else ""
        )

    def UpdateProject(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return project_admin_service_pb2.UpdateProjectResponse(project=request.project)

    def ListDatasets(self, request: Any, context: Any) -> Any:
        page = int(request.page_token or 0)
        return dataset_service_pb2.ListDatasetsResponse(
            datasets=[dataset_pb2.Dataset(name=f"datasets/d{page}")], next_page_token="1" if page == 0 else ""
        )

    def PublishDatasetVersion(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return operations_pb2.Operation(name="operations/1")

    def WaitOperation(self, request: Any, context: Any) -> Any:
        self.waits += 1
        assert request.name == "operations/1"
        assert context.time_remaining() > request.timeout.seconds
        operation = operations_pb2.Operation(name="operations/1", done=self.waits == 2)
        if operation.done and self.ending == "refused":
            operation.error.CopyFrom(refusal("DATA_NOT_PUBLISHABLE"))
        elif operation.done:
            operation.response.Pack(dataset_pb2.DatasetVersion(name="datasets/flights/versions/1"))
        return operation

    def GrantBudget(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return budget_admin_service_pb2.GrantBudgetResponse(grant=grant_pb2.Grant(scope=request.scope))

    def GetGrant(self, request: Any, context: Any) -> Any:
        return budget_admin_service_pb2.GetGrantResponse(grant=grant_pb2.Grant(name=request.name))

    def ListGrants(self, request: Any, context: Any) -> Any:
        return budget_admin_service_pb2.ListGrantsResponse(grants=[grant_pb2.Grant(name=request.parent)])

    def FreezeBudget(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        budget = budget_service_pb2.Budget(scope=request.scope, frozen=True)
        return budget_admin_service_pb2.FreezeBudgetResponse(budget=budget)

    def __getattr__(self, name: str) -> Any:  # methods that are not asked here
        if not name[0].isupper():
            raise AttributeError(name)
        return lambda request, context: context.abort(grpc.StatusCode.UNIMPLEMENTED, "")


@pytest.fixture
def services() -> Iterator[tuple[Services, Calls]]:
    fake: Any = Services()
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    project_admin_service_pb2_grpc.add_ProjectAdminServiceServicer_to_server(fake, server)
    dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(fake, server)
    dataset_admin_service_pb2_grpc.add_DatasetAdminServiceServicer_to_server(fake, server)
    budget_admin_service_pb2_grpc.add_BudgetAdminServiceServicer_to_server(fake, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(fake, server)
    connection = Connection(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", "t")
    server.start()
    calls = Calls(connection, open_channel(connection))
    yield fake, calls
    calls.close()
    server.stop(None)


def test_records_are_read_page_by_page(services: Any) -> None:
    _, calls = services
    admin = Administration(calls)
    assert [each.name for each in admin.list("Project")] == [  # type: ignore[attr-defined]
        "projects/p0",
        "projects/p1",
        "projects/p2",
    ]
    assert [each.name for each in Session(calls).datasets()] == ["datasets/d0", "datasets/d1"]
    assert [each.name for each in admin.list("Grant")] == ["populations/-"]  # type: ignore[attr-defined]


def test_what_is_not_there_is_none(services: Any) -> None:
    admin = Administration(services[1])
    assert admin.get("Project", "birds") is not None
    assert admin.get("Project", "other") is None
    grant = admin.get("Grant", "palmer/analyst-ada")
    assert grant.name == "populations/palmer/grants/analyst-ada"  # type: ignore[union-attr]


def test_an_update_decides_about_every_settable_field(services: Any) -> None:
    fake, calls = services
    Administration(calls).update("Project", project_pb2.Project(name="projects/birds"), validate_only=True)
    sent = fake.requests[-1]
    assert (sent.allow_missing, sent.validate_only) == (True, True)
    assert tuple(sent.update_mask.paths) == SETTABLE["Project"]


def test_every_settable_field_exists() -> None:
    from sfumato.admin.kinds import KINDS
    from sfumato.v1 import population_pb2, user_pb2

    messages: dict[str, Any] = {
        "Population": population_pb2.Population,
        "User": user_pb2.User,
        "Project": project_pb2.Project,
        "Dataset": dataset_pb2.Dataset,
    }
    assert set(messages) == set(SETTABLE) == set(KINDS) - {"Grant"}
    from google.api import field_behavior_pb2  # type: ignore[import-untyped]

    for kind, message in messages.items():
        decided = set()
        for each in message.DESCRIPTOR.fields:
            behaviour = each.GetOptions().Extensions[field_behavior_pb2.field_behavior]
            if not {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER} & set(behaviour):
                decided.add(each.name)
        assert decided - {"etag"} == set(SETTABLE[kind]), kind


def test_publishing_waits_until_it_is_done(services: Any) -> None:
    fake, calls = services
    waited: list[int] = []
    version = Administration(calls).publish("flights", waiting=lambda: waited.append(1))
    assert version.name == "datasets/flights/versions/1"
    assert (fake.waits, len(waited)) == (2, 2)
    assert fake.requests[-1].dataset == "datasets/flights"


def test_what_cannot_be_published_says_why(services: Any) -> None:
    fake, calls = services
    fake.ending = "refused"
    with pytest.raises(sf.PreconditionFailed, match="it is not in the file") as caught:
        Administration(calls).publish("flights")
    assert caught.value.reason == "DATA_NOT_PUBLISHABLE"


def test_acts_carry_a_request_id_and_a_reason(services: Any) -> None:
    fake, calls = services
    admin = Administration(calls)
    scope = scope_pb2.Scope(population="populations/palmer")
    admin.freeze(scope, "an audit is under way")
    admin.grant(grant_pb2.Grant(scope=scope), "a pilot project", validate_only=False)
    assert len({each.request_id for each in fake.requests}) == 2
    assert [each.justification for each in fake.requests] == ["an audit is under way", "a pilot project"]
