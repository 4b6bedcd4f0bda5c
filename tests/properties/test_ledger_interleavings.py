"""Random interleavings of two replicas on one chain, with lost and late replies, judged by a plain reading of it."""

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import LossLimit, RhoDelta
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.entries import NO_HASH, check_entry
from sfumato_accountant.ledger.fold import QueryState
from sfumato_accountant.ledger.limits import SetFrozen, SetLimit
from sfumato_accountant.ledger.reserving import Price, Reserve
from sfumato_accountant.ledger.settling import Commit, GiveUp, Outcome
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import Side, SideKind, StoredEntry, StoreUnavailable
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Claim

POPULATION = "populations/palmer"
VERSIONS = (("datasets/penguins", 1),)
KEY = LedgerKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFUSALS = {"BUDGET_EXHAUSTED", "BUDGET_FROZEN", "GRANT_MISSING", "RESERVATION_UNKNOWN", "TOO_EARLY"}


class SteppingClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at


class FaultyStore:
    """A LedgerStore in memory whose writes may be lost, or done with a lost reply, and whose calls take their time."""

    def __init__(self, chance: random.Random, faults: float) -> None:
        self.entries: list[StoredEntry] = []
        self.sides: dict[tuple[SideKind, str], bytes] = {}
        self._chance = chance
        self._faults = faults

    async def _step(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)

    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        await self._step()
        for side in sides:
            self.sides.setdefault((side.kind, side.id), side.body)
        draw = self._chance.random()
        if draw < self._faults / 2:
            raise StoreUnavailable("nothing was written")
        done = entry.sequence == len(self.entries)
        if done:
            self.entries.append(entry)
        await self._step()
        if draw < self._faults:
            raise StoreUnavailable("the reply was lost")
        return done

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        await self._step()
        found = self.entries[start_sequence : start_sequence + limit]
        await self._step()
        return found

    def reaches(self, population: str, sequence: int) -> bool | None:
        return sequence < len(self.entries) if self._chance.random() < 0.5 else None

    async def put_side(self, side: Side) -> bytes | None:
        await self._step()
        there = self.sides.get((side.kind, side.id))
        self.sides.setdefault((side.kind, side.id), side.body)
        return there

    async def get_sides(self, kind: SideKind, ids: Sequence[str]) -> Mapping[str, bytes]:
        await self._step()
        return {each: self.sides[kind, each] for each in ids if (kind, each) in self.sides}

    async def list_side_ids(self, kind: SideKind) -> list[str]:
        return sorted(each for found, each in self.sides if found == kind)

    async def now(self) -> datetime | None:
        return None


@dataclass
class Replica:
    claims: Claims
    chain: Chain


def replica(store: FaultyStore, clock: SteppingClock) -> Replica:
    claims = Claims(store)
    return Replica(claims, Chains(store, claims, KEY, Timekeeper(clock, store)).chain(POPULATION))


@dataclass(frozen=True)
class Reserving:
    query: int
    analyst: str
    project: str
    plan: int
    rho: int
    fresh: bool

    async def run(self, at: Replica) -> Any:
        plan_digest = bytes([self.plan]) * 32
        claim = await at.claims.put(
            Claim(
                query_id=query_id(self.query),
                body_digest=bytes([self.query]) * 32,
                population=POPULATION,
                plan_digest=plan_digest,
                analyst=self.analyst,
                project=self.project,
            )
        )
        payer = Payer(("datasets/penguins",), self.project, self.analyst)
        price = Price(POPULATION, Zcdp(), payer, plan_digest, Loss(self.rho, None, 0), VERSIONS, self.fresh)
        return await at.chain.decide(Reserve(claim, price, timedelta(microseconds=200)))


@dataclass(frozen=True)
class Committing:
    query: int
    attempt: int

    async def run(self, at: Replica) -> Any:
        attempt = str(uuid.UUID(int=self.attempt))
        side = Side(SideKind.MEASURES, f"{query_id(self.query)}/{attempt}", b"")
        commit = Commit(query_id(self.query), attempt, bytes([self.attempt]) * 32, VERSIONS, side)
        return self.attempt, await at.chain.decide(commit)


@dataclass(frozen=True)
class Ending:
    query: int
    cancel: bool

    async def run(self, at: Replica) -> Any:
        return await at.chain.decide(GiveUp(query_id(self.query), "users/ada" if self.cancel else ""))


@dataclass(frozen=True)
class Limiting:
    scope: ScopeKey
    rho: int
    salt: int

    async def run(self, at: Replica) -> Any:
        limit = LossLimit(rho=RhoDelta(rho_picos=self.rho))
        salt = self.salt.to_bytes(16, "big")
        return await at.chain.decide(SetLimit(POPULATION, self.scope, limit, "as agreed", "users/eve", "", salt))


