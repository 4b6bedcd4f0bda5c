"""What a stream of questions came to: as its clients saw it, and as the ledger has it. The two must agree."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format

from sfumato.v1 import ledger_pb2, ledger_service_pb2
from sfumato.v1.ledger_service_pb2_grpc import LedgerServiceStub
from tests.e2e.production import ProductionMesh

STREAMED: Final = "SELECT COUNT(*) AS n, SUM(x) AS s FROM weights WHERE y > 20"


@dataclass
class Outcome:
    """What one question came to, as the client saw it."""

    request_id: str
    rho: str
    query: str = ""
    columns: dict[str, list[Any]] = field(default_factory=dict)
    failed: bool = False
    repeats: int = 0
    """How often the outcome was unknown, and the same request was sent again."""


def spent(mesh: ProductionMesh) -> list[int]:
    found = [each for each in mesh.connect("ada").budget() if each.population == "weights"]
    return [each.spent.rho_picos for each in found]


def events_of(mesh: ProductionMesh, population: str) -> list[ledger_pb2.LedgerEvent]:
    events, token = [], ""
    with mesh.channel() as channel:
        while True:
            page = LedgerServiceStub(channel).ListLedgerEntries(
                ledger_service_pb2.ListLedgerEntriesRequest(parent=f"populations/{population}", page_token=token),
                timeout=20,
                metadata=mesh.metadata("root"),
            )
            for entry in page.ledger_entries:
                events += [json_format.Parse(record.payload, ledger_pb2.LedgerEvent()) for record in entry.records]
            token = page.next_page_token
            if not token:
                return events


def check_books(
    mesh: ProductionMesh, outcomes: list[Outcome], ledger: list[ledger_pb2.LedgerEvent], spent_before: list[int]
) -> None:
    """Each query is paid once and ends once; what is spent is the sum of what was paid."""
    charges = [
        (event.reserved.query, event.reserved.charge.rho_picos) for event in ledger if event.HasField("reserved")
    ]
    paid = Counter(query for query, _ in charges)
    shared = Counter(event.shared.query for event in ledger if event.HasField("shared"))
    answered = Counter(event.committed.query for event in ledger if event.HasField("committed"))
    given_up = Counter(event.charged.query for event in ledger if event.HasField("charged"))
    assert set((paid + shared).values()) == {1}, "a query is paid once"
    assert answered + given_up == paid, "what is paid ends once, answered or given up"
    assert spent(mesh) == [sum(price for _, price in charges)] * 2, "what is spent is what was paid"
    handed_out = [each.query for each in outcomes if not each.failed]
    assert len(set(handed_out)) == len(handed_out), "a request is a query of its own"
    assert set(handed_out) <= set(answered + shared), "an answer is in the ledger before anybody sees it"
    prices = dict(charges)
    mine = [prices.get(query, 0) for query in (*handed_out, *given_up)]
    assert [a - b for a, b in zip(spent(mesh), spent_before, strict=True)] == [sum(mine)] * 2, "none free, none twice"
    assert len([each for each in outcomes if each.failed]) == len(given_up)


def check_answers(mesh: ProductionMesh, outcomes: list[Outcome]) -> None:
    """Whoever asks again, anywhere, by query or by request, reads what was handed out; it costs nothing."""
    before, clients = spent(mesh), [mesh.connect("ada", gateway) for gateway in (0, 1)]
    for number, outcome in enumerate(outcomes):
        if outcome.failed:
            continue
        query = clients[number % 2].query(outcome.query)
        assert query.answer().columns == outcome.columns
        if number % 5 == 0:
            assert query.receipt.verify().query == outcome.query
            again = clients[1 - number % 2].question(STREAMED).run(rho=outcome.rho, request_id=outcome.request_id)
            assert (again.query, again.columns) == (outcome.query, outcome.columns)
    assert spent(mesh) == before
