"""CatalogService on every record store: records for queries, preparations and the versions they make."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1.dataset_pb2 import Dataset, DatasetVersion
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project
from sfumato.v1.schema_pb2 import Column, DatasetSchema, TextType
from sfumato.v1.source_pb2 import PathSource, Source
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import catalog_service_pb2 as pb
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from tests.contract.catalog_scene import (
    ADMINISTRATOR,
    ANALYST,
    CUSTODIAN,
    FLIGHTS,
    MEMBER,
    STORES,
    STRANGER,
    Scene,
    opened_records,
    refused,
)

WORKER = Caller(service="executor", user="")
NAME = "datasets/flights"
READY, REFUSED, CANCELLED = Preparation.STATE_READY, Preparation.STATE_REFUSED, Preparation.STATE_CANCELLED
NARROW = DatasetSchema(columns=[Column(name="tailnum", text=TextType())])


class Crash(Exception):  # noqa: N818  (it stands for kill -9)
    """The process ends here."""


class CrashingStore:
    """A record store whose process dies at one of its writes, before or after it."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self.writes_left = -1
        self.writes = 0
        self.is_written = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._records, name)
        if name not in ("insert", "replace", "delete"):
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            if self.writes_left == 0:
                if self.is_written:
                    await method(*args, **kwargs)
                raise Crash
            self.writes_left -= 1
            return await method(*args, **kwargs)

        return write


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CrashingStore]:
    async with opened_records(request.param, tmp_path) as records:
        yield CrashingStore(records)


@pytest.fixture
async def scene(store: CrashingStore) -> Scene:
    scene = Scene(store)
    await scene.population()
    await scene.dataset()
    return scene


async def ask(scene: Scene, preparation_id: str = "", *, dry: bool = False, caller: Caller = CUSTODIAN) -> Preparation:
    request = pb.CreatePreparationRequest(
        dataset=NAME, preparation_id=preparation_id or str(uuid.uuid4()), validate_only=dry
    )
    with calling_as(caller):
        return (await scene.services.catalog.CreatePreparation(request, None)).preparation


async def end(
    scene: Scene,
    preparation: Preparation,
    state: "Preparation.State" = READY,
    *problems: str,
    caller: Caller = WORKER,
) -> Preparation:
    request = pb.EndPreparationRequest(preparation_id=preparation.preparation_id, state=state, problems=problems)
    with calling_as(caller):
        return (await scene.services.catalog.EndPreparation(request, None)).preparation


async def publish(scene: Scene) -> Preparation:
    return await end(scene, await ask(scene))


async def listed(scene: Scene, caller: Caller, size: int = 0, token: str = "") -> pb.ListPreparationsResponse:
    with calling_as(caller):
        return await scene.services.catalog.ListPreparations(
            pb.ListPreparationsRequest(page_size=size, page_token=token), None
        )


async def record(scene: Scene, caller: Caller = WORKER, version: int = 0, project: str = "") -> DatasetRecord:
    request = pb.GetDatasetRecordRequest(name=NAME, version=version, project=project)
    with calling_as(caller):
        return (await scene.services.catalog.GetDatasetRecord(request, None)).record


async def versions(scene: Scene, size: int = 0, token: str = "") -> dataset_pb.ListDatasetVersionsResponse:
    request = dataset_pb.ListDatasetVersionsRequest(parent=NAME, page_size=size, page_token=token)
    with calling_as(CUSTODIAN):
        return await scene.services.datasets.ListDatasetVersions(request, None)


async def numbers(scene: Scene) -> list[str]:
    return [version.name.rpartition("/")[2] for version in (await versions(scene)).dataset_versions]


