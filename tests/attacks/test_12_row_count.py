"""Row 12, attack: the number of rows through row counts, sizes, statistics, progress, or what an error says.

Under added or removed rows the count is data. Twenty rows and two thousand look the same from outside: descriptions,
quotes, events, their number and their sizes.
"""

from typing import Any

import grpc
import pytest

from sfumato.v1 import dataset_service_pb2 as datasets
from sfumato.v1 import query_service_pb2 as contract
from tests.attacks.conftest import COLUMNS, ROWS
from tests.attacks.wire import Attacker, question, rho
from tests.mesh_scene import MeshScene

NAMES = ("rows-a", "rows-b")
PLAN = 'group_by { keys { alias: "g" expression { column: "g" } } } measures { alias: "n" count { } }'


@pytest.fixture(scope="module")
def sizes(scene: MeshScene) -> tuple[str, str]:
    scene.publish(NAMES[0], ROWS[:20], COLUMNS)
    scene.publish(NAMES[1], ROWS * 7, COLUMNS)
    return NAMES


def plan(name: str) -> Any:
    return question(f'source {{ scan {{ dataset: "datasets/{name}" }} }} {PLAN}')


def shape(outcome: Any) -> list[tuple[str, int]]:
    """Kind of each event with the bytes of its table; what a query says of itself is compared by others."""
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    found = []
    for event in outcome.events:
        kind = event.WhichOneof("kind")
        content = getattr(event, kind)
        size = content.ByteSize() if kind in ("schema", "batch") else 0
        if kind == "complete":
            size = content.row_count
        assert kind != "progress" or (content.done_steps, content.total_steps) == (0, 0)
        found.append((kind, size))
    return found


def test_streams_have_the_same_events_of_the_same_size(scene: MeshScene, sizes: tuple[str, str]) -> None:
    attacker = Attacker(scene)
    few, many = (shape(attacker.run(plan(name), rho(10**9))) for name in sizes)
    assert few == many
    assert few[-1] == ("complete", 3)
    attacker.close()


def test_a_later_look_shows_no_row_count(scene: MeshScene, sizes: tuple[str, str]) -> None:
    attacker = Attacker(scene)
    seen = []
    for name in sizes:
        outcome = attacker.run(plan(name), rho(10**9))
        request = contract.GetQueryRequest(name=outcome.query.name)
        found = attacker.call("QueryService", "GetQuery", request, contract.GetQueryResponse)
        query = found.messages[0].query
        assert query.state == query.STATE_SUCCEEDED
        seen.append(query.ByteSize())
    assert abs(seen[0] - seen[1]) <= 16  # times and sequence numbers are written in more or fewer bytes
    attacker.close()


def test_descriptions_hold_no_count_and_no_statistics(scene: MeshScene, sizes: tuple[str, str]) -> None:
    attacker = Attacker(scene)
    seen = []
    for name in sizes:
        described = attacker.call(
            "DatasetService",
            "GetDataset",
            datasets.GetDatasetRequest(name=f"datasets/{name}"),
            datasets.GetDatasetResponse,
        )
        assert described.code is grpc.StatusCode.OK, described.said
        record = described.messages[0].dataset
        assert record.schema.max_rows == 2**36  # a fixed capacity, never near the count
        for field in ("create_time", "update_time", "etag"):
            record.ClearField(field)
        seen.append(str(record).replace(name, "twin"))
    assert seen[0] == seen[1]
    attacker.close()


def test_versions_and_their_problems_are_for_custodians(scene: MeshScene, sizes: tuple[str, str]) -> None:
    """What was mended counts rows of the data."""
    attacker = Attacker(scene)
    from sfumato.v1 import dataset_admin_service_pb2 as administration

    request = administration.ListDatasetVersionsRequest(parent=f"datasets/{sizes[0]}")
    found = attacker.call(
        "DatasetAdminService", "ListDatasetVersions", request, administration.ListDatasetVersionsResponse
    )
    assert found.code is grpc.StatusCode.PERMISSION_DENIED
    assert found.reason == "ACCESS_DENIED"
    attacker.close()


def test_quotes_are_the_same(scene: MeshScene, sizes: tuple[str, str]) -> None:
    attacker = Attacker(scene)
    seen = []
    for name in sizes:
        quote = attacker.quoted(plan(name), rho(10**9 + 1))
        release = quote.release_query or "queries/none"  # the same question was asked of either
        for field in ("plan_digest", "release_query"):
            quote.ClearField(field)
        for line in quote.scopes:
            line.ClearField("remaining")
            line.ClearField("remaining_after")
        seen.append(str(quote).replace(name, "twin").replace(release, "queries/one"))
    assert seen[0] == seen[1]
    attacker.close()
