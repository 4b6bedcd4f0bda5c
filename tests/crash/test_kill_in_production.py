"""kill -9 of every replica of a role while a query stands at a step: one charge, one answer, whoever asks again.

CI kills once a step; `make crash` kills every role at every step, on every broker.
"""

import itertools
import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash.books import agree
from tests.crash.production_scene import POPULATION, CrashScene, crash_scene, until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LONG: Final = os.environ.get("SFUMATO_CRASH", "") == "all"
"""Set by `make crash`."""
STEPS: Final = ("reserved", "submitted", "started", "drawn", "sealed", "committed", "streaming")
ROLES: Final = ("gateway", "accountant", "front", "worker", "settler")
_ONCE: Final = (
    ("reserved", "accountant"),
    ("submitted", "gateway"),
    ("started", "front"),
    ("drawn", "worker"),
    ("sealed", "settler"),
    ("committed", "accountant"),
    ("streaming", "gateway"),
)
_QUEUED_AGAIN: Final = STEPS[2:5]
"""Steps at which the settler acts once the lease is over: the query is open, and an accountant answers. Not where it
was submitted: then a worker answers it before the lease is over, while whoever submitted it stands."""
_PRICES: Final = itertools.count(1)


@pytest.fixture(scope="module", params=["amqp", "redis"] if LONG else ["amqp"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashScene]:
    with crash_scene(tmp_path_factory.mktemp("crash"), request.param) as running:
        yield running
        # After all crashes: 0 lost, 0 double, 0 free, 0 open, and the balances are the sums of what was paid.
        books = running.auditor.read_settled(60)
        agree(books, running.answers, running.auditor.spent())
        assert set(books.terminals) == {several[0].query for several in running.answers.values()}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("step", "role"), itertools.product(STEPS, ROLES) if LONG else _ONCE)
def test_a_death_leaves_one_charge_and_one_answer(scene: CrashScene, step: str, role: str) -> None:
    before = scene.auditor.spent().get(POPULATION, 0)
    front_said = len(scene.mesh["front"].text())
    scene.arm(step)
    asking = scene.ask(f"0.01{next(_PRICES):04d}")
    scene.wait_until_halted()
    if role == "settler" and step in _QUEUED_AGAIN:
        # Unless it was answered meanwhile: what halted may be an attempt at an earlier query that was queued twice.
        until(
            lambda: "is queued again" in scene.mesh["front"].text()[front_said:] or asking.is_over,
            "the settler did not act",
        )
    killed = scene.kill(role)
    scene.release()
    scene.start(killed)
    answer = asking.result()
    scene.answers[asking.request_id] = [answer, *scene.attach(answer.query)]
    assert all(each.rows() == answer.rows() for each in scene.answers[asking.request_id])
    assert scene.auditor.spent()[POPULATION] - before == answer.charge.rho_picos
    answer.receipt.verify()
