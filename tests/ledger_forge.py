"""Ledgers written by hand, honest or not: what tests of verifiers read. Shares no code with accountant or verifier."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToDict

from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato.v1.charge_pb2 import Charge, EpsilonDelta, LossLimit, RhoDelta
from sfumato.v1.grant_pb2 import BudgetWindow, Grant
from sfumato.v1.ledger_service_pb2 import ExportHeader, ExportLedgerResponse
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP, Accounting
from sfumato.v1.quote_pb2 import DataVersion
from sfumato.v1.scope_pb2 import Scope, ScopeCharge

POPULATION = "populations/palmer"
DATASET = "datasets/penguins"
ADA, BOB, CLEO = "users/ada", "users/bob", "users/cleo"
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
Parts = list[ExportLedgerResponse]


def key_of(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def key_id(key: Ed25519PrivateKey) -> str:
    return hashlib.sha256(public(key)).hexdigest()[:16]


def canonical(fields: Any) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def rho(picos: int, delta: int = 0) -> LossLimit:
    return LossLimit(rho=RhoDelta(rho_picos=picos, delta_attos=delta))


def epsilon(picos: int, delta: int = 0, share: int = 0) -> LossLimit:
    return LossLimit(epsilon=EpsilonDelta(epsilon_picos=picos, delta_attos=delta), threshold_delta_attos=share)


def grant_name(scope: Scope) -> str:
    parts = (("dataset", scope.dataset), ("project", scope.project), ("analyst", scope.analyst))
    named = [f"{kind}-{part.partition('/')[2]}" for kind, part in parts if part]
    return f"{scope.population}/grants/{'.'.join(named) or 'population'}"


class Forge:
    """Writes one chain. Every method appends an entry of one event; nothing is checked."""

    def __init__(
        self, population: str = POPULATION, *, accounting: "Accounting" = ACCOUNTING_ZCDP, **genesis: Any
    ) -> None:
        self.population = population
        self.now = START
        self.key = key_of(1)
        self.keys: list[tuple[Ed25519PrivateKey, datetime]] = [(self.key, START)]
        self.entries: list[ledger_pb2.LedgerEntry] = []
        self.append(
            ledger_pb2.LedgerEvent(
                genesis=ledger_pb2.Genesis(public_key=public(self.key), accounting=accounting, **genesis)
            )
        )

    # Entries.

    def append(self, *events: ledger_pb2.LedgerEvent) -> None:
        """Append an entry of such events; a salt is given to each that has none."""
        for event in events:
            event.salt = event.salt or hashlib.sha256(f"{len(self.entries)}".encode()).digest()[:16]
        self.append_texts(canonical(MessageToDict(event, preserving_proto_field_name=True)) for event in events)

    def append_texts(self, payloads: Iterable[str]) -> None:
        """Append an entry of such texts."""
        entry = ledger_pb2.LedgerEntry(population=self.population, sequence=len(self.entries))
        entry.time.FromDatetime(self.now)
        entry.records.extend(
            ledger_pb2.LedgerRecord(digest=hashlib.sha256(each.encode()).digest(), payload=each) for each in payloads
        )
        self.entries.append(entry)
        self.seal(entry.sequence)

    def seal(self, start: int, key: Ed25519PrivateKey | None = None) -> None:
        """Give the entries from a position on their hashes and signatures, as who holds the key can."""
        for position in range(start, len(self.entries)):
            entry = self.entries[position]
            entry.previous_hash = self.entries[position - 1].entry_hash if position else bytes(32)
            fields = {
                "at": entry.time.ToJsonString(),
                "population": entry.population,
                "prev_hash": entry.previous_hash.hex(),
                "records": [each.digest.hex() for each in entry.records],
                "seq": str(entry.sequence),
            }
            entry.entry_hash = hashlib.sha256(canonical(fields).encode()).digest()
            entry.signature.CopyFrom(self.signature(entry.sequence, entry.entry_hash, key or self.key))

    def signature(self, sequence: int, entry_hash: bytes, key: Ed25519PrivateKey) -> receipt_pb2.Signature:
        text = canonical({"hash": entry_hash.hex(), "population": self.population, "seq": str(sequence)})
        signed = key.sign(b"sfumato.v1.LedgerHead\n" + text.encode())
        return receipt_pb2.Signature(key_id=key_id(key), ed25519=signed)

    def payload(self, sequence: int, text: str) -> None:
        """Put another text in the place of an entry's only event, with its digest."""
        (record,) = self.entries[sequence].records
        record.payload, record.digest = text, hashlib.sha256(text.encode()).digest()

    def pass_time(self, **spans: float) -> None:
        self.now += timedelta(**spans)

    # Events.

    def scope(self, dataset: str = "", project: str = "", analyst: str = "") -> Scope:
        return Scope(population=self.population, dataset=dataset, project=project, analyst=analyst)

    def grant(
        self,
        limit: LossLimit,
        *,
        window: BudgetWindow | None = None,
        parent: Scope | None = None,
        user: str = CLEO,
        **parts: str,
    ) -> None:
        scope = self.scope(**parts)
        given = Grant(name=grant_name(scope), scope=scope, limit=limit, window=window)
        if parent is not None:
            given.parent = grant_name(parent)
        fact = ledger_pb2.Granted(grant=given, justification="agreed with the owner")
        self.append(ledger_pb2.LedgerEvent(user=user, granted=fact))

    def freeze(self, frozen: bool = True, **parts: str) -> None:
        fact = ledger_pb2.Frozen(scope=self.scope(**parts), frozen=frozen, justification="something is odd")
        self.append(ledger_pb2.LedgerEvent(user=CLEO, frozen=fact))

    def charges(self, charge: Charge, scopes: Sequence[Scope]) -> list[ScopeCharge]:
        return [ScopeCharge(scope=scope, charge=charge) for scope in scopes]

    def default_scopes(self, user: str) -> list[Scope]:
        return [self.scope(), self.scope(analyst=user)]

    def reserved(
        self,
        picos: int = 10,
        *,
        user: str = ADA,
        scopes: Sequence[Scope] | None = None,
        charge: Charge | None = None,
        query: str = "",
        **fields: Any,
    ) -> tuple[str, ledger_pb2.LedgerEvent]:
        """Return a payment of the population and the analyst, not appended."""
        query = query or str(uuid.uuid4())
        charge = charge or Charge(rho_picos=picos)
        fact = ledger_pb2.Reserved(
            query=f"queries/{query}",
            claim_digest=hashlib.sha256(query.encode()).digest(),
            data_versions=[DataVersion(dataset=DATASET, version=1)],
            charge=charge,
            scopes=self.charges(charge, self.default_scopes(user) if scopes is None else scopes),
            **fields,
        )
        fact.give_up_time.FromDatetime(self.now + timedelta(seconds=60))
        return query, ledger_pb2.LedgerEvent(user=user, reserved=fact)

    def reserve(self, picos: int = 10, **fields: Any) -> str:
        query, event = self.reserved(picos, **fields)
        self.append(event)
        return query

    def commit(self, query: str, version: int = 1) -> None:
        fact = ledger_pb2.Committed(
            query=f"queries/{query}",
            attempt=str(uuid.UUID(bytes=hashlib.md5(query.encode()).digest())),
            release_digest=hashlib.sha256(b"release" + query.encode()).digest(),
            data_versions=[DataVersion(dataset=DATASET, version=version)],
        )
        self.append(ledger_pb2.LedgerEvent(committed=fact))

    def answer(self, picos: int = 10, **fields: Any) -> str:
        query = self.reserve(picos, **fields)
        self.commit(query)
        return query

    def charge(self, query: str, cancelled_by: str = "") -> None:
        fact = ledger_pb2.Charged(query=f"queries/{query}", cancelled=bool(cancelled_by))
        self.append(ledger_pb2.LedgerEvent(user=cancelled_by, charged=fact))

    def share(
        self, release: str, *, picos: int = 10, user: str = ADA, scopes: Sequence[Scope] = (), **changed: Any
    ) -> str:
        query = str(uuid.uuid4())
        charge = Charge(rho_picos=picos)
        fields: dict[str, Any] = {
            "query": f"queries/{query}",
            "claim_digest": hashlib.sha256(query.encode()).digest(),
            "release_query": f"queries/{release}",
            "attempt": str(uuid.UUID(bytes=hashlib.md5(release.encode()).digest())),
            "release_digest": hashlib.sha256(b"release" + release.encode()).digest(),
            "data_versions": [DataVersion(dataset=DATASET, version=1)],
            "charge": charge,
            "scopes": self.charges(charge, scopes),
        }
        self.append(ledger_pb2.LedgerEvent(user=user, shared=ledger_pb2.Shared(**{**fields, **changed})))
        return query

    def withhold(self, query: str, withheld: bool = True) -> None:
        fact = ledger_pb2.Withheld(query=f"queries/{query}", withheld=withheld, justification="a mistake was made")
        self.append(ledger_pb2.LedgerEvent(user=CLEO, withheld=fact))

    def rotate(self, key: Ed25519PrivateKey) -> None:
        """The present key signs that another follows."""
        self.append(
            ledger_pb2.LedgerEvent(user="users/root", key_rotated=ledger_pb2.KeyRotated(public_key=public(key)))
        )
        self.key = key
        self.keys.append((key, self.now))

    def reopen(
        self, sequence: int, lost: bytes, picos: int, scopes: Sequence[Scope], queries: Sequence[str] = ()
    ) -> None:
        fact = ledger_pb2.Reopened(
            lost_head=ledger_pb2.LedgerHead(population=self.population, sequence=sequence, entry_hash=lost),
            charged=self.charges(Charge(rho_picos=picos), scopes),
            justification="the disk was lost",
            queries=[f"queries/{each}" for each in queries],
        )
        self.append(ledger_pb2.LedgerEvent(user="users/root", reopened=fact))

    def close(self, *successors: str) -> None:
        self.append(ledger_pb2.LedgerEvent(user="users/root", closed=ledger_pb2.Closed(successors=successors)))

    # The export.

    def head(self) -> ledger_pb2.LedgerHead:
        last = self.entries[-1]
        return ledger_pb2.LedgerHead(
            population=self.population,
            sequence=last.sequence,
            entry_hash=last.entry_hash,
            signature=last.signature,
        )

    def parts(self) -> Parts:
        """Return the parts of an export."""
        header = ExportHeader(format_version=1, population=self.population)
        for index, (key, start) in enumerate(self.keys):
            told = header.keys.add(key_id=key_id(key), public_key=public(key))
            told.start_time.FromDatetime(start)
            if index + 1 < len(self.keys):
                told.end_time.FromDatetime(self.keys[index + 1][1])
        return [
            ExportLedgerResponse(header=header),
            *(ExportLedgerResponse(entry=entry) for entry in self.entries),
            ExportLedgerResponse(head=self.head()),
        ]


