"""What the catalogue does when populations are merged or split: the plan that is carried out now, and its records.

One plan runs at a time in the whole mesh. Its record is replaced only by whoever knows the present one. A plan is first
proposed: from then on no dataset is registered in its sources and no population under its ids. Checked under that
protection, it is decided, or withdrawn. What is decided is finished, by whoever meets it: every step can be repeated.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.stores.ports import RecordStore, StoreUnavailable
from sfumato_mesh.clock import Clock
from sfumato_mesh.digests import sha256

_KIND: Final = "succession"
_ID: Final = "running"


@dataclass(frozen=True)
class Part:
    """A population that is to follow."""

    population: str
    """populations/{population}."""
    datasets: tuple[str, ...] | None
    """datasets/{dataset} that go to it; None: all of the sources."""


@dataclass(frozen=True)
class Plan:
    """A merge (several sources, one part) or a split (one source, several parts)."""

    sources: tuple[str, ...]
    """populations/{population} that end."""
    parts: tuple[Part, ...]
    user: str
    justification: str
    act: str
    """Hex of the salt that the request id is bound to."""

    @property
    def salt(self) -> bytes:
        """The act's salt."""
        return bytes.fromhex(self.act)

    @property
    def successors(self) -> tuple[str, ...]:
        """Populations that follow."""
        return tuple(part.population for part in self.parts)

    def part_of(self, dataset: str) -> Part | None:
        """Return the part that a dataset goes to; None: none takes it."""
        return next((part for part in self.parts if part.datasets is None or dataset in part.datasets), None)


@dataclass(frozen=True)
class Running:
    """The plan that is carried out now."""

    plan: Plan
    decided: bool
    etag: str


class SuccessionPlans:
    """The record of the plan that runs."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records

    async def running(self) -> Running | None:
        """Return the plan that runs; None: none does."""
        record = await self._records.get(_KIND, _ID)
        return None if record is None or not record.body else _read(record.body, record.etag)

    async def propose(self, plan: Plan) -> bool:
        """Put a plan where none runs; False: one does."""
        body = _body(plan, decided=False)
        record = await self._records.get(_KIND, _ID)
        if record is None:
            return await self._records.insert(_KIND, _ID, body, _etag("", body))
        if record.body:
            return False
        return await self._records.replace(_KIND, _ID, body, _etag(record.etag, body), record.etag)

    async def decide(self, running: Running) -> bool:
        """Decide a proposed plan; False: somebody did more with it meanwhile."""
        return await self._replace(running, _body(running.plan, decided=True))

    async def end(self, running: Running) -> bool:
        """Make room for the next plan: this one is finished, or withdrawn; False: somebody did more meanwhile."""
        return await self._replace(running, b"")

    async def successors(self, population: str) -> tuple[str, ...]:
        """Return the populations that are to follow one, if a plan that runs ends it; else nothing."""
        running = await self.running()
        return running.plan.successors if running is not None and population in running.plan.sources else ()

    async def takes(self, population: str) -> bool:
        """Return whether a plan that runs gives this name to a population."""
        running = await self.running()
        return running is not None and population in running.plan.successors

    async def _replace(self, running: Running, body: bytes) -> bool:
        return await self._records.replace(_KIND, _ID, body, _etag(running.etag, body), running.etag)


class Holdings:
    """Populations and datasets as a merge or split changes them, without the rules of administrators' changes."""

    def __init__(self, populations: Collection[Population], datasets: Collection[Dataset], clock: Clock) -> None:
        self._populations = populations
        self._datasets = datasets
        self._clock = clock

    async def population(self, name: str) -> Population | None:
        """Return a population that was not deleted."""
        entry = await self._populations.live(name)
        return None if entry is None else entry.message

    async def any_population(self, name: str) -> Population | None:
        """Return a population, be it deleted since."""
        entry = await self._populations.find(self._populations.kind.id_of(name))
        return None if entry is None else entry.message

    async def is_given(self, name: str) -> bool:
        """Return whether a population ever had this name."""
        return await self.any_population(name) is not None

    async def is_heir(self, name: str, plan: Plan) -> bool:
        """Return whether a plan put the record of a population, be it deleted since."""
        entry = await self._populations.find(self._populations.kind.id_of(name))
        return entry is not None and entry.attachment == plan.salt

    async def datasets(self, populations: Iterable[str]) -> list[Dataset]:
        """Return the datasets of populations, by name."""
        wanted = frozenset(populations)
        return [entry.message async for entry in self._datasets.scan() if entry.message.population in wanted]

    def heir(self, name: str, sources: Iterable[Population], justification: str) -> Population:
        """Return the record of a population that follows others of one unit, identifier space and accounting."""
        several = list(sources)
        first = several[0]
        heir = Population(
            name=name,
            display_name=first.display_name,
            description=f"Follows {', '.join(each.name for each in several)}: {justification}"[:4096],
            accounting=first.accounting,
            unit=first.unit,
            identifier_space=first.identifier_space,
        )
        now = self._clock.now()
        heir.create_time.FromDatetime(now)
        heir.update_time.FromDatetime(now)
        return heir

    async def found(self, population: Population, plan: Plan) -> None:
        """Put the record of a new population, unless the plan has put it before.

        Raises:
            StoreUnavailable: somebody began to register the name before the plan was proposed, and is to be refused.
        """
        record_id = self._populations.kind.id_of(population.name)
        inserted = await self._populations.insert(record_id, population, attachment=plan.salt)
        if inserted is None and not await self.is_heir(population.name, plan):
            raise StoreUnavailable(f"{population.name} is being registered")

    async def move(self, dataset: str, sources: Iterable[str], to: str) -> None:
        """Let a dataset belong to another population, if it is still of one of the sources.

        What is published stays so: the population of a version is that of the dataset.
        """
        while True:
            entry = await self._datasets.live(dataset)
            if entry is None or entry.message.population not in sources:
                return
            moved = Dataset()
            moved.CopyFrom(entry.message)
            moved.population = to
            moved.update_time.FromDatetime(self._clock.now())
            if await self._datasets.replace(entry, moved) is not None:
                return


def _body(plan: Plan, *, decided: bool) -> bytes:
    return json.dumps({"decided": decided, "plan": asdict(plan)}, sort_keys=True).encode()


def _read(body: bytes, etag: str) -> Running:
    fields: dict[str, Any] = json.loads(body)
    plan = fields["plan"]
    parts = tuple(
        Part(each["population"], None if each["datasets"] is None else tuple(each["datasets"]))
        for each in plan["parts"]
    )
    whole = Plan(tuple(plan["sources"]), parts, plan["user"], plan["justification"], plan["act"])
    return Running(whole, fields["decided"], etag)


def _etag(before: str, body: bytes) -> str:
    return sha256(before.encode() + b"\n" + body).hex()[:16]
