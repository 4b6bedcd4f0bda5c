"""One trace goes from the caller's program through gateway, accountant, front and queue to the worker, and back."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys
from pathlib import Path
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
import sfumato as sf
from tests.mesh_scene import mesh_scene
with mesh_scene(Path(sys.argv[1])) as scene:
    rows = [{"x": i % 7, "secret": "hush-hush"} for i in range(50)]
    columns = {"x": {"type": "integer", "bounds": [0, 6]}, "secret": {"type": "text"}}
    scene.publish("traced", rows, columns)
    exporter.clear()
    with trace.get_tracer("notebook").start_as_current_span("my analysis"):
        question = scene.connect().dataset("traced").filter(sf.col("secret") == "hush-hush")
        answer = question.agg(n=sf.count()).run(rho=7.25)
spans = [
    {"name": s.name, "trace": s.context.trace_id, "kind": s.kind.name, "text": s.to_json()}
    for s in exporter.get_finished_spans()
]
print(json.dumps({"spans": spans}))
"""


def test_one_trace_from_client_to_worker(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "mesh")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    spans = json.loads(done.stdout.splitlines()[-1])["spans"]
    root = next(span["trace"] for span in spans if span["name"] == "my analysis")
    ours = [span for span in spans if span["trace"] == root]
    names = [span["name"] for span in ours]
    for part in (
        "sfumato.v1.QueryService/RunQuery",
        "sfumato_mesh.v1.AccountantService/ReserveQuery",
        "sfumato_mesh.v1.ExecutorService/Submit",
        "sfumato_mesh.v1.AccountantService/CommitQuery",
        "sfumato_mesh.v1.ExecutorService/ReadRelease",
    ):
        assert any(part in name for name in names), (part, names)
    assert {"PRODUCER", "CONSUMER"} <= {span["kind"] for span in ours}, "the queue breaks the trace"
    assert not any("hush-hush" in span["text"] for span in spans), "a literal is in a span"
