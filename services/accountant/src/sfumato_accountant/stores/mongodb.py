"""MongoDB, or any server that speaks its wire protocol: majority writes in the journal, majority reads.

Only what every compatible server does soundly is used: inserts under a unique `_id`, replacements by filter of what
exists, range reads by `_id`. No transactions, no upserts, no returned values of either. Collections are unsharded.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from sfumato_accountant.stores.documents import document_entry, entry_document
from sfumato_accountant.stores.ports import (
    SCHEMA_VERSION,
    Record,
    Side,
    SideKind,
    StoredEntry,
    StoreUnavailable,
    StoreVersionUnknown,
)

P = ParamSpec("P")
T = TypeVar("T")
Document = dict[str, Any]

_DUPLICATE: Final = 11000
_TIMEOUT_MS: Final = 5_000
_LAST: Final = "\U0010ffff"


def _answering(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Turn what the driver raises into StoreUnavailable: its text names hosts and values."""

    @wraps(method)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except PyMongoError as error:
            raise StoreUnavailable(type(error).__name__) from error

    return wrapped


class MongodbLedgerStore:
    """LedgerStore on MongoDB."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._entries = database["entries"]
        self._sides = database["sides"]
        self._database = database

    @_answering
    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        """Insert the sides, then the entry; see LedgerStore."""
        if sides:
            await self._put_sides(sides)
        document = {"_id": _entry_id(entry.population, entry.sequence), **entry_document(entry)}
        try:
            await self._entries.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    @_answering
    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        """Read a part of a chain; see LedgerStore."""
        bounds = {"$gte": _entry_id(population, start_sequence), "$lt": f"{population}/{_LAST}"}
        found = self._entries.find({"_id": bounds}).sort("_id", ASCENDING).limit(limit)
        return [document_entry(each) async for each in found]

    def reaches(self, population: str, sequence: int) -> bool | None:  # noqa: ARG002
        """Return None: only a round trip tells."""
        return None

    @_answering
    async def put_side(self, side: Side) -> bytes | None:
        """Put a side record if absent; see LedgerStore."""
        try:
            await self._sides.insert_one({"_id": f"{side.kind}/{side.id}", "body": side.body})
        except DuplicateKeyError:
            found = await self._sides.find_one({"_id": f"{side.kind}/{side.id}"})
            if found is None:
                raise StoreUnavailable("a side record is there and not yet with a majority") from None
            return bytes(found["body"])
        return None

    @_answering
    async def get_sides(self, kind: SideKind, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Read side records; see LedgerStore."""
        if not ids:
            return {}
        found = self._sides.find({"_id": {"$in": [f"{kind}/{each}" for each in ids]}})
        return {each["_id"][len(kind) + 1 :]: bytes(each["body"]) async for each in found}

    @_answering
    async def list_side_ids(self, kind: SideKind) -> list[str]:
        """List ids of side records; see LedgerStore."""
        bounds = {"$gte": f"{kind}/", "$lt": f"{kind}/{_LAST}"}
        found = self._sides.find({"_id": bounds}, {"_id": 1}).sort("_id", ASCENDING)
        return [each["_id"][len(kind) + 1 :] async for each in found]

    @_answering
    async def list_sides(self, kind: SideKind, *, after: str = "", limit: int) -> list[Side]:
        """List side records; see WholeLedgerStore."""
        bounds = {"$gt": f"{kind}/{after}", "$lt": f"{kind}/{_LAST}"}
        found = self._sides.find({"_id": bounds}).sort("_id", ASCENDING).limit(limit)
        return [Side(kind, each["_id"][len(kind) + 1 :], bytes(each["body"])) async for each in found]

    @_answering
    async def now(self) -> datetime | None:
        """Return the server's time."""
        answer = await self._database.client.admin.command("hello")
        time = answer.get("localTime")
        return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None

    async def _put_sides(self, sides: Sequence[Side]) -> None:
        documents = [{"_id": f"{each.kind}/{each.id}", "body": each.body} for each in sides]
        try:
            await self._sides.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            others = [each for each in details.get("writeErrors", ()) if each.get("code") != _DUPLICATE]
            if others or details.get("writeConcernErrors"):
                raise


