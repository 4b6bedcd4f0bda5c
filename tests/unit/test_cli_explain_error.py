"""`sfumato admin explain-error`: what grpcurl, buf curl and stubs say of a failed call."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc import code_pb2, error_details_pb2, status_pb2
from typer.testing import CliRunner

from sfumato.cli.app import app

HINT = "take an id that was never given"
INFO = error_details_pb2.ErrorInfo(reason="RESOURCE_EXISTS", domain="sfumato", metadata={"hint": HINT})
FIELD = error_details_pb2.BadRequest.FieldViolation(field="user_id", description="it is taken")
DETAILS = (INFO, error_details_pb2.BadRequest(field_violations=[FIELD]))
MESSAGE = "users/ada was given before."


def _status() -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.ALREADY_EXISTS, message=MESSAGE)
    for each in DETAILS:
        status.details.add().Pack(each)
    return status


def _any(detail: Any) -> dict[str, Any]:
    plain = MessageToDict(detail, preserving_proto_field_name=True)
    return {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}", **plain}


def _grpcurl() -> str:
    return json.dumps({"code": 6, "message": MESSAGE, "details": [_any(each) for each in DETAILS]}, indent=2)


def _grpcurl_lines() -> str:
    details = [json.dumps(_any(each), indent=2).replace("\n", "\n    \t") for each in DETAILS]
    numbered = "\n".join(f"  {number})\t{each}" for number, each in enumerate(details, 1))
    return f"ERROR:\n  Code: AlreadyExists\n  Message: {MESSAGE}\n  Details:\n{numbered}\n"


def _buf() -> str:
    details = [
        {"type": each.DESCRIPTOR.full_name, "value": base64.b64encode(each.SerializeToString()).decode().rstrip("=")}
        for each in DETAILS
    ]
    return json.dumps({"code": "already_exists", "message": MESSAGE, "details": details}, indent=3)


def _trailer() -> str:
    return "grpc-status-details-bin: " + base64.b64encode(_status().SerializeToString()).decode().rstrip("=")


def _operation() -> str:
    return json.dumps({"name": "operations/1", "done": True, "error": json.loads(_grpcurl())})


FORMS = (_grpcurl, _grpcurl_lines, _buf, _trailer, _operation)


@pytest.mark.parametrize("form", FORMS)
def test_reason_field_and_hint_in_plain_text(form: Any) -> None:
    done = CliRunner().invoke(
        app, ["admin", "explain-error"], input=f"some noise before\n{form()}" if form != _trailer else form()
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"Conflict: {MESSAGE}")
    for part in ("it is taken", HINT, "RESOURCE_EXISTS"):
        assert part in done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_as_json_and_as_argument(form: Any) -> None:
    done = CliRunner().invoke(app, ["admin", "explain-error", form(), "--json"])
    document = json.loads(done.stdout)
    assert (document["error"], document["reason"], document["hint"]) == ("Conflict", "RESOURCE_EXISTS", HINT)
    assert document["fields"] == [{"field": "user_id", "description": "it is taken"}]


@pytest.mark.parametrize(
    "text", ["", "{}", "no status", '{"code": 0}', '{"code": "frob"}', '{"code": true}', "AAAA", "{" * 9999]
)
def test_what_holds_no_status_is_refused(text: str) -> None:
    done = CliRunner().invoke(app, ["admin", "explain-error"], input=text)
    assert done.exit_code == 2
    assert "there is no status in it" in done.stderr


def test_details_that_cannot_be_read_are_left_out() -> None:
    info = "google.rpc.ErrorInfo"
    details = [
        {"type": info, "value": "!"},
        {"type": info, "value": "AA"},
        {"@type": info, "metadata": 7},
        5,
        {"type": "x"},
    ]
    text = json.dumps({"code": "canceled", "message": "gone\x1b[2J", "details": details})
    done = CliRunner().invoke(app, ["admin", "explain-error"], input=text)
    assert done.exit_code == 0
    assert "gone" in done.stdout
    assert "\x1b" not in done.stdout
