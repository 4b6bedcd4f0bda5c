"""Who sees which reservation, and how much of it."""

from sfumato_accountant.catalog.access import may_audit
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.fold import PaidQuery
from sfumato_accountant.ledger.reservations import View
from sfumato_mesh.caller import Caller


class Visibility:
    """Decides for one call; remembers what it read, so that a page asks once for each dataset."""

    def __init__(self, catalogue: Catalogue, caller: Caller) -> None:
        self._catalogue = catalogue
        self._caller = caller
        self._audited: dict[str, bool] = {}

    async def view(self, population: str, query: PaidQuery) -> View | None:
        """Return what the caller sees of a query; None: nothing, not even that it exists."""
        if not self._caller.user or self._caller.user == query.analyst:
            return View.WHOLE
        if await self.audits_population(population):
            return View.NO_ANSWER
        for dataset in query.datasets:
            if await self._audits_dataset(dataset):
                return View.NO_ANSWER
        return None

    async def audits_population(self, name: str) -> bool:
        """Return whether the caller reads all of a population: auditors, custodians, administrators."""
        if name not in self._audited:
            population = await self._catalogue.population(name)
            self._audited[name] = population is not None and may_audit(self._caller, population)
        return self._audited[name]

    async def _audits_dataset(self, name: str) -> bool:
        if name not in self._audited:
            dataset = await self._catalogue.dataset(name)
            self._audited[name] = dataset is not None and may_audit(self._caller, dataset)
        return self._audited[name]
