"""Commands that learn from data: synth, fit. What is paid goes on when they are left: `sfumato models` finds it."""

from typing import Annotated, Final, TypeAlias

import typer

from sfumato import steps
from sfumato._core.amounts import refused
from sfumato.cli import context, output, tables
from sfumato.cli.exits import guarded
from sfumato.cli.options import (
    AsJson,
    DatasetName,
    Delta,
    Epsilon,
    Limit,
    Project,
    RequestId,
    Rho,
    Seed,
    Where,
    conditions,
    parameters,
)
from sfumato.cli.tables import Arrow, Csv
from sfumato.datasets import Dataset
from sfumato.fits import Bins, bins
from sfumato.jobs import ModelJob
from sfumato.models import AnyModel
from sfumato.questions import Rows

Quoting: TypeAlias = Annotated[bool, typer.Option("--quote", help="Tell the price alone. Free; reads no data.")]
Rehearsing: TypeAlias = Annotated[bool, typer.Option("--dummy", help="Rehearse on made-up rows; no charge.")]
Background: TypeAlias = Annotated[bool, typer.Option("--background", help="Pay, print the model's name, do not wait.")]
Fresh: TypeAlias = Annotated[bool, typer.Option("--fresh", help="Fit and pay anew although an equal model is there.")]
_STEPS: Final = {
    each.__name__: each
    for each in (
        steps.standard_scaler,
        steps.principal_components,
        steps.linear_regression,
        steps.logistic_regression,
        steps.gaussian_naive_bayes,
        steps.k_means,
        steps.decision_tree,
        steps.random_forest,
    )
}


@guarded
def synth(
    dataset: DatasetName,
    synthesizer: Annotated[str, typer.Option("--synthesizer", help="mst, aim, mwem or pac.")] = "mst",
    columns: Annotated[
        str, typer.Option("--columns", metavar="A,B", help="Columns to learn; all but texts if unset.")
    ] = "",
    binned: Annotated[
        list[str] | None, typer.Option("--bins", metavar="NAME=N", help="Learn a column in so many bins; repeatable.")
    ] = None,
    where: Where = None,
    rho: Rho = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=N", help="Of the synthesizer; repeatable.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Rows to draw.")] = 1000,
    seed: Seed = 0,
    project: Project = "",
    request_id: RequestId = None,
    fresh: Fresh = False,
    limit: Limit = None,
    quoting: Quoting = False,
    rehearsing: Rehearsing = False,
    background: Background = False,
    as_json: AsJson = False,
    as_csv: Csv = False,
    arrow: Arrow = None,
) -> None:
    """Learn a synthesizer, and print rows drawn from it. More are free: sfumato models sample."""
    tables.one_form(as_json, as_csv, arrow)
    _one_way(quoting, rehearsing, background)
    with context.mesh() as mesh:
        found = mesh.dataset(dataset)
        learnt = _learnt(found, columns, binned)
        whole = {name: _whole(name, value) for name, value in parameters(param).items()}
        fit = _filtered(found, where).synthesize(learnt, method=synthesizer, **whole)
        if quoting:
            quote = fit.quote(rho=rho, epsilon=epsilon, delta=delta, project=project)
            output.show(as_json, lambda: output.quote(quote), lambda: repr(quote))
            return
        if rehearsing:
            drawn = fit.dummy(rho=rho, epsilon=epsilon, delta=delta, seed=seed, rows=rows)
        else:
            job = fit.run(
                rho=rho,
                epsilon=epsilon,
                delta=delta,
                project=project,
                request_id=request_id,
                fresh=fresh,
                limit=limit,
            )
            if background:
                _show_job(job, as_json)
                return
            drawn = job.result().sample(rows, seed=seed)
        tables.write(drawn, lambda: output.sample(drawn), as_json, as_csv, arrow)


@guarded
def fit(
    dataset: DatasetName,
    features: Annotated[str, typer.Option("--features", metavar="A,B", help="Columns that are read.")],
    step: Annotated[
        list[str],
        typer.Option("--step", metavar="STEP[:NAME=VALUE,…]", help="A step: k_means:cluster_count=3; in order."),
    ],
    target: Annotated[str, typer.Option("--target", help="Column that is predicted.")] = "",
    where: Where = None,
    rho: Rho = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    row_count: Annotated[int, typer.Option("--row-count", help="Rows that are fitted; 0: as the policy says.")] = 0,
    rows: Annotated[int, typer.Option("--rows", help="Made-up rows of a rehearsal.")] = 1000,
    seed: Seed = 0,
    project: Project = "",
    request_id: RequestId = None,
    fresh: Fresh = False,
    limit: Limit = None,
    quoting: Quoting = False,
    rehearsing: Rehearsing = False,
    background: Background = False,
    as_json: AsJson = False,
) -> None:
    """Fit a pipeline of steps, and print its noisy parameters."""
    _one_way(quoting, rehearsing, background)
    pipeline = [_step(each) for each in step]
    with context.mesh() as mesh:
        unpaid = _filtered(mesh.dataset(dataset), where).fit(
            features=_names(features), target=target, steps=pipeline, row_count=row_count
        )
        if quoting:
            quote = unpaid.quote(rho=rho, epsilon=epsilon, delta=delta, project=project)
            output.show(as_json, lambda: output.quote(quote), lambda: repr(quote))
            return
        if rehearsing:
            model = unpaid.dummy(rho=rho, epsilon=epsilon, delta=delta, seed=seed, rows=rows)
        else:
            job = unpaid.run(
                rho=rho,
                epsilon=epsilon,
                delta=delta,
                project=project,
                request_id=request_id,
                fresh=fresh,
                limit=limit,
            )
            if background:
                _show_job(job, as_json)
                return
            model = job.result()
        output.show(as_json, lambda: output.model(model, parameters=True), lambda: f"{model!r}\n\n{model.parameters}")


def _one_way(*ways: bool) -> None:
    if sum(ways) > 1:
        raise refused("--quote", "one of --quote, --dummy and --background is taken")


def _show_job(job: ModelJob[AnyModel], as_json: bool) -> None:
    output.show(as_json, lambda: output.job(job), lambda: repr(job))


def _filtered(rows: Rows, where: list[str] | None) -> Rows:
    predicates = conditions(where)
    return rows.filter(*predicates) if predicates else rows


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _learnt(dataset: Dataset, columns: str, binned: list[str] | None) -> list[str | Bins]:
    """Return the columns to learn: those named, else all that can be; those with bins are among them."""
    counts = {}
    for each in binned or []:
        name, equals, text = each.partition("=")
        if not equals:
            raise refused("--bins", f"{each!r} is not NAME=N", "--bins body_mass_g=20")
        counts[name] = _whole("--bins", text)
    names = _names(columns) or [each.name for each in dataset.columns.values() if each.type != "text"]
    names += [name for name in counts if name not in names]
    return [bins(name, counts[name]) if name in counts else name for name in names]


def _whole(field: str, value: object) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise refused(field, f"{text!r} is no whole number")
    return int(text)


def _step(text: str) -> steps.Step:
    name, _, said = text.partition(":")
    if name not in _STEPS:
        raise refused("--step", f"{name!r} is no step", "one of " + ", ".join(_STEPS))
    values = parameters(_names(said))
    try:
        return _STEPS[name](**values)  # type: ignore[arg-type]  # each checks its own values
    except TypeError:  # a name that it does not take, or one that it needs
        raise refused("--step", f"{name} does not take what was said", "sfumato fit --help") from None
