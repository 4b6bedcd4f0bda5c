"""The analyst that every embedded mesh begins with."""

import grpc

from sfumato.v1 import user_admin_service_pb2, user_admin_service_pb2_grpc, user_pb2
from sfumato_embedded.identities import ANALYST, ISSUER, Connection

_DEADLINE = 10.0


def ensure_analyst(connection: Connection) -> None:
    """Register the user "analyst", who may ask about every dataset, if there is no such user.

    What it may spend is for a custodian to grant. A mesh whose administrator has changed or deleted that user is left
    as it is.
    """
    request = user_admin_service_pb2.CreateUserRequest(
        user_id=ANALYST,
        user=user_pb2.User(
            display_name="The first analyst",
            issuer=ISSUER,
            subject=ANALYST,
            roles=[user_pb2.RoleBinding(role=user_pb2.ROLE_ANALYST)],
        ),
    )
    metadata = (("authorization", f"Bearer {connection.admin_token}"),)
    with grpc.insecure_channel(connection.target) as channel:
        stub = user_admin_service_pb2_grpc.UserAdminServiceStub(channel)
        try:
            stub.CreateUser(request, metadata=metadata, timeout=_DEADLINE)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
