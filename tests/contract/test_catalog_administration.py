"""The catalogue's datasets and populations on every record store: registration, changes, lists, rights, refusals."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sfumato.v1 import dataset_admin_service_pb2 as dataset_pb
from sfumato.v1 import dataset_service_pb2 as view_pb
from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.population_pb2 import (
    ACCOUNTING_BASIC,
    ACCOUNTING_ZCDP,
    PRIVACY_UNIT_KIND_IDENTIFIER,
    PRIVACY_UNIT_KIND_ROW,
    Population,
)
from sfumato.v1.project_pb2 import Project
from sfumato.v1.schema_pb2 import Column, DatasetSchema, IntegerType
from sfumato.v1.source_pb2 import PathSource, S3Source, Source
from sfumato.v1.user_pb2 import ROLE_ANALYST, User
from sfumato_mesh.caller import Caller, calling_as
from tests.contract.catalog_scene import (
    ADMINISTRATOR,
    AIRCRAFT,
    ANALYST,
    CUSTODIAN,
    CUSTODIAN_OF_POPULATION,
    FLIGHTS,
    MEMBER,
    ROWS,
    SCHEMA,
    STORES,
    STRANGER,
    Scene,
    flights_fields,
    flights_with,
    opened_records,
    refused,
)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_records(request.param, tmp_path) as records:
        yield Scene(records)


async def test_what_is_registered_is_read_again(scene: Scene) -> None:
    population = await scene.population()
    assert population.name == "populations/aircraft"
    assert population.accounting == ACCOUNTING_ZCDP
    assert population.state == Population.STATE_ACTIVE
    assert population.create_time == population.update_time
    assert population.etag
    assert scene.chains.begun == ["populations/aircraft"]
    dataset = await scene.dataset(dataset=Dataset.FromString(FLIGHTS.SerializeToString()))
    assert dataset.version == 0
    assert dataset.schema.max_rows == 2**36
    assert await scene.see(ADMINISTRATOR) == dataset
    assert await scene.catalog.dataset("datasets/flights") == dataset
    assert await scene.catalog.dataset("populations/flights") is None


async def test_output_only_fields_of_a_registration_are_not_read(scene: Scene) -> None:
    await scene.population()
    forged = Dataset.FromString(FLIGHTS.SerializeToString())
    forged.version, forged.etag, forged.name = 7, "etag", "datasets/other"
    dataset = await scene.dataset(dataset=forged)
    assert (dataset.name, dataset.version) == ("datasets/flights", 0)
    assert dataset.etag != "etag"


async def test_an_id_is_given_once(scene: Scene) -> None:
    await scene.population()
    await refused("RESOURCE_EXISTS", scene.population())
    await scene.dataset()
    with calling_as(ADMINISTRATOR):
        await scene.services.datasets.DeleteDataset(dataset_pb.DeleteDatasetRequest(name="datasets/flights"), None)
    await refused("ACCESS_DENIED", scene.see(ADMINISTRATOR))
    await refused("RESOURCE_EXISTS", scene.dataset())
    await refused("RESOURCE_EXISTS", scene.update(Dataset(name="datasets/flights", **flights_fields()), missing=True))
    assert await scene.catalog.dataset("datasets/flights") is None


async def test_of_many_who_register_one_id_one_wins(scene: Scene) -> None:
    results = await asyncio.gather(*(scene.population() for _ in range(8)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Population"] + ["Refusal"] * 7


async def test_validate_only_changes_nothing(scene: Scene) -> None:
    request = population_pb.CreatePopulationRequest(population_id="a", population=ROWS, validate_only=True)
    with calling_as(ADMINISTRATOR):
        told = (await scene.services.populations.CreatePopulation(request, None)).population
    assert told.name == "populations/a"
    assert await scene.catalog.population("populations/a") is None
    assert scene.chains.begun == []
    await scene.population()
    before = await scene.dataset()
    told_dataset = await scene.update(Dataset(name="datasets/flights", description="new"), dry=True)
    assert told_dataset.description == "new"
    assert await scene.see(ADMINISTRATOR) == before


async def test_an_update_changes_what_its_mask_names(scene: Scene) -> None:
    await scene.population()
    before = await scene.dataset()
    after = await scene.update(Dataset(name="datasets/flights", display_name="F", description="d"), "display_name")
    assert (after.display_name, after.description) == ("F", "")
    assert after.etag != before.etag
    assert after.update_time.seconds > before.update_time.seconds
    assert after.create_time == before.create_time
    assert await scene.update(Dataset(name="datasets/flights", display_name="F")) == after


async def test_applying_a_declaration_twice_changes_nothing(scene: Scene) -> None:
    await scene.population()
    declared = Dataset(name="datasets/flights", **flights_fields())
    first = await scene.update(declared, "*", missing=True)
    assert await scene.update(declared, "*", missing=True) == first


async def test_an_etag_guards_an_update(scene: Scene) -> None:
    await scene.population()
    before = await scene.dataset()
    await scene.update(Dataset(name="datasets/flights", display_name="F", etag=before.etag))
    late = Dataset(name="datasets/flights", display_name="G", etag=before.etag)
    await refused("ETAG_MISMATCH", scene.update(late))
    request = dataset_pb.DeleteDatasetRequest(name="datasets/flights", etag=before.etag)
    with calling_as(ADMINISTRATOR):
        await refused("ETAG_MISMATCH", scene.services.datasets.DeleteDataset(request, None))


async def test_updates_without_etag_of_different_fields_all_hold(scene: Scene) -> None:
    await scene.population()
    await scene.dataset()
    changes = [Dataset(display_name="F"), Dataset(description="d"), Dataset(custodians=["users/x"])]
    for change in changes:
        change.name = "datasets/flights"
    await asyncio.gather(*(scene.update(change) for change in changes))
    after = await scene.see(ADMINISTRATOR)
    assert (after.display_name, after.description, list(after.custodians)) == ("F", "d", ["users/x"])


async def test_immutable_fields_do_not_change(scene: Scene) -> None:
    await scene.population()
    await scene.population("other")
    await scene.dataset()
    moved = Dataset(name="datasets/flights", population="populations/other")
    await refused("FIELD_NOT_CHANGEABLE", scene.update(moved), "dataset.population")
    await refused("FIELD_NOT_CHANGEABLE", scene.update(Dataset(name="datasets/flights"), "*"), "dataset.population")
    await refused("REQUEST_INVALID", scene.update(moved, "populations"), "update_mask.paths[0]")
    await scene.user("ada", "1")
    request = user_pb.UpdateUserRequest(user=User(name="users/ada", subject="2"))
    with calling_as(ADMINISTRATOR):
        await refused("FIELD_NOT_CHANGEABLE", scene.services.users.UpdateUser(request, None), "user.subject")


async def test_an_update_must_not_put_together_what_no_request_may_hold(scene: Scene) -> None:
    await scene.population("rows", ROWS)
    await scene.population()
    await scene.dataset()
    await refused(
        "REQUEST_INVALID",
        scene.update(Dataset(name="datasets/flights"), "privacy_unit.column"),
        "dataset.privacy_unit",
    )
    await refused("REQUEST_INVALID", scene.update(Dataset(name="datasets/flights"), "schema"), "dataset.schema")


async def test_rules_of_registration(scene: Scene) -> None:
    await scene.population()
    await scene.population("rows", ROWS)
    bounds = DatasetSchema(columns=[*SCHEMA.columns, Column(name="x", integer=IntegerType(lower=0, upper=2**63 - 1))])
    cases = [
        ("UNIT_MISMATCH", flights_with(privacy_unit=PrivacyUnit()), "dataset.privacy_unit.column"),
        ("UNIT_MISMATCH", flights_with(population="populations/rows"), "dataset.privacy_unit.column"),
        ("REQUEST_INVALID", flights_with(privacy_unit=PrivacyUnit(column="speed")), "dataset.privacy_unit.column"),
        ("REQUEST_INVALID", flights_with(privacy_unit=PrivacyUnit(column="no")), "dataset.privacy_unit.column"),
        ("REQUEST_INVALID", flights_with(population="populations/none"), "dataset.population"),
        ("REQUEST_INVALID", flights_with(schema=bounds), "dataset.schema.columns[3].integer.upper"),
        ("ENGINE_NOT_ALLOWED", flights_with(policy=Policy(engines=["native", "other"])), "dataset.policy.engines[1]"),
        (
            "REQUEST_INVALID",
            flights_with(source=Source(s3=S3Source(bucket="lake", key="*.csv", object_version="1"))),
            "dataset.source.s3.object_version",
        ),
    ]
    for reason, dataset, field in cases:
        await refused(reason, scene.dataset(dataset=dataset), field)
    missing = ["dataset.population", "dataset.privacy_unit", "dataset.schema", "dataset.source"]
    await refused("REQUEST_INVALID", scene.update(Dataset(name="datasets/x"), missing=True), *missing)
    assert await scene.catalog.dataset("datasets/flights") is None


async def test_rules_of_populations(scene: Scene) -> None:
    await refused("REQUEST_INVALID", scene.population(population=Population()), "population.unit")
    spaceless = Population(unit=PRIVACY_UNIT_KIND_IDENTIFIER, identifier_space=" ")
    await refused("REQUEST_INVALID", scene.population(population=spaceless), "population.identifier_space")
    named = Population(unit=PRIVACY_UNIT_KIND_ROW, identifier_space="tail number")
    await refused("REQUEST_INVALID", scene.population(population=named), "population.identifier_space")
    assert scene.chains.begun == []


async def test_a_population_may_add_up_epsilons_and_limits_follow(scene: Scene) -> None:
    basic = Population()
    basic.CopyFrom(AIRCRAFT)
    basic.accounting = ACCOUNTING_BASIC
    assert (await scene.population(population=basic)).accounting == ACCOUNTING_BASIC
    flights = Dataset()
    flights.CopyFrom(FLIGHTS)
    flights.policy.max_charge.rho.rho_picos = 5
    refusal = await refused("ACCOUNTING_MISMATCH", scene.dataset(dataset=flights), "dataset.policy.max_charge")
    assert (refusal.metadata["population"], refusal.metadata["accounting"]) == ("populations/aircraft", "BASIC")
    flights.policy.max_charge.epsilon.epsilon_picos = 5
    await scene.dataset(dataset=flights)


async def test_what_is_in_use_is_not_deleted(scene: Scene) -> None:
    await scene.population()
    await scene.dataset()
    await scene.project("delays", Project(datasets=["datasets/flights"]))
    services = scene.services
    with calling_as(ADMINISTRATOR):
        population = population_pb.DeletePopulationRequest(name="populations/aircraft")
        refusal = await refused("RESOURCE_IN_USE", services.populations.DeletePopulation(population, None))
        assert refusal.metadata["used_by"] == "datasets/flights"
        dataset = dataset_pb.DeleteDatasetRequest(name="datasets/flights")
        refusal = await refused("RESOURCE_IN_USE", services.datasets.DeleteDataset(dataset, None))
        assert refusal.metadata["used_by"] == "projects/delays"
        await services.projects.DeleteProject(project_pb.DeleteProjectRequest(name="projects/delays"), None)
        await services.datasets.DeleteDataset(dataset, None)
        await services.populations.DeletePopulation(population, None)
        await refused("ACCESS_DENIED", services.populations.DeletePopulation(population, None))


async def test_a_population_never_goes_while_a_dataset_comes(scene: Scene) -> None:
    for round_ in range(8):
        name = f"p{round_}"
        await scene.population(name)
        coming = scene.dataset(f"d{round_}", flights_with(population=f"populations/{name}"))
        request = population_pb.DeletePopulationRequest(name=f"populations/{name}")
        with calling_as(ADMINISTRATOR):
            going = scene.services.populations.DeletePopulation(request, None)
            await asyncio.gather(coming, going, return_exceptions=True)
        dataset = await scene.catalog.dataset(f"datasets/d{round_}")
        assert dataset is None or await scene.catalog.population(f"populations/{name}") is not None


async def test_who_may_not_read_a_dataset_cannot_tell_that_it_is_there(scene: Scene) -> None:
    await scene.population()
    await scene.dataset()
    await scene.project("delays", Project(members=["users/bob"], datasets=["datasets/flights"]))
    denied = await refused("ACCESS_DENIED", scene.see(STRANGER))
    missing = await refused("ACCESS_DENIED", scene.see(STRANGER, "datasets/nowhere"))
    assert denied.message.replace("flights", "nowhere") == missing.message
    assert {**denied.metadata, "resource": ""} == {**missing.metadata, "resource": ""}
    for caller in (STRANGER, ANALYST, MEMBER):
        change = Dataset(name="datasets/flights", policy=Policy())
        await refused("ACCESS_DENIED", scene.update(change, caller=caller))
        await refused("ACCESS_DENIED", scene.dataset("new", caller=caller))


async def test_analysts_see_neither_source_nor_custodians(scene: Scene) -> None:
    await scene.population()
    await scene.dataset()
    await scene.project("delays", Project(members=["users/bob"], datasets=["datasets/flights"]))
    for caller in (ANALYST, MEMBER):
        seen = await scene.see(caller)
        assert not seen.HasField("source")
        assert not seen.custodians
        assert seen.schema.columns == SCHEMA.columns
    for caller in (CUSTODIAN, CUSTODIAN_OF_POPULATION, ADMINISTRATOR):
        assert (await scene.see(caller)).source == FLIGHTS.source


async def test_custodians_decide_about_their_dataset_only(scene: Scene) -> None:
    await scene.population()
    await scene.population("other")
    await scene.dataset()
    change = Dataset(name="datasets/flights", source=Source(path=PathSource(path="b.csv")))
    assert (await scene.update(change, caller=CUSTODIAN)).source == change.source
    await scene.dataset("second", caller=CUSTODIAN_OF_POPULATION)
    foreign = flights_with(population="populations/other", custodians=["users/carl"])
    await refused("ACCESS_DENIED", scene.dataset("third", foreign, CUSTODIAN_OF_POPULATION))
    await refused("ACCESS_DENIED", scene.dataset("third", FLIGHTS, CUSTODIAN))


async def test_lists_hold_what_the_caller_may_read_page_by_page(scene: Scene) -> None:
    await scene.population()
    for number in range(7):
        await scene.dataset(f"d{number}")
    analyst = Caller(service="gateway", user="users/x", roles=((ROLE_ANALYST, "populations/aircraft"),))
    single = Caller(service="gateway", user="users/x", roles=((ROLE_ANALYST, "datasets/d3"),))
    view = scene.services.visible_datasets
    found: list[str] = []
    token = ""
    with calling_as(analyst):
        while True:
            page = await view.ListDatasets(view_pb.ListDatasetsRequest(page_size=3, page_token=token), None)
            assert len(page.datasets) <= 3
            found += [dataset.name for dataset in page.datasets]
            token = page.next_page_token
            if not token:
                break
        first = await view.ListDatasets(view_pb.ListDatasetsRequest(page_size=3), None)
        other = view_pb.ListDatasetsRequest(page_token=first.next_page_token, population="populations/aircraft")
        await refused("PAGE_TOKEN_INVALID", view.ListDatasets(other, None))
        none = await view.ListDatasets(view_pb.ListDatasetsRequest(population="populations/none"), None)
        assert not none.datasets
    assert found == [f"datasets/d{number}" for number in range(7)]
    with calling_as(single):
        page = await view.ListDatasets(view_pb.ListDatasetsRequest(page_size=1), None)
        assert [dataset.name for dataset in page.datasets] == ["datasets/d3"]
        assert page.next_page_token == ""
        populations = await scene.services.populations.ListPopulations(population_pb.ListPopulationsRequest(), None)
        assert [population.name for population in populations.populations] == ["populations/aircraft"]
    with calling_as(STRANGER):
        populations = await scene.services.populations.ListPopulations(population_pb.ListPopulationsRequest(), None)
        assert not populations.populations


async def test_a_population_whose_chain_is_behind_says_so(scene: Scene) -> None:
    await scene.population()
    scene.chains.behind.add("populations/aircraft")
    with calling_as(ADMINISTRATOR):
        request = population_pb.GetPopulationRequest(name="populations/aircraft")
        read = await scene.services.populations.GetPopulation(request, None)
    assert read.population.state == Population.STATE_BEHIND


async def test_a_chain_that_a_crash_kept_from_beginning_begins_at_the_next_attempt(scene: Scene) -> None:
    await scene.population()
    scene.chains.begun.clear()
    await refused("RESOURCE_EXISTS", scene.population())
    assert scene.chains.begun == ["populations/aircraft"]
