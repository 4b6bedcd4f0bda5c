"""Who may call which public method: anybody may ask what the mesh is; all else needs a user."""

from collections.abc import Mapping
from typing import Final

from google.longrunning import operations_pb2

from sfumato.v1 import identity_service_pb2, model_service_pb2, operation_service_pb2, query_service_pb2
from sfumato_gateway.forward import FORWARDED
from sfumato_mesh.interceptors.rules import Rule

SERVICES: Final = (
    query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
    identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    operation_service_pb2.DESCRIPTOR.services_by_name["OperationService"],
    operations_pb2.DESCRIPTOR.services_by_name["Operations"],
    *FORWARDED,
)
"""All public services."""

SERVICE_NAMES: Final = tuple(str(service.full_name) for service in SERVICES)
"""Their full names, for reflection."""

_PUBLIC: Final = frozenset(("/sfumato.v1.IdentityService/GetMesh",))


def _rules() -> dict[str, Rule]:
    names = (f"/{service.full_name}/{method.name}" for service in SERVICES for method in service.methods)
    return {name: Rule(user=False, public=True) if name in _PUBLIC else Rule() for name in names}


METHOD_RULES: Final[Mapping[str, Rule]] = _rules()
"""Full method name to rule; what is not in it is refused."""
