"""An event loop that stops whenever nothing is ready, and lets a schedule say what happens next.

Code under test runs as it is. Where it waits for a store, a queue, another service or the clock, it waits at a *pause*
that the schedule releases, in an order and with an outcome that the schedule chooses. Time is virtual: it moves only
when the schedule says so, from one timer to the next. Blocking code runs in greenlets, so that its calls are pauses
too and one thread runs everything: a walk is a function of the schedule's choices alone.
"""

import asyncio
import contextvars
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import greenlet

T = TypeVar("T")

OK: Final = "ok"
"""The outcome of a call that is carried out and answered."""
TIME: Final = "time"
_STEPS_MAX: Final = 20_000

PROCESS: contextvars.ContextVar["Process"] = contextvars.ContextVar("process")


class Violation(AssertionError):  # noqa: N818  (a finding)
    """A rule of the protocol does not hold."""


@dataclass(eq=False)
class Process:
    """A process of the mesh. Killed, it does nothing any more: a new one takes its name."""

    name: str
    alive: bool = True
    tasks: "dict[asyncio.Task[Any], None]" = field(default_factory=dict)
    """Those that run, in the order of their beginning."""


@dataclass(eq=False)
class Pause:
    """Something that waits to happen."""

    process: Process
    label: str
    outcomes: tuple[str, ...]
    released: "asyncio.Future[str]"


@dataclass(frozen=True)
class Choice:
    """A pause and how it ends; pause None: time moves on to the next timer."""

    pause: Pause | None
    outcome: str = OK

    def __str__(self) -> str:
        if self.pause is None:
            return TIME
        return f"{self.pause.process.name}: {self.pause.label}{'' if self.outcome == OK else f' ({self.outcome})'}"


class Schedule(Protocol):
    """Says what happens next."""

    def choose(self, pauses: Sequence[Pause], timers: bool) -> Choice:
        """Return one of the pauses with one of its outcomes, or, where there are timers, that time moves on."""
        ...

    def pick(self, number: int) -> int:
        """Return one of so many alternatives that code of the model has."""
        ...

    def arrive(self, state: Callable[[], object]) -> None:
        """Take note of the state before a choice; may end the walk by raising Pruned."""
        ...


class Pruned(BaseException):
    """The walk came to where another has been."""


class SteppingLoop(asyncio.BaseEventLoop):
    """The loop. `on_idle` is called when nothing is ready, and must make something ready."""

    def __init__(self) -> None:
        super().__init__()
        self.virtual = 0.0
        self.on_idle: Callable[[], None] = lambda: None
        self._selector = self
        self.set_task_factory(_of_its_process)  # type: ignore[arg-type]

    def time(self) -> float:
        return self.virtual

    def select(self, timeout: float | None) -> list[Any]:
        """As a selector's: called with 0 while something is ready."""
        if timeout != 0:
            self.on_idle()
        return []

    @property
    def next_timer(self) -> float | None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return min((each.when() for each in timers if not each.cancelled()), default=None)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        running = self.create_task(blocking(partial(func, *args)))
        running.add_done_callback(seen)  # whoever asked may have gone away
        return asyncio.shield(running)

    def _process_events(self, event_list: Any) -> None:
        assert not event_list

    def _write_to_self(self) -> None:
        pass


def _of_its_process(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **named: Any) -> Any:
    task = asyncio.Task(coro, loop=loop, **named)
    context: contextvars.Context | None = named.get("context")
    process = PROCESS.get(None) if context is None else context.get(PROCESS)
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))
    return task


def seen(task: "asyncio.Task[Any]") -> None:
    """Take note of how a task ended whose starter may have gone away."""
    if not task.cancelled():
        task.exception()


async def blocking(function: Callable[[], T]) -> T:
    """Run blocking code in a greenlet; it may call `wait`."""
    runner = greenlet.greenlet(function)
    runner.gr_context = contextvars.copy_context()
    result = runner.switch()
    while not runner.dead:
        try:
            value = await result
        except BaseException as error:  # noqa: BLE001  (it is the greenlet's)
            result = runner.throw(error)
        else:
            result = runner.switch(value)
    return result  # type: ignore[no-any-return]


def wait(awaitable: Awaitable[T]) -> T:
    """Wait for something, from blocking code in a greenlet."""
    parent = greenlet.getcurrent().parent
    assert parent is not None, "only code under `blocking` waits"
    return parent.switch(awaitable)  # type: ignore[no-any-return]


class BlockingEvent:
    """What code under `blocking` takes for a threading.Event."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if not self._set:
            wait(asyncio.sleep(timeout))
        return self._set


class Stepper:
    """Runs one walk: all that is ready, then a check of every rule, then one choice; again and again."""

    def __init__(self, schedule: Schedule, check: Callable[[], None], fingerprint: Callable[[], object]) -> None:
        self.loop = SteppingLoop()
        self.loop.on_idle = self._idle
        self.schedule = schedule
        self.trace: list[Choice] = []
        self.fingerprint = fingerprint
        self._check = check
        self._histories: dict[str, int] = {}
        self._pauses: list[Pause] = []
        self._closed = False

    async def pause(self, label: str, outcomes: tuple[str, ...] = (OK,)) -> str:
        """Wait until the schedule lets the present process go on; return the outcome that it chose."""
        process = PROCESS.get()
        if self._closed or not process.alive:
            raise asyncio.CancelledError
        pause = Pause(process, label, outcomes, self.loop.create_future())
        self._pauses.append(pause)
        try:
            return await pause.released
        finally:
            if pause in self._pauses:
                self._pauses.remove(pause)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end of `main`, then end everything."""
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(main)
        finally:
            self._close()

    def kill(self, process: Process) -> None:
        """End a process. What it asked of others goes on; nothing that it does afterwards has an effect."""
        process.alive = False
        for task in tuple(process.tasks):
            task.cancel()

    def _idle(self) -> None:
        if self._closed:
            raise RuntimeError("something waits after the end")
        self._check()
        timers = self.loop.next_timer
        if not self._pauses and timers is None:
            raise Violation("everything waits, and nothing can happen")
        if len(self.trace) >= _STEPS_MAX:
            raise Violation("the walk does not end")
        self.schedule.arrive(self._state)
        choice = self.schedule.choose(tuple(self._pauses), timers is not None)
        self.trace.append(choice)
        if choice.pause is None:
            assert timers is not None
            self.loop.virtual = max(self.loop.virtual, timers)
        else:
            self._pauses.remove(choice.pause)
            name = choice.pause.process.name
            seen_now = (self._histories.get(name), choice.pause.label, choice.outcome, self.fingerprint())
            self._histories[name] = hash(seen_now)
            choice.pause.released.set_result(choice.outcome)

    def _state(self) -> object:
        """Return what decides all that can follow: the disks, what each process has done and seen, and what waits."""
        waiting = sorted((each.process.name, each.label) for each in self._pauses)
        return self.fingerprint(), tuple(sorted(self._histories.items())), tuple(waiting), self.loop.virtual

    def _close(self) -> None:
        self._closed = True
        for _ in range(100):
            tasks = asyncio.all_tasks(self.loop)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            # One turn of the loop: nothing may wait in it.
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        self._pauses.clear()
        asyncio.set_event_loop(None)
        self.loop.close()

    def story(self, last: int = 120) -> str:
        """Return what happened, for a failing test."""
        steps = [str(each) for each in self.trace]
        runs = [(name, sum(1 for _ in group)) for name, group in itertools.groupby(steps)]
        return "\n".join(f"{name} × {count}" if count > 1 else name for name, count in runs[-last:])
