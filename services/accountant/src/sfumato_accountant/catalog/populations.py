"""Rules of populations."""

# ruff: noqa: ARG002  (not every right looks at the record)

from collections.abc import Callable
from typing import Protocol

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import (
    ACCOUNTING_UNSPECIFIED,
    ACCOUNTING_ZCDP,
    PRIVACY_UNIT_KIND_IDENTIFIER,
    PRIVACY_UNIT_KIND_ROW,
    Accounting,
    Population,
)
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.catalog.access import is_administrator, may_see_population
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.refusals import accounting_mismatch
from sfumato_accountant.catalog.rules import Rules
from sfumato_accountant.catalog.sight import VisibleDatasets
from sfumato_accountant.catalog.succession import SuccessionPlans
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import resource_exists, resource_in_use


class Chains(Protocol):
    """What the catalogue must know of the ledger."""

    async def create(self, population: Population) -> None:
        """Begin a population's chain, unless it has one."""
        ...

    async def is_behind(self, population: str) -> bool:
        """Whether the chain of populations/{population} does not contain its mark, as far as this server knows."""
        ...

    async def exists(self, population: str) -> bool:
        """Whether a population's chain was ever begun."""
        ...

    async def successors(self, population: str) -> tuple[str, ...]:
        """Populations that follow one whose chain has ended; empty: it is open."""
        ...

    def known_successors(self, population: str) -> tuple[str, ...]:
        """The same, as far as this server has read the chain."""
        ...


class PopulationRules(Rules[Population]):
    """Administrators manage populations; whoever may query one of its datasets reads it."""

    def __init__(
        self,
        populations: Collection[Population],
        datasets: Collection[Dataset],
        visible_datasets: VisibleDatasets,
        chains: Chains,
        plans: SuccessionPlans,
    ) -> None:
        super().__init__(populations)
        self._datasets = datasets
        self._visible_datasets = visible_datasets
        self._chains = chains
        self._plans = plans

    def may_create(self, caller: Caller, message: Population) -> bool:
        """Administrators."""
        return is_administrator(caller)

    def may_change(self, caller: Caller, message: Population) -> bool:
        """Administrators, of all or of this one."""
        return is_administrator(caller, message.name)

    async def sight(self, caller: Caller) -> Callable[[Population], bool]:
        """Whoever may query one of its datasets; auditors, custodians, administrators."""
        datasets = [] if is_administrator(caller) else await self._visible_datasets(caller)
        return lambda population: may_see_population(caller, population, datasets)

    async def shown(self, caller: Caller, entry: Entry[Population]) -> Population:
        """The record with its present state."""
        return await self.with_state(entry)

    async def with_state(self, entry: Entry[Population]) -> Population:
        """Return the record with its present state."""
        return await self._stating(entry, await self._chains.successors(entry.message.name))

    async def known(self, entry: Entry[Population]) -> Population:
        """The record with its state as far as this server knows it: for the way of every query. Nothing is read."""
        return await self._stating(entry, self._chains.known_successors(entry.message.name))

    async def _stating(self, entry: Entry[Population], successors: tuple[str, ...]) -> Population:
        shown = Population()
        shown.CopyFrom(entry.message)
        shown.successors[:] = successors
        shown.state = Population.STATE_CLOSED if successors else Population.STATE_ACTIVE
        if not successors and await self._chains.is_behind(shown.name):
            shown.state = Population.STATE_BEHIND
        return shown

    def normalise(self, message: Population) -> None:
        """Unset accounting is ZCDP."""
        if message.accounting == ACCOUNTING_UNSPECIFIED:
            message.accounting = ACCOUNTING_ZCDP

    async def check(self, message: Population) -> None:
        """Unit and identifier space must fit; the name be free; the accounting be one that is served."""
        self.refuse(_violations(message))
        if await self._plans.takes(message.name):
            raise resource_exists(message.name)
        if accounting_of(message.accounting) is None:
            name = Accounting.Name(message.accounting).removeprefix("ACCOUNTING_")
            raise accounting_mismatch(message.name, name)

    async def begin(self, message: Population) -> None:
        """Begin its chain."""
        await self._chains.create(message)

    async def check_unused(self, message: Population) -> None:
        """No dataset is about it."""
        async for entry in self._datasets.scan():
            if entry.message.population == message.name:
                raise resource_in_use(message.name, entry.message.name)


def _violations(population: Population) -> list[FieldViolation]:
    if population.unit == PRIVACY_UNIT_KIND_ROW:
        if population.identifier_space:
            return [FieldViolation("population.identifier_space", "empty where a row is a person")]
    elif population.unit == PRIVACY_UNIT_KIND_IDENTIFIER:
        if not population.identifier_space.strip():
            return [FieldViolation("population.identifier_space", "say what identifies a person: tail number")]
    else:
        return [FieldViolation("population.unit", "PRIVACY_UNIT_KIND_ROW or PRIVACY_UNIT_KIND_IDENTIFIER")]
    return []
