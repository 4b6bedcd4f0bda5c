"""Not in the list, attack: an analyst who reaches for what is another's, or finds out who and what there is.

Queries, answers, receipts, ledger entries and budgets of others; request ids of others; page tokens of one's own
making; administration without the role; names of users and datasets that may or may not exist.
"""

import hashlib
import json
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import grpc
import pytest

from sfumato.v1 import budget_admin_service_pb2 as budget_admin
from sfumato.v1 import budget_service_pb2 as budgets
from sfumato.v1 import dataset_admin_service_pb2 as dataset_admin
from sfumato.v1 import dataset_pb2, population_pb2, project_pb2, scope_pb2, user_pb2
from sfumato.v1 import ledger_service_pb2 as ledger
from sfumato.v1 import population_admin_service_pb2 as population_admin
from sfumato.v1 import project_admin_service_pb2 as project_admin
from sfumato.v1 import query_service_pb2 as contract
from sfumato.v1 import user_admin_service_pb2 as user_admin
from tests.attacks.wire import COUNT, Attacker, Outcome, rho
from tests.mesh_scene import MeshScene

PLAN = f'source {{ scan {{ dataset: "datasets/common" }} }} {COUNT}'


@pytest.fixture(scope="module")
def pair(scene: MeshScene) -> tuple[Attacker, Attacker]:
    """Ann, who asks, and Eve, who may ask about the same data and wants more."""
    rows = [{"x": i % 4} for i in range(30)]
    scene.publish("common", rows, {"x": {"type": "integer", "bounds": [0, 3]}})
    for name in ("ann", "eve"):
        scene.user(name, population="common", limit={"rho": 1})
    return Attacker(scene, "ann"), Attacker(scene, "eve")


@pytest.fixture(scope="module")
def hers(pair: tuple[Attacker, Attacker]) -> tuple[str, str]:
    """Name and request id of a query of Ann's that was answered."""
    request_id = str(uuid.uuid4())
    outcome = pair[0].run(PLAN, rho(10**9), request_id=request_id, labels={"purpose": "ann-private"})
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    return outcome.query.name, request_id


NOBODYS = "queries/00000000-0000-5000-8000-000000000000"


@pytest.mark.parametrize("method", ["GetQuery", "AttachQuery", "CancelQuery"])
def test_queries_of_others_are_as_if_they_were_not(
    pair: tuple[Attacker, Attacker], hers: tuple[str, str], method: str
) -> None:
    said = []
    for name in (hers[0], NOBODYS):
        request = getattr(contract, f"{method}Request")(name=name)
        outcome = pair[1].call("QueryService", method, request, getattr(contract, f"{method}Response"))
        assert outcome.code is grpc.StatusCode.PERMISSION_DENIED, outcome.said
        assert not outcome.messages
        said.append(outcome.said.replace(name, "it"))
    assert said[0] == said[1]


def test_who_audits_sees_that_a_query_was_paid_and_no_answer(scene: MeshScene, hers: tuple[str, str]) -> None:
    """Custodians, auditors and administrators see queries of all; answers are for who asked."""
    administrator = Attacker(scene, "admin")
    seen = administrator.call(
        "QueryService", "GetQuery", contract.GetQueryRequest(name=hers[0]), contract.GetQueryResponse
    )
    assert seen.messages[0].query.analyst == "users/ann"
    for start in (0, 1):
        request = contract.AttachQueryRequest(name=hers[0], start_row=start)
        outcome = administrator.call("QueryService", "AttachQuery", request, contract.AttachQueryResponse)
        assert outcome.code is grpc.StatusCode.PERMISSION_DENIED, outcome.said
        assert not outcome.messages
    cancel = administrator.call(
        "QueryService", "CancelQuery", contract.CancelQueryRequest(name=hers[0]), contract.CancelQueryResponse
    )
    assert cancel.code is grpc.StatusCode.PERMISSION_DENIED
    administrator.close()


def test_a_request_id_of_another_is_another_query(pair: tuple[Attacker, Attacker], hers: tuple[str, str]) -> None:
    """Eve repeats Ann's request, word for word: it is Eve's query, paid by Eve, with noise of its own."""
    before = pair[1].spent("common")
    outcome = pair[1].run(PLAN, rho(10**9), request_id=hers[1], labels={"purpose": "ann-private"})
    assert outcome.code is grpc.StatusCode.OK
    assert outcome.query.name != hers[0]
    assert outcome.query.origin == outcome.query.ORIGIN_DRAWN
    assert [a - b for a, b in zip(before, pair[1].spent("common"), strict=True)] == [10**9] * 2


