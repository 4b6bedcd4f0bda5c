"""Imports run one way: services never import one another, and libraries stay in their rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "sfumato": ROOT / "clients/python/src/sfumato",
    "sfumato_mesh": ROOT / "services/mesh/src/sfumato_mesh",
    "sfumato_gateway": ROOT / "services/gateway/src/sfumato_gateway",
    "sfumato_accountant": ROOT / "services/accountant/src/sfumato_accountant",
    "sfumato_executor": ROOT / "services/executor/src/sfumato_executor",
    "sfumato_embedded": ROOT / "services/embedded/src/sfumato_embedded",
}
# What of the project's own packages each may import; the package itself is always allowed.
ALLOWED = {
    "sfumato": set(),
    "sfumato_mesh": {"sfumato.v1"},
    "sfumato_gateway": {"sfumato.v1", "sfumato_mesh"},
    "sfumato_accountant": {"sfumato.v1", "sfumato_mesh"},
    "sfumato_executor": {"sfumato.v1", "sfumato_mesh"},
    "sfumato_embedded": {"sfumato", "sfumato_mesh", "sfumato_gateway", "sfumato_accountant", "sfumato_executor"},
}
# A library and the only places that may import it.
ROOMS = {
    "celery": ["services/executor/src/sfumato_executor"],
    "kombu": ["services/executor/src/sfumato_executor"],
    "pymongo": ["services/accountant/src/sfumato_accountant"],
    "sqlite3": ["services/accountant/src/sfumato_accountant"],
    "sqlglot": [
        "services/gateway/src/sfumato_gateway/sql",
        "services/executor/src/sfumato_executor/engines/smartnoise_sql",
    ],
    "minio": ["services/executor/src/sfumato_executor"],
    "polars": [
        "services/executor/src/sfumato_executor/engines/native",
        "services/executor/src/sfumato_executor/engines/library/rows.py",
        "services/executor/src/sfumato_executor/engines/smartnoise_synth/condition.py",
        "services/executor/src/sfumato_executor/preparation",
        "clients/python/src/sfumato",
        "services/embedded/src/sfumato_embedded/demo",
    ],
    "opendp": [
        "services/executor/src/sfumato_executor/engines/native",
        "services/executor/src/sfumato_executor/plan/losses.py",
    ],
    "pandas": [
        "clients/python/src/sfumato",
        "services/executor/src/sfumato_executor/engines/smartnoise_sql/job.py",
        "services/executor/src/sfumato_executor/engines/smartnoise_synth/job.py",
    ],
    "snsynth": ["services/executor/src/sfumato_executor/engines/smartnoise_synth/job.py"],
    "mbi": ["services/executor/src/sfumato_executor/engines/smartnoise_synth/job.py"],
    "snsql": ["services/executor/src/sfumato_executor/engines/smartnoise_sql/job.py"],
    "diffprivlib": ["services/executor/src/sfumato_executor/engines/diffprivlib/job.py"],
    "sklearn": ["clients/python/src/sfumato/estimators.py", "clients/python/src/sfumato/sklearn_steps.py"],
    "dp_accounting": ["clients/python/src/sfumato/reporting"],
    "scipy": ["clients/python/src/sfumato/reporting"],
    "typer": ["clients/python/src/sfumato/cli", "services/embedded/src/sfumato_embedded"],
}
# Nothing that a client sends is evaluated or deserialised into objects.
BANNED = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "opendp.prelude", "opendp.mod.deserialize"}


def files() -> Iterator[tuple[str, Path]]:
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            yield package, path


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_every_package_has_code() -> None:
    for package, folder in SOURCES.items():
        assert any(folder.rglob("*.py")), package


@pytest.mark.parametrize("package", SOURCES)
def test_imports_run_one_way(package: str) -> None:
    wrong = []
    for owner, path in files():
        if owner != package:
            continue
        for name in imports(path):
            root = name.split(".")[0]
            if root not in SOURCES or root == package:
                continue
            # `from sfumato import v1` names the package first; what counts is that no other part of it is meant.
            if root == "sfumato" and name == "sfumato" and package != "sfumato_embedded":
                continue
            if not any(within(name, allowed) for allowed in ALLOWED[package]):
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


@pytest.mark.parametrize("library", ROOMS)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    rooms = [ROOT / room for room in ROOMS[library]]
    wrong = [
        str(path.relative_to(ROOT))
        for _, path in files()
        if any(within(name, library) for name in imports(path))
        and not any(path == room or room in path.parents for room in rooms)
    ]
    assert wrong == []


def test_nothing_is_deserialised_into_objects() -> None:
    wrong = []
    for _, path in files():
        wrong += [f"{path.relative_to(ROOT)}: {n}" for n in imports(path) if any(within(n, bad) for bad in BANNED)]
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in {"eval", "exec", "compile", "__import__"}:
                wrong.append(f"{path.relative_to(ROOT)}:{called.lineno}: {called.id}()")
            if isinstance(called, ast.Attribute) and called.attr in {"deserialize", "map_elements", "from_named_tuple"}:
                wrong.append(f"{path.relative_to(ROOT)}:{called.lineno}: .{called.attr}()")
    assert wrong == []