@dataclass(frozen=True)
class Freezing:
    scope: ScopeKey
    frozen: bool
    salt: int

    async def run(self, at: Replica) -> Any:
        salt = self.salt.to_bytes(16, "big")
        return await at.chain.decide(SetFrozen(POPULATION, self.scope, self.frozen, "as agreed", "users/eve", salt))


Operation = Reserving | Committing | Ending | Limiting | Freezing
SCOPES = [
    ScopeKey(),
    ScopeKey(analyst="users/ada"),
    ScopeKey(analyst="users/bob"),
    ScopeKey(project="projects/ice"),
    ScopeKey(dataset="datasets/penguins"),
]
QUERIES = st.integers(0, 5)
QUESTIONS = [
    Reserving(0, "users/ada", "", 0, 3, False),
    Reserving(1, "users/ada", "", 0, 3, False),
    Reserving(2, "users/ada", "projects/ice", 0, 3, False),
    Reserving(3, "users/ada", "", 0, 3, True),
    Reserving(4, "users/bob", "projects/ice", 0, 4, False),
    Reserving(5, "users/bob", "", 1, 4, False),
]
OPERATIONS = st.one_of(
    QUERIES.map(QUESTIONS.__getitem__),
    QUERIES.map(QUESTIONS.__getitem__),
    st.builds(Committing, QUERIES, st.integers(1, 2)),
    st.builds(Committing, QUERIES, st.integers(1, 2)),
    st.builds(Ending, QUERIES, st.booleans()),
    st.builds(Limiting, st.sampled_from(SCOPES), st.integers(0, 20), st.integers(0, 2**64)),
    st.builds(Freezing, st.sampled_from(SCOPES), st.booleans(), st.integers(0, 2**64)),
)
GRANTS = [Limiting(scope, 12, 2**70 + n) for n, scope in enumerate(SCOPES)]


def query_id(query: int) -> str:
    return str(uuid.UUID(int=query + 1))