def test_lists_show_ones_own(pair: tuple[Attacker, Attacker], hers: tuple[str, str]) -> None:
    for conditions in (
        {},
        {"analyst": "users/ann"},
        {"dataset": "datasets/common"},
        {"labels": {"purpose": "ann-private"}},
        {"states": [2]},
    ):
        request = contract.ListQueriesRequest(page_size=1000, **conditions)
        found = pair[1].call("QueryService", "ListQueries", request, contract.ListQueriesResponse)
        if found.code is grpc.StatusCode.OK:
            assert all(query.analyst == "users/eve" for query in found.messages[0].queries)
            assert hers[0] not in {query.name for query in found.messages[0].queries}
        else:
            assert found.reason == "ACCESS_DENIED"


def test_asking_for_queries_of_a_user_tells_nothing_of_who_exists(pair: tuple[Attacker, Attacker]) -> None:
    said = set()
    for name in ("ann", "analyst", "nobody-of-that-name"):
        request = contract.ListQueriesRequest(analyst=f"users/{name}")
        found = pair[1].call("QueryService", "ListQueries", request, contract.ListQueriesResponse)
        said.add(f"{found.said} {[m.SerializeToString() for m in found.messages]}".replace(name, "it"))
    assert len(said) == 1


def test_the_ledger_shows_digests_of_what_others_did(pair: tuple[Attacker, Attacker], hers: tuple[str, str]) -> None:
    request = ledger.ListLedgerEntriesRequest(parent="populations/common", page_size=1000)
    found = pair[1].call("LedgerService", "ListLedgerEntries", request, ledger.ListLedgerEntriesResponse)
    assert found.code is grpc.StatusCode.OK, found.said
    records = [record for entry in found.messages[0].ledger_entries for record in entry.records]
    hidden = [record for record in records if not record.payload]
    assert hidden
    assert all(len(record.digest) == 32 and not record.HasField("event") for record in hidden)
    assert "users/ann" not in str([record.payload for record in records])
    assert hers[0] not in str(found.messages)


def test_budgets_are_of_those_who_spend_them(pair: tuple[Attacker, Attacker]) -> None:
    for conditions in ({}, {"population": "populations/common"}, {"dataset": "datasets/common"}):
        request = budgets.ListBudgetsRequest(page_size=1000, **conditions)  # type: ignore[arg-type]
        found = pair[1].call("BudgetService", "ListBudgets", request, budgets.ListBudgetsResponse)
        assert found.code is grpc.StatusCode.OK, found.said
        assert {budget.scope.analyst for budget in found.messages[0].budgets} <= {"", "users/eve"}


def test_a_project_that_one_is_not_in_pays_nothing(pair: tuple[Attacker, Attacker], scene: MeshScene) -> None:
    scene.apply({"kind": "Project", "name": "anns", "members": ["ann"], "datasets": ["common"]})
    said = []
    for name in ("anns", "nobodys"):
        outcome = pair[1].run(PLAN, rho(10**9), project=f"projects/{name}")
        assert outcome.code is grpc.StatusCode.PERMISSION_DENIED, outcome.said
        said.append(outcome.said.replace(f"projects/{name}", "it"))
    assert said[0] == said[1]


# --- page tokens ------------------------------------------------------------------------------------------------------


def forged(conditions: str, position: str) -> str:
    """A token as the server makes them: its digest has no key."""
    digest = hashlib.sha256(b"sfumato page\n" + conditions.encode() + b"\n" + position.encode()).digest()[:8]
    return urlsafe_b64encode(digest + position.encode()).decode()


POSITIONS = ["x", "-1", "1.5", "9" * 200, "٣", "0", "999999", "\x00", " 1 ", "+1", "1e3", "populations/other 1"]


@pytest.mark.parametrize("position", POSITIONS, ids=ascii)
def test_forged_page_tokens_open_nothing_and_break_nothing(pair: tuple[Attacker, Attacker], position: str) -> None:
    parent = "populations/common"
    token = forged(f"entries users/eve {parent} 0", position)
    request = ledger.ListLedgerEntriesRequest(parent=parent, page_token=token)
    found = pair[1].call("LedgerService", "ListLedgerEntries", request, ledger.ListLedgerEntriesResponse)
    numeric = position.isascii() and position.isdecimal() and len(position) < 19
    assert found.code is (grpc.StatusCode.OK if numeric else grpc.StatusCode.INVALID_ARGUMENT), found.said
    assert "users/ann" not in str(found.messages)
    for garbage in ("x", "====", "Zm9v", token[:-2], "\u00e9" * 100):
        request.page_token = garbage
        found = pair[1].call("LedgerService", "ListLedgerEntries", request, ledger.ListLedgerEntriesResponse)
        assert found.reason == "PAGE_TOKEN_INVALID", found.said


