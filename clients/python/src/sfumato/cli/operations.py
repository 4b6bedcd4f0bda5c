"""Commands of those who run a mesh: how budgets were spent over time, and what to do after a backup came back."""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from sfumato._core.amounts import loss, refused
from sfumato.cli import context, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, Justification
from sfumato.mesh import Mesh
from sfumato.timelines import Timeline
from sfumato.v1 import charge_pb2

PopulationName = Annotated[str, typer.Argument(metavar="POPULATION", help="Id of a population.")]
Part = Annotated[str, typer.Option(help="Only this part of the population's budget.")]
Instant = Annotated[str, typer.Option(metavar="TIME", help="ISO 8601; UTC unless it says another zone.")]
Step = Annotated[int, typer.Option("--step", min=0, help="Seconds between points; 0: about 100 points.")]
DeltaTold = Annotated[str, typer.Option("--delta", help="δ at which ε is told.")]


@guarded
def timeline(
    population: PopulationName,
    dataset: Part = "",
    project: Part = "",
    start: Instant = "",
    end: Instant = "",
    step: Step = 0,
    delta: DeltaTold = "1e-6",
    as_json: AsJson = False,
) -> None:
    """Show how your own budget, or your project's, was spent over time."""
    with context.mesh() as mesh:
        found = _timeline(mesh, population, dataset, project, None, (start, end), step, delta)
        output.show(as_json, lambda: output.timeline(found), lambda: repr(found))


@guarded
def audited_timeline(
    population: PopulationName,
    dataset: Part = "",
    project: Part = "",
    analyst: Part = "",
    start: Instant = "",
    end: Instant = "",
    step: Step = 0,
    delta: DeltaTold = "1e-6",
    as_json: AsJson = False,
) -> None:
    """Show how a population, or any part of its budget, was spent over time."""
    with context.auditing() as mesh:
        found = _timeline(mesh, population, dataset, project, analyst, (start, end), step, delta)
        output.show(as_json, lambda: output.timeline(found), lambda: repr(found))


def _timeline(
    mesh: Mesh,
    population: str,
    dataset: str,
    project: str,
    analyst: str | None,
    between: tuple[str, str],
    step: int,
    delta: str,
) -> Timeline:
    return mesh.budget_timeline(
        population,
        dataset=dataset,
        project=project,
        analyst=analyst,
        start=_instant(between[0], "--start"),
        end=_instant(between[1], "--end"),
        step=datetime.timedelta(seconds=step) if step else None,
        delta=delta,
    )


def _instant(text: str, option: str) -> datetime.datetime | None:
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise refused(option, f"{text!r} is no time", "2026-11-24T12:00, 2026-11-24") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


@guarded
def reopen(
    population: PopulationName,
    why: Justification,
    receipt: Annotated[
        list[Path] | None,
        typer.Option("--receipt", metavar="FILE", help="Receipt of a lost answer, charged as it says; repeatable."),
    ] = None,
    rho: Annotated[str | None, typer.Option("--rho", help="ρ to write off for lost answers without receipt.")] = None,
    epsilon: Annotated[str | None, typer.Option("--epsilon", help="Or ε, where ε alone is counted.")] = None,
    delta: Annotated[str | None, typer.Option("--delta", help="δ to write off beside either.")] = None,
    nothing: Annotated[
        bool, typer.Option("--nothing-else", help="The receipts are all that was lost: write nothing off.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a population go on whose restored ledger lacks what was told of it, and charge for what was lost.

    What the receipts say is charged to the scopes that paid. Whatever else the lost entries spent is not known: write
    off, from the population's budget, at least as much. What was open is charged without an answer.
    """
    from sfumato.verification.receipts import read_receipt

    if nothing == (rho is not None or epsilon is not None):
        raise refused("--rho", "say what is written off, or that nothing is", "--rho 0.2, or --nothing-else")
    receipts = [read_receipt(path) for path in receipt or []]
    written_off = charge_pb2.Charge()
    if not nothing:
        stated = loss(rho, epsilon, delta)
        written_off.delta_attos = stated.attos
        setattr(written_off, "rho_picos" if stated.kind == "rho" else "epsilon_picos", stated.picos)
    with context.administration() as mesh:
        response = mesh.reopen(population, receipts, written_off, why)
    output.show(
        as_json,
        lambda: output.proto(response),
        lambda: f"{population}: open again from position {response.sequence}; give its limits a look: sfumato budget",
    )
