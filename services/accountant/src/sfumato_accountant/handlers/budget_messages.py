"""Budgets and grants as messages."""

from datetime import datetime
from typing import Final

from sfumato.v1 import budget_service_pb2 as pb
from sfumato.v1 import grant_pb2
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.admitting import lent_by, life_of, remaining, stopper, window_bounds
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.limits import grant_etag

DELTA_DEFAULT: Final = 10**12
"""δ at which ε is told where a request says none: 10^-6, in attos."""


def grant_message(population: str, scope: ScopeKey, fold: Fold) -> grant_pb2.Grant:
    """Return the grant of a scope that has one."""
    facts = fold.grants[scope]
    grant = grant_pb2.Grant(
        name=scope.grant_name(population),
        scope=scope.to_proto(population),
        limit=facts.limit,
        frozen=scope in fold.frozen,
        sequence=facts.sequence,
        etag=grant_etag(population, scope, fold),
    )
    if facts.window is not None:
        grant.window.CopyFrom(facts.window.to_proto())
    if facts.parent is not None:
        grant.parent = facts.parent.grant_name(population)
    grant.update_time.FromDatetime(facts.at)
    return grant


def budget_message(
    population: str,
    scope: ScopeKey,
    fold: Fold,
    accounting: Accounting,
    at: datetime,
    delta_attos: int = DELTA_DEFAULT,
) -> pb.Budget:
    """Return the state of a scope at an instant. One that has no grant (frozen alone) has no limit."""
    spent = fold.spent_in(scope)
    budget = pb.Budget(
        scope=scope.to_proto(population),
        spent=spent.to_proto(),
        spent_epsilon_picos=accounting.epsilon(spent, delta_attos),
        frozen=stopper(fold, scope) is not None,
    )
    if scope not in fold.grants:
        return budget
    life = life_of(fold, scope)
    budget.grant.CopyFrom(grant_message(population, scope, fold))
    budget.limit.CopyFrom(accounting.limit_as_loss(life.limit, life.used).to_proto())
    budget.remaining.CopyFrom(remaining(fold, accounting, scope, at).to_proto())
    lent = lent_by(fold, scope)
    if not lent.is_zero:
        budget.delegated.CopyFrom(lent.to_proto())
    windows = window_bounds(fold, scope, at)
    if windows:
        tightest = min(windows, key=lambda each: _amount(each.left(accounting)))
        budget.window_spent.CopyFrom(tightest.used.to_proto())
        assert tightest.end is not None
        budget.window_end_time.FromDatetime(tightest.end)
    return budget


def _amount(loss: Loss) -> tuple[int, int]:
    return loss.rho_picos, loss.epsilon_picos or 0
