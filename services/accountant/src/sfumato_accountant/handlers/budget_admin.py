"""BudgetAdminService: custodians set limits and stop spending. Every change is an entry of the chain."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sfumato.v1 import budget_admin_service_pb2 as pb
from sfumato.v1 import budget_admin_service_pb2_grpc, budget_service_pb2, grant_pb2, scope_pb2
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.accounting.accounting import Accounting, accounting_of
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.catalog.access import may_audit, may_custody
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_accountant.handlers.budget_messages import budget_message, grant_message
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.handlers.pricing import accounting_mismatch
from sfumato_accountant.handlers.withholding import Withholding
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.decisions import Settled
from sfumato_accountant.ledger.events import event_payload, read_event
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.limits import SetFrozen, SetLimit
from sfumato_accountant.ledger.windows import Window
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import access_denied, request_invalid
from sfumato_mesh.server import ServerLike

_R = TypeVar("_R", pb.FreezeBudgetResponse, pb.UnfreezeBudgetResponse)

_ALL: Final = "populations/-"
_SHORTEST: Final = timedelta(hours=1)
_LONGEST: Final = timedelta(days=3660)


class BudgetAdminHandlers(budget_admin_service_pb2_grpc.BudgetAdminServiceServicer):
    """Sets limits, stops and resumes spending."""

    def __init__(self, catalogue: Catalogue, chains: Chains, acts: Acts) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._acts = acts
        self._withholding = Withholding(catalogue, chains, acts)

    def register(self, server: ServerLike) -> None:
        """Serve BudgetAdminService."""
        budget_admin_service_pb2_grpc.add_BudgetAdminServiceServicer_to_server(self, server)

    async def GrantBudget(self, request: pb.GrantBudgetRequest, context: Any) -> pb.GrantBudgetResponse:
        """Set the limit of a scope."""
        caller = current_caller()
        population, accounting = await self._custodied(caller, request.scope)
        if not request.validate_only:
            answered = await self._acts.answered(caller.user, request.request_id, request, pb.GrantBudgetResponse())
            if answered is not None:
                return answered
        await self._require_existing(request.scope)
        if not accounting.takes_limit(request.limit):
            raise accounting_mismatch(population)
        window = window_of(request, population, accounting)
        scope = ScopeKey.from_proto(request.scope)
        member = SetLimit(
            population=population.name,
            scope=scope,
            limit=request.limit,
            justification=request.justification,
            user=caller.user,
            etag=request.etag,
            salt=bytes(16),
            window=window,
        )
        chain = self._chains.chain(population.name)
        await chain.refresh()
        now = self._chains.now(population.name)
        before = _budget_if_granted(population.name, scope, chain.fold, accounting, now)
        if request.validate_only:
            return _rehearsed(chain, member, before, accounting, now)
        act = await self._acts.bind(caller.user, request.request_id, request)
        await chain.decide(replace(member, salt=act.salt))
        after = budget_message(population.name, scope, chain.fold, accounting, self._chains.now(population.name))
        response = pb.GrantBudgetResponse(grant=after.grant, before=before, after=after)
        return await self._acts.answer(act, response)

    async def GetGrant(self, request: pb.GetGrantRequest, context: Any) -> pb.GetGrantResponse:
        """Return one grant."""
        name = request.name.partition("/grants/")[0]
        population = await self._catalogue.population(name)
        if population is None or not may_audit(current_caller(), population):
            raise access_denied(request.name)
        fold = await self._chains.chain(name).refresh()
        for scope in fold.grants:
            if scope.grant_name(name) == request.name:
                return pb.GetGrantResponse(grant=grant_message(name, scope, fold))
        raise access_denied(request.name)

    async def ListGrants(self, request: pb.ListGrantsRequest, context: Any) -> pb.ListGrantsResponse:
        """List the grants of a population, or of all that the caller may see."""
        caller = current_caller()
        conditions = f"grants {caller.user} {request.parent}"
        start = page_start(conditions, request.page_token)
        grants: list[grant_pb2.Grant] = []
        for name in await self._chains.populations() if request.parent == _ALL else [request.parent]:
            population = await self._catalogue.population(name)
            if population is not None and may_audit(caller, population):
                fold = await self._chains.chain(name).refresh()
                if request.parent != _ALL or not fold.closed:
                    grants += [grant_message(name, scope, fold) for scope in fold.grants]
            elif request.parent != _ALL:
                raise access_denied(name)
        grants = sorted((each for each in grants if each.name > start), key=lambda each: each.name)
        size = page_size(request.page_size)
        page = grants[:size]
        token = page_token(conditions, page[-1].name) if len(grants) > size else ""
        return pb.ListGrantsResponse(grants=page, next_page_token=token)

    async def FreezeBudget(self, request: pb.FreezeBudgetRequest, context: Any) -> pb.FreezeBudgetResponse:
        """Stop paying from a scope."""
        return await self._freeze(request, pb.FreezeBudgetResponse(), frozen=True)

    async def UnfreezeBudget(self, request: pb.UnfreezeBudgetRequest, context: Any) -> pb.UnfreezeBudgetResponse:
        """Let a scope spend again."""
        return await self._freeze(request, pb.UnfreezeBudgetResponse(), frozen=False)

    async def WithholdRelease(self, request: pb.WithholdReleaseRequest, context: Any) -> pb.WithholdReleaseResponse:
        """Stop reading of a release, or let it go on."""
        return await self._withholding.withhold(current_caller(), request)

    async def _freeze(
        self, request: pb.FreezeBudgetRequest | pb.UnfreezeBudgetRequest, response: _R, *, frozen: bool
    ) -> _R:
        caller = current_caller()
        population, accounting = await self._custodied(caller, request.scope)
        answered = await self._acts.answered(caller.user, request.request_id, request, response)
        if answered is not None:
            return answered
        await self._require_existing(request.scope)
        act = await self._acts.bind(caller.user, request.request_id, request)
        chain = self._chains.chain(population.name)
        scope = ScopeKey.from_proto(request.scope)
        await chain.decide(SetFrozen(population.name, scope, frozen, request.justification, caller.user, act.salt))
        now = self._chains.now(population.name)
        response.budget.CopyFrom(budget_message(population.name, scope, chain.fold, accounting, now))
        return await self._acts.answer(act, response)

    async def _custodied(self, caller: Caller, scope: scope_pb2.Scope) -> tuple[Population, Accounting]:
        """Return a population whose limits the caller decides about, and its accounting."""
        population = await self._catalogue.population(scope.population)
        if population is None or not may_custody(caller, population):
            raise access_denied(scope.population)
        accounting = accounting_of(population.accounting)
        if accounting is None:
            raise accounting_mismatch(population)
        return population, accounting

    async def _require_existing(self, scope: scope_pb2.Scope) -> None:
        """Check that the parts of a scope exist: a limit for a misspelt name would protect nobody."""
        missing = []
        if scope.dataset:
            dataset = await self._catalogue.dataset(scope.dataset)
            if dataset is None or dataset.population != scope.population:
                missing.append(FieldViolation("scope.dataset", f"no dataset about {scope.population} has this name"))
        if scope.project and await self._catalogue.project(scope.project) is None:
            missing.append(FieldViolation("scope.project", "no project has this name"))
        if scope.analyst and not await self._catalogue.user_exists(scope.analyst):
            missing.append(FieldViolation("scope.analyst", "no user has this name"))
        if missing:
            raise request_invalid("the scope names what does not exist", missing)


def window_of(request: pb.GrantBudgetRequest, population: Population, accounting: Accounting) -> Window | None:
    """Return the window that a request asks for; None: none.

    Raises:
        Refusal: REQUEST_INVALID, or ACCOUNTING_MISMATCH.
    """
    if not request.HasField("window"):
        return None
    if not accounting.takes_limit(request.window.limit):
        raise accounting_mismatch(population)
    try:
        window = Window.from_proto(request.window)
        window.around(window.anchor)
    except (ValueError, OverflowError):
        window = None
    if window is None or not _SHORTEST <= window.length <= _LONGEST:
        rule = f"a length from an hour to {_LONGEST.days} days, and an anchor_time near to now"
        raise request_invalid("this is no window", [FieldViolation("window", rule)])
    return window


def _budget_if_granted(
    population: str, scope: ScopeKey, fold: Fold, accounting: Accounting, at: datetime
) -> budget_service_pb2.Budget | None:
    return budget_message(population, scope, fold, accounting, at) if scope in fold.grants else None


def _rehearsed(
    chain: Chain, member: SetLimit, before: budget_service_pb2.Budget | None, accounting: Accounting, at: datetime
) -> pb.GrantBudgetResponse:
    """Return what a grant would come to. Nothing is written."""
    fold = chain.fold
    outcome = member.decide(fold, at)
    with fold.tentative():
        if not isinstance(outcome, Settled):
            apply(fold, read_event(event_payload(outcome.event)), {}, fold.head.sequence + 1, at)
        after = budget_message(member.population, member.scope, fold, accounting, at)
    return pb.GrantBudgetResponse(grant=after.grant, before=before, after=after)
