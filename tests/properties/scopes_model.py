"""A plain model of grants, loans, windows and payments, to hold the ledger against."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import LossLimit, RhoDelta
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer, ScopeKey
from sfumato_accountant.accounting.zcdp import Zcdp
from sfumato_accountant.ledger.delegating import Lend, Reclaim
from sfumato_accountant.ledger.limits import SetFrozen, SetLimit
from sfumato_accountant.ledger.reserving import Price, Reserve
from sfumato_accountant.ledger.windows import Window
from sfumato_accountant.stores.ports import StoreUnavailable
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.reservation_pb2 import Claim
from tests.properties.test_ledger_interleavings import (
    POPULATION,
    START,
    VERSIONS,
    FaultyStore,
    Replica,
    SteppingClock,
    replica,
)

ANALYSTS = ("ada", "bob", "eve")
WINDOW = timedelta(microseconds=100)
"""So that some steps of the clock, of a microsecond each, cross its end."""


def scope_of(name: str) -> ScopeKey:
    return ScopeKey(analyst=f"users/{name}") if name else ScopeKey()


def limit_of(rho: int) -> LossLimit:
    return LossLimit(rho=RhoDelta(rho_picos=rho))


@dataclass
class Grant:
    limit: int
    window: int | None = None
    lender: str = ""


@dataclass
class Model:
    """Who may spend what: "" is the population."""

    grants: dict[str, Grant] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    paid: list[tuple[datetime, str, int]] = field(default_factory=list)

    def spent(self, name: str, since: datetime | None = None) -> int:
        return sum(rho for at, who, rho in self.paid if who == name and (since is None or at >= since))

    def lent(self, name: str) -> int:
        return sum(grant.limit for grant in self.grants.values() if name and grant.lender == name)

    def line(self, name: str) -> list[str]:
        """The scope, its lender, the lender's lender, …"""
        names = [name]
        while self.grants[names[-1]].lender:
            names.append(self.grants[names[-1]].lender)
        return names

    def tree(self, name: str) -> list[str]:
        """The scope, and all that was lent from it."""
        below = [other for other, grant in self.grants.items() if name and grant.lender == name]
        return [name] + [each for other in below for each in self.tree(other)]

    def is_stopped(self, name: str) -> bool:
        return "" in self.frozen or any(each in self.frozen for each in self.line(name))

    def fits(self, name: str, rho: int, at: datetime) -> bool:
        if self.spent(name) + self.lent(name) + rho > self.grants[name].limit:
            return False
        for holder in self.line(name)[1:]:  # a lender's limit may have been lowered since
            if sum(self.spent(each) for each in self.tree(holder)) + rho > self.grants[holder].limit:
                return False
        since = START + (at - START) // WINDOW * WINDOW
        for holder in self.line(name):
            window = self.grants[holder].window
            if window is not None and sum(self.spent(each, since) for each in self.tree(holder)) + rho > window:
                return False
        return True

    def check_payment(self, analyst: str, rho: int, at: datetime) -> str:
        """Return why a payment is refused; "": it is not."""
        if "" not in self.grants or analyst not in self.grants:
            return "GRANT_MISSING"
        if analyst in self.frozen or any(self.is_stopped(name) for name in ("", analyst)):
            return "BUDGET_FROZEN"
        return "" if all(self.fits(name, rho, at) for name in ("", analyst)) else "BUDGET_EXHAUSTED"

    def check_loan(self, lender: str, borrower: str, rho: int) -> str:
        if lender not in self.grants:
            return "GRANT_MISSING"
        if self.is_stopped(lender):
            return "BUDGET_FROZEN"
        if borrower in self.grants and self.grants[borrower].lender != lender:
            return "DELEGATION_REFUSED"
        return (
            "" if self.spent(lender) + self.lent(lender) + rho <= self.grants[lender].limit else "DELEGATION_TOO_LARGE"
        )

    def pay(self, analyst: str, rho: int, at: datetime) -> None:
        self.paid += [(at, "", rho), (at, analyst, rho)]


@dataclass(frozen=True)
class Paying:
    analyst: str
    rho: int

    async def run(self, at: Replica, number: int) -> Any:
        digest = number.to_bytes(32, "big")
        analyst = f"users/{self.analyst}"
        claim = await at.claims.put(
            Claim(
                query_id=str(uuid.UUID(int=number)),
                body_digest=digest,
                population=POPULATION,
                plan_digest=digest,
                analyst=analyst,
            )
        )
        payer = Payer(("datasets/penguins",), "", analyst)
        price = Price(POPULATION, Zcdp(), payer, digest, Loss(self.rho, None, 0), VERSIONS, False)
        return await at.chain.decide(Reserve(claim, price, timedelta(hours=1)))

    def on(self, model: Model, now: datetime) -> str:
        refused = model.check_payment(self.analyst, self.rho, now)
        if not refused:
            model.pay(self.analyst, self.rho, now)
        return refused


