"""Lending of budget: which of the caller's scopes is meant, and the calls."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from sfumato._core.amounts import refused
from sfumato._core.plans import resource
from sfumato.budgets import Budget
from sfumato.charges import Charge, short
from sfumato.v1 import budget_service_pb2, charge_pb2

if TYPE_CHECKING:
    from sfumato._transport.session import Session

T = TypeVar("T")


def lend(session: "Session", user: str, limit: charge_pb2.LossLimit, population: str, request_id: str | None) -> Budget:
    """Lend from the caller's only scope; see Mesh.delegate."""
    me = short(session.caller().user.name)
    mine = [each.scope for each in session.budgets() if _is_mine(each, me, population)]
    scope = _only(
        mine,
        "population",
        "you have no budget of your own to lend",
        "you have several budgets",
        [short(each.population) for each in mine],
    )
    request = budget_service_pb2.DelegateBudgetRequest(
        scope=scope, user=_user(user), limit=limit, request_id=request_id or str(uuid.uuid4())
    )
    return Budget.of(session.delegate(request).budget)


def take_back(session: "Session", user: str, population: str, request_id: str | None) -> Charge:
    """Take back from a user; see Mesh.reclaim."""
    me, them = short(session.caller().user.name), short(_user(user))
    lent = [
        each
        for each in map(Budget.of, session.budgets())
        if each.lender == me
        and each.analyst == them
        and short(population) in ("", each.population)
        and (request_id or not each.limit.is_zero)  # an act of before is answered again, although it left nothing
    ]
    grant = _only(
        [each.grant for each in lent],
        "user",
        f"nothing is lent to {them} now",
        f"something is lent to {them} in several populations",
        [each.population for each in lent],
    )
    request = budget_service_pb2.ReclaimBudgetRequest(grant=grant, request_id=request_id or str(uuid.uuid4()))
    return Charge.of(session.reclaim(request).reclaimed)


def _user(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise refused("user", "a name is needed")
    return resource("users", name)


def _is_mine(budget: budget_service_pb2.Budget, me: str, population: str) -> bool:
    own = budget.HasField("grant") and short(budget.scope.analyst) == me
    return own and short(population) in ("", short(budget.scope.population))


def _only(found: Sequence[T], field: str, none: str, several: str, populations: Sequence[str]) -> T:
    if not found:
        raise refused(field, none, "mesh.budget(), or `sfumato budget`, lists what there is")
    if len(found) == 1:
        return found[0]
    names = sorted(set(populations))
    if len(names) == 1:
        raise refused(field, several, f"those in {names[0]} bind each other: a custodian can share them out")
    raise refused(field, several, f'population="{names[0]}", or --population {names[0]}; there are {", ".join(names)}')
