"""Ready-made refusals for the reasons that several rooms raise: one text for each, wherever it is said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import grpc
from grpc import StatusCode

from sfumato_mesh.refusal import DOMAIN, MESH_DOMAIN, FieldViolation, Refusal

RETRY_SECONDS: Final = 1.0
"""What RetryInfo asks for when a part of the mesh is away."""


def access_denied(resource: str) -> Refusal:
    """Not allowed, or not there: nobody can tell which."""
    return Refusal(
        StatusCode.PERMISSION_DENIED,
        "ACCESS_DENIED",
        f"{resource} is not there, or you have no access to it.",
        metadata={"resource": resource, "hint": "ask its custodian or an administrator for access"},
    )


def request_invalid(message: str, fields: Sequence[FieldViolation] = (), *, hint: str = "") -> Refusal:
    """The message does not parse, or breaks rules of its fields. The hint defaults to the first field's rule."""
    said = hint or (f"{fields[0].field}: {fields[0].description}" if fields else "")
    return Refusal(
        StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID", message, metadata={"hint": said} if said else {}, fields=fields
    )


def plan_rejected(rule: str, field: str, message: str, *, hint: str = "", **metadata: str) -> Refusal:
    """A plan breaks a rule of the language. `field` is the path in the request, `rule` one that ErrorReason lists."""
    said = {"hint": hint} if hint else {}
    return Refusal(
        StatusCode.INVALID_ARGUMENT,
        "PLAN_REJECTED",
        message,
        metadata={"rule": rule, "field": field, **said, **metadata},
        fields=[FieldViolation(field, message)],
    )


def page_token_invalid() -> Refusal:
    """A page token is of another list, other conditions, or another server."""
    hint = "leave page_token empty to start again"
    return Refusal(
        StatusCode.INVALID_ARGUMENT,
        "PAGE_TOKEN_INVALID",
        "page_token is not of this list and its conditions.",
        metadata={"hint": hint},
        fields=[FieldViolation("page_token", hint)],
    )


def field_not_changeable(field: str, message: str) -> Refusal:
    """An update would change an immutable field, or its mask names none that exists."""
    return Refusal(
        StatusCode.INVALID_ARGUMENT,
        "FIELD_NOT_CHANGEABLE",
        message,
        metadata={"field": field, "hint": f"leave {field} out of update_mask"},
        fields=[FieldViolation(field, message)],
    )


def token_missing() -> Refusal:
    """No bearer token came with the call."""
    hint = "send the metadata `authorization: Bearer TOKEN`"
    return Refusal(
        StatusCode.UNAUTHENTICATED, "TOKEN_MISSING", "The call carries no bearer token.", metadata={"hint": hint}
    )


def token_invalid(rule: str, message: str) -> Refusal:
    """A token breaks one of the rules that ErrorReason lists under TOKEN_INVALID."""
    return Refusal(
        StatusCode.UNAUTHENTICATED,
        "TOKEN_INVALID",
        message,
        metadata={"rule": rule, "hint": "get a new token, and check that it is meant for this server"},
    )


def token_expired(expire_time: datetime) -> Refusal:
    """A good token is over."""
    instant = expire_time.isoformat().replace("+00:00", "Z")
    return Refusal(
        StatusCode.UNAUTHENTICATED,
        "TOKEN_EXPIRED",
        f"The token ended at {instant}.",
        metadata={"expire_time": instant, "hint": "get a new token and call again"},
    )


def user_unknown() -> Refusal:
    """The token is good, and its (issuer, subject) is no user here, or a disabled one."""
    return Refusal(
        StatusCode.PERMISSION_DENIED,
        "USER_UNKNOWN",
        "The token is good, but its subject is no user of this server, or a disabled one.",
        metadata={"hint": "ask an administrator to create the user with this token's issuer and subject"},
    )


def request_id_reused() -> Refusal:
    """The same caller used this request_id with another body or method."""
    return Refusal(
        StatusCode.FAILED_PRECONDITION,
        "REQUEST_ID_REUSED",
        "request_id was used before, with another body or method.",
        metadata={"hint": "take a new UUID for a new request; the same one repeats the old request"},
    )


def etag_mismatch() -> Refusal:
    """Somebody changed the resource in between."""
    return Refusal(
        StatusCode.ABORTED,
        "ETAG_MISMATCH",
        "The resource has changed since it was read: etag is not the present one.",
        metadata={"hint": "read it again, and decide again"},
    )


def resource_exists(resource: str) -> Refusal:
    """An id, or a user's (issuer, subject), was given before; perhaps to something deleted since."""
    return Refusal(
        StatusCode.ALREADY_EXISTS,
        "RESOURCE_EXISTS",
        f"{resource} was given before, perhaps to something that has been deleted since.",
        metadata={"resource": resource, "hint": "take an id that was never given"},
    )


def resource_in_use(resource: str, used_by: str) -> Refusal:
    """It cannot be deleted while something depends on it."""
    return Refusal(
        StatusCode.FAILED_PRECONDITION,
        "RESOURCE_IN_USE",
        f"{resource} cannot be deleted: {used_by} depends on it.",
        metadata={"resource": resource, "used_by": used_by, "hint": f"delete {used_by} first"},
        precondition=("IN_USE", resource, f"{used_by} depends on it"),
    )


def service_unavailable(service: str, *, trace_id: str = "") -> Refusal:
    """A part of the mesh is away, or failed where nothing more may be told."""
    trace = {"trace_id": trace_id} if trace_id else {}
    return Refusal(
        StatusCode.UNAVAILABLE,
        "SERVICE_UNAVAILABLE",
        "A part of the mesh is not available now.",
        metadata={"service": service, "hint": "repeat the call with the same request_id", **trace},
        retry_after=RETRY_SECONDS,
    )


def not_accepting(population: str) -> Refusal:
    """The executor takes nothing for this population now; nothing was written."""
    return Refusal(
        StatusCode.UNAVAILABLE,
        "NOT_ACCEPTING",
        f"Queries on {population} are not accepted now; nothing was charged.",
        metadata={"population": population, "hint": "repeat the call with the same request_id"},
        retry_after=RETRY_SECONDS,
    )


def from_peer(error: grpc.RpcError, service: str) -> Refusal:
    """Return what a failed call to another service means for the caller.

    What concerns the caller (domain "sfumato") passes unchanged; everything else is that `service` is away.
    """
    refusal = Refusal.from_rpc_error(error)
    return refusal if refusal is not None and refusal.domain == DOMAIN else service_unavailable(service)


def peer_not_allowed(method: str) -> Refusal:
    """Between services: the service that signed the principal may not call this method."""
    return Refusal(
        StatusCode.PERMISSION_DENIED,
        "PEER_NOT_ALLOWED",
        "The service that signed the principal may not call this method.",
        metadata={"method": method},
        domain=MESH_DOMAIN,
    )


def principal_invalid(rule: str) -> Refusal:
    """Between services: the principal is missing, malformed, expired, badly signed or meant for another."""
    return Refusal(
        StatusCode.UNAUTHENTICATED,
        "PRINCIPAL_INVALID",
        f"The principal of the call is not valid: {rule}.",
        metadata={"rule": rule},
        domain=MESH_DOMAIN,
    )
