"""Refusals: their reasons exist, they travel whole, and they fit into trailers."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from sfumato.v1.error_reason_pb2 import ErrorReason
from sfumato_mesh import refusals
from sfumato_mesh.refusal import DOMAIN, MAX_TRAILER_BYTES, MESH_DOMAIN, FieldViolation, Refusal
from sfumato_mesh.v1.mesh_error_reason_pb2 import MeshErrorReason

WHOLE = Refusal(
    grpc.StatusCode.FAILED_PRECONDITION,
    "BUDGET_FROZEN",
    "populations/palmer is frozen.",
    metadata={"scope": "populations/palmer", "hint": "ask its custodian"},
    fields=[FieldViolation("plan.measures[2].sum.bounds", "must not be empty")],
    quota=("populations/palmer", "nothing left"),
    precondition=("FROZEN", "populations/palmer", "since yesterday"),
    retry_after=0.25,
)
FIELDS = ("code", "reason", "message", "metadata", "fields", "quota", "precondition", "retry_after", "domain")


def made(constructor: Callable[..., Refusal]) -> Refusal:
    """Call a constructor with something for every required argument."""
    values: dict[str, Any] = {"fields": [FieldViolation("a.b", "must not be empty")], "expire_time": datetime.now(UTC)}
    values["error"] = grpc.RpcError()
    arguments = {
        name: values.get(name, "something")
        for name, parameter in inspect.signature(constructor).parameters.items()
        if name in values
        or (parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD)
    }
    return constructor(**arguments)


CONSTRUCTORS = [
    value
    for name, value in vars(refusals).items()
    if inspect.isfunction(value) and value.__module__ == refusals.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("constructor", CONSTRUCTORS, ids=lambda each: each.__name__)
def test_every_reason_is_in_the_contract(constructor: Callable[..., Refusal]) -> None:
    refusal = made(constructor)
    if refusal.domain == DOMAIN:
        assert f"ERROR_REASON_{refusal.reason}" in ErrorReason.DESCRIPTOR.values_by_name
        assert refusal.metadata.get("hint") or refusal.fields, "a refusal says what would pass"
    else:
        assert refusal.domain == MESH_DOMAIN
        assert f"MESH_ERROR_REASON_{refusal.reason}" in MeshErrorReason.DESCRIPTOR.values_by_name
    assert refusal.code is not grpc.StatusCode.INTERNAL
    assert refusal.code is not grpc.StatusCode.UNKNOWN


def test_the_list_of_constructors_is_not_empty() -> None:
    assert len(CONSTRUCTORS) > 10


def test_a_status_holds_everything_once() -> None:
    status = WHOLE.to_status()
    kinds = [each.TypeName() for each in status.details]
    assert kinds[0] == "google.rpc.ErrorInfo"
    assert len(kinds) == len(set(kinds)) == 5
    again = Refusal.from_status(status)
    assert again is not None
    assert [getattr(again, name) for name in FIELDS] == [getattr(WHOLE, name) for name in FIELDS]


@pytest.mark.parametrize("name", FIELDS)
def test_attributes_never_change(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(WHOLE, name, "other")


def raise_after_another() -> None:
    try:
        raise ValueError("cause")
    except ValueError as error:
        raise WHOLE from error


def test_it_can_be_raised_and_chained() -> None:
    with pytest.raises(Refusal) as caught:
        raise_after_another()
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(TypeError):
        caught.value.metadata["scope"] = "other"  # type: ignore[index]


def test_long_refusals_are_cut_to_fit_trailers() -> None:
    refusal = refusals.plan_rejected(
        "unknown_column",
        "ρ" * 100_000,
        "ε" * 100_000,
        hint="y" * 100_000,
        columns=", ".join(f"column_{number}" for number in range(10_000)),
    )
    many = refusals.request_invalid("no", [FieldViolation(f"field_{n}" * 50, "must not be empty") for n in range(900)])
    for each in (refusal, many):
        status = each.to_status()
        assert status.ByteSize() * 4 / 3 + len(status.message.encode()) * 3 <= MAX_TRAILER_BYTES
        again = Refusal.from_status(status)
        assert again is not None
        assert again.reason == each.reason
        assert again.fields


def test_statuses_without_error_info_are_no_refusals() -> None:
    assert Refusal.from_status(status_pb2.Status(code=8, message="too large")) is None
    broken = status_pb2.Status(code=8)
    broken.details.add().Pack(error_details_pb2.ErrorInfo(reason="BUDGET_EXHAUSTED"))
    broken.details[0].value = b"\xff\xff"
    assert Refusal.from_status(broken) is None
    ok = status_pb2.Status(code=0)
    ok.details.add().Pack(error_details_pb2.ErrorInfo(reason="BUDGET_EXHAUSTED"))
    assert Refusal.from_status(ok) is None
    assert Refusal.from_rpc_error(grpc.RpcError()) is None


def aio_error(refusal: Refusal) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", refusal.to_status().SerializeToString()))
    return grpc.aio.AioRpcError(refusal.code, grpc.aio.Metadata(), trailing, details=refusal.message)


def test_what_concerns_the_caller_passes_and_nothing_else() -> None:
    assert refusals.from_peer(aio_error(WHOLE), "accountant").reason == "BUDGET_FROZEN"
    hidden = refusals.from_peer(aio_error(refusals.peer_not_allowed("/x.Y/Z")), "accountant")
    assert (hidden.reason, hidden.metadata["service"]) == ("SERVICE_UNAVAILABLE", "accountant")
    assert refusals.from_peer(grpc.RpcError(), "executor").reason == "SERVICE_UNAVAILABLE"