async def test_a_ready_preparation_is_the_next_version(scene: Scene) -> None:
    assert not (await record(scene)).HasField("published")
    for number in (1, 2):
        preparation = await ask(scene)
        assert preparation.state == Preparation.STATE_OPEN
        assert preparation.dataset.source == FLIGHTS.source
        ended = await end(scene, preparation, READY, "3 rows had no tailnum")
        assert ended.state == READY
        assert ended.dataset_version.name == f"{NAME}/versions/{number}"
        assert ended.dataset_version.state == DatasetVersion.STATE_ACTIVE
        assert list(ended.problems) == ["3 rows had no tailnum"]
        present = await record(scene)
        assert present.dataset.version == present.published.version == number
        assert present.preparation_id == preparation.preparation_id
    found = (await versions(scene)).dataset_versions
    assert [version.name for version in found] == [f"{NAME}/versions/2", f"{NAME}/versions/1"]
    assert [version.state for version in found] == [DatasetVersion.STATE_ACTIVE, DatasetVersion.STATE_RETIRED]
    assert all(list(version.problems) == ["3 rows had no tailnum"] for version in found)
    assert found[0].publish_time.seconds > found[1].publish_time.seconds > 0
    with calling_as(ANALYST):
        await refused(
            "ACCESS_DENIED",
            scene.services.datasets.ListDatasetVersions(dataset_pb.ListDatasetVersionsRequest(parent=NAME), None),
        )


async def test_versions_come_in_pages(scene: Scene) -> None:
    for _ in range(5):
        await publish(scene)
    found: list[str] = []
    token = ""
    while True:
        page = await versions(scene, 2, token)
        found += [version.name.rpartition("/")[2] for version in page.dataset_versions]
        token = page.next_page_token
        if not token:
            break
    assert found == ["5", "4", "3", "2", "1"]


async def test_every_version_keeps_its_snapshot(scene: Scene) -> None:
    await publish(scene)
    await scene.update(Dataset(name=NAME, schema=NARROW, policy=Policy(engines=["native"])))
    before = await record(scene)
    assert before.dataset.schema.columns == NARROW.columns
    assert before.published.schema.columns == FLIGHTS.schema.columns
    assert (await scene.see(ANALYST)).schema.columns == FLIGHTS.schema.columns
    assert (await scene.see(CUSTODIAN)).schema.columns == NARROW.columns
    await publish(scene)
    first, second = await record(scene, version=1), await record(scene, version=2)
    assert first.published.schema.columns == FLIGHTS.schema.columns
    assert not first.published.policy.engines
    assert first.preparation_id == before.preparation_id != second.preparation_id
    assert first.dataset == second.dataset
    assert first.dataset.version == 2
    assert second.published.schema.columns == NARROW.columns
    assert first.published.source == FLIGHTS.source
    await refused("DATASET_NOT_PUBLISHED", record(scene, version=3))


async def test_data_of_another_definition_are_not_published(scene: Scene) -> None:
    changes = [
        Dataset(name=NAME, schema=NARROW),
        Dataset(name=NAME, source=Source(path=PathSource(path="other.csv"))),
    ]
    for change in changes:
        preparation = await ask(scene)
        await scene.update(change)
        ended = await end(scene, preparation, READY, "mended")
        assert ended.state == REFUSED
        assert "changed" in ended.problems[0]
        assert list(ended.problems[1:]) == ["mended"]
        assert not ended.HasField("dataset_version")
    preparation = await ask(scene)
    await scene.update(Dataset(name=NAME, description="words do not matter", policy=Policy(engines=["native"])))
    assert (await end(scene, preparation)).dataset_version.name == f"{NAME}/versions/1"


async def test_data_of_a_deleted_dataset_are_not_published(scene: Scene) -> None:
    await publish(scene)
    preparation = await ask(scene)
    with calling_as(ADMINISTRATOR):
        await scene.services.datasets.DeleteDataset(dataset_pb.DeleteDatasetRequest(name=NAME), None)
    ended = await end(scene, preparation)
    assert ended.state == REFUSED
    assert "deleted" in ended.problems[0]
    assert (await record(scene, version=1)).published.version == 1  # open queries and releases go on
    await refused("ACCESS_DENIED", record(scene, ANALYST))
    await refused("ACCESS_DENIED", ask(scene))


async def test_a_check_publishes_nothing(scene: Scene) -> None:
    ended = await end(scene, await ask(scene, dry=True), READY, "a problem")
    assert ended.state == READY
    assert ended.dataset_version.state == DatasetVersion.STATE_CHECKED
    assert ended.dataset_version.name == ""
    assert list(ended.dataset_version.problems) == ["a problem"]
    assert (await record(scene)).dataset.version == 0
    assert await numbers(scene) == []


