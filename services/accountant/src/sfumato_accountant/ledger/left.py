"""What is left in the scopes that paid a query: told with its answer, so that nobody has to ask for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sfumato.v1 import population_pb2, scope_pb2
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.ledger.admitting import life_of, remaining
from sfumato_accountant.ledger.fold import Fold, PaidQuery, QueryState

_ANSWERED: Final = frozenset((QueryState.COMMITTED, QueryState.SHARED))


def left_after(population: str, fold: Fold, query: PaidQuery, at: datetime) -> Sequence[scope_pb2.ScopePrice]:
    """Return a line for each scope that an answered query counts against and that has a limit, as it stands then.

    Nothing for a query that has no answer.
    """
    if query.state not in _ANSWERED:
        return ()
    accounting = accounting_of(fold.accounting or population_pb2.ACCOUNTING_ZCDP)  # all chains without it are ZCDP
    if accounting is None:
        return ()
    lines = []
    for scope, loss in query.scopes:
        if scope not in fold.grants:
            continue
        life, left = life_of(fold, scope), remaining(fold, accounting, scope, at).to_proto()
        lines.append(
            scope_pb2.ScopePrice(
                scope=scope.to_proto(population),
                charge=loss.to_proto(),
                limit=accounting.limit_as_loss(life.limit, life.used).to_proto(),
                remaining=left,
                remaining_after=left,
                affordable=True,
            )
        )
    return lines
