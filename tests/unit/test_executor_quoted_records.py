"""Quotes come without schemas: the front puts in those of the published version, and nothing else."""

from dataclasses import dataclass, field

import pytest

from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP
from sfumato_executor.quoted_records import QuotedRecords
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord

NAME = "datasets/penguins"


def record(*, schema: bool = True, engine: str = "native", version: int = 3) -> DatasetRecord:
    made = DatasetRecord()
    made.population.name, made.population.accounting = "populations/palmer", ACCOUNTING_ZCDP
    for part in (made.dataset, made.published):
        part.name, part.version = NAME, version
        part.policy.engines.append(engine)
        if schema:
            part.schema.columns.add(name="mass").integer.upper = version
    return made


@dataclass
class Accountant:
    """The catalogue as it was at each version; its policy has changed since."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    async def dataset_record(self, name: str, version: int) -> DatasetRecord:
        self.asked.append((name, version))
        return record(engine="of long ago", version=version)


@pytest.fixture
def accountant() -> Accountant:
    return Accountant()


async def test_the_schema_of_the_quoted_version_is_put_in_and_read_once(accountant: Accountant) -> None:
    records = QuotedRecords(accountant)
    for _ in range(3):
        whole = await records.whole(record(schema=False))
        assert whole.published.schema.columns[0].integer.upper == 3
    assert accountant.asked == [(NAME, 3)]
    whole = await records.whole(record(schema=False, version=4))
    assert whole.published.schema.columns[0].integer.upper == 4


async def test_policy_and_population_are_those_of_the_quote(accountant: Accountant) -> None:
    records = QuotedRecords(accountant)
    assert (await records.whole(record(schema=False))).dataset.policy.engines == ["native"]
    changed = await records.whole(record(schema=False, engine="another"))
    assert changed.dataset.policy.engines == ["another"]
    assert changed.population.name == "populations/palmer"
    other = record(schema=False)
    other.population.name = "populations/other"
    assert (await records.whole(other)).population.name == "populations/other"


async def test_what_is_whole_or_not_published_is_left_alone(accountant: Accountant) -> None:
    records = QuotedRecords(accountant)
    whole = record()
    assert await records.whole(whole) is whole
    unpublished = record()
    unpublished.ClearField("published")
    assert await records.whole(unpublished) is unpublished
    assert not accountant.asked