def lines(parts: Parts) -> list[bytes]:
    """Return parts as JSON lines, by protobuf's own words."""
    return [
        json.dumps(MessageToDict(part, preserving_proto_field_name=True), ensure_ascii=False).encode() + b"\n"
        for part in parts
    ]


def funded(population: int = 1000, ada: int = 100, **fields: Any) -> Forge:
    """Return a chain in which ada may spend."""
    forge = Forge(**fields)
    forge.grant(rho(population))
    forge.grant(rho(ada), analyst=ADA)
    return forge


def eventful() -> Forge:
    """Return an honest chain with an event of every kind but `closed`."""
    forge = funded()
    forge.grant(rho(500), project="projects/ice")
    first = forge.answer(10)
    second = forge.reserve(20)
    forge.charge(second, cancelled_by=ADA)
    forge.share(first)
    forge.grant(rho(50), analyst=BOB)
    forge.share(first, user=BOB, scopes=[forge.scope(analyst=BOB)])
    forge.freeze(analyst=BOB)
    forge.freeze(False, analyst=BOB)
    forge.withhold(first)
    forge.rotate(key_of(2))
    forge.pass_time(seconds=61)
    third = forge.reserve(
        5, scopes=[forge.scope(), forge.scope(analyst=ADA), forge.scope(project="projects/ice")], project="projects/ice"
    )
    forge.pass_time(seconds=61)
    forge.charge(third)
    forge.reopen(99, b"l" * 32, 7, [forge.scope()])
    _, one = forge.reserved(3)
    _, two = forge.reserved(4)
    one.salt, two.salt = b"1" * 16, b"2" * 16
    forge.append(one, two)
    return forge
