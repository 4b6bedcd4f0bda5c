"""What the scripts leave to Python, without a mesh."""

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from tests.scripts.shell import SCRIPTS


def wire(*arguments: str, text: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-ES", str(SCRIPTS / "wire"), *arguments]
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, timeout=60)


def body(*assignments: str, **environment: str) -> Any:
    done = wire("body", *assignments, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_requests() -> None:
    assert body("a.b=x=y", "a.l.0.n=1", "a.l.0.m=2", "a.l.1.n=3", "t.0=u", "t.1=v", "f:flag=true", "n:number=7") == {
        "a": {"b": "x=y", "l": [{"n": "1", "m": "2"}, {"n": "3"}]},
        "t": ["u", "v"],
        "f": True,
        "n": 7,
    }
    assert body("m:mask=display_name,roles") == {"m": "displayName,roles"}
    assert body("m:mask=display_name,roles", FIELD_MASK_AS="paths") == {"m": {"paths": ["display_name", "roles"]}}


@pytest.mark.parametrize(
    ("kind", "text", "units"),
    [
        ("pico", "0.3", 300_000_000_000),
        ("pico", "0.0000000000019", 1),
        ("pico_up", "0.0000000000011", 2),
        ("atto", "1e-8", 10_000_000_000),
        ("atto_up", "1e-19", 1),
        ("pico", "0", 0),
        ("pico", "1e-999999999999", 0),
        ("pico", "1000", 10**15),
    ],
)
def test_limits_are_cut_and_costs_rounded_up(kind: str, text: str, units: int) -> None:
    assert body(f"x:{kind}={text}") == {"x": str(units)}


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "1001", "1e9", "0,3", "9" * 65])
def test_what_is_no_loss(text: str) -> None:
    done = wire("--json", "body", f"limit.rho.rho_picos:pico={text}")
    assert done.returncode == 2
    assert json.loads(done.stderr)["message"].startswith("--rho")


def details(*messages: Message) -> list[dict[str, str]]:
    return [
        {"type": each.DESCRIPTOR.full_name, "value": base64.b64encode(each.SerializeToString()).decode().rstrip("=")}
        for each in messages
    ]


def test_details_of_buf_are_read_without_protobuf() -> None:
    info = error_details_pb2.ErrorInfo(
        reason="GRANT_MISSING", domain="sfumato", metadata={"hint": "ask", "x": "é" * 99}
    )
    violation = error_details_pb2.BadRequest.FieldViolation(field="scope.analyst", description="it has none")
    found = details(info, error_details_pb2.BadRequest(field_violations=[violation, violation]))
    status = {"code": "failed_precondition", "message": "nothing\x1b can be paid", "details": found}
    done = wire("--json", "explain", text=json.dumps(status))
    document = json.loads(done.stderr)
    assert done.returncode == 2
    assert (document["reason"], document["hint"], document["metadata"]["x"]) == ("GRANT_MISSING", "ask", "é" * 99)
    assert document["fields"] == [{"field": "scope.analyst", "description": "it has none"}] * 2
    told = wire("explain", text=json.dumps(status)).stderr
    assert "\x1b" not in told
    assert told.splitlines()[1].split() == ["scope.analyst", "it", "has", "none"]


@pytest.mark.parametrize("value", ["!", "AA", "Cv8", "CgX/////", "gICAgICAgICAgICA"])
def test_broken_details_are_left_out(value: str) -> None:
    status = {"code": "internal", "message": "m", "details": [{"type": "google.rpc.ErrorInfo", "value": value}, 5]}
    done = wire("--json", "explain", text=json.dumps(status))
    assert (done.returncode, json.loads(done.stderr)["message"]) == (1, "m")


@pytest.mark.parametrize(
    ("code", "status"), [(14, 3), ("unavailable", 3), (4, 3), ("canceled", 3), (13, 1), (7, 2), (99, 1)]
)
def test_exit_statuses(code: Any, status: int) -> None:
    done = wire("explain", "an-act", text=json.dumps({"code": code, "message": "m"}))
    assert done.returncode == status
    assert ("--request-id an-act" in done.stderr) is (status == 3)
