"""Who sees which reservation, and how much of it."""

from collections.abc import Iterable

from sfumato_accountant.catalog.access import may_audit
from sfumato_accountant.catalog.sharing import Sharing, sharing_of
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
        self._shared: dict[str, bool] = {}

    async def view(self, population: str, query: PaidQuery) -> View | None:
        """Return what the caller sees of a query; None: nothing, not even that it exists."""
        if not self._caller.user or self._caller.user == query.analyst:
            return View.WHOLE
        if await self.audits_population(population):
            return View.NO_ANSWER
        for dataset in query.datasets:
            if await self._audits_dataset(dataset):
                return View.NO_ANSWER
        return View.NO_ANSWER if query.project and await self._shares(query) else None

    async def names(self, population: str, datasets: Iterable[str]) -> frozenset[str] | None:
        """Return names of which every query of a population that the caller sees has one; None: it may see all.

        Args:
            population: populations/{population}.
            datasets: those that the caller may see at all.
        """
        if not self._caller.user or await self.audits_population(population):
            return None
        audited = [name for name in datasets if await self._audits_dataset(name)]
        return frozenset((self._caller.user, *self._caller.projects, *audited))

    async def _shares(self, query: PaidQuery) -> bool:
        """Return whether the caller belongs to the project that paid, and its members may know what others asked.

        They see question and price. The answer they get by asking, which pays what their own scopes have not paid.
        """
        key = f"{query.project} {' '.join(query.datasets)}"
        if key not in self._shared:
            project = await self._catalogue.project(query.project)
            member = project is not None and self._caller.user in project.members
            datasets = [await self._catalogue.dataset(name) for name in query.datasets] if member else []
            known = [dataset for dataset in datasets if dataset is not None]
            whole = bool(known) and len(known) == len(datasets)
            self._shared[key] = whole and sharing_of(known) >= Sharing.PROJECT
        return self._shared[key]

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
