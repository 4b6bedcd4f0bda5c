"""Rows of a snapshot: tables, and how an ended query is packed into one."""

import zlib
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.claim_facts import digests_of, pack_facts
from sfumato_accountant.ledger.events import Versions
from sfumato_accountant.ledger.odometer import instant, micros
from sfumato_accountant.ledger.paid_queries import QueryState
from sfumato_accountant.ledger.paid_texts import Claim, EndedTexts, OpenTexts, ended_query, open_query

FORMAT: Final = 1
CHUNK: Final = 4096
"""Hashes, or payments of a scope, in one row at most."""

SCHEMA: Final = (
    "CREATE TABLE queries (number INTEGER PRIMARY KEY, id TEXT NOT NULL, paid_at INTEGER NOT NULL,"
    " ended INTEGER NOT NULL, release BLOB, family BLOB, body BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX queries_id ON queries (id)",
    "CREATE INDEX queries_paid ON queries (paid_at)",
    "CREATE INDEX queries_release ON queries (release) WHERE release IS NOT NULL",
    "CREATE INDEX queries_family ON queries (family) WHERE family IS NOT NULL",
    "CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE named (name INTEGER, paid_at INTEGER, query INTEGER, PRIMARY KEY (name, paid_at, query))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE open (id TEXT PRIMARY KEY, place INTEGER NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE payers (source TEXT, scope TEXT, PRIMARY KEY (source, scope)) STRICT, WITHOUT ROWID",
    "CREATE TABLE events (sequence INTEGER NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL) STRICT",
    "CREATE TABLE payments (scope TEXT, first_at INTEGER, first INTEGER, sums BLOB NOT NULL,"
    " PRIMARY KEY (scope, first)) STRICT, WITHOUT ROWID",
    "CREATE TABLE hashes (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT",
    "CREATE TABLE head (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), population TEXT NOT NULL,"
    " sequence INTEGER NOT NULL, hash BLOB NOT NULL, at TEXT NOT NULL, key_id TEXT NOT NULL, signature BLOB NOT NULL,"
    " queries INTEGER NOT NULL) STRICT",
)

_DICTIONARY: Final = (
    b'","records":[","withheld","derived":true,"project":"projects/","cancelled":true"epsilon_picos":"1000000000000",'
    b'"delta_attos":"1000000000000"{"charged":{"cancelled":true,"query":"queries/{"salt":"==","shared":{"attempt":"'
    b'"release_query":"queries/{"committed":{"attempt":"","data_versions":[{"dataset":"datasets/","version":"1"}],'
    b'"query":"queries/","release_digest":"="},"salt":"=="}{"reserved":{"charge":{"rho_picos":"1000000000"},'
    b'"claim_digest":"=","data_versions":[{"dataset":"datasets/","version":"1"}],"give_up_time":"2026-11-24T12:00:00Z",'
    b'"query":"queries/","scopes":[{"charge":{"rho_picos":"1000000000"},"scope":{"population":"populations/"}},'
    b'{"charge":{"rho_picos":"1000000000"},"scope":{"analyst":"users/","population":"populations/"}},'
    b'{"charge":{"rho_picos":"1000000000"},"scope":{"dataset":"datasets/","population":"populations/"}}]},'
    b'"salt":"==","user":"users/"}'
)
"""What texts of events have in common, the commonest last. Part of the format."""
_WINDOW_BITS: Final = 12


class QueryRow(NamedTuple):
    """An ended query."""

    number: int
    """In the order of terminals."""
    id: str
    paid_at: int
    ended: int
    release: bytes | None
    """Key of the question on its versions, where its release is committed."""
    family: bytes | None
    body: bytes
    names: frozenset[str]
    """users/{user} who asked, projects/{project} that paid, datasets/{dataset} that it reads."""


def index_key(digest: bytes, versions: Versions) -> bytes:
    """Return what finds the releases of a question, or of a family, on such versions; 16 bytes."""
    return sha256(digest + orjson.dumps(versions)).digest()[:16]


def scope_text(scope: ScopeKey) -> str:
    """Return a scope as it stands in a row."""
    return orjson.dumps(tuple(scope)).decode()  # a bare tuple: orjson knows no others


def read_scope(text: str) -> ScopeKey:
    """Return the scope of such a text."""
    return ScopeKey(*orjson.loads(text))


def query_row(number: int, texts: EndedTexts) -> QueryRow:
    """Return the row of an ended query."""
    text, claim, sequence, at, charge, terminal, ended, ended_at = texts
    query = ended_query(texts)
    release = family = None
    if query.state is QueryState.COMMITTED:
        plan_digest, family_digest = digests_of(claim)
        release = index_key(plan_digest, query.versions)
        family = index_key(family_digest, query.versions) if family_digest else None
    price = None if charge is None else (charge.rho_picos, charge.epsilon_picos, charge.delta_attos)
    body = _packed(claim, (text, sequence, micros(at), _decimals(price), terminal, ended, micros(ended_at)))
    names = frozenset((query.analyst, *([query.project] if query.project else ()), *query.datasets))
    return QueryRow(number, query.query_id, micros(at), ended, release, family, body, names)


def ended_texts(body: bytes) -> EndedTexts:
    """Return the query of a row's body."""
    claim, (text, sequence, at, price, terminal, ended, ended_at) = _unpacked(body)
    charge = None
    if price is not None:
        rho, epsilon, delta = price
        charge = Loss(int(rho), None if epsilon is None else int(epsilon), int(delta))
    return text, claim, sequence, instant(at), charge, terminal, ended, instant(ended_at)


def open_row(place: int, texts: OpenTexts) -> tuple[str, int, bytes]:
    """Return the row of a query without a terminal."""
    text, claim, sequence, at, versions = texts
    return open_query(texts).query_id, place, _packed(claim, (text, sequence, micros(at), versions))


def open_texts(body: bytes) -> OpenTexts:
    """Return the query of such a row's body."""
    claim, (text, sequence, at, versions) = _unpacked(body)
    return text, claim, sequence, instant(at), tuple((dataset, version) for dataset, version in versions)


def _packed(claim: Claim, parts: tuple[Any, ...]) -> bytes:
    """Return a claim's facts, led by their length in four bytes, and the rest, compressed."""
    facts = claim if isinstance(claim, bytes) else pack_facts(claim)
    packer = zlib.compressobj(level=1, wbits=-_WINDOW_BITS, memLevel=5, zdict=_DICTIONARY)
    return len(facts).to_bytes(4) + facts + packer.compress(orjson.dumps(parts)) + packer.flush()


def _unpacked(body: bytes) -> tuple[bytes, list[Any]]:
    end = 4 + int.from_bytes(body[:4])
    unpacker = zlib.decompressobj(wbits=-_WINDOW_BITS, zdict=_DICTIONARY)
    return body[4:end], orjson.loads(unpacker.decompress(body[end:]))


def _decimals(numbers: tuple[int | None, ...] | None) -> list[str | None] | None:
    return None if numbers is None else [None if each is None else str(each) for each in numbers]
