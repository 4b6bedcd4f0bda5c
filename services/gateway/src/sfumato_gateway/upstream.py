"""Calls to accountant and executor: what of their refusals reaches a client."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc

from sfumato_gateway.refusals import query_failed
from sfumato_mesh.refusal import DOMAIN, MESH_DOMAIN, Refusal
from sfumato_mesh.refusals import access_denied, service_unavailable

CALL_SECONDS: Final = 15.0
"""Deadline of one unary call; the inbound deadline cuts it shorter."""

_NOT_THERE: Final = frozenset(("RESERVATION_UNKNOWN", "PREPARATION_UNKNOWN"))


class DatasetVersionChanged(Exception):  # noqa: N818  (an event, not a fault)
    """Another version of the dataset was published since the quote: quote again."""


@contextmanager
def asking(service: str, resource: str = "") -> Iterator[None]:
    """Turn the errors of calls in the block into what a client is told.

    Refusals of domain "sfumato" concern the caller and pass unchanged. Those between services become what they mean
    for the caller; everything else (transport, time-outs, unforeseen) says nothing but that the service is away.

    Args:
        service: who is asked, "accountant" or "executor".
        resource: what is asked about, where not there and not allowed are to look the same.

    Raises:
        Refusal: as above.
        DatasetVersionChanged: the quote is out of date.
    """
    try:
        yield
    except grpc.RpcError as error:
        refusal = Refusal.from_rpc_error(error)
        if refusal is not None and (refusal.domain, refusal.reason) == (MESH_DOMAIN, "DATASET_VERSION_CHANGED"):
            raise DatasetVersionChanged from None
        raise _for_client(refusal, service, resource) from None


def _for_client(refusal: Refusal | None, service: str, resource: str) -> Refusal:
    if refusal is None:
        return service_unavailable(service)
    if refusal.domain == DOMAIN:
        return refusal
    if refusal.reason in _NOT_THERE and resource:
        return access_denied(resource)
    if refusal.reason == "RELEASE_TAMPERED":
        return query_failed()
    return service_unavailable(service)
