"""Query: what was asked and paid for. History: a list of them."""

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, overload

from sfumato._core.tables import Table, clean
from sfumato.charges import Charge, is_free, short
from sfumato.errors import SfumatoError
from sfumato.receipts import LedgerEvidence, Receipt
from sfumato.v1 import query_pb2

if TYPE_CHECKING:
    from sfumato.answers import Answer


class Attendant(Protocol):
    """Who looks after a query."""

    def fetch_query(self, name: str) -> query_pb2.Query:
        """Return the query as it is."""

    def attach(self, query: query_pb2.Query, timeout: float | None) -> "Answer":
        """Wait for the answer."""

    def cancel(self, name: str) -> query_pb2.Query:
        """Give it up."""

    def evidence(self, population: str, sequence: int) -> LedgerEvidence:
        """Return what the ledger says."""


class Query:
    """A question that was paid for, whether its answer was read or not.

    Attributes:
        name: queries/{query}.
    """

    def __init__(self, attendant: Attendant, proto: query_pb2.Query) -> None:
        self._attendant = attendant
        self._proto = proto
        self.name = proto.name

    @property
    def state(self) -> str:
        """Return "open", "succeeded", "failed" or "cancelled", as of the last look."""
        return query_pb2.Query.State.Name(self._proto.state).removeprefix("STATE_").lower()

    @property
    def charge(self) -> Charge:
        """The price of the release."""
        return Charge.of(self._proto.charge)

    @property
    def paid(self) -> tuple[Charge, ...]:
        """What was paid, scope by scope; all zero where the answer had been paid for before."""
        return tuple(Charge.of(each.charge) for each in self._proto.scopes)

    @property
    def datasets(self) -> dict[str, int]:
        """Data versions by dataset."""
        return {short(each.dataset): each.version for each in self._proto.data_versions}

    @property
    def analyst(self) -> str:
        """Id of who asked."""
        return short(self._proto.analyst)

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own labels."""
        return dict(self._proto.labels)

    @property
    def create_time(self) -> datetime.datetime:
        """When it was paid, UTC."""
        return self._proto.create_time.ToDatetime(tzinfo=datetime.UTC)

    @property
    def expire_time(self) -> datetime.datetime | None:
        """When its answer can no longer be read, UTC; None: never, as policy is now. Its receipt stays."""
        if not self._proto.HasField("expire_time"):
            return None
        return self._proto.expire_time.ToDatetime(tzinfo=datetime.UTC)

    @property
    def repeated(self) -> bool:
        """Whether it was answered by the release of an equal question."""
        return self._proto.origin == query_pb2.Query.ORIGIN_REPEATED

    @property
    def derived(self) -> bool:
        """Whether it was answered from the release of a wider question."""
        return self._proto.origin == query_pb2.Query.ORIGIN_DERIVED

    @property
    def is_free(self) -> bool:
        """Whether nothing was paid for it: every scope had paid for its answer before."""
        return is_free(self._proto)

    @property
    def receipt(self) -> Receipt:
        """The signed proof.

        Raises:
            SfumatoError: it has not succeeded.
        """
        if not self._proto.HasField("receipt"):
            raise SfumatoError(f"{self.name} is {self.state} and has no receipt.")
        return Receipt(self._proto.receipt, self._proto, self._attendant.evidence)

    def refresh(self) -> "Query":
        """Look again; returns itself."""
        self._proto = self._attendant.fetch_query(self.name)
        return self

    def answer(self, timeout: float | None = None) -> "Answer":
        """Return the answer, waiting for it if need be. Free, any number of times.

        Args:
            timeout: seconds to wait; until the mesh gives up, if unset.

        Raises:
            QueryFailed: it gave no answer.
            QueryCancelled: it was cancelled.
            Unavailable: the mesh does not answer in time.
        """
        return self._attendant.attach(self._proto, timeout)

    def cancel(self) -> "Query":
        """Give it up, unless it has ended. What was paid stays paid. Returns itself."""
        self._proto = self._attendant.cancel(self.name)
        return self

    def to_proto(self) -> query_pb2.Query:
        """Return it as the wire held it; a copy."""
        copy = query_pb2.Query()
        copy.CopyFrom(self._proto)
        return copy

    def __repr__(self) -> str:
        data = ", ".join(f"{name} version {version}" for name, version in self.datasets.items())
        cost = "free" if self.is_free else str(self.charge)
        return clean(f"{self.name}: {self.state}, {cost}, {data}, paid {self.create_time:%Y-%m-%d %H:%M:%S} UTC")


class History(Sequence[Query]):
    """Queries, newest first; prints as a table."""

    def __init__(self, items: Sequence[Query]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> Query: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Query, ...]: ...
    def __getitem__(self, index: int | slice) -> Query | tuple[Query, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Query]:
        return iter(self._items)

    def _table(self) -> Table:
        rows = tuple(
            (
                f"{each.create_time:%Y-%m-%d %H:%M}",
                ", ".join(each.datasets),
                each.state + (", repeated" if each.repeated else ", derived" if each.derived else ""),
                "free" if each.is_free else str(each.charge),
                clean(each.analyst),
                each.name,
            )
            for each in self._items
        )
        return Table(("paid, UTC", "dataset", "state", "price", "who", "query"), rows)

    def __repr__(self) -> str:
        return self._table().text() if self._items else " nothing was asked yet"

    def _repr_html_(self) -> str:
        return self._table().html() if self._items else "<i>nothing was asked yet</i>"
