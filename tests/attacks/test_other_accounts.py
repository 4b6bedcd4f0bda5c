"""Not in the list, attack: an analyst who reaches for what is another's, or finds out who and what there is.

Queries, answers, receipts, ledger entries and budgets of others; request ids of others; page tokens of one's own
making; forged identities; labels that want to be read as something else.
"""

import hashlib
import json
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode

import grpc
import pytest
from google.longrunning import operations_pb2

from sfumato.v1 import budget_service_pb2 as budgets
from sfumato.v1 import dataset_admin_service_pb2 as dataset_admin
from sfumato.v1 import identity_service_pb2
from sfumato.v1 import ledger_service_pb2 as ledger
from sfumato.v1 import query_service_pb2 as contract
from tests.attacks.wire import COUNT, Attacker, raw, rho
from tests.mesh_scene import MeshScene

PLAN = f'source {{ scan {{ dataset: "datasets/common" }} }} {COUNT}'


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


def test_operations_of_a_custodian_are_not_there_for_an_analyst(
    pair: tuple[Attacker, Attacker], scene: MeshScene
) -> None:
    """What became of a publication tells about the data: how many rows, and what was mended in them."""
    administrator, request_id = Attacker(scene, "admin"), str(uuid.uuid4())
    publish = dataset_admin.PublishDatasetVersionRequest(dataset="datasets/common", request_id=request_id)
    begun = raw(
        administrator.channel,
        "/sfumato.v1.DatasetAdminService/PublishDatasetVersion",
        publish.SerializeToString(),
        administrator.metadata,
    )
    name = operations_pb2.Operation.FromString(begun.messages[0]).name
    for method in ("GetOperation", "WaitOperation", "CancelOperation", "DeleteOperation"):
        said = []
        for each in (name, f"operations/{uuid.uuid4()}"):
            body = getattr(operations_pb2, f"{method}Request")(name=each).SerializeToString()
            found = raw(pair[1].channel, f"/google.longrunning.Operations/{method}", body, pair[1].metadata)
            assert found.reason == "ACCESS_DENIED", found.said
            said.append(found.said.replace(each, "it"))
        assert said[0] == said[1]
    body = operations_pb2.ListOperationsRequest().SerializeToString()
    listed = raw(pair[1].channel, "/google.longrunning.Operations/ListOperations", body, pair[1].metadata)
    assert not operations_pb2.ListOperationsResponse.FromString(listed.messages[0]).operations
    administrator.close()


def test_metadata_makes_nobody_else_of_a_caller(pair: tuple[Attacker, Attacker]) -> None:
    """Between services a signed principal names the user; one that a client sends is not looked at."""
    forged = (
        ("sfumato-principal-bin", b"\x0a\x07gateway\x12\x0ausers/admin"),
        ("x-forwarded-user", "users/admin"),
        ("sfumato-user", "users/admin"),
    )
    found = raw(pair[1].channel, "/sfumato.v1.IdentityService/GetCaller", b"", (*pair[1].metadata, *forged))
    assert found.code is grpc.StatusCode.OK, found.said
    assert identity_service_pb2.GetCallerResponse.FromString(found.messages[0]).user.name == "users/eve"


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
