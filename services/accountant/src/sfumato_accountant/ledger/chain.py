"""One population's chain: reading its tail, and appending to it in groups.

The unique (population, sequence) is the lock. Any number of replicas may append; who comes second reads the tail,
folds, decides every member again, and tries the next position. Nobody is refused for being concurrent.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from sfumato.v1 import ledger_pb2, population_pb2
from sfumato_accountant.ledger.claim_facts import encode_facts
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.decisions import Member, Proposal, Settled
from sfumato_accountant.ledger.entries import make_entry
from sfumato_accountant.ledger.events import (
    Event,
    LedgerBroken,
    Reserved,
    Shared,
    event_payload,
    read_event,
)
from sfumato_accountant.ledger.fold import ClaimFacts, Fold, PaidQuery
from sfumato_accountant.ledger.folding import apply
from sfumato_accountant.ledger.settling import Salt, fresh_salt
from sfumato_accountant.ledger.signatures import LedgerKey, Signers
from sfumato_accountant.ledger.snapshots import Snapshots
from sfumato_accountant.ledger.tail import take_up, take_up_read
from sfumato_accountant.ledger.timekeeping import Timekeeper, cannot_append
from sfumato_accountant.ledger.uncollected import uncollected
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind, StoredEntry, StoreUnavailable
from sfumato_mesh.refusal import Refusal

T = TypeVar("T")

_PAGE: Final = 2000
_GROUP_LIMIT: Final = 64
_RACES_MAX: Final = 1000
_UNKNOWN_MAX: Final = 3
_POLL_SECONDS: Final = 0.02
_GROWTH_POLL_SECONDS: Final = 0.25

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    member: Member[Any]
    future: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Group:
    """A group as it was decided against one fold."""

    outcomes: list[Settled[Any] | Proposal | Refusal] = field(default_factory=list)
    payloads: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    claims: dict[str, ClaimFacts] = field(default_factory=dict)
    sides: list[Side] = field(default_factory=list)

    def copies(self) -> tuple[bytes, ...]:
        """Return the facts of claims that lie beside the entry, one a payload."""
        paid = [event.fact for event in self.events]
        return tuple(
            encode_facts(self.claims[fact.query_id]) if isinstance(fact, Reserved | Shared) else b"" for fact in paid
        )


class Chain:
    """The chain of one population, as one replica sees it."""

    def __init__(
        self,
        population: str,
        store: LedgerStore,
        claims: Claims,
        keys: Signers,
        timekeeper: Timekeeper,
        *,
        salt: Salt = fresh_salt,
        snapshots: Snapshots | None = None,
    ) -> None:
        self.population = population
        self.fold = Fold()
        self._store = store
        self._claims = claims
        self._keys = keys
        self._timekeeper = timekeeper
        self._salt = salt
        self._snapshots = snapshots
        self._queue: deque[_Waiting] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._next_reading: asyncio.Task[None] | None = None
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._growth: set[asyncio.Future[None]] = set()
        self._broken: LedgerBroken | None = None

    async def refresh(self) -> Fold:
        """Return the fold with everything that was in the store when this was called.

        Callers that come while the tail is read share the next reading.

        Raises:
            StoreUnavailable: the store did not answer.
            LedgerBroken: the chain has a gap or a wrong hash. It stays closed.
        """
        idle = self._next_reading is None and (self._reading is None or self._reading.done()) and self._broken is None
        if idle and self._store.reaches(self.population, self.fold.head.sequence + 1) is False:
            return self.fold
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read_after(self._reading))
        await asyncio.shield(self._next_reading)
        return self.fold

    async def decide(self, member: Member[T]) -> T:
        """Decide a request against the fold, append what it proposes, and return its answer from the fold.

        Raises:
            Refusal: its own, or CANNOT_APPEND.
            StoreUnavailable: whether it was appended is not known. The same request, repeated, finds out.
        """
        waiting = _Waiting(member, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await waiting.future  # type: ignore[no-any-return]

    async def ensure_begun(self) -> None:
        """Append genesis if the chain is empty: what the record of its beginning says, or that of a ZCDP population."""
        while (await self.refresh()).head.sequence < 0:
            await self._begin()

    def query(self, query_id: str) -> PaidQuery:
        """Return a query that is known to be paid, as it was when the chain was last read.

        Raises:
            LedgerBroken: it is not in the chain.
        """
        query = self.fold.query(query_id)
        if query is None:
            raise LedgerBroken(f"{self.population}: a query is gone that was paid")
        return query

    async def ended(self, query_id: str) -> None:
        """Return when a paid query has its terminal: at once for appends of this replica, else within a poll."""
        await self.refresh()
        if query_id not in self.fold.open:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(query_id, set())
        waiters.add(future)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await future
        finally:
            waiters.discard(future)
            if not waiters and self._waiters.get(query_id) is waiters:
                del self._waiters[query_id]

    @property
    def is_broken(self) -> bool:
        """Whether this replica has stopped at an entry: it answers and appends no more."""
        return self._broken is not None

    async def grown(self, sequence: int) -> None:
        """Return when the chain has an entry at a position: at once for appends of this replica, else within a poll.

        Raises:
            StoreUnavailable, LedgerBroken: as `refresh`.
        """
        while (await self.refresh()).head.sequence < sequence:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._growth.add(future)
            try:
                await asyncio.wait((future,), timeout=_GROWTH_POLL_SECONDS)
            finally:
                self._growth.discard(future)

    async def close(self) -> None:
        """Stop waiting for others."""
        for task in (self._poller, self._runner, self._reading, self._next_reading):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        for waiting in self._queue:
            waiting.future.cancel()
        if self._snapshots is not None:
            await self._snapshots.close(self.fold)

    # Reading.

    async def _read_after(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        self._reading, self._next_reading = self._next_reading, None
        await self._read()

    async def _read(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._snapshots is not None and self.fold.head.sequence < 0:
            self.fold = await self._snapshots.restored() or self.fold
        if await self._read_page():
            with uncollected():
                while await self._read_page():
                    pass
        self._consider_snapshot()

    def _consider_snapshot(self) -> None:
        if self._snapshots is not None:
            self._snapshots.consider(self.fold)

    async def _read_page(self) -> bool:
        """Take up what follows; return whether there may be more."""
        entries = await self._store.read(self.population, self.fold.head.sequence + 1, _PAGE)
        if entries:
            await self._take_entries(entries)
        return len(entries) == _PAGE

    async def _take_entries(self, entries: Sequence[StoredEntry]) -> None:
        try:
            claims: dict[str, ClaimFacts] = {}
            while lacking := take_up_read(self.fold, self.population, entries, claims):
                found = await self._claims.paid(lacking)
                claims.update((query_id, record.facts) for query_id, record in found.items())
        except LedgerBroken as broken:
            self._broken = broken
            _log.error("chain stopped: %s", broken)
            raise
        self._announce()

    def _announce(self) -> None:
        """Wake those who wait for a terminal that is there now, or for any entry."""
        for query_id in [each for each in self._waiters if each not in self.fold.open]:
            self._wake(query_id)
        for future in self._growth:
            if not future.done():
                future.set_result(None)

    # Appending.

    async def _run(self) -> None:
        while self._queue:
            group = [self._queue.popleft() for _ in range(min(len(self._queue), _GROUP_LIMIT))]
            group.sort(key=lambda waiting: waiting.member.rank)
            try:
                await self._settle(group)
            except asyncio.CancelledError:
                for waiting in group:
                    waiting.future.cancel()
                raise
            except Exception as error:  # noqa: BLE001  (it reaches every caller of the group)
                for waiting in group:
                    if not waiting.future.done():
                        waiting.future.set_exception(_copy(error))

    async def _settle(self, group: list[_Waiting]) -> None:
        unknown = 0
        for _ in range(_RACES_MAX):
            await self.ensure_begun()
            obstacle = await self._timekeeper.obstacle(self.fold, self._next_key())
            key = self._next_key()
            if obstacle is None and key is None:
                continue  # another replica has changed the key meanwhile
            now = self._timekeeper.now(self.fold.head.at)
            decided = self._decide(group, now, alone=obstacle is not None)
            if obstacle is not None:
                _deliver(group, [obstacle if isinstance(each, Proposal) else each for each in decided.outcomes])
                return
            if not decided.payloads or key is None:
                _deliver(group, decided.outcomes)
                return
            head = self.fold.head
            entry = make_entry(
                self.population, head.sequence + 1, now, head.entry_hash, decided.payloads, key, decided.copies()
            )
            try:
                appended = await self._store.append(entry, decided.sides)
            except StoreUnavailable:
                unknown += 1
                if unknown >= _UNKNOWN_MAX:
                    raise
                continue  # the tail says whether it is there
            if appended:
                self._take_own(entry, decided)
                _deliver(group, self._answers(group, decided, now))
                return
        raise StoreUnavailable("the chain is contended without end")

    def _decide(self, group: list[_Waiting], now: datetime, *, alone: bool) -> _Group:
        """Decide each member against the fold and, unless alone, the members before it."""
        decided = _Group()
        position = self.fold.head.sequence + 1
        with self.fold.tentative():
            for waiting in group:
                try:
                    outcome = waiting.member.decide(self.fold, now)
                except Refusal as refusal:
                    decided.outcomes.append(refusal)
                    continue
                decided.outcomes.append(outcome)
                if isinstance(outcome, Proposal) and not alone:
                    payload = event_payload(outcome.event)
                    event = read_event(payload)
                    apply(self.fold, event, outcome.claims, position, now)
                    decided.payloads.append(payload)
                    decided.events.append(event)
                    decided.claims.update(outcome.claims)
                    decided.sides.extend(outcome.sides)
        return decided

    def _take_own(self, entry: StoredEntry, decided: _Group) -> None:
        if entry.sequence > self.fold.head.sequence:  # else a reader saw it first
            take_up(self.fold, entry, decided.events, decided.claims)
            self._announce()
            self._consider_snapshot()

    def _answers(self, group: list[_Waiting], decided: _Group, now: datetime) -> list[Settled[Any] | Refusal]:
        """Answer those whose event is in the chain now from the fold; the others as they were decided behind them."""
        answers: list[Settled[Any] | Refusal] = []
        for waiting, outcome in zip(group, decided.outcomes, strict=True):
            if isinstance(outcome, Refusal):
                answers.append(outcome)
                continue
            again = waiting.member.decide(self.fold, now) if isinstance(outcome, Proposal) else outcome
            if isinstance(again, Proposal):
                raise LedgerBroken(f"{self.population}: an appended event did not settle its request")
            answers.append(again)
        return answers

    def _next_key(self) -> LedgerKey | None:
        """Return the key that the next entry needs; None: this accountant does not hold it."""
        return self._keys.holding(self.fold.public_key) if self.fold.public_key else self._keys.first

    async def _begin(self) -> None:
        genesis = ledger_pb2.LedgerEvent(salt=self._salt(), genesis=await self._genesis())
        obstacle = await self._timekeeper.obstacle(self.fold, self._keys.first)
        if obstacle is not None:
            raise obstacle
        now = self._timekeeper.now(self.fold.head.at)
        await self._store.append(
            make_entry(self.population, 0, now, self.fold.head.entry_hash, [event_payload(genesis)], self._keys.first)
        )

    async def _genesis(self) -> ledger_pb2.Genesis:
        body = (await self._store.get_sides(SideKind.CHAIN, [self.population])).get(self.population)
        genesis = ledger_pb2.Genesis.FromString(body or b"")
        if genesis.accounting == population_pb2.ACCOUNTING_UNSPECIFIED:
            genesis.accounting = population_pb2.ACCOUNTING_ZCDP
        genesis.public_key = self._keys.first.public_key
        return genesis

    # Waiting.

    async def _poll(self) -> None:
        while self._waiters:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self.refresh()
            except StoreUnavailable:
                continue  # it may come back; each waiter has its own deadline
            except LedgerBroken as broken:
                for waiters in self._waiters.values():
                    for future in waiters:
                        if not future.done():
                            future.set_exception(LedgerBroken(str(broken)))
                return

    def _wake(self, query_id: str) -> None:
        for future in self._waiters.pop(query_id, ()):
            if not future.done():
                future.set_result(None)


def _deliver(group: Sequence[_Waiting], outcomes: Sequence[Settled[Any] | Proposal | Refusal]) -> None:
    for waiting, outcome in zip(group, outcomes, strict=True):
        if waiting.future.done():  # its caller went away
            continue
        if isinstance(outcome, Settled):
            waiting.future.set_result(outcome.value)
        else:
            waiting.future.set_exception(outcome if isinstance(outcome, Refusal) else cannot_append("undecided"))


def _copy(error: Exception) -> Exception:
    """Return an exception for one more task: a shared one would collect the tracebacks of all."""
    if isinstance(error, StoreUnavailable | LedgerBroken):
        return type(error)(*error.args)
    return error
