"""MergePopulations and SplitPopulation: requests, and carrying them out step by step.

Order of the steps of a decided plan: all sources are closed; each heir's chain begins, with the spends of the closed
ones, and what is carried of grants and freezes is appended to it; the heirs' records are put; datasets move. Before a
source is closed nothing has changed; behind that nothing is paid before all that was spent is counted in the heirs.
"""

from collections.abc import Iterable

from sfumato.v1 import population_admin_service_pb2 as pb
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.catalog.access import is_administrator
from sfumato_accountant.catalog.catalog import Catalog
from sfumato_accountant.catalog.succession import Part, Plan, Running
from sfumato_accountant.handlers.succession_rules import SuccessionRules
from sfumato_accountant.ledger.acts import Act, Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.succession import Carry, Close, Heir, head_of, part_salt
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied


class Succession:
    """For administrators of everything: it ends budgets and begins others."""

    def __init__(self, catalog: Catalog, chains: Chains, acts: Acts) -> None:
        self._catalog = catalog
        self._plans = catalog.plans
        self._holdings = catalog.holdings
        self._chains = chains
        self._acts = acts
        self._rules = SuccessionRules(catalog.holdings, chains)

    async def merge(self, request: pb.MergePopulationsRequest) -> pb.MergePopulationsResponse:
        """Merge populations.

        Raises:
            Refusal: ACCESS_DENIED or what `SuccessionRules` says.
        """
        caller = _administrator(request.sources)
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.MergePopulationsResponse())
        if answered is not None:
            return answered
        act = await self._acts.bind(caller.user, request.request_id, request)
        heir = f"populations/{request.population_id}"
        await self.carry_out(_plan(sorted(request.sources), [Part(heir, None)], caller, request.justification, act))
        return await self._acts.answer(act, pb.MergePopulationsResponse(population=await self._shown(heir)))

    async def split(self, request: pb.SplitPopulationRequest) -> pb.SplitPopulationResponse:
        """Split a population.

        Raises:
            Refusal: ACCESS_DENIED or what `SuccessionRules` says.
        """
        caller = _administrator([request.source])
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.SplitPopulationResponse())
        if answered is not None:
            return answered
        act = await self._acts.bind(caller.user, request.request_id, request)
        parts = [Part(f"populations/{each.population_id}", tuple(sorted(each.datasets))) for each in request.parts]
        await self.carry_out(_plan([request.source], parts, caller, request.justification, act))
        shown = [await self._shown(part.population) for part in parts]
        return await self._acts.answer(act, pb.SplitPopulationResponse(populations=shown))

    async def carry_out(self, plan: Plan) -> None:
        """Return once a plan is finished, by this call or by another; finish one that is in the way first.

        Raises:
            Refusal: what `SuccessionRules` says of this plan. Nothing has changed then.
        """
        while True:
            running = await self._plans.running()
            if running is None:
                if await self._is_finished(plan):
                    return
                await self._plans.propose(plan)
            elif running.plan.act == plan.act:
                await self._advance(running)
            else:
                try:
                    await self._advance(running)
                except Refusal as refusal:
                    if running.decided:
                        raise
                    del refusal  # that plan was withdrawn: whoever repeats its request is told so

    async def _advance(self, running: Running) -> None:
        """Bring a plan one stage further."""
        if running.decided:
            await self._finish(running.plan)
            await self._plans.end(running)
            return
        try:
            await self._rules.check(running.plan)
        except Refusal:
            await self._plans.end(running)
            raise
        await self._plans.decide(running)

    async def _is_finished(self, plan: Plan) -> bool:
        """Return whether the sources ended in favour of these parts, and no part has a dataset that the plan gives to
        another: a split with other parts is not the one that was carried out.
        """
        for source in plan.sources:
            if not await self._chains.exists(source) or await self._chains.successors(source) != plan.successors:
                return False
        for dataset in await self._holdings.datasets(plan.successors):
            to = plan.part_of(dataset.name)
            if to is not None and to.population != dataset.population:
                return False
        return True

    async def _finish(self, plan: Plan) -> None:
        for source in plan.sources:
            close = Close(source, plan.successors, plan.user, part_salt(plan.salt, "closed", source))
            await self._chains.chain(source).decide(close)
        sources = [each for name in plan.sources if (each := await self._holdings.any_population(name)) is not None]
        for part in plan.parts:
            if not await self._holdings.is_heir(part.population, plan):
                await self._begin(plan, part, self._holdings.heir(part.population, sources, plan.justification))
        for dataset in await self._holdings.datasets(plan.sources):
            to = plan.part_of(dataset.name)
            if to is not None:
                await self._holdings.move(dataset.name, plan.sources, to.population)

    async def _begin(self, plan: Plan, part: Part, record: Population) -> None:
        """Begin an heir's chain, carry what is carried, and only then put its record: nobody can pay before."""
        folds = [await self._chains.chain(source).refresh() for source in plan.sources]
        datasets = None if part.datasets is None else frozenset(part.datasets)
        heir = Heir(part.population, datasets, plan.user, plan.justification, plan.salt)
        heads = [head_of(source, fold) for source, fold in zip(plan.sources, folds, strict=True)]
        await self._chains.create(record, predecessors=heads, spent=heir.carried(folds))
        chain = self._chains.chain(part.population)
        for event in heir.events(folds, grants=part.datasets is not None):
            await chain.decide(Carry(event))
        await self._holdings.found(record, plan)

    async def _shown(self, name: str) -> Population:
        """Return an heir, or what is left of it: an administrator may have deleted it since."""
        shown = await self._catalog.shown_population(name)
        return Population(name=name) if shown is None else shown


def _administrator(sources: Iterable[str]) -> Caller:
    caller = current_caller()
    if not is_administrator(caller):
        raise access_denied(min(sources))
    return caller


def _plan(sources: Iterable[str], parts: Iterable[Part], caller: Caller, justification: str, act: Act) -> Plan:
    return Plan(tuple(sources), tuple(parts), caller.user, justification, act.salt.hex())
