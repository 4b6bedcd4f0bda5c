"""One chain: how entries are written, when nothing may be appended, and what stops it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import Parse
from hypothesis import given
from hypothesis import strategies as st

from sfumato.v1 import ledger_pb2
from sfumato.v1.charge_pb2 import Charge, EpsilonDelta, LossLimit, RhoDelta
from sfumato.v1.grant_pb2 import Grant
from sfumato.v1.quote_pb2 import DataVersion
from sfumato.v1.scope_pb2 import Scope, ScopeCharge
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.claim_facts import encode_facts
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.events import LedgerBroken, event_payload, read_event
from sfumato_accountant.ledger.fold import QueryState
from sfumato_accountant.ledger.limits import SetLimit
from sfumato_accountant.ledger.reserving import Price, Reserve
from sfumato_accountant.ledger.settling import Commit, GiveUp, Outcome
from sfumato_accountant.ledger.signatures import LedgerKey
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.stores.ports import Side, SideKind, StoredEntry, StoreUnavailable
from sfumato_accountant.stores.sqlite import SqliteLedgerStore, SqliteStores
from sfumato_mesh.digests import message_json
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Claim

POPULATION = "populations/palmer"
VERSIONS = (("datasets/penguins", 1),)
KEY = LedgerKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
SCOPE = Scope(population=POPULATION, analyst="users/ada")


class HeldClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Watched(SqliteLedgerStore):
    """A store whose time, tail and availability the test holds."""

    def __init__(self, threads: Any) -> None:
        super().__init__(threads)
        self.time: datetime | None = None
        self.away = False
        self.forged: dict[int, StoredEntry] = {}

    async def now(self) -> datetime | None:
        return self.time

    async def append(self, entry: StoredEntry, sides: Sequence[Side] = ()) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        return await super().append(entry, sides)

    async def read(self, population: str, start_sequence: int, limit: int) -> list[StoredEntry]:
        if self.away:
            raise StoreUnavailable("away")
        found = await super().read(population, start_sequence, limit)
        return [self.forged.get(each.sequence, each) for each in found]

    def reaches(self, population: str, sequence: int) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        return super().reaches(population, sequence)


class Bench:
    def __init__(self, store: Watched) -> None:
        self.store = store
        self.clock = HeldClock()
        self.claims = Claims(store)

    def chain(self, key: LedgerKey = KEY) -> Chain:
        claims = Claims(self.store)
        return Chain(POPULATION, self.store, claims, key, Timekeeper(self.clock, self.store))

    async def limit(self, chain: Chain, scope: ScopeKey, picos: int = 10**6, salt: bytes = b"") -> bool:
        limit = LossLimit(rho=RhoDelta(rho_picos=picos))
        salt = salt or uuid.uuid4().bytes
        return await chain.decide(SetLimit(POPULATION, scope, limit, "as agreed by all", "users/cleo", "", salt))

    async def reserve(self, query: int, picos: int = 1) -> Reserve:
        digest = query.to_bytes(32, "big")
        claim = await self.claims.put(
            Claim(
                query_id=str(uuid.UUID(int=query)),
                body_digest=digest,
                population=POPULATION,
                plan_digest=digest,
                analyst="users/ada",
            )
        )
        payer = Payer(("datasets/penguins",), "", "users/ada")
        price = Price(POPULATION, Zcdp(), payer, digest, Loss(picos, None, 0), VERSIONS, False)
        return Reserve(claim, price, timedelta(seconds=60))

    def commit(self, query: int) -> Commit:
        query_id, attempt = str(uuid.UUID(int=query)), str(uuid.uuid4())
        side = Side(SideKind.MEASURES, f"{query_id}/{attempt}", b"")
        return Commit(query_id, attempt, b"d" * 32, VERSIONS, side)

    async def change(self, statement: str, *values: bytes) -> None:
        await self.store._threads.run(lambda connection: connection.execute(statement, values).rowcount, writes=True)

    async def granted(self) -> Chain:
        chain = self.chain()
        await self.limit(chain, ScopeKey())
        await self.limit(chain, ScopeKey(analyst="users/ada"))
        return chain


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    stores = SqliteStores(tmp_path / "ledger.sqlite")
    yield Bench(Watched(stores._threads))
    await stores.close()


EVENTS = st.builds(
    ledger_pb2.LedgerEvent,
    salt=st.binary(min_size=16, max_size=16),
    user=st.sampled_from(["", "users/ada"]),
    reserved=st.builds(
        ledger_pb2.Reserved,
        query=st.uuids().map(lambda each: f"queries/{each}"),
        claim_digest=st.binary(min_size=32, max_size=32),
        data_versions=st.lists(st.builds(DataVersion, dataset=st.just("datasets/a"), version=st.integers(1, 2**62))),
        charge=st.builds(
            Charge,
            rho_picos=st.integers(0, 10**18),
            epsilon_picos=st.none() | st.integers(0, 10**18),
            delta_attos=st.integers(0, 10**18),
        ),
        scopes=st.lists(st.builds(ScopeCharge, scope=st.just(SCOPE), charge=st.just(Charge(rho_picos=3)))),
    ),
)


@given(EVENTS)
def test_a_payload_is_canonical_proto_json_and_reads_back(event: ledger_pb2.LedgerEvent) -> None:
    event.reserved.give_up_time.FromSeconds(1)
    payload = event_payload(event)
    assert payload == message_json(event)
    assert Parse(payload, ledger_pb2.LedgerEvent()) == event
    if event.reserved.data_versions:
        fact: Any = read_event(payload).fact
        assert fact.charge.to_proto() == event.reserved.charge


@given(st.text(max_size=200).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text)))
def test_a_justification_in_any_writing_is_canonical(text: str) -> None:
    grant = Grant(name="g", scope=SCOPE, limit=LossLimit(epsilon=EpsilonDelta(epsilon_picos=5)))
    event = ledger_pb2.LedgerEvent(salt=b"s" * 16, granted=ledger_pb2.Granted(grant=grant, justification=text))
    assert event_payload(event) == message_json(event)


@pytest.mark.parametrize(
    "payload",
    ["", "[]", "{}", '{"salt":"AAAA"}', '{"salt":"AAAA","merged":{}}', '{"salt":"AAAA","reserved":{"query":"q"}}', "{"],
)
def test_a_reader_stops_at_what_it_does_not_know(payload: str) -> None:
    with pytest.raises(LedgerBroken):
        read_event(payload)


async def test_a_lagging_clock_appends_nothing_and_still_answers(bench: Bench) -> None:
    chain = await bench.granted()
    paid = await chain.decide(await bench.reserve(1))
    bench.clock.at -= timedelta(seconds=2)
    await chain.decide(await bench.reserve(2))
    assert chain.fold.head.at == paid.reserved_at  # `at` never decreases
    bench.clock.at -= timedelta(milliseconds=1)
    with pytest.raises(Refusal, match="CANNOT_APPEND") as caught:
        await chain.decide(await bench.reserve(3))
    assert caught.value.metadata["skew"] == "2.001"
    assert (await chain.decide(await bench.reserve(1))).query_id == paid.query_id
    bench.clock.at += timedelta(seconds=1)
    assert (await chain.decide(await bench.reserve(3))).state is QueryState.OPEN


@pytest.mark.parametrize("seconds", [-2.5, 2.5])
async def test_a_clock_that_differs_from_the_database_appends_nothing(bench: Bench, seconds: float) -> None:
    bench.store.time = bench.clock.at + timedelta(seconds=seconds)
    chain = bench.chain()
    with pytest.raises(Refusal, match="CANNOT_APPEND"):
        await bench.limit(chain, ScopeKey())
    assert await bench.store.read(POPULATION, 0, 1) == []
    bench.clock.at += timedelta(seconds=11)  # compared again
    bench.store.time = bench.clock.at
    assert await bench.limit(chain, ScopeKey())


async def test_an_accountant_with_another_key_appends_nothing(bench: Bench) -> None:
    await bench.granted()
    other = bench.chain(LedgerKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32)))
    with pytest.raises(Refusal, match="CANNOT_APPEND"):
        await bench.limit(other, ScopeKey(), 5)


async def forge(bench: Bench, change: Any) -> None:
    """Let the store show another entry in the place of one of five."""
    chain = await bench.granted()
    for query in (1, 2):
        await chain.decide(await bench.reserve(query))
    entries = await bench.store.read(POPULATION, 0, 10)
    bench.store.forged = change({each.sequence: each for each in entries})


def flipped(entries: dict[int, StoredEntry]) -> dict[int, StoredEntry]:
    record = entries[3].records[0]
    forged = record._replace(payload=record.payload.replace('"rho_picos":"1"', '"rho_picos":"0"'))
    return {3: entries[3]._replace(payloads=forged.payload)}


def dropped(entries: dict[int, StoredEntry]) -> dict[int, StoredEntry]:
    return {3: entries[4]}


def swapped(entries: dict[int, StoredEntry]) -> dict[int, StoredEntry]:
    return {1: entries[2]._replace(sequence=1), 2: entries[1]._replace(sequence=2)}


def rehashed(entries: dict[int, StoredEntry]) -> dict[int, StoredEntry]:
    return {2: entries[2]._replace(proof=entries[2].previous_hash + b"h" * 32 + entries[2].proof[64:])}


def redated(entries: dict[int, StoredEntry]) -> dict[int, StoredEntry]:
    return {2: entries[2]._replace(at="2026-11-24T12:00:01Z")}


@pytest.mark.parametrize("change", [flipped, dropped, swapped, rehashed, redated])
async def test_a_chain_that_was_changed_is_closed(bench: Bench, change: Any) -> None:
    await forge(bench, change)
    chain = bench.chain()
    for _ in range(2):
        with pytest.raises(LedgerBroken):
            await chain.refresh()
        with pytest.raises(LedgerBroken):
            await chain.decide(await bench.reserve(3))
    bench.store.forged = {}
    assert len(await bench.store.read(POPULATION, 0, 10)) == 5


async def test_a_claim_that_is_gone_is_missed(bench: Bench) -> None:
    chain = await bench.granted()
    paid = await chain.decide(await bench.reserve(1))
    await bench.change("DELETE FROM sides")
    assert (await bench.chain().refresh()).query(paid.query_id) == paid  # by the copy beside the entry
    with pytest.raises(LedgerBroken, match="claim"):
        await Claims(bench.store).of([paid])
    await bench.change("UPDATE entries SET facts = x''")
    with pytest.raises(LedgerBroken, match="claim"):
        await bench.chain().refresh()


async def test_a_copy_beside_an_entry_that_is_not_its_claims_is_found(bench: Bench) -> None:
    chain = await bench.granted()
    paid = await chain.decide(await bench.reserve(1))
    facts = encode_facts(paid.claim._replace(plan_digest=b"o" * 32))
    await bench.change("UPDATE entries SET facts = ? WHERE facts != x''", len(facts).to_bytes(2) + facts)
    forged = (await bench.chain().refresh()).query(paid.query_id)
    assert forged is not None
    assert forged.claim.plan_digest == b"o" * 32
    with pytest.raises(LedgerBroken, match="facts"):
        await Claims(bench.store).of([forged])
    await bench.change("UPDATE entries SET facts = x'000105' WHERE facts != x''")
    with pytest.raises(LedgerBroken, match="facts"):
        await bench.chain().refresh()


async def test_a_chain_without_copies_is_read_by_its_claims(bench: Bench) -> None:
    chain = await bench.granted()
    paid = await chain.decide(await bench.reserve(1))
    await bench.change("UPDATE entries SET facts = x''")
    assert (await bench.chain().refresh()).query(paid.query_id) == paid


async def test_terminals_of_a_group_come_in_their_order(bench: Bench) -> None:
    chain = await bench.granted()
    for query in range(1, 7):
        await chain.decide(await bench.reserve(query))
    bench.clock.at += timedelta(seconds=60)
    members: list[Any] = [
        GiveUp(str(uuid.UUID(int=5)), ""),
        GiveUp(str(uuid.UUID(int=4)), "users/ada"),
        await bench.reserve(9),
        bench.commit(3),
        GiveUp(str(uuid.UUID(int=2)), ""),
        bench.commit(1),
        bench.commit(2),
    ]
    await asyncio.gather(*(chain.decide(each) for each in members))
    (entry,) = await bench.store.read(POPULATION, 9, 5)
    facts = [read_event(record.payload).fact for record in entry.records]
    named = [(type(each).__name__, uuid.UUID(each.query_id).int) for each in facts]  # type: ignore[union-attr]
    assert named == [
        ("Committed", 1),
        ("Committed", 2),
        ("Committed", 3),
        ("Reserved", 9),
        ("Charged", 4),
        ("Charged", 5),
    ]


async def test_a_refusal_in_a_group_is_its_members_own(bench: Bench) -> None:
    chain = bench.chain()
    await bench.limit(chain, ScopeKey(), 10)
    await bench.limit(chain, ScopeKey(analyst="users/ada"))
    asked = [await bench.reserve(query, picos) for query, picos in ((1, 6), (2, 6), (3, 4), (4, 1))]
    outcomes = await asyncio.gather(*(chain.decide(each) for each in asked), return_exceptions=True)
    assert [getattr(each, "reason", "paid") for each in outcomes] == [
        "paid",
        "BUDGET_EXHAUSTED",
        "paid",
        "BUDGET_EXHAUSTED",
    ]
    assert chain.fold.head.sequence == 3


async def test_callers_that_go_away_leave_the_others_alone(bench: Bench) -> None:
    chain = await bench.granted()
    tasks = [asyncio.create_task(chain.decide(await bench.reserve(query))) for query in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each).__name__ for each in outcomes] == ["PaidQuery", "CancelledError", "PaidQuery"]
    assert (await chain.decide(await bench.reserve(2))).state is QueryState.OPEN
    assert chain.fold.query_count == 3


async def test_a_store_that_comes_back_finds_the_chain_where_it_was(bench: Bench) -> None:
    chain = await bench.granted()
    paid = await chain.decide(await bench.reserve(1))
    bench.store.away = True
    with pytest.raises(StoreUnavailable):
        await chain.decide(await bench.reserve(2))
    waiting = asyncio.create_task(chain.ended(paid.query_id))
    with pytest.raises(StoreUnavailable):
        await waiting
    bench.store.away = False
    waiting = asyncio.create_task(chain.ended(paid.query_id))
    await asyncio.sleep(0.05)
    bench.store.away = True
    await asyncio.sleep(0.1)
    bench.store.away = False
    assert await chain.decide(bench.commit(1)) is Outcome.WON
    await asyncio.wait_for(waiting, 1)
    assert (await chain.decide(await bench.reserve(2))).state is QueryState.OPEN
    await chain.close()


async def test_an_act_is_one_event_even_when_others_came_between(bench: Bench) -> None:
    chain = bench.chain()
    assert await bench.limit(chain, ScopeKey(), 10, salt=b"1" * 16)
    assert await bench.limit(chain, ScopeKey(), 20, salt=b"2" * 16)
    assert await bench.limit(chain, ScopeKey(), 10, salt=b"1" * 16)
    assert chain.fold.head.sequence == 2
    assert chain.fold.grants[ScopeKey()].limit.rho.rho_picos == 20