async def test_a_preparation_is_put_if_absent(scene: Scene) -> None:
    first = await ask(scene)
    assert await ask(scene, first.preparation_id) == first
    ended = await end(scene, first)
    assert await ask(scene, first.preparation_id) == ended
    await refused("REQUEST_ID_REUSED", ask(scene, first.preparation_id, dry=True))
    await refused("ACCESS_DENIED", ask(scene, first.preparation_id, caller=ADMINISTRATOR))
    with calling_as(CUSTODIAN):
        forget = pb.DeletePreparationRequest(preparation_id=first.preparation_id)
        await scene.services.catalog.DeletePreparation(forget, None)
        get = pb.GetPreparationRequest(preparation_id=first.preparation_id)
        await refused("ACCESS_DENIED", scene.services.catalog.GetPreparation(get, None))
    assert await ask(scene, first.preparation_id) == ended
    assert await numbers(scene) == ["1"]
    assert list((await versions(scene)).dataset_versions[0].problems) == list(ended.problems)


async def test_the_first_end_wins(scene: Scene) -> None:
    for states in ((READY, REFUSED), (CANCELLED, READY), (REFUSED, CANCELLED)):
        preparation = await ask(scene)
        first = await end(scene, preparation, states[0], "first")
        assert first.state == states[0]
        assert await end(scene, preparation, states[1], "second") == first
    assert await numbers(scene) == ["1"]


async def test_ends_at_the_same_time_agree(scene: Scene) -> None:
    for _ in range(5):
        preparation = await ask(scene)
        states = [READY, CANCELLED, READY, REFUSED, READY]
        ended = await asyncio.gather(*(end(scene, preparation, state) for state in states))
        assert all(each == ended[0] for each in ended)
    published = (await record(scene)).dataset.version
    assert await numbers(scene) == [str(number) for number in range(published, 0, -1)]


async def test_publications_at_the_same_time_get_a_number_each(scene: Scene) -> None:
    preparations = [await ask(scene) for _ in range(6)]
    ended = await asyncio.gather(*(end(scene, preparation) for preparation in preparations))
    names = sorted(each.dataset_version.name for each in ended)
    assert names == [f"{NAME}/versions/{number}" for number in range(1, 7)]
    for each in ended:
        number = int(each.dataset_version.name.rpartition("/")[2])
        assert (await record(scene, version=number)).preparation_id == each.preparation_id


async def test_publication_and_update_at_the_same_time_both_hold(scene: Scene) -> None:
    for round_ in range(5):
        preparation = await ask(scene)
        update = scene.update(Dataset(name=NAME, description=f"round {round_}"))
        await asyncio.gather(end(scene, preparation), update)
        present = (await record(scene)).dataset
        assert (present.version, present.description) == (round_ + 1, f"round {round_}")


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_crash_at_any_write_loses_no_version_and_repeats_none(
    scene: Scene, store: CrashingStore, is_written: bool
) -> None:
    await publish(scene)
    store.is_written = is_written
    for crash_at in range(8):
        preparation = await ask(scene)
        before = (await record(scene)).dataset.version
        store.writes_left = crash_at
        with contextlib.suppress(Crash):
            await end(scene, preparation, READY, "mended")
        store.writes_left = -1
        if crash_at % 2:  # another publication finds what the crash left
            await publish(scene)
        ended = await end(scene, preparation, READY, "mended")
        assert ended.state == READY
        assert list(ended.problems) == ["mended"]
        after = (await record(scene)).dataset.version
        assert after == before + 1 + crash_at % 2
        assert await numbers(scene) == [str(number) for number in range(after, 0, -1)]
        number = int(ended.dataset_version.name.rpartition("/")[2])
        assert (await record(scene, version=number)).preparation_id == preparation.preparation_id
    assert not (await listed(scene, WORKER)).preparations


