"""Rules of datasets."""

from collections.abc import Callable, Iterator
from typing import Final

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato.v1.project_pb2 import Project
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.accounting.admission import accounting_mismatch
from sfumato_accountant.catalog.access import may_custody, may_see_dataset
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.populations import Chains
from sfumato_accountant.catalog.publication import published_of
from sfumato_accountant.catalog.refusals import engine_not_allowed, unit_mismatch
from sfumato_accountant.catalog.rules import Rules
from sfumato_accountant.catalog.schemas import ROWS_DEFAULT, schema_violations, unit_violations
from sfumato_accountant.catalog.sight import VisibleDatasets
from sfumato_accountant.catalog.succession import SuccessionPlans
from sfumato_accountant.ledger.succession import population_closed
from sfumato_mesh.caller import Caller
from sfumato_mesh.engine_names import LIBRARIES, NATIVE
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import resource_in_use

ENGINES: Final = (NATIVE, *sorted(LIBRARIES))
"""Engines that this version of the mesh has."""


class DatasetRules(Rules[Dataset]):
    """Custodians and administrators manage datasets; whoever may query one reads what is public of it."""

    def __init__(
        self,
        datasets: Collection[Dataset],
        populations: Collection[Population],
        projects: Collection[Project],
        visible_datasets: VisibleDatasets,
        chains: Chains,
        plans: SuccessionPlans,
    ) -> None:
        super().__init__(datasets)
        self._chains = chains
        self._plans = plans
        self._populations = populations
        self._projects = projects
        self._visible_datasets = visible_datasets

    def may_create(self, caller: Caller, message: Dataset) -> bool:
        """Administrators, and custodians of its population.

        What the new record says of itself, its name and custodians, gives nobody a right.
        """
        return may_custody(caller, Population(name=message.population))

    def may_change(self, caller: Caller, message: Dataset) -> bool:
        """Its custodians and administrators."""
        return may_custody(caller, message)

    async def sight(self, caller: Caller) -> Callable[[Dataset], bool]:
        """Whoever may query it, alone or through a project; its custodians and administrators."""
        projects = await self._visible_datasets.projects_of(caller)
        return lambda dataset: may_see_dataset(caller, dataset, projects)

    async def shown(self, caller: Caller, entry: Entry[Dataset]) -> Dataset:
        """The record; to analysts without source and custodians, and with the schema that queries meet now."""
        if may_custody(caller, entry.message):
            return entry.message
        shown = Dataset()
        shown.CopyFrom(entry.message)
        shown.ClearField("source")
        shown.ClearField("custodians")
        published = published_of(entry)
        if published is not None:
            shown.schema.CopyFrom(published.published.schema)
            shown.privacy_unit.CopyFrom(published.published.privacy_unit)
        return shown

    def normalise(self, message: Dataset) -> None:
        """An unset capacity is 2^36 rows."""
        if message.HasField("schema") and message.schema.max_rows == 0:
            message.schema.max_rows = ROWS_DEFAULT

    async def check(self, message: Dataset) -> None:
        """Complete; a sane schema; a unit as the population's, which is open; engines that exist."""
        self.refuse(_missing(message))
        self.refuse(_violations(message))
        for index, engine in enumerate(message.policy.engines):
            if engine not in ENGINES:
                raise engine_not_allowed(engine, index, ENGINES)
        await self._check_open(message.population)
        population = await self._populations.live(message.population)
        if population is None:
            self.refuse([FieldViolation("dataset.population", f"{message.population} is not registered")])
        elif (population.message.unit == PRIVACY_UNIT_KIND_ROW) != (message.privacy_unit.column == ""):
            by_row = population.message.unit == PRIVACY_UNIT_KIND_ROW
            raise unit_mismatch(message.name, message.population, by_row=by_row)
        else:
            _check_max_charge(message, population.message)

    async def _check_open(self, population: str) -> None:
        """The population was not merged or split, and is not being so. Raises Refusal POPULATION_CLOSED."""
        following = await self._plans.successors(population)
        if not following and await self._chains.exists(population):
            following = await self._chains.successors(population)
        if following:
            raise population_closed(population, following)

    async def check_unused(self, message: Dataset) -> None:
        """No project lists it."""
        async for entry in self._projects.scan():
            if message.name in entry.message.datasets:
                raise resource_in_use(message.name, entry.message.name)


def _check_max_charge(dataset: Dataset, population: Population) -> None:
    """The most that one query may cost is said in what the population adds up. Raises Refusal ACCOUNTING_MISMATCH."""
    accounting = accounting_of(population.accounting)
    if accounting is None or not dataset.policy.HasField("max_charge"):
        return
    if not accounting.takes_limit(dataset.policy.max_charge):
        raise accounting_mismatch(population.name, population.accounting, "dataset.policy.max_charge")


def _missing(dataset: Dataset) -> Iterator[FieldViolation]:
    if not dataset.population:
        yield FieldViolation("dataset.population", "name the population that the dataset is about")
    for field in ("privacy_unit", "schema", "source"):
        if not dataset.HasField(field):
            yield FieldViolation(f"dataset.{field}", "a dataset needs it")


def _violations(dataset: Dataset) -> Iterator[FieldViolation]:
    yield from schema_violations(dataset.schema, "dataset.schema")
    yield from unit_violations(dataset.privacy_unit, dataset.schema, "dataset.privacy_unit")
    s3 = dataset.source.s3
    if s3.object_version and "*" in s3.key:
        yield FieldViolation("dataset.source.s3.object_version", "only a single key has a version")
