"""Refusal: the one exception by which a servicer says no, and its form on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "sfumato"
"""ErrorInfo.domain of sfumato.v1.ErrorReason: what concerns the caller."""
MESH_DOMAIN: Final = "mesh.sfumato"
"""ErrorInfo.domain of sfumato_mesh.v1.MeshErrorReason: refusals between services."""

MessageT = TypeVar("MessageT", bound=Message)

MAX_TRAILER_BYTES: Final = 7 * 1024
"""Limit of what a refusal adds to the trailers. Clients take 8 KiB of metadata; above it the call would fail with a
transport error in place of the refusal."""

_STATUS_KEY: Final = "grpc-status-details-bin"
_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_FIELDS: Final = frozenset(
    ("code", "reason", "message", "metadata", "fields", "quota", "precondition", "retry_after", "domain")
)


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request, and what is wrong with it."""

    field: str
    """Path in the request: "plan.measures[2].sum.bounds"."""
    description: str
    """The rule that it breaks, for people."""


class Refusal(Exception):  # noqa: N818  (a refusal is an answer, not an error of the program)
    """What was refused, by which rule, and what would pass. Its attributes never change.

    Attributes:
        code: gRPC status code.
        reason: name of an ErrorReason (of a MeshErrorReason, if domain is MESH_DOMAIN) without its prefix.
        message: one sentence for people. Programs read reason and metadata.
        metadata: what ErrorReason documents for the reason; "hint" says in words what would pass.
        fields: violations, sent as BadRequest.
        quota: (subject, description), sent as QuotaFailure.
        precondition: (type, subject, description), sent as PreconditionFailure.
        retry_after: seconds after which the same call may pass, sent as RetryInfo.
        domain: DOMAIN or MESH_DOMAIN.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str]
    fields: tuple[FieldViolation, ...]
    quota: tuple[str, str] | None
    precondition: tuple[str, str, str] | None
    retry_after: float | None
    domain: str

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] = _NO_METADATA,
        fields: Sequence[FieldViolation] = (),
        quota: tuple[str, str] | None = None,
        precondition: tuple[str, str, str] | None = None,
        retry_after: float | None = None,
        domain: str = DOMAIN,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = MappingProxyType(dict(metadata))
        self.fields = tuple(fields)
        self.quota = quota
        self.precondition = precondition
        self.retry_after = retry_after
        self.domain = domain

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIELDS and name in self.__dict__:
            raise AttributeError(f"Refusal.{name} never changes")
        super().__setattr__(name, value)

    def to_status(self) -> status_pb2.Status:
        """Return the refusal as google.rpc.Status: ErrorInfo first, each kind of detail at most once.

        Long texts and lists, which can only come from long requests, are cut so that MAX_TRAILER_BYTES holds.
        """
        for longest, most in ((512, 16), (128, 8), (32, 4)):
            status = self._status(longest, most)
            if _trailer_bytes(status) <= MAX_TRAILER_BYTES:
                break
        return status

    def _status(self, longest: int, most: int) -> status_pb2.Status:
        """Return the status with texts of at most `longest` characters and at most `most` field violations."""
        metadata = {key: _cut(value, longest) for key, value in self.metadata.items()}
        details: list[Message] = [
            error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=metadata)
        ]
        if self.fields:
            violations = [
                error_details_pb2.BadRequest.FieldViolation(
                    field=_cut(each.field, longest), description=_cut(each.description, longest)
                )
                for each in self.fields[:most]
            ]
            details.append(error_details_pb2.BadRequest(field_violations=violations))
        if self.quota is not None:
            subject, description = (_cut(text, longest) for text in self.quota)
            quota = error_details_pb2.QuotaFailure.Violation(subject=subject, description=description)
            details.append(error_details_pb2.QuotaFailure(violations=[quota]))
        if self.precondition is not None:
            kind, subject, description = (_cut(text, longest) for text in self.precondition)
            state = error_details_pb2.PreconditionFailure.Violation(type=kind, subject=subject, description=description)
            details.append(error_details_pb2.PreconditionFailure(violations=[state]))
        if self.retry_after is not None:
            details.append(error_details_pb2.RetryInfo(retry_delay=_duration(self.retry_after)))
        message = _cut(self.message, longest)
        return status_pb2.Status(code=self.code.value[0], message=message, details=map(_packed, details))

    @classmethod
    def from_status(cls, status: status_pb2.Status) -> "Refusal | None":
        """Return the refusal that a google.rpc.Status holds; None if it has no readable ErrorInfo."""
        code = _CODES.get(status.code)
        try:
            info = _detail(status, error_details_pb2.ErrorInfo())
            bad_request = _detail(status, error_details_pb2.BadRequest())
            quotas = _detail(status, error_details_pb2.QuotaFailure())
            preconditions = _detail(status, error_details_pb2.PreconditionFailure())
            retry = _detail(status, error_details_pb2.RetryInfo())
        except DecodeError:
            return None
        if info is None or code is None or code is grpc.StatusCode.OK:
            return None
        quota = quotas.violations[0] if quotas is not None and quotas.violations else None
        precondition = preconditions.violations[0] if preconditions is not None and preconditions.violations else None
        violations = bad_request.field_violations if bad_request is not None else ()
        return cls(
            code,
            info.reason,
            status.message,
            metadata=info.metadata,
            fields=[FieldViolation(each.field, each.description) for each in violations],
            quota=None if quota is None else (quota.subject, quota.description),
            precondition=None
            if precondition is None
            else (precondition.type, precondition.subject, precondition.description),
            retry_after=None if retry is None else retry.retry_delay.ToNanoseconds() / 1e9,
            domain=info.domain,
        )

    @classmethod
    def from_rpc_error(cls, error: grpc.RpcError) -> "Refusal | None":
        """Return the refusal that a failed call carries; None if it has no ErrorInfo (transport errors, time-outs)."""
        trailing = getattr(error, "trailing_metadata", None)
        for key, value in (trailing() if trailing is not None else None) or ():
            if key == _STATUS_KEY:
                try:
                    return cls.from_status(status_pb2.Status.FromString(value))
                except DecodeError:
                    return None
        return None


def _trailer_bytes(status: status_pb2.Status) -> int:
    """Return an upper bound of the bytes on the wire: the status in base64, its message percent-encoded beside it."""
    return int(status.ByteSize()) * 4 // 3 + 3 * len(status.message.encode())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _packed(detail: Message) -> Any:
    packed = Any()
    packed.Pack(detail, deterministic=True)  # maps in the order of their keys: equal refusals are equal bytes
    return packed


def _detail(status: status_pb2.Status, empty: MessageT) -> MessageT | None:
    for each in status.details:
        if each.Unpack(empty):
            return empty
    return None


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
