"""DelegateBudget and ReclaimBudget: analysts lend part of what is theirs, and take it back."""

from collections.abc import Iterable

from sfumato.v1 import budget_service_pb2 as pb
from sfumato.v1 import scope_pb2
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.accounting.accounting import Accounting, accounting_of
from sfumato_accountant.accounting.admission import accounting_mismatch
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.catalog.access import may_custody
from sfumato_accountant.handlers.budget_messages import budget_message, grant_message
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.delegating import Lend, Reclaim, amount_of, delegation_refused, lendable
from sfumato_accountant.ledger.fold import Fold
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import access_denied, request_invalid


class Delegation:
    """Lends and takes back. Lending opens no dataset: who was lent to must be able to query by their own roles."""

    def __init__(self, catalogue: Catalogue, chains: Chains, acts: Acts) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._acts = acts

    async def lend(self, caller: Caller, request: pb.DelegateBudgetRequest) -> pb.DelegateBudgetResponse:
        """Lend part of the caller's scope.

        Raises:
            Refusal: ACCESS_DENIED, REQUEST_INVALID, ACCOUNTING_MISMATCH, or what `Lend` says.
        """
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.DelegateBudgetResponse())
        if answered is not None:
            return answered
        population, accounting = await self._lendable(caller, request.scope)
        if not lendable(accounting, request.limit):
            raise accounting_mismatch(population.name, population.accounting, "limit")
        await self._check(caller, request)
        lender = ScopeKey.from_proto(request.scope)
        borrower = lender._replace(analyst=request.user)
        chain = self._chains.chain(population.name)
        await self._check_projects(request.user, lender, population.name, (await chain.refresh()).grants)
        act = await self._acts.bind(caller.user, request.request_id, request)
        member = Lend(population.name, accounting, lender, borrower, request.limit, caller.user, act.salt)
        await chain.decide(member)
        now = self._chains.now(population.name)
        response = pb.DelegateBudgetResponse(
            grant=grant_message(population.name, borrower, chain.fold),
            budget=budget_message(population.name, lender, chain.fold, accounting, now),
        )
        return await self._acts.answer(act, response)

    async def reclaim(self, caller: Caller, request: pb.ReclaimBudgetRequest) -> pb.ReclaimBudgetResponse:
        """Lower a lent grant to what is spent of it: for its lender, and for custodians.

        Raises:
            Refusal: ACCESS_DENIED, or what `Reclaim` says.
        """
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.ReclaimBudgetResponse())
        if answered is not None:
            return answered
        name = request.grant.partition("/grants/")[0]
        population = await self._catalogue.population(name)
        if population is None:
            raise access_denied(request.grant)
        chain = self._chains.chain(name)
        fold = await chain.refresh()
        scope = _scope_of(request.grant, name, fold)
        if scope is None or not (_lent(caller, scope, fold) or may_custody(caller, population)):
            raise access_denied(request.grant)
        act = await self._acts.bind(caller.user, request.request_id, request)
        before = amount_of(fold.grants[scope].limit)
        after = await chain.decide(Reclaim(name, scope, caller.user, act.salt))
        response = pb.ReclaimBudgetResponse(
            grant=grant_message(name, scope, chain.fold), reclaimed=_less(before, after).to_proto()
        )
        return await self._acts.answer(act, response)

    async def _lendable(self, caller: Caller, scope: scope_pb2.Scope) -> tuple[Population, Accounting]:
        """Return the population of the caller's own scope, of which they can still query a dataset."""
        population = await self._catalogue.population(scope.population)
        own = bool(caller.user) and scope.analyst == caller.user
        if population is None or not own or (scope.project and scope.project not in caller.projects):
            raise access_denied(scope.population)
        seen = await self._catalogue.visible_datasets(caller)
        if not any(each.population == population.name and scope.dataset in ("", each.name) for each in seen):
            raise access_denied(scope.population)
        accounting = accounting_of(population.accounting)
        if accounting is None:
            raise accounting_mismatch(population.name, population.accounting)
        return population, accounting

    async def _check_projects(self, user: str, lender: ScopeKey, population: str, granted: Iterable[ScopeKey]) -> None:
        """Refuse a borrower who spends by a project's grant: a loan would bind that too, unasked."""
        for name in sorted({scope.project for scope in granted if scope.project} - {lender.project}):
            project = await self._catalogue.project(name)
            if project is not None and user in project.members:
                raise delegation_refused(
                    lender.grant_name(population),
                    f"{user} has another grant in {population}, which a loan would bind",
                    "a custodian can raise it",
                )

    async def _check(self, caller: Caller, request: pb.DelegateBudgetRequest) -> None:
        limit = request.limit
        amounts = (limit.rho.rho_picos, limit.rho.delta_attos, limit.epsilon.epsilon_picos, limit.epsilon.delta_attos)
        wrong = []
        if not any(amounts):
            wrong.append(FieldViolation("limit", "more than nothing"))
        if request.user == caller.user:
            wrong.append(FieldViolation("user", "another user than the lender"))
        elif not await self._catalogue.user_exists(request.user):
            wrong.append(FieldViolation("user", "no user has this name"))
        if wrong:
            raise request_invalid("this cannot be lent", wrong)


def _scope_of(grant: str, population: str, fold: Fold) -> ScopeKey | None:
    return next((scope for scope in fold.grants if scope.grant_name(population) == grant), None)


def _lent(caller: Caller, scope: ScopeKey, fold: Fold) -> bool:
    parent = fold.grants[scope].parent
    return parent is not None and bool(caller.user) and parent.analyst == caller.user


def _less(before: Loss, after: Loss) -> Loss:
    return Loss(
        before.rho_picos - after.rho_picos,
        (before.epsilon_picos or 0) - (after.epsilon_picos or 0),
        before.delta_attos - after.delta_attos,
    )
