"""Options that several commands take."""

import json
from typing import Annotated, TypeAlias

import typer

from sfumato._core.amounts import refused

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, numbers in full precision.")
]
DatasetName: TypeAlias = Annotated[str, typer.Argument(metavar="DATASET", help="Id of a dataset.")]
Statement: TypeAlias = Annotated[str, typer.Argument(metavar="SQL", help="One SELECT with aggregates.")]
Rho: TypeAlias = Annotated[str | None, typer.Option("--rho", help="ρ to spend.")]
Epsilon: TypeAlias = Annotated[str | None, typer.Option("--epsilon", help="Or ε; pure if no δ is given.")]
Delta: TypeAlias = Annotated[str | None, typer.Option("--delta", help="δ beside either.")]
Confidence: TypeAlias = Annotated[float | None, typer.Option("--confidence", help="Of the intervals: 0.95.")]
Project: TypeAlias = Annotated[str, typer.Option("--project", help="Project that pays.")]
Parameters: TypeAlias = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Value of :name in the statement; repeatable.")
]
Justification: TypeAlias = Annotated[str, typer.Option("--why", help="For the ledger; 10 to 1024 characters.")]


def parameters(texts: list[str] | None) -> dict[str, object]:
    """Return values of parameters: what JSON reads as number or truth value is one, all else is text.

    Raises:
        InvalidRequest: one is not NAME=VALUE.
    """
    values: dict[str, object] = {}
    for each in texts or []:
        name, equals, text = each.partition("=")
        if not equals:
            raise refused("--param", f"{each!r} is not NAME=VALUE", "--param year=2009")
        values[name] = _value(text)
    return values


def _value(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text
