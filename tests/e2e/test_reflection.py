"""The demo's questions by somebody who has an address, a token and reflection, and nothing of ours."""

import base64
import json
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.mesh_scene import MeshScene

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {
    "species": {"type": "category", "values": ["Adelie", "Gentoo"]},
    "mass": {"type": "integer", "bounds": [2500, 6500], "unit": "g", "nullable": True},
}
ROWS: list[dict[str, Any]] = [
    {"species": ["Adelie", "Gentoo"][i % 2], "mass": 3000 + (i * 37) % 3000} for i in range(400)
]


@pytest.fixture(scope="module")
def buf() -> str:
    """The generators' own environment has buf."""
    uv = shutil.which("uv") or str(ROOT / "build/tools/bin/uv")
    subprocess.run([uv, "sync", "--quiet", "--locked", "--project", str(ROOT / "scripts/proto")], check=True)
    return str(ROOT / "scripts/proto/.venv/bin/buf")


@pytest.fixture(scope="module")
def table(scene: MeshScene) -> str:
    return scene.publish("curled", ROWS, COLUMNS)


def curl(buf: str, scene: MeshScene, method: str, body: dict[str, Any] | None = None, token: bool = True) -> Any:
    command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
    if token:
        command += ["-H", f"authorization: Bearer {scene.token('analyst')}"]
    url = f"http://{scene.target}"
    done = subprocess.run(
        [*command, "-d", json.dumps(body or {}), f"{url}/{method}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    decoder, messages, rest = json.JSONDecoder(), [], done.stdout.strip()
    while rest:
        message, end = decoder.raw_decode(rest)
        messages.append(message)
        rest = rest[end:].strip()
    return messages


def run(buf: str, scene: MeshScene, question: dict[str, Any], rho_picos: int) -> tuple[pa.Table, dict[str, Any]]:
    body = {"question": question, "payment": {"rho": {"rhoPicos": str(rho_picos)}}, "requestId": str(uuid.uuid4())}
    events = [message["event"] for message in curl(buf, scene, "sfumato.v1.QueryService/RunQuery", body)]
    schema = next(event["schema"]["serializedSchema"] for event in events if "schema" in event)
    batches = [event["batch"]["serializedRecordBatch"] for event in events if "batch" in event]
    arrow = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schema)))
    parts = [pa.ipc.read_record_batch(pa.py_buffer(base64.b64decode(each)), arrow) for each in batches]
    return pa.Table.from_batches(parts, arrow), events[-1]["complete"]


def test_services_are_listed(buf: str, scene: MeshScene) -> None:
    command = [
        buf,
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "--list-services",
        f"http://{scene.target}",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "sfumato.v1.QueryService" in listed
    assert "google.longrunning.Operations" in listed
    assert "sfumato_mesh" not in listed


def test_the_mesh_introduces_itself_without_a_token(buf: str, scene: MeshScene) -> None:
    [mesh] = curl(buf, scene, "sfumato.v1.IdentityService/GetMesh", token=False)
    assert mesh["version"]


def test_a_question_in_sql(buf: str, scene: MeshScene, table: str) -> None:
    question = {"sql": {"statement": f"SELECT species, COUNT(*) AS n, AVG(mass) AS mass FROM {table} GROUP BY species"}}
    body = {"question": question, "payment": {"rho": {"rhoPicos": "5000000000000"}}}
    [quoted] = curl(buf, scene, "sfumato.v1.QueryService/QuoteQuery", body)
    assert quoted["quote"]["affordable"]
    answer, complete = run(buf, scene, question, 5_000_000_000_000)
    rows = {row["species"]: row for row in answer.to_pylist()}
    assert abs(rows["Adelie"]["n"] - 200) <= 8
    assert complete["query"]["receipt"]["signedStatement"]


def test_a_question_as_a_plan(buf: str, scene: MeshScene, table: str) -> None:
    plan = {
        "source": {
            "filter": {
                "input": {"scan": {"dataset": f"datasets/{table}"}},
                "predicate": {
                    "call": {
                        "function": "FUNCTION_GREATER",
                        "arguments": [{"column": "mass"}, {"literal": {"integer": "4000"}}],
                    }
                },
            }
        },
        "groupBy": {"keys": [{"alias": "species", "expression": {"column": "species"}}]},
        "measures": [{"alias": "n", "count": {}}, {"alias": "m", "mean": {"value": {"column": "mass"}}}],
    }
    answer, _ = run(buf, scene, {"plan": plan}, 5_000_000_000_000)
    exact = sum(row["mass"] > 4000 for row in ROWS if row["species"] == "Gentoo")
    [gentoo] = [row for row in answer.to_pylist() if row["species"] == "Gentoo"]
    assert abs(gentoo["n"] - exact) <= 8
    assert 4000 <= gentoo["m"] <= 6500
