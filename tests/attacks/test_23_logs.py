# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 23, attack: answers, literals, and values of the data in logs, traces, and the queue.

A mesh that logs all it can is asked with marked literals about marked data, and made to fail. Its output holds ids and
none of the marks, no token, and no answer; messages in the queue hold an id.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import logging, sys, uuid
from pathlib import Path
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger().setLevel(logging.DEBUG)
from kombu.transport.virtual import Channel
from tests.attacks.failing import failing_runs
from tests.attacks.wire import Attacker, rho, sql, question
from tests.mesh_scene import mesh_scene

sent = []
publish = Channel.basic_publish
def spied(self, message, exchange, routing_key, **rest):
    sent.append(str(message))
    return publish(self, message, exchange, routing_key, **rest)
Channel.basic_publish = spied

rows = [{"name": f"person-datamark-{i}", "x": 777000770 + i % 3, "c": "a"} for i in range(50)]
columns = {"name": {"type": "text"}, "x": {"type": "integer", "bounds": [0, 10**9]}, "c": {"type": "category", "values": ["a", "b"]}}
with mesh_scene(Path(sys.argv[1])) as scene:
    scene.publish("marked", rows, columns)
    attacker = Attacker(scene)
    scan = 'source { scan { dataset: "datasets/marked" } }'
    filtered = \'\'\'source { filter { input { scan { dataset: "datasets/marked" } } predicate { call { function: FUNCTION_EQUAL
        arguments { column: "name" } arguments { literal { text: "person-literalmark-9" } } } } } }\'\'\'
    counted = 'measures { alias: "aliasmark" count { } }'
    for asked in (question(filtered + counted), sql("SELECT SUM(x) AS total FROM marked WHERE name = 'sql-literalmark'"),
                  sql("SELECT nonsense-literalmark FROM"), question(scan + 'measures { alias: "m" sum { value { column: "nocolumn" } } }'),
                  question(scan + 'measures { alias: "s" sum { value { column: "x" } } }')):
        outcome = attacker.run(asked, rho(10**9), labels={"k": "label-literalmark\\\\nERROR forged"})
        for event in outcome.events:
            if event.WhichOneof("kind") == "batch":
                print("ANSWER", event.batch.SerializeToString().hex())
    attacker.quote(question(filtered + counted), rho(10**9))
    with failing_runs():
        attacker.run(question(filtered + counted), rho(10**9 + 1))
    print("TOKEN", attacker.metadata[0][1].split()[1])
    print("SENT", "\\\\x00".join(sent))
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What a mesh wrote to its error stream, and what this script printed of answers, token and queue."""
    folder = tmp_path_factory.mktemp("spoken")
    run = [sys.executable, "-c", SCRIPT.replace("\\\\", "\\"), str(folder / "mesh")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr, done.stdout


def test_the_log_speaks_at_all(spoken: tuple[str, str]) -> None:
    assert len(spoken[0].splitlines()) > 20
    assert re.search(r"query [0-9a-f-]{36}: won", spoken[0])
    assert re.search(r"query [0-9a-f-]{36}: the attempt failed: ValueError", spoken[0])


@pytest.mark.parametrize(
    "mark", ["literalmark", "datamark", "aliasmark", "Zacharias", "forged", "payroll", "777000771"]
)
def test_no_literal_and_no_value_is_in_the_log(spoken: tuple[str, str], mark: str) -> None:
    lines = [line for line in spoken[0].splitlines() if mark in line]
    assert not lines, lines[:3]


def test_no_token_is_in_the_log(spoken: tuple[str, str]) -> None:
    [token] = re.findall(r"^TOKEN (\S+)$", spoken[1], re.MULTILINE)
    assert token not in spoken[0]
    assert token.split(".")[2] not in spoken[0]


def test_answers_left_by_the_wire_alone(spoken: tuple[str, str]) -> None:
    answers = re.findall(r"^ANSWER (\S+)$", spoken[1], re.MULTILINE)
    assert len(answers) == 3
    assert not any(answer in spoken[0] for answer in answers)


def test_the_queue_carries_ids(spoken: tuple[str, str]) -> None:
    [sent] = re.findall(r"^SENT (.*)$", spoken[1], re.MULTILINE | re.DOTALL)
    messages = [message for message in sent.split("\x00") if message]
    assert len(messages) >= 4
    for message in messages:
        for mark in ("literalmark", "datamark", "aliasmark", "plan", "rho", "measure", "datasets/"):
            assert mark not in message
        assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", message)
