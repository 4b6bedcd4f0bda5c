"""A long chain, written straight into a SQLite file and kept under build/: to fold, to export, to verify."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import charge_pb2, grant_pb2, ledger_pb2, population_pb2, quote_pb2, scope_pb2
from sfumato_accountant.ledger.claim_facts import encode_facts
from sfumato_accountant.ledger.claims import ClaimRecord
from sfumato_accountant.ledger.entries import NO_HASH, make_entry
from sfumato_accountant.ledger.events import event_payload
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.stores.ports import SCHEMA_VERSION, SideKind, StoredEntry
from sfumato_accountant.stores.sqlite import SqliteStores
from sfumato_mesh.v1 import reservation_pb2
from tests.mesh_process import REPOSITORY

POPULATION: Final = "populations/flights"
KEY: Final = LedgerKey(Ed25519PrivateKey.from_private_bytes(b"b" * 32))
ANALYSTS: Final = 8
_DATASETS: Final = 4
_PRICES: Final = 997
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(milliseconds=31)
_BATCH: Final = 10_000


def large_chain(entries: int) -> Path:
    """Return the file of a chain of so many entries of one event each; it is made where it is absent."""
    path = REPOSITORY / "build" / "bench" / f"chain-{SCHEMA_VERSION}-{entries}.sqlite"
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        _write(draft, entries)
        draft.rename(path)
    return path


def _write(path: Path, count: int) -> None:
    asyncio.run(SqliteStores(path).close())  # makes the tables
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = DELETE")
    previous, sequence, claims = NO_HASH, 0, _Claims()
    events = _events(claims)
    while sequence < count:
        rows = []
        for _ in range(min(_BATCH, count - sequence)):
            event, facts = next(events)
            entry = _entry(sequence, previous, event, facts)
            rows.append(entry)
            previous, sequence = entry.entry_hash, sequence + 1
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO sides VALUES (?, ?, ?)", claims.taken())
        connection.execute("COMMIT")
    connection.close()


def _entry(sequence: int, previous: bytes, event: ledger_pb2.LedgerEvent, facts: bytes) -> StoredEntry:
    at = _START + sequence * _STEP
    return make_entry(POPULATION, sequence, at, previous, [event_payload(event)], KEY, (facts,))


class _Claims:
    """Claims that wait to be written."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, bytes]] = []

    def put(self, query: int, analyst: str) -> ClaimRecord:
        claim = reservation_pb2.Claim(
            query_id=query_id(query),
            body_digest=_digest("body", query),
            population=POPULATION,
            plan_digest=_digest("plan", query // 3),
            family_digest=_digest("family", query // 9),
            salt=_digest("salt", query)[:16],
            analyst=analyst,
        )
        record = ClaimRecord.of(claim)
        self._rows.append((SideKind.CLAIM.value, claim.query_id, record.body))
        return record

    def taken(self) -> list[tuple[str, str, bytes]]:
        rows, self._rows = self._rows, []
        return rows


def query_id(query: int) -> str:
    """Return the UUID of a query of the chain."""
    return str(UUID(bytes=_digest("query", query)[:16]))


def _events(claims: _Claims) -> Iterator[tuple[ledger_pb2.LedgerEvent, bytes]]:
    """Genesis, grants, then queries: of 99, 96 are committed, two are charged, one shares a release."""
    key = ledger_pb2.Genesis(public_key=KEY.public_key, accounting=population_pb2.ACCOUNTING_ZCDP)
    yield ledger_pb2.LedgerEvent(salt=_digest("genesis", 0)[:16], genesis=key), b""
    for number, scope in enumerate(_granted()):
        limit = charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=10**18, delta_attos=10**15))
        grant = grant_pb2.Grant(name=f"{POPULATION}/grants/g{number}", scope=scope, limit=limit)
        granted = ledger_pb2.Granted(grant=grant, justification="as agreed by all")
        yield ledger_pb2.LedgerEvent(salt=_digest("grant", number)[:16], user="users/cleo", granted=granted), b""
    query = 0
    while True:
        analyst = f"users/analyst-{query % ANALYSTS}"
        record = claims.put(query, analyst)
        facts = encode_facts(record.facts)
        if query % 99 == 98:
            yield _shared(query, record, analyst), facts
        else:
            yield _reserved(query, record, analyst), facts
            yield _terminal(query), b""
        query += 1


def _granted() -> list[scope_pb2.Scope]:
    analysts = [scope_pb2.Scope(population=POPULATION, analyst=f"users/analyst-{n}") for n in range(ANALYSTS)]
    datasets = [scope_pb2.Scope(population=POPULATION, dataset=f"datasets/table-{n}") for n in range(_DATASETS)]
    return [scope_pb2.Scope(population=POPULATION), *analysts, *datasets]


def _reserved(query: int, record: ClaimRecord, analyst: str) -> ledger_pb2.LedgerEvent:
    event = ledger_pb2.LedgerEvent(salt=_digest("reserved", query)[:16], user=analyst)
    charge = _charge(query)
    scopes = [
        scope_pb2.Scope(population=POPULATION),
        scope_pb2.Scope(population=POPULATION, analyst=analyst),
        scope_pb2.Scope(population=POPULATION, dataset=_dataset(query)),
    ]
    event.reserved.query = f"queries/{query_id(query)}"
    event.reserved.claim_digest = record.digest
    event.reserved.data_versions.append(_version(query))
    event.reserved.charge.CopyFrom(charge)
    event.reserved.scopes.extend(scope_pb2.ScopeCharge(scope=scope, charge=charge) for scope in scopes)
    event.reserved.give_up_time.FromDatetime(_START + 10 * query * _STEP)
    return event


def _terminal(query: int) -> ledger_pb2.LedgerEvent:
    event = ledger_pb2.LedgerEvent(salt=_digest("terminal", query)[:16])
    if query % 99 in (50, 51):
        event.charged.query = f"queries/{query_id(query)}"
        return event
    event.committed.query = f"queries/{query_id(query)}"
    event.committed.attempt = str(UUID(bytes=_digest("attempt", query)[:16]))
    event.committed.release_digest = _digest("release", query)
    event.committed.data_versions.append(_version(query))
    return event


def _shared(query: int, record: ClaimRecord, analyst: str) -> ledger_pb2.LedgerEvent:
    """Share the release of the query before, which asks the same."""
    event = ledger_pb2.LedgerEvent(salt=_digest("shared", query)[:16], user=analyst)
    shared, before = event.shared, _terminal(query - 1).committed
    shared.query = f"queries/{query_id(query)}"
    shared.claim_digest = record.digest
    shared.release_query = before.query
    shared.attempt = before.attempt
    shared.release_digest = before.release_digest
    shared.data_versions.extend(before.data_versions)
    shared.charge.CopyFrom(_charge(query - 1))
    scope = scope_pb2.Scope(population=POPULATION, analyst=analyst)
    shared.scopes.append(scope_pb2.ScopeCharge(scope=scope, charge=shared.charge))
    return event


def _charge(query: int) -> charge_pb2.Charge:
    return charge_pb2.Charge(rho_picos=10_000 + query % _PRICES)


def _version(query: int) -> quote_pb2.DataVersion:
    return quote_pb2.DataVersion(dataset=_dataset(query), version=1 + query // 100_000)


def _dataset(query: int) -> str:
    return f"datasets/table-{query // 3 % _DATASETS}"


def _digest(of: str, number: int) -> bytes:
    return sha256(f"{of} {number}".encode()).digest()
