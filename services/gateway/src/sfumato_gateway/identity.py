# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""IdentityService: what the mesh is, and who asks."""

from dataclasses import dataclass
from typing import Any

from sfumato.v1 import identity_service_pb2 as contract
from sfumato.v1.identity_service_pb2_grpc import IdentityServiceServicer, add_IdentityServiceServicer_to_server
from sfumato_gateway.authentication import current_identity
from sfumato_mesh.clock import Clock
from sfumato_mesh.server import ServerLike


@dataclass(frozen=True)
class MeshFacts:
    """Public facts of the server, the same for everybody."""

    version: str
    minimum_client_version: str
    issuer: str
    """Issuer URL of an OpenID Connect provider; empty: the administrator hands tokens out."""
    client_id: str
    audience: str
    scopes: tuple[str, ...]


class IdentityHandlers(IdentityServiceServicer):
    """The methods."""

    def __init__(self, facts: MeshFacts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    def register(self, server: ServerLike) -> None:
        """Serve IdentityService."""
        add_IdentityServiceServicer_to_server(self, server)

    async def GetMesh(self, request: contract.GetMeshRequest, context: Any) -> contract.GetMeshResponse:
        """Tell public facts, to anybody."""
        facts = self._facts
        response = contract.GetMeshResponse(
            version=facts.version,
            minimum_client_version=facts.minimum_client_version,
            login=contract.LoginMethod(
                issuer=facts.issuer, client_id=facts.client_id, audience=facts.audience, scopes=facts.scopes
            ),
        )
        response.server_time.FromDatetime(self._clock.now())
        return response

    async def GetCaller(self, request: contract.GetCallerRequest, context: Any) -> contract.GetCallerResponse:
        """Tell who the token's bearer is."""
        identity = current_identity()
        response = contract.GetCallerResponse(user=identity.user, projects=identity.projects)
        response.token_expire_time.FromDatetime(identity.token_expire_time)
        return response
