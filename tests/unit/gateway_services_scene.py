"""A gateway's public services before a mesh that is made up."""

from datetime import timedelta
from typing import Any, cast

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.longrunning.operations_pb2_grpc import OperationsStub

from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_service_pb2,
    dataset_service_pb2,
    ledger_service_pb2,
)
from sfumato.v1.budget_admin_service_pb2_grpc import (
    BudgetAdminServiceServicer,
    add_BudgetAdminServiceServicer_to_server,
)
from sfumato.v1.budget_service_pb2_grpc import (
    BudgetServiceServicer,
    add_BudgetServiceServicer_to_server,
)
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.dataset_service_pb2_grpc import (
    DatasetServiceServicer,
    add_DatasetServiceServicer_to_server,
)
from sfumato.v1.grant_pb2 import Grant
from sfumato.v1.ledger_pb2 import LedgerEntry, LedgerHead
from sfumato.v1.ledger_service_pb2_grpc import (
    LedgerServiceServicer,
    add_LedgerServiceServicer_to_server,
)
from sfumato.v1.project_pb2 import Project
from sfumato.v1.scope_pb2 import Scope
from sfumato.v1.user_pb2 import ROLE_ANALYST, RoleBinding, User
from sfumato_gateway.service import METHOD_RULES, open_gateway
from sfumato_gateway.settings import GatewaySettings
from sfumato_mesh.inprocess import InProcessServer
from sfumato_mesh.interceptors import GuardInterceptor, RefusalInterceptor, public_interceptors
from sfumato_mesh.keys import key_id
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.server import ServerLike
from sfumato_mesh.tokens import LocalIssuer, TokenVerifier
from sfumato_mesh.v1 import catalog_service_pb2, data_service_pb2, executor_service_pb2, reservation_service_pb2
from sfumato_mesh.v1.catalog_service_pb2 import Preparation
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceServicer, add_CatalogServiceServicer_to_server
from sfumato_mesh.v1.data_service_pb2_grpc import DataServiceServicer, add_DataServiceServicer_to_server
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceServicer, add_ExecutorServiceServicer_to_server
from sfumato_mesh.v1.reservation_service_pb2_grpc import (
    ReservationServiceServicer,
    add_ReservationServiceServicer_to_server,
)

POPULATION = "populations/palmer"
SCOPE = Scope(population=POPULATION)
HASH = b"\x09" * 32