async def persist(call: Callable[[], Awaitable[Any]]) -> Any:
    """Repeat a call with the same ids until its outcome is known, as every client of the accountant does."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            continue
        except Refusal as refusal:
            if refusal.reason not in REFUSALS:
                raise
            return refusal.reason


class PlainReading:
    """The chain read as JSON, by sums and sets alone, checking every rule at the position where it must hold."""

    def __init__(self, entries: Sequence[StoredEntry], sides: Mapping[tuple[SideKind, str], bytes]) -> None:
        self.limits: dict[tuple[str, ...], int] = {}
        self.frozen: set[tuple[str, ...]] = set()
        self.spent: Counter[tuple[str, ...]] = Counter()
        self.paid: dict[str, set[tuple[str, ...]]] = {}
        self.terminals: dict[str, str] = {}
        self.winners: dict[str, str] = {}
        self._sides = sides
        previous = NO_HASH
        for sequence, entry in enumerate(entries):
            check_entry(entry, POPULATION, sequence, previous)
            previous = entry.entry_hash
            for record in entry.records:
                event = json.loads(record.payload)
                kind = next(each for each in event if each not in ("salt", "user"))
                getattr(self, f"_{kind}")(event[kind], event.get("user", ""))

    def _genesis(self, _: Any, __: str) -> None:
        assert not self.paid

    def _granted(self, fact: Any, _: str) -> None:
        self.limits[self._key(fact["grant"]["scope"])] = int(fact["grant"]["limit"]["rho"].get("rho_picos", 0))

    def _frozen(self, fact: Any, _: str) -> None:
        change = self.frozen.add if fact.get("frozen") else self.frozen.discard
        change(self._key(fact["scope"]))

    def _reserved(self, fact: Any, user: str) -> None:
        query = fact["query"].removeprefix("queries/")
        assert query not in self.paid
        scopes = self._pay(fact, user, query)
        assert scopes == {each for each in self.limits if self._matches(each, user, query)}
        self.paid[query] = scopes

    def _shared(self, fact: Any, user: str) -> None:
        query, source = fact["query"].removeprefix("queries/"), fact["release_query"].removeprefix("queries/")
        assert query not in self.paid
        assert self.winners[source] == fact["attempt"]
        paid_now = self._pay(fact, user, query)
        assert not paid_now & self.paid[source]
        self.paid[source] |= paid_now
        assert {each for each in self.limits if self._matches(each, user, query)} <= self.paid[source]
        self.paid[query] = set()
        self.terminals[query] = "shared"

    def _committed(self, fact: Any, _: str) -> None:
        query = fact["query"].removeprefix("queries/")
        assert query in self.paid
        assert query not in self.terminals
        self.terminals[query], self.winners[query] = "committed", fact["attempt"]

    def _charged(self, fact: Any, _: str) -> None:
        query = fact["query"].removeprefix("queries/")
        assert query in self.paid
        assert query not in self.terminals
        self.terminals[query] = "charged"

    def _pay(self, fact: Any, user: str, query: str) -> set[tuple[str, ...]]:
        scopes = set()
        for line in fact.get("scopes", ()):
            scope = self._key(line["scope"])
            self.spent[scope] += int(line["charge"]["rho_picos"])
            assert self.spent[scope] <= self.limits[scope]
            scopes.add(scope)
        if scopes:
            assert not any(self._matches(each, user, query) for each in self.frozen)
        return scopes

    def _matches(self, scope: tuple[str, ...], user: str, query: str) -> bool:
        claim = Claim.FromString(self._sides[SideKind.CLAIM, query])
        dataset, project, analyst = scope
        return project in ("", claim.project) and analyst in ("", user) and dataset in ("", "datasets/penguins")

    @staticmethod
    def _key(scope: Any) -> tuple[str, ...]:
        return tuple(scope.get(each, "") for each in ("dataset", "project", "analyst"))


async def interleave(operations: list[Operation], seed: int, faults: float) -> None:
    chance = random.Random(seed)
    store, clock = FaultyStore(chance, faults), SteppingClock()
    replicas = [replica(store, clock), replica(store, clock)]
    for grant in GRANTS:
        await persist(partial(grant.run, replicas[0]))

    async def one(operation: Operation) -> Any:
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        return await persist(lambda: operation.run(chance.choice(replicas)))

    answers: list[Any] = []
    while len(answers) < len(operations):  # waves: what is equal to an answered question needs an answered question
        wave = operations[len(answers) : len(answers) + chance.randint(1, 8)]
        answers += await asyncio.gather(*(one(each) for each in wave))
    folds = [await each.chain.refresh() for each in replicas]
    reading = PlainReading(store.entries, store.sides)
    for fold in folds:
        assert {tuple(scope): loss.rho_picos for scope, loss in fold.spent.items()} == dict(reading.spent)
        ended = {each.query_id for each in fold.queries_newest_first()} - set(fold.open)
        assert ended == set(reading.terminals)
        assert set(map(tuple, fold.frozen)) == reading.frozen
    assert [*folds[0].queries_newest_first()] == [*folds[1].queries_newest_first()]
    assert folds[0].hashes == folds[1].hashes
    for operation, answer in zip(operations, answers, strict=True):
        if isinstance(operation, Reserving) and not isinstance(answer, str):
            assert answer.query_id in reading.paid
            assert not (operation.fresh and answer.state is QueryState.SHARED)
        if isinstance(operation, Committing) and not isinstance(answer, str):
            attempt, outcome = answer
            won = reading.winners.get(query_id(operation.query)) == str(uuid.UUID(int=attempt))
            assert (outcome is Outcome.WON) == won
        if isinstance(operation, Ending) and not isinstance(answer, str):
            assert answer.query_id in reading.terminals


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, max_size=40), seed=st.integers(0, 2**32))
def test_any_interleaving_keeps_the_rules(operations: list[Operation], seed: int) -> None:
    asyncio.run(interleave(operations, seed, faults=0.0))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, max_size=30), seed=st.integers(0, 2**32))
def test_lost_writes_and_lost_replies_pay_nothing_twice(operations: list[Operation], seed: int) -> None:
    asyncio.run(interleave(operations, seed, faults=0.3))


async def test_two_hundred_at_once_on_a_limit_for_twenty() -> None:
    store, clock = FaultyStore(random.Random(1), 0.0), SteppingClock()
    replicas = [replica(store, clock), replica(store, clock)]
    for grant in (Limiting(ScopeKey(), 20 * 7 + 6, 1), Limiting(ScopeKey(analyst="users/ada"), 10**6, 2)):
        await grant.run(replicas[0])
    asking = [Reserving(n, "users/ada", "", n, 7, False) for n in range(200)]
    answers = await asyncio.gather(*(persist(partial(asking[n].run, replicas[n % 2])) for n in range(200)))
    outcomes = Counter(each if isinstance(each, str) else "paid" for each in answers)
    assert outcomes == {"paid": 20, "BUDGET_EXHAUSTED": 180}
    assert PlainReading(store.entries, store.sides).spent[("", "", "")] == 140


def test_the_plain_reading_would_see_a_broken_rule() -> None:
    """The judge itself: a chain in which a query is paid twice does not pass."""

    async def run() -> tuple[list[StoredEntry], Any]:
        store, clock = FaultyStore(random.Random(1), 0.0), SteppingClock()
        at = replica(store, clock)
        for grant in GRANTS:
            await grant.run(at)
        await QUESTIONS[0].run(at)
        reading = PlainReading(store.entries, store.sides)
        return store.entries, reading

    entries, reading = asyncio.run(run())
    with pytest.raises(AssertionError):
        reading._reserved(json.loads(entries[-1].records[0].payload)["reserved"], "users/bob")
