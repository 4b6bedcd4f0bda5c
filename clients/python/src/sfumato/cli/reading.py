"""Commands that look: datasets, describe, budget, history, receipt, convert."""

from typing import Annotated

import typer

from sfumato import conversion
from sfumato._core.amounts import ATTO, PICO, attos, loss, refused
from sfumato.cli import context, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, DatasetName
from sfumato.errors import MissingExtra


@guarded
def datasets(as_json: AsJson = False) -> None:
    """List the datasets that can be asked about, and what may still be spent on each."""
    with context.mesh() as mesh:
        found = mesh.datasets()
        output.show(as_json, lambda: {"datasets": [output.dataset_line(each) for each in found]}, lambda: repr(found))


@guarded
def describe(dataset: DatasetName, as_json: AsJson = False) -> None:
    """Show a dataset: columns, privacy unit, engines, budget."""
    with context.mesh() as mesh:
        found = mesh.dataset(dataset)
        output.show(as_json, lambda: output.dataset(found), lambda: repr(found))


@guarded
def budget(
    dataset: Annotated[str, typer.Argument(metavar="[DATASET]", help="Only scopes that it would be paid from.")] = "",
    delta: Annotated[str, typer.Option("--delta", help="δ at which ε is told.")] = "1e-6",
    as_json: AsJson = False,
) -> None:
    """Show what is left where."""
    with context.mesh() as mesh:
        found = mesh.budget(dataset or None, delta=delta)
        document = {"budgets": [output.budget(each) for each in found], "delta_attos": str(attos(delta))}
        output.show(as_json, lambda: document, lambda: repr(found))


@guarded
def history(
    dataset: Annotated[str, typer.Option("--dataset", help="Only questions to it.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was asked, newest first."""
    with context.mesh() as mesh:
        found = mesh.history(dataset, limit=limit)
        output.show(as_json, lambda: {"queries": [output.query(each) for each in found]}, lambda: repr(found))


@guarded
def receipt(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="queries/… as in the history.")], as_json: AsJson = False
) -> None:
    """Print the signed proof of an answer, and check it."""
    with context.mesh() as mesh:
        found = mesh.query(query).receipt
        try:
            checked: str | None = str(found.verify())
        except MissingExtra as missing:
            checked, note = None, f"{missing.message} {missing.hint}"
        else:
            note = f"verified: {checked}"
        document = {"receipt": output.proto(found.to_proto()), "verified": checked is not None}
        output.show(as_json, lambda: document, lambda: f"{found!r}\n\n {note}")


@guarded
def convert(
    rho: Annotated[str | None, typer.Option("--rho", help="ρ, to be told as ε at δ.")] = None,
    epsilon: Annotated[str | None, typer.Option("--epsilon", help="ε at δ, to be told as the largest ρ.")] = None,
    delta: Annotated[str | None, typer.Option("--delta", help="δ of either; needed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Convert ρ to ε at δ, or ε at δ to the largest ρ, tightly; needs no server."""
    if delta is None:
        raise refused("--delta", "it is needed", "--delta 1e-6")
    stated = loss(rho, epsilon, delta)
    if not stated.attos:
        raise refused("--delta", "the conversion needs δ above zero", "--delta 1e-6")
    given, at = stated.picos / PICO, stated.attos / ATTO
    forward = stated.kind == "rho"
    result = conversion.epsilon_from_rho(given, at) if forward else conversion.rho_from_epsilon(given, at)
    document = {"rho": given if forward else result, "epsilon": result if forward else given, "delta": at}
    output.show(as_json, lambda: document, lambda: f"{result:.15g}")
