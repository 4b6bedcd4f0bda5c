"""Random chains of every kind of event, each good in its place: what does not fit is left out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import charge_pb2, grant_pb2, ledger_pb2, population_pb2, quote_pb2
from sfumato.v1.scope_pb2 import ScopeCharge
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.claim_facts import encode_facts
from sfumato_accountant.ledger.entries import make_entry
from sfumato_accountant.ledger.events import LedgerBroken, Reserved, Shared, event_payload, read_event
from sfumato_accountant.ledger.fold import ClaimFacts, Fold
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.ledger.tail import take_up
from sfumato_accountant.stores.ports import StoredEntry

POPULATION = "populations/palmer"
KEYS = [LedgerKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in range(1, 5)]
ANALYSTS = ["users/ada", "users/bob"]
PROJECTS = ["", "projects/ice"]
SCOPES = [
    ScopeKey(),
    ScopeKey(analyst="users/ada"),
    ScopeKey(analyst="users/bob"),
    ScopeKey(project="projects/ice"),
    ScopeKey(dataset="datasets/penguins"),
]
VERSIONS = [(("datasets/penguins", 1),), (("datasets/penguins", 2),), (("datasets/penguins", 1), ("datasets/seals", 4))]
PLANS = [bytes([n]) * 32 for n in range(1, 4)]
FAMILIES = [b"", *(bytes([n]) * 32 for n in range(11, 13))]
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def query_id(number: int) -> str:
    return str(UUID(int=number + 1))


@dataclass
class ChainMaker:
    """Makes a chain with the chances of a seed."""

    chance: random.Random
    fold: Fold = field(default_factory=Fold)
    entries: list[StoredEntry] = field(default_factory=list)
    at: datetime = START
    paid: int = 0

    def grow(self, entries: int) -> None:
        """Append so many entries; the first is genesis."""
        while len(self.entries) < entries:
            events = [self._genesis()] if not self.entries else [self._any() for _ in range(self.chance.randint(1, 3))]
            good, claims = self._good(events)
            if good:
                self._append(good, claims)

    def try_some(self) -> None:
        """Extend the fold by some events, and take them back."""
        self._good([self._any() for _ in range(3)])

    def _good(
        self, events: Sequence[tuple[ledger_pb2.LedgerEvent, ClaimFacts | None]]
    ) -> tuple[list[str], dict[str, ClaimFacts]]:
        """Return those that the fold takes, one behind the other."""
        good: list[str] = []
        claims: dict[str, ClaimFacts] = {}
        sequence = self.fold.head.sequence + 1
        with self.fold.tentative():
            for message, facts in events:
                event = read_event(event_payload(message))
                if facts is not None and isinstance(event.fact, Reserved | Shared):
                    claims[event.fact.query_id] = facts
                try:
                    apply(self.fold, event, claims, sequence, self.at)
                except LedgerBroken:
                    continue
                good.append(event.text)
        return good, claims

    def _append(self, payloads: Sequence[str], claims: dict[str, ClaimFacts]) -> None:
        head = self.fold.head
        events = [read_event(payload) for payload in payloads]
        paid = [event.fact if isinstance(event.fact, Reserved | Shared) else None for event in events]
        copies = [b"" if fact is None else encode_facts(claims[fact.query_id]) for fact in paid]
        public_key = self.fold.public_key or KEYS[0].public_key
        key = next(key for key in KEYS if key.public_key == public_key)
        entry = make_entry(POPULATION, head.sequence + 1, self.at, head.entry_hash, payloads, key, copies)
        take_up(self.fold, entry, events, claims)
        self.entries.append(entry)
        self.at += timedelta(microseconds=self.chance.choice([0, 1, 1000, 3_600_000_000]))

    def _genesis(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        heads = [ledger_pb2.LedgerHead(population="populations/old", sequence=4, entry_hash=b"h" * 32)]
        genesis = ledger_pb2.Genesis(
            public_key=KEYS[0].public_key,
            accounting=population_pb2.ACCOUNTING_ZCDP,
            predecessors=heads,
            spent=self._charges(SCOPES[:2], Loss(7, None, 0)),
        )
        return self._event(genesis=genesis), None

    def _any(self) -> tuple[ledger_pb2.LedgerEvent, ClaimFacts | None]:
        kinds = [self._reserved] * 6 + [self._committed] * 6 + [self._charged, self._shared, self._shared]
        rare = [self._granted, self._frozen, self._withheld, self._reopened]
        last = [self._key_rotated] * (self.chance.random() < 0.3) + [self._closed] * (self.chance.random() < 0.02)
        return self.chance.choice([*kinds, *rare, *last])()

    def _event(self, user: str = "", **fact: object) -> ledger_pb2.LedgerEvent:
        return ledger_pb2.LedgerEvent(salt=self.chance.randbytes(16), user=user, **fact)  # type: ignore[arg-type]

    def _loss(self) -> Loss:
        return Loss(self.chance.randint(1, 9), self.chance.choice([None, 3]), self.chance.choice([0, 5]))

    def _charges(self, scopes: Sequence[ScopeKey], loss: Loss) -> list[ScopeCharge]:
        return [ScopeCharge(scope=scope.to_proto(POPULATION), charge=loss.to_proto()) for scope in scopes]

    def _some_scopes(self) -> list[ScopeKey]:
        return self.chance.sample(SCOPES, self.chance.randint(0, len(SCOPES)))

    def _reserved(self) -> tuple[ledger_pb2.LedgerEvent, ClaimFacts]:
        loss, versions, project = self._loss(), self.chance.choice(VERSIONS), self.chance.choice(PROJECTS)
        reserved = ledger_pb2.Reserved(
            query=f"queries/{query_id(self.paid)}",
            claim_digest=self.chance.randbytes(32),
            data_versions=[quote_pb2.DataVersion(dataset=name, version=number) for name, number in versions],
            charge=loss.to_proto(),
            scopes=self._charges(self._some_scopes(), loss),
            project=project,
        )
        if self.chance.random() < 0.2 and reserved.scopes:
            reserved.scopes[0].charge.rho_picos += 1  # not as plain as all others
        reserved.give_up_time.FromDatetime(self.at + timedelta(seconds=60))
        self.paid += 1
        return self._event(self.chance.choice(ANALYSTS), reserved=reserved), self._claim(project)

    def _claim(self, project: str) -> ClaimFacts:
        labels = self.chance.choice([(), (("why", 'a "quoted" word'), ("who", "ä"))])
        return ClaimFacts(self.chance.choice(PLANS), project, labels, self.chance.choice(FAMILIES))

    def _committed(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        query = self.chance.choice(list(self.fold.open) or [query_id(0)])
        committed = ledger_pb2.Committed(
            query=f"queries/{query}",
            attempt=str(UUID(bytes=self.chance.randbytes(16))),
            release_digest=self.chance.randbytes(32),
        )
        for name, number in self.fold.open[query][4] if query in self.fold.open else VERSIONS[0]:
            committed.data_versions.add(dataset=name, version=number)
        return self._event(committed=committed), None

    def _charged(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        query = self.chance.choice(list(self.fold.open) or [query_id(0)])
        cancelled = self.chance.random() < 0.5
        return self._event(charged=ledger_pb2.Charged(query=f"queries/{query}", cancelled=cancelled)), None

    def _shared(self) -> tuple[ledger_pb2.LedgerEvent, ClaimFacts]:
        committed = [each for each in self.fold.queries_newest_first() if each.release_query_id == each.query_id]
        if not committed:
            return self._reserved()
        source = self.chance.choice(committed)
        derived = bool(source.claim.family_digest) and self.chance.random() < 0.3
        shared = ledger_pb2.Shared(
            query=f"queries/{query_id(self.paid)}",
            claim_digest=self.chance.randbytes(32),
            release_query=f"queries/{source.query_id}",
            attempt=source.attempt,
            release_digest=source.release_digest,
            data_versions=[quote_pb2.DataVersion(dataset=name, version=number) for name, number in source.versions],
            scopes=self._charges(self._some_scopes(), source.charge),
            derived=derived,
            charge=source.charge.to_proto(),
        )
        self.paid += 1
        plan = b"other plan".ljust(32) if derived else source.claim.plan_digest
        claim = ClaimFacts(plan, "", (), source.claim.family_digest)
        return self._event(self.chance.choice(ANALYSTS), shared=shared), claim

    def _granted(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        scope, parent = self.chance.choice(SCOPES), self.chance.choice([None, None, *SCOPES])
        limit = charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=self.chance.randint(0, 50)))
        if self.chance.random() < 0.3:
            limit = charge_pb2.LossLimit(epsilon=charge_pb2.EpsilonDelta(epsilon_picos=5, delta_attos=2))
        grant = grant_pb2.Grant(
            name=scope.grant_name(POPULATION),
            scope=scope.to_proto(POPULATION),
            limit=limit,
            parent="" if parent is None else parent.grant_name(POPULATION),
        )
        if self.chance.random() < 0.5:
            grant.window.limit.CopyFrom(limit)
            grant.window.length.FromSeconds(self.chance.choice([3600, 7200]))
            grant.window.anchor_time.CopyFrom(Timestamp(seconds=self.chance.randint(0, 10**9)))
        granted = ledger_pb2.Granted(grant=grant, justification="as agreed by all")
        return self._event("users/cleo", granted=granted), None

    def _frozen(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        scope = self.chance.choice(SCOPES).to_proto(POPULATION)
        frozen = ledger_pb2.Frozen(scope=scope, frozen=self.chance.random() < 0.5, justification="as agreed")
        return self._event("users/cleo", frozen=frozen), None

    def _withheld(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        query = query_id(self.chance.randrange(self.paid + 1))
        withheld = ledger_pb2.Withheld(query=f"queries/{query}", withheld=self.chance.random() < 0.7)
        return self._event("users/cleo", withheld=withheld), None

    def _key_rotated(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        return self._event(key_rotated=ledger_pb2.KeyRotated(public_key=self.chance.choice(KEYS).public_key)), None

    def _reopened(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        lost = ledger_pb2.LedgerHead(sequence=self.chance.randrange(99), entry_hash=self.chance.randbytes(32))
        charged = self._charges(self._some_scopes(), self._loss())
        reopened = ledger_pb2.Reopened(lost_head=lost, charged=charged, justification="a disk was lost")
        return self._event("users/cleo", reopened=reopened), None

    def _closed(self) -> tuple[ledger_pb2.LedgerEvent, None]:
        return self._event(closed=ledger_pb2.Closed(successors=["populations/next", "populations/other"])), None
