"""Which service may call which method of the accountant, and whether it must speak for a user."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_service_pb2,
    dataset_admin_service_pb2,
    dataset_service_pb2,
    ledger_service_pb2,
    population_admin_service_pb2,
    project_admin_service_pb2,
    user_admin_service_pb2,
)
from sfumato_mesh.interceptors import Rule

_GATEWAY: Final = frozenset({"gateway"})
_EXECUTOR: Final = frozenset({"executor"})
_BOTH: Final = _GATEWAY | _EXECUTOR

_FOR_USER: Final = Rule(services=_GATEWAY, user=True)
"""The gateway, for a user. What that user may do is decided on the records, by the handler."""

_PUBLIC_SERVICES: Final = (
    dataset_service_pb2,
    dataset_admin_service_pb2,
    population_admin_service_pb2,
    project_admin_service_pb2,
    user_admin_service_pb2,
    budget_service_pb2,
    budget_admin_service_pb2,
    ledger_service_pb2,
)
_NOT_SERVED: Final = frozenset(
    {
        "/sfumato.v1.DatasetAdminService/PublishDatasetVersion",
        "/sfumato.v1.PopulationAdminService/ReopenPopulation",
    }
)
"""The gateway's own: it makes a preparation of the one, and adds the mark to the other."""


def _methods(service: ServiceDescriptor) -> list[str]:
    return [f"/{service.full_name}/{method.name}" for method in service.methods]


_PUBLIC: Final = {
    method: _FOR_USER
    for module in _PUBLIC_SERVICES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in _methods(service)
    if method not in _NOT_SERVED
}

METHOD_RULES: Final[Mapping[str, Rule]] = {
    **_PUBLIC,
    "/sfumato_mesh.v1.AccountantService/PreviewQuery": _FOR_USER,
    "/sfumato_mesh.v1.AccountantService/ReserveQuery": _FOR_USER,
    "/sfumato_mesh.v1.AccountantService/CommitQuery": Rule(services=_EXECUTOR, user=False),
    "/sfumato_mesh.v1.AccountantService/ChargeQuery": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.AccountantService/CheckMark": Rule(services=_EXECUTOR, user=False),
    "/sfumato_mesh.v1.AccountantService/ReopenPopulation": _FOR_USER,
    "/sfumato_mesh.v1.ReservationService/GetReservation": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.ReservationService/WatchReservation": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.ReservationService/ListOpenReservations": Rule(services=_EXECUTOR, user=False),
    "/sfumato_mesh.v1.ReservationService/ListReservations": _FOR_USER,
    "/sfumato_mesh.v1.CatalogService/GetDatasetRecord": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.CatalogService/ResolveUser": Rule(services=_GATEWAY, user=False),
    "/sfumato_mesh.v1.CatalogService/CreatePreparation": _FOR_USER,
    "/sfumato_mesh.v1.CatalogService/GetPreparation": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.CatalogService/ListPreparations": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.CatalogService/EndPreparation": Rule(services=_BOTH, user=False),
    "/sfumato_mesh.v1.CatalogService/DeletePreparation": _FOR_USER,
}
