"""What a process logs: its own lines as JSON, of libraries only warnings, and of some of them not even those."""

import json
import subprocess
import sys

_SCRIPT = """
import logging
from sfumato_mesh.telemetry import set_up_logging
set_up_logging("worker", "DEBUG")
logging.getLogger("sfumato_executor.worker").debug("ours")
logging.getLogger("pymongo.command").debug("a document")
logging.getLogger("kombu").info("a broker")
logging.getLogger("kombu").warning("a broker is away")
logging.getLogger("urllib3.connectionpool").warning("Retrying: /bucket/key?X-Amz-Signature=abc")
logging.getLogger("grpc._cython").error("a request")
"""


def test_libraries_are_heard_from_warnings_up_and_quote_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["service"], line["message"]) for line in lines] == [
        ("worker", "ours"),
        ("worker", "a broker is away"),
    ]
