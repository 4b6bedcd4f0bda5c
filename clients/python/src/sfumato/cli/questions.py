"""Commands that ask: quote, sql, dummy."""

from typing import Annotated

import typer

from sfumato.cli import context, output, tables
from sfumato.cli.exits import guarded
from sfumato.cli.options import (
    AsJson,
    Confidence,
    DatasetName,
    Delta,
    Epsilon,
    Parameters,
    Project,
    Rho,
    Statement,
    parameters,
)
from sfumato.cli.tables import Arrow, Csv
from sfumato.mesh import Mesh
from sfumato.questions import Question


def _question(mesh: Mesh, dataset: str, statement: str, values: list[str] | None) -> Question:
    return mesh.question(statement, dataset=dataset, parameters=parameters(values))


@guarded
def quote(
    dataset: DatasetName,
    statement: Statement,
    rho: Rho = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    at: Annotated[
        list[int] | None, typer.Option("--at", help="Group size at which errors are told; repeatable.")
    ] = None,
    confidence: Confidence = None,
    project: Project = "",
    param: Parameters = None,
    as_json: AsJson = False,
) -> None:
    """Tell price and error of a question. Free; reads no data."""
    with context.mesh() as mesh:
        found = _question(mesh, dataset, statement, param).quote(
            rho=rho, epsilon=epsilon, delta=delta, at=at or (), confidence=confidence, project=project
        )
        output.show(as_json, lambda: output.quote(found), lambda: repr(found))


@guarded
def sql(
    dataset: DatasetName,
    statement: Statement,
    rho: Rho = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    confidence: Confidence = None,
    project: Project = "",
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="UUID of this payment: again with it never pays twice.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Draw and pay anew although an equal answer is there.")
    ] = False,
    limit: Annotated[str | None, typer.Option("--limit", help="The most that any scope may be charged.")] = None,
    param: Parameters = None,
    as_json: AsJson = False,
    as_csv: Csv = False,
    arrow: Arrow = None,
) -> None:
    """Pay, and print the answer. An equal question that was paid before is answered again, free."""
    tables.one_form(as_json, as_csv, arrow)
    with context.mesh() as mesh:
        answer = _question(mesh, dataset, statement, param).run(
            rho=rho,
            epsilon=epsilon,
            delta=delta,
            confidence=confidence,
            project=project,
            request_id=request_id,
            fresh=fresh,
            limit=limit,
        )
        tables.write(answer, lambda: output.answer(answer), as_json, as_csv, arrow)


@guarded
def dummy(
    dataset: DatasetName,
    statement: Statement,
    rho: Rho = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    seed: Annotated[int, typer.Option("--seed", help="Fixes rows and noise.")] = 0,
    rows: Annotated[int, typer.Option("--rows", help="Made-up rows.")] = 1000,
    confidence: Confidence = None,
    param: Parameters = None,
    as_json: AsJson = False,
    as_csv: Csv = False,
    arrow: Arrow = None,
) -> None:
    """Rehearse a question on made-up rows: same compiler, same wire, no charge."""
    tables.one_form(as_json, as_csv, arrow)
    with context.mesh() as mesh:
        answer = _question(mesh, dataset, statement, param).dummy(
            rho=rho, epsilon=epsilon, delta=delta, seed=seed, rows=rows, confidence=confidence
        )
        tables.write(answer, lambda: output.answer(answer), as_json, as_csv, arrow)
