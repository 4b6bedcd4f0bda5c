"""Row 19 and holes L8 and L10, attack: code that runs while something is deserialised.

Protobuf in, Arrow out. No package of ours loads pickles, Polars plans, OpenDP constructors or functions by a name from
the wire, on either side.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import sfumato
import sfumato_accountant
import sfumato_embedded
import sfumato_executor
import sfumato_gateway
import sfumato_mesh
from tests.attacks.wire import Attacker, raw, wrapped
from tests.mesh_scene import MeshScene

PACKAGES = (sfumato, sfumato_mesh, sfumato_gateway, sfumato_accountant, sfumato_executor, sfumato_embedded)
MODULES = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "dp_accounting",
    "imp", "ctypes", "runpy", "code", "codeop",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "deserialize", "unsafe_load", "full_load", "make_private_lazyframe"}
SYSTEM_CALLS = ("library/confinement.py", {"ctypes"})
"""The one module that asks the kernel itself: it confines a process before a library is imported there."""
TEXTS = ("unsafe_load", "allow_pickle=True", "yaml.load(", "opendp.deserialize", "LazyFrame.deserialize")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        assert package.__file__ is not None
        for path in Path(package.__file__).parent.rglob("*.py"):
            if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                yield path


SOURCES = sorted(sources())


def test_the_sources_are_found() -> None:
    assert len(SOURCES) > 150


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_nothing_is_evaluated_or_unpickled(path: Path) -> None:
    text = path.read_text()
    place, allowed = SYSTEM_CALLS
    modules = MODULES - allowed if path.as_posix().endswith(f"/{place}") else MODULES
    assert not any(word in text for word in TEXTS)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert not {name.name for name in node.names} & modules, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.module not in modules, node.lineno
        elif isinstance(node, ast.Call):
            called = node.func
            # re.compile and functions of our own are attributes and names of other modules: only bare built-ins count.
            if isinstance(called, ast.Name):
                assert called.id not in CALLS, node.lineno
            elif isinstance(called, ast.Attribute):
                assert called.attr not in CALLS - {"compile"}, node.lineno


def test_the_queue_takes_json_alone() -> None:
    """A message in the broker is data: Celery would unpickle on demand of the sender if it accepted that."""
    from sfumato_executor.queue import make_app

    app = make_app("memory://", "attacks")
    assert set(app.conf.accept_content) == {"json"}
    assert app.conf.task_serializer == "json"
    assert app.conf.result_serializer == "json"


PICKLE = b"cposix\nsystem\n(S'touch /tmp/sfumato-was-here'\ntR."


@pytest.mark.parametrize("method", ["QuoteQuery", "RunQuery", "RunDummyQuery", "AttachQuery", "GetQuery"])
def test_a_pickle_is_no_message(scene: MeshScene, method: str) -> None:
    attacker = Attacker(scene)
    marker = Path("/tmp/sfumato-was-here")
    for body in (PICKLE, wrapped(PICKLE, [1]), wrapped(PICKLE, [1, 1, 1]), wrapped(PICKLE, [1, 2, 1])):
        found = raw(attacker.channel, f"/sfumato.v1.QueryService/{method}", body, attacker.metadata)
        assert found.code is grpc.StatusCode.INVALID_ARGUMENT
        assert found.reason == "REQUEST_INVALID"
    assert not marker.exists()
    attacker.close()
