"""Row 6, attack: the budget itself as a channel (Haeberlen, Pierce, Narayan 2011).

A price follows from the plan and public metadata. On neighbouring data the same plans cost the same in every scope,
and leave the same ledger, but for salts, digests, names and times.
"""

import json
import uuid
from typing import Any

import grpc

from sfumato.v1 import ledger_service_pb2 as ledger
from sfumato.v1 import query_service_pb2 as contract
from tests.attacks.conftest import Twins
from tests.attacks.wire import Attacker, rho
from tests.mesh_scene import MeshScene

PLANS = {
    "count": 'measures { alias: "n" count { } }',
    "of the planted row": (
        'measures { alias: "n" count { value { call { function: FUNCTION_DIVIDE arguments { column: "r" } arguments { '
        'call { function: FUNCTION_SUBTRACT arguments { column: "x" } arguments { literal { integer: 42 } } } } } } } }'
    ),
    "by group": 'group_by { keys { alias: "g" expression { column: "g" } } } measures { alias: "m" mean { value { '
    'column: "x" } } }',
    "by name": 'group_by { keys { alias: "w" expression { column: "who" } } threshold_keys { } } measures { alias: "n" '
    "count_units { } }",
    "median": 'measures { alias: "q" quantile { value { column: "x" } level: 0.5 } }',
    "histogram": 'measures { alias: "h" histogram { bins { column: "g" } } }',
}
NOISE = ("salt", "query", "claim_digest", "attempt", "release_digest", "release_query", "request_id", "public_key")
TIMES = ("give_up_time", "time", "create_time", "update_time", "etag")


def scan(name: str, plan: str) -> str:
    return f'source {{ scan {{ dataset: "datasets/{name}" }} }} {plan}'


def stripped(value: Any) -> Any:
    """A ledger event without what is random or a time."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key not in (*NOISE, *TIMES)}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def entries(attacker: Attacker, population: str) -> list[Any]:
    request = ledger.ListLedgerEntriesRequest(parent=f"populations/{population}", page_size=1000)
    found = attacker.call("LedgerService", "ListLedgerEntries", request, ledger.ListLedgerEntriesResponse)
    assert found.code is grpc.StatusCode.OK, found.said
    events = [
        json.loads(record.payload)
        for entry in found.messages[0].ledger_entries
        for record in entry.records
        if record.payload
    ]
    return [stripped(event) for event in events if "granted" not in event]


def test_prices_and_ledgers_of_neighbours_are_the_same(scene: MeshScene, twins: Twins) -> None:
    attacker = Attacker(scene)
    seen = []
    for name in twins.names:
        told: list[str] = []
        for plan in PLANS.values():
            payment = rho(10**10, 10**6)
            quote = attacker.quoted(scan(name, plan), payment)
            assert quote.scopes
            quote.ClearField("plan_digest")  # of the dataset's name, among others
            told.append(str(quote))
            outcome = attacker.run(scan(name, plan), payment)
            assert outcome.code is grpc.StatusCode.OK, outcome.said
            told.append(f"{outcome.query.charge} {outcome.query.scopes}")
        seen.append((twins.anonymous("\n".join(told)), twins.anonymous(json.dumps(entries(attacker, name)))))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] == seen[1][1]
    assert "reserved" in seen[0][1]
    assert "committed" in seen[0][1]
    attacker.close()


def test_what_a_cancelled_query_leaves_is_the_same_too(scene: MeshScene, twins: Twins) -> None:
    attacker = Attacker(scene)
    left = []
    for name in twins.names:
        before = attacker.spent(name)
        outcome = attacker.run(scan(name, PLANS["by group"]), rho(10**9), request_id=str(uuid.uuid4()), fresh=True)
        request = contract.CancelQueryRequest(name=outcome.query.name)
        attacker.call("QueryService", "CancelQuery", request, contract.CancelQueryResponse)
        left.append([a - b for a, b in zip(before, attacker.spent(name), strict=True)])
    assert left[0] == left[1]
    assert all(spent > 0 for spent in left[0])
    attacker.close()
