"""The picture and the table of docs/architecture.md, made from the source: what imports what, and who works where.

`python scripts/architecture.py` writes them between their markers; with `--check` it compares, and fails where the page
is stale. Mermaid is text that code hosts draw.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
_BEGIN, _END = "<!-- made by scripts/architecture.py -->", "<!-- end -->"

ROOMS: Final = {
    "client": ("sfumato", "clients/python/src/sfumato"),
    "mesh": ("sfumato_mesh", "services/mesh/src/sfumato_mesh"),
    "gateway": ("sfumato_gateway", "services/gateway/src/sfumato_gateway"),
    "accountant": ("sfumato_accountant", "services/accountant/src/sfumato_accountant"),
    "executor": ("sfumato_executor", "services/executor/src/sfumato_executor"),
    "embedded": ("sfumato_embedded", "services/embedded/src/sfumato_embedded"),
}
"""Room: its package, and where its code is. The contract, `sfumato.v1`, lies in the client's package."""


@dataclass(frozen=True)
class Card:
    """A package of the design card, and where it must do real work."""

    name: str
    """As pyproject files write it."""
    module: str
    """What code imports; empty for a tool that is run."""
    rooms: tuple[str, ...]
    """Rooms that import it, all of them."""
    work: str


_SERVICES: Final = ("mesh", "gateway", "accountant", "executor")

CARDS: Final = (
    Card("grpcio", "grpc", ("client", *_SERVICES, "embedded"), "every call, `grpc.aio` in services"),
    Card("grpcio-tools", "", (), "`make proto`: messages and stubs from `protos/`"),
    Card("protobuf", "google.protobuf", ("client", *_SERVICES), "the contracts"),
    Card("opendp", "opendp", ("executor",), "noise and its price: the engine `native`"),
    Card("smartnoise-synth", "snsynth", ("executor",), "synthesizers, in a confined process"),
    Card("pyarrow", "pyarrow", ("client", "executor"), "rows, releases, answers"),
    Card("minio", "minio", ("executor",), "sources, releases and prepared data in buckets"),
    Card("pymongo", "pymongo", ("accountant",), "ledger and catalogue on MongoDB"),
    Card("celery", "celery", ("executor",), "the queue between front and workers"),
    Card(
        "opentelemetry-instrumentation-grpc",
        "opentelemetry.instrumentation.grpc",
        ("client",),
        "an analyst's trace goes on in the mesh",
    ),
)


def sources(room: str) -> Iterator[Path]:
    """Yield a room's own files: not what is generated."""
    for path in sorted((ROOT / ROOMS[room][1]).rglob("*.py")):
        if "_pb2" not in path.name:
            yield path


def imported(path: Path) -> Iterator[str]:
    """Yield full names of what a file imports at run time, also within functions."""
    yield from _imports(ast.parse(path.read_text()))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports(ast.Module([other], []))
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imports(child)


def within(name: str, package: str) -> bool:
    """Return whether a full name is a package's or of something in it."""
    return name == package or name.startswith(package + ".")


def files_that_import(room: str, module: str) -> list[Path]:
    """Return a room's files that import a module."""
    return [path for path in sources(room) if any(within(name, module) for name in imported(path))]


def declared(path: Path) -> set[str]:
    """Return the packages that a pyproject file names, in extras and groups too."""
    text = tomllib.loads(path.read_text())
    project = text.get("project", {})
    listed = list(project.get("dependencies", []))
    for group in (*project.get("optional-dependencies", {}).values(), *text.get("dependency-groups", {}).values()):
        listed += [each for each in group if isinstance(each, str)]
    return {_name(each) for each in listed}


def _name(requirement: str) -> str:
    end = next((place for place, sign in enumerate(requirement) if sign in "[<>=!~; "), len(requirement))
    return requirement[:end].lower()


def _edges() -> Iterator[tuple[str, str]]:
    for room, (package, _) in ROOMS.items():
        names = {name for path in sources(room) for name in imported(path)}
        if room != "client" and any(within(name, "sfumato.v1") for name in names):
            yield room, "contract"
        for other, (target, _) in ROOMS.items():
            own = {name for name in names if within(name, target) and not within(name, "sfumato.v1")}
            if target != package and own:
                yield room, other


def picture() -> str:
    """Return the import graph of the rooms as Mermaid, each with the packages of the card that work in it."""
    lines = ["```mermaid", "flowchart LR", '  contract(["contract: sfumato.v1"])']
    for room in ROOMS:
        packages = [card.name for card in CARDS if room in card.rooms and len(card.rooms) <= 3]
        lines.append(f'  {room}["{"<br/>".join((room, *packages))}"]')
    lines.append("  client --- contract")
    lines += [f"  {room} --> {other}" for room, other in _edges()]
    return "\n".join([*lines, "```"])


def table() -> str:
    """Return where each package of the card works."""
    lines = ["| package | does | in |", "|---|---|---|"]
    for card in CARDS:
        places = []
        for room in card.rooms:
            count = len(files_that_import(room, card.module))
            places.append(f"{room} ({count} {'file' if count == 1 else 'files'})")
        lines.append(f"| `{card.name}` | {card.work} | {', '.join(places) or '`scripts/proto`'} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with the made part made again."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{picture()}\n\n{table()}\n{_END}{after}"


def main() -> int:
    """Write the page, or compare it."""
    present = PAGE.read_text()
    made = page(present)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made)
        return 0
    if made != present:
        print("docs/architecture.md is stale: run python scripts/architecture.py", file=sys.stderr)
    return int(made != present)


if __name__ == "__main__":
    sys.exit(main())