class MongodbRecordStore:
    """RecordStore on MongoDB."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._records = database["records"]

    @_answering
    async def insert(self, kind: str, id: str, body: bytes, etag: str) -> bool:  # noqa: A002
        """Put a new document; see RecordStore."""
        try:
            await self._records.insert_one({"_id": f"{kind}/{id}", "body": body, "etag": etag})
        except DuplicateKeyError:
            return False
        return True

    @_answering
    async def replace(self, kind: str, id: str, body: bytes, etag: str, expected_etag: str) -> bool:  # noqa: A002
        """Replace a document; see RecordStore."""
        key = f"{kind}/{id}"
        result = await self._records.replace_one({"_id": key, "etag": expected_etag}, {"body": body, "etag": etag})
        return result.matched_count == 1

    @_answering
    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002
        """Read a document; see RecordStore."""
        found = await self._records.find_one({"_id": f"{kind}/{id}"})
        return None if found is None else Record(id, bytes(found["body"]), found["etag"])

    @_answering
    async def list(self, kind: str, *, after: str = "", prefix: str = "", limit: int) -> list[Record]:
        """List documents; see RecordStore."""
        bounds: Document = {"$gte": f"{kind}/{prefix}", "$gt": f"{kind}/{after}", "$lt": f"{kind}/{prefix}{_LAST}"}
        found = self._records.find({"_id": bounds}).sort("_id", ASCENDING).limit(limit)
        return [Record(each["_id"][len(kind) + 1 :], bytes(each["body"]), each["etag"]) async for each in found]

    @_answering
    async def kinds(self) -> tuple[str, ...]:
        """Tell kinds of documents; see WholeRecordStore. One look for each kind: ids begin with it, and a slash."""
        kinds: tuple[str, ...] = ()
        after, order = "", [("_id", ASCENDING)]
        while (found := await self._records.find_one({"_id": {"$gt": after}}, {"_id": 1}, sort=order)) is not None:
            kinds = (*kinds, str(found["_id"]).partition("/")[0])
            after = f"{kinds[-1]}/{_LAST}"
        return kinds

    @_answering
    async def delete(self, kind: str, id: str) -> bool:  # noqa: A002
        """Remove a document; see RecordStore."""
        return (await self._records.delete_one({"_id": f"{kind}/{id}"})).deleted_count == 1


class MongodbStores:
    """Both ports on one database of a MongoDB server."""

    def __init__(self, client: AsyncMongoClient[Document], database: AsyncDatabase[Document]) -> None:
        self._client = client
        self.ledger = MongodbLedgerStore(database)
        self.records = MongodbRecordStore(database)

    @classmethod
    async def open(cls, url: str) -> "MongodbStores":
        """Connect to mongodb://…/DATABASE.

        Raises:
            StoreUnavailable: no server answers.
            StoreVersionUnknown: the database has another layout.
            ValueError: the address names no database.
        """
        instrumentor = PymongoInstrumentor()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
        name = parse_uri(url)["database"]
        if not name:
            raise ValueError("the address of the store names no database: mongodb://HOST/DATABASE")
        # A retried write would answer 11000 for its own first try; the chain finds that out by folding again.
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, retryWrites=False, serverSelectionTimeoutMS=_TIMEOUT_MS, socketTimeoutMS=2 * _TIMEOUT_MS, tz_aware=True
        )
        database = client.get_database(
            name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=_TIMEOUT_MS),
            read_concern=ReadConcern("majority"),
        )
        try:
            await _open_schema(database)
        except BaseException:
            await client.close()
            raise
        return cls(client, database)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@_answering
async def _open_schema(database: AsyncDatabase[Document]) -> None:
    """Mark an empty database with the layout's version; refuse one of another version."""
    try:
        await database["meta"].insert_one({"_id": "layout", "version": SCHEMA_VERSION})
    except DuplicateKeyError:
        found = await database["meta"].find_one({"_id": "layout"})
        version = None if found is None else found.get("version")
        if version != SCHEMA_VERSION:
            raise StoreVersionUnknown(
                f"the store has layout {version}; this version of Sfumato knows {SCHEMA_VERSION}"
            ) from None


def _entry_id(population: str, sequence: int) -> str:
    return f"{population}/{sequence:019d}"
