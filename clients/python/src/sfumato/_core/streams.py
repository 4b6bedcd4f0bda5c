"""The stream of an answer as a state machine: what came, what is missing, where to go on. No I/O.

A stream may be cut anywhere. What is known then decides how it goes on: without a query's name the same request is
sent again; with it, AttachQuery from the first row that is missing.
"""

from dataclasses import dataclass, field

from sfumato._core.crc32c import crc32c
from sfumato._core.decoding import ArrowTable
from sfumato.errors import CorruptAnswer
from sfumato.v1 import arrow_pb2, query_pb2


class Damaged(Exception):  # noqa: N818
    """This stream cannot be read on; another one may be. What it brought before stands."""


@dataclass
class TableReader:
    """Collects the schema and the batches of one table."""

    rows: int = 0
    """Rows that have arrived: where a new stream starts."""
    _schema: bytes = b""
    _batches: list[bytes] = field(default_factory=list)

    @property
    def has_schema(self) -> bool:
        """Whether the columns are known: without them there is no table, not even an empty one."""
        return bool(self._schema)

    def table(self) -> ArrowTable:
        """Return the whole table; only after its end."""
        return ArrowTable(self._schema, tuple(self._batches))

    def take_schema(self, schema: bytes) -> None:
        """Take the columns, once more where the stream is another one.

        Raises:
            CorruptAnswer: they are others than before; nothing repairs that.
        """
        if self._schema and schema != self._schema:
            raise CorruptAnswer("the answer has other columns than before.")
        self._schema = schema

    def take_batch(self, batch: arrow_pb2.ArrowBatch) -> None:
        """Take the next rows.

        Raises:
            Damaged: the batch is broken, or leaves a gap.
        """
        if not self._schema:
            raise Damaged("a batch came before the schema")
        if batch.start_offset != self.rows:
            raise Damaged(f"a batch starts at row {batch.start_offset}, row {self.rows} is missing")
        if crc32c(batch.serialized_record_batch) != batch.crc32c:
            raise Damaged(f"the batch at row {self.rows} has a wrong checksum")
        self._batches.append(batch.serialized_record_batch)
        self.rows += batch.row_count


@dataclass
class AnswerReader(TableReader):
    """Collects one answer from one or more streams of events."""

    query: query_pb2.Query = field(default_factory=query_pb2.Query)
    """The query as last told."""
    progress: query_pb2.Progress | None = None
    """The last sign of life."""
    complete: query_pb2.Complete | None = None
    """Set once the answer is whole."""

    @property
    def name(self) -> str:
        """queries/{query}; empty until the first event."""
        return self.query.name

    def feed(self, event: query_pb2.QueryEvent) -> None:
        """Take one event.

        Raises:
            Damaged: a batch is broken, or batches leave a gap: read on from `rows` with a new stream.
            CorruptAnswer: the answer is another than before; nothing repairs that.
        """
        match event.WhichOneof("kind"):
            case "query":
                self._take_query(event.query)
            case "progress":
                self.progress = event.progress
            case "schema":
                self.take_schema(event.schema.serialized_schema)
            case "batch":
                self.take_batch(event.batch)
            case "complete":
                self._take_complete(event.complete)
            case _:  # a kind of a later version
                return

    def _take_query(self, query: query_pb2.Query) -> None:
        if self.name and query.name and query.name != self.name:
            raise CorruptAnswer(f"the stream of {self.name} went on with {query.name}.")
        self.query = query

    def _take_complete(self, complete: query_pb2.Complete) -> None:
        if complete.row_count != self.rows:
            raise Damaged(f"{self.rows} of {complete.row_count} rows came")
        if not self._schema:
            raise Damaged("the answer ended without its schema")
        self.complete = complete
        if complete.query.name:
            self._take_query(complete.query)