@pytest.mark.parametrize("position", POSITIONS, ids=ascii)
def test_forged_page_tokens_of_versions(scene: MeshScene, pair: tuple[Attacker, Attacker], position: str) -> None:
    administrator = Attacker(scene, "admin")
    token = forged("datasets/common/versions", position)
    request = dataset_admin.ListDatasetVersionsRequest(parent="datasets/common", page_token=token)
    found = administrator.call(
        "DatasetAdminService", "ListDatasetVersions", request, dataset_admin.ListDatasetVersionsResponse
    )
    numeric = position.isascii() and position.isdecimal() and len(position) < 19
    assert found.code is (grpc.StatusCode.OK if numeric else grpc.StatusCode.INVALID_ARGUMENT), found.said
    administrator.close()


def test_a_page_token_of_another_list_is_refused(pair: tuple[Attacker, Attacker]) -> None:
    for attacker in pair:
        attacker.run(PLAN, rho(10**6), fresh=True)
        attacker.run(PLAN, rho(10**6), fresh=True)
    request = contract.ListQueriesRequest(page_size=1)
    mine = pair[0].call("QueryService", "ListQueries", request, contract.ListQueriesResponse).messages[0]
    assert mine.next_page_token
    request.page_token = mine.next_page_token
    stolen = pair[1].call("QueryService", "ListQueries", request, contract.ListQueriesResponse)
    assert stolen.reason == "PAGE_TOKEN_INVALID"
    assert urlsafe_b64decode(mine.next_page_token)


# --- administration without the role ----------------------------------------------------------------------------------


def scope(name: str) -> scope_pb2.Scope:
    return scope_pb2.Scope(population=f"populations/{name}", analyst="users/eve")


def acts(name: str) -> dict[str, tuple[str, Any, Any]]:
    """Every act of administration on a resource called `name`: service, request, answer."""
    user = user_pb2.User(
        issuer="https://i", subject=name, roles=[user_pb2.RoleBinding(role=user_pb2.ROLE_ADMINISTRATOR)]
    )
    dataset = dataset_pb2.Dataset(population="populations/common", display_name="mine")
    grant = budget_admin.GrantBudgetRequest(
        scope=scope(name), justification="because I want it", request_id=str(uuid.uuid4())
    )
    grant.limit.rho.rho_picos = 10**14
    stop: dict[str, Any] = {"scope": scope(name), "justification": "because I can", "request_id": str(uuid.uuid4())}
    return {
        "UpdateUser": (
            "UserAdminService",
            user_admin.UpdateUserRequest(user=user_pb2.User(name=f"users/{name}", roles=user.roles)),
            user_admin.UpdateUserResponse,
        ),
        "DeleteUser": (
            "UserAdminService",
            user_admin.DeleteUserRequest(name=f"users/{name}"),
            user_admin.DeleteUserResponse,
        ),
        "GetUser": ("UserAdminService", user_admin.GetUserRequest(name=f"users/{name}"), user_admin.GetUserResponse),
        "CreateUser": (
            "UserAdminService",
            user_admin.CreateUserRequest(user_id=name, user=user),
            user_admin.CreateUserResponse,
        ),
        "UpdateDataset": (
            "DatasetAdminService",
            dataset_admin.UpdateDatasetRequest(
                dataset=dataset_pb2.Dataset(name=f"datasets/{name}", display_name="mine")
            ),
            dataset_admin.UpdateDatasetResponse,
        ),
        "DeleteDataset": (
            "DatasetAdminService",
            dataset_admin.DeleteDatasetRequest(name=f"datasets/{name}"),
            dataset_admin.DeleteDatasetResponse,
        ),
        "ListDatasetVersions": (
            "DatasetAdminService",
            dataset_admin.ListDatasetVersionsRequest(parent=f"datasets/{name}"),
            dataset_admin.ListDatasetVersionsResponse,
        ),
        "CreateDataset": ("DatasetAdminService", _created(name, dataset), dataset_admin.CreateDatasetResponse),
        "DeletePopulation": (
            "PopulationAdminService",
            population_admin.DeletePopulationRequest(name=f"populations/{name}"),
            population_admin.DeletePopulationResponse,
        ),
        "CreatePopulation": (
            "PopulationAdminService",
            population_admin.CreatePopulationRequest(
                population_id=name, population=population_pb2.Population(unit=population_pb2.PRIVACY_UNIT_KIND_ROW)
            ),
            population_admin.CreatePopulationResponse,
        ),
        "UpdateProject": (
            "ProjectAdminService",
            project_admin.UpdateProjectRequest(
                project=project_pb2.Project(name=f"projects/{name}", members=["users/eve"])
            ),
            project_admin.UpdateProjectResponse,
        ),
        "DeleteProject": (
            "ProjectAdminService",
            project_admin.DeleteProjectRequest(name=f"projects/{name}"),
            project_admin.DeleteProjectResponse,
        ),
        "GetProject": (
            "ProjectAdminService",
            project_admin.GetProjectRequest(name=f"projects/{name}"),
            project_admin.GetProjectResponse,
        ),
        "CreateProject": (
            "ProjectAdminService",
            project_admin.CreateProjectRequest(project_id=name, project=project_pb2.Project(members=["users/eve"])),
            project_admin.CreateProjectResponse,
        ),
        "GrantBudget": ("BudgetAdminService", grant, budget_admin.GrantBudgetResponse),
        "FreezeBudget": (
            "BudgetAdminService",
            budget_admin.FreezeBudgetRequest(**stop),
            budget_admin.FreezeBudgetResponse,
        ),
        "UnfreezeBudget": (
            "BudgetAdminService",
            budget_admin.UnfreezeBudgetRequest(**stop),
            budget_admin.UnfreezeBudgetResponse,
        ),
        "GetGrant": (
            "BudgetAdminService",
            budget_admin.GetGrantRequest(name=f"populations/{name}/grants/population"),
            budget_admin.GetGrantResponse,
        ),
        "ListGrants": (
            "BudgetAdminService",
            budget_admin.ListGrantsRequest(parent=f"populations/{name}"),
            budget_admin.ListGrantsResponse,
        ),
    }


