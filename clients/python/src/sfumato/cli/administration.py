"""Commands of custodians and administrators: admin apply, diff, get, publish, freeze, unfreeze."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from sfumato._core.amounts import refused
from sfumato._core.tables import clean
from sfumato._transport.session import required
from sfumato.admin.changes import Change, apply
from sfumato.admin.codecs import nearest
from sfumato.admin.documents import Document, in_order, read_documents, to_plain, write_documents
from sfumato.admin.kinds import COLLECTIONS
from sfumato.budgets import Budget
from sfumato.charges import short
from sfumato.cli import context, ledger, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, DatasetName, Justification
from sfumato.errors import AccessDenied
from sfumato.v1 import dataset_pb2, scope_pb2

app = typer.Typer(no_args_is_help=True, help="Datasets, users, limits: for custodians and administrators.")
app.add_typer(ledger.app, name="ledger")

Files = Annotated[list[Path], typer.Option("-f", "--file", metavar="FILE", help="YAML; - is stdin; repeatable.")]
Part = Annotated[str, typer.Option(help="Only this part of the population's budget.")]
_KIND_OF = {name: kind for kind, plural in COLLECTIONS.items() for name in (plural, kind.lower(), kind)}


def _documents(files: Iterable[Path]) -> list[Document]:
    found: list[Document] = []
    for path in files:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise refused(
                "--file", f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
            ) from None
        found.extend(read_documents(text, path.name))
    return in_order(found)


def _carry_out(files: Iterable[Path], *, dry_run: bool, as_json: bool) -> None:
    documents = _documents(files)
    if not documents:
        raise refused("--file", "nothing is declared there")
    changes: list[Change] = []
    with context.administration() as mesh:
        for change in apply(mesh, documents, dry_run=dry_run):
            changes.append(change)
            if not as_json:
                outcome = f"would be {change.outcome}" if dry_run and change.outcome != "unchanged" else change.outcome
                if change.outcome == "not checked":
                    outcome = change.outcome
                lines = [f"{change.document.title}: {outcome}", *(f"  {clean(each)}" for each in change.lines)]
                sys.stdout.write("\n".join(lines) + "\n")
    if as_json:
        shown = [
            {"kind": each.document.kind, "name": each.document.name, "outcome": each.outcome, "changes": each.lines}
            for each in changes
        ]
        output.show(True, lambda: {"dry_run": dry_run, "documents": shown}, str)


@app.command("apply")
@guarded
def apply_files(
    file: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would come of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the mesh to what the files say; doing it twice changes nothing."""
    _carry_out(file, dry_run=dry_run, as_json=as_json)


@app.command("diff")
@guarded
def diff(file: Files, as_json: AsJson = False) -> None:
    """Tell what applying the files would change, budgets in plain words."""
    _carry_out(file, dry_run=True, as_json=as_json)


@app.command("get")
@guarded
def get(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="population, dataset, project, user or grant.")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Id; all of the kind without it.")] = "",
    form: Annotated[str, typer.Option("-o", "--output", help="yaml or json.")] = "yaml",
    as_json: AsJson = False,
) -> None:
    """Print what `apply` would take."""
    found = _KIND_OF.get(kind) or _KIND_OF.get(kind.lower())
    if found is None:
        raise refused("KIND", f"{kind!r} is no kind", nearest(kind, _KIND_OF) or "one of " + ", ".join(COLLECTIONS))
    if form not in ("yaml", "json"):
        raise refused("--output", f"{form!r} is no form", "yaml or json")
    with context.administration() as mesh:
        records = list(mesh.list(found)) if not name else [mesh.get(found, name)]
    plain: list[dict[str, Any]] = [to_plain(found, each) for each in records if each is not None]
    if name and not plain:
        raise AccessDenied(f"{found} {name} is not there, or not yours to see.", reason="ACCESS_DENIED")
    if as_json or form == "json":
        output.show(True, lambda: plain[0] if name else {COLLECTIONS[found]: plain}, str)
    else:
        sys.stdout.write(write_documents(plain))


@app.command("publish")
@guarded
def publish(
    dataset: DatasetName,
    check: Annotated[bool, typer.Option("--check", help="Read and check everything, publish nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the source's present bytes ready, and let queries read them."""

    def waiting() -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"preparing {dataset} …\n")

    with context.administration() as mesh:
        version = mesh.publish(dataset, validate_only=check, waiting=waiting)
    state = dataset_pb2.DatasetVersion.State.Name(version.state).removeprefix("STATE_").lower()
    lines = [f"{version.name or dataset}: {state}", *(f"  mended: {clean(each)}" for each in version.problems)]
    document = {"name": version.name or None, "state": state, "problems": list(version.problems)}
    output.show(as_json, lambda: document, lambda: "\n".join(lines))


def _scope(population: str, dataset: str, project: str, analyst: str) -> scope_pb2.Scope:
    return scope_pb2.Scope(
        population=required("populations", population),
        dataset=required("datasets", dataset) if dataset else "",
        project=required("projects", project) if project else "",
        analyst=required("users", analyst) if analyst else "",
    )


@app.command("freeze")
@guarded
def freeze(
    population: Annotated[str, typer.Argument(metavar="POPULATION")],
    why: Justification,
    dataset: Part = "",
    project: Part = "",
    analyst: Part = "",
    as_json: AsJson = False,
) -> None:
    """Stop paying from a scope at once. Open queries end as they would have; free repeats go on."""
    with context.administration() as mesh:
        budget = Budget.of(mesh.freeze(_scope(population, dataset, project, analyst), why))
    output.show(as_json, lambda: output.budget(budget), lambda: f"{short(population)}, {budget.name}: frozen")


@app.command("unfreeze")
@guarded
def unfreeze(
    population: Annotated[str, typer.Argument(metavar="POPULATION")],
    why: Justification,
    dataset: Part = "",
    project: Part = "",
    analyst: Part = "",
    as_json: AsJson = False,
) -> None:
    """Let a scope spend again."""
    with context.administration() as mesh:
        budget = Budget.of(mesh.unfreeze(_scope(population, dataset, project, analyst), why))
    state = "frozen still, with its population" if budget.frozen else "open"
    output.show(as_json, lambda: output.budget(budget), lambda: f"{short(population)}, {budget.name}: {state}")
