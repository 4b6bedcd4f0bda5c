"""Schedules: by a seeded die, or every one up to a depth."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.model.stepping import OK, Choice, Pause, Pruned


@dataclass
class Diced:
    """A random walk. Faults are rationed, so that a walk ends; calm, there are none."""

    seed: int
    faults: int = 3
    fault_chance: float = 0.1
    time_chance: float = 0.04
    calm: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._left = self.faults

    def choose(self, pauses: Sequence[Pause], timers: bool) -> Choice:
        if timers and (not pauses or self._random.random() < self.time_chance):
            return Choice(None)
        pause = pauses[self._random.randrange(len(pauses))]
        if self._left and not self.calm and len(pause.outcomes) > 1 and self._random.random() < self.fault_chance:
            self._left -= 1
            return Choice(pause, self._random.choice(pause.outcomes[1:]))
        return Choice(pause)

    def pick(self, number: int) -> int:
        return self._random.randrange(number)

    def arrive(self, state: Callable[[], object]) -> None:
        """A random walk may come where another has been."""


@dataclass
class Exhausting:
    """One walk of a search of all: it follows a prefix, then takes the first of what is left, noting what it left out.

    Time moves only when nothing else can happen. A fault takes the place of the call's success, as often as rationed.
    """

    prefix: list[int]
    seen: set[object]
    """States from which all has been searched, or will be by the walk that came first."""
    depth: int
    faults: int = 0
    calm: bool = False
    options: list[int] = field(default_factory=list)
    """How many there were at each choice so far."""

    def choose(self, pauses: Sequence[Pause], timers: bool) -> Choice:
        if not pauses:
            return Choice(None)
        several = [Choice(pause) for pause in pauses]
        if self.faults and not self.calm:
            several += [Choice(pause, outcome) for pause in pauses for outcome in pause.outcomes[1:]]
        chosen = several[self._next(len(several))]
        if chosen.outcome != OK:
            self.faults -= 1
        return chosen

    def pick(self, number: int) -> int:
        return self._next(number) if number > 1 else 0

    def arrive(self, state: Callable[[], object]) -> None:
        if self.calm or len(self.options) < len(self.prefix):
            return
        key = state(), self.faults
        if key in self.seen:
            raise Pruned
        self.seen.add(key)

    def _next(self, number: int) -> int:
        place = len(self.options)
        if self.calm or place >= self.depth:
            return 0
        self.options.append(number)
        return self.prefix[place] if place < len(self.prefix) else 0

    def following(self) -> list[int] | None:
        """Return the prefix of the next walk in the order of the search; None: all have been."""
        taken = [self.prefix[place] if place < len(self.prefix) else 0 for place in range(len(self.options))]
        while taken:
            if taken[-1] + 1 < self.options[len(taken) - 1]:
                taken[-1] += 1
                return taken
            taken.pop()
        return None
