"""Commands that end things: admin merge, split, withhold, allow."""

import uuid
from typing import Annotated

import typer

from sfumato._core.amounts import refused
from sfumato.charges import short
from sfumato.cli import context, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, Justification

RequestId = Annotated[
    str, typer.Option("--request-id", help="UUID of this act: again with it, what was cut off is finished.")
]
QueryName = Annotated[str, typer.Argument(metavar="QUERY", help="queries/… as in the history.")]


@guarded
def merge(
    sources: Annotated[list[str], typer.Argument(metavar="POPULATION…", help="Populations that end.")],
    into: Annotated[str, typer.Option("--into", help="Id of the population that follows.")],
    why: Justification,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> None:
    """Merge populations that are the same persons. Spends add up; a custodian gives new limits afterwards."""
    with context.administration() as mesh:
        merged = mesh.merge(sources, into, why, request_id or str(uuid.uuid4()))
    view = f"{', '.join(sources)} merged into {short(merged.name)}: grant it a limit, nothing can be paid before"
    output.show(as_json, lambda: output.proto(merged), lambda: view)


@guarded
def split(
    source: Annotated[str, typer.Argument(metavar="POPULATION", help="Population that ends.")],
    part: Annotated[
        list[str], typer.Option("--part", metavar="ID=DATASET,…", help="A population that follows; repeatable.")
    ],
    why: Justification,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> None:
    """Split a population into others of different persons. Each part carries all that was spent, and the limits."""
    parts: dict[str, list[str]] = {}
    for each in part:
        name, equals, datasets = each.partition("=")
        if not equals or name in parts:
            raise refused("--part", f"{each!r} is not ID=DATASET,… or names a part twice", "--part north=seals,whales")
        parts[name] = [dataset for dataset in datasets.split(",") if dataset]
    with context.administration() as mesh:
        followers = mesh.split(source, parts, why, request_id or str(uuid.uuid4()))
    view = f"{short(source)} split into {', '.join(short(each.name) for each in followers)}"
    output.show(as_json, lambda: {"populations": [output.proto(each) for each in followers]}, lambda: view)


@guarded
def withhold(query: QueryName, why: Justification, as_json: AsJson = False) -> None:
    """Stop reading of an answer, by whoever shares it. It stays paid, and its receipt stays."""
    _withhold(query, why, withheld=True, as_json=as_json)


@guarded
def allow(query: QueryName, why: Justification, as_json: AsJson = False) -> None:
    """Let a withheld answer be read again."""
    _withhold(query, why, withheld=False, as_json=as_json)


def _withhold(query: str, why: str, *, withheld: bool, as_json: bool) -> None:
    with context.administration() as mesh:
        sequence = mesh.withhold(query, why, withheld=withheld)
    state = "withheld" if withheld else "can be read"
    output.show(as_json, lambda: {"withheld": withheld, "sequence": sequence}, lambda: f"{query}: {state}")