@dataclass(frozen=True)
class Granting:
    name: str
    rho: int
    window: int | None

    async def run(self, at: Replica, number: int) -> Any:
        window = None if self.window is None else Window(WINDOW, START, limit_of(self.window))
        salt = number.to_bytes(16, "big")
        member = SetLimit(
            POPULATION, scope_of(self.name), limit_of(self.rho), "as agreed", "users/cleo", "", salt, window
        )
        return await at.chain.decide(member)

    def on(self, model: Model, now: datetime) -> str:
        model.grants[self.name] = Grant(self.rho, self.window)
        return ""


@dataclass(frozen=True)
class Lending:
    lender: str
    borrower: str
    rho: int

    async def run(self, at: Replica, number: int) -> Any:
        lender, borrower = scope_of(self.lender), scope_of(self.borrower)
        salt = number.to_bytes(16, "big")
        member = Lend(POPULATION, Zcdp(), lender, borrower, limit_of(self.rho), f"users/{self.lender}", salt)
        return await at.chain.decide(member)

    def on(self, model: Model, now: datetime) -> str:
        refused = model.check_loan(self.lender, self.borrower, self.rho)
        if not refused:
            had = model.grants.get(self.borrower)
            model.grants[self.borrower] = Grant((had.limit if had else 0) + self.rho, None, self.lender)
        return refused


@dataclass(frozen=True)
class Reclaiming:
    name: str

    async def run(self, at: Replica, number: int) -> Any:
        if scope_of(self.name) not in (await at.chain.refresh()).grants:
            return None
        member = Reclaim(POPULATION, scope_of(self.name), "users/cleo", number.to_bytes(16, "big"))
        return await at.chain.decide(member)

    def on(self, model: Model, now: datetime) -> str:
        grant = model.grants.get(self.name)
        if grant is None:
            return ""
        if not grant.lender:
            return "DELEGATION_REFUSED"
        model.grants[self.name] = Grant(model.spent(self.name) + model.lent(self.name), None, grant.lender)
        return ""


@dataclass(frozen=True)
class Freezing:
    name: str
    frozen: bool

    async def run(self, at: Replica, number: int) -> Any:
        salt = number.to_bytes(16, "big")
        return await at.chain.decide(
            SetFrozen(POPULATION, scope_of(self.name), self.frozen, "as agreed", "users/cleo", salt)
        )

    def on(self, model: Model, now: datetime) -> str:
        (model.frozen.add if self.frozen else model.frozen.discard)(self.name)
        return ""


def lending(pair: tuple[str, str], rho: int) -> Lending:
    return Lending(pair[0], pair[1], rho)


Operation = Paying | Granting | Lending | Reclaiming | Freezing
NAMES = st.sampled_from(ANALYSTS)
LOANS = st.sampled_from([(one, other) for one in ANALYSTS for other in ANALYSTS if one != other])
OPERATIONS = st.one_of(
    st.builds(Paying, NAMES, st.integers(1, 9)),
    st.builds(Paying, NAMES, st.integers(1, 9)),
    st.builds(lending, LOANS, st.integers(1, 30)),
    st.builds(lending, LOANS, st.integers(1, 30)),
    st.builds(Reclaiming, NAMES),
    st.builds(Granting, st.sampled_from(("", *ANALYSTS)), st.integers(0, 60), st.none() | st.integers(0, 25)),
    st.builds(Freezing, st.sampled_from(("", *ANALYSTS, *ANALYSTS)), st.sampled_from((True, False, False))),
)
BEGINNING: list[Operation] = [
    Granting("", 90, None),
    Granting("ada", 50, 12),
    Lending("ada", "bob", 30),
    Lending("bob", "eve", 15),
    Reclaiming("eve"),
    Lending("bob", "eve", 12),
]


async def outcome(operation: Operation, at: Replica, number: int) -> str:
    """Repeat an operation under its ids until it is known what came of it; return the reason of a refusal, or ""."""
    while True:
        try:
            await operation.run(at, number)
        except StoreUnavailable:
            continue
        except Refusal as refusal:
            return refusal.reason
        return ""


async def in_order(operations: Sequence[Operation]) -> None:
    clock = SteppingClock()
    at, model = replica(FaultyStore(random.Random(1), 0.0), clock), Model()
    for number, operation in enumerate([*BEGINNING, *operations], start=1):
        came = await outcome(operation, at, number)
        now = clock.at  # the model answers for the time at which it was decided
        decided = at.chain.fold.head.at if not came and isinstance(operation, Paying) else now
        assert operation.on(model, decided) == came, (number, operation)
    fold = at.chain.fold
    assert {scope: loss.rho_picos for scope, loss in fold.spent.items()} == {
        scope_of(name): model.spent(name) for name in ("", *ANALYSTS) if model.spent(name)
    }
    for name, grant in model.grants.items():
        facts = fold.grants[scope_of(name)]
        assert facts.limit == limit_of(grant.limit)
        assert facts.parent == (scope_of(grant.lender) if grant.lender else None)
    assert set(fold.frozen) == {scope_of(name) for name in model.frozen}
