"""What a failed call says, however the client prints it, and the exit status that goes with it.

grpcurl prints google.rpc.Status with details as JSON; `buf curl` prints them as base64 of their bytes, which are read
here: three messages of strings need no library. `sfumato admin explain-error` says the same with more words.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

CODES = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
]
"""By number."""
_UNREACHABLE = {"unavailable", "deadline_exceeded", "cancelled"}
_WRONG = {"unknown", "internal", "data_loss"}
_NOT_SENT = ("error getting request data", "unmarshal", "could not parse given request body")


class Refusal(NamedTuple):
    """A failed call."""

    code: str
    """As CODES has it; "" where nothing was answered."""
    message: str
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = MappingProxyType({})

    @property
    def hint(self) -> str:
        """What would pass."""
        return next((self.metadata[key] for key in ("hint", "nearest", "would_pass") if self.metadata.get(key)), "")

    @property
    def exit_status(self) -> int:
        """2 refused, 3 unreachable with unknown outcome, 1 anything else."""
        return 3 if self.code in _UNREACHABLE else 1 if self.code in _WRONG else 2

    def told(self, *, as_json: bool) -> str:
        """The refusal for people, or as one line of JSON."""
        if as_json:
            fields = [{"field": name, "description": description} for name, description in self.fields]
            document: dict[str, Any] = {
                "code": self.code,
                "reason": self.reason,
                "message": self.message,
                "fields": fields,
            }
            document.update(hint=self.hint, metadata=self.metadata)
            return json.dumps(document, ensure_ascii=False) + "\n"
        lines = [f"{self.code.replace('_', ' ') or 'error'}: {self.message}"]
        lines += [f"  {name or 'request':<12} {description}" for name, description in self.fields]
        lines += [f"  {'hint':<12} {self.hint}"] if self.hint else []
        lines += [f"  {'reason':<12} {self.reason}"] if self.reason else []
        return "\n".join(map(printable, lines)) + "\n"


class RefusedError(Exception):
    """What is refused before it is sent."""

    def __init__(self, place: str, description: str, hint: str = "") -> None:
        """Say which option or field, why, and what would pass."""
        super().__init__(description)
        metadata = {"hint": hint} if hint else {}
        self.refusal = Refusal("invalid_argument", f"{place}: {description}.", "REQUEST_INVALID", (), metadata)


def read(text: str, request_id: str = "") -> Refusal:
    """Return what a client printed about a failed call, or an operation that ended with an error.

    Args:
        text: what it printed.
        request_id: of the act that was called; "" where it changes nothing.
    """
    refusal = _read(text)
    if refusal.exit_status == 3 and request_id:
        hint = f"whether it was done is not known: once more with --request-id {request_id} does it once"
        return refusal._replace(metadata={**refusal.metadata, "hint": hint})
    return refusal


def _read(text: str) -> Refusal:
    start = text.find("{")
    try:
        found = json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else None
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    if not isinstance(found, dict) or "code" not in found:
        return _unanswered(text)
    details = dict(_details(found.get("details") or []))
    info = details.get("google.rpc.ErrorInfo", {})
    bad = details.get("google.rpc.BadRequest", {})
    violations = bad.get("field_violations") or bad.get("fieldViolations") or []
    return Refusal(
        _code(found["code"]),
        str(found.get("message") or "no message"),
        str(info.get("reason", "")) if info.get("domain") == "sfumato" else "",
        tuple((str(each.get("field", "")), str(each.get("description", ""))) for each in violations),
        {str(key): str(value) for key, value in (info.get("metadata") or {}).items()},
    )


def _unanswered(text: str) -> Refusal:
    said = " ".join(text.split()) or "the client said nothing"
    code = "invalid_argument" if any(each in said for each in _NOT_SENT) else ""
    return Refusal("unavailable" if said.startswith("Failed to dial") else code, said[:2000])


def _code(value: Any) -> str:
    if isinstance(value, int) and 0 <= value < len(CODES):
        return CODES[value]
    if value == "canceled":  # as buf spells it
        return "cancelled"
    return value if value in CODES else "unknown"


def _details(details: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in details:
        if not isinstance(each, dict):
            continue
        kind = str(each.get("@type") or each.get("type") or "").rpartition("/")[2]
        if "@type" in each:
            yield kind, each
        elif kind in _MESSAGES:
            text = str(each.get("value", ""))
            try:
                yield kind, _MESSAGES[kind](base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
            except (binascii.Error, ValueError, IndexError):
                continue


def _error_info(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": {}}
    for number, value in _strings(data):
        if number == 3:
            pair = {key: part.decode() for key, part in _strings(value)}
            found["metadata"][pair.get(1, "")] = pair.get(2, "")
        elif number in (1, 2):
            found["reason" if number == 1 else "domain"] = value.decode()
    return found


def _bad_request(data: bytes) -> dict[str, Any]:
    violations = [dict(_strings(value)) for number, value in _strings(data) if number == 1]
    return {
        "field_violations": [
            {"field": each.get(1, b"").decode(), "description": each.get(2, b"").decode()} for each in violations
        ]
    }


_MESSAGES = {"google.rpc.ErrorInfo": _error_info, "google.rpc.BadRequest": _bad_request}


def _strings(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each length-delimited field; the messages read here have no others."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 != 2:
            raise ValueError("not a message of strings")
        length, at = _varint(data, at)
        if at + length > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("no varint")


def printable(text: str) -> str:
    """Text of others without what a terminal would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)
