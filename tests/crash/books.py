"""The books as an auditor reads them: every entry of a chain, held against the answers that were handed out."""

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

import sfumato as sf
from sfumato.v1 import (
    budget_service_pb2,
    budget_service_pb2_grpc,
    ledger_pb2,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    scope_pb2,
)
from tests.mesh_process import MeshProcess

T = TypeVar("T")

_TERMINALS = ("committed", "charged", "shared")
_PATIENCE_SECONDS = 15.0


@dataclass
class Books:
    """What a chain says, query by query (queries/{query})."""

    reserved: dict[str, ledger_pb2.Reserved] = field(default_factory=dict)
    shared: dict[str, ledger_pb2.Shared] = field(default_factory=dict)
    terminals: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Kind and position."""
    digests: dict[str, bytes] = field(default_factory=dict)
    """Of the release that answers."""

    @property
    def open(self) -> set[str]:
        return set(self.reserved) - set(self.terminals)

    def paid_by_scope(self) -> dict[str, int]:
        """ρ of all that was paid, in picos."""
        paid: defaultdict[str, int] = defaultdict(int)
        charges = [each for fact in self.reserved.values() for each in fact.scopes]
        charges += [each for fact in self.shared.values() for each in fact.scopes]
        for each in charges:
            paid[scope_name(each.scope)] += each.charge.rho_picos
        return dict(paid)


@dataclass(frozen=True)
class Auditor:
    """Reads with the administrator's token, over the public contract."""

    target: str
    """Address of a gateway."""
    token: Callable[[], str]
    """Of the administrator."""
    population: str

    @classmethod
    def of(cls, mesh: MeshProcess, population: str) -> "Auditor":
        """Return the auditor of an embedded mesh."""
        return cls(mesh.target, lambda: mesh.token(administrator=True), population)

    def read(self) -> Books:
        """Return the whole chain, its hashes checked by the published rule, each query's events checked for order."""
        books = Books()
        previous = bytes(32)
        for expected, entry in enumerate(self._entries()):
            assert entry.sequence == expected
            assert entry.previous_hash == previous
            assert _entry_hash(entry) == entry.entry_hash
            previous = entry.entry_hash
            for record in entry.records:
                assert hashlib.sha256(record.payload.encode()).digest() == record.digest
                _enter(books, record.event, entry.sequence)
        return books

    def read_settled(self, seconds: float) -> Books:
        """Return the books once nothing is open in them."""
        end = time.monotonic() + seconds
        while True:
            books = self.read()
            if not books.open:
                return books
            assert time.monotonic() < end, f"still open: {sorted(books.open)}"
            time.sleep(0.1)

    def spent(self) -> dict[str, int]:
        """ρ that the accountant's balances call spent, by scope, in picos."""
        with grpc.insecure_channel(self.target) as channel:
            budgets = budget_service_pb2_grpc.BudgetServiceStub(channel)
            request = budget_service_pb2.ListBudgetsRequest(population=self.population)
            response = _told(lambda: budgets.ListBudgets(request, metadata=self._metadata, timeout=20))
        return {scope_name(each.scope): each.spent.rho_picos for each in response.budgets}

    def _entries(self) -> Iterator[ledger_pb2.LedgerEntry]:
        with grpc.insecure_channel(self.target) as channel:
            ledger = ledger_service_pb2_grpc.LedgerServiceStub(channel)
            request = ledger_service_pb2.ListLedgerEntriesRequest(parent=self.population, page_size=1000)
            while True:
                page = _told(lambda: ledger.ListLedgerEntries(request, metadata=self._metadata, timeout=20))
                yield from page.ledger_entries
                if not page.next_page_token:
                    return
                request.page_token = page.next_page_token

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token()}"),)


def _told(call: Callable[[], T]) -> T:
    """Return what a call returns, asked again while a part of the mesh is away: gateways find a front that was started
    again within a few seconds.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                raise
            time.sleep(0.2)


def agree(books: Books, answers: Mapping[str, Sequence[sf.Answer]], spent: Mapping[str, int]) -> None:
    """Assert that a settled chain and the answers handed out tell one story.

    Args:
        books: the chain.
        answers: every answer that was handed out, by the id of its request.
        spent: the accountant's balances.
    """
    assert not books.open
    of_query: defaultdict[str, list[sf.Answer]] = defaultdict(list)
    for request_id, several in answers.items():
        assert len({each.query for each in several}) == 1, f"{request_id} was answered as several queries"
        for each in several:
            of_query[each.query].append(each)
    assert len(of_query) == len(answers), "two requests share a query"
    assert set(of_query) <= set(books.terminals), "answered, and not in the books"
    for query, several in of_query.items():
        _agree_on_query(books, query, several, of_query)
    assert books.paid_by_scope() == {scope: amount for scope, amount in spent.items() if amount}


def _agree_on_query(
    books: Books, query: str, several: Sequence[sf.Answer], of_query: Mapping[str, Sequence[sf.Answer]]
) -> None:
    kind, position = books.terminals[query]
    first = several[0]
    assert all(each.rows() == first.rows() for each in several), f"{query} has two different answers"
    receipt = first.receipt
    assert (receipt.query, receipt.sequence) == (query, position)
    assert receipt.statement.release_digest == books.digests[query]
    if kind == "committed":
        assert not first.repeated
        reserved = books.reserved[query]
        assert sf.Charge.of(reserved.charge) == first.charge
        assert first.charge.rho_picos > 0
        paid = {scope_name(each.scope): each.charge.rho_picos for each in reserved.scopes}
        assert set(paid.values()) == {first.charge.rho_picos}, "a scope paid another price"
        assert [each.rho_picos for each in first.paid] == list(paid.values())
        return
    assert kind == "shared", f"{query} was answered, and its terminal is {kind}"
    assert first.derived if books.shared[query].derived else first.repeated
    origin = books.shared[query].release_query
    assert books.terminals[origin][0] == "committed"
    assert books.digests[origin] == books.digests[query]
    if first.derived:  # from the numbers of a wider question
        return
    assert all(each.rows() == first.rows() for each in of_query.get(origin, ())), "a repeat differs from its release"


def scope_name(scope: scope_pb2.Scope) -> str:
    """Return the named parts of a scope."""
    return " ".join(part for part in (scope.population, scope.dataset, scope.project, scope.analyst) if part)


def _enter(books: Books, event: ledger_pb2.LedgerEvent, position: int) -> None:
    kind = event.WhichOneof("kind")
    assert kind is not None
    if kind == "reserved":
        query = event.reserved.query
        assert query not in books.reserved, f"{query} was charged twice"
        assert query not in books.shared, f"{query} was charged twice"
        books.reserved[query] = event.reserved
    elif kind in _TERMINALS:
        fact = getattr(event, kind)
        query = fact.query
        assert query not in books.terminals, f"{query} has two terminals"
        assert (query in books.reserved) == (kind != "shared"), f"{query} is answered for free"
        books.terminals[query] = (kind, position)
        if kind == "shared":
            books.shared[query] = event.shared
        if kind != "charged":
            books.digests[query] = fact.release_digest


def kinds(books: Books) -> Counter[str]:
    """Return how many queries ended how."""
    return Counter(kind for kind, _ in books.terminals.values())


def _entry_hash(entry: ledger_pb2.LedgerEntry) -> bytes:
    fields = {
        "at": entry.time.ToJsonString(),
        "population": entry.population,
        "prev_hash": entry.previous_hash.hex(),
        "records": [each.digest.hex() for each in entry.records],
        "seq": str(entry.sequence),
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).digest()