async def test_a_crash_while_asking_leaves_nothing_in_the_way(scene: Scene, store: CrashingStore) -> None:
    for crash_at in range(2):
        for store.is_written in (False, True):
            preparation_id = str(uuid.uuid4())
            store.writes_left = crash_at
            with pytest.raises(Crash):
                await ask(scene, preparation_id)
            store.writes_left = -1
            await listed(scene, WORKER)
            preparation = await ask(scene, preparation_id)
            found = (await listed(scene, WORKER)).preparations
            assert [each.preparation_id for each in found] == [preparation_id]
            await end(scene, preparation, REFUSED)


async def test_lists_of_preparations(scene: Scene) -> None:
    first, second, third = [await ask(scene) for _ in range(3)]
    await ask(scene, caller=ADMINISTRATOR)
    await end(scene, second, REFUSED)
    own = await listed(scene, CUSTODIAN, 2)
    assert [each.preparation_id for each in own.preparations] == [third.preparation_id, second.preparation_id]
    rest = await listed(scene, CUSTODIAN, 2, own.next_page_token)
    assert [each.preparation_id for each in rest.preparations] == [first.preparation_id]
    assert rest.next_page_token == ""
    await refused("PAGE_TOKEN_INVALID", listed(scene, ADMINISTRATOR, 2, own.next_page_token))
    page = await listed(scene, WORKER, 1)
    opened = [page.preparations[0].preparation_id]
    page = await listed(scene, WORKER, 2, page.next_page_token)
    opened += [each.preparation_id for each in page.preparations]
    assert opened[:2] == [first.preparation_id, third.preparation_id]
    assert len(opened) == 3


async def test_preparations_are_the_business_of_who_asked_and_of_the_mesh(scene: Scene) -> None:
    for caller in (ANALYST, STRANGER, MEMBER):
        await refused("ACCESS_DENIED", ask(scene, caller=caller))
    preparation = await ask(scene)
    get = pb.GetPreparationRequest(preparation_id=preparation.preparation_id)
    unknown = pb.GetPreparationRequest(preparation_id=str(uuid.uuid4()))
    with calling_as(ADMINISTRATOR):
        await refused("ACCESS_DENIED", scene.services.catalog.GetPreparation(get, None))
    with calling_as(WORKER):
        assert (await scene.services.catalog.GetPreparation(get, None)).preparation == preparation
        await refused("PREPARATION_UNKNOWN", scene.services.catalog.GetPreparation(unknown, None))
    for caller in (CUSTODIAN, Caller(service="gateway", user="")):
        await refused("ACCESS_DENIED", end(scene, preparation, READY, caller=caller))
    await refused("ACCESS_DENIED", end(scene, preparation, CANCELLED, caller=ADMINISTRATOR))
    with calling_as(CUSTODIAN):
        forget = pb.DeletePreparationRequest(preparation_id=preparation.preparation_id)
        await refused("ACCESS_DENIED", scene.services.catalog.DeletePreparation(forget, None))
    assert (await end(scene, preparation, CANCELLED, caller=CUSTODIAN)).state == CANCELLED


async def test_a_record_is_for_whoever_may_query_it(scene: Scene) -> None:
    await scene.project("delays", Project(members=["users/bob"], datasets=[NAME]))
    scene.chains.behind.add("populations/aircraft")
    found = await record(scene, ANALYST)
    assert found.dataset.source == FLIGHTS.source
    assert found.population.state == Population.STATE_BEHIND
    assert (await record(scene, MEMBER, project="projects/delays")).dataset == found.dataset
    await refused("ACCESS_DENIED", record(scene, MEMBER))
    await refused("ACCESS_DENIED", record(scene, ANALYST, project="projects/delays"))
    await refused("ACCESS_DENIED", record(scene, ANALYST, project="projects/none"))
    await refused("ACCESS_DENIED", record(scene, CUSTODIAN))
    with calling_as(ADMINISTRATOR):
        remove = project_pb.UpdateProjectRequest(project=Project(name="projects/delays"))
        remove.update_mask.paths.append("members")
        await scene.services.projects.UpdateProject(remove, None)
    await refused("ACCESS_DENIED", record(scene, MEMBER, project="projects/delays"))
