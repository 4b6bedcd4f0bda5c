"""Administration: the services of custodians and administrators, one method a call."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from sfumato._core.statuses import read_status, to_exception
from sfumato._transport.calls import Calls
from sfumato._transport.models import PAGE
from sfumato._transport.session import query_name, required
from sfumato.admin.kinds import COLLECTIONS, SETTABLE
from sfumato.charges import short
from sfumato.errors import AccessDenied, SfumatoError
from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_admin_service_pb2_grpc,
    budget_service_pb2,
    charge_pb2,
    dataset_admin_service_pb2,
    dataset_admin_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    grant_pb2,
    population_admin_service_pb2,
    population_admin_service_pb2_grpc,
    population_pb2,
    project_admin_service_pb2,
    project_admin_service_pb2_grpc,
    receipt_pb2,
    scope_pb2,
    user_admin_service_pb2,
    user_admin_service_pb2_grpc,
)

_WAIT_SECONDS: Final = 30
_SUCCESSION_SECONDS: Final = 60.0
"""A merge or split moves datasets one by one."""


@dataclass(frozen=True)
class KindCalls:
    """The three calls of a kind of record."""

    reading: Callable[..., Any]
    writing: Callable[..., Any]
    get: Callable[..., Message]
    list: Callable[..., Message]
    update: Callable[..., Message]


_KINDS: Final[Mapping[str, KindCalls]] = {
    "Population": KindCalls(
        population_admin_service_pb2_grpc.PopulationAdminServiceStub,
        population_admin_service_pb2_grpc.PopulationAdminServiceStub,
        population_admin_service_pb2.GetPopulationRequest,
        population_admin_service_pb2.ListPopulationsRequest,
        population_admin_service_pb2.UpdatePopulationRequest,
    ),
    "User": KindCalls(
        user_admin_service_pb2_grpc.UserAdminServiceStub,
        user_admin_service_pb2_grpc.UserAdminServiceStub,
        user_admin_service_pb2.GetUserRequest,
        user_admin_service_pb2.ListUsersRequest,
        user_admin_service_pb2.UpdateUserRequest,
    ),
    "Project": KindCalls(
        project_admin_service_pb2_grpc.ProjectAdminServiceStub,
        project_admin_service_pb2_grpc.ProjectAdminServiceStub,
        project_admin_service_pb2.GetProjectRequest,
        project_admin_service_pb2.ListProjectsRequest,
        project_admin_service_pb2.UpdateProjectRequest,
    ),
    "Dataset": KindCalls(
        dataset_service_pb2_grpc.DatasetServiceStub,
        dataset_admin_service_pb2_grpc.DatasetAdminServiceStub,
        dataset_service_pb2.GetDatasetRequest,
        dataset_service_pb2.ListDatasetsRequest,
        dataset_admin_service_pb2.UpdateDatasetRequest,
    ),
}


class Administration:
    """Calls to the services that custodians and administrators use."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def close(self) -> None:
        """End the connection."""
        self.calls.close()

    def get(self, kind: str, name: str) -> Message | None:
        """Return a record; None where there is none that the caller may see."""
        try:
            if kind == "Grant":
                return self._grant(name)
            table = _KINDS[kind]
            stub = self.calls.stub(table.reading)
            response = self.calls.unary(getattr(stub, f"Get{kind}"), table.get(name=required(COLLECTIONS[kind], name)))
        except AccessDenied:
            return None
        record: Message = getattr(response, kind.lower())
        return record

    def _grant(self, name: str) -> grant_pb2.Grant:
        population, _, grant = name.removeprefix("populations/").replace("/grants/", "/").partition("/")
        stub = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
        request = budget_admin_service_pb2.GetGrantRequest(name=f"populations/{population}/grants/{grant}")
        return self.calls.unary(stub.GetGrant, request).grant

    def list(self, kind: str) -> Iterator[Message]:
        """Yield all records of a kind that the caller may see; of grants those that custodians gave."""
        if kind == "Grant":
            grants = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
            request = budget_admin_service_pb2.ListGrantsRequest(parent="populations/-", page_size=PAGE)
            for page in self.calls.pages(grants.ListGrants, request):
                yield from (grant for grant in page.grants if not grant.parent)
            return
        table = _KINDS[kind]
        collection = COLLECTIONS[kind]
        method = getattr(self.calls.stub(table.reading), f"List{collection.capitalize()}")
        for response in self.calls.pages(method, table.list(page_size=PAGE)):
            yield from getattr(response, collection)

    def update(self, kind: str, record: Message, *, validate_only: bool) -> Message:
        """Register a record, or change it to what it says; return it as it is, or would be, afterwards."""
        table = _KINDS[kind]
        request = table.update(
            **{kind.lower(): record},
            update_mask=FieldMask(paths=SETTABLE[kind]),
            allow_missing=True,
            validate_only=validate_only,
        )
        response = self.calls.unary(getattr(self.calls.stub(table.writing), f"Update{kind}"), request)
        changed: Message = getattr(response, kind.lower())
        return changed

    def grant(
        self, grant: grant_pb2.Grant, justification: str, *, validate_only: bool
    ) -> budget_admin_service_pb2.GrantBudgetResponse:
        """Set a limit; return the scope before and after."""
        stub = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
        request = budget_admin_service_pb2.GrantBudgetRequest(
            scope=grant.scope,
            limit=grant.limit,
            window=grant.window if grant.HasField("window") else None,
            justification=justification,
            request_id=str(uuid.uuid4()),
            validate_only=validate_only,
        )
        return self.calls.unary(stub.GrantBudget, request)

    def freeze(self, scope: scope_pb2.Scope, justification: str) -> budget_service_pb2.Budget:
        """Stop paying from a scope at once."""
        stub = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
        request = budget_admin_service_pb2.FreezeBudgetRequest(
            scope=scope, justification=justification, request_id=str(uuid.uuid4())
        )
        return self.calls.unary(stub.FreezeBudget, request).budget

    def unfreeze(self, scope: scope_pb2.Scope, justification: str) -> budget_service_pb2.Budget:
        """Let a scope spend again."""
        stub = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
        request = budget_admin_service_pb2.UnfreezeBudgetRequest(
            scope=scope, justification=justification, request_id=str(uuid.uuid4())
        )
        return self.calls.unary(stub.UnfreezeBudget, request).budget

    def withhold(self, query: str, justification: str, *, withheld: bool) -> int:
        """Stop reading of a release, or allow it again; return the position in the ledger that says so."""
        stub = self.calls.stub(budget_admin_service_pb2_grpc.BudgetAdminServiceStub)
        request = budget_admin_service_pb2.WithholdReleaseRequest(
            query=query_name(query), withheld=withheld, justification=justification, request_id=str(uuid.uuid4())
        )
        return self.calls.unary(stub.WithholdRelease, request).sequence

    def merge(
        self, sources: Sequence[str], population: str, justification: str, request_id: str
    ) -> population_pb2.Population:
        """Merge populations into a new one; return it. The same request_id, repeated, finishes what was cut off."""
        stub = self.calls.stub(population_admin_service_pb2_grpc.PopulationAdminServiceStub)
        request = population_admin_service_pb2.MergePopulationsRequest(
            sources=[required("populations", each) for each in sources],
            population_id=short(required("populations", population)),
            justification=justification,
            request_id=request_id,
        )
        return self.calls.unary(stub.MergePopulations, request, deadline=_SUCCESSION_SECONDS).population

    def split(
        self, source: str, parts: Mapping[str, Sequence[str]], justification: str, request_id: str
    ) -> Sequence[population_pb2.Population]:
        """Split a population into new ones; return them. The same request_id, repeated, finishes what was cut off."""
        stub = self.calls.stub(population_admin_service_pb2_grpc.PopulationAdminServiceStub)
        request = population_admin_service_pb2.SplitPopulationRequest(
            source=required("populations", source),
            parts=[
                population_admin_service_pb2.SplitPart(
                    population_id=short(required("populations", name)),
                    datasets=[required("datasets", each) for each in datasets],
                )
                for name, datasets in parts.items()
            ],
            justification=justification,
            request_id=request_id,
        )
        return self.calls.unary(stub.SplitPopulation, request, deadline=_SUCCESSION_SECONDS).populations

    def reopen(
        self,
        population: str,
        receipts: Sequence[receipt_pb2.Receipt],
        written_off: charge_pb2.Charge,
        justification: str,
    ) -> population_admin_service_pb2.ReopenPopulationResponse:
        """Let a restored population go on that does not contain its mark, and charge for what was lost.

        Args:
            population: its id.
            receipts: of lost entries.
            written_off: what the lost entries without a receipt are taken to have spent.
            justification: for the ledger.

        Raises:
            InvalidRequest: nothing is lost, or a receipt proves nothing that is.
        """
        stub = self.calls.stub(population_admin_service_pb2_grpc.PopulationAdminServiceStub)
        request = population_admin_service_pb2.ReopenPopulationRequest(
            population=required("populations", population),
            receipts=receipts,
            written_off=written_off,
            justification=justification,
            request_id=str(uuid.uuid4()),
        )
        return self.calls.unary(stub.ReopenPopulation, request)

    def publish(
        self, dataset: str, *, validate_only: bool = False, waiting: Callable[[], None] = lambda: None
    ) -> dataset_pb2.DatasetVersion:
        """Publish the source's present bytes, and wait until queries read them.

        Args:
            dataset: its id.
            validate_only: read and check everything, publish nothing.
            waiting: called each time that it is not ready yet.

        Raises:
            PreconditionFailed: the data cannot be published; its fields say why.
        """
        stub = self.calls.stub(dataset_admin_service_pb2_grpc.DatasetAdminServiceStub)
        request = dataset_admin_service_pb2.PublishDatasetVersionRequest(
            dataset=required("datasets", dataset), request_id=str(uuid.uuid4()), validate_only=validate_only
        )
        operation = self.calls.unary(stub.PublishDatasetVersion, request)
        operations = self.calls.stub(operations_pb2_grpc.OperationsStub)
        while not operation.done:
            waiting()
            wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=_WAIT_SECONDS))
            operation = self.calls.unary(operations.WaitOperation, wait, deadline=_WAIT_SECONDS + 15.0)
        if operation.WhichOneof("result") == "error":
            raise to_exception(read_status(operation.error)) from None
        version = dataset_pb2.DatasetVersion()
        if not operation.response.Unpack(version):
            raise SfumatoError(f"{operation.name} ended with something else than a version.")
        return version
