"""Options that several commands take."""

import json
from collections.abc import Iterator
from typing import Annotated, TypeAlias

import typer

from sfumato._core.amounts import refused
from sfumato.expressions import Expression, col

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
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="NAME=VALUE", help="Only rows in which a column has this value; repeatable."),
]
Seed: TypeAlias = Annotated[int, typer.Option("--seed", help="Fixes the rows.")]
RequestId: TypeAlias = Annotated[
    str | None, typer.Option("--request-id", help="UUID of this payment: again with it never pays twice.")
]
Limit: TypeAlias = Annotated[str | None, typer.Option("--limit", help="The most that any scope may be charged.")]
Justification: TypeAlias = Annotated[str, typer.Option("--why", help="For the ledger; 10 to 1024 characters.")]


def parameters(texts: list[str] | None) -> dict[str, object]:
    """Return values of parameters: what JSON reads as number or truth value is one, all else is text.

    Raises:
        InvalidRequest: one is not NAME=VALUE.
    """
    return dict(_pairs(texts, "--param", "--param year=2009"))


def conditions(texts: list[str] | None) -> list[Expression]:
    """Return predicates, one for each NAME=VALUE.

    Raises:
        InvalidRequest: one is not NAME=VALUE.
    """
    return [col(name) == value for name, value in _pairs(texts, "--where", "--where species=Adelie")]


def _pairs(texts: list[str] | None, option: str, hint: str) -> Iterator[tuple[str, object]]:
    for each in texts or []:
        name, equals, text = each.partition("=")
        if not equals:
            raise refused(option, f"{each!r} is not NAME=VALUE", hint)
        yield name, _value(text)


def _value(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text
