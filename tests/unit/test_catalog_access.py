"""The role table, cell by cell."""

import pytest

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_AUDITOR, ROLE_CUSTODIAN
from sfumato_accountant.catalog import access
from sfumato_mesh.caller import Caller

DATASET = Dataset(name="datasets/flights", population="populations/aircraft", custodians=["users/cleo"])
POPULATION = Population(name="populations/aircraft")
LISTING = Project(name="projects/delays", members=["users/ada"], datasets=["datasets/flights"])
OTHER = Project(name="projects/other", members=["users/ada"])


def caller(*roles: tuple[int, str], user: str = "users/ada") -> Caller:
    return Caller(service="gateway", user=user, roles=roles)


NOBODY = caller()
ANALYSTS = [caller((ROLE_ANALYST, place)) for place in ("", "datasets/flights", "populations/aircraft")]
STRANGERS = [NOBODY, caller((ROLE_ANALYST, "datasets/other")), caller((ROLE_ANALYST, "populations/other"))]
CUSTODIANS = [caller((ROLE_CUSTODIAN, place)) for place in ("", "populations/aircraft")]
ADMINISTRATOR = caller((ROLE_ADMINISTRATOR, ""))
AUDITOR = caller((ROLE_AUDITOR, "populations/aircraft"))


@pytest.mark.parametrize("analyst", ANALYSTS)
def test_an_analyst_asks_where_the_role_is_bound(analyst: Caller) -> None:
    assert access.may_query(analyst, DATASET, None)
    assert access.may_query(analyst, DATASET, OTHER)
    assert access.may_see_dataset(analyst, DATASET, [])
    assert not access.may_custody(analyst, DATASET)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_others_ask_only_through_a_project_that_lists_it(stranger: Caller) -> None:
    assert not access.may_query(stranger, DATASET, None)
    assert not access.may_query(stranger, DATASET, OTHER)
    assert access.may_query(stranger, DATASET, LISTING)
    assert not access.may_see_dataset(stranger, DATASET, [OTHER])
    assert access.may_see_dataset(stranger, DATASET, [OTHER, LISTING])


def test_a_project_pays_for_its_members_only() -> None:
    bob = caller((ROLE_ANALYST, ""), user="users/bob")
    assert access.may_query(bob, DATASET, None)
    assert not access.may_query(bob, DATASET, LISTING)


@pytest.mark.parametrize("manager", [*CUSTODIANS, ADMINISTRATOR, AUDITOR])
def test_who_manages_or_reads_books_does_not_ask(manager: Caller) -> None:
    assert not access.may_query(manager, DATASET, None)


def test_custody_of_a_dataset_and_of_a_population() -> None:
    named = caller(user="users/cleo")
    bound = caller((ROLE_CUSTODIAN, "datasets/flights"))
    assert access.may_custody(named, DATASET)
    assert access.may_custody(bound, DATASET)
    assert not access.may_custody(named, POPULATION)
    assert not access.may_custody(bound, POPULATION)
    for custodian in CUSTODIANS:
        assert access.is_custodian(custodian, DATASET)
        assert access.is_custodian(custodian, POPULATION)
    assert access.may_custody(ADMINISTRATOR, POPULATION)
    assert not access.is_custodian(ADMINISTRATOR, POPULATION)


def test_books_are_read_by_auditors_custodians_administrators() -> None:
    for reader in (*CUSTODIANS, ADMINISTRATOR, AUDITOR, caller((ROLE_AUDITOR, ""))):
        assert access.may_audit(reader, POPULATION)
    for other in (*ANALYSTS, NOBODY, caller((ROLE_AUDITOR, "populations/other"))):
        assert not access.may_audit(other, POPULATION)


def test_a_population_is_public_to_whoever_may_query_one_of_its_datasets() -> None:
    assert access.may_see_population(NOBODY, POPULATION, [DATASET])
    assert not access.may_see_population(NOBODY, POPULATION, [Dataset(population="populations/other")])
    assert access.may_see_population(caller((ROLE_ANALYST, "populations/aircraft")), POPULATION, [])


def test_projects_and_users_are_seen_by_their_own() -> None:
    assert access.may_see_project(NOBODY, LISTING)
    assert not access.may_see_project(caller(user="users/bob"), LISTING)
    assert not access.may_see_project(AUDITOR, Project(name="projects/x"))
    assert access.may_see_project(caller((ROLE_AUDITOR, "")), Project(name="projects/x"))
    assert access.may_see_user(NOBODY, "users/ada")
    assert not access.may_see_user(NOBODY, "users/bob")
    assert access.may_see_user(ADMINISTRATOR, "users/bob")


def test_a_service_that_speaks_for_itself_holds_no_role() -> None:
    service = Caller(service="executor", user="")
    empty = Dataset(name="datasets/x", population="populations/x", custodians=[""])
    assert not access.may_custody(service, empty)
    assert not access.may_query(service, empty, Project(members=[""], datasets=["datasets/x"]))
