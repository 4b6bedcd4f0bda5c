"""`sfumato admin explain-error`: a failed call of grpcurl, `buf curl` or a bare stub, in plain words."""

import base64
import binascii
import json
import re
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from sfumato._core.amounts import refused
from sfumato._core.statuses import read_status, to_exception
from sfumato.cli import output
from sfumato.cli.exits import error_document, guarded
from sfumato.cli.options import AsJson

_KINDS: Final[dict[str, type[Message]]] = {
    "google.rpc.ErrorInfo": error_details_pb2.ErrorInfo,
    "google.rpc.BadRequest": error_details_pb2.BadRequest,
    "google.rpc.RetryInfo": error_details_pb2.RetryInfo,
}
_LONGEST: Final = 1024 * 1024
_LINES: Final = re.compile(r"Code:\s*(?P<code>\w+)\s+Message:\s*(?P<message>.*?)\s*(?=\n\s*Details:|\Z)", re.DOTALL)


@guarded
def explain_error(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="What the client printed, or grpc-status-details-bin; else stdin.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a failed call says: reason, fields and hint. Reads what grpcurl and buf curl print, and base64."""
    given = text or sys.stdin.read(_LONGEST)
    error = to_exception(read_status(_status(given)))

    def view() -> str:
        reason = f"\n  {'reason':<12} {error.reason}" if error.reason else ""
        return f"{type(error).__name__}: {error}{reason}"

    output.show(as_json, lambda: error_document(error), view)


def _status(text: str) -> status_pb2.Status:
    """Return the status of a text.

    Raises:
        InvalidRequest: there is none in it.
    """
    found = _from_json(text) or _from_lines(text) or _from_base64(text)
    if found is None:
        raise refused(
            "TEXT",
            "there is no status in it",
            "what `grpcurl -format-error` or `buf curl` prints on stderr, or base64 of grpc-status-details-bin",
        )
    return found


def _from_json(text: str) -> status_pb2.Status | None:
    """Read an object with code, message and details, or an operation that holds one as its error."""
    for document in _objects(text):
        status = document["error"] if isinstance(document.get("error"), dict) else document
        code = _code(status.get("code"))
        if code is not None:
            found = status_pb2.Status(code=code, message=str(status.get("message") or ""))
            details = status.get("details")
            for each in details if isinstance(details, list) else []:
                _add(found, each)
            return found
    return None


def _from_lines(text: str) -> status_pb2.Status | None:
    """Read what grpcurl prints for people: Code, Message, and details as JSON."""
    lines = _LINES.search(text)
    code = None if lines is None else _code(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", lines["code"]))
    if lines is None or code is None:
        return None
    found = status_pb2.Status(code=code, message=lines["message"])
    for each in _objects(text[lines.end() :]):
        _add(found, each)
    return found


def _from_base64(text: str) -> status_pb2.Status | None:
    """Read the bytes of a status, as the trailer grpc-status-details-bin has them, padded or not."""
    bare = "".join(text.split()).rpartition(":")[2].replace("-", "+").replace("_", "/").rstrip("=")
    try:
        found = status_pb2.Status.FromString(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except (binascii.Error, ValueError, DecodeError):
        return None
    return found if found.code in code_pb2.Code.values() and found.code else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that stand in a text, one after another."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(document, dict):
                yield document
        at = text.find("{", end)


def _code(value: object) -> int | None:
    """Return a code that is said by number or by name, in any case."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value and value in code_pb2.Code.values() else None
    name = str(value).upper()
    name = "CANCELLED" if name == "CANCELED" else name
    return code_pb2.Code.Value(name) or None if name in code_pb2.Code.keys() else None  # noqa: SIM118  (no mapping)


def _add(status: status_pb2.Status, detail: object) -> None:
    """Add a detail: JSON with @type, or a type and base64 of its bytes. What cannot be read is left out."""
    if not isinstance(detail, dict):
        return
    kind = _KINDS.get(str(detail.get("@type") or detail.get("type") or "").rpartition("/")[2])
    if kind is None:
        return
    message = kind()
    try:
        if "@type" in detail:
            ParseDict({k: v for k, v in detail.items() if k != "@type"}, message, ignore_unknown_fields=True)
        else:
            value = str(detail.get("value") or "")
            message.ParseFromString(base64.b64decode(value + "=" * (-len(value) % 4), validate=True))
    except (ParseError, DecodeError, binascii.Error, ValueError):
        return
    status.details.add().Pack(message)
