"""From a status of the wire to an exception that reads like a colleague's answer. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from sfumato import errors
from sfumato._core.amounts import ATTO, PICO
from sfumato._core.numbers import sig
from sfumato._core.tables import clean

DOMAIN: Final = "sfumato"
MessageT = TypeVar("MessageT", bound=Message)

BY_REASON: Final[Mapping[str, type[errors.SfumatoError]]] = {
    "REQUEST_INVALID": errors.InvalidRequest,
    "PLAN_REJECTED": errors.PlanRejected,
    "SQL_REJECTED": errors.SqlRejected,
    "PAGE_TOKEN_INVALID": errors.InvalidRequest,
    "FIELD_NOT_CHANGEABLE": errors.InvalidRequest,
    "TOKEN_MISSING": errors.Unauthenticated,
    "TOKEN_INVALID": errors.Unauthenticated,
    "TOKEN_EXPIRED": errors.Unauthenticated,
    "USER_UNKNOWN": errors.AccessDenied,
    "ACCESS_DENIED": errors.AccessDenied,
    "BUDGET_EXHAUSTED": errors.BudgetExhausted,
    "BUDGET_FROZEN": errors.BudgetFrozen,
    "PRICE_ABOVE_LIMIT": errors.PriceTooHigh,
    "PRICE_ABOVE_POLICY": errors.PriceTooHigh,
    "GRANT_MISSING": errors.GrantMissing,
    "ACCOUNTING_MISMATCH": errors.PreconditionFailed,
    "DELEGATION_TOO_LARGE": errors.PreconditionFailed,
    "DELEGATION_REFUSED": errors.PreconditionFailed,
    "ENGINE_NOT_ALLOWED": errors.PreconditionFailed,
    "DATASET_NOT_PUBLISHED": errors.PreconditionFailed,
    "POPULATIONS_DIFFER": errors.PreconditionFailed,
    "POPULATION_CLOSED": errors.PreconditionFailed,
    "LEDGER_BEHIND": errors.PreconditionFailed,
    "UNIT_MISMATCH": errors.PreconditionFailed,
    "RESOURCE_IN_USE": errors.PreconditionFailed,
    "DATA_NOT_PUBLISHABLE": errors.PreconditionFailed,
    "LEDGER_KEY_MISSING": errors.PreconditionFailed,
    "GUARANTEE_NOT_ACCEPTED": errors.PreconditionFailed,
    "REQUEST_ID_REUSED": errors.Conflict,
    "ETAG_MISMATCH": errors.Conflict,
    "RESOURCE_EXISTS": errors.Conflict,
    "MODEL_KIND_MISMATCH": errors.PreconditionFailed,
    "QUERY_FAILED": errors.QueryFailed,
    "QUERY_CANCELLED": errors.QueryCancelled,
    "ROW_OUT_OF_RANGE": errors.InvalidRequest,
    "RELEASE_EXPIRED": errors.PreconditionFailed,
    "RELEASE_WITHHELD": errors.PreconditionFailed,
    "RELEASE_MISSING": errors.PreconditionFailed,
    "SERVICE_UNAVAILABLE": errors.Unavailable,
    "NOT_ACCEPTING": errors.Unavailable,
}
"""One class for every ErrorReason that is sent."""

BY_CODE: Final[Mapping[int, type[errors.SfumatoError]]] = {
    code_pb2.INVALID_ARGUMENT: errors.InvalidRequest,
    code_pb2.OUT_OF_RANGE: errors.InvalidRequest,
    code_pb2.UNAUTHENTICATED: errors.Unauthenticated,
    code_pb2.PERMISSION_DENIED: errors.AccessDenied,
    code_pb2.NOT_FOUND: errors.AccessDenied,
    code_pb2.FAILED_PRECONDITION: errors.PreconditionFailed,
    code_pb2.ALREADY_EXISTS: errors.Conflict,
    code_pb2.ABORTED: errors.Conflict,
    code_pb2.UNAVAILABLE: errors.Unavailable,
    code_pb2.DEADLINE_EXCEEDED: errors.Unavailable,
    code_pb2.UNIMPLEMENTED: errors.PreconditionFailed,
    code_pb2.RESOURCE_EXHAUSTED: errors.RequestTooLarge,  # without ErrorInfo: the transport's cap
}
"""For what carries no reason, or one that this version does not know."""


@dataclass(frozen=True)
class Refusal:
    """What a failed call says."""

    code: int
    """Number of google.rpc.Code."""
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[errors.FieldProblem, ...] = ()
    retry_after: float | None = None
    """Seconds after which it may be tried again; None: not said."""


def read_status(status: status_pb2.Status) -> Refusal:
    """Return what a google.rpc.Status says; details that cannot be read are left out."""
    info = _detail(status, error_details_pb2.ErrorInfo()) or error_details_pb2.ErrorInfo()
    bad_request = _detail(status, error_details_pb2.BadRequest())
    retry = _detail(status, error_details_pb2.RetryInfo())
    violations = bad_request.field_violations if bad_request is not None else ()
    return Refusal(
        status.code,
        clean(status.message),
        info.reason if info.domain == DOMAIN else "",
        {key: clean(value) for key, value in info.metadata.items()},
        tuple(errors.FieldProblem(clean(each.field), clean(each.description)) for each in violations),
        None if retry is None else retry.retry_delay.ToNanoseconds() / 1e9,
    )


def to_exception(refusal: Refusal) -> errors.SfumatoError:
    """Return the exception for a failed call: chosen by reason, by code where the reason says nothing."""
    kind = BY_REASON.get(refusal.reason) or BY_CODE.get(refusal.code, errors.SfumatoError)
    known = refusal.reason in BY_REASON
    if kind is errors.RequestTooLarge and refusal.reason:
        kind = errors.RefusedError  # a quota of a later version
    message = _sentence(refusal) if known else refusal.message or code_pb2.Code.Name(refusal.code)
    fields = refusal.fields
    if refusal.reason == "PLAN_REJECTED":
        fields = tuple(errors.FieldProblem("at", place(each.field)) for each in fields if place(each.field))
    return kind(message, reason=refusal.reason, metadata=refusal.metadata, fields=fields, hint=_hint(refusal))


def _sentence(refusal: Refusal) -> str:
    metadata = refusal.metadata
    if refusal.reason == "BUDGET_EXHAUSTED":
        asked, left = _money(metadata, "requested"), _money(metadata, "remaining")
        if asked and left:
            window = metadata.get("window_end_time", "")
            until = f" in the window that ends at {window}" if window else ""
            return f"the question costs {asked} and {metadata.get('scope', 'a scope')} has {left} left{until}."
    if refusal.reason == "QUERY_FAILED":
        return "the query gave no answer; it was charged in full. A new request pays again."
    return refusal.message or refusal.reason


def _money(metadata: Mapping[str, str], prefix: str) -> str:
    for suffix, symbol, unit in (("rho_picos", "ρ", PICO), ("epsilon_picos", "ε", PICO), ("delta_attos", "δ", ATTO)):
        text = metadata.get(f"{prefix}_{suffix}", "")
        if re.fullmatch(r"\d{1,19}", text):
            return f"{symbol} {sig(int(text) / unit, 3)}"
    return ""


def _hint(refusal: Refusal) -> str:
    metadata = refusal.metadata
    parts = [metadata["hint"]] if metadata.get("hint") else []
    if not parts and metadata.get("did_you_mean"):
        parts.append(f"did you mean {metadata['did_you_mean']}?")
    if not parts and metadata.get("columns"):
        parts.append(f"columns: {metadata['columns']}")
    for key in ("nearest", "would_pass"):
        if not parts and metadata.get(key):
            parts.append(metadata[key])
    return " ".join(parts)


def place(path: str) -> str:
    """Return the path of a plan's field in words: "measure 3 → bounds"."""
    words = []
    for name, index in re.findall(r"([a-z_0-9]+)(?:\[(\d+)\])?", path):
        number = int(index) + 1 if index else 0
        if name in _SILENT and not number:
            continue
        word = _WORDS.get(name, name.replace("_", " "))
        words.append(f"{word} {number}" if number else word)
    return " → ".join(words)


_SILENT: Final = {
    "question",
    "plan",
    "model",
    "source",
    "input",
    "predicate",
    "call",
    "expression",
    "kind",
    "value",
    "column",
}
_WORDS: Final = {
    "measures": "measure",
    "keys": "key",
    "group_by": "group_by",
    "arguments": "argument",
    "columns": "column",
    "branches": "branch",
    "items": "item",
    "steps": "step",
    "features": "feature",
}


def _detail(status: status_pb2.Status, empty: MessageT) -> MessageT | None:
    for each in status.details:
        try:
            if each.Unpack(empty):
                return empty
        except DecodeError:
            continue
    return None
