"""Commands about models that were paid for: models list, show, sample, status, cancel. All free."""

from typing import Annotated, TypeAlias

import typer

from sfumato._core.amounts import refused
from sfumato.cli import context, output, tables
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, Seed, Where, conditions
from sfumato.cli.tables import Arrow, Csv
from sfumato.expressions import Expression
from sfumato.models import EstimatorModel

app = typer.Typer(
    help="Models that were fitted: list (what `sfumato models` does alone), show, sample, status, cancel."
)

ModelName: TypeAlias = Annotated[str, typer.Argument(metavar="MODEL", help="models/… as in the list, or its id.")]


@app.callback(invoke_without_command=True)
def alone(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List one's models, unless a command says what else."""
    if ctx.invoked_subcommand is None:
        list_models(as_json=as_json)


@app.command("list")
@guarded
def list_models(
    dataset: Annotated[str, typer.Option("--dataset", help="Only models of it.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List one's models, newest first."""
    with context.mesh() as mesh:
        found = mesh.models(dataset, limit=limit)
        output.show(as_json, lambda: {"models": [output.model(each) for each in found]}, lambda: repr(found))


@app.command("show")
@guarded
def show(model: ModelName, as_json: AsJson = False) -> None:
    """Show a model, waiting for one that is still being fitted; of an estimator also its parameters."""
    with context.mesh() as mesh:
        found = mesh.model(model)
        more = f"\n\n{found.parameters}" if isinstance(found, EstimatorModel) else ""
        output.show(as_json, lambda: output.model(found, parameters=True), lambda: f"{found!r}{more}")


@app.command("sample")
@guarded
def sample(
    model: ModelName,
    rows: Annotated[int, typer.Option("--rows", help="Rows to draw.")] = 1000,
    seed: Seed = 0,
    where: Where = None,
    as_json: AsJson = False,
    as_csv: Csv = False,
    arrow: Arrow = None,
) -> None:
    """Draw rows from a synthesizer. Free; the same seed gives the same rows."""
    tables.one_form(as_json, as_csv, arrow)
    with context.mesh() as mesh:
        found = mesh.model(model)
        if isinstance(found, EstimatorModel):
            raise refused("model", "an estimator is read, not sampled", f"sfumato models show {found.id}")
        drawn = found.sample(rows, seed=seed, where=_all_of(conditions(where)))
        tables.write(drawn, lambda: output.sample(drawn), as_json, as_csv, arrow)


@app.command("status")
@guarded
def status(model: ModelName, as_json: AsJson = False) -> None:
    """Tell how far a fit is."""
    with context.mesh() as mesh:
        job = mesh.job(model)
        output.show(as_json, lambda: output.job(job), lambda: repr(job))


@app.command("cancel")
@guarded
def cancel(model: ModelName, as_json: AsJson = False) -> None:
    """Give a fit up, unless it has ended. What was paid stays paid."""
    with context.mesh() as mesh:
        job = mesh.job(model).cancel()
        output.show(as_json, lambda: output.job(job), lambda: repr(job))


def _all_of(predicates: list[Expression]) -> Expression | None:
    if not predicates:
        return None
    joined = predicates[0]
    for each in predicates[1:]:
        joined = joined & each
    return joined
