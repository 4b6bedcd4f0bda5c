"""Grants, windows, loans and freezes against a plain model: integers, dictionaries, and nothing of the accountant.

In order, every request is answered as the model answers it, and leaves what the model has. In any interleaving on two
replicas with lost writes and lost replies, the chain that comes of it keeps every rule at every position.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfumato_accountant.stores.ports import StoredEntry
from tests.properties.scopes_model import (
    ANALYSTS,
    BEGINNING,
    LOANS,
    NAMES,
    OPERATIONS,
    Grant,
    Granting,
    Lending,
    Model,
    Operation,
    Paying,
    Reclaiming,
    in_order,
    lending,
    outcome,
)
from tests.properties.test_ledger_interleavings import (
    START,
    FaultyStore,
    SteppingClock,
    replica,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, max_size=40))
def test_every_request_is_answered_as_the_plain_model_answers_it(operations: list[Operation]) -> None:
    asyncio.run(in_order(operations))


def check_chain(entries: Sequence[StoredEntry]) -> Model:
    """Read a chain as JSON and apply every event to the plain model, if the model lets it."""
    model = Model()
    for entry in entries:
        at = datetime.fromisoformat(entry.at)
        for record in entry.records:
            event = json.loads(record.payload)
            kind = next(each for each in event if each not in ("salt", "user"))
            if kind in _CHECKS:
                _CHECKS[kind](model, event[kind], event.get("user", ""), at)
    return model


def _name(scope: Any) -> str:
    return str(scope.get("analyst", "")).removeprefix("users/")


def _reserved(model: Model, fact: Any, user: str, at: datetime) -> None:
    rho = int(fact["charge"]["rho_picos"])
    analyst = user.removeprefix("users/")
    assert [(_name(each["scope"]), int(each["charge"]["rho_picos"])) for each in fact["scopes"]] == [
        ("", rho),
        (analyst, rho),
    ]
    assert model.check_payment(analyst, rho, at) == ""
    model.pay(analyst, rho, at)


def _granted(model: Model, fact: Any, user: str, at: datetime) -> None:
    grant = fact["grant"]
    name, limit = _name(grant["scope"]), int(grant["limit"]["rho"].get("rho_picos", 0))
    lender = grant.get("parent", "").rpartition("analyst-")[2]
    window = int(grant["window"]["limit"]["rho"].get("rho_picos", 0)) if "window" in grant else None
    had = model.grants.get(name)
    if lender:
        before = had.limit if had is not None else 0
        assert had is None or had.lender == lender
        if limit > before:
            assert model.check_loan(lender, name, limit - before) == ""
        else:
            assert limit == model.spent(name) + model.lent(name), "no less than is spent and lent, and no more"
    model.grants[name] = Grant(limit, window, lender)


def _frozen(model: Model, fact: Any, user: str, at: datetime) -> None:
    (model.frozen.add if fact.get("frozen") else model.frozen.discard)(_name(fact["scope"]))


_CHECKS: dict[str, Callable[[Model, Any, str, datetime], None]] = {
    "reserved": _reserved,
    "granted": _granted,
    "frozen": _frozen,
}


async def interleaved(
    operations: Sequence[Operation], seed: int, faults: float, beginning: Sequence[Operation]
) -> Model:
    chance = random.Random(seed)
    store, clock = FaultyStore(chance, faults), SteppingClock()
    replicas = [replica(store, clock), replica(store, clock)]
    for number, operation in enumerate(beginning, start=10**6):
        await outcome(operation, replicas[0], number)

    async def one(number: int, operation: Operation) -> None:
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        await outcome(operation, chance.choice(replicas), number)

    await asyncio.gather(*(one(number, each) for number, each in enumerate(operations, start=1)))
    return check_chain(store.entries)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, max_size=30), seed=st.integers(0, 2**32), faults=st.sampled_from([0.0, 0.3]))
def test_any_interleaving_keeps_every_limit(operations: list[Operation], seed: int, faults: float) -> None:
    asyncio.run(interleaved(operations, seed, faults, BEGINNING))


SPENDING = st.one_of(
    st.builds(Paying, NAMES, st.integers(1, 9)),
    st.builds(lending, LOANS, st.integers(1, 40)),
    st.builds(Reclaiming, NAMES),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(SPENDING, max_size=60), seed=st.integers(0, 2**32))
def test_lending_never_raises_what_a_custodian_gave(operations: list[Operation], seed: int) -> None:
    beginning: list[Operation] = [Granting("", 1000, None), Granting("ada", 50, None)]
    model = asyncio.run(interleaved(operations, seed, 0.0, beginning))
    spent = Counter({name: model.spent(name) for name in ANALYSTS})
    assert spent.total() <= 50
    assert spent.total() == model.spent("")


def test_the_plain_reading_would_see_a_broken_rule() -> None:
    """The judge itself: a chain in which a borrower spends more than was lent does not pass."""

    async def run() -> list[StoredEntry]:
        store = FaultyStore(random.Random(1), 0.0)
        at = replica(store, SteppingClock())
        operations: list[Operation] = [*BEGINNING[:2], Lending("ada", "bob", 10), Paying("bob", 10)]
        for number, operation in enumerate(operations, start=1):
            assert await outcome(operation, at, number) == ""
        return store.entries

    entries = asyncio.run(run())
    model = check_chain(entries[:-1])
    event = json.loads(entries[-1].records[0].payload)
    event["reserved"]["charge"]["rho_picos"] = "11"
    for line in event["reserved"]["scopes"]:
        line["charge"]["rho_picos"] = "11"
    refused = partial(_reserved, model, event["reserved"], event["user"], START)
    try:
        refused()
    except AssertionError:
        return
    raise AssertionError("the judge let it pass")
