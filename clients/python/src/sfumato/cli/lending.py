"""Commands that lend budget, and take it back."""

from typing import Annotated

import typer

from sfumato.cli import context, output
from sfumato.cli.exits import guarded
from sfumato.cli.options import AsJson, Delta

UserName = Annotated[str, typer.Argument(metavar="USER", help="Id of a user.")]
Population = Annotated[str, typer.Option("--population", help="Of which; needed where there are several.")]
RequestId = Annotated[str | None, typer.Option("--request-id", help="UUID of this act: again with it is the same act.")]


@guarded
def delegate(
    user: UserName,
    rho: Annotated[str | None, typer.Option("--rho", help="ρ to lend, for life.")] = None,
    epsilon: Annotated[str | None, typer.Option("--epsilon", help="Or ε, where ε is counted.")] = None,
    delta: Delta = None,
    population: Population = "",
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Lend part of your budget. It counts as used until you take back what is not spent of it."""
    with context.mesh() as mesh:
        left = mesh.delegate(user, rho=rho, epsilon=epsilon, delta=delta, population=population, request_id=request_id)
    view = f"lent to {user}: {left.delegated} is lent now, {left.remaining} is left"
    output.show(as_json, lambda: output.budget(left), lambda: view)


@guarded
def reclaim(user: UserName, population: Population = "", request_id: RequestId = None, as_json: AsJson = False) -> None:
    """Take back what a user has not spent of what you lent them."""
    with context.mesh() as mesh:
        back = mesh.reclaim(user, population=population, request_id=request_id)
    view = "nothing came back: it is spent, or lent further" if back.is_zero else f"{back} came back"
    output.show(as_json, lambda: {"reclaimed": output.charge(back)}, lambda: view)
