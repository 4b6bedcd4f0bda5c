"""A walk: a scenario from its beginning until everything has ended, judged at every step."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

from sfumato_accountant.ledger import chain as chain_module
from tests.model.actors import Stage
from tests.model.calls import FAULTS_OF_SERVICES
from tests.model.judge import Judge
from tests.model.mesh import Layout, World
from tests.model.reading import require
from tests.model.scene import POPULATION, furnished
from tests.model.schedules import Diced, Exhausting
from tests.model.stepping import PROCESS, Process, Pruned, Violation

_SETTLED_SECONDS: Final = 60.0

Cast = Callable[[Stage, random.Random], Sequence["asyncio.Task[None]"]]


@dataclass(frozen=True)
class Scenario:
    """Who is on the stage, and what may go wrong."""

    name: str
    cast: Cast
    layout: Layout = field(default_factory=Layout)
    faults: int = 3
    fault_chance: float = 0.1
    time_chance: float = 0.04
    answers_all: bool = False
    """Whether all that is paid must be answered: nobody cancels, and there is time enough."""


def walk(scenario: Scenario, seed: int) -> Stage:
    """Walk once at random.

    Raises:
        Violation: with the story of the walk.
    """
    schedule = Diced(seed, scenario.faults, scenario.fault_chance, scenario.time_chance)
    return _walk(scenario, schedule, random.Random(seed))


@dataclass(frozen=True)
class Search:
    """What a search of all schedules went through."""

    walks: int
    states: int


def exhaust(scenario: Scenario, *, depth: int, faults: int = 0) -> Search:
    """Walk every schedule of a scenario, up to a number of choices; what follows goes first come, first served.

    Raises:
        Violation: with the story of the walk.
    """
    seen: set[object] = set()
    prefix: list[int] | None = []
    walks = 0
    while prefix is not None:
        schedule = Exhausting(prefix, seen, depth, faults)
        with suppress(Pruned):
            _walk(scenario, schedule, random.Random(0))
        walks += 1
        prefix = schedule.following()
    return Search(walks, len(seen))


def _walk(scenario: Scenario, schedule: Diced | Exhausting, dice: random.Random) -> Stage:
    judge = Judge()
    world = World(schedule, furnished().copy(), scenario.layout, judge.check)
    stage = Stage(world, judge)
    FAULTS_OF_SERVICES.set(judge.reports)
    random.seed(dice.getrandbits(32))  # tenacity's waits
    logging.disable(logging.CRITICAL)  # what services have to say, the judge sees
    try:
        with mock.patch.object(chain_module, "_POLL_SECONDS", 0.5):
            world.stepper.run(_play(scenario, stage, schedule, dice))
    except Violation as violation:
        seed = getattr(schedule, "seed", getattr(schedule, "prefix", None))
        told = f"{violation}\nscenario {scenario.name}, schedule {seed}\n{world.stepper.story()}"
        raise Violation(told) from violation
    finally:
        logging.disable(logging.NOTSET)
    return stage


async def _play(scenario: Scenario, stage: Stage, schedule: Any, dice: random.Random) -> None:
    PROCESS.set(Process("director"))
    await stage.world.start()
    acting = scenario.cast(stage, dice)
    await asyncio.gather(*acting)
    schedule.calm = True
    await _settle(stage)
    if scenario.answers_all:
        assert stage.judge.reading is not None
        lost = [query_id for query_id, paid in stage.judge.reading.queries.items() if paid.terminal == "charged"]
        require(not lost, f"{lost} were paid and not answered")


async def _settle(stage: Stage) -> None:
    """Let settlers and sweepers go on until nothing is open, then compare the books of all."""
    world, judge = stage.world, stage.judge
    judge.check(world)
    assert judge.reading is not None
    end = world.stepper.loop.time() + _SETTLED_SECONDS
    while world.fronts and judge.reading.open and not judge.is_behind(world):
        require(world.stepper.loop.time() < end, f"{judge.reading.open} stay open")
        await asyncio.sleep(0.5)
        judge.check(world)
    for _, accountant in world.accountants.values():
        chain = accountant._chains.chain(POPULATION)
        fold = await chain.refresh()
        told = {tuple(scope): loss.rho_picos for scope, loss in fold.spent.items() if loss.rho_picos}
        require(told == judge.spent(), f"an accountant says that {told} is spent, and it is {judge.spent()}")