class MadeUpMesh(
    CatalogServiceServicer,
    DatasetServiceServicer,
    LedgerServiceServicer,
    BudgetServiceServicer,
    BudgetAdminServiceServicer,
    DataServiceServicer,
    ExecutorServiceServicer,
    ReservationServiceServicer,
):
    """Accountant and executor in one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.requests: dict[str, Any] = {}
        self.refuse: dict[str, Refusal] = {}
        self.user = User(name="users/ada", roles=[RoleBinding(role=ROLE_ANALYST, resource="datasets/penguins")])
        self.preparations: dict[str, Preparation] = {}
        self.ends_after = 0

    def _ask(self, name: str, request: Any) -> None:
        self.asked.append(name)
        self.requests[name] = request
        if name in self.refuse:
            raise self.refuse[name]

    async def ResolveUser(self, request: Any, context: Any) -> Any:
        self._ask("ResolveUser", request)
        return catalog_service_pb2.ResolveUserResponse(user=self.user, projects=[Project(name="projects/p")])

    async def GetDataset(self, request: Any, context: Any) -> Any:
        self._ask("GetDataset", request)
        return dataset_service_pb2.GetDatasetResponse(dataset=Dataset(name=request.name))

    async def GetLedgerHead(self, request: Any, context: Any) -> Any:
        self._ask("GetLedgerHead", request)
        head = LedgerHead(population=request.population, sequence=12, entry_hash=HASH)
        return ledger_service_pb2.GetLedgerHeadResponse(head=head)

    async def ListLedgerEntries(self, request: Any, context: Any) -> Any:
        self._ask("ListLedgerEntries", request)
        entries = [
            LedgerEntry(population=request.parent, sequence=sequence, entry_hash=bytes([sequence]) * 32)
            for sequence in (3, 4)
        ]
        return ledger_service_pb2.ListLedgerEntriesResponse(ledger_entries=entries)

    async def ListBudgets(self, request: Any, context: Any) -> Any:
        self._ask("ListBudgets", request)
        budget = budget_service_pb2.Budget(scope=SCOPE, grant=Grant(scope=SCOPE, sequence=9))
        return budget_service_pb2.ListBudgetsResponse(budgets=[budget])

    async def GrantBudget(self, request: Any, context: Any) -> Any:
        self._ask("GrantBudget", request)
        grant = Grant(scope=request.scope, sequence=11)
        after = budget_service_pb2.Budget(scope=request.scope, grant=grant)
        return budget_admin_service_pb2.GrantBudgetResponse(grant=grant, after=after)

    async def RaiseMark(self, request: Any, context: Any) -> Any:
        self._ask("RaiseMark", request)
        return executor_service_pb2.RaiseMarkResponse(mark=request.head)

    # --- preparations

    async def CreatePreparation(self, request: Any, context: Any) -> Any:
        self._ask("CreatePreparation", request)
        preparation = self.preparations.setdefault(
            request.preparation_id,
            Preparation(
                preparation_id=request.preparation_id,
                dataset=Dataset(name=request.dataset),
                user="users/ada",
                validate_only=request.validate_only,
                state=Preparation.STATE_OPEN,
            ),
        )
        return catalog_service_pb2.CreatePreparationResponse(preparation=preparation)

    async def GetPreparation(self, request: Any, context: Any) -> Any:
        self._ask("GetPreparation", request)
        preparation = self.preparations.get(request.preparation_id)
        if preparation is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "PREPARATION_UNKNOWN", "no", domain=MESH_DOMAIN)
        if self.ends_after:
            self.ends_after -= 1
            if not self.ends_after:
                self.end(preparation)
        return catalog_service_pb2.GetPreparationResponse(preparation=preparation)

    def end(self, preparation: Preparation) -> None:
        preparation.state = Preparation.STATE_READY
        preparation.problems.append("3 values were outside their bounds")
        preparation.dataset_version.name = f"{preparation.dataset.name}/versions/1"

    async def ListPreparations(self, request: Any, context: Any) -> Any:
        self._ask("ListPreparations", request)
        found = list(self.preparations.values())
        return catalog_service_pb2.ListPreparationsResponse(preparations=found, next_page_token="next")

    async def EndPreparation(self, request: Any, context: Any) -> Any:
        self._ask("EndPreparation", request)
        preparation = self.preparations[request.preparation_id]
        preparation.state = request.state
        return catalog_service_pb2.EndPreparationResponse(preparation=preparation)

    async def DeletePreparation(self, request: Any, context: Any) -> Any:
        self._ask("DeletePreparation", request)
        del self.preparations[request.preparation_id]
        return catalog_service_pb2.DeletePreparationResponse()

    async def GetReservation(self, request: Any, context: Any) -> Any:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "RESERVATION_UNKNOWN", "no", domain=MESH_DOMAIN)

    async def ListReservations(self, request: Any, context: Any) -> Any:
        return reservation_service_pb2.ListReservationsResponse()

    async def PrepareVersion(self, request: Any, context: Any) -> Any:
        self._ask("PrepareVersion", request)
        return data_service_pb2.PrepareVersionResponse()


class Scene:
    """The whole gateway, behind its interceptors, with made-up neighbours."""

    def __init__(self) -> None:
        self.mesh = MadeUpMesh()  # type: ignore[abstract]  # methods that no test calls
        neighbours = InProcessServer([RefusalInterceptor("accountant"), GuardInterceptor()])
        adds: tuple[Any, ...] = (
            add_CatalogServiceServicer_to_server,
            add_DatasetServiceServicer_to_server,
            add_LedgerServiceServicer_to_server,
            add_BudgetServiceServicer_to_server,
            add_BudgetAdminServiceServicer_to_server,
            add_DataServiceServicer_to_server,
            add_ExecutorServiceServicer_to_server,
            add_ReservationServiceServicer_to_server,
        )
        for add in adds:
            add(self.mesh, neighbours)
        self.neighbours = neighbours.channel()
        key = Ed25519PrivateKey.generate()
        self.issuer = LocalIssuer("https://issuer.test", "sfumato", key)
        public = key.public_key()
        self.verifier = TokenVerifier("https://issuer.test", "sfumato", {key_id(public): public})
        self.channel: Any = None

    async def open(self) -> "Scene":
        gateway = await open_gateway(GatewaySettings(), self.neighbours, self.neighbours)
        chain: Any = public_interceptors("gateway", self.verifier, gateway.resolve, METHOD_RULES)
        server = InProcessServer(chain)
        for each in gateway.handlers:
            each.register(cast("ServerLike", server))
        self.channel = server.channel()
        return self

    @property
    def token(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.issuer.issue('ada', timedelta(minutes=5))}")]

    def operations(self) -> Any:
        return OperationsStub(self.channel)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    refusal = Refusal.from_rpc_error(caught.value)
    assert refusal is not None
    return refusal


# --- the table of methods
