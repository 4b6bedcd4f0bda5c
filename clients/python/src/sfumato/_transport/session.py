"""Session: the public services, one method a call. What the synchronous classes stand on."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from sfumato._core.amounts import refused
from sfumato._core.plans import resource
from sfumato._core.streams import AnswerReader
from sfumato._transport.answers import collect
from sfumato._transport.calls import check_size
from sfumato._transport.models import PAGE, ModelCalls
from sfumato.answers import Answer
from sfumato.quotes import Quote
from sfumato.receipts import LedgerEvidence
from sfumato.v1 import (
    budget_service_pb2,
    budget_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    query_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
)

if TYPE_CHECKING:
    from sfumato._transport.answers import Event
    from sfumato._transport.calls import Stream

_QUERY: Final = re.compile(r"queries/[0-9a-f-]{36}")


class Session(ModelCalls):
    """Calls to the services that analysts use."""

    @property
    def target(self) -> str:
        """host:port."""
        return self.calls.connection.target

    @property
    def _queries(self) -> query_service_pb2_grpc.QueryServiceStub:
        return self.calls.stub(query_service_pb2_grpc.QueryServiceStub)

    def close(self) -> None:
        """End the connection."""
        self.calls.close()

    def mesh(self) -> identity_service_pb2.GetMeshResponse:
        """Return public facts of the server."""
        stub = self.calls.stub(identity_service_pb2_grpc.IdentityServiceStub)
        return self.calls.unary(stub.GetMesh, identity_service_pb2.GetMeshRequest())

    def caller(self) -> identity_service_pb2.GetCallerResponse:
        """Return who asks."""
        stub = self.calls.stub(identity_service_pb2_grpc.IdentityServiceStub)
        return self.calls.unary(stub.GetCaller, identity_service_pb2.GetCallerRequest())

    def datasets(self) -> Iterator[dataset_pb2.Dataset]:
        """Yield the datasets that the caller may query or administers."""
        stub = self.calls.stub(dataset_service_pb2_grpc.DatasetServiceStub)
        request = dataset_service_pb2.ListDatasetsRequest(page_size=PAGE)
        for page in self.calls.pages(stub.ListDatasets, request):
            yield from page.datasets

    def dataset(self, name: str) -> dataset_service_pb2.GetDatasetResponse:
        """Return one dataset and its population."""
        stub = self.calls.stub(dataset_service_pb2_grpc.DatasetServiceStub)
        request = dataset_service_pb2.GetDatasetRequest(name=required("datasets", name))
        return self.calls.unary(stub.GetDataset, request)

    def budgets(self, *, dataset: str = "", delta_attos: int = 0) -> Iterator[budget_service_pb2.Budget]:
        """Yield the scopes that the caller may spend from or see."""
        stub = self.calls.stub(budget_service_pb2_grpc.BudgetServiceStub)
        request = budget_service_pb2.ListBudgetsRequest(
            page_size=PAGE, dataset=resource("datasets", dataset), delta_attos=delta_attos
        )
        for page in self.calls.pages(stub.ListBudgets, request):
            yield from page.budgets

    def delegate(self, request: budget_service_pb2.DelegateBudgetRequest) -> budget_service_pb2.DelegateBudgetResponse:
        """Lend part of a scope."""
        stub = self.calls.stub(budget_service_pb2_grpc.BudgetServiceStub)
        return self.calls.unary(stub.DelegateBudget, request)

    def reclaim(self, request: budget_service_pb2.ReclaimBudgetRequest) -> budget_service_pb2.ReclaimBudgetResponse:
        """Take back what is not spent of a lent grant."""
        stub = self.calls.stub(budget_service_pb2_grpc.BudgetServiceStub)
        return self.calls.unary(stub.ReclaimBudget, request)

    def timeline(
        self, request: budget_service_pb2.GetBudgetTimelineRequest
    ) -> budget_service_pb2.GetBudgetTimelineResponse:
        """Return how a scope was spent over time."""
        stub = self.calls.stub(budget_service_pb2_grpc.BudgetServiceStub)
        return self.calls.unary(stub.GetBudgetTimeline, request)

    def ask_price(self, request: query_service_pb2.QuoteQueryRequest) -> Quote:
        """Return the quote."""
        response = self.calls.unary(self._queries.QuoteQuery, request)
        return Quote(response.quote, request.question)

    def ask(self, request: query_service_pb2.RunQueryRequest, timeout: float | None) -> Answer:
        """Pay, and return the answer, over as many streams as it takes."""
        check_size(request)
        run = self._queries.RunQuery

        def start(deadline: float) -> "Stream[Event]":
            return run(request, timeout=deadline, metadata=self.calls.metadata)

        reader = collect(
            self.calls,
            start,
            self._join,
            timeout=timeout,
            found_by=f"the same call with request_id={request.request_id!r}",
        )
        return Answer(reader, request_id=request.request_id, evidence=self.evidence)

    def rehearse(self, request: query_service_pb2.RunDummyQueryRequest) -> Answer:
        """Return an answer on made-up rows; a cut stream is begun anew."""
        check_size(request)
        run = self._queries.RunDummyQuery

        def start(deadline: float) -> "Stream[Event]":
            return run(request, timeout=deadline, metadata=self.calls.metadata)

        return Answer(collect(self.calls, start, None, found_by="the same call"), is_dummy=True)

    def attach(self, query: query_pb2.Query, timeout: float | None) -> Answer:
        """Wait for the answer of a query."""

        def start(deadline: float) -> "Stream[Event]":
            return self._join(query.name, 0, deadline)

        reader = AnswerReader(query=query)
        return Answer(collect(self.calls, start, self._join, reader=reader, timeout=timeout), evidence=self.evidence)

    def _join(self, name: str, start_row: int, deadline: float) -> "Stream[Event]":
        request = query_service_pb2.AttachQueryRequest(name=name, start_row=start_row)
        return self._queries.AttachQuery(request, timeout=deadline, metadata=self.calls.metadata)

    def queries(self, dataset: str, labels: Mapping[str, str], limit: int) -> Iterator[query_pb2.Query]:
        """Yield queries that the caller may see, newest first."""
        request = query_service_pb2.ListQueriesRequest(
            page_size=min(limit, PAGE), dataset=resource("datasets", dataset), labels=labels
        )
        pages = self.calls.pages(self._queries.ListQueries, request)
        return islice((each for page in pages for each in page.queries), limit)

    def fetch_query(self, name: str) -> query_pb2.Query:
        """Return a query as it is."""
        request = query_service_pb2.GetQueryRequest(name=query_name(name))
        return self.calls.unary(self._queries.GetQuery, request).query

    def cancel(self, name: str) -> query_pb2.Query:
        """Give a query up."""
        request = query_service_pb2.CancelQueryRequest(name=query_name(name))
        return self.calls.unary(self._queries.CancelQuery, request).query

    def evidence(self, population: str, sequence: int) -> LedgerEvidence:
        """Return keys and head of a ledger, and its entry at a position."""
        stub = self.calls.stub(ledger_service_pb2_grpc.LedgerServiceStub)
        listed = self.calls.unary(
            stub.ListLedgerEntries,
            ledger_service_pb2.ListLedgerEntriesRequest(parent=population, page_size=1, start_sequence=sequence),
        )
        head = self.calls.unary(stub.GetLedgerHead, ledger_service_pb2.GetLedgerHeadRequest(population=population))
        entry = listed.ledger_entries[0] if listed.ledger_entries else None
        return LedgerEvidence(tuple(head.keys), head.head, entry)


def required(collection: str, name: str) -> str:
    """Return "datasets/penguins" for "penguins".

    Raises:
        InvalidRequest: it is no id.
    """
    if not isinstance(name, str) or not name:
        raise refused(collection[:-1], "a name is needed")
    return resource(collection, name)


def query_name(name: str) -> str:
    """Return "queries/…" for an id."""
    full = name if name.startswith("queries/") else f"queries/{name}"
    if not _QUERY.fullmatch(full):
        raise refused("query", f"{name!r} is no query", "queries/ and 36 characters, as in mesh.history()")
    return full
