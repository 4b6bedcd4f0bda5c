"""The scenarios: small casts, each about one corner of the protocol, and one of everything."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from tests.model.actors import Ask, Stage
from tests.model.mesh import Layout
from tests.model.scene import ADA, BOB, PROJECT
from tests.model.walks import Scenario

Acting = Sequence["asyncio.Task[None]"]
Act = Callable[[], Awaitable[None]]


def twins(stage: Stage, dice: random.Random) -> Acting:
    """One request id at two gateways, with the same and with another body; tasks come twice."""
    ask = Ask(1, times=2)
    return [
        stage.play("ada on one", partial(stage.ask, ask)),
        stage.play("ada on two", partial(stage.ask, ask)),
        stage.play("ada with another body", partial(stage.ask_other_body, ask)),
    ]


def limits(stage: Stage, dice: random.Random) -> Acting:
    """More than the limits fit, at once, at two accountants; the limits change meanwhile."""
    asks = [Ask(number, dice.choice((ADA, BOB)), plan=number, rho=dice.choice((15, 20, 25))) for number in range(1, 7)]
    asks.append(Ask(7, ADA, plan=7, rho=30, project=PROJECT))
    return [
        *(stage.play(f"asks {ask.number}", partial(stage.ask, ask)) for ask in asks),
        stage.play("the custodian", partial(stage.limit, dice.choice((30, 50, 90)))),
    ]


def endings(stage: Stage, dice: random.Random) -> Acting:
    """Answered, given up or cancelled, by whom it may and by whom it may not; workers that come late."""
    ask = Ask(1, times=2)
    return [
        stage.play("ada", partial(stage.ask, ask)),
        stage.play("bob cancels", partial(stage.cancel, ask, BOB)),
        *([stage.play("ada cancels", partial(stage.cancel, ask, ADA))] if dice.random() < 0.5 else []),
        stage.play("a hasty settler", partial(stage.give_up_early, ask)),
        stage.play("the operator", partial(stage.kill, dice.choice(("worker1", "worker2")))),
    ]


def versions(stage: Stage, dice: random.Random) -> Acting:
    """A version is published while one is asked and one is answered; a worker offers another version."""
    ask = Ask(1, times=2)
    return [
        stage.play("ada", partial(stage.ask, ask)),
        stage.play("ada again", partial(stage.ask, Ask(2))),
        stage.play("the custodian", stage.publish),
        stage.play("a careless worker", partial(stage.commit_another_version, ask)),
    ]


def underpaid(stage: Stage, dice: random.Random) -> Acting:
    """A gateway reserves less than the price."""
    return [
        stage.play("a lying gateway", partial(stage.lie, Ask(1, rho=30), 3)),
        stage.play("ada", partial(stage.ask, Ask(2, plan=2))),
    ]


def repeats(stage: Stage, dice: random.Random) -> Acting:
    """Equal questions, of one analyst and of two, with and without a project, while spending is stopped and not."""

    async def ask_all(analyst: int) -> None:
        user = (ADA, BOB)[analyst]
        for number in range(3):
            project = PROJECT if dice.random() < 0.3 else ""
            await stage.ask(Ask(1 + number + 10 * analyst, user, project=project, fresh=dice.random() < 0.2))

    return [
        stage.play("ada", partial(ask_all, 0)),
        stage.play("bob", partial(ask_all, 1)),
        stage.play("the custodian", partial(stage.freeze, analyst=dice.choice(("", "users/ada")))),
    ]


def projects(stage: Stage, dice: random.Random) -> Acting:
    """Answered questions asked again for a project, which pays for them until its limit is reached."""

    async def ask_again() -> None:
        for number in range(1, 4):
            await stage.ask(Ask(number, plan=number, rho=dice.choice((18, 20))))
        again = [stage.ask(Ask(10 + n, plan=n, rho=rho, project=PROJECT)) for n in range(1, 4) for rho in (18, 20)]
        await asyncio.gather(*again)

    return [
        stage.play("ada", ask_again),
        stage.play("the custodian", partial(stage.limit, dice.choice((30, 45)), project=PROJECT)),
    ]


def fronts(stage: Stage, dice: random.Random) -> Acting:
    """Two fronts read, and raise one mark."""
    return [
        stage.play("ada", partial(stage.ask, Ask(1, times=4))),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2, times=4))),
    ]


def swept(stage: Stage, dice: random.Random) -> Acting:
    """Many attempts at few queries, while the sweeper goes round."""
    ask = Ask(1, times=3)
    return [
        stage.play("ada", partial(stage.ask, ask)),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2, times=3))),
        stage.play("a hand that queues too much", partial(stage.queue_again, ask, 6)),
    ]


def tampered(stage: Stage, dice: random.Random) -> Acting:
    """Somebody swaps sealed releases of one question."""
    return [
        stage.play("ada", partial(stage.ask, Ask(1, times=4, fresh=True))),
        stage.play("ada anew", partial(stage.ask, Ask(2, times=4, fresh=True))),
        stage.play("a vandal", stage.swap_sealed_bytes),
    ]


def restored(stage: Stage, dice: random.Random) -> Acting:
    """An old backup is put in place of the books, while queries are asked, run and read."""
    return [
        stage.play("ada", partial(stage.ask, Ask(1, times=5))),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2, times=4))),
        stage.play("ada once more", partial(stage.ask, Ask(3, plan=3, times=2))),
        stage.play("the operator", partial(stage.restore, dice.randrange(12), dice.randrange(12))),
    ]


def failing(stage: Stage, dice: random.Random) -> Acting:
    """Processes die and come back."""
    victims = ("accountant1", "accountant2", "gateway1", "gateway2", "front1", "worker1", "worker2")
    return [
        stage.play("ada", partial(stage.ask, Ask(1, times=2))),
        stage.play("ada again", partial(stage.ask, Ask(1))),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2))),
        stage.play("the reaper", partial(stage.kill, *(dice.choice(victims) for _ in range(3)))),
    ]


def reopened(stage: Stage, dice: random.Random) -> Acting:
    """An old backup is put in place, and the population goes on without what was lost."""
    before, after, shows_receipts = dice.randrange(12), dice.randrange(12), dice.random() < 0.5
    return [
        stage.play("ada", partial(stage.ask, Ask(1, times=6))),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2, times=6))),
        stage.play("ada once more", partial(stage.ask, Ask(3, plan=3, times=4))),
        stage.play("the operator", partial(stage.restore_and_reopen, before, after, shows_receipts=shows_receipts)),
    ]


def dying(stage: Stage, dice: random.Random) -> Acting:
    """Workers die at their work."""
    return [
        stage.play("ada", partial(stage.ask, Ask(1))),
        stage.play("bob", partial(stage.ask, Ask(2, BOB, plan=2))),
        stage.play("the reaper", stage.kill_when_sealed),
        stage.play("another reaper", partial(stage.kill, *(dice.choice(("worker1", "worker2")) for _ in range(2)))),
    ]


def withheld(stage: Stage, dice: random.Random) -> Acting:
    """A release is withheld while it is read and asked for again."""
    ask = Ask(1, times=5)
    return [
        stage.play("ada", partial(stage.ask, ask)),
        stage.play("ada again", partial(stage.ask, Ask(2, times=3))),
        stage.play("ada for the project", partial(stage.ask, Ask(3, project=PROJECT, times=2))),
        stage.play("the custodian", partial(stage.withhold, ask, thaw=dice.random() < 0.5)),
    ]


def everything(stage: Stage, dice: random.Random) -> Acting:
    """All of it at once."""
    asks = [
        Ask(
            number, dice.choice((ADA, BOB)), plan=dice.choice((1, 1, 2)), rho=dice.choice((10, 25)),
            project=dice.choice(("", PROJECT)), fresh=dice.random() < 0.2, times=dice.choice((1, 2)),
        )
        for number in range(1, 4)
    ]  # fmt: skip
    others: list[tuple[str, Act]] = [
        ("the operator", partial(stage.restore, dice.randrange(9), dice.randrange(15))),
        ("the custodian", stage.publish),
        ("another custodian", partial(stage.freeze, analyst="users/ada")),
        ("a third custodian", partial(stage.limit, 40)),
        ("bob cancels", partial(stage.cancel, asks[0], BOB)),
        ("ada cancels", partial(stage.cancel, asks[1], ADA)),
        ("ada repeats", partial(stage.ask, asks[0])),
        ("another body", partial(stage.ask_other_body, asks[1])),
        ("the reaper", partial(stage.kill, dice.choice(("accountant1", "front1", "worker1", "gateway1")))),
    ]
    chosen = dice.sample(others, 4)
    return [
        *(stage.play(f"asks {ask.number}", partial(stage.ask, ask)) for ask in asks),
        *(stage.play(name, act) for name, act in chosen),
    ]


_LOSSY: Final = Layout(network=True)
_PATIENT: Final = Layout(network=True, give_up_seconds=40)
"""Where all must be answered: more than the leases of all that is lost."""

SCENARIOS: Final[dict[str, Scenario]] = {
    each.name: each
    for each in (
        Scenario("twins", twins, faults=4, fault_chance=0.15),
        Scenario("skewed", twins, Layout(skew_seconds=0.9), faults=1),
        Scenario("torn", failing, Layout(tears=True), faults=4, fault_chance=0.2),
        Scenario("projects", projects, faults=1, time_chance=0.01),
        Scenario("fronts", fronts, Layout(fronts=2), faults=2),
        Scenario("swept", swept, Layout(workers=3), faults=2, time_chance=0.15),
        Scenario("tampered", tampered, Layout(at_hand=True), faults=0),
        Scenario("limits", limits, faults=4, fault_chance=0.1, time_chance=0.01),
        Scenario("endings", endings, faults=6, fault_chance=0.2, time_chance=0.3),
        Scenario("versions", versions, faults=2),
        Scenario("underpaid", underpaid, faults=1),
        Scenario("repeats", repeats, Layout(at_hand=True), faults=2, time_chance=0.01),
        Scenario("restored", restored, Layout(at_hand=True), faults=2),
        Scenario("reopened", reopened, faults=2),
        Scenario("failing", failing, _PATIENT, faults=4, time_chance=0.0, answers_all=True),
        Scenario("withheld", withheld, faults=2),
        Scenario("dying", dying, _PATIENT, faults=1, time_chance=0.0, answers_all=True),
        Scenario("everything", everything, _LOSSY, faults=5),
    )
}