def _created(name: str, dataset: dataset_pb2.Dataset) -> dataset_admin.CreateDatasetRequest:
    request = dataset_admin.CreateDatasetRequest(dataset_id=name, dataset=dataset)
    request.dataset.schema.columns.add(name="x").integer.upper = 3
    request.dataset.privacy_unit.SetInParent()
    request.dataset.source.path.path = "common.csv"
    return request


@pytest.mark.parametrize("act", sorted(acts("x")))
def test_administration_is_denied_alike_for_what_is_there_and_what_is_not(
    pair: tuple[Attacker, Attacker], scene: MeshScene, act: str
) -> None:
    """An analyst can neither do it, nor learn from the refusal whether the name is taken."""
    scene.apply({"kind": "Project", "name": "common", "members": ["ann"], "datasets": ["common"]})
    there = "ann" if "User" in act else "common"
    said = []
    for name in (there, "nothing-there"):
        service, request, answer = acts(name)[act]
        outcome: Outcome = pair[1].call(service, act, request, answer)
        assert outcome.code is grpc.StatusCode.PERMISSION_DENIED, (name, outcome.said)
        assert outcome.reason == "ACCESS_DENIED"
        said.append(outcome.said.replace(name, "it"))
    assert said[0] == said[1]


def test_lists_of_administration_are_empty_for_an_analyst(pair: tuple[Attacker, Attacker]) -> None:
    for service, method, module in (
        ("UserAdminService", "ListUsers", user_admin),
        ("ProjectAdminService", "ListProjects", project_admin),
        ("PopulationAdminService", "ListPopulations", population_admin),
    ):
        found = pair[1].call(
            service, method, getattr(module, f"{method}Request")(), getattr(module, f"{method}Response")
        )
        if found.code is grpc.StatusCode.OK:
            assert "ann" not in str(found.messages).replace("analyst", "")
        else:
            assert found.reason == "ACCESS_DENIED"
    everywhere = budget_admin.ListGrantsRequest(parent="populations/-")
    found = pair[1].call("BudgetAdminService", "ListGrants", everywhere, budget_admin.ListGrantsResponse)
    assert found.code is grpc.StatusCode.OK
    assert not found.messages[0].grants


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["a\nERROR forged line", "\x1b[31mred", "${jndi:ldap://x}", "<script>", "' OR 1=1 --", "%s%n", "\0", "\u202e"],
)
def test_labels_are_words_to_the_server_and_come_back_as_they_are(
    pair: tuple[Attacker, Attacker], caplog: pytest.LogCaptureFixture, value: str
) -> None:
    caplog.set_level("DEBUG")
    outcome = pair[1].run(PLAN, rho(10**6), labels={"note": value}, fresh=True)
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    assert outcome.query.labels["note"] == value
    request = contract.ListQueriesRequest(labels={"note": value})
    found = pair[1].call("QueryService", "ListQueries", request, contract.ListQueriesResponse)
    assert [query.name for query in found.messages[0].queries] == [outcome.query.name]
    assert not any(value in record.getMessage() for record in caplog.records)
    signed = json.loads(outcome.query.receipt.signed_statement)
    assert value not in str(signed)
