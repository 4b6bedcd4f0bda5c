"""BudgetService: what is left where, and lending of it."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from typing import Any

from sfumato.v1 import budget_service_pb2 as pb
from sfumato.v1 import budget_service_pb2_grpc
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.catalog.access import may_audit, may_query
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_accountant.handlers.budget_messages import DELTA_DEFAULT, budget_message
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.handlers.delegation import Delegation
from sfumato_accountant.handlers.timeline import Timelines
from sfumato_accountant.ledger.chains import Chains
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusals import access_denied
from sfumato_mesh.server import ServerLike


class BudgetHandlers(budget_service_pb2_grpc.BudgetServiceServicer):
    """Shows what is left where."""

    def __init__(self, catalogue: Catalogue, chains: Chains, timelines: Timelines, delegation: Delegation) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._timelines = timelines
        self._delegation = delegation

    def register(self, server: ServerLike) -> None:
        """Serve BudgetService."""
        budget_service_pb2_grpc.add_BudgetServiceServicer_to_server(self, server)

    async def ListBudgets(self, request: pb.ListBudgetsRequest, context: Any) -> pb.ListBudgetsResponse:
        """List the scopes that the caller may spend from, or has lent; custodians and auditors see all of theirs.

        Populations that were merged or split are listed only if they are asked for by name.
        """
        caller = current_caller()
        conditions = f"budgets {caller.user} {request.dataset} {request.population} {request.delta_attos}"
        start = page_start(conditions, request.page_token)
        found = await self._scopes(caller, request.dataset, request.population)
        size = page_size(request.page_size)
        places = sorted((each for each in found if _place(*each) > start), key=lambda each: _place(*each))
        page = places[:size]
        budgets = []
        for population, scope in page:
            record = await self._catalogue.population(population)
            accounting = accounting_of(record.accounting) if record is not None else None
            if accounting is not None:
                fold = self._chains.chain(population).fold
                delta, now = request.delta_attos or DELTA_DEFAULT, self._chains.now(population)
                budgets.append(budget_message(population, scope, fold, accounting, now, delta))
        token = page_token(conditions, _place(*page[-1])) if len(places) > size else ""
        return pb.ListBudgetsResponse(budgets=budgets, next_page_token=token)

    async def GetBudgetTimeline(
        self, request: pb.GetBudgetTimelineRequest, context: Any
    ) -> pb.GetBudgetTimelineResponse:
        """Show how one scope was spent over time."""
        return await self._timelines.of(current_caller(), request)

    async def DelegateBudget(self, request: pb.DelegateBudgetRequest, context: Any) -> pb.DelegateBudgetResponse:
        """Lend part of the caller's scope to another user."""
        return await self._delegation.lend(current_caller(), request)

    async def ReclaimBudget(self, request: pb.ReclaimBudgetRequest, context: Any) -> pb.ReclaimBudgetResponse:
        """Take back what is not spent of a lent grant."""
        return await self._delegation.reclaim(current_caller(), request)

    async def _scopes(self, caller: Caller, dataset: str, population: str) -> list[tuple[str, ScopeKey]]:
        if dataset:
            return await self._of_dataset(caller, dataset, population)
        names = [population] if population else await self._chains.populations()
        found: list[tuple[str, ScopeKey]] = []
        for name in names:
            scopes = await self._of_population(caller, name)
            if population or not self._chains.chain(name).fold.closed:
                found += [(name, scope) for scope in scopes]
        return found

    async def _of_dataset(self, caller: Caller, name: str, population: str) -> list[tuple[str, ScopeKey]]:
        """Scopes that a query of a dataset would pay from: by the caller alone, or by a project that opens it."""
        dataset = await self._catalogue.dataset(name)
        if dataset is None:
            raise access_denied(name)
        payers = [Payer((name,), "", caller.user)] if may_query(caller, dataset, None) else []
        for project_name in caller.projects:
            project = await self._catalogue.project(project_name)
            if project is not None and may_query(caller, dataset, project):
                payers.append(Payer((name,), project_name, caller.user))
        if not payers:
            raise access_denied(name)
        if population not in ("", dataset.population):
            return []
        fold = await self._chains.chain(dataset.population).refresh()
        matching = {scope for payer in payers for scope in payer.matching(fold.grants)}
        return [(dataset.population, scope) for scope in matching]

    async def _of_population(self, caller: Caller, name: str) -> list[ScopeKey]:
        population = await self._catalogue.population(name)
        if population is None:
            return []
        fold = await self._chains.chain(name).refresh()
        if may_audit(caller, population):
            return sorted(set(fold.grants) | set(fold.frozen))
        own = [scope for scope in fold.grants if await self._may_spend(caller, scope)]
        if not any(scope.analyst or scope.project for scope in own):
            return []
        return own + [child for scope in own if scope.analyst for child in fold.children(scope)]

    async def _may_spend(self, caller: Caller, scope: ScopeKey) -> bool:
        """Whether all named parts of a scope are the caller's own."""
        if scope.analyst not in ("", caller.user) or (scope.project and scope.project not in caller.projects):
            return False
        if not scope.dataset:
            return True
        dataset = await self._catalogue.dataset(scope.dataset)
        if dataset is None:
            return False
        if may_query(caller, dataset, None):
            return True
        for name in [scope.project] if scope.project else caller.projects:
            project = await self._catalogue.project(name)
            if project is not None and may_query(caller, dataset, project):
                return True
        return False


def _place(population: str, scope: ScopeKey) -> str:
    return " ".join((population, *scope))
